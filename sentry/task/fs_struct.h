// SPDX-License-Identifier: Apache-2.0
/* Root, working directory and umask of a task. Shared by CLONE_FS. */
#pragma once

#include "fs/vfs.h"

struct task;

struct fs_struct {
	refcount_t ref;
	struct mutex lock; /* LOCK_FS_STRUCT; protects all below */
	struct path root, cwd;
	_Atomic(uint32_t) umask; /* /proc reads it without the lock */
};

int fs_struct_create(struct path root, struct path cwd, uint32_t umask,
		     struct fs_struct **out); /* takes the paths' references */
int fs_struct_copy(struct fs_struct *old, struct fs_struct **out);
struct fs_struct *fs_struct_get(struct fs_struct *fs);
void fs_struct_put(struct fs_struct *fs);
void fs_set_root(struct fs_struct *fs, struct path p); /* takes the reference */
void fs_set_cwd(struct fs_struct *fs, struct path p);

/* task_vfs_ctx - fill @c for a call; task_vfs_ctx_done() drops the references it took. */
void task_vfs_ctx(struct task *t, struct vfs_ctx *c);
void task_vfs_ctx_done(struct vfs_ctx *c);
#define AUTO_VFS_CTX __attribute__((cleanup(task_vfs_ctx_done)))

/*
 * at_base - the base path of an *at() call: NULL in *base for AT_FDCWD or an absolute
 * name; else the descriptor's path (references in *store). -EBADF, -ENOTDIR.
 */
int at_base(struct task *t, int dirfd, const char *name, struct path *store,
	    const struct path **base);
/* A guest path string: owned by the caller in *out. -EFAULT, -ENAMETOOLONG, -ENOMEM. */
int path_from_user(struct task *t, uaddr_t name, char **out);
