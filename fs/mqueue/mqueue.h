// SPDX-License-Identifier: Apache-2.0
/*
 * POSIX message queues: files of a file system of their own, one an IPC namespace. The
 * calls of mq_overview(7) are sentry/syscall/sys_mq.c; here nothing sleeps.
 *
 * Source: mq_overview(7), mq_open(3), mq_send(3), mq_receive(3), mq_notify(3),
 * mq_unlink(3).
 */
#pragma once

#include "fs/vfs.h"

#define MQ_PRIO_MAX 32768u

struct lx_mq_attr {
	int64_t flags, maxmsg, msgsize, curmsgs, reserved[4];
};
_Static_assert(sizeof(struct lx_mq_attr) == 64, "mq_attr");

struct mq_message {
	struct list node;
	unsigned prio;
	size_t size;
	char text[];
};

/* Who is told when a message comes to an empty queue. */
struct mq_notify {
	int signo; /* 0: nobody is, but the place is taken (SIGEV_NONE) */
	uint64_t value;
};

extern const struct fs_type mqueue_type;

int mqueue_super_create(struct kernel *k, struct user_ns *owner, struct super **out);
/* sentry/ipc: the one of the namespace @t lives in, a reference. */
struct super *mqueue_super_of(struct task *t);

/*
 * mqueue_open - @attr NULL: the default size. @limit: RLIMIT_MSGQUEUE of the caller.
 * -EEXIST, -ENOENT, -EACCES, -EINVAL, -EMFILE (over @limit), -ENOSPC, -ENOMEM...
 */
int mqueue_open(const struct vfs_ctx *c, struct super *sb, const char *name, int flags,
		uint32_t mode, const struct lx_mq_attr *attr, uint64_t limit,
		struct file **out);
int mqueue_unlink(const struct vfs_ctx *c, struct super *sb, const char *name);

/* The rest is asked of files that are queues, open in the right direction. */
bool file_is_mqueue(const struct file *f);
size_t mqueue_message_size(struct file *f);
void mqueue_attr(struct file *f, struct lx_mq_attr *out);
/* Takes *m and makes it NULL. -EAGAIN: the queue is full. @from: the sender. */
int mqueue_send(struct file *f, struct mq_message **m, struct task *from);
/* The oldest of the highest priority: the caller's, to be mem_free()d. -EAGAIN: none. */
int mqueue_receive(struct file *f, struct mq_message **out);
/* A receiver sleeps (+1) or does no more (-1): then nobody is notified. */
void mqueue_waiting(struct file *f, int delta);
/* @n NULL: not any more. -EBUSY: another process is registered. */
int mqueue_notify(struct file *f, struct pid *process, const struct mq_notify *n);
