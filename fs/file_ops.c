// SPDX-License-Identifier: Apache-2.0
/*
 * The one wrapper of each file_ops slot but read and write (file.c), with its common
 * checks: position, polling, directories, ioctl, fsync, fallocate, mapping.
 *
 * Source: lseek(2), getdents(2), fallocate(2), fsync(2), mmap(2).
 */
#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "sentry/mm/mm.h"

/* --- position --------------------------------------------------------------------- */

int64_t file_generic_lseek(struct file *f, int64_t off, int whence, uint64_t size)
{
	int64_t base = 0, pos;

	switch (whence) {
	case LX_SEEK_SET:
		break;
	case LX_SEEK_CUR:
		base = f->pos;
		break;
	case LX_SEEK_END:
		base = (int64_t)size;
		break;
	default:
		/* All data, and the hole behind the end. */
		if (off < 0 || (uint64_t)off >= size)
			return -ENXIO;
		return whence == LX_SEEK_DATA ? off : (int64_t)size;
	}
	return add_ok(base, off, &pos) && pos >= 0 ? pos : -EINVAL;
}

static int64_t lseek_by_size(struct file *f, int64_t off, int whence)
{
	struct kstat st = {0};
	int r = 0;

	if (whence >= LX_SEEK_END)
		r = vfs_getattr(f->path, LX_STATX_SIZE, &st);
	return r ? r : file_generic_lseek(f, off, whence, st.size);
}

int64_t file_lseek(struct file *f, int64_t off, int whence)
{
	int64_t pos;

	if (f->mode & FMODE_PATH)
		return -EBADF;
	/* A stream may say that it is at 0 wherever one seeks. */
	if ((f->mode & FMODE_STREAM && !f->ops->lseek) || !(f->mode & FMODE_LSEEK))
		return -ESPIPE;
	if (whence < LX_SEEK_SET || whence > LX_SEEK_HOLE)
		return -EINVAL;
	mutex_lock(&f->pos_lock);
	pos = f->ops->lseek ? f->ops->lseek(f, off, whence)
			    : lseek_by_size(f, off, whence);
	if (pos >= 0 && LX_S_ISREG(f->inode->mode) &&
	    (uint64_t)pos > f->inode->sb->max_bytes)
		pos = -EINVAL;
	if (pos >= 0)
		f->pos = pos;
	mutex_unlock(&f->pos_lock);
	return pos;
}

/* --- the rest --------------------------------------------------------------------- */

uint32_t file_poll(struct file *f, struct poll_table *pt)
{
	if (!f->ops->poll)
		return LX_POLL_IN_MASK | LX_POLL_OUT_MASK;
	return f->ops->poll(f, pt);
}

int file_iterate(struct file *f, struct dir_sink *sink)
{
	int r;

	if (f->mode & FMODE_PATH || !(f->mode & FMODE_READ))
		return -EBADF;
	if (!f->ops->iterate)
		return -ENOTDIR;
	mutex_lock(&f->pos_lock);
	r = f->inode->dead ? -ENOENT : f->ops->iterate(f, sink);
	mutex_unlock(&f->pos_lock);
	if (!r) {
		fs_notify(f->inode, f->path.dentry, FS_NOTIFY_ACCESS | FS_NOTIFY_ISDIR,
			  0);
		file_accessed(f);
	}
	return r;
}

int64_t file_ioctl(struct file *f, struct task *t, const struct umem *u, unsigned cmd,
		   uint64_t arg)
{
	int64_t r = f->ops->ioctl ? f->ops->ioctl(f, t, u, cmd, arg) : -ENOTTY;

	return r == -ENOIOCTLCMD ? -ENOTTY : r;
}

int file_fsync(struct file *f, int64_t start, int64_t end, bool data_only)
{
	if (f->mode & FMODE_PATH)
		return -EBADF;
	if (f->ops->fsync)
		return f->ops->fsync(f, start, end, data_only);
	/* What cannot be on a disk cannot be synced; directories and files here can. */
	return LX_S_ISREG(f->inode->mode) || LX_S_ISDIR(f->inode->mode) ||
			       LX_S_ISBLK(f->inode->mode)
		       ? 0
		       : -EINVAL;
}

/* One kind of change, and whether KEEP_SIZE may, must or must not stand beside it. */
static int check_fallocate_mode(int mode)
{
	bool keep = mode & LX_FALLOC_FL_KEEP_SIZE;

	switch (mode & ~LX_FALLOC_FL_KEEP_SIZE) {
	case 0:
	case LX_FALLOC_FL_ZERO_RANGE:
	case LX_FALLOC_FL_UNSHARE_RANGE:
		return 0;
	case LX_FALLOC_FL_PUNCH_HOLE:
		return keep ? 0 : -EOPNOTSUPP;
	case LX_FALLOC_FL_COLLAPSE_RANGE:
	case LX_FALLOC_FL_INSERT_RANGE:
		return keep ? -EOPNOTSUPP : 0;
	default:
		return -EOPNOTSUPP;
	}
}

int file_fallocate(const struct vfs_ctx *c, struct file *f, int mode, int64_t off,
		   int64_t len)
{
	int64_t end;
	int r;

	if (off < 0 || len <= 0)
		return -EINVAL;
	r = check_fallocate_mode(mode);
	if (r)
		return r;
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (LX_S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (LX_S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (!LX_S_ISREG(f->inode->mode) && !LX_S_ISBLK(f->inode->mode))
		return -ENODEV;
	if (!add_ok(off, len, &end) || (uint64_t)end > f->inode->sb->max_bytes)
		return -EFBIG;
	if (!f->ops->fallocate)
		return -EOPNOTSUPP;
	if (!(mode & LX_FALLOC_FL_KEEP_SIZE) && (uint64_t)end > c->fsize_limit) {
		struct kstat st;

		r = vfs_getattr(f->path, LX_STATX_SIZE, &st);
		if (r || (uint64_t)end > st.size)
			return r ? r : -EFBIG;
	}
	r = file_kill_priv(c, f);
	if (!r)
		r = f->ops->fallocate(f, mode, off, len);
	if (!r)
		fs_notify(f->inode, f->path.dentry, FS_NOTIFY_MODIFY, 0);
	return r;
}

int file_mappable(struct file *f, unsigned vm_flags, uint64_t off, uint64_t size,
		  struct mappable **out, unsigned *may)
{
	struct mappable *m;
	int r;

	*out = NULL;
	*may = VM_MAYREAD | VM_MAYEXEC | VM_MAYWRITE | VM_MAYSHARE;
	if (!(f->mode & FMODE_READ) && !(f->mode & FMODE_EXEC))
		return -EACCES;
	if (vm_flags & VM_SHARED) {
		if (vm_flags & VM_WRITE && !(f->mode & FMODE_WRITE))
			return -EACCES;
		if (!(f->mode & FMODE_WRITE))
			*may &= ~(unsigned)VM_MAYWRITE;
	}
	if (mount_flags(f->path.mnt) & MNT_NOEXEC) {
		if (vm_flags & VM_EXEC)
			return -EPERM;
		*may &= ~(unsigned)VM_MAYEXEC;
	}
	if (f->ops->mmap) {
		r = f->ops->mmap(f, vm_flags, off, size, out);
	} else {
		m = f->inode->ops->mappable ? f->inode->ops->mappable(f->inode) : NULL;
		if (!m)
			return -ENODEV;
		m->ops->get(m);
		*out = m;
		r = 0;
	}
	if (!r)
		file_accessed(f);
	return r;
}
