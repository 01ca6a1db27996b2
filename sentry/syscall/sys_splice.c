// SPDX-License-Identifier: Apache-2.0
/*
 * Moving bytes between files: sendfile, splice, tee, vmsplice, copy_file_range. All go
 * through one kernel buffer; nothing is taken from a source that the target did not
 * take. A pipe's bytes are held, and room in one reserved, over whatever sleeps.
 * Source: splice(2), tee(2), sendfile(2), copy_file_range(2).
 */
#include "fs/pipe.h"
#include "sentry/base/alloc.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/block.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/io_wait.h"
#include "sentry/task/sigsend.h"

#define CHUNK 65536u

#define LX_SPLICE_F_MOVE     1
#define LX_SPLICE_F_NONBLOCK 2
#define LX_SPLICE_F_MORE     4
#define LX_SPLICE_F_GIFT     8
#define SPLICE_FLAGS	     15u

/* One side of a transfer: a file, and a position of the caller's or the file's own. */
struct side {
	struct file *f;
	uaddr_t uoff; /* where the caller keeps the position; 0: the file's own */
	int64_t pos;  /* -1: a stream */
};

/* A caller's position may be negative still. */
static int side_fill(struct task *t, struct side *s, struct file *f, uaddr_t uoff)
{
	*s = (struct side){.f = f, .uoff = uoff, .pos = -1};
	if (uoff) {
		if (!(f->mode & (FMODE_PREAD | FMODE_PWRITE)))
			return -ESPIPE;
		if (get_user(&t->mem, s->pos, uoff))
			return -EFAULT;
		return 0;
	}
	if (!(f->mode & FMODE_STREAM) && f->mode & FMODE_LSEEK)
		s->pos = file_lseek(f, 0, LX_SEEK_CUR);
	return 0;
}

static int side_init(struct task *t, struct side *s, struct file *f, uaddr_t uoff)
{
	int r = side_fill(t, s, f, uoff);

	return !r && uoff && s->pos < 0 ? -EINVAL : r;
}

/* Tell whoever keeps the position how far it went. */
static int side_done(struct task *t, struct side *s)
{
	if (s->pos < 0)
		return 0;
	if (s->uoff)
		return put_user(&t->mem, s->uoff, s->pos);
	file_lseek(s->f, s->pos, LX_SEEK_SET);
	return 0;
}

static ssize_t side_read(struct task *t, struct side *s, void *buf, size_t n,
			 bool nonblock)
{
	struct uio u;

	uio_init_kernel(&u, buf, n);
	return file_preadv_wait(t, s->f, &u, s->pos, nonblock ? LX_RWF_NOWAIT : 0);
}

/* Only the file's own O_NONBLOCK keeps it from sleeping, as on Linux. */
static ssize_t side_write(struct task *t, struct side *s, const void *buf, size_t n)
{
	struct uio u;

	uio_init_kernel(&u, (void *)buf, n);
	return file_pwritev_wait(t, s->f, &u, s->pos, 0);
}

/* --- file to file ------------------------------------------------------------------ */

/* From a seekable file: short writes just move the position less far. */
static ssize_t copy_from_file(struct task *t, struct side *in, struct side *out,
			      size_t len)
{
	AUTO_FREE char *buf = mem_alloc(min_t(size_t, len ? len : 1, CHUNK));
	ssize_t n = 0, done = 0;

	if (!buf)
		return -ENOMEM;
	while (len) {
		n = side_read(t, in, buf, min_t(size_t, len, CHUNK), false);
		if (n <= 0)
			break;
		n = side_write(t, out, buf, (size_t)n);
		if (n <= 0)
			break;
		in->pos += n;
		if (out->pos >= 0)
			out->pos += n;
		done += n;
		len -= (size_t)n;
		if (task_signal_pending(t))
			break;
	}
	return done ? done : n;
}

SYSCALL4(sendfile, int out_fd, int in_fd, uaddr_t uoff, size_t count)
{
	AUTO_PUT(file) struct file *in = NULL;
	AUTO_PUT(file) struct file *out = NULL;
	struct side from, to;
	ssize_t done;
	int r;

	r = fd_lookup(t->files, in_fd, &in);
	if (!r && !(in->mode & FMODE_READ))
		r = -EBADF;
	if (!r)
		r = side_init(t, &from, in, uoff);
	if (!r)
		r = fd_lookup(t->files, out_fd, &out);
	if (!r && !(out->mode & FMODE_WRITE))
		r = -EBADF;
	if (!r && (from.pos < 0 || LX_S_ISDIR(in->inode->mode) ||
		   atomic_load(&out->flags) & LX_O_APPEND))
		r = -EINVAL;
	if (!r)
		r = side_init(t, &to, out, 0);
	if (r)
		return r;
	done = copy_from_file(t, &from, &to, min_t(size_t, count, LX_MAX_RW_COUNT));
	if (side_done(t, &from) || side_done(t, &to))
		return -EFAULT;
	return done;
}

static int check_copy_range(const struct side *in, const struct side *out, size_t len)
{
	const struct inode *a = in->f->inode, *b = out->f->inode;
	uint64_t end;

	if (LX_S_ISDIR(a->mode) || LX_S_ISDIR(b->mode))
		return -EISDIR;
	if (!LX_S_ISREG(a->mode) || !LX_S_ISREG(b->mode))
		return -EINVAL;
	if (!(in->f->mode & FMODE_READ) || !(out->f->mode & FMODE_WRITE) ||
	    out->f->flags & LX_O_APPEND)
		return -EBADF;
	if (a->sb != b->sb)
		return -EXDEV;
	if (!add_ok((uint64_t)in->pos, len, &end) ||
	    !add_ok((uint64_t)out->pos, len, &end))
		return -EOVERFLOW;
	if (in->pos < 0 || out->pos < 0)
		return -EINVAL;
	if (a == b && in->pos < out->pos + (int64_t)len &&
	    out->pos < in->pos + (int64_t)len)
		return -EINVAL;
	return 0;
}

SYSCALL6(copy_file_range, int in_fd, uaddr_t uin, int out_fd, uaddr_t uout, size_t len,
	 unsigned flags)
{
	AUTO_PUT(file) struct file *in = NULL;
	AUTO_PUT(file) struct file *out = NULL;
	struct side from, to;
	ssize_t done;
	int r;

	if (flags)
		return -EINVAL;
	len = min_t(size_t, len, LX_MAX_RW_COUNT);
	r = fd_lookup(t->files, in_fd, &in);
	if (!r)
		r = fd_lookup(t->files, out_fd, &out);
	if (!r)
		r = side_fill(t, &from, in, uin);
	if (!r)
		r = side_fill(t, &to, out, uout);
	if (!r)
		r = check_copy_range(&from, &to, len);
	if (r)
		return r;
	done = -EOPNOTSUPP;
	if (in->ops == out->ops && in->ops->copy_range)
		done = in->ops->copy_range(in, from.pos, out, to.pos, len);
	if (done >= 0) {
		from.pos += done;
		to.pos += done;
	} else if (done == -EOPNOTSUPP) {
		done = copy_from_file(t, &from, &to, len);
	}
	if (side_done(t, &from) || side_done(t, &to))
		return -EFAULT;
	return done;
}

/* --- pipes ------------------------------------------------------------------------- */

/*
 * 1: @f's bytes are ours until pipe_unhold(); 0: the end; -EAGAIN, -ERESTARTSYS. Not
 * file_wait_for(): a pipe without writers is hung up also while another holds its bytes.
 */
static ssize_t hold_wait(struct task *t, struct file *f, bool nonblock)
{
	struct pipe *p = file_pipe(f);
	struct poll_waiter pw;
	int r = pipe_hold(p);

	if (r != -EAGAIN || nonblock || atomic_load(&f->flags) & LX_O_NONBLOCK)
		return r;
	poll_waiter_init(&pw, t, LX_POLL_IN_MASK);
	file_poll(f, &pw.pt);
	while ((r = pipe_hold(p)) == -EAGAIN) {
		r = pw.failed ? -ENOMEM : task_block(t, NO_DEADLINE, "splice", f->id);
		if (r)
			break;
	}
	poll_waiter_done(&pw);
	return r == -EINTR ? -ERESTARTSYS : r;
}

/* pipe_reserve(), and its signal when nobody reads. */
static ssize_t reserve(struct task *t, struct file *f, size_t n, struct pipe_room *room)
{
	ssize_t r = pipe_reserve(file_pipe(f), n, room);

	if (r == -EPIPE)
		sigsend_self(t, LX_SIGPIPE);
	return r;
}

/* Asleep until there may be room in the pipe behind @f, or nobody who reads it. */
static int room_wait(struct task *t, struct file *f)
{
	int r = file_wait_for(t, f, LX_POLL_OUT_MASK, NO_DEADLINE);

	return r == -EINTR ? -ERESTARTSYS : r;
}

/* What the target did not take stays in the pipe, and nobody else gets it meanwhile. */
static ssize_t pipe_to_file(struct task *t, struct side *in, struct side *out, size_t len,
			    bool nonblock)
{
	size_t want = min_t(size_t, len, CHUNK);
	AUTO_FREE char *buf = mem_alloc(want);
	struct pipe *p = file_pipe(in->f);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = hold_wait(t, in->f, nonblock);
	if (n <= 0)
		return n;
	want = pipe_peek(p, buf, want);
	n = side_write(t, out, buf, want);
	if (n > 0)
		pipe_drop(p, (size_t)n);
	pipe_unhold(p);
	if (n > 0 && out->pos >= 0)
		out->pos += n;
	return n;
}

/* A stream's bytes cannot be given back: no more are read than there is room for. */
static ssize_t file_to_pipe(struct task *t, struct side *in, struct side *out, size_t len,
			    bool nonblock)
{
	struct pipe *p = file_pipe(out->f);
	AUTO_FREE char *buf = NULL;
	struct pipe_room room;
	bool dontwait;
	ssize_t n;

	len = min_t(size_t, len, CHUNK);
	nonblock = nonblock || atomic_load(&out->f->flags) & LX_O_NONBLOCK;
	dontwait = nonblock && LX_S_ISSOCK(in->f->inode->mode);
	while ((n = reserve(t, out->f, len, &room)) == -EAGAIN && !nonblock) {
		n = room_wait(t, out->f);
		if (n)
			break;
	}
	if (n <= 0)
		return n;
	buf = mem_alloc((size_t)n);
	n = buf ? side_read(t, in, buf, (size_t)n, dontwait) : -ENOMEM;
	pipe_commit(p, &room, buf, n > 0 ? (size_t)n : 0);
	if (n > 0 && in->pos >= 0)
		in->pos += n;
	return n;
}

/*
 * With both ends in hand nothing sleeps. While it waits for room it holds no bytes: whoever
 * makes the room may want to read them.
 */
static ssize_t pipe_to_pipe(struct task *t, struct file *in, struct file *out, size_t len,
			    bool nonblock, bool keep)
{
	struct pipe *from = file_pipe(in), *to = file_pipe(out);
	AUTO_FREE char *buf = NULL;
	struct pipe_room room;
	ssize_t n;

	len = min_t(size_t, len, pipe_get_size(from));
	nonblock = nonblock ||
		   (atomic_load(&in->flags) | atomic_load(&out->flags)) & LX_O_NONBLOCK;
	for (;;) {
		n = hold_wait(t, in, nonblock);
		if (n <= 0)
			return n;
		n = reserve(t, out, len, &room);
		if (n > 0)
			break;
		pipe_unhold(from);
		if (n == -EAGAIN && !nonblock)
			n = room_wait(t, out);
		if (n)
			return n;
	}
	len = (size_t)n;
	buf = mem_alloc(len);
	n = buf ? (ssize_t)pipe_peek(from, buf, len) : -ENOMEM;
	if (n > 0 && !keep)
		pipe_drop(from, (size_t)n);
	pipe_unhold(from);
	pipe_commit(to, &room, buf, n > 0 ? (size_t)n : 0);
	return n;
}

SYSCALL6(splice, int in_fd, uaddr_t uin, int out_fd, uaddr_t uout, size_t len,
	 unsigned flags)
{
	AUTO_PUT(file) struct file *in = NULL;
	AUTO_PUT(file) struct file *out = NULL;
	bool nonblock = flags & LX_SPLICE_F_NONBLOCK;
	struct side from, to;
	ssize_t n;
	int r;

	if (!len)
		return 0;
	if (flags & ~SPLICE_FLAGS)
		return -EINVAL;
	r = fd_lookup(t->files, in_fd, &in);
	if (!r)
		r = fd_lookup(t->files, out_fd, &out);
	if (r)
		return r;
	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if ((file_pipe(in) && uin) || (file_pipe(out) && uout))
		return -ESPIPE;
	if ((!file_pipe(in) && !file_pipe(out)) || file_pipe(in) == file_pipe(out))
		return -EINVAL;
	if (!file_pipe(out) && atomic_load(&out->flags) & LX_O_APPEND)
		return -EINVAL;
	r = side_init(t, &from, in, uin);
	if (!r)
		r = side_init(t, &to, out, uout);
	if (r)
		return r;
	len = min_t(size_t, len, LX_MAX_RW_COUNT);
	if (file_pipe(in) && file_pipe(out))
		return pipe_to_pipe(t, in, out, len, nonblock, false);
	n = file_pipe(in) ? pipe_to_file(t, &from, &to, len, nonblock)
			  : file_to_pipe(t, &from, &to, len, nonblock);
	if (n > 0 && (side_done(t, &from) || side_done(t, &to)))
		return -EFAULT;
	return n;
}

SYSCALL4(tee, int in_fd, int out_fd, size_t len, unsigned flags)
{
	AUTO_PUT(file) struct file *in = NULL;
	AUTO_PUT(file) struct file *out = NULL;
	int r;

	if (flags & ~SPLICE_FLAGS)
		return -EINVAL;
	if (!len)
		return 0;
	r = fd_lookup(t->files, in_fd, &in);
	if (!r)
		r = fd_lookup(t->files, out_fd, &out);
	if (r)
		return r;
	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if (!file_pipe(in) || !file_pipe(out) || file_pipe(in) == file_pipe(out))
		return -EINVAL;
	return pipe_to_pipe(t, in, out, len, flags & LX_SPLICE_F_NONBLOCK, true);
}

/* Pages are copied, not lent: allowed by the page, and what GIFT asks for is a hint. */
SYSCALL4(vmsplice, int fd, uaddr_t iov, unsigned long n, unsigned flags)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct uio u;
	ssize_t done;
	int r;

	if (flags & ~SPLICE_FLAGS)
		return -EINVAL;
	r = fd_lookup(t->files, fd, &f);
	if (r)
		return r;
	if (!file_pipe(f))
		return -EBADF;
	r = uio_init_iovec(&u, &t->mem, iov, n);
	if (r)
		return r;
	if (f->mode & FMODE_WRITE)
		done = file_pwritev_wait(
			t, f, &u, -1, flags & LX_SPLICE_F_NONBLOCK ? LX_RWF_NOWAIT : 0);
	else
		done = file_preadv_wait(t, f, &u, -1,
					flags & LX_SPLICE_F_NONBLOCK ? LX_RWF_NOWAIT : 0);
	uio_done(&u);
	return done;
}
