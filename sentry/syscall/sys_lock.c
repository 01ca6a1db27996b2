// SPDX-License-Identifier: Apache-2.0
/*
 * flock(2), and the record locks of fcntl(2): the sleeping around fs/lock.h.
 */
#include "fs/lock.h"
#include "sentry/syscall/fcntl_lock.h"
#include "sentry/task/block.h"
#include "sentry/task/fdtable.h"

/* One request, tried until it can be had. */
struct request {
	struct file *f;
	bool whole; /* flock(2): type is the LX_LOCK_* operation */
	const void *owner;
	int pid, type;
	int64_t start, end;
};

static int try_lock(const struct request *q, struct file_lock_wait *w)
{
	return q->whole ? flock_set(q->f, q->type, w)
			: posix_lock_set(q->f, q->owner, q->pid, q->type, q->start, q->end, w);
}

static int64_t lock_wait(struct task *t, const struct request *q)
{
	struct file_lock_wait w;
	struct task_waiter waiter;
	int r;

	file_lock_wait_init(t->k, &w);
	task_waiter_init(&waiter, t, LX_POLLIN);
	waitq_add(&w.q, &waiter.entry);
	while ((r = try_lock(q, &w)) == -EAGAIN) {
		r = task_block(t, NO_DEADLINE, "file lock", q->f->inode->ino);
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
	struct request q = {.whole = true, .type = op & ~LX_LOCK_NB};
	int r = fd_lookup(t->files, fd, &f);

	if (r)
		return r;
	if (q.type != LX_LOCK_SH && q.type != LX_LOCK_EX && q.type != LX_LOCK_UN)
		return -EINVAL;
	/* Opened with access mode 3: neither reading nor writing. */
	if (q.type != LX_LOCK_UN && !(f->mode & (FMODE_READ | FMODE_WRITE)))
		return -EBADF;
	q.f = f;
	return op & LX_LOCK_NB ? try_lock(&q, NULL) : lock_wait(t, &q);
}

int64_t fcntl_lock(struct task *t, struct file *f, int cmd, uaddr_t arg)
{
	bool ofd = cmd >= LX_F_OFD_GETLK;
	struct lx_flock l;
	struct request q = {.f = f, .owner = ofd ? (void *)f : (void *)t->files};
	int r;

	if (get_user(&t->mem, l, arg))
		return -EFAULT;
	if (ofd && l.pid)
		return -EINVAL;
	r = flock_range(f, &l, &q.start, &q.end);
	if (r)
		return r;
	if (cmd == LX_F_GETLK || cmd == LX_F_OFD_GETLK) {
		r = posix_lock_get(f, q.owner, &l, q.start, q.end);
		return r ? r : put_user(&t->mem, arg, l);
	}
	q.type = l.type;
	q.pid = ofd ? -1 : task_tgid_for(t, t);
	if (cmd == LX_F_SETLK || cmd == LX_F_OFD_SETLK)
		return try_lock(&q, NULL);
	return lock_wait(t, &q);
}
