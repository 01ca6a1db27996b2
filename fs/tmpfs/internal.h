// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fs/memxattr.h"
#include "fs/simple.h"
#include "fs/tmpfs/tmpfs.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/mm/shmem.h"

struct tmpfs_super {
	struct super base;
	struct pool *pool;	  /* borrowed */
	struct shmem_quota quota; /* limit UINT64_MAX: none */
	_Atomic uint64_t n_inodes, max_inodes;
	/* as the root was made, for the mount table; immutable */
	uint32_t mode, uid, gid;
};

struct tmpfs_inode {
	struct inode base;
	struct memxattrs xattrs;
	union {			   /* by type */
		struct shmem shm;  /* regular: the data */
		struct memdir dir; /* directory: the names; protected by base.lock */
		char *target;	   /* symlink; immutable */
	};
};

static inline struct tmpfs_super *to_tmpfs(struct super *sb)
{
	return container_of(sb, struct tmpfs_super, base);
}
static inline struct tmpfs_inode *tmpfs_i(struct inode *inode)
{
	return container_of(inode, struct tmpfs_inode, base);
}

/* super.c: -ENOSPC beyond nr_inodes. */
int tmpfs_new_inode(struct super *sb, const struct create_args *a, struct inode **out);

/* dir.c, file.c, xattr.c */
extern const struct inode_ops tmpfs_dir_inode_ops, tmpfs_file_inode_ops,
	tmpfs_symlink_inode_ops, tmpfs_special_inode_ops;
extern const struct file_ops tmpfs_dir_ops, tmpfs_file_ops;
extern const struct mappable_ops tmpfs_mappable_ops;
int tmpfs_setattr(const struct vfs_ctx *c, struct inode *inode, const struct iattr *a);
ssize_t tmpfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct inode *inode, const char *name, const void *value, size_t size,
		   int flags);
ssize_t tmpfs_listxattr(struct inode *inode, char *buf, size_t size);
