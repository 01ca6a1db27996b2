// SPDX-License-Identifier: Apache-2.0
/* Extended attributes by name, by symlink, by descriptor.
 * Source: xattr(7), setxattr(2). */
#include "fs/namei.h"
#include "sentry/syscall/path_args.h"
#include "sentry/task/fdtable.h"

#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_LIST_MAX 65536

/* Which file a call means: a name (followed or not) or a descriptor. */
struct target {
	struct vfs_ctx c;
	struct path p; /* a reference */
};

static void target_done(struct target *g)
{
	task_vfs_ctx_done(&g->c);
	if (g->p.dentry)
		path_put(g->p);
}
#define AUTO_TARGET __attribute__((cleanup(target_done)))

static int target_name(struct task *t, uaddr_t name, bool follow, struct target *g)
{
	task_vfs_ctx(t, &g->c);
	return path_at(t, &g->c, LX_AT_FDCWD, name, follow ? LOOKUP_FOLLOW : 0, &g->p);
}

static int target_fd(struct task *t, int fd, struct target *g)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r = fd_lookup(t->files, fd, &f);

	if (r)
		return r;
	task_vfs_ctx(t, &g->c);
	g->p = path_get(f->path);
	return 0;
}

static int copy_name(struct task *t, uaddr_t addr, char name[XATTR_NAME_MAX + 1])
{
	ssize_t n = copy_string_from_user(&t->mem, name, addr, XATTR_NAME_MAX + 1);

	if (n == 0 || n == -ENAMETOOLONG)
		return -ERANGE;
	return n < 0 ? (int)n : 0;
}

/* --- set ---------------------------------------------------------------------- */

static int64_t set(struct task *t, struct target *g, uaddr_t name_addr, uaddr_t value,
		   size_t size, int flags)
{
	char name[XATTR_NAME_MAX + 1];
	AUTO_FREE char *buf = NULL;
	int r;

	if (flags & ~(LX_XATTR_CREATE | LX_XATTR_REPLACE))
		return -EINVAL;
	r = copy_name(t, name_addr, name);
	if (r)
		return r;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	buf = mem_alloc(size);
	if (!buf)
		return -ENOMEM;
	if (size && copy_from_user(&t->mem, buf, value, size))
		return -EFAULT;
	return vfs_setxattr(&g->c, g->p, name, buf, size, flags);
}

SYSCALL5(setxattr, uaddr_t path, uaddr_t name, uaddr_t value, size_t size, int flags)
{
	AUTO_TARGET struct target g = {0};
	int r = target_name(t, path, true, &g);

	return r ? r : set(t, &g, name, value, size, flags);
}

SYSCALL5(lsetxattr, uaddr_t path, uaddr_t name, uaddr_t value, size_t size, int flags)
{
	AUTO_TARGET struct target g = {0};
	int r = target_name(t, path, false, &g);

	return r ? r : set(t, &g, name, value, size, flags);
}

SYSCALL5(fsetxattr, int fd, uaddr_t name, uaddr_t value, size_t size, int flags)
{
	AUTO_TARGET struct target g = {0};
	int r = target_fd(t, fd, &g);

	return r ? r : set(t, &g, name, value, size, flags);
}

/* --- get, list ---------------------------------------------------------------- */

/* A value or list of @n bytes in @buf for a guest that gave room for @size. */
static int64_t give(struct task *t, ssize_t n, const char *buf, uaddr_t out, size_t size)
{
	if (n > 0 && size && copy_to_user(&t->mem, out, buf, (size_t)n))
		return -EFAULT;
	return n;
}

static int64_t get(struct task *t, struct target *g, uaddr_t name_addr, uaddr_t out,
		   size_t size)
{
	char name[XATTR_NAME_MAX + 1];
	AUTO_FREE char *buf = NULL;
	size_t room = min_t(size_t, size, XATTR_SIZE_MAX);
	int r = copy_name(t, name_addr, name);

	if (r)
		return r;
	buf = mem_alloc(room);
	if (!buf)
		return -ENOMEM;
	return give(t, vfs_getxattr(&g->c, g->p, name, buf, room), buf, out, size);
}

SYSCALL4(getxattr, uaddr_t path, uaddr_t name, uaddr_t out, size_t size)
{
	AUTO_TARGET struct target g = {0};
	int r = target_name(t, path, true, &g);

	return r ? r : get(t, &g, name, out, size);
}

SYSCALL4(lgetxattr, uaddr_t path, uaddr_t name, uaddr_t out, size_t size)
{
	AUTO_TARGET struct target g = {0};
	int r = target_name(t, path, false, &g);

	return r ? r : get(t, &g, name, out, size);
}

SYSCALL4(fgetxattr, int fd, uaddr_t name, uaddr_t out, size_t size)
{
	AUTO_TARGET struct target g = {0};
	int r = target_fd(t, fd, &g);

	return r ? r : get(t, &g, name, out, size);
}

static int64_t list(struct task *t, struct target *g, uaddr_t out, size_t size)
{
	size_t room = min_t(size_t, size, XATTR_LIST_MAX);
	AUTO_FREE char *buf = mem_alloc(room);

	if (!buf)
		return -ENOMEM;
	return give(t, vfs_listxattr(&g->c, g->p, buf, room), buf, out, size);
}

SYSCALL3(listxattr, uaddr_t path, uaddr_t out, size_t size)
{
	AUTO_TARGET struct target g = {0};
	int r = target_name(t, path, true, &g);

	return r ? r : list(t, &g, out, size);
}

SYSCALL3(llistxattr, uaddr_t path, uaddr_t out, size_t size)
{
	AUTO_TARGET struct target g = {0};
	int r = target_name(t, path, false, &g);

	return r ? r : list(t, &g, out, size);
}

SYSCALL3(flistxattr, int fd, uaddr_t out, size_t size)
{
	AUTO_TARGET struct target g = {0};
	int r = target_fd(t, fd, &g);

	return r ? r : list(t, &g, out, size);
}

/* --- remove ------------------------------------------------------------------- */

static int64_t drop(struct task *t, struct target *g, uaddr_t name_addr)
{
	char name[XATTR_NAME_MAX + 1];
	int r = copy_name(t, name_addr, name);

	return r ? r : vfs_setxattr(&g->c, g->p, name, NULL, 0, 0);
}

SYSCALL2(removexattr, uaddr_t path, uaddr_t name)
{
	AUTO_TARGET struct target g = {0};
	int r = target_name(t, path, true, &g);

	return r ? r : drop(t, &g, name);
}

SYSCALL2(lremovexattr, uaddr_t path, uaddr_t name)
{
	AUTO_TARGET struct target g = {0};
	int r = target_name(t, path, false, &g);

	return r ? r : drop(t, &g, name);
}

SYSCALL2(fremovexattr, int fd, uaddr_t name)
{
	AUTO_TARGET struct target g = {0};
	int r = target_fd(t, fd, &g);

	return r ? r : drop(t, &g, name);
}
