// SPDX-License-Identifier: Apache-2.0
/*
 * ioctl(2): what every descriptor answers alike; the rest is the file's. Programs live by
 * the errors here: nine of ten ioctls ask whether something is a terminal.
 */
#include "fs/fasync.h"
#include "fs/namei.h"
#include "fs/vfs.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/fdtable.h"

enum {
	FIGETBSZ = 2,
	FIONREAD = 0x541b,
	FIONBIO = 0x5421,
	FIONCLEX = 0x5450,
	FIOCLEX = 0x5451,
	FIOASYNC = 0x5452,
	FIOQSIZE = 0x5460,
};
#define FICLONE	     0x40049409u
#define FICLONERANGE 0x4020940du

struct clone_range {
	int64_t src_fd;
	uint64_t src_off, src_len, dest_off;
};

/* One status flag by a guest's int. FASYNC is for files that have events to tell. */
static int64_t set_flag(struct task *t, struct file *f, int fd, unsigned flag,
			uaddr_t from)
{
	unsigned old = atomic_load(&f->flags), new;
	int32_t on;
	int r;

	if (get_user(&t->mem, on, from))
		return -EFAULT;
	new = on ? old | flag : old & ~flag;
	if (flag == LX_FASYNC && new != old &&
	    (LX_S_ISREG(f->inode->mode) || LX_S_ISDIR(f->inode->mode) ||
	     f->ops->no_async))
		return -ENOTTY;
	r = f->ops->setfl ? f->ops->setfl(f, (int)new) : 0;
	if (r)
		return r;
	if (on)
		atomic_fetch_or(&f->flags, flag);
	else
		atomic_fetch_and(&f->flags, ~flag);
	return flag == LX_FASYNC && new != old ? fasync_set(f, fd, on) : 0;
}

/* FIOQSIZE: what the file takes, not how long it is. */
static int64_t put_size(struct task *t, struct file *f, uaddr_t to)
{
	uint32_t mode = f->inode->mode;
	struct kstat st;
	int64_t size;
	int r;

	if (!LX_S_ISREG(mode) && !LX_S_ISDIR(mode))
		return -ENOTTY;
	r = vfs_getattr(f->path, LX_STATX_BASIC_STATS, &st);
	size = (int64_t)st.blocks * 512;
	return r ? r : put_user(&t->mem, to, size);
}

static int64_t put_block_size(struct task *t, struct file *f, uaddr_t to)
{
	struct kstat st;
	int32_t size;
	int r = vfs_getattr(f->path, LX_STATX_BASIC_STATS, &st);

	size = (int32_t)st.blksize;
	return r ? r : put_user(&t->mem, to, size);
}

/* Of a regular file: from the position to its end, which may be behind it. */
static int64_t put_left(struct task *t, struct file *f, uaddr_t to)
{
	struct kstat st;
	int32_t left;
	int r = vfs_getattr(f->path, LX_STATX_SIZE, &st);

	if (r)
		return r;
	left = (int32_t)((int64_t)st.size - file_lseek(f, 0, LX_SEEK_CUR));
	return put_user(&t->mem, to, left);
}

/* No file system here shares blocks between files; the usual errors come first. */
static int64_t clone_file(struct task *t, struct file *to, int64_t src_fd)
{
	AUTO_PUT(file) struct file *from = NULL;
	int r = fd_lookup(t->files, (int)src_fd, &from);

	if (r)
		return r;
	if (!(from->mode & FMODE_READ) || !(to->mode & FMODE_WRITE) ||
	    (atomic_load(&to->flags) & LX_O_APPEND))
		return -EBADF;
	if (LX_S_ISDIR(from->inode->mode) || LX_S_ISDIR(to->inode->mode))
		return -EISDIR;
	if (!LX_S_ISREG(from->inode->mode) || !LX_S_ISREG(to->inode->mode))
		return -EINVAL;
	return from->inode->sb == to->inode->sb ? -EOPNOTSUPP : -EXDEV;
}

static int64_t clone_range(struct task *t, struct file *to, uaddr_t arg)
{
	struct clone_range cr;

	return get_user(&t->mem, cr, arg) ? -EFAULT : clone_file(t, to, cr.src_fd);
}

SYSCALL3(ioctl, int fd, unsigned cmd, uint64_t arg)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup(t->files, fd, &f);

	if (r)
		return r;
	switch (cmd) {
	case FIOCLEX:
		return fd_set_flags(t->files, fd, LX_FD_CLOEXEC);
	case FIONCLEX:
		return fd_set_flags(t->files, fd, 0);
	case FIONBIO:
		return set_flag(t, f, fd, LX_O_NONBLOCK, arg);
	case FIOASYNC:
		return set_flag(t, f, fd, LX_FASYNC, arg);
	case FIOQSIZE:
		return put_size(t, f, arg);
	case FIGETBSZ:
		return put_block_size(t, f, arg);
	case FICLONE:
		return clone_file(t, f, (int)arg);
	case FICLONERANGE:
		return clone_range(t, f, arg);
	case FIONREAD:
		if (LX_S_ISREG(f->inode->mode))
			return put_left(t, f, arg);
		break;
	}
	return file_ioctl(f, t, &t->mem, cmd, arg);
}
