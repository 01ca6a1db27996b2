// SPDX-License-Identifier: Apache-2.0
/* What the path calls have in common:
 * a guest's descriptor and name, made ready for vfs.h. */
#pragma once

#include "fs/namei.h"
#include "fs/vfs.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/fs_struct.h"

/*
 * One (dirfd, name) argument pair: the name copied in once, the base found. Declare with
 * AUTO_PATH_ARG; unused until path_arg() succeeds.
 */
struct path_arg {
	char *name;	   /* owned */
	struct path store; /* a reference */
	const struct path
		*base; /* NULL: the working directory, or the name is absolute */
};
#define AUTO_PATH_ARG __attribute__((cleanup(path_arg_done)))
void path_arg_done(struct path_arg *a);

/* -EFAULT, -ENAMETOOLONG, -ENOMEM, -EBADF, -ENOTDIR; -ENOENT: an empty name. */
int path_arg(struct task *t, int dirfd, uaddr_t name, struct path_arg *a);
/* The same, but "" is the descriptor itself. */
int path_arg_empty_ok(struct task *t, int dirfd, uaddr_t name, struct path_arg *a);

/* The whole way: *out is a reference. @lookup: LOOKUP_*. */
int path_at(struct task *t, const struct vfs_ctx *c, int dirfd, uaddr_t name,
	    unsigned lookup, struct path *out);

/* As path_at; with LOOKUP_EMPTY no name at all
 * (NULL) is the descriptor too: stat, statx. */
int path_at_or_fd(struct task *t, const struct vfs_ctx *c, int dirfd, uaddr_t name,
		  unsigned lookup, struct path *out);

/* LOOKUP_* of the usual AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH. */
static inline unsigned lookup_from_at(int at_flags)
{
	return (at_flags & LX_AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
	       (at_flags & LX_AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}
