// SPDX-License-Identifier: Apache-2.0
/* statfs, fstatfs, ustat. Source: statfs(2), ustat(2). */
#include "fs/namei.h"
#include "sentry/syscall/path_args.h"
#include "sentry/task/fdtable.h"

static int64_t give(struct task *t, struct path p, uaddr_t out)
{
	struct lx_statfs st;
	int r = vfs_statfs(p, &st);

	return r ? r : put_user(&t->mem, out, st);
}

SYSCALL2(statfs, uaddr_t name, uaddr_t out)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	int r;

	task_vfs_ctx(t, &c);
	r = path_at(t, &c, LX_AT_FDCWD, name, LOOKUP_FOLLOW, &p);
	return r ? r : give(t, p, out);
}

SYSCALL2(fstatfs, int fd, uaddr_t out)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup_path(t->files, fd, &f);

	return r ? r : give(t, f->path, out);
}
