// SPDX-License-Identifier: Apache-2.0
/*
 * The private layer's own objects.
 *
 *   ovl_inode   a file as the guest sees it: of the lower tree, of the layer, or both
 *   ovl_names   what the layer says of a directory's names; the rest is the lower's
 *   ovl_data    a regular file's bytes: which blocks the layer holds
 *
 * Nothing below is ever written. An inode that differs from its lower one (data,
 * attributes, names) is pinned: the table of the super holds a reference until its last
 * name is gone. The others come and go with the dentry cache.
 */
#pragma once

#include "fs/memxattr.h"
#include "fs/overlay/overlay.h"
#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/mm/shmem.h"

#define OVL_BLOCK_SHIFT 16
#define OVL_BLOCK	(1ull << OVL_BLOCK_SHIFT)

/* ext4's with blocks of 4 KB: what lies below is not asked. */
#define OVL_MAX_BYTES ((1ull << 44) - 4096)

struct ovl_super {
	struct super base;
	struct super *lower; /* a reference */
	struct pool *pool;   /* borrowed */
	struct mutex lock;   /* LOCK_LEAF; protects the table */
	struct htab inodes;  /* struct ovl_inode.by_lower */
};

/* One name of a directory as the layer has it. */
struct ovl_name {
	struct hnode node;
	struct list order;	 /* in the order they were made */
	struct ovl_inode *inode; /* a reference; NULL: a whiteout */
	size_t len;
	char name[];
};

struct ovl_names {
	struct htab tab;
	struct list order;
	unsigned n_positive;
	bool opaque; /* the lower directory's names are hidden, all of them */
};

struct ovl_data {
	struct mappable map;  /* what guests map: pages of the lower or of shm */
	struct shmem shm;     /* the layer's blocks; its size is the file's once upper */
	struct mutex lock;    /* LOCK_OVERLAY_DATA; protects the next group */
	bool upper;	      /* the size and at least the block map are ours */
	uint64_t lower_limit; /* bytes of the lower that may still be seen */
	uint64_t *copied;     /* a bit a block below lower_limit; owned */
	uint64_t n_blocks;
	struct file *lower_file; /* opened on first use; a reference */
};

struct ovl_inode {
	struct inode base;
	struct dentry *lower;  /* a reference; NULL: the layer's own. Immutable */
	struct hnode by_lower; /* in the table, if it has a lower; its lock */
	bool pinned;	       /* the table holds a reference; its lock */
	atomic_bool
		upper_attr; /* the generic attributes are the truth, not the lower's */
	atomic_bool upper_xattr;
	struct memxattrs xattrs;
	union {				/* by type */
		struct ovl_names names; /* protected by base.lock */
		struct ovl_data data;
		char *target; /* symlink without a lower; owned */
	};
};

static inline struct ovl_super *to_ovl(struct super *sb)
{
	return container_of(sb, struct ovl_super, base);
}

static inline struct ovl_inode *ovl_i(struct inode *inode)
{
	return container_of(inode, struct ovl_inode, base);
}

static inline struct inode *ovl_lower(const struct ovl_inode *oi)
{
	return oi->lower ? dentry_inode(oi->lower) : NULL;
}

/* --- inode.c --- */
extern const struct dentry_ops ovl_lower_dops, ovl_upper_dops;
/* The inode for a positive lower dentry: the same one for the same lower inode. */
int ovl_inode_get(struct super *sb, struct dentry *lower, struct ovl_inode **out);
/* A fresh inode of the layer's own. */
int ovl_inode_new(struct super *sb, const struct create_args *a, struct ovl_inode **out);
void ovl_free_inode(struct inode *inode);
/* Keep, because it differs; let go, because its last name is gone. */
void ovl_pin(struct ovl_inode *oi);
void ovl_unpin(struct ovl_inode *oi);

/* --- attr.c --- */
/* From here on the attributes are the layer's. Own inode locked, or not yet published. */
int ovl_attr_up(struct ovl_inode *oi);
int ovl_getattr(struct inode *inode, uint32_t mask, struct kstat *out);
int ovl_setattr(const struct vfs_ctx *c, struct inode *inode, const struct iattr *a);
ssize_t ovl_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int ovl_setxattr(struct inode *inode, const char *name, const void *value, size_t size,
		 int flags);
ssize_t ovl_listxattr(struct inode *inode, char *buf, size_t size);

/* --- names.c: the directory is locked --- */
void ovl_names_init(struct ovl_names *n);
void ovl_names_free(struct ovl_names *n);
struct ovl_name *ovl_names_find(struct ovl_names *n, const char *name, size_t len);
/* Room for a later, unfailing change: pass it to ovl_names_set(). NULL: -ENOMEM. */
struct ovl_name *ovl_name_prepare(struct ovl_names *n, const char *name, size_t len);
/*
 * What @prepared's name leads to from now on (NULL: a whiteout). Takes @prepared; takes a
 * reference of @inode.
 */
void ovl_names_set(struct ovl_names *n, struct ovl_name *prepared,
		   struct ovl_inode *inode);
/* The layer says nothing of the name any more. */
void ovl_names_drop(struct ovl_names *n, const char *name, size_t len);

/* --- file.c --- */
/* As the file_ops slot; takes the inode's lock. */
int ovl_fallocate(struct ovl_inode *oi, int mode, uint64_t off, uint64_t size);

/* --- dir.c, readdir.c --- */
extern const struct inode_ops ovl_dir_inode_ops, ovl_file_inode_ops,
	ovl_symlink_inode_ops, ovl_special_inode_ops;
extern const struct file_ops ovl_dir_file_ops, ovl_file_ops;
int ovl_dir_open(const struct vfs_ctx *c, struct inode *inode, struct file *f);
/* Is there any name but "." and ".."?
 * 0, -ENOTEMPTY or another error. Directory locked. */
int ovl_dir_empty(struct ovl_inode *dir);

/* --- data.c --- */
void ovl_data_init(struct ovl_data *d, struct pool *pool);
void ovl_data_free(struct ovl_data *d);
static inline struct ovl_inode *ovl_of_data(struct ovl_data *d)
{
	return container_of(d, struct ovl_inode, data);
}
/* The lower file, open for reading; borrowed, lives as long as the inode. */
int ovl_lower_file(struct ovl_inode *oi, struct file **out);
uint64_t ovl_size(struct ovl_inode *oi);
/*
 * ovl_copy_up - the layer holds every block that [@off, @off + @size) touches. Makes the
 * file upper. On an error (-ENOSPC, -ENOMEM, the lower's) the file reads as before.
 */
int ovl_copy_up(struct ovl_inode *oi, uint64_t off, uint64_t size);
/*
 * ovl_write_block - @n bytes of the block that starts at @off. What is overwritten as a
 * whole is not read from below, and stays the lower's until it is written: bytes, or an
 * error as ovl_copy_up(). Likewise:
 * ovl_clear - zeroes: a @hole has no blocks where pages lie in it whole, else all have.
 */
ssize_t ovl_write_block(struct ovl_inode *oi, uint64_t off, void *buf, size_t n);
int ovl_clear(struct ovl_inode *oi, uint64_t off, uint64_t size, bool hole);
/*
 * ovl_shift - shmem_shift() of a file, which has only the layer's blocks from there on
 * then. Inode locked. -EINVAL: not whole pages, or beyond the end.
 */
int ovl_shift(struct ovl_inode *oi, uint64_t from, uint64_t to);
int ovl_truncate(struct ovl_inode *oi, uint64_t size);
/* How far from @off on the bytes come from one side: true in *upper when the layer's. */
uint64_t ovl_segment(struct ovl_data *d, uint64_t off, uint64_t size, bool *upper);
