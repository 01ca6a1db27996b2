// SPDX-License-Identifier: Apache-2.0
/*
 * Wait queues. Shared entries stand at the head of the list and exclusive ones behind
 * them in the order they came, so a wake-up meets every shared one first and then the
 * exclusive one that has waited longest.
 *
 * The queue's lock is what makes waitq_remove() final: wake functions run under it.
 */
#include "sentry/wait/waitq.h"

#include "sentry/base/alloc.h"
#include "sentry/base/log.h"

void waitq_init(struct waitq *q)
{
	q->shared = false;
	mutex_init(&q->lock, LOCK_WAITQ);
	list_init(&q->entries);
}

void waitq_destroy(struct waitq *q)
{
	BUG_ON(!list_empty(&q->entries));
	mutex_destroy(&q->lock);
}

struct shared_waitq *shared_waitq_create(void)
{
	struct shared_waitq *sq = mem_zalloc(sizeof(*sq));

	if (!sq)
		return NULL;
	refcount_init(&sq->ref);
	waitq_init(&sq->q);
	sq->q.shared = true;
	return sq;
}

static void shared_put(struct shared_waitq *sq)
{
	if (!refcount_dec(&sq->ref))
		return;
	waitq_destroy(&sq->q);
	mem_free(sq);
}

void shared_waitq_close(struct shared_waitq *sq)
{
	waitq_wake(&sq->q, LX_POLLHUP);
	shared_put(sq);
}

void waitq_add(struct waitq *q, struct wait_entry *e)
{
	if (q->shared)
		refcount_inc(&container_of(q, struct shared_waitq, q)->ref);
	mutex_lock(&q->lock);
	e->q = q;
	if (e->exclusive)
		list_add_tail(&q->entries, &e->node);
	else
		list_add(&q->entries, &e->node);
	mutex_unlock(&q->lock);
}

void waitq_remove(struct wait_entry *e)
{
	struct waitq *q = e->q;

	if (!q)
		return;
	mutex_lock(&q->lock);
	list_del(&e->node);
	mutex_unlock(&q->lock);
	e->q = NULL;
	if (q->shared)
		shared_put(container_of(q, struct shared_waitq, q));
}

/* Errors and hang-ups are never masked: poll(2) reports them unasked. */
#define ALWAYS (LX_POLLERR | LX_POLLHUP | LX_POLLNVAL)

static void wake_locked(struct waitq *q, uint32_t events) MUST_HOLD(q->lock)
{
	struct wait_entry *e;

	list_for_each (e, &q->entries, node) {
		if (!(events & (e->events | ALWAYS)))
			continue;
		/* One that cannot use the wake-up passes it on. */
		if (e->wake(e, events) && e->exclusive)
			break;
	}
}

void waitq_wake(struct waitq *q, uint32_t events)
{
	mutex_lock(&q->lock);
	wake_locked(q, events);
	mutex_unlock(&q->lock);
}

void waitq_wake_nested(struct waitq *q, uint32_t events)
{
	mutex_lock_nested(&q->lock);
	wake_locked(q, events);
	mutex_unlock(&q->lock);
}
