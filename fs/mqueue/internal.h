// SPDX-License-Identifier: Apache-2.0
/* Between fs.c (names and inodes) and queue.c (messages). */
#pragma once

#include "fs/mqueue/mqueue.h"
#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/task/cred.h"
#include "sentry/task/sigsend.h"
#include "sentry/wait/waitq.h"

struct mqueue {
	struct inode base;
	const struct cred
		*creator; /* whose account it is charged to, or NULL; a reference */
	uint64_t charged;
	int64_t max_messages, message_size; /* immutable */
	struct waitq waitq;
	struct mutex lock;    /* LOCK_PIPE; protects the rest */
	struct list messages; /* struct mq_message: highest priority first, then oldest */
	int64_t n;
	uint64_t bytes;
	unsigned receivers;  /* asleep */
	struct pid *process; /* registered for the next message; a reference, or NULL */
	struct mq_notify notify;
};

static inline struct mqueue *to_mqueue(struct inode *inode)
{
	return container_of(inode, struct mqueue, base);
}

extern const struct file_ops mqueue_file_ops;

void mqueue_init(struct mqueue *q, int64_t max_messages, int64_t message_size);
void mqueue_destroy(struct mqueue *q);
