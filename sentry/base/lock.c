// SPDX-License-Identifier: Apache-2.0
/* Rank checking keeps one small stack of held ranks per thread (debug builds only). */
#include "sentry/base/lock.h"

#include "sentry/base/log.h"

#ifdef RUNSC_DEBUG
#define MAX_HELD 32

static _Thread_local struct {
	const void *lock[MAX_HELD];
	unsigned char rank[MAX_HELD];
	int n;
} held;

static void rank_take(const void *lock, enum lock_rank rank, bool nested)
{
	for (int i = 0; i < held.n; i++) {
		BUG_ON(held.lock[i] == lock);
		if (held.rank[i] > rank || (held.rank[i] == rank && !nested)) {
			log_error("lock rank %d taken while %d is held", rank,
				  held.rank[i]);
			BUG();
		}
	}
	BUG_ON(held.n == MAX_HELD);
	held.lock[held.n] = lock;
	held.rank[held.n++] = (unsigned char)rank;
}

static void rank_drop(const void *lock)
{
	for (int i = held.n; i-- > 0;) {
		if (held.lock[i] != lock)
			continue;
		for (held.n--; i < held.n; i++) {
			held.lock[i] = held.lock[i + 1];
			held.rank[i] = held.rank[i + 1];
		}
		return;
	}
	BUG();
}

static void rank_check(const void *lock)
{
	for (int i = held.n; i-- > 0;)
		if (held.lock[i] == lock)
			return;
	BUG();
}

void lock_assert_none_held(void)
{
	if (held.n) {
		lock_log_held();
		BUG();
	}
}

void lock_log_held(void)
{
	for (int i = 0; i < held.n; i++)
		log_error("holds a lock of rank %d", held.rank[i]);
}
#else
static void rank_take(const void *lock, enum lock_rank rank, bool nested)
{
	(void)lock;
	(void)rank;
	(void)nested;
}

static void rank_drop(const void *lock)
{
	(void)lock;
}

static void rank_check(const void *lock)
{
	(void)lock;
}

void lock_assert_none_held(void)
{
}

void lock_log_held(void)
{
}
#endif

void mutex_init(struct mutex *m, enum lock_rank rank)
{
	pthread_mutex_init(&m->m, NULL);
	m->rank = rank;
}

void mutex_destroy(struct mutex *m)
{
	pthread_mutex_destroy(&m->m);
}

/* Below this line a mutex is made of what clang knows nothing of. */
void mutex_lock(struct mutex *m) NO_LOCK_ANALYSIS
{
	rank_take(m, m->rank, false);
	pthread_mutex_lock(&m->m);
}

void mutex_lock_nested(struct mutex *m) NO_LOCK_ANALYSIS
{
	rank_take(m, m->rank, true);
	pthread_mutex_lock(&m->m);
}

bool mutex_trylock(struct mutex *m) NO_LOCK_ANALYSIS
{
	if (pthread_mutex_trylock(&m->m))
		return false;
	/* A trylock cannot deadlock, so it may be out of order. */
	rank_take(m, LOCK_NR_RANKS, true);
	return true;
}

void mutex_unlock(struct mutex *m) NO_LOCK_ANALYSIS
{
	rank_drop(m);
	pthread_mutex_unlock(&m->m);
}

void mutex_assert_held(const struct mutex *m)
{
	rank_check(m);
}
