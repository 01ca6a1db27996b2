// SPDX-License-Identifier: Apache-2.0
/* stat and its kin, access. Source: stat(2), statx(2), access(2). */
#include "fs/namei.h"
#include "sentry/syscall/path_args.h"
#include "sentry/task/fdtable.h"

static void fill_stat(struct task *t, const struct kstat *k, struct lx_stat *st)
{
	*st = (struct lx_stat){
		.dev = k->dev,
		.ino = k->ino,
		.nlink = k->nlink,
		.mode = k->mode,
		.uid = user_ns_unmap_uid(t->cred->user_ns, k->uid),
		.gid = user_ns_unmap_gid(t->cred->user_ns, k->gid),
		.rdev = k->rdev,
		.size = (int64_t)k->size,
		.blksize = k->blksize,
		.blocks = (int64_t)k->blocks,
		.atime = k->atime,
		.mtime = k->mtime,
		.ctime = k->ctime,
	};
}

static int64_t stat_path(struct task *t, struct path p, uaddr_t out)
{
	struct kstat k;
	struct lx_stat st;
	int r = vfs_getattr(p, LX_STATX_BASIC_STATS, &k);

	if (r)
		return r;
	fill_stat(t, &k, &st);
	return put_user(&t->mem, out, st);
}

static int64_t stat_at(struct task *t, int dirfd, uaddr_t name, int at_flags, uaddr_t out)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	int r;

	task_vfs_ctx(t, &c);
	r = path_at_or_fd(t, &c, dirfd, name, lookup_from_at(at_flags), &p);
	return r ? r : stat_path(t, p, out);
}

SYSCALL2(stat, uaddr_t name, uaddr_t out)
{
	return stat_at(t, LX_AT_FDCWD, name, 0, out);
}

SYSCALL2(lstat, uaddr_t name, uaddr_t out)
{
	return stat_at(t, LX_AT_FDCWD, name, LX_AT_SYMLINK_NOFOLLOW, out);
}

SYSCALL2(fstat, int fd, uaddr_t out)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup_path(t->files, fd, &f);

	return r ? r : stat_path(t, f->path, out);
}

SYSCALL4(newfstatat, int dirfd, uaddr_t name, uaddr_t out, int at_flags)
{
	if (at_flags & ~(LX_AT_SYMLINK_NOFOLLOW | LX_AT_NO_AUTOMOUNT | LX_AT_EMPTY_PATH |
			 LX_AT_STATX_SYNC_TYPE))
		return -EINVAL;
	return stat_at(t, dirfd, name, at_flags, out);
}

static struct lx_statx_timestamp to_statx_time(struct lx_timespec ts)
{
	return (struct lx_statx_timestamp){.sec = ts.sec, .nsec = (uint32_t)ts.nsec};
}

static void fill_statx(struct task *t, const struct kstat *k, struct lx_statx *sx)
{
	*sx = (struct lx_statx){
		.mask = k->mask,
		.blksize = k->blksize,
		.attributes = k->attributes,
		.nlink = k->nlink,
		.uid = user_ns_unmap_uid(t->cred->user_ns, k->uid),
		.gid = user_ns_unmap_gid(t->cred->user_ns, k->gid),
		.mode = (uint16_t)k->mode,
		.ino = k->ino,
		.size = k->size,
		.blocks = k->blocks,
		.attributes_mask = k->attributes_mask,
		.atime = to_statx_time(k->atime),
		.btime = to_statx_time(k->btime),
		.ctime = to_statx_time(k->ctime),
		.mtime = to_statx_time(k->mtime),
		.rdev_major = lx_major(k->rdev),
		.rdev_minor = lx_minor(k->rdev),
		.dev_major = lx_major(k->dev),
		.dev_minor = lx_minor(k->dev),
		.mnt_id = k->mnt_id,
	};
}

SYSCALL5(statx, int dirfd, uaddr_t name, int at_flags, unsigned mask, uaddr_t out)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	struct kstat k;
	struct lx_statx sx;
	int r;

	if (mask & LX_STATX__RESERVED ||
	    (at_flags & LX_AT_STATX_SYNC_TYPE) == LX_AT_STATX_SYNC_TYPE ||
	    at_flags & ~(LX_AT_SYMLINK_NOFOLLOW | LX_AT_NO_AUTOMOUNT | LX_AT_EMPTY_PATH |
			 LX_AT_STATX_SYNC_TYPE))
		return -EINVAL;
	task_vfs_ctx(t, &c);
	r = path_at_or_fd(t, &c, dirfd, name, lookup_from_at(at_flags), &p);
	if (!r)
		r = vfs_getattr(p, mask, &k);
	if (r)
		return r;
	fill_statx(t, &k, &sx);
	return put_user(&t->mem, out, sx);
}

/* --- access ---------------------------------------------------------------------- */

#define SECBIT_NO_SETUID_FIXUP 4

/* The caller with its real ids in the place of the effective ones. */
static struct cred *real_cred(const struct cred *cred)
{
	struct cred *c = cred_dup(cred);

	if (!c)
		return NULL;
	c->fsuid = c->uid;
	c->fsgid = c->gid;
	if (!(c->securebits & SECBIT_NO_SETUID_FIXUP)) {
		uint32_t root = 0;

		if (user_ns_map_uid(c->user_ns, 0, &root) && c->uid == root)
			c->cap_effective = c->cap_permitted;
		else
			c->cap_effective = 0;
	}
	return c;
}

static int64_t access_at(struct task *t, int dirfd, uaddr_t name, int mode, int at_flags)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	struct cred *real = NULL;
	int r;

	if (mode & ~(MAY_READ | MAY_WRITE | MAY_EXEC) ||
	    at_flags & ~(LX_AT_EACCESS | LX_AT_SYMLINK_NOFOLLOW | LX_AT_EMPTY_PATH))
		return -EINVAL;
	task_vfs_ctx(t, &c);
	if (!(at_flags & LX_AT_EACCESS)) {
		real = real_cred(t->cred);
		if (!real)
			return -ENOMEM;
		c.cred = real;
	}
	r = path_at(t, &c, dirfd, name, lookup_from_at(at_flags), &p);
	if (!r)
		r = vfs_access(&c, p, (unsigned)mode);
	if (real)
		cred_put(real);
	return r;
}

SYSCALL2(access, uaddr_t name, int mode)
{
	return access_at(t, LX_AT_FDCWD, name, mode, 0);
}

SYSCALL3(faccessat, int dirfd, uaddr_t name, int mode)
{
	return access_at(t, dirfd, name, mode, 0);
}

SYSCALL4(faccessat2, int dirfd, uaddr_t name, int mode, int at_flags)
{
	return access_at(t, dirfd, name, mode, at_flags);
}
