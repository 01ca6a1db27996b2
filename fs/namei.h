// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel calls by path: the walker (namei.c) and the calls that stand on it.
 *
 * Names are kernel copies, at most PATH_MAX - 1 bytes, relative to @base (NULL: the cwd).
 * Paths, names and files that go in are borrowed; what comes out by *out is a reference,
 * and zeroes or NULL after an error.
 *
 * Errors are those of the man page: beside each function stand those that depend on more
 * than the name and the caller's rights. -ENOMEM and the file system's own (-EIO,
 * -ENOSPC) come from any; -EROFS from all that change something.
 *
 * Locks: called with none held; they take mount, rename and inode locks on the way. Every
 * call may block on the gofer; none sleeps for a guest event.
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
 * path_lookup - what @name is; it exists. -ENOENT (also "" without LOOKUP_EMPTY),
 * -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -EXDEV, -EAGAIN (LOOKUP_CACHED).
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
/* Open what a path already names (/proc/PID/fd/N, O_PATH re-open); makes nothing. */
int vfs_open_path(const struct vfs_ctx *c, struct path p, int flags, struct file **out);

/*
 * vfs_open_exec - open a program for execve(2): a regular file with execute permission,
 * not on a noexec mount (-EACCES). Reading it needs no read permission. The caller
 * holds off writers with inode_deny_write().
 */
int vfs_open_exec(const struct vfs_ctx *c, const struct path *base, const char *name,
		  unsigned lookup, struct file **out);

/* --- one function per call on a name ------------------------------------------ */

/* These make a name: -EEXIST, -ENOENT (the directory is gone), -EOVERFLOW (the caller's
 * ids mean nothing to the file system). @mode is before the umask. */
int vfs_mkdir(const struct vfs_ctx *c, const struct path *base, const char *name,
	      uint32_t mode);
/* A regular file, FIFO, socket or device, by @mode's S_IFMT. -EPERM: a device (but 0:0)
 * without CAP_MKNOD in the initial namespace. */
int vfs_mknod(const struct vfs_ctx *c, const struct path *base, const char *name,
	      uint32_t mode, uint64_t rdev, struct path *out /* may be NULL */);
int vfs_symlink(const struct vfs_ctx *c, const char *target, const struct path *base,
		const char *name);
/* -EXDEV: another mount; -EPERM: a directory; -ENOENT: @old has no name any more. */
int vfs_link(const struct vfs_ctx *c, struct path old, const struct path *base,
	     const char *name);
/* These take one away: -EBUSY (a mount point), -EISDIR, -ENOTDIR, -ENOTEMPTY. */
int vfs_unlink(const struct vfs_ctx *c, const struct path *base, const char *name);
int vfs_rmdir(const struct vfs_ctx *c, const struct path *base, const char *name);
/* @flags: LX_RENAME_*, checked by the caller. -EXDEV, -EINVAL (into itself), -EEXIST. */
int vfs_rename(const struct vfs_ctx *c, const struct path *old_base, const char *old_name,
	       const struct path *new_base, const char *new_name, unsigned flags);
/* A symlink's bytes, no NUL, cut off at @size: how many. -EINVAL: it is none. */
ssize_t vfs_readlink(const struct vfs_ctx *c, struct path p, char *buf, size_t size);
/* @mask: LX_STATX_* wanted; out->mask says what is true. @p may have no mount. */
int vfs_getattr(struct path p, uint32_t mask, struct kstat *out);
/* With all checks of chmod, chown, utimes and truncate, for what a->valid names
 * (ATTR_FILE: through a descriptor that is open for writing). Changes @a: what follows
 * from the change is added, what may not be set is masked. */
int vfs_setattr(const struct vfs_ctx *c, struct path p, struct iattr *a);
/* May @c do all of @want (MAY_*) with it? 0, -EACCES, -EROFS. */
int vfs_access(const struct vfs_ctx *c, struct path p, unsigned want);
int vfs_statfs(struct path p, struct lx_statfs *out);
/*
 * Extended attributes by full name. get and list return the size, and with @size 0 move
 * nothing; -ERANGE: it is too small; -ENODATA; -EOPNOTSUPP. set: value NULL removes;
 * @flags: LX_XATTR_CREATE (-EEXIST), LX_XATTR_REPLACE (-ENODATA).
 */
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
