// SPDX-License-Identifier: Apache-2.0
/* Between futex_pi.c and futex_requeue_pi.c. */
#pragma once

#include "sentry/task/futex.h"

/* What taking a lock needs that can't be had under the bucket's lock. */
struct futex_attempt {
	uint32_t word;	    /* as last read under it */
	uint32_t owner_tid; /* 0: none looked up */
	struct task *owner; /* of that number; a reference */
	struct futex_pi *fresh;
};

/* Beside 0 and negative errnos; above any count of waiters. */
enum {
	PI_TAKEN = 0x7ffffff0, /* the lock is the caller's */
	PI_AGAIN,	       /* the word changed: try again */
	PI_NEED_OWNER,	       /* futex_attempt_prepare(), then try again */
};

void futex_attempt_done(struct futex_attempt *a);
/*
 * Look up the owner that a->word names, and have memory for a futex_pi. -ESRCH: nobody of
 * that number owns it. No lock held.
 */
int futex_attempt_prepare(struct task *t, struct futex_attempt *a, uaddr_t addr);
/*
 * One attempt for @who: the caller, or a waiter that is to be requeued. PI_*; or 0 with
 * *pi: the lock is another's and @who may be attached to it. @more: others will wait for
 * it even if it is free now. Bucket's lock held; *pi must go through
 * futex_pi_drop_unused().
 */
int futex_try_lock_locked(struct task *t, struct futex_bucket *b,
			  const struct futex_key *key, uaddr_t addr, struct task *who,
			  bool more, struct futex_attempt *a, struct futex_pi **pi)
	MUST_HOLD(b->lock);
/* A lock of @owner, out of a->fresh. -ESRCH: it has exited. */
int futex_pi_create(struct futex_table *ft, struct futex_attempt *a,
		    const struct futex_key *key, struct task *owner,
		    struct futex_pi **out);
/* @w waits for @pi; the caller queues it. -EDEADLK. Bucket's lock held. */
int futex_pi_attach(struct futex_table *ft, struct futex_pi *pi, struct futex_waiter *w);
/* Frees @pi (may be NULL) unless somebody waits for it. Bucket's lock held. */
void futex_pi_drop_unused(struct futex_table *ft, struct futex_pi *pi);
struct futex_waiter *futex_first_waiter(struct futex_bucket *b,
					const struct futex_key *key);
/* Sleep until the lock at @addr is given to @w,
 * which is queued: 0, -EINTR, -ETIMEDOUT. */
int futex_wait_granted(struct task *t, struct futex_waiter *w, uaddr_t addr,
		       int64_t deadline_ns);
