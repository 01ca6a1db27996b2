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
	r = mm_futex_key(t->mem.mm, addr, shared, key);
	/* Private memory as a shared futex is not the private futex there. */
	if (!r && shared && !key->shared)
		key->offset |= MM_SHARED;
	return r;
}

int futex_get_present_key(struct task *t, uaddr_t addr, bool shared,
			  struct futex_key *key)
{
	int r = futex_get_key(t, addr, shared, key);

	if (r || !key->shared)
		return r;
	r = futex_fault_in(t, addr, false);
	if (r)
		mm_futex_key_put(key);
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

/* By address, and both may be one: clang cannot follow. */
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b) NO_LOCK_ANALYSIS
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		mutex_lock_nested(a < b ? &b->lock : &a->lock);
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b) NO_LOCK_ANALYSIS
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

int futex_load_locked(struct task *t, uaddr_t addr, uint32_t *value)
{
	return t->mem.ctx->ops->load32(t->mem.ctx, addr, value);
}

int futex_cmpxchg_locked(struct task *t, uaddr_t addr, uint32_t expected,
			 uint32_t desired, uint32_t *old)
{
	return t->mem.ctx->ops->cmpxchg32(t->mem.ctx, addr, expected, desired, old);
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
		/* The waker may stand between its wake-up
		 * and its last touch, with the lock. */
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

/* The word as it came along with the call. */
static bool carried_word(struct task *t, uaddr_t addr, uint32_t *value)
{
	const struct ctx_ops *ops = t->mem.ctx->ops;
	const volatile uint32_t *word;
	size_t n;

	word = ops->carried_in ? ops->carried_in(t->mem.ctx, addr, &n) : NULL;
	if (!word || n < sizeof(*word))
		return false;
	*value = *word;
	return true;
}

int futex_queue_if_equal(struct task *t, struct futex_waiter *w, uaddr_t addr,
			 uint32_t value)
{
	struct futex_bucket *b = futex_bucket_of(t->k->futexes, &w->key);
	uint32_t now;
	bool queued;
	int r;

	if (carried_word(t, addr, &now)) {
		if (now != value)
			return -EAGAIN;
		mutex_lock(&b->lock);
		queued = b->looked_at <= t->futex_looks;
		if (queued)
			futex_enqueue_locked(b, w);
		mutex_unlock(&b->lock);
		if (queued)
			return 0;
	}
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

/* --- wake -------------------------------------------------------------------- */

void futex_look_locked(struct futex_table *ft, struct futex_bucket *b)
{
	b->looked_at = atomic_fetch_add(&ft->looks, 1) + 1;
}

int futex_wake_key_locked(struct futex_table *ft, struct futex_bucket *b,
			  const struct futex_key *key, int n, uint32_t bitset)
{
	struct futex_waiter *w, *tmp;
	int woken = 0;

	futex_look_locked(ft, b);
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
	r = futex_get_present_key(t, addr, shared, &key);
	if (r)
		return r;
	b = futex_bucket_of(t->k->futexes, &key);
	mutex_lock(&b->lock);
	r = futex_wake_key_locked(t->k->futexes, b, &key, n, bitset);
	mutex_unlock(&b->lock);
	mm_futex_key_put(&key);
	return r;
}
