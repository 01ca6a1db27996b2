// SPDX-License-Identifier: Apache-2.0
/* Operations on two words: requeueing from one to the other, and FUTEX_WAKE_OP. */
#include "sentry/abi/errno.h"
#include "sentry/task/futex.h"

static int get_two_keys(struct task *t, uaddr_t addr, bool shared, uaddr_t addr2,
			bool shared2, struct futex_key key[2])
{
	int r = futex_get_present_key(t, addr, shared, &key[0]);

	if (r)
		return r;
	r = futex_get_present_key(t, addr2, shared2, &key[1]);
	if (r)
		mm_futex_key_put(&key[0]);
	return r;
}

/* Moves a waiter to another word; its old key's reference is the caller's to drop. */
static void move_waiter(struct futex_waiter *w, struct futex_bucket *to,
			const struct futex_key *key) MUST_HOLD(to->lock)
{
	list_del(&w->node);
	futex_key_dup(key, &w->key);
	futex_enqueue_locked(to, w);
}

static int requeue_locked(struct futex_table *ft, struct futex_bucket *b,
			  struct futex_bucket *b2, const struct futex_key key[2],
			  int n_wake, int n_requeue, unsigned *moved)
	MUST_HOLD(b->lock, b2->lock)
{
	struct futex_waiter *w, *tmp;
	struct list taken;
	int n = 0;

	/* Off the first queue before any goes onto the second: they may be the same. */
	list_init(&taken);
	futex_look_locked(ft, b);
	list_for_each_safe (w, tmp, &b->waiters, node) {
		if (n - n_wake >= n_requeue)
			break;
		if (!futex_key_equal(&w->key, &key[0]))
			continue;
		if (w->pi || w->wants_requeue)
			return -EINVAL;
		if (++n <= n_wake) {
			futex_wake_locked(w);
		} else {
			list_del(&w->node);
			list_add_tail(&taken, &w->node);
		}
	}
	list_for_each_safe (w, tmp, &taken, node) {
		move_waiter(w, b2, &key[1]);
		(*moved)++;
	}
	return n;
}

int futex_requeue(struct task *t, uaddr_t addr, bool shared, uaddr_t addr2, bool shared2,
		  int n_wake, int n_requeue, const uint32_t *cmp)
{
	struct futex_bucket *b, *b2;
	struct futex_key key[2];
	unsigned moved = 0;
	uint32_t now;
	int r;

	if (n_wake < 0 || n_requeue < 0)
		return -EINVAL;
	r = get_two_keys(t, addr, shared, addr2, shared2, key);
	if (r)
		return r;
	b = futex_bucket_of(t->k->futexes, &key[0]);
	b2 = futex_bucket_of(t->k->futexes, &key[1]);
	do {
		futex_lock_two(b, b2);
		r = cmp ? futex_load_locked(t, addr, &now) : 0;
		if (!r) {
			if (cmp && now != *cmp)
				r = -EAGAIN;
			else
				r = requeue_locked(t->k->futexes, b, b2, key, n_wake,
						   n_requeue, &moved);
			futex_unlock_two(b, b2);
			break;
		}
		futex_unlock_two(b, b2);
		if (r == -EFAULT)
			r = futex_fault_in(t, addr, false);
	} while (!r);

	while (moved--) {
		struct futex_key old = key[0];

		mm_futex_key_put(&old);
	}
	mm_futex_key_put(&key[0]);
	mm_futex_key_put(&key[1]);
	return r;
}

/* --- wake_op ------------------------------------------------------------------ */

static int32_t sign_extend12(uint32_t v)
{
	return (int32_t)(v << 20) >> 20;
}

static int op_apply(uint32_t op, uint32_t old, uint32_t *new)
{
	uint32_t arg = (uint32_t)sign_extend12(op >> 12 & 0xfff);

	if (op & 8u << 28)
		arg = 1u << (arg & 31);
	switch (op >> 28 & 7) {
	case 0: /* FUTEX_OP_SET */
		*new = arg;
		return 0;
	case 1: /* ADD */
		*new = old + arg;
		return 0;
	case 2: /* OR */
		*new = old | arg;
		return 0;
	case 3: /* ANDN */
		*new = old & ~arg;
		return 0;
	case 4: /* XOR */
		*new = old ^ arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

/* 1, 0, or -ENOSYS: is the second word's old
 * value such that its waiters are woken too? */
static int op_compare(uint32_t op, int32_t old)
{
	int32_t arg = sign_extend12(op & 0xfff);

	switch (op >> 24 & 15) {
	case 0:
		return old == arg;
	case 1:
		return old != arg;
	case 2:
		return old < arg;
	case 3:
		return old <= arg;
	case 4:
		return old > arg;
	case 5:
		return old >= arg;
	default:
		return -ENOSYS;
	}
}

/* The exchange at @addr under the locks; the old value in *old. */
static int op_exchange_locked(struct task *t, uaddr_t addr, uint32_t op, uint32_t *old)
{
	uint32_t want, new;
	int r = futex_load_locked(t, addr, &want);

	while (!r) {
		r = op_apply(op, want, &new);
		if (!r)
			r = futex_cmpxchg_locked(t, addr, want, new, old);
		if (r || *old == want)
			break;
		want = *old;
	}
	return r;
}

static int op_wake_locked(struct futex_table *ft, struct futex_bucket *b,
			  struct futex_bucket *b2, const struct futex_key key[2], int n,
			  int n2, uint32_t op, uint32_t old) MUST_HOLD(b->lock, b2->lock)
{
	int r = futex_wake_key_locked(ft, b, &key[0], n, LX_FUTEX_BITSET_MATCH_ANY), r2;

	if (r < 0)
		return r;
	r2 = op_compare(op, (int32_t)old);
	if (r2 > 0) {
		r2 = futex_wake_key_locked(ft, b2, &key[1], n2,
					   LX_FUTEX_BITSET_MATCH_ANY);
		if (r2 > 0)
			r += r2;
	}
	return r2 < 0 ? r2 : r;
}

int futex_wake_op(struct task *t, uaddr_t addr, uaddr_t addr2, bool shared, int n, int n2,
		  uint32_t op)
{
	struct futex_bucket *b, *b2;
	struct futex_key key[2];
	uint32_t old;
	int r;

	r = get_two_keys(t, addr, shared, addr2, shared, key);
	if (r)
		return r;
	b = futex_bucket_of(t->k->futexes, &key[0]);
	b2 = futex_bucket_of(t->k->futexes, &key[1]);
	do {
		futex_lock_two(b, b2);
		r = op_exchange_locked(t, addr2, op, &old);
		if (!r) {
			r = op_wake_locked(t->k->futexes, b, b2, key, n, n2, op, old);
			futex_unlock_two(b, b2);
			break;
		}
		futex_unlock_two(b, b2);
		if (r == -EFAULT)
			r = futex_fault_in(t, addr2, true);
	} while (!r);
	mm_futex_key_put(&key[0]);
	mm_futex_key_put(&key[1]);
	return r;
}
