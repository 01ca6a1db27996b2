// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting for files: the task joins the queues that poll names, tries again (so no wake-up
 * is lost), and sleeps.
 */
#include "sentry/task/io_wait.h"

#include "fs/lock.h"
#include "fs/namei.h"
#include "fs/pipe.h"
#include "sentry/abi/errno.h"
#include "sentry/task/block.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/sigsend.h"

struct io_call {
	struct file *f;
	struct uio *u;
	const struct vfs_ctx *c; /* writes */
	int64_t pos;		 /* < 0: the file's own */
	unsigned rwf;
};

static ssize_t try_read(struct io_call *io)
{
	return io->pos < 0 ? file_read(io->f, io->u, io->rwf)
			   : file_pread(io->f, io->u, io->pos, io->rwf);
}

static ssize_t try_write(struct io_call *io)
{
	return io->pos < 0 ? file_write(io->c, io->f, io->u, io->rwf)
			   : file_pwrite(io->c, io->f, io->u, io->pos, io->rwf);
}

static bool may_wait(const struct io_call *io)
{
	return !(atomic_load_explicit(&io->f->flags, memory_order_relaxed) &
		 LX_O_NONBLOCK) &&
	       !(io->rwf & LX_RWF_NOWAIT);
}

/* Tries until @try has something other than -EAGAIN to say. */
static ssize_t wait_and_try(struct task *t, struct io_call *io, uint32_t events,
			    ssize_t (*try)(struct io_call *io), const char *what)
{
	bool write = events & LX_POLLOUT;
	int64_t limit =
		io->f->ops->timeout ? io->f->ops->timeout(io->f, write) : NO_DEADLINE;
	int64_t own, deadline = limit == NO_DEADLINE ? limit : deadline_after(limit);
	struct poll_waiter pw;
	ssize_t r;
	int err;

	poll_waiter_init(&pw, t, events);
	file_poll(io->f, &pw.pt);
	for (;;) {
		r = try(io);
		if (r != -EAGAIN)
			break;
		own = io->u->deadline_ns;
		err = pw.failed ? -ENOMEM
				: task_block(t, min_t(int64_t, own, deadline), what,
					     io->f->id);
		/* At its own deadline the operation is asked once more. */
		if (!err || (err == -ETIMEDOUT && own < deadline))
			continue;
		/* With a timeout an interrupted call is not started anew: signal(7). */
		r = err == -EINTR && limit == NO_DEADLINE ? -ERESTARTSYS : err;
		if (err == -ETIMEDOUT)
			r = -EAGAIN;
		break;
	}
	poll_waiter_done(&pw);
	return r;
}

/* For /proc/PID/io; only the task's own thread writes these. */
static void count_io(_Atomic uint64_t *calls, _Atomic uint64_t *bytes, ssize_t n)
{
	atomic_store_explicit(calls,
			      atomic_load_explicit(calls, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	if (n > 0)
		atomic_store_explicit(bytes,
				      atomic_load_explicit(bytes, memory_order_relaxed) +
					      (uint64_t)n,
				      memory_order_relaxed);
}

ssize_t file_preadv_wait(struct task *t, struct file *f, struct uio *dst, int64_t pos,
			 unsigned rwf)
{
	struct io_call io = {.f = f, .u = dst, .pos = pos, .rwf = rwf};
	ssize_t r;

	dst->task = t;
	r = try_read(&io);
	if (unlikely(r == -EAGAIN) && may_wait(&io))
		r = wait_and_try(t, &io, LX_POLL_IN_MASK, try_read, "read");
	count_io(&t->syscr, &t->rchar, r);
	return r;
}

/* Where a blocking write goes on until everything is written:
 * a short count is no answer. */
static bool writes_all(const struct file *f)
{
	uint32_t mode = f->inode->mode;

	return LX_S_ISFIFO(mode) || LX_S_ISSOCK(mode) || LX_S_ISCHR(mode);
}

static ssize_t write_all(struct task *t, struct io_call *io)
{
	ssize_t r, done = 0;

	for (;;) {
		r = try_write(io);
		if (r == -EAGAIN && may_wait(io))
			r = wait_and_try(t, io, LX_POLL_OUT_MASK, try_write, "write");
		if (r <= 0)
			break;
		done += r;
		if (!io->u->left || !writes_all(io->f) || !may_wait(io))
			break;
		if (io->pos >= 0)
			io->pos += r;
	}
	return done ? done : r;
}

ssize_t file_pwritev_wait(struct task *t, struct file *f, struct uio *src, int64_t pos,
			  unsigned rwf)
{
	AUTO_VFS_CTX struct vfs_ctx c;
	struct io_call io = {.f = f, .u = src, .c = &c, .pos = pos, .rwf = rwf};
	ssize_t r;

	task_vfs_ctx(t, &c);
	src->task = t;
	r = write_all(t, &io);
	count_io(&t->syscw, &t->wchar, r);
	if (unlikely(r == -EFBIG) && c.fsize_limit < INT64_MAX)
		sigsend_self(t, LX_SIGXFSZ);
	return r;
}

int file_wait_for(struct task *t, struct file *f, uint32_t events, int64_t deadline_ns)
{
	struct poll_waiter pw;
	uint32_t want = events | LX_POLLERR | LX_POLLHUP;
	int r = 0;

	poll_waiter_init(&pw, t, events);
	if (!(file_poll(f, &pw.pt) & want)) {
		do
			r = pw.failed ? -ENOMEM
				      : task_block(t, deadline_ns, "poll", f->id);
		while (!r && !(file_poll(f, NULL) & want));
	}
	poll_waiter_done(&pw);
	return r;
}

int file_open_wait(struct task *t, const struct path *base, const char *name,
		   const struct open_how *how, struct file **out)
{
	AUTO_VFS_CTX struct vfs_ctx c;
	struct poll_waiter pw;
	int r;

	task_vfs_ctx(t, &c);
	r = vfs_open(&c, base, name, how, out);
	if (r != -EAGAIN || !*out)
		return r;
	/* A FIFO without its other end:
	 * the open file counts already, so the others see us. */
	poll_waiter_init(&pw, t, LX_POLL_IN_MASK | LX_POLL_OUT_MASK);
	file_poll(*out, &pw.pt);
	r = 0;
	while (!r && !fifo_open_done(*out))
		r = pw.failed ? -ENOMEM
			      : task_block(t, NO_DEADLINE, "fifo open", (*out)->id);
	poll_waiter_done(&pw);
	if (r) {
		file_put(TAKE_PTR(*out));
		return r == -EINTR ? -ERESTARTSYS : r;
	}
	return 0;
}

/* --- locks ------------------------------------------------------------------------ */

struct lock_call {
	struct file *f;
	const void *owner; /* NULL: flock(2), of the whole file */
	int pid, type;
	int64_t start, end;
};

static int try_lock(const struct lock_call *l, struct file_lock_wait *w)
{
	return l->owner ? posix_lock_set(l->f, l->owner, l->pid, l->type, l->start,
					 l->end, w)
			: flock_set(l->f, l->pid, l->type, w);
}

static int wait_for_lock(struct task *t, const struct lock_call *l, const char *what)
{
	struct file_lock_wait w;
	struct task_waiter waiter;
	int r;

	file_lock_wait_init(t->k, &w);
	task_waiter_init(&waiter, t, LX_POLLIN);
	waitq_add(&w.q, &waiter.entry);
	while ((r = try_lock(l, &w)) == -EAGAIN) {
		r = task_block(t, NO_DEADLINE, what, l->f->id);
		if (r)
			break;
	}
	waitq_remove(&waiter.entry);
	file_lock_wait_done(t->k, &w);
	return r == -EINTR ? -ERESTARTSYS : r;
}

int flock_wait(struct task *t, struct file *f, int op)
{
	const struct lock_call l = {.f = f, .pid = task_tgid_for(t, t), .type = op};

	return wait_for_lock(t, &l, "flock");
}

int posix_lock_wait(struct task *t, struct file *f, const void *owner, int pid, int type,
		    int64_t start, int64_t end)
{
	const struct lock_call l = {f, owner, pid, type, start, end};

	return wait_for_lock(t, &l, "record lock");
}
