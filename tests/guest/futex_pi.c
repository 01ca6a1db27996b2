/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Priority-inheriting futexes: LOCK_PI, LOCK_PI2, TRYLOCK_PI, UNLOCK_PI, WAIT_REQUEUE_PI,
 * and the word's states. Source: futex(2).
 */
#include <linux/futex.h>
#include <time.h>

#include "harness.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static volatile uint32_t word, word2;

static long futex(volatile uint32_t *w, int op, uint32_t val, const void *timeout,
		  volatile uint32_t *w2, uint32_t val3)
{
	return syscall(SYS_futex, w, op | FUTEX_PRIVATE_FLAG, val, timeout, w2, val3);
}

static long lock_pi(volatile uint32_t *w, const struct timespec *limit)
{
	return futex(w, FUTEX_LOCK_PI, 0, limit, NULL, 0);
}

static long unlock_pi(volatile uint32_t *w)
{
	return futex(w, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

TEST(free_word_becomes_the_owners)
{
	CHECK_OK(lock_pi(&word, NULL));
	CHECK_EQ(word & FUTEX_TID_MASK, thread_id());
	CHECK_ERRNO(lock_pi(&word, NULL), EDEADLK);
	CHECK_OK(unlock_pi(&word));
	CHECK_EQ(word, 0);
	CHECK_ERRNO(unlock_pi(&word), EPERM); /* not the owner any more */
}

TEST(trylock)
{
	CHECK_OK(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	CHECK_ERRNO(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK_OK(unlock_pi(&word));
}

TEST(owner_that_does_not_exist)
{
	word = 0x3ffffff0;
	CHECK_ERRNO(lock_pi(&word, NULL), ESRCH);
	CHECK_ERRNO(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), ESRCH);
}

static volatile int step;
static volatile long result;

static void *lock_in_thread(void *arg)
{
	step = 1;
	result = lock_pi(&word, arg);
	if (result < 0)
		result = -errno;
	else
		CHECK_EQ(word & FUTEX_TID_MASK, thread_id());
	step = 2;
	if (result == 0)
		CHECK_OK(unlock_pi(&word));
	return NULL;
}

TEST(waiter_gets_the_lock)
{
	word = (uint32_t)thread_id();
	pthread_t th = thread_start(lock_in_thread, NULL);
	while (!(word & FUTEX_WAITERS)) /* set by the waiting side */
		sleep_ms(1);
	CHECK_EQ(step, 1);
	CHECK_OK(unlock_pi(&word));
	thread_join(th);
	CHECK_EQ(result, 0);
	CHECK_EQ(word, 0);
}

static struct timespec in_ms(clockid_t clock, int ms)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	ts.tv_nsec += ms * 1000000L;
	ts.tv_sec += ts.tv_nsec / 1000000000L;
	ts.tv_nsec %= 1000000000L;
	return ts;
}

/* The limit of LOCK_PI is absolute CLOCK_REALTIME; LOCK_PI2 has a choice. */
TEST(time_limit)
{
	struct timespec ts = in_ms(CLOCK_REALTIME, 60);

	word = (uint32_t)thread_id();
	thread_join(thread_start(lock_in_thread, &ts));
	CHECK_EQ(result, -ETIMEDOUT);
	CHECK_OK(unlock_pi(&word));
	CHECK_EQ(word, 0);
}

static void *lock2_in_thread(void *arg)
{
	result = futex(&word, FUTEX_LOCK_PI2, 0, arg, NULL, 0) < 0 ? -errno : 0;
	return NULL;
}

TEST(lock_pi2)
{
	struct timespec ts = in_ms(CLOCK_MONOTONIC, 60);

	word = (uint32_t)thread_id();
	thread_join(thread_start(lock2_in_thread, &ts));
	if (result == -ENOSYS)
		SKIP("no FUTEX_LOCK_PI2");
	CHECK_EQ(result, -ETIMEDOUT);
}

static void *unlock_in_thread(void *arg)
{
	(void)arg;
	CHECK_ERRNO(unlock_pi(&word), EPERM);
	return NULL;
}

TEST(only_the_owner_unlocks)
{
	word = (uint32_t)thread_id();
	thread_join(thread_start(unlock_in_thread, NULL));
	CHECK_EQ(word, thread_id());
}

static void *die_with_the_lock(void *arg)
{
	(void)arg;
	CHECK_OK(lock_pi(&word, NULL));
	step = 1;
	while (!(word & FUTEX_WAITERS))
		sleep_ms(1);
	return NULL; /* exits as the owner */
}

/* An owner that ends while others wait hands over: FUTEX_OWNER_DIED is set. */
TEST(owner_dies)
{
	pthread_t th = thread_start(die_with_the_lock, NULL);

	while (step == 0)
		sleep_ms(1);
	CHECK_OK(lock_pi(&word, NULL));
	CHECK_EQ(word & FUTEX_TID_MASK, thread_id());
	thread_join(th);
}

static void *wait_requeue(void *arg)
{
	(void)arg;
	step = 1;
	result = futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &word2, 0) < 0 ? -errno : 0;
	if (result == 0) {
		CHECK_EQ(word2 & FUTEX_TID_MASK, thread_id());
		CHECK_OK(unlock_pi(&word2));
	}
	return NULL;
}

/* Condition variables of PI mutexes: moved from the condition to the mutex. */
TEST(requeue_pi)
{
	CHECK_OK(lock_pi(&word2, NULL));
	pthread_t th = thread_start(wait_requeue, NULL);
	while (step == 0)
		sleep_ms(1);
	settle();
	CHECK_EQ(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)5L, &word2, 0), 1);
	settle();
	CHECK_OK(unlock_pi(&word2));
	thread_join(th);
	CHECK_EQ(result, 0);
	/* Exactly one may be woken, and the two words differ. */
	CHECK_ERRNO(futex(&word, FUTEX_CMP_REQUEUE_PI, 2, (void *)5L, &word2, 0), EINVAL);
	CHECK_ERRNO(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)5L, &word, 0), EINVAL);
}

static pthread_mutex_t mutex;
static long counter;

static void *add(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		CHECK_EQ(pthread_mutex_lock(&mutex), 0);
		counter++;
		CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
	}
	return arg;
}

TEST(pthread_mutex_with_inheritance)
{
	pthread_mutexattr_t attr;
	pthread_t th[6];

	pthread_mutexattr_init(&attr);
	CHECK_EQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
	CHECK_EQ(pthread_mutex_init(&mutex, &attr), 0);
	for (int i = 0; i < 6; i++)
		th[i] = thread_start(add, NULL);
	for (int i = 0; i < 6; i++)
		thread_join(th[i]);
	CHECK_EQ(counter, 12000);
}
