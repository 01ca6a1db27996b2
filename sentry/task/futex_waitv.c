// SPDX-License-Identifier: Apache-2.0
/* Waiting for any of several futexes. Source: futex_waitv(2). */
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/task/block.h"
#include "sentry/task/futex.h"

/* Leave every queue of the first @n: the highest that was woken already, or -1. */
static int unqueue_all(struct futex_waiter *w, unsigned n)
{
	int woken = -1;

	for (unsigned i = 0; i < n; i++) {
		if (!futex_unqueue(&w[i]))
			woken = (int)i;
	}
	return woken;
}

static bool any_woken(struct futex_waiter *w, unsigned n)
{
	struct futex_bucket *b;

	for (unsigned i = 0; i < n; i++) {
		b = atomic_load_explicit(&w[i].bucket, memory_order_acquire);
		/* A waker may stand between its wake-up
		 * and its last touch, with the lock. */
		if (b) {
			mutex_lock(&b->lock);
			mutex_unlock(&b->lock);
		}
		if (!atomic_load_explicit(&w[i].bucket, memory_order_acquire))
			return true;
	}
	return false;
}

static int wait_any(struct task *t, struct futex_waiter *w,
		    const struct futex_wait_item *item, unsigned n, int64_t deadline_ns)
{
	int r = 0, woken;

	for (unsigned i = 0; i < n && !r; i++) {
		r = futex_queue_if_equal(t, &w[i], item[i].addr, item[i].value);
		if (r) {
			/* A wake-up that came for an earlier one counts more. */
			woken = unqueue_all(w, i);
			return woken >= 0 ? woken : r;
		}
	}
	while (!r && !any_woken(w, n))
		r = task_block(t, deadline_ns, "futex_waitv", item[0].addr);
	woken = unqueue_all(w, n);
	if (woken >= 0)
		return woken;
	/* The time is absolute: the call can be made again. */
	return r == -EINTR ? -ERESTARTSYS : r;
}

int futex_waitv(struct task *t, const struct futex_wait_item *item, unsigned n,
		int64_t deadline_ns)
{
	AUTO_FREE struct futex_waiter *w = mem_calloc(n, sizeof(*w));
	unsigned have;
	int r = 0;

	if (!w)
		return -ENOMEM;
	for (have = 0; have < n; have++) {
		futex_waiter_init(&w[have], t, LX_FUTEX_BITSET_MATCH_ANY);
		r = futex_get_key(t, item[have].addr, item[have].shared, &w[have].key);
		if (r)
			break;
	}
	if (!r)
		r = wait_any(t, w, item, n, deadline_ns);
	while (have)
		mm_futex_key_put(&w[--have].key);
	return r;
}
