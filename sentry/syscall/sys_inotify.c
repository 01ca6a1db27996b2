// SPDX-License-Identifier: Apache-2.0
/* inotify_init, inotify_add_watch, inotify_rm_watch. Source: inotify(7). */
#include "fs/anon/inotify.h"
#include "fs/namei.h"
#include "sentry/base/alloc.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"

SYSCALL1(inotify_init1, int flags)
{
	struct file *f;
	int r;

	if (flags & ~(LX_O_CLOEXEC | LX_O_NONBLOCK))
		return -EINVAL;
	r = inotify_create(t->k, flags & LX_O_NONBLOCK, t->cred, &f);
	if (r)
		return r;
	r = fd_install(t, f, 0, flags & LX_O_CLOEXEC ? LX_FD_CLOEXEC : 0);
	if (r < 0)
		file_put(f);
	return r;
}

SYSCALL0(inotify_init)
{
	return do_inotify_init1(t, 0);
}

static int inotify_lookup(struct task *t, int fd, struct file **out)
{
	int r = fd_lookup(t->files, fd, out);

	if (r || file_is_inotify(*out))
		return r;
	file_put(*out);
	*out = NULL;
	return -EINVAL;
}

SYSCALL3(inotify_add_watch, int fd, uaddr_t uname, uint32_t mask)
{
	AUTO_PUT(file) struct file *f = NULL;
	AUTO_FREE char *name = NULL;
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	int r;

	if (!(mask & LX_IN_ALL_EVENTS) ||
	    (mask & LX_IN_MASK_ADD && mask & LX_IN_MASK_CREATE))
		return -EINVAL;
	task_vfs_ctx(t, &c);
	r = inotify_lookup(t, fd, &f);
	if (!r)
		r = path_from_user(t, uname, &name);
	if (!r)
		r = path_lookup(&c, NULL, name,
				(mask & LX_IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) |
					(mask & LX_IN_ONLYDIR ? LOOKUP_DIRECTORY : 0),
				&p);
	if (!r)
		r = inode_permission(&c, dentry_inode(p.dentry), MAY_READ);
	return r ? r : inotify_add(f, dentry_inode(p.dentry), mask);
}

SYSCALL2(inotify_rm_watch, int fd, int wd)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r = inotify_lookup(t, fd, &f);

	return r ? r : inotify_remove(f, wd);
}
