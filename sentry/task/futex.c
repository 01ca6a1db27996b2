// SPDX-License-Identifier: Apache-2.0
/* Waiting and waking. See futex.h for the protocol. */
#include "sentry/task/futex.h"

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/task/block.h"
#include "sentry/task/lifecycle.h"

int futex_table_create(struct futex_table **out)
{
	struct futex_table *ft = mem_zalloc(sizeof(*ft));

	*out = NULL;
	if (!ft)
		return -ENOMEM;
	for (unsigned i = 0; i < FUTEX_BUCKETS; i++) {
		mutex_init(&ft->bucket[i].lock, LOCK_FUTEX);
		list_init(&ft->bucket[i].waiters);
	}
	mutex_init(&ft->pi_lock, LOCK_LEAF);
	*out = ft;
	return 0;
}

void futex_table_free(struct futex_table *ft)
{
	if (!ft)
		return;
	for (unsigned i = 0; i < FUTEX_BUCKETS; i++)
		mutex_destroy(&ft->bucket[i].lock);
	mutex_destroy(&ft->pi_lock);
	mem_free(ft);
}

/* In a key's offset, whose low bits are zero. */
#define MM_SHARED 2

/* --- keys and words ------------------------------------------------------------- */

int futex_get_key(struct task *t, uaddr_t addr, bool shared, struct futex_key *key)
{
	int r;

	if (addr % 4)
		return -EINVAL;
	r = mm_futex_key(t->mm, addr, shared, key);
	/* Private memory as a shared futex is not the private futex there. */
	if (!r && shared && !key->shared)
		key->offset |= MM_SHARED;
	return r;
}

void futex_key_dup(const struct futex_key *from, struct futex_key *to)
{
	struct mappable *m = from->object;

	*to = *from;
	if (from->shared)
		m->ops->get(m);
}

struct futex_bucket *futex_bucket_of(struct futex_table *ft, const struct futex_key *key)
{
	uint64_t h =
		hash_u64((uintptr_t)key->object ^ key->offset * 0x9e3779b97f4a7c15ull);

	return &ft->bucket[h % FUTEX_BUCKETS];
}

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		mutex_lock_nested(a < b ? &b->lock : &a->lock);
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

int futex_load_locked(struct task *t, uaddr_t addr, uint32_t *value)
{
	return t->ctx->ops->load32(t->ctx, addr, value);
}

int futex_cmpxchg_locked(struct task *t, uaddr_t addr, uint32_t expected,
			 uint32_t desired, uint32_t *old)
{
	return t->ctx->ops->cmpxchg32(t->ctx, addr, expected, desired, old);
}

int futex_fault_in(struct task *t, uaddr_t addr, bool write)
{
	uint32_t value, old;
	int r = user_load32(&t->mem, addr, &value);

	/* Exchanging a value for itself asks for write access and changes nothing. */
	if (!r && write)
		r = user_cmpxchg32(&t->mem, addr, value, value, &old);
	return r;
}

/* --- the queue --------------------------------------------------------------------- */

void futex_waiter_init(struct futex_waiter *w, struct task *t, uint32_t bitset)
{
	*w = (struct futex_waiter){.t = t, .bitset = bitset};
	list_init(&w->node);
}

void futex_enqueue_locked(struct futex_bucket *b, struct futex_waiter *w)
{
	list_add_tail(&b->waiters, &w->node);
	atomic_store_explicit(&w->bucket, b, memory_order_release);
}

void futex_wake_locked(struct futex_waiter *w)
{
	list_del(&w->node);
	park_wake(&w->t->park);
	/* From here on the waiter may be gone. */
	atomic_store_explicit(&w->bucket, NULL, memory_order_release);
}

int futex_block(struct task *t, struct futex_waiter *w, int64_t deadline_ns,
		const char *what, uaddr_t addr)
{
	struct futex_bucket *b;
	int r;

	while (atomic_load_explicit(&w->bucket, memory_order_acquire)) {
		r = task_block(t, deadline_ns, what, addr);
		if (r)
			return r;
		/* The waker may stand between its wake-up and its last touch, with the
		 * lock. */
		b = atomic_load_explicit(&w->bucket, memory_order_acquire);
		if (b) {
			mutex_lock(&b->lock);
			mutex_unlock(&b->lock);
		}
	}
	return 0;
}

bool futex_unqueue(struct futex_waiter *w)
{
	struct futex_bucket *b;

	while ((b = atomic_load_explicit(&w->bucket, memory_order_acquire))) {
		mutex_lock(&b->lock);
		/* Requeued meanwhile, or just being woken: look again. */
		if (atomic_load_explicit(&w->bucket, memory_order_relaxed) == b) {
			list_del(&w->node);
			atomic_store_explicit(&w->bucket, NULL, memory_order_relaxed);
			mutex_unlock(&b->lock);
			return true;
		}
		mutex_unlock(&b->lock);
	}
	return false;
}

int futex_queue_if_equal(struct task *t, struct futex_waiter *w, uaddr_t addr,
			 uint32_t value)
{
	struct futex_bucket *b = futex_bucket_of(t->k->futexes, &w->key);
	uint32_t now;
	int r;

	for (;;) {
		mutex_lock(&b->lock);
		r = futex_load_locked(t, addr, &now);
		if (!r && now == value)
			futex_enqueue_locked(b, w);
		mutex_unlock(&b->lock);
		if (!r)
			return now == value ? 0 : -EAGAIN;
		if (r != -EFAULT)
			return r;
		r = futex_fault_in(t, addr, false);
		if (r)
			return r;
	}
}

/* --- wait --------------------------------------------------------------------------- */

static int64_t wait_restart(struct task *t)
{
	struct restart_block *rb = &t->restart;

	return futex_wait(t, rb->a[0], rb->a[1], (uint32_t)rb->a[2], (uint32_t)rb->a[3],
			  rb->deadline_ns);
}

/* A signal came: without a deadline the call can simply be made again. */
static int wait_interrupted(struct task *t, uaddr_t addr, bool shared, uint32_t value,
			    uint32_t bitset, int64_t deadline_ns)
{
	if (deadline_ns == NO_DEADLINE)
		return -ERESTARTSYS;
	t->restart = (struct restart_block){
		.fn = wait_restart,
		.deadline_ns = deadline_ns,
		.a = {addr, shared, value, bitset},
	};
	return -ERESTART_RESTARTBLOCK;
}

int futex_wait(struct task *t, uaddr_t addr, bool shared, uint32_t value, uint32_t bitset,
	       int64_t deadline_ns)
{
	struct futex_waiter w;
	int r;

	if (!bitset)
		return -EINVAL;
	futex_waiter_init(&w, t, bitset);
	r = futex_get_key(t, addr, shared, &w.key);
	if (r)
		return r;
	r = futex_queue_if_equal(t, &w, addr, value);
	if (!r) {
		r = futex_block(t, &w, deadline_ns, "futex", addr);
		if (!futex_unqueue(&w))
			r = 0;
		else if (r == -EINTR)
			r = wait_interrupted(t, addr, shared, value, bitset, deadline_ns);
	}
	mm_futex_key_put(&w.key);
	return r;
}

/* --- wake ----------------------------------------------------------------------------
 */

static int wake_key_locked(struct futex_bucket *b, const struct futex_key *key, int n,
			   uint32_t bitset)
{
	struct futex_waiter *w, *tmp;
	int woken = 0;

	list_for_each_safe (w, tmp, &b->waiters, node) {
		if (!futex_key_equal(&w->key, key))
			continue;
		if (w->pi || w->wants_requeue)
			return -EINVAL;
		if (!(w->bitset & bitset))
			continue;
		futex_wake_locked(w);
		if (++woken >= n)
			break;
	}
	return woken;
}

int futex_wake(struct task *t, uaddr_t addr, bool shared, int n, uint32_t bitset)
{
	struct futex_bucket *b;
	struct futex_key key;
	int r;

	if (!bitset)
		return -EINVAL;
	r = futex_get_key(t, addr, shared, &key);
	if (r)
		return r;
	b = futex_bucket_of(t->k->futexes, &key);
	mutex_lock(&b->lock);
	r = wake_key_locked(b, &key, n, bitset);
	mutex_unlock(&b->lock);
	mm_futex_key_put(&key);
	return r;
}

/* --- two words
 * -------------------------------------------------------------------------- */

static int get_two_keys(struct task *t, uaddr_t addr, uaddr_t addr2, bool shared,
			struct futex_key key[2])
{
	int r = futex_get_key(t, addr, shared, &key[0]);

	if (r)
		return r;
	r = futex_get_key(t, addr2, shared, &key[1]);
	if (r)
		mm_futex_key_put(&key[0]);
	return r;
}

/* Moves a waiter to another word; its old key's reference is the caller's to drop. */
static void move_waiter(struct futex_waiter *w, struct futex_bucket *to,
			const struct futex_key *key)
{
	list_del(&w->node);
	futex_key_dup(key, &w->key);
	futex_enqueue_locked(to, w);
}

static int requeue_locked(struct futex_bucket *b, struct futex_bucket *b2,
			  const struct futex_key key[2], int n_wake, int n_requeue,
			  unsigned *moved)
{
	struct futex_waiter *w, *tmp;
	struct list taken;
	int n = 0;

	/* Off the first queue before any goes onto the second: they may be the same. */
	list_init(&taken);
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

int futex_requeue(struct task *t, uaddr_t addr, uaddr_t addr2, bool shared, int n_wake,
		  int n_requeue, const uint32_t *cmp)
{
	struct futex_bucket *b, *b2;
	struct futex_key key[2];
	unsigned moved = 0;
	uint32_t now;
	int r;

	if (n_wake < 0 || n_requeue < 0)
		return -EINVAL;
	r = get_two_keys(t, addr, addr2, shared, key);
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
				r = requeue_locked(b, b2, key, n_wake, n_requeue, &moved);
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

/* --- wake_op
 * ---------------------------------------------------------------------------- */

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

/* 1, 0, or -ENOSYS: is the second word's old value such that its waiters are woken too?
 */
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

static int op_wake_locked(struct futex_bucket *b, struct futex_bucket *b2,
			  const struct futex_key key[2], int n, int n2, uint32_t op,
			  uint32_t old)
{
	int r = wake_key_locked(b, &key[0], n, FUTEX_MATCH_ANY), r2;

	if (r < 0)
		return r;
	r2 = op_compare(op, (int32_t)old);
	if (r2 > 0) {
		r2 = wake_key_locked(b2, &key[1], n2, FUTEX_MATCH_ANY);
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

	r = get_two_keys(t, addr, addr2, shared, key);
	if (r)
		return r;
	b = futex_bucket_of(t->k->futexes, &key[0]);
	b2 = futex_bucket_of(t->k->futexes, &key[1]);
	do {
		futex_lock_two(b, b2);
		r = op_exchange_locked(t, addr2, op, &old);
		if (!r) {
			r = op_wake_locked(b, b2, key, n, n2, op, old);
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
