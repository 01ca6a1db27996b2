// SPDX-License-Identifier: Apache-2.0
/*
 * Wait queues: the one wait primitive. Whatever can become ready owns a waitq;
 * whoever wants to know (a blocked task, poll, epoll) adds an entry.
 *
 * Usual sequence of a sleeper (wrapped by sentry/task/block.h):
 *
 *	waitq_add(q, &entry);
 *	for (;;) {
 *		if (ready)		try again after joining: no wake-up is lost
 *			break;
 *		if (task_block(...))
 *			break;
 *	}
 *	waitq_remove(&entry);
 *
 * A waker changes the state first (under its own lock), then calls waitq_wake().
 */
#pragma once

#include "sentry/abi/poll.h"
#include "sentry/base/list.h"
#include "sentry/base/lock.h"
#include "sentry/base/refcount.h"

struct waitq {
	struct mutex lock;
	struct list entries; /* protected by lock; exclusive ones at the tail */
	bool shared;	     /* immutable: a struct shared_waitq holds it */
};

/*
 * A queue whose entries may outlive what wakes them: each entry holds a reference. For
 * a file whose poll registers on something that the file does not hold.
 */
struct shared_waitq {
	refcount_t ref;
	struct waitq q;
};

struct wait_entry {
	struct list node; /* protected by q->lock */
	struct waitq *q;  /* NULL while on no queue; written by the entry's owner only */
	uint32_t events;  /* LX_POLL* wanted; POLLERR and POLLHUP always count */
	bool exclusive;	  /* at most one exclusive entry is served per wake-up */
	/*
	 * Called with q->lock held, for events that intersect. May take LOCK_EPOLL_READY
	 * and later ranks only, never this queue. Returns true if it used the wake-up (an
	 * exclusive entry that returns false lets the next exclusive one have it).
	 */
	bool (*wake)(struct wait_entry *e, uint32_t events);
};

void waitq_init(struct waitq *q);
/* No entry may be left. */
void waitq_destroy(struct waitq *q);

/* NULL: no memory. */
struct shared_waitq *shared_waitq_create(void);
/* The owner's reference. Tells whoever waits that nothing will come (LX_POLLHUP). */
void shared_waitq_close(struct shared_waitq *sq);

/* waitq_add - join; the entry is owned by the
 * caller and must be removed before it dies. */
void waitq_add(struct waitq *q, struct wait_entry *e);
/*
 * waitq_remove - leave; harmless when on no queue. When it returns the wake function
 * is not running and will not run.
 */
void waitq_remove(struct wait_entry *e);

/* waitq_wake - serve every shared entry and one exclusive entry that wants @events. */
void waitq_wake(struct waitq *q, uint32_t events);
/* The same from inside a wake function of another queue
 * (nested epoll: acyclic, depth <= 5). */
void waitq_wake_nested(struct waitq *q, uint32_t events);

/*
 * poll_table - how file_poll() registers interest: the file calls poll_wait() for each
 * queue that could change its answer, then returns its current LX_POLL* mask.
 */
struct poll_table {
	void (*queue)(struct poll_table *pt, struct waitq *q);
};

static inline void poll_wait(struct poll_table *pt, struct waitq *q)
{
	if (pt)
		pt->queue(pt, q);
}
