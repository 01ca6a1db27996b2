// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel calls by path: the walker (namei.c) and the calls that stand on it.
 *
 * Names are kernel copies, at most PATH_MAX - 1 bytes, relative to @base (NULL: the cwd).
 * Errors are those of the man page. Every call may block on the gofer; none sleeps for a
 * guest event.
 *
 * Source: path_resolution(7), openat2(2).
 */
#pragma once

#include "fs/vfs.h"

/* --- the walker --------------------------------------------------------------- */

/* clang-format off */
enum {
	LOOKUP_FOLLOW = 1,	/* follow a symlink in the last place */
	LOOKUP_DIRECTORY = 2,	/* -ENOTDIR unless it is one */
	LOOKUP_EMPTY = 4,	/* AT_EMPTY_PATH: "" is the base itself */
	LOOKUP_NO_XDEV = 0x10, LOOKUP_NO_MAGICLINKS = 0x20, LOOKUP_NO_SYMLINKS = 0x40,
	LOOKUP_BENEATH = 0x80, LOOKUP_IN_ROOT = 0x100, LOOKUP_CACHED = 0x200,
	LOOKUP_MOUNT = 0x400,	/* umount: do not cross into a mount at the last name */
	LOOKUP_OPEN = 0x800,	/* hint: open_flags are given */
};
/* clang-format on */

/*
 * path_lookup - *out holds references on success, zeroes otherwise. -ENOENT (also ""
 * without LOOKUP_EMPTY), -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -EXDEV, -EAGAIN
 * (LOOKUP_CACHED).
 */
int path_lookup(const struct vfs_ctx *c, const struct path *base, const char *name,
		unsigned flags, struct path *out);
/*
 * vfs_open - open(2) and openat2(2) after argument checks. *out holds a reference.
 * FIFOs: the open itself never sleeps; -EAGAIN with *out set means "wait until the other
 * end is there" (io_wait.c: file_open_wait).
 */
struct open_how {
	int flags;	 /* LX_O_*; sanitised by the caller */
	uint32_t mode;	 /* S_IALLUGO */
	unsigned lookup; /* LOOKUP_* from RESOLVE_* */
};
int vfs_open(const struct vfs_ctx *c, const struct path *base, const char *name,
	     const struct open_how *how, struct file **out);
/* Open what a path already names (exec, /proc/PID/fd/N, O_PATH re-open). */
int vfs_open_path(const struct vfs_ctx *c, struct path p, int flags, struct file **out);

/*
 * vfs_open_exec - open a program for execve(2): a regular file with execute permission,
 * not on a noexec mount (-EACCES). Reading it needs no read permission. The caller
 * holds off writers with inode_deny_write().
 */
int vfs_open_exec(const struct vfs_ctx *c, const struct path *base, const char *name,
		  unsigned lookup, struct file **out);

/* --- one function per call on a name ------------------------------------------ */

int vfs_mkdir(const struct vfs_ctx *c, const struct path *base, const char *name,
	      uint32_t mode);
int vfs_mknod(const struct vfs_ctx *c, const struct path *base, const char *name,
	      uint32_t mode, uint64_t rdev, struct path *out /* may be NULL */);
int vfs_symlink(const struct vfs_ctx *c, const char *target, const struct path *base,
		const char *name);
int vfs_link(const struct vfs_ctx *c, struct path old, const struct path *base,
	     const char *name);
int vfs_unlink(const struct vfs_ctx *c, const struct path *base, const char *name);
int vfs_rmdir(const struct vfs_ctx *c, const struct path *base, const char *name);
int vfs_rename(const struct vfs_ctx *c, const struct path *old_base, const char *old_name,
	       const struct path *new_base, const char *new_name, unsigned flags);
ssize_t vfs_readlink(const struct vfs_ctx *c, struct path p, char *buf, size_t size);
int vfs_getattr(struct path p, uint32_t mask, struct kstat *out);
/* Checks permissions of chmod, chown, utimes,
 * truncate for @a (a->file: through an fd). */
int vfs_setattr(const struct vfs_ctx *c, struct path p, struct iattr *a);
int vfs_access(const struct vfs_ctx *c, struct path p, unsigned want);
int vfs_statfs(struct path p, struct lx_statfs *out);
ssize_t vfs_getxattr(const struct vfs_ctx *c, struct path p, const char *name, void *buf,
		     size_t size);
int vfs_setxattr(const struct vfs_ctx *c, struct path p, const char *name,
		 const void *value, size_t size, int flags);
ssize_t vfs_listxattr(const struct vfs_ctx *c, struct path p, char *buf, size_t size);

/* --- back to text ------------------------------------------------------------- */

/*
 * path_print - the name of @p as seen from @root: "/a/b", with " (deleted)" appended for
 * unlinked ones; outside @root: "(unreachable)/...". For getcwd, /proc, strace.
 * Returns 0, -ENAMETOOLONG, -ENOENT only with @strict (getcwd of a deleted directory).
 */
int path_print(struct path p, struct path root, bool strict, struct strbuf *out);
