// SPDX-License-Identifier: Apache-2.0
/*
 * Condition variables on PI mutexes. A thread waits at the condition's word and says
 * which lock it will want (FUTEX_WAIT_REQUEUE_PI); a broadcast takes the lock for the
 * first one or queues all for it (FUTEX_CMP_REQUEUE_PI), so that they wake one by one as
 * owners.
 */
#include "sentry/abi/errno.h"
#include "sentry/task/block.h"
#include "sentry/task/futex_pi.h"

enum { LEFT, WOKEN, REQUEUED };

/* After the first sleep: leave the condition's queue, or tell what happened meanwhile. */
static int leave_condition(struct futex_waiter *w)
{
	struct futex_bucket *b;

	while ((b = atomic_load_explicit(&w->bucket, memory_order_acquire))) {
		bool requeued;

		mutex_lock(&b->lock);
		if (atomic_load_explicit(&w->bucket, memory_order_relaxed) != b) {
			mutex_unlock(&b->lock);
			continue;
		}
		requeued = w->pi;
		if (!requeued) {
			list_del(&w->node);
			atomic_store_explicit(&w->bucket, NULL, memory_order_relaxed);
		}
		mutex_unlock(&b->lock);
		return requeued ? REQUEUED : LEFT;
	}
	return WOKEN;
}

static int wait_at_condition(struct task *t, struct futex_waiter *w, uaddr_t addr,
			     uint32_t value, uaddr_t addr2, int64_t deadline_ns)
{
	int r = futex_queue_if_equal(t, w, addr, value);

	if (r)
		return r;
	/* Requeueing does not wake: the sleep may go on while the queue changes. */
	r = futex_block(t, w, deadline_ns, "futex condition", addr);
	switch (leave_condition(w)) {
	case LEFT:
		return r == -EINTR ? -ERESTARTNOINTR : r;
	case REQUEUED:
		/* Too late to make the whole call again: its word has been used up. */
		r = futex_wait_granted(t, w, addr2, deadline_ns);
		return r == -EINTR ? -EAGAIN : r;
	default:
		/* As the owner; nothing else wakes it: see futex_wake(). */
		return w->owner_died ? futex_wait_granted(t, w, addr2, deadline_ns) : 0;
	}
}

int futex_wait_requeue_pi(struct task *t, uaddr_t addr, bool shared, uint32_t value,
			  uaddr_t addr2, int64_t deadline_ns)
{
	struct futex_waiter w;
	int r;

	if (addr == addr2)
		return -EINVAL;
	futex_waiter_init(&w, t, LX_FUTEX_BITSET_MATCH_ANY);
	w.wants_requeue = true;
	r = futex_get_key(t, addr2, shared, &w.requeue_key);
	if (r)
		return r;
	r = futex_get_key(t, addr, shared, &w.key);
	if (!r) {
		r = wait_at_condition(t, &w, addr, value, addr2, deadline_ns);
		mm_futex_key_put(&w.key);
	}
	mm_futex_key_put(&w.requeue_key);
	return r;
}

/* --- requeue ------------------------------------------------------------------------ */

struct requeue {
	struct task *t;
	uaddr_t addr, addr2;
	struct futex_key key[2];
	struct futex_bucket *b, *b2;
	int n_requeue;
	uint32_t cmp;
	struct futex_attempt a;
	unsigned moved; /* old keys to be put, once unlocked */
};

static bool may_move(const struct requeue *q, const struct futex_waiter *w)
{
	return w->wants_requeue && !w->pi && futex_key_equal(&w->requeue_key, &q->key[1]);
}

/* Up to @n waiters of the condition go over to @pi's queue. */
static int move_to_lock(struct requeue *q, struct futex_pi *pi, int n)
	MUST_HOLD(q->b2->lock)
{
	struct futex_waiter *w, *tmp;
	int done = 0, r;

	list_for_each_safe (w, tmp, &q->b->waiters, node) {
		if (done >= n)
			break;
		if (!futex_key_equal(&w->key, &q->key[0]))
			continue;
		r = may_move(q, w) ? futex_pi_attach(q->t->k->futexes, pi, w) : -EINVAL;
		if (r)
			return done ? done : r;
		list_del(&w->node);
		futex_key_dup(&q->key[1], &w->key);
		futex_enqueue_locked(q->b2, w);
		q->moved++;
		done++;
	}
	return done;
}

/* The lock was free and is @top's now: it wakes, the others wait for it. */
static int requeue_behind(struct requeue *q, struct futex_waiter *top)
	MUST_HOLD(q->b2->lock)
{
	struct futex_table *ft = q->t->k->futexes;
	struct futex_pi *pi = NULL;
	int r = 0;

	list_del(&top->node);
	if (q->n_requeue && futex_first_waiter(q->b, &q->key[0]))
		r = futex_pi_create(ft, &q->a, &q->key[1], top->t, &pi);
	if (pi)
		r = move_to_lock(q, pi, q->n_requeue);
	futex_pi_drop_unused(ft, pi);
	top->granted = true;
	futex_wake_locked(top);
	return r < 0 ? r : r + 1;
}

static int requeue_locked(struct requeue *q) MUST_HOLD(q->b->lock, q->b2->lock)
{
	struct futex_waiter *top;
	struct futex_pi *pi;
	uint32_t now;
	int r = futex_load_locked(q->t, q->addr, &now);

	if (r)
		return r;
	if (now != q->cmp)
		return -EAGAIN;
	futex_look_locked(q->t->k->futexes, q->b);
	top = futex_first_waiter(q->b, &q->key[0]);
	if (!top)
		return 0;
	if (!may_move(q, top))
		return -EINVAL;
	if (!q->a.fresh)
		return PI_NEED_OWNER;
	r = futex_try_lock_locked(q->t, q->b2, &q->key[1], q->addr2, top->t,
				  q->n_requeue > 0, &q->a, &pi);
	if (r == PI_TAKEN)
		return requeue_behind(q, top);
	if (r)
		return r;
	/* Nobody wakes: the one that would have is queued as well. */
	r = move_to_lock(q, pi, q->n_requeue + 1);
	futex_pi_drop_unused(q->t->k->futexes, pi);
	return r;
}

/* Something under the locks asked for what can only be had without them. */
static int requeue_help(struct requeue *q, int r)
{
	switch (r) {
	case PI_AGAIN:
		return 0;
	case PI_NEED_OWNER:
		/* The word may be free: then it is only the memory that was missing. */
		r = futex_attempt_prepare(q->t, &q->a, q->addr2);
		return r == -ESRCH && !(q->a.word & LX_FUTEX_TID_MASK) ? 0 : r;
	case -EFAULT:
		r = futex_fault_in(q->t, q->addr, false);
		return r ? r : futex_fault_in(q->t, q->addr2, true);
	default:
		return r;
	}
}

int futex_cmp_requeue_pi(struct task *t, uaddr_t addr, uaddr_t addr2, bool shared,
			 int n_wake, int n_requeue, uint32_t cmp)
{
	struct requeue q = {
		.t = t, .addr = addr, .addr2 = addr2, .n_requeue = n_requeue, .cmp = cmp};
	int r;

	/* One woken as the owner at most: more would fight for the lock. */
	if (n_wake != 1 || n_requeue < 0 || addr == addr2)
		return -EINVAL;
	if (n_requeue == INT32_MAX)
		q.n_requeue--;
	r = futex_get_key(t, addr, shared, &q.key[0]);
	if (r)
		return r;
	r = futex_get_key(t, addr2, shared, &q.key[1]);
	if (r) {
		mm_futex_key_put(&q.key[0]);
		return r;
	}
	q.b = futex_bucket_of(t->k->futexes, &q.key[0]);
	q.b2 = futex_bucket_of(t->k->futexes, &q.key[1]);
	for (;;) {
		futex_lock_two(q.b, q.b2);
		r = requeue_locked(&q);
		futex_unlock_two(q.b, q.b2);
		if (r >= 0 && r < PI_TAKEN)
			break;
		r = requeue_help(&q, r);
		if (r)
			break;
	}
	while (q.moved--) {
		struct futex_key old = q.key[0];

		mm_futex_key_put(&old);
	}
	futex_attempt_done(&q.a);
	mm_futex_key_put(&q.key[0]);
	mm_futex_key_put(&q.key[1]);
	return r;
}
