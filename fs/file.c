// SPDX-License-Identifier: Apache-2.0
/*
 * Open file descriptions, and reading and writing: the one wrapper of these slots with
 * the common checks: mode, position, limits, notify. The other slots' wrappers:
 * file_ops.c.
 *
 *	alloc (ref 1) -> open -> read, write, ... -> last put: locks, epoll, release
 *
 * Source: read(2), write(2), pread(2).
 */
#include "fs/epoll.h"
#include "fs/fasync.h"
#include "fs/internal.h"
#include "fs/lock.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "sentry/task/sigsend.h"

static unsigned mode_for(int flags)
{
	unsigned mode = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;

	if (flags & LX_O_NOCTTY)
		mode |= FMODE_NOCTTY;
	if (flags & LX_O_PATH)
		return FMODE_PATH;
	switch (flags & LX_O_ACCMODE) {
	case LX_O_RDONLY:
		return mode | FMODE_READ;
	case LX_O_WRONLY:
		return mode | FMODE_WRITE;
	case LX_O_RDWR:
		return mode | FMODE_READ | FMODE_WRITE;
	default: /* 3: neither, for ioctl only */
		return mode;
	}
}

int file_alloc(struct kernel *k, struct path path, int flags, const struct file_ops *ops,
	       const struct cred *cred, struct file **out)
{
	struct vfs *v = kernel_vfs(k);
	struct file *f = NULL;
	int r = 0;

	*out = NULL;
	if (atomic_fetch_add(&v->n_files, 1) >= v->files_limit && cred &&
	    !cred_init_capable(cred, LX_CAP_SYS_ADMIN))
		r = -ENFILE;
	else if (!(f = mem_zalloc(sizeof(*f))))
		r = -ENOMEM;
	if (r) {
		atomic_fetch_sub(&v->n_files, 1);
		path_put(path);
		return r;
	}
	refcount_init(&f->ref);
	f->ops = ops;
	f->path = path;
	f->inode = inode_get(dentry_inode(path.dentry));
	atomic_init(&f->flags,
		    (unsigned)flags & ~(unsigned)(LX_O_CREAT | LX_O_EXCL | LX_O_NOCTTY |
						  LX_O_TRUNC | LX_O_CLOEXEC));
	f->mode = mode_for(flags);
	f->cred = cred ? cred_get(cred) : NULL;
	mutex_init(&f->pos_lock, LOCK_FILE_POS);
	mutex_init(&f->lock, LOCK_LEAF);
	list_init(&f->epoll_items);
	f->id = atomic_fetch_add(&v->next_file_id, 1) + 1;
	*out = f;
	return 0;
}

void file_count_writer(struct file *f)
{
	f->mode |= FMODE_WRITE_COUNTED;
	atomic_fetch_add(&f->inode->sb->n_writers, 1);
	if (f->path.mnt)
		atomic_fetch_add(&f->path.mnt->n_writers, 1);
}

static void uncount_writer(struct file *f)
{
	inode_put_write(f->inode);
	atomic_fetch_sub(&f->inode->sb->n_writers, 1);
	if (f->path.mnt)
		atomic_fetch_sub(&f->path.mnt->n_writers, 1);
}

struct file *file_get(struct file *f)
{
	refcount_inc(&f->ref);
	return f;
}

void file_put(struct file *f)
{
	struct vfs *v = super_vfs(f->inode->sb);

	if (!refcount_dec(&f->ref))
		return;
	if (f->ops) {
		if (!(f->mode & (FMODE_PATH | FMODE_NONOTIFY)))
			fs_notify(f->inode, f->path.dentry,
				  (f->mode & FMODE_WRITE ? FS_NOTIFY_CLOSE_WRITE
							 : FS_NOTIFY_CLOSE_NOWRITE) |
					  (LX_S_ISDIR(f->inode->mode) ? FS_NOTIFY_ISDIR
								      : 0),
				  0);
		epoll_file_closed(f);
		fasync_file_closed(f);
		file_release_locks(f);
		if (f->ops->release)
			f->ops->release(f);
	}
	if (f->mode & FMODE_WRITE_COUNTED)
		uncount_writer(f);
	if (f->mode & FMODE_DENY_WRITE)
		inode_allow_write(f->inode);
	if (f->owner.pid)
		pid_put(f->owner.pid);
	inode_put(f->inode);
	path_put(f->path);
	if (f->cred)
		cred_put(f->cred);
	mutex_destroy(&f->pos_lock);
	mutex_destroy(&f->lock);
	mem_free(f);
	atomic_fetch_sub(&v->n_files, 1);
}

/* --- reading and writing ------------------------------------------------------------ */

/* What slots get beside RWF_*: without the access mode, whose bits are RWF_'s too. */
static unsigned file_flags(struct file *f)
{
	return atomic_load_explicit(&f->flags, memory_order_relaxed) &
	       ~(unsigned)LX_O_ACCMODE;
}

static int check_rwf(unsigned rwf)
{
	if (rwf & ~(unsigned)LX_RWF_ALL)
		return -EOPNOTSUPP;
	return rwf & LX_RWF_APPEND && rwf & LX_RWF_NOAPPEND ? -EINVAL : 0;
}

static void clamp(struct uio *u)
{
	if (u->left > LX_MAX_RW_COUNT)
		u->left = LX_MAX_RW_COUNT;
}

static int check_read(struct file *f, unsigned rwf)
{
	if (!(f->mode & FMODE_READ))
		return -EBADF;
	if (f->ops->iterate && !f->ops->read)
		return -EISDIR;
	if (!f->ops->read)
		return -EINVAL;
	return check_rwf(rwf);
}

/* Positions are signed 64 bits: nothing ends beyond. */
static int check_pos(struct uio *u, int64_t pos)
{
	int64_t end;

	return pos >= 0 && add_ok(pos, (int64_t)u->left, &end) ? 0 : -EINVAL;
}

static ssize_t do_read(struct file *f, struct uio *u, int64_t pos, unsigned rwf)
{
	ssize_t n = f->ops->read(f, u, pos, rwf | file_flags(f));

	if (n > 0 && !(f->mode & FMODE_NONOTIFY))
		fs_notify(f->inode, f->path.dentry, FS_NOTIFY_ACCESS, 0);
	if (n >= 0)
		file_accessed(f);
	return n;
}

ssize_t file_read(struct file *f, struct uio *u, unsigned rwf)
{
	ssize_t n;
	int r = check_read(f, rwf);

	if (r)
		return r;
	clamp(u);
	if (f->mode & FMODE_STREAM)
		return do_read(f, u, 0, rwf);
	mutex_lock(&f->pos_lock);
	n = check_pos(u, f->pos);
	if (!n)
		n = do_read(f, u, f->pos, rwf);
	if (n > 0)
		f->pos += n;
	mutex_unlock(&f->pos_lock);
	return n;
}

ssize_t file_pread(struct file *f, struct uio *u, int64_t pos, unsigned rwf)
{
	int r = check_read(f, rwf);

	if (pos < 0)
		return -EINVAL;
	if (f->mode & FMODE_STREAM || !(f->mode & FMODE_PREAD))
		return f->mode & FMODE_PATH ? -EBADF : -ESPIPE;
	if (r)
		return r;
	clamp(u);
	r = check_pos(u, pos);
	return r ? r : do_read(f, u, pos, rwf);
}

static int check_write(struct file *f, unsigned rwf)
{
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (!f->ops->write)
		return -EINVAL;
	return check_rwf(rwf);
}

/*
 * RLIMIT_FSIZE and the largest position: shortens @u, or -EFBIG when nothing may be
 * written. @cut: what was cut off, to be given back.
 */
static int limit_write(const struct vfs_ctx *c, struct file *f, struct uio *u,
		       int64_t pos, size_t *cut)
{
	uint64_t max = f->inode->sb->max_bytes;
	uint64_t start = (uint64_t)pos;

	*cut = 0;
	if (!LX_S_ISREG(f->inode->mode) || !u->left)
		return 0;
	if (c && c->fsize_limit < max)
		max = c->fsize_limit;
	if (start >= max)
		return -EFBIG;
	if (u->left > max - start) {
		*cut = u->left - (size_t)(max - start);
		u->left = (size_t)(max - start);
	}
	return 0;
}

static ssize_t do_write(const struct vfs_ctx *c, struct file *f, struct uio *u,
			int64_t *pos, unsigned rwf)
{
	unsigned flags = file_flags(f);
	bool append = !(f->mode & FMODE_STREAM) && !(rwf & LX_RWF_NOAPPEND) &&
		      (flags & LX_O_APPEND || rwf & LX_RWF_APPEND);
	int64_t start = append ? (int64_t)atomic_load(&f->inode->size) : *pos;
	size_t cut = 0;
	ssize_t n;
	int r;

	if (append && f->inode->ops->getattr) {
		struct kstat st;

		r = vfs_getattr(f->path, LX_STATX_SIZE, &st);
		if (r)
			return r;
		start = (int64_t)st.size;
	}
	r = limit_write(c, f, u, start, &cut);
	if (!r && u->left)
		r = file_kill_priv(c, f);
	if (r)
		return r;
	flags = append ? flags | LX_O_APPEND : flags & ~(unsigned)LX_O_APPEND;
	n = f->ops->write(f, u, pos, flags | rwf);
	u->left += cut;
	if (n <= 0)
		return n;
	if (!(f->mode & FMODE_NONOTIFY))
		fs_notify(f->inode, f->path.dentry, FS_NOTIFY_MODIFY, 0);
	if ((flags & LX_O_DSYNC || rwf & (LX_RWF_DSYNC | LX_RWF_SYNC)) && f->ops->fsync) {
		bool data_only = (flags & LX_O_SYNC) != LX_O_SYNC && !(rwf & LX_RWF_SYNC);

		r = f->ops->fsync(f, *pos, *pos + n - 1, data_only);
		if (r)
			return r;
	}
	return n;
}

ssize_t file_write(const struct vfs_ctx *c, struct file *f, struct uio *u, unsigned rwf)
{
	int64_t pos = 0;
	ssize_t n;
	int r = check_write(f, rwf);

	if (r)
		return r;
	clamp(u);
	if (f->mode & FMODE_STREAM)
		return do_write(c, f, u, &pos, rwf);
	mutex_lock(&f->pos_lock);
	pos = f->pos;
	n = check_pos(u, pos);
	if (!n)
		n = do_write(c, f, u, &pos, rwf);
	if (n > 0)
		f->pos = pos + n;
	mutex_unlock(&f->pos_lock);
	return n;
}

ssize_t file_pwrite(const struct vfs_ctx *c, struct file *f, struct uio *u, int64_t pos,
		    unsigned rwf)
{
	int r = check_write(f, rwf);

	if (pos < 0)
		return -EINVAL;
	if (f->mode & FMODE_STREAM || !(f->mode & FMODE_PWRITE))
		return f->mode & FMODE_PATH ? -EBADF : -ESPIPE;
	if (r)
		return r;
	clamp(u);
	r = check_pos(u, pos);
	return r ? r : do_write(c, f, u, &pos, rwf);
}

ssize_t file_kernel_read(struct file *f, void *buf, size_t n, int64_t pos)
{
	size_t done = 0;

	if (!f->ops->read)
		return -ENOEXEC;
	while (done < n) {
		struct uio u;
		ssize_t r;

		uio_init_kernel(&u, (char *)buf + done, n - done);
		/* The slot itself: exec needs no read permission. */
		r = f->ops->read(f, &u, pos + (int64_t)done, 0);
		if (r < 0)
			return r;
		if (r == 0)
			return -ENOEXEC;
		done += (size_t)r;
	}
	return (ssize_t)n;
}
