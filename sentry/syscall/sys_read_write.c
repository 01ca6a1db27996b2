// SPDX-License-Identifier: Apache-2.0
/* read(2), write(2) and their kin: a descriptor, a cursor over the guest's buffers. */
#include "sentry/abi/mman.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/io_wait.h"

/* The file behind @fd, if it may be read, or written, at @pos (-1: its own position). */
static int lookup_rw(struct task *t, int fd, int64_t pos, bool write, struct file **out)
{
	int r = fd_lookup(t->files, fd, out);

	if (r)
		return r;
	if (pos >= 0 && !((*out)->mode & (write ? FMODE_PWRITE : FMODE_PREAD)))
		return -ESPIPE;
	return (*out)->mode & (write ? FMODE_WRITE : FMODE_READ) ? 0 : -EBADF;
}

/* A range that no guest can have faults before anything is moved. */
static int init_buffer(struct task *t, struct uio *u, uaddr_t buf, size_t count)
{
	if (buf > LX_TASK_SIZE || count > LX_TASK_SIZE - buf)
		return -EFAULT;
	uio_init_user(u, &t->mem, buf, min_t(size_t, count, LX_MAX_RW_COUNT));
	return 0;
}

/* One buffer, at @pos (-1: the file's own position). */
static int64_t rw_buffer(struct task *t, int fd, uaddr_t buf, size_t count, int64_t pos,
			 bool write)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct uio u;
	int r;

	r = lookup_rw(t, fd, pos, write, &f);
	if (r)
		return r;
	r = init_buffer(t, &u, buf, count);
	if (r)
		return r;
	return write ? file_pwritev_wait(t, f, &u, pos, 0)
		     : file_preadv_wait(t, f, &u, pos, 0);
}

SYSCALL3(read, int fd, uaddr_t buf, size_t count)
{
	return rw_buffer(t, fd, buf, count, -1, false);
}

SYSCALL3(write, int fd, uaddr_t buf, size_t count)
{
	return rw_buffer(t, fd, buf, count, -1, true);
}

SYSCALL4(pread64, int fd, uaddr_t buf, size_t count, int64_t pos)
{
	return pos < 0 ? -EINVAL : rw_buffer(t, fd, buf, count, pos, false);
}

SYSCALL4(pwrite64, int fd, uaddr_t buf, size_t count, int64_t pos)
{
	return pos < 0 ? -EINVAL : rw_buffer(t, fd, buf, count, pos, true);
}

static int64_t rw_vector(struct task *t, int fd, uaddr_t iov, uint64_t n, int64_t pos,
			 unsigned rwf, bool write)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct uio u;
	int64_t r;

	r = lookup_rw(t, fd, pos, write, &f);
	if (r)
		return r;
	r = uio_init_iovec(&u, &t->mem, iov, n);
	if (r)
		return r;
	/* Where there is nothing to move nobody looks at the flags. */
	if (!u.left)
		rwf &= LX_RWF_ALL;
	if (rwf & ~(unsigned)LX_RWF_ALL)
		r = -EOPNOTSUPP;
	else
		r = write ? file_pwritev_wait(t, f, &u, pos, rwf)
			  : file_preadv_wait(t, f, &u, pos, rwf);
	uio_done(&u);
	return r;
}

SYSCALL3(readv, int fd, uaddr_t iov, uint64_t n)
{
	return rw_vector(t, fd, iov, n, -1, 0, false);
}

SYSCALL3(writev, int fd, uaddr_t iov, uint64_t n)
{
	return rw_vector(t, fd, iov, n, -1, 0, true);
}

/* The upper half of the position is a leftover of 32-bit callers: it falls off. */
SYSCALL5(preadv, int fd, uaddr_t iov, uint64_t n, int64_t pos, uint64_t unused)
{
	(void)unused;
	return pos < 0 ? -EINVAL : rw_vector(t, fd, iov, n, pos, 0, false);
}

SYSCALL5(pwritev, int fd, uaddr_t iov, uint64_t n, int64_t pos, uint64_t unused)
{
	(void)unused;
	return pos < 0 ? -EINVAL : rw_vector(t, fd, iov, n, pos, 0, true);
}

SYSCALL6(preadv2, int fd, uaddr_t iov, uint64_t n, int64_t pos, uint64_t unused,
	 unsigned rwf)
{
	(void)unused;
	return pos < -1 ? -EINVAL : rw_vector(t, fd, iov, n, pos, rwf, false);
}

SYSCALL6(pwritev2, int fd, uaddr_t iov, uint64_t n, int64_t pos, uint64_t unused,
	 unsigned rwf)
{
	(void)unused;
	return pos < -1 ? -EINVAL : rw_vector(t, fd, iov, n, pos, rwf, true);
}

SYSCALL3(lseek, int fd, int64_t off, unsigned whence)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup(t->files, fd, &f);

	if (r)
		return r;
	return whence > LX_SEEK_HOLE ? -EINVAL : file_lseek(f, off, (int)whence);
}
