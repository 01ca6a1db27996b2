// SPDX-License-Identifier: Apache-2.0
/*
 * File locks: flock(2), POSIX record locks (owned by a descriptor table) and open file
 * description locks. Advisory. Source: flock(2), fcntl(2) "Advisory record locking".
 *
 * Nothing here sleeps: a lock that must wait answers -EAGAIN and is registered in the
 * caller's file_lock_wait, whose queue is woken when it may have become free. Usual
 * sequence of a blocking lock (the waiting is sentry/task/io_wait.c's):
 *
 *	file_lock_wait_init(k, &w);
 *	waitq_add(&w.q, &waiter.entry);
 *	while ((r = posix_lock_set(..., &w)) == -EAGAIN && !(r = task_block(...)))
 *		;
 *	waitq_remove(&waiter.entry);
 *	file_lock_wait_done(k, &w);
 */
#pragma once

#include "fs/vfs.h"

/* struct flock of x86-64. */
struct lx_flock {
	int16_t type, whence;
	int32_t pad0;
	int64_t start, len;
	int32_t pid, pad1;
};
_Static_assert(sizeof(struct lx_flock) == 32, "struct flock");

/* A blocked request: lives on its task's stack. */
struct file_lock_wait {
	struct waitq q;
	/* protected by the core's lock of waiters */
	struct list node;
	const void *owner; /* who waits, and for whom: for EDEADLK */
	const void *blocked_by;
	struct file_lock_list *on; /* what it waits for; NULL: nothing now */
};

void file_lock_wait_init(struct kernel *k, struct file_lock_wait *w);
void file_lock_wait_done(struct kernel *k, struct file_lock_wait *w);

/*
 * flock(2): @op is LX_LOCK_SH, _EX or _UN; @pid is shown by /proc/locks. @w NULL: do not
 * wait (-EWOULDBLOCK is the same -EAGAIN). A conversion first gives up the lock that is
 * held, as Linux does.
 */
int flock_set(struct file *f, int pid, int op, struct file_lock_wait *w);

/*
 * Turn a guest's struct flock into bytes [*start, *end] (inclusive, INT64_MAX: to the
 * end). -EINVAL, -EOVERFLOW.
 */
int flock_range(struct file *f, const struct lx_flock *l, int64_t *start, int64_t *end);

/*
 * posix_lock_set - lock, convert or unlock bytes. @owner: the fdtable, or the file itself
 * for F_OFD_*. @pid: shown by F_GETLK and /proc/locks (-1 for OFD). -EAGAIN conflict,
 * -EBADF (not open for it), -EDEADLK, -ENOLCK, -ENOMEM.
 */
int posix_lock_set(struct file *f, const void *owner, int pid, int type, int64_t start,
		   int64_t end, struct file_lock_wait *w);
/* F_GETLK: *l becomes the first conflicting lock, or F_UNLCK. */
int posix_lock_get(struct file *f, const void *owner, struct lx_flock *l, int64_t start,
		   int64_t end);
/* close(2) of any descriptor of the file by @owner (a fdtable) releases its locks. */
void posix_locks_close(struct file *f, const void *owner);

/* /proc/locks. */
struct strbuf;
void file_locks_show(struct kernel *k, struct strbuf *out);
/*
 * Lines of /proc/PID/fdinfo: the locks that @f itself or the descriptor table @table
 * (only compared, never looked into) holds on the file.
 */
void file_locks_show_fd(struct file *f, const void *table, struct strbuf *out);
