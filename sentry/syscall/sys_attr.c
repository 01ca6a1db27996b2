// SPDX-License-Identifier: Apache-2.0
/*
 * Attributes of files: mode, owner, times, size.
 * Source: chmod(2), chown(2), utimensat(2), utime(2), truncate(2), umask(2).
 */
#include "fs/namei.h"
#include "sentry/syscall/path_args.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/sigsend.h"

static int64_t set_at(struct task *t, int dirfd, uaddr_t name, unsigned lookup,
		      struct iattr *a)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	int r;

	task_vfs_ctx(t, &c);
	r = path_at(t, &c, dirfd, name, lookup, &p);
	return r ? r : vfs_setattr(&c, p, a);
}

/* Through a descriptor; O_PATH ones will not do. */
static int64_t set_fd(struct task *t, int fd, struct iattr *a)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup(t->files, fd, &f);

	if (r)
		return r;
	task_vfs_ctx(t, &c);
	return vfs_setattr(&c, f->path, a);
}

/* --- mode -------------------------------------------------------------------- */

static struct iattr mode_attr(uint32_t mode)
{
	return (struct iattr){.valid = ATTR_MODE, .mode = mode & LX_S_IALLUGO};
}

SYSCALL2(chmod, uaddr_t name, uint32_t mode)
{
	struct iattr a = mode_attr(mode);

	return set_at(t, LX_AT_FDCWD, name, LOOKUP_FOLLOW, &a);
}

SYSCALL2(fchmod, int fd, uint32_t mode)
{
	struct iattr a = mode_attr(mode);

	return set_fd(t, fd, &a);
}

SYSCALL3(fchmodat, int dirfd, uaddr_t name, uint32_t mode)
{
	struct iattr a = mode_attr(mode);

	return set_at(t, dirfd, name, LOOKUP_FOLLOW, &a);
}

SYSCALL4(fchmodat2, int dirfd, uaddr_t name, uint32_t mode, int at_flags)
{
	struct iattr a = mode_attr(mode);

	if (at_flags & ~(LX_AT_SYMLINK_NOFOLLOW | LX_AT_EMPTY_PATH))
		return -EINVAL;
	return set_at(t, dirfd, name, lookup_from_at(at_flags), &a);
}

SYSCALL1(umask, uint32_t mask)
{
	struct fs_struct *fs = t->fs;
	uint32_t old;

	mutex_lock(&fs->lock);
	old = fs->umask;
	fs->umask = mask & 0777;
	mutex_unlock(&fs->lock);
	return old;
}

/* --- owner ------------------------------------------------------------------- */

static int owner_attr(struct task *t, uint32_t uid, uint32_t gid, struct iattr *a)
{
	*a = (struct iattr){.valid = ATTR_KILL_PRIV | ATTR_CTIME};
	if (uid != UINT32_MAX) {
		if (!user_ns_map_uid(t->cred->user_ns, uid, &a->uid))
			return -EINVAL;
		a->valid |= ATTR_UID;
	}
	if (gid != UINT32_MAX) {
		if (!user_ns_map_gid(t->cred->user_ns, gid, &a->gid))
			return -EINVAL;
		a->valid |= ATTR_GID;
	}
	return 0;
}

static int64_t chown_at(struct task *t, int dirfd, uaddr_t name, uint32_t uid,
			uint32_t gid, unsigned lookup)
{
	struct iattr a;
	int r = owner_attr(t, uid, gid, &a);

	return r ? r : set_at(t, dirfd, name, lookup, &a);
}

SYSCALL3(chown, uaddr_t name, uint32_t uid, uint32_t gid)
{
	return chown_at(t, LX_AT_FDCWD, name, uid, gid, LOOKUP_FOLLOW);
}

SYSCALL3(lchown, uaddr_t name, uint32_t uid, uint32_t gid)
{
	return chown_at(t, LX_AT_FDCWD, name, uid, gid, 0);
}

SYSCALL5(fchownat, int dirfd, uaddr_t name, uint32_t uid, uint32_t gid, int at_flags)
{
	if (at_flags & ~(LX_AT_SYMLINK_NOFOLLOW | LX_AT_EMPTY_PATH))
		return -EINVAL;
	return chown_at(t, dirfd, name, uid, gid, lookup_from_at(at_flags));
}

SYSCALL3(fchown, int fd, uint32_t uid, uint32_t gid)
{
	struct iattr a;
	int r = owner_attr(t, uid, gid, &a);

	return r ? r : set_fd(t, fd, &a);
}

/* --- times -------------------------------------------------------------------- */

static bool valid_nsec(int64_t nsec)
{
	return nsec == LX_UTIME_NOW || nsec == LX_UTIME_OMIT ||
	       (nsec >= 0 && nsec < 1000000000);
}

/* @ts NULL: now, which whoever may write the file is allowed. */
static struct iattr times_attr(const struct lx_timespec ts[2])
{
	struct iattr a = {.valid = ATTR_ATIME | ATTR_MTIME | ATTR_CTIME};

	if (!ts || (ts[0].nsec == LX_UTIME_NOW && ts[1].nsec == LX_UTIME_NOW))
		return a;
	if (ts[0].nsec == LX_UTIME_OMIT) {
		a.valid &= ~(unsigned)ATTR_ATIME;
	} else if (ts[0].nsec != LX_UTIME_NOW) {
		a.valid |= ATTR_ATIME_SET;
		a.atime = ts[0];
	}
	if (ts[1].nsec == LX_UTIME_OMIT) {
		a.valid &= ~(unsigned)ATTR_MTIME;
	} else if (ts[1].nsec != LX_UTIME_NOW) {
		a.valid |= ATTR_MTIME_SET;
		a.mtime = ts[1];
	}
	return a;
}

static int64_t utimes_at(struct task *t, int dirfd, uaddr_t name,
			 const struct lx_timespec *ts, int at_flags)
{
	struct iattr a = times_attr(ts);

	if (!name && dirfd != LX_AT_FDCWD)
		return at_flags ? -EINVAL : set_fd(t, dirfd, &a);
	return set_at(t, dirfd, name, lookup_from_at(at_flags), &a);
}

SYSCALL4(utimensat, int dirfd, uaddr_t name, uaddr_t times, int at_flags)
{
	struct lx_timespec ts[2];

	if (times) {
		if (copy_from_user(&t->mem, ts, times, sizeof(ts)))
			return -EFAULT;
		/* Nothing to change: not even the name is looked at. */
		if (ts[0].nsec == LX_UTIME_OMIT && ts[1].nsec == LX_UTIME_OMIT)
			return 0;
		if (!valid_nsec(ts[0].nsec) || !valid_nsec(ts[1].nsec))
			return -EINVAL;
	}
	if (at_flags & ~(LX_AT_SYMLINK_NOFOLLOW | LX_AT_EMPTY_PATH))
		return -EINVAL;
	return utimes_at(t, dirfd, name, times ? ts : NULL, at_flags);
}

/* struct timeval[2], as the older calls have it. */
static int64_t timevals_at(struct task *t, int dirfd, uaddr_t name, uaddr_t times)
{
	struct lx_timeval tv[2];
	struct lx_timespec ts[2];

	if (!times)
		return utimes_at(t, dirfd, name, NULL, 0);
	if (copy_from_user(&t->mem, tv, times, sizeof(tv)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].usec < 0 || tv[i].usec >= 1000000)
			return -EINVAL;
		ts[i] = (struct lx_timespec){tv[i].sec, tv[i].usec * 1000};
	}
	return utimes_at(t, dirfd, name, ts, 0);
}

SYSCALL2(utimes, uaddr_t name, uaddr_t times)
{
	return timevals_at(t, LX_AT_FDCWD, name, times);
}

SYSCALL3(futimesat, int dirfd, uaddr_t name, uaddr_t times)
{
	return timevals_at(t, dirfd, name, times);
}

SYSCALL2(utime, uaddr_t name, uaddr_t times)
{
	struct lx_timespec ts[2] = {{0}};
	int64_t sec[2];

	if (!times)
		return utimes_at(t, LX_AT_FDCWD, name, NULL, 0);
	if (copy_from_user(&t->mem, sec, times, sizeof(sec)))
		return -EFAULT;
	ts[0].sec = sec[0];
	ts[1].sec = sec[1];
	return utimes_at(t, LX_AT_FDCWD, name, ts, 0);
}

/* --- size --------------------------------------------------------------------- */

static int64_t after_limit(struct task *t, int64_t r, int64_t size)
{
	if (r == -EFBIG && (uint64_t)size > task_rlimit(t, LX_RLIMIT_FSIZE))
		sigsend_self(t, LX_SIGXFSZ);
	return r;
}

SYSCALL2(truncate, uaddr_t name, int64_t size)
{
	struct iattr a = {.valid = ATTR_SIZE, .size = (uint64_t)size};

	if (size < 0)
		return -EINVAL;
	return after_limit(t, set_at(t, LX_AT_FDCWD, name, LOOKUP_FOLLOW, &a), size);
}

SYSCALL2(ftruncate, int fd, int64_t size)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PUT(file) struct file *f = NULL;
	struct iattr a = {.valid = ATTR_SIZE | ATTR_FILE, .size = (uint64_t)size};
	int r;

	if (size < 0)
		return -EINVAL;
	r = fd_lookup(t->files, fd, &f);
	if (r)
		return r;
	if (!LX_S_ISREG(f->inode->mode) || !(f->mode & FMODE_WRITE))
		return -EINVAL;
	a.file = f;
	task_vfs_ctx(t, &c);
	return after_limit(t, vfs_setattr(&c, f->path, &a), size);
}
