// SPDX-License-Identifier: Apache-2.0
/* Message queues, between msg.c (send and receive) and msg_ctl.c. */
#pragma once

#include "sentry/ipc/internal.h"

#define MSG_QUEUE_BYTES 16384u /* MSGMNB: what a new queue may hold */

/*
 * All protected by ipc->lock. A message goes to the first receiver that waits for its
 * kind, else into the queue; a sender that finds no room tries again whenever some is
 * made.
 */
struct msg_queue {
	struct ipc_perm perm;
	int64_t stime, rtime, ctime;
	uint64_t bytes, n, max_bytes;
	struct pid *last_sender, *last_receiver; /* references or NULL */
	struct list messages;			 /* struct msg.node, oldest first */
	struct list senders, receivers;		 /* struct msg_wait.node */
};

/* A sleeping call: on the stack of its task. */
struct msg_wait {
	struct list node; /* unlinked by who wakes it */
	struct task *t;
	/* MSG_WAITING, 0 (@msg, or room: try again), -EIDRM, -E2BIG, -EAGAIN */
	int result;
	/* of a receiver */
	int mode;
	int64_t type;
	size_t size;
	bool truncate;
	struct msg *msg;
};
#define MSG_WAITING 1

static inline struct msg_queue *to_queue(struct ipc_perm *p)
{
	return container_of(p, struct msg_queue, perm);
}

/* Everybody who sleeps there looks again (@result 0 or -EAGAIN), or ends with -EIDRM. */
void msg_wake_all_locked(struct list *waiting, int result);
/* Out of the table; the caller frees it unlocked. */
void msg_unlink_locked(struct msg_queue *q);
void msg_queue_free(struct msg_queue *q);
