// SPDX-License-Identifier: Apache-2.0
/*
 * Directories. Every name is a KEEP dentry: the cache is the directory, memdir its
 * order. So lookup, which is asked only for what is not cached, always finds nothing.
 */
#include <string.h>

#include "fs/tmpfs/internal.h"

/* What an entry counts for in st_size, as Linux has it. */
#define DIRENT_SIZE 20

static void changed(struct inode *dir)
{
	dir->size = (MEMDIR_DOT_COOKIES + tmpfs_i(dir)->dir.n) * DIRENT_SIZE;
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
}

static int make(struct inode *dir, struct dentry *d, const struct create_args *a,
		struct inode **out)
{
	int r = tmpfs_new_inode(dir->sb, a, out);

	if (r)
		return r;
	r = memdir_add(&tmpfs_i(dir)->dir, d);
	if (r) {
		inode_put(*out);
		*out = NULL;
		return r;
	}
	if (LX_S_ISLNK(a->mode))
		(*out)->size = strlen(a->target);
	if (LX_S_ISDIR(a->mode)) {
		(*out)->size = MEMDIR_DOT_COOKIES * DIRENT_SIZE;
		inode_inc_nlink(dir);
	}
	changed(dir);
	return 0;
}

static int tmpfs_tmpfile(struct inode *dir, const struct create_args *a,
			 struct inode **out)
{
	int r = tmpfs_new_inode(dir->sb, a, out);

	if (!r)
		(*out)->nlink = 0;
	return r;
}

static int tmpfs_link(struct inode *dir, struct dentry *d, struct inode *old)
{
	int r = memdir_add(&tmpfs_i(dir)->dir, d);

	if (r)
		return r;
	inode_inc_nlink(old);
	inode_touch(old, ATTR_CTIME);
	changed(dir);
	return 0;
}

static void remove_name(struct inode *dir, struct dentry *d)
{
	memdir_del(&tmpfs_i(dir)->dir, d);
	inode_touch(dentry_inode(d), ATTR_CTIME);
	changed(dir);
}

static int tmpfs_unlink(struct inode *dir, struct dentry *d)
{
	inode_drop_nlink(dentry_inode(d));
	remove_name(dir, d);
	return 0;
}

static int tmpfs_rmdir(struct inode *dir, struct dentry *d)
{
	struct inode *victim = dentry_inode(d);

	if (tmpfs_i(victim)->dir.n)
		return -ENOTEMPTY;
	victim->nlink = 0;
	inode_drop_nlink(dir);
	remove_name(dir, d);
	return 0;
}

static bool is_dir(struct inode *inode)
{
	return inode && LX_S_ISDIR(inode->mode);
}

static int tmpfs_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
			struct dentry *new, unsigned flags)
{
	struct inode *source = dentry_inode(old), *target = dentry_inode(new);
	bool exchange = flags & LX_RENAME_EXCHANGE;

	if (flags & ~(unsigned)(LX_RENAME_EXCHANGE | LX_RENAME_NOREPLACE))
		return -EINVAL;
	if (!exchange && is_dir(target) && tmpfs_i(target)->dir.n)
		return -ENOTEMPTY;

	memdir_move(&tmpfs_i(old_dir)->dir, old, &tmpfs_i(new_dir)->dir, new, exchange);
	/* ".." of what moved: each directory counts as a link of its parent. */
	if (is_dir(source)) {
		inode_drop_nlink(old_dir);
		inode_inc_nlink(new_dir);
	}
	if (exchange && is_dir(target)) {
		inode_drop_nlink(new_dir);
		inode_inc_nlink(old_dir);
	}
	if (!exchange && target) {
		if (is_dir(target)) {
			target->nlink = 0;
			inode_drop_nlink(new_dir);
		} else {
			inode_drop_nlink(target);
		}
	}
	if (target)
		inode_touch(target, ATTR_CTIME);
	inode_touch(source, ATTR_CTIME);
	changed(old_dir);
	changed(new_dir);
	return 0;
}

static int tmpfs_iterate(struct file *f, struct dir_sink *sink)
{
	return memdir_iterate(&tmpfs_i(f->inode)->dir, f, sink);
}

const struct file_ops tmpfs_dir_ops = {
	.iterate = tmpfs_iterate,
	.lseek = memdir_lseek,
};

const struct inode_ops tmpfs_dir_inode_ops = {
	.lookup = simple_lookup,
	.create = make,
	.mkdir = make,
	.mknod = make,
	.symlink = make,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.tmpfile = tmpfs_tmpfile,
	.setattr = tmpfs_setattr,
	.getxattr = tmpfs_getxattr,
	.setxattr = tmpfs_setxattr,
	.listxattr = tmpfs_listxattr,
};

static ssize_t tmpfs_readlink(const struct vfs_ctx *c, struct inode *inode, char *buf,
			      size_t size)
{
	const char *target = tmpfs_i(inode)->target;
	size_t n = min_t(size_t, strlen(target), size);

	(void)c;
	memcpy(buf, target, n);
	return (ssize_t)n;
}

const struct inode_ops tmpfs_symlink_inode_ops = {
	.readlink = tmpfs_readlink,
	.setattr = tmpfs_setattr,
	.getxattr = tmpfs_getxattr,
	.setxattr = tmpfs_setxattr,
	.listxattr = tmpfs_listxattr,
};

const struct inode_ops tmpfs_special_inode_ops = {
	.setattr = tmpfs_setattr,
	.getxattr = tmpfs_getxattr,
	.setxattr = tmpfs_setxattr,
	.listxattr = tmpfs_listxattr,
};
