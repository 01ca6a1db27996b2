// SPDX-License-Identifier: Apache-2.0
/* open, openat, openat2, creat: checks of flags,
 * then vfs_open(). Source: open(2), openat2(2). */
#include "fs/namei.h"
#include "sentry/syscall/path_args.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/io_wait.h"

#define O_PATH_FLAGS (LX_O_DIRECTORY | LX_O_NOFOLLOW | LX_O_PATH | LX_O_CLOEXEC)
#define RESOLVE_KNOWN                                                                    \
	(LX_RESOLVE_NO_XDEV | LX_RESOLVE_NO_MAGICLINKS | LX_RESOLVE_NO_SYMLINKS |        \
	 LX_RESOLVE_BENEATH | LX_RESOLVE_IN_ROOT | LX_RESOLVE_CACHED)

struct lx_open_how {
	uint64_t flags, mode, resolve;
};
#define OPEN_HOW_SIZE_VER0 24

static bool will_create(uint64_t flags)
{
	return flags & (LX_O_CREAT | LX___O_TMPFILE);
}

static unsigned lookup_from_resolve(uint64_t resolve)
{
	return (resolve & LX_RESOLVE_NO_XDEV ? LOOKUP_NO_XDEV : 0) |
	       (resolve & LX_RESOLVE_NO_MAGICLINKS ? LOOKUP_NO_MAGICLINKS : 0) |
	       (resolve & LX_RESOLVE_NO_SYMLINKS
			? LOOKUP_NO_SYMLINKS | LOOKUP_NO_MAGICLINKS
			: 0) |
	       (resolve & LX_RESOLVE_BENEATH ? LOOKUP_BENEATH : 0) |
	       (resolve & LX_RESOLVE_IN_ROOT ? LOOKUP_IN_ROOT : 0) |
	       (resolve & LX_RESOLVE_CACHED ? LOOKUP_CACHED : 0);
}

/* The rules that open(2) shares with openat2(2). */
static int check_how(const struct lx_open_how *how, struct open_how *out)
{
	uint64_t flags = how->flags;

	if (flags & ~(uint64_t)LX_VALID_OPEN_FLAGS ||
	    how->resolve & ~(uint64_t)RESOLVE_KNOWN)
		return -EINVAL;
	if (how->resolve & LX_RESOLVE_BENEATH && how->resolve & LX_RESOLVE_IN_ROOT)
		return -EINVAL;
	if (will_create(flags) ? how->mode & ~(uint64_t)LX_S_IALLUGO : how->mode)
		return -EINVAL;
	if ((flags & (LX_O_DIRECTORY | LX_O_CREAT)) == (LX_O_DIRECTORY | LX_O_CREAT))
		return -EINVAL;
	if (flags & LX___O_TMPFILE) {
		/* O_TMPFILE names a directory, for kernels that do not know the bit. */
		if (!(flags & LX_O_DIRECTORY) || flags & LX_O_CREAT ||
		    (flags & LX_O_ACCMODE) == LX_O_RDONLY)
			return -EINVAL;
	}
	if (flags & LX_O_PATH && flags & ~(uint64_t)O_PATH_FLAGS)
		return -EINVAL;
	if (how->resolve & LX_RESOLVE_CACHED &&
	    flags & (LX_O_TRUNC | LX_O_CREAT | LX___O_TMPFILE))
		return -EAGAIN;
	if (flags & (LX_O_SYNC & ~LX_O_DSYNC))
		flags |= LX_O_DSYNC;
	*out = (struct open_how){
		.flags = (int)flags,
		.mode = (uint32_t)how->mode,
		.lookup = lookup_from_resolve(how->resolve),
	};
	return 0;
}

static int64_t open_fd(struct task *t, int dirfd, uaddr_t name,
		       const struct lx_open_how *how)
{
	AUTO_PATH_ARG struct path_arg a = {0};
	AUTO_PUT(file) struct file *f = NULL;
	struct open_how checked;
	int r;

	r = check_how(how, &checked);
	if (!r)
		r = path_arg(t, dirfd, name, &a);
	/* In a root of one's own an absolute name starts at the descriptor too. */
	if (!r && checked.lookup & LOOKUP_IN_ROOT && !a.base)
		r = at_base(t, dirfd, "", &a.store, &a.base);
	if (!r)
		r = fd_room(t);
	if (!r)
		r = file_open_wait(t, a.base, a.name, &checked, &f);
	if (r)
		return r;
	r = fd_install(t, f, 0, how->flags & LX_O_CLOEXEC ? LX_FD_CLOEXEC : 0);
	if (r >= 0)
		f = NULL;
	return r;
}

/* What open(2) lets pass that openat2(2) refuses. */
static int64_t open_lenient(struct task *t, int dirfd, uaddr_t name, int flags,
			    uint32_t mode)
{
	struct lx_open_how how = {
		.flags = ((unsigned)flags & LX_VALID_OPEN_FLAGS) | LX_O_LARGEFILE,
		.mode = mode & LX_S_IALLUGO,
	};

	if (how.flags & LX_O_PATH)
		how.flags &= O_PATH_FLAGS;
	if (!will_create(how.flags))
		how.mode = 0;
	return open_fd(t, dirfd, name, &how);
}

SYSCALL3(open, uaddr_t name, int flags, uint32_t mode)
{
	return open_lenient(t, LX_AT_FDCWD, name, flags, mode);
}

SYSCALL4(openat, int dirfd, uaddr_t name, int flags, uint32_t mode)
{
	return open_lenient(t, dirfd, name, flags, mode);
}

SYSCALL2(creat, uaddr_t name, uint32_t mode)
{
	return open_lenient(t, LX_AT_FDCWD, name, LX_O_CREAT | LX_O_WRONLY | LX_O_TRUNC,
			    mode);
}

/* A newer caller's larger struct is fine as
 * long as it asks for nothing we do not know. */
static int copy_how(struct task *t, uaddr_t addr, size_t size, struct lx_open_how *how)
{
	char rest[256];

	if (size < OPEN_HOW_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (copy_from_user(&t->mem, how, addr, sizeof(*how)))
		return -EFAULT;
	for (size_t at = sizeof(*how); at < size;) {
		size_t n = min_t(size_t, size - at, sizeof(rest));

		if (copy_from_user(&t->mem, rest, addr + at, n))
			return -EFAULT;
		for (size_t i = 0; i < n; i++)
			if (rest[i])
				return -E2BIG;
		at += n;
	}
	return 0;
}

SYSCALL4(openat2, int dirfd, uaddr_t name, uaddr_t how_addr, size_t size)
{
	struct lx_open_how how;
	int r = copy_how(t, how_addr, size, &how);

	if (r)
		return r;
	if (!(how.flags & LX_O_PATH))
		how.flags |= LX_O_LARGEFILE;
	return open_fd(t, dirfd, name, &how);
}
