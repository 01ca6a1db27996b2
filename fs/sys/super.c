// SPDX-License-Identifier: Apache-2.0
/* The file system over the tree: lookup, listing, reading; nothing can be changed. */
#include <string.h>

#include "fs/simple.h"
#include "fs/sys/internal.h"
#include "fs/sys/sys.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"

#define SYSFS_MAGIC 0x62656572

static struct sys_super *sysfs_sb(struct super *sb)
{
	return container_of(sb, struct sys_super, base);
}

static struct sys_node *node_of(struct inode *inode)
{
	return inode->priv;
}

/* --- files ------------------------------------------------------------------------- */

static ssize_t sysfs_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct sys_node *n = node_of(f->inode);
	struct strbuf sb = STRBUF_INIT;
	const char *text = n->text;
	size_t len;
	ssize_t r = 0;

	(void)flags;
	if (n->show) {
		n->show(f->inode->sb->k, &sb);
		text = sb.data;
		r = sb_failed(&sb) ? -ENOMEM : 0;
	}
	len = text ? strlen(text) : 0;
	if (!r && (uint64_t)pos < len)
		r = uio_copy_to(u, text + pos, min_t(size_t, u->left, len - (size_t)pos));
	sb_free(&sb);
	return r;
}

static const struct file_ops sysfs_file_ops = {.read = sysfs_read};

static int sysfs_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	(void)c;
	(void)inode;
	/* As Linux: not even root opens for writing what takes no writes. */
	if (f->mode & FMODE_WRITE)
		return -EACCES;
	f->ops = &sysfs_file_ops;
	return 0;
}

static int sysfs_setattr(const struct vfs_ctx *c, struct inode *inode,
			 const struct iattr *a)
{
	(void)c;
	if (a->valid & (ATTR_SIZE | ATTR_MODE | ATTR_UID | ATTR_GID))
		return -EPERM;
	inode_apply_attr(inode, a);
	return 0;
}

static ssize_t sysfs_readlink(const struct vfs_ctx *c, struct inode *inode, char *buf,
			      size_t size)
{
	const char *target = node_of(inode)->text;
	size_t n = min_t(size_t, strlen(target), size);

	(void)c;
	memcpy(buf, target, n);
	return (ssize_t)n;
}

static const struct inode_ops file_inode_ops = {.open = sysfs_open,
						.setattr = sysfs_setattr};
static const struct inode_ops link_inode_ops = {.readlink = sysfs_readlink,
						.setattr = sysfs_setattr};

/* --- directories ------------------------------------------------------------------- */

static const struct inode_ops dir_inode_ops;
static const struct file_ops dir_ops;

static int new_inode(struct super *sb, struct sys_node *n, struct inode **out)
{
	struct inode *inode = mem_zalloc(sizeof(*inode));
	bool dir = LX_S_ISDIR(n->mode);

	*out = NULL;
	if (!inode)
		return -ENOMEM;
	inode_init(inode, sb,
		   dir			 ? &dir_inode_ops
		   : LX_S_ISLNK(n->mode) ? &link_inode_ops
					 : &file_inode_ops,
		   dir ? &dir_ops : NULL, n->mode, 0, 0);
	inode->ino = n->ino;
	inode->priv = n;
	inode->nlink = dir ? 2 + n->n_dirs : 1;
	inode->size = LX_S_ISREG(n->mode) ? PAGE_SIZE : 0;
	*out = inode;
	return 0;
}

static int sysfs_lookup(struct inode *dir, struct dentry *d, struct inode **out)
{
	struct sys_node *n;
	int r = sysfs_fill(sysfs_sb(dir->sb), node_of(dir));

	*out = NULL;
	if (r)
		return r;
	for (n = node_of(dir)->first; n; n = n->next)
		if (!strcmp(n->name, d->name))
			break;
	if (n && LX_S_ISDIR(n->mode))
		r = sysfs_fill(sysfs_sb(dir->sb), n);
	return n && !r ? new_inode(dir->sb, n, out) : r;
}

static int sysfs_iterate(struct file *f, struct dir_sink *sink)
{
	struct sys_node *dir = node_of(f->inode), *n;
	int64_t at = 2;
	int r = sysfs_fill(sysfs_sb(f->inode->sb), dir);

	if (r)
		return r;
	if (f->pos == 0 && sink->emit(sink, ".", 1, dir->ino, 1, LX_DT_DIR))
		f->pos = 1;
	if (f->pos == 1 && sink->emit(sink, "..", 2, dir->parent->ino, 2, LX_DT_DIR))
		f->pos = 2;
	for (n = dir->first; n; n = n->next, at++) {
		if (at < f->pos)
			continue;
		if (at > f->pos || !sink->emit(sink, n->name, strlen(n->name), n->ino,
					       (uint64_t)at + 1, mode_to_dt(n->mode)))
			break;
		f->pos = at + 1;
	}
	return 0;
}

static int64_t dir_lseek(struct file *f, int64_t off, int whence)
{
	if (whence != LX_SEEK_SET && whence != LX_SEEK_CUR)
		return -EINVAL;
	return file_generic_lseek(f, off, whence, 0);
}

static const struct file_ops dir_ops = {.iterate = sysfs_iterate, .lseek = dir_lseek};
static const struct inode_ops dir_inode_ops = {.lookup = sysfs_lookup,
					       .setattr = sysfs_setattr};

/* --- instances --------------------------------------------------------------------- */

static void sysfs_release(struct super *sb)
{
	struct sys_super *ss = sysfs_sb(sb);

	sysfs_tree_free(ss->root);
	mutex_destroy(&ss->lock);
	mem_free(ss);
}

static const struct super_ops sysfs_super_ops = {
	.statfs = simple_statfs,
	.free_inode = simple_free_inode,
	.release = sysfs_release,
};

static int make_root(struct sys_super *ss)
{
	struct inode *inode;
	int r;

	ss->root = sysfs_root(ss, sysfs_fill_root);
	if (!ss->root)
		return -ENOMEM;
	r = new_inode(&ss->base, ss->root, &inode);
	if (r)
		return r;
	ss->base.root = dentry_new_root(&ss->base, inode);
	if (ss->base.root)
		return 0;
	inode_put(inode);
	return -ENOMEM;
}

static int sysfs_get_super(const struct vfs_ctx *c, const struct fs_type *type,
			   const char *source, unsigned sb_flags, const char *options,
			   struct super **out)
{
	struct sys_super *ss;
	int r;

	*out = NULL;
	(void)sb_flags;
	if (options && *options)
		return -EINVAL;
	ss = mem_zalloc(sizeof(*ss));
	if (!ss)
		return -ENOMEM;
	super_init(&ss->base, type, &sysfs_super_ops, c->k, SYSFS_MAGIC);
	mutex_init(&ss->lock, LOCK_LEAF);
	ss->base.source = str_dup(source ? source : "sysfs");
	r = ss->base.source ? make_root(ss) : -ENOMEM;
	if (r)
		super_put(&ss->base);
	else
		*out = &ss->base;
	return r;
}

const struct fs_type sysfs_type = {
	.name = "sysfs",
	.flags = FS_USERNS_MOUNT | FS_NODEV | FS_GENERIC_TIMES,
	.get_super = sysfs_get_super,
};
