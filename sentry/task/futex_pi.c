// SPDX-License-Identifier: Apache-2.0
/*
 * PI futexes: locks whose word names the owner, so that the kernel can hand them over.
 *
 *	word 0			free: taken and given back in the guest without a call
 *	word TID		owned
 *	word TID|WAITERS	owned, and there is (or was) a struct futex_pi with
 *				waiters
 *	word ...|OWNER_DIED	an owner died with it
 *
 * Unlocking with waiters hands the lock to the first: the unlocker writes its TID into
 * the word and wakes it as the owner. Priorities are not lent: guest threads are
 * scheduled by the host, which knows nothing of the guest's locks. The rest of the
 * contract (ownership, deadlock detection, death of the owner) holds.
 *
 * Locks: the bucket's for queues and words; ft->pi_lock inside it for pi->owner,
 * task->pi_owned and task->pi_waiting, which cross buckets.
 */
#include "sentry/task/futex_pi.h"

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/task/block.h"

#define LOCK_CHAIN_MAX 1024

static uint32_t own_tid(struct task *t)
{
	return (uint32_t)task_tid_for(t, t);
}

struct futex_waiter *futex_first_waiter(struct futex_bucket *b,
					const struct futex_key *key)
{
	struct futex_waiter *w;

	list_for_each (w, &b->waiters, node) {
		if (futex_key_equal(&w->key, key))
			return w;
	}
	return NULL;
}

/* --- owner and waiters of a lock --------------------------------------------- */

/*
 * Would @t, waiting for a lock of @owner, wait for itself? A chain too long to follow
 * counts as one. pi_lock held.
 */
static bool would_deadlock(const struct task *t, const struct task *owner)
{
	for (int n = 0; owner; n++) {
		if (owner == t || n == LOCK_CHAIN_MAX)
			return true;
		owner = owner->pi_waiting ? owner->pi_waiting->pi->owner : NULL;
	}
	return false;
}

/* @owner NULL: nobody. pi_lock held. */
static void set_owner(struct futex_pi *pi, struct task *owner)
{
	list_del(&pi->node);
	pi->owner = owner;
	if (owner)
		list_add_tail(&owner->pi_owned, &pi->node);
}

void futex_pi_drop_unused(struct futex_table *ft, struct futex_pi *pi)
{
	if (!pi || pi->n_waiters)
		return;
	mutex_lock(&ft->pi_lock);
	set_owner(pi, NULL);
	mutex_unlock(&ft->pi_lock);
	mem_free(pi);
}

int futex_pi_create(struct futex_table *ft, struct futex_attempt *a,
		    const struct futex_key *key, struct task *owner,
		    struct futex_pi **out)
{
	int r = 0;

	*out = NULL;
	mutex_lock(&ft->pi_lock);
	if (atomic_load(&owner->futex_exited)) {
		/* It owns nothing any more: the word says so by now, or never will. */
		r = -ESRCH;
	} else {
		a->fresh->key = *key;
		set_owner(a->fresh, owner);
		*out = TAKE_PTR(a->fresh);
	}
	mutex_unlock(&ft->pi_lock);
	return r;
}

int futex_pi_attach(struct futex_table *ft, struct futex_pi *pi, struct futex_waiter *w)
{
	int r = 0;

	mutex_lock(&ft->pi_lock);
	if (would_deadlock(w->t, pi->owner)) {
		r = -EDEADLK;
	} else {
		w->pi = pi;
		w->t->pi_waiting = w;
		pi->n_waiters++;
	}
	mutex_unlock(&ft->pi_lock);
	return r;
}

/* @w waits no more, as the owner from now on
 * or because it gave up. Bucket's lock held. */
static void detach(struct futex_table *ft, struct futex_waiter *w, bool as_owner)
{
	struct futex_pi *pi = w->pi;

	mutex_lock(&ft->pi_lock);
	w->t->pi_waiting = NULL;
	w->pi = NULL;
	pi->n_waiters--;
	if (as_owner)
		set_owner(pi, w->t);
	mutex_unlock(&ft->pi_lock);
	futex_pi_drop_unused(ft, pi);
}

static void grant(struct futex_table *ft, struct futex_waiter *w, bool owner_died)
{
	detach(ft, w, true);
	w->granted = true;
	w->owner_died = owner_died;
	futex_wake_locked(w);
}

/* --- taking ------------------------------------------------------------------- */

void futex_attempt_done(struct futex_attempt *a)
{
	if (a->owner)
		task_put(a->owner);
	mem_free(a->fresh);
}

int futex_attempt_prepare(struct task *t, struct futex_attempt *a, uaddr_t addr)
{
	uint32_t word = a->word, now;
	int r;

	if (!a->fresh) {
		a->fresh = mem_zalloc(sizeof(*a->fresh));
		if (!a->fresh)
			return -ENOMEM;
		list_init(&a->fresh->node);
	}
	if (a->owner)
		task_put(a->owner);
	a->owner_tid = word & LX_FUTEX_TID_MASK;
	a->owner = task_lookup(t, (int)a->owner_tid);
	if (a->owner && !atomic_load(&a->owner->futex_exited))
		return 0;
	/* A dying owner lets go before it is gone:
	 * if the word is the same, it did not own it. */
	r = user_load32(&t->mem, addr, &now);
	if (r)
		return r;
	a->owner_tid = 0;
	return now == word ? -ESRCH : 0;
}

/* Locked by somebody else: find or make its futex_pi. */
static int find_pi_locked(struct task *t, const struct futex_key *key, uaddr_t addr,
			  struct futex_waiter *top, struct futex_attempt *a,
			  struct futex_pi **pi)
{
	uint32_t old;
	int r;

	if (!top && (a->owner_tid != (a->word & LX_FUTEX_TID_MASK) || !a->fresh))
		return PI_NEED_OWNER;
	if (!(a->word & LX_FUTEX_WAITERS)) {
		r = futex_cmpxchg_locked(t, addr, a->word, a->word | LX_FUTEX_WAITERS,
					 &old);
		if (r || old != a->word)
			return r ? r : PI_AGAIN;
	}
	if (top) {
		*pi = top->pi;
		return 0;
	}
	r = futex_pi_create(t->k->futexes, a, key, a->owner, pi);
	if (r == -ESRCH) {
		/* Went away since it was looked up: look at the word again. */
		a->owner_tid = 0;
		return PI_AGAIN;
	}
	return r;
}

int futex_try_lock_locked(struct task *t, struct futex_bucket *b,
			  const struct futex_key *key, uaddr_t addr, struct task *who,
			  bool more, struct futex_attempt *a, struct futex_pi **pi)
{
	struct futex_waiter *top = futex_first_waiter(b, key);
	uint32_t tid = own_tid(who), new, old;
	int r = futex_load_locked(t, addr, &a->word);

	*pi = NULL;
	if (r)
		return r;
	if ((a->word & LX_FUTEX_TID_MASK) == tid)
		return -EDEADLK;
	/* Somebody waits there as for a plain futex. */
	if (top && !top->pi)
		return -EINVAL;
	if (top || (a->word & LX_FUTEX_TID_MASK))
		return find_pi_locked(t, key, addr, top, a, pi);
	new = (a->word & LX_FUTEX_OWNER_DIED) | tid | (more ? LX_FUTEX_WAITERS : 0);
	r = futex_cmpxchg_locked(t, addr, a->word, new, &old);
	if (r)
		return r;
	return old == a->word ? PI_TAKEN : PI_AGAIN;
}

/* One try under the lock: PI_TAKEN, 0 when @w is queued, or why neither. */
static int lock_once(struct task *t, struct futex_bucket *b, struct futex_waiter *w,
		     uaddr_t addr, bool try, struct futex_attempt *a)
{
	struct futex_table *ft = t->k->futexes;
	struct futex_pi *pi;
	int r;

	mutex_lock(&b->lock);
	r = futex_try_lock_locked(t, b, &w->key, addr, t, false, a, &pi);
	if (!r)
		r = try ? -EAGAIN : futex_pi_attach(ft, pi, w);
	if (!r)
		futex_enqueue_locked(b, w);
	futex_pi_drop_unused(ft, pi);
	mutex_unlock(&b->lock);
	return r;
}

static int lock_or_queue(struct task *t, struct futex_waiter *w, uaddr_t addr, bool try)
{
	struct futex_bucket *b = futex_bucket_of(t->k->futexes, &w->key);
	struct futex_attempt a = {0};
	int r;

	do {
		r = lock_once(t, b, w, addr, try, &a);
		if (r == PI_NEED_OWNER)
			r = futex_attempt_prepare(t, &a, addr);
		else if (r == -EFAULT)
			r = futex_fault_in(t, addr, true);
		else if (r != PI_AGAIN)
			break;
	} while (r >= 0);
	futex_attempt_done(&a);
	return r;
}

/* The owner died: write ourselves in, and that it did. */
static int claim_word(struct task *t, uaddr_t addr)
{
	uint32_t word, old;
	int r = user_load32(&t->mem, addr, &word);

	while (!r) {
		r = user_cmpxchg32(&t->mem, addr, word,
				   LX_FUTEX_OWNER_DIED | LX_FUTEX_WAITERS | own_tid(t),
				   &old);
		if (r || old == word)
			break;
		word = old;
	}
	return r;
}

int futex_wait_granted(struct task *t, struct futex_waiter *w, uaddr_t addr,
		       int64_t deadline_ns)
{
	struct futex_bucket *b;
	int r = futex_block(t, w, deadline_ns, "futex lock", addr);

	while ((b = atomic_load_explicit(&w->bucket, memory_order_acquire))) {
		mutex_lock(&b->lock);
		if (atomic_load_explicit(&w->bucket, memory_order_relaxed) == b) {
			list_del(&w->node);
			detach(t->k->futexes, w, false);
			atomic_store_explicit(&w->bucket, NULL, memory_order_relaxed);
			mutex_unlock(&b->lock);
			return r;
		}
		mutex_unlock(&b->lock);
	}
	return w->owner_died ? claim_word(t, addr) : 0;
}

int futex_lock_pi(struct task *t, uaddr_t addr, bool shared, bool try,
		  int64_t deadline_ns)
{
	struct futex_waiter w;
	int r;

	futex_waiter_init(&w, t, LX_FUTEX_BITSET_MATCH_ANY);
	r = futex_get_key(t, addr, shared, &w.key);
	if (r)
		return r;
	r = lock_or_queue(t, &w, addr, try);
	if (r == PI_TAKEN)
		r = 0;
	else if (!r)
		r = futex_wait_granted(t, &w, addr, deadline_ns);
	mm_futex_key_put(&w.key);
	return r == -EINTR ? -ERESTARTNOINTR : r;
}

/* --- giving back -------------------------------------------------------------- */

static int unlock_locked(struct task *t, struct futex_bucket *b,
			 const struct futex_key *key, uaddr_t addr) MUST_HOLD(b->lock)
{
	struct futex_waiter *top = futex_first_waiter(b, key);
	uint32_t word, old, new = 0;
	int r = futex_load_locked(t, addr, &word);

	if (r)
		return r;
	if ((word & LX_FUTEX_TID_MASK) != own_tid(t))
		return -EPERM;
	if (top) {
		if (!top->pi || top->pi->owner != t)
			return -EINVAL;
		new = LX_FUTEX_WAITERS | own_tid(top->t);
	}
	r = futex_cmpxchg_locked(t, addr, word, new, &old);
	if (r || old != word)
		return r ? r : PI_AGAIN;
	if (top)
		grant(t->k->futexes, top, false);
	return 0;
}

int futex_unlock_pi(struct task *t, uaddr_t addr, bool shared)
{
	struct futex_bucket *b;
	struct futex_key key;
	int r;

	r = futex_get_key(t, addr, shared, &key);
	if (r)
		return r;
	b = futex_bucket_of(t->k->futexes, &key);
	do {
		mutex_lock(&b->lock);
		r = unlock_locked(t, b, &key, addr);
		mutex_unlock(&b->lock);
		if (r == -EFAULT && !futex_fault_in(t, addr, true))
			r = PI_AGAIN;
	} while (r == PI_AGAIN);
	mm_futex_key_put(&key);
	return r;
}

void futex_pi_owner_exit(struct task *t)
{
	struct futex_table *ft = t->k->futexes;
	struct futex_waiter *top;
	struct futex_bucket *b;
	struct futex_key key;
	struct futex_pi *pi;

	mutex_lock(&ft->pi_lock);
	atomic_store(&t->futex_exited, true);
	while ((pi = list_first(&t->pi_owned, struct futex_pi, node))) {
		/* The bucket's lock comes first: note the key, drop, and look again. */
		key = pi->key;
		mutex_unlock(&ft->pi_lock);
		b = futex_bucket_of(ft, &key);
		mutex_lock(&b->lock);
		top = futex_first_waiter(b, &key);
		if (top && top->pi && top->pi->owner == t)
			grant(ft, top, true);
		mutex_unlock(&b->lock);
		mutex_lock(&ft->pi_lock);
	}
	mutex_unlock(&ft->pi_lock);
}
