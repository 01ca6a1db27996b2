// SPDX-License-Identifier: Apache-2.0
/*
 * Futexes. A waiter stands on its own task's stack and in the bucket of its key; a waker
 * takes it off, wakes its thread and, as the last touch, sets w->bucket to NULL.
 *
 *	futex.c		wait, wake
 *	futex_two.c	requeue, wake_op
 *	futex_pi.c	locks with an owner (PI), and requeueing onto them
 *	futex_waitv.c	waiting for any of several
 *	futex_exit.c	what a dying thread leaves behind
 *
 * The guest's word is read and exchanged under the bucket's lock, straight through the
 * ctx (which takes no lock of ours); when that faults, the lock is dropped, the page is
 * faulted in, and everything starts again. So no wake-up falls between look and sleep.
 * A word that came along with the call (ctx_ops.carried_in) was read a little earlier; it
 * is as good unless a waker has looked at the bucket since the guest was let run.
 *
 * Source: futex(2), set_robust_list(2). Addresses are of the calling task @t; "shared":
 * without FUTEX_PRIVATE_FLAG. Deadlines are CLOCK_MONOTONIC.
 */
#pragma once

#include "sentry/abi/futex.h"
#include "sentry/mm/mm.h"
#include "sentry/task/task.h"

#define FUTEX_BUCKETS 256

struct futex_bucket {
	struct mutex lock;   /* LOCK_FUTEX */
	struct list waiters; /* struct futex_waiter.node, in order of arrival */
	uint64_t looked_at;  /* the table's looks when a waker last looked for waiters */
};

struct futex_table {
	struct futex_bucket bucket[FUTEX_BUCKETS];
	_Alignas(64) _Atomic uint64_t looks;
	struct mutex
		pi_lock; /* LOCK_LEAF: owners and who waits for them; see futex_pi.c */
};

/* A PI futex that somebody waits for. Lives as long as it has waiters. */
struct futex_pi {
	struct futex_key key; /* immutable; its waiters hold the reference */
	unsigned n_waiters;   /* protected by the bucket's lock */
	struct task *owner;   /* protected by pi_lock; borrowed: it leaves in
				 futex_task_exit() */
	struct list node;     /* in owner->pi_owned; protected by pi_lock */
};

struct futex_waiter {
	struct list node; /* protected by the bucket's lock, as all below */
	_Atomic(struct futex_bucket *)
		bucket; /* NULL: woken, nobody touches this any more */
	struct task *t;
	struct futex_key key; /* a reference */
	uint32_t bitset;
	struct futex_pi *pi; /* what it waits for is a lock; else NULL */
	bool granted;	     /* the lock is its own now */
	bool owner_died;     /* ... after the death of its owner: the word is to be set */
	bool wants_requeue;  /* FUTEX_WAIT_REQUEUE_PI: may only go to requeue_key */
	struct futex_key requeue_key;
};

/*
 * All of these: own thread, no lock held. -EINVAL: the address is not a multiple of 4, or
 * what waits there is of the other kind (PI or not); -EFAULT: no such memory.
 */

/* Sleeps if the word is @value: 0 woken, -EAGAIN it is another, -ETIMEDOUT, -EINVAL (no
 * @bitset). A signal: -ERESTARTSYS; with a deadline -ERESTART_RESTARTBLOCK. */
int futex_wait(struct task *t, uaddr_t addr, bool shared, uint32_t value, uint32_t bitset,
	       int64_t deadline_ns);
/* At most @n waiters whose bitset intersects. Returns how many, -EINVAL, -EFAULT. */
int futex_wake(struct task *t, uaddr_t addr, bool shared, int n, uint32_t bitset);
/* Wakes @n_wake at @addr and moves @n_requeue more to @addr2. @cmp: NULL, or the value
 * the word at @addr must have (-EAGAIN). Returns woken and moved together. */
int futex_requeue(struct task *t, uaddr_t addr, bool shared, uaddr_t addr2, bool shared2,
		  int n_wake, int n_requeue, const uint32_t *cmp);
/* FUTEX_WAKE_OP: changes the word at @addr2 by @op, wakes @n at @addr, and @n2 at @addr2
 * if the old value compares. Returns how many; -ENOSYS: no such operation. */
int futex_wake_op(struct task *t, uaddr_t addr, uaddr_t addr2, bool shared, int n, int n2,
		  uint32_t op);

/* Any of several: the index of one that was woken; -EAGAIN when a value differs,
 * -ETIMEDOUT, -ERESTARTSYS, -ENOMEM. */
struct futex_wait_item {
	uaddr_t addr;
	uint32_t value;
	bool shared;
};
int futex_waitv(struct task *t, const struct futex_wait_item *item, unsigned n,
		int64_t deadline_ns);

/*
 * PI. Taking a lock: 0 (owned, also after the death of its owner: the word says so),
 * -EDEADLK, -ESRCH (no such owner), -EPERM, -ETIMEDOUT, -ENOMEM; -EAGAIN: @try, and it is
 * taken. A signal restarts the call: -ERESTARTNOINTR. Giving it back: -EPERM, the word
 * names somebody else.
 */
int futex_lock_pi(struct task *t, uaddr_t addr, bool shared, bool try,
		  int64_t deadline_ns);
int futex_unlock_pi(struct task *t, uaddr_t addr, bool shared);
int futex_wait_requeue_pi(struct task *t, uaddr_t addr, bool shared, uint32_t value,
			  uaddr_t addr2, int64_t deadline_ns);
int futex_cmp_requeue_pi(struct task *t, uaddr_t addr, uaddr_t addr2, bool shared,
			 int n_wake, int n_requeue, uint32_t cmp);

/* --- between the files ------------------------------------------------------------ */

/* -EINVAL unaligned, -EFAULT. Released with mm_futex_key_put(). */
int futex_get_key(struct task *t, uaddr_t addr, bool shared, struct futex_key *key);
/*
 * The same for calls that do not read the word: -EFAULT also when a shared mapping has
 * nothing there (behind the end of its file).
 */
int futex_get_present_key(struct task *t, uaddr_t addr, bool shared,
			  struct futex_key *key);
static inline bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->offset == b->offset && a->shared == b->shared;
}
void futex_key_dup(const struct futex_key *from, struct futex_key *to);
struct futex_bucket *futex_bucket_of(struct futex_table *ft, const struct futex_key *key);
/* Both locks, in order of address; @a may be @b. */
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
	ACQUIRES(a->lock, b->lock);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
	RELEASES(a->lock, b->lock);

void futex_waiter_init(struct futex_waiter *w, struct task *t, uint32_t bitset);
void futex_enqueue_locked(struct futex_bucket *b, struct futex_waiter *w)
	MUST_HOLD(b->lock);
/* Wakes up to @n of @key; -EINVAL: somebody waits there for a PI lock. */
int futex_wake_key_locked(struct futex_table *ft, struct futex_bucket *b,
			  const struct futex_key *key, int n, uint32_t bitset)
	MUST_HOLD(b->lock);
/* Before any search of @b for waiters of a word that the guest may have changed. */
void futex_look_locked(struct futex_table *ft, struct futex_bucket *b) MUST_HOLD(b->lock);
/* The guest of @t is about to run: any word it brings along is read after this. */
static inline void futex_guest_runs(struct task *t)
{
	t->futex_looks =
		atomic_load_explicit(&t->k->futexes->looks, memory_order_acquire);
}
/* The waker's last touch. */
void futex_wake_locked(struct futex_waiter *w);
/*
 * futex_block - sleep until taken off the queue (0), -EINTR, -ETIMEDOUT. @what: for
 * debug. Requeueing does not end it.
 */
int futex_block(struct task *t, struct futex_waiter *w, int64_t deadline_ns,
		const char *what, uaddr_t addr);
/* Leave the queue: false when a waker was faster. Own waiter, no lock held. */
bool futex_unqueue(struct futex_waiter *w);
/*
 * Queue @w at w->key if the word still is @value: 0, -EAGAIN, -EFAULT.
 */
int futex_queue_if_equal(struct task *t, struct futex_waiter *w, uaddr_t addr,
			 uint32_t value);
/* Under a bucket's lock: -EFAULT asks to drop it and call the fault_in below. */
int futex_load_locked(struct task *t, uaddr_t addr, uint32_t *value);
int futex_cmpxchg_locked(struct task *t, uaddr_t addr, uint32_t expected,
			 uint32_t desired, uint32_t *old);
/* Make the word readable (@write: writable): 0: try again; -EFAULT. No lock held. */
int futex_fault_in(struct task *t, uaddr_t addr, bool write);
/* A dying owner's locks go to their first waiters. */
void futex_pi_owner_exit(struct task *t);
