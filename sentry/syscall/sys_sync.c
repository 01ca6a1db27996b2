// SPDX-License-Identifier: Apache-2.0
/*
 * Data on its way to storage and hints about it.
 * Source: sync(2), fsync(2), sync_file_range(2), posix_fadvise(2), readahead(2),
 * fallocate(2).
 */
#include "sentry/syscall/path_args.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/sigsend.h"

SYSCALL0(sync)
{
	vfs_sync(t->k);
	return 0;
}

SYSCALL1(syncfs, int fd)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct super *sb;
	int r = fd_lookup(t->files, fd, &f);

	if (r)
		return r;
	sb = f->path.dentry->sb;
	return sb->ops->sync ? sb->ops->sync(sb) : 0;
}

static int64_t sync_fd(struct task *t, int fd, bool data_only)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup(t->files, fd, &f);

	return r ? r : file_fsync(f, 0, INT64_MAX, data_only);
}

SYSCALL1(fsync, int fd)
{
	return sync_fd(t, fd, false);
}

SYSCALL1(fdatasync, int fd)
{
	return sync_fd(t, fd, true);
}

#define SYNC_FILE_RANGE_KNOWN 7

SYSCALL4(sync_file_range, int fd, int64_t off, int64_t len, unsigned flags)
{
	AUTO_PUT(file) struct file *f = NULL;
	uint32_t mode;
	int64_t end;
	int r;

	r = fd_lookup(t->files, fd, &f);
	if (r)
		return r;
	if (flags & ~(unsigned)SYNC_FILE_RANGE_KNOWN || off < 0 || len < 0 ||
	    !add_ok(off, len, &end))
		return -EINVAL;
	mode = f->inode->mode;
	if (!LX_S_ISREG(mode) && !LX_S_ISBLK(mode) && !LX_S_ISDIR(mode) &&
	    !LX_S_ISLNK(mode))
		return -ESPIPE;
	if (!flags)
		return 0;
	return file_fsync(f, off, len ? end - 1 : INT64_MAX, true);
}

enum {
	FADV_NORMAL,
	FADV_RANDOM,
	FADV_SEQUENTIAL,
	FADV_WILLNEED,
	FADV_DONTNEED,
	FADV_NOREUSE
};

/* Nothing here reads ahead: valid advice is taken and not needed. */
SYSCALL4(fadvise64, int fd, int64_t off, int64_t len, int advice)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup(t->files, fd, &f);

	(void)off;
	if (r)
		return r;
	if (LX_S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	return len < 0 || advice < FADV_NORMAL || advice > FADV_NOREUSE ? -EINVAL : 0;
}

SYSCALL3(readahead, int fd, int64_t off, size_t count)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup(t->files, fd, &f);

	(void)off;
	(void)count;
	if (r)
		return r;
	if (!(f->mode & FMODE_READ))
		return -EBADF;
	return LX_S_ISREG(f->inode->mode) || LX_S_ISBLK(f->inode->mode) ? 0 : -EINVAL;
}

SYSCALL4(fallocate, int fd, int mode, int64_t off, int64_t len)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup(t->files, fd, &f);
	int64_t end;

	if (r)
		return r;
	task_vfs_ctx(t, &c);
	r = file_fallocate(&c, f, mode, off, len);
	if (r == -EFBIG && add_ok(off, len, &end) && (uint64_t)end > c.fsize_limit)
		sigsend_self(t, LX_SIGXFSZ);
	return r;
}
