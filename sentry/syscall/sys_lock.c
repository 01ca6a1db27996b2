// SPDX-License-Identifier: Apache-2.0
/* flock(2): the sleeping around fs/lock.h. Record locks are in sys_fd.c. */
#include "fs/lock.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/block.h"
#include "sentry/task/fdtable.h"

static int64_t lock_wait(struct task *t, struct file *f, int op)
{
	struct file_lock_wait w;
	struct task_waiter waiter;
	int r;

	file_lock_wait_init(t->k, &w);
	task_waiter_init(&waiter, t, LX_POLLIN);
	waitq_add(&w.q, &waiter.entry);
	while ((r = flock_set(f, task_tgid_for(t, t), op, &w)) == -EAGAIN) {
		r = task_block(t, NO_DEADLINE, "flock", f->inode->ino);
		if (r)
			break;
	}
	waitq_remove(&waiter.entry);
	file_lock_wait_done(t->k, &w);
	return r == -EINTR ? -ERESTARTSYS : r;
}

SYSCALL2(flock, int fd, int op)
{
	AUTO_PUT(file) struct file *f = NULL;
	int type = op & ~LX_LOCK_NB;
	int r = fd_lookup(t->files, fd, &f);

	if (r)
		return r;
	if (type != LX_LOCK_SH && type != LX_LOCK_EX && type != LX_LOCK_UN)
		return -EINVAL;
	/* Opened with access mode 3: neither reading nor writing. */
	if (type != LX_LOCK_UN && !(f->mode & (FMODE_READ | FMODE_WRITE)))
		return -EBADF;
	return op & LX_LOCK_NB ? flock_set(f, task_tgid_for(t, t), type, NULL)
			       : lock_wait(t, f, type);
}
