// SPDX-License-Identifier: Apache-2.0
/*
 * Names: link, unlink, symlink, readlink, rename, mknod.
 * Source: link(2), unlink(2), symlink(2), readlink(2), rename(2), mknod(2).
 */
#include "fs/namei.h"
#include "sentry/syscall/path_args.h"

static int64_t link_at(struct task *t, int old_fd, uaddr_t old_name, int new_fd,
		       uaddr_t new_name, int at_flags)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path old = {0};
	AUTO_PATH_ARG struct path_arg new = {0};
	int r;

	if (at_flags & ~(LX_AT_SYMLINK_FOLLOW | LX_AT_EMPTY_PATH))
		return -EINVAL;
	/* A descriptor alone is not enough to bring a file back into the tree. */
	if (at_flags & LX_AT_EMPTY_PATH && !task_capable(t, LX_CAP_DAC_READ_SEARCH))
		return -ENOENT;
	task_vfs_ctx(t, &c);
	r = path_at(t, &c, old_fd, old_name,
		    (at_flags & LX_AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) |
			    (at_flags & LX_AT_EMPTY_PATH ? LOOKUP_EMPTY : 0),
		    &old);
	if (!r)
		r = path_arg(t, new_fd, new_name, &new);
	return r ? r : vfs_link(&c, old, new.base, new.name);
}

SYSCALL2(link, uaddr_t old_name, uaddr_t new_name)
{
	return link_at(t, LX_AT_FDCWD, old_name, LX_AT_FDCWD, new_name, 0);
}

SYSCALL5(linkat, int old_fd, uaddr_t old_name, int new_fd, uaddr_t new_name, int at_flags)
{
	return link_at(t, old_fd, old_name, new_fd, new_name, at_flags);
}

static int64_t unlink_at(struct task *t, int dirfd, uaddr_t name, bool dir)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH_ARG struct path_arg a = {0};
	int r = path_arg(t, dirfd, name, &a);

	if (r)
		return r;
	task_vfs_ctx(t, &c);
	return dir ? vfs_rmdir(&c, a.base, a.name) : vfs_unlink(&c, a.base, a.name);
}

SYSCALL1(unlink, uaddr_t name)
{
	return unlink_at(t, LX_AT_FDCWD, name, false);
}

SYSCALL3(unlinkat, int dirfd, uaddr_t name, int at_flags)
{
	if (at_flags & ~LX_AT_REMOVEDIR)
		return -EINVAL;
	return unlink_at(t, dirfd, name, at_flags & LX_AT_REMOVEDIR);
}

static int64_t symlink_at(struct task *t, uaddr_t target, int dirfd, uaddr_t name)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH_ARG struct path_arg a = {0};
	AUTO_FREE char *text = NULL;
	int r = path_from_user(t, target, &text);

	if (!r && !*text)
		r = -ENOENT;
	if (!r)
		r = path_arg(t, dirfd, name, &a);
	if (r)
		return r;
	task_vfs_ctx(t, &c);
	return vfs_symlink(&c, text, a.base, a.name);
}

SYSCALL2(symlink, uaddr_t target, uaddr_t name)
{
	return symlink_at(t, target, LX_AT_FDCWD, name);
}

SYSCALL3(symlinkat, uaddr_t target, int dirfd, uaddr_t name)
{
	return symlink_at(t, target, dirfd, name);
}

static int64_t readlink_at(struct task *t, int dirfd, uaddr_t name, uaddr_t out, int size)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH_ARG struct path_arg a = {0};
	AUTO_PATH struct path p = {0};
	char buf[LX_PATH_MAX];
	ssize_t n;
	int r;

	if (size <= 0)
		return -EINVAL;
	task_vfs_ctx(t, &c);
	r = path_arg_empty_ok(t, dirfd, name, &a);
	if (!r)
		r = path_lookup(&c, a.base, a.name, LOOKUP_EMPTY, &p);
	if (r)
		return r;
	/* An empty name is the descriptor of a symlink itself, or nothing. */
	if (!*a.name && (!a.base || !LX_S_ISLNK(dentry_inode(p.dentry)->mode)))
		return -ENOENT;
	n = vfs_readlink(&c, p, buf, min_t(size_t, (size_t)size, sizeof(buf)));
	if (n < 0)
		return n;
	return copy_to_user(&t->mem, out, buf, (size_t)n) ? -EFAULT : n;
}

SYSCALL3(readlink, uaddr_t name, uaddr_t out, int size)
{
	return readlink_at(t, LX_AT_FDCWD, name, out, size);
}

SYSCALL4(readlinkat, int dirfd, uaddr_t name, uaddr_t out, int size)
{
	return readlink_at(t, dirfd, name, out, size);
}

static int64_t rename_at(struct task *t, int old_fd, uaddr_t old_name, int new_fd,
			 uaddr_t new_name, unsigned flags)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH_ARG struct path_arg old = {0};
	AUTO_PATH_ARG struct path_arg new = {0};
	int r;

	if (flags & ~(unsigned)(LX_RENAME_NOREPLACE | LX_RENAME_EXCHANGE |
				LX_RENAME_WHITEOUT) ||
	    (flags & LX_RENAME_EXCHANGE &&
	     flags & (LX_RENAME_NOREPLACE | LX_RENAME_WHITEOUT)))
		return -EINVAL;
	r = path_arg(t, old_fd, old_name, &old);
	if (!r)
		r = path_arg(t, new_fd, new_name, &new);
	if (r)
		return r;
	task_vfs_ctx(t, &c);
	return vfs_rename(&c, old.base, old.name, new.base, new.name, flags);
}

SYSCALL2(rename, uaddr_t old_name, uaddr_t new_name)
{
	return rename_at(t, LX_AT_FDCWD, old_name, LX_AT_FDCWD, new_name, 0);
}

SYSCALL4(renameat, int old_fd, uaddr_t old_name, int new_fd, uaddr_t new_name)
{
	return rename_at(t, old_fd, old_name, new_fd, new_name, 0);
}

SYSCALL5(renameat2, int old_fd, uaddr_t old_name, int new_fd, uaddr_t new_name,
	 unsigned flags)
{
	return rename_at(t, old_fd, old_name, new_fd, new_name, flags);
}

static int64_t mknod_at(struct task *t, int dirfd, uaddr_t name, uint32_t mode,
			unsigned dev)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH_ARG struct path_arg a = {0};
	int r = path_arg(t, dirfd, name, &a);

	if (r)
		return r;
	task_vfs_ctx(t, &c);
	/* The 32-bit device number has the low half of the 64-bit layout. */
	return vfs_mknod(&c, a.base, a.name, mode, dev, NULL);
}

SYSCALL3(mknod, uaddr_t name, uint32_t mode, unsigned dev)
{
	return mknod_at(t, LX_AT_FDCWD, name, mode, dev);
}

SYSCALL4(mknodat, int dirfd, uaddr_t name, uint32_t mode, unsigned dev)
{
	return mknod_at(t, dirfd, name, mode, dev);
}
