// SPDX-License-Identifier: Apache-2.0
/*
 * Wait queues. Shared entries stand at the head of the list and exclusive ones behind
 * them in the order they came, so a wake-up meets every shared one first and then the
 * exclusive one that has waited longest.
 *
 * The queue's lock is what makes waitq_remove() final: wake functions run under it.
 */
#include "sentry/wait/waitq.h"

#include "sentry/base/log.h"

void waitq_init(struct waitq *q)
{
	mutex_init(&q->lock, LOCK_WAITQ);
	list_init(&q->entries);
}

void waitq_destroy(struct waitq *q)
{
	BUG_ON(!list_empty(&q->entries));
	mutex_destroy(&q->lock);
}

void waitq_add(struct waitq *q, struct wait_entry *e)
{
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
