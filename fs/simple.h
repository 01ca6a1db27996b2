// SPDX-License-Identifier: Apache-2.0
/*
 * The usual slots of file systems that live in memory: take the ones that fit.
 */
#pragma once

#include "fs/vfs.h"
#include "sentry/base/rbtree.h"

/* statfs: block size and name length, nothing counted. */
int simple_statfs(struct super *sb, struct lx_statfs *out);
/* free_inode, release: for objects that are just struct inode, struct super. */
void simple_free_inode(struct inode *inode);
void simple_release(struct super *sb);
/* A super with those three and without a root:
 * homes of pipes, sockets, anonymous files. */
int simple_super_create(struct kernel *k, const struct fs_type *type, uint64_t magic,
			struct super **out);

/* lookup: what is not in the cache does not exist
 * (every name is a KEEP dentry of a memdir). */
int simple_lookup(struct inode *dir, struct dentry *d, struct inode **out);
/* setattr: the generic fields; a size is refused with -EINVAL. */
int simple_setattr(const struct vfs_ctx *c, struct inode *inode, const struct iattr *a);

/* lseek: of files that have no position and yet do not say so (eventfd, epoll...): 0. */
int64_t simple_noop_lseek(struct file *f, int64_t off, int whence);

/*
 * A directory's names in the order they were made, with cookies that stay valid while
 * names come and go. Embedded in a directory's inode; protected by the inode's lock.
 */
struct memdir {
	struct rb_tree entries; /* struct memdir_entry by cookie */
	uint64_t next_cookie;
	unsigned n;
};

struct memdir_entry {
	struct rb_node node;
	uint64_t cookie;
	struct dentry *d; /* borrowed: a KEEP dentry whose fsdata is this entry */
};

#define MEMDIR_DOT_COOKIES 2 /* "." and ".." stand before the names */

void memdir_init(struct memdir *m);
/*
 * An entry for @d, which becomes KEEP. -ENOMEM. d->dops is memdir_dops: by simple_lookup,
 * or set by whoever allocated @d.
 */
int memdir_add(struct memdir *m, struct dentry *d);
void memdir_del(struct memdir *m, struct dentry *d);
/*
 * After the checks of a rename: @old's name goes to @new's place (which may be in use),
 * or both change places. Never fails.
 */
void memdir_move(struct memdir *old_dir, struct dentry *old, struct memdir *new_dir,
		 struct dentry *new, bool exchange);
/*
 * The iterate slot's work: ".", "..", then the names from f->pos on that were there when
 * the reading began (f->priv remembers): who makes a name for each one read comes to an
 * end. The lseek slot makes it begin anew.
 */
int memdir_iterate(struct memdir *m, struct file *f, struct dir_sink *sink);
int64_t memdir_lseek(struct file *f, int64_t off, int whence);
extern const struct dentry_ops memdir_dops;

/*
 * options_parse - mount options, "key=value,key,...": calls @one for each (value NULL:
 * none was given) until it returns an error, and returns that. @text: borrowed, may be
 * NULL. -ENOMEM.
 */
int options_parse(const char *text,
		  int (*one)(const char *key, const char *value, void *arg), void *arg);

/* LX_DT_* of a mode. */
static inline unsigned mode_to_dt(uint32_t mode)
{
	return (mode & LX_S_IFMT) >> 12;
}
