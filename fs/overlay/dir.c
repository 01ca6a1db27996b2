// SPDX-License-Identifier: Apache-2.0
/*
 * Directories: a name is what the layer says of it, else what the lower says. Removing
 * a lower name leaves a whiteout; a directory made here hides nothing and needs none;
 * one that moves takes its lower along, nothing is copied.
 *
 * Every change: allocate and look first, then change without failing.
 */
#include <string.h>

#include "fs/overlay/internal.h"

/* The lower directory whose names show through, or NULL. */
static struct dentry *lower_dir(struct ovl_inode *dir)
{
	return dir->names.opaque ? NULL : dir->lower;
}

/* Does the lower have this name? 1, 0, or an error. */
static int lower_has(struct ovl_inode *dir, const char *name, size_t len)
{
	struct dentry *ld;
	int r;

	if (!lower_dir(dir))
		return 0;
	r = dentry_lookup(lower_dir(dir), name, len, &ld);
	if (r)
		return r == -ENOENT ? 0 : r;
	r = !dentry_negative(ld);
	dentry_put(ld);
	return r;
}

static int ovl_lookup(struct inode *dir, struct dentry *d, struct inode **out)
{
	struct ovl_inode *od = ovl_i(dir), *oi = NULL;
	struct ovl_name *e = ovl_names_find(&od->names, d->name, d->name_len);
	struct dentry *ld;
	int r;

	*out = NULL;
	if (e) {
		d->dops = &ovl_upper_dops;
		*out = e->inode ? inode_get(&e->inode->base) : NULL;
		return 0;
	}
	if (!lower_dir(od)) {
		d->dops = &ovl_upper_dops;
		return 0;
	}
	r = dentry_lookup(lower_dir(od), d->name, d->name_len, &ld);
	if (r)
		return r;
	d->fsdata = ld;
	d->dops = &ovl_lower_dops;
	if (dentry_negative(ld))
		return 0;
	r = ovl_inode_get(dir->sb, ld, &oi);
	*out = oi ? &oi->base : NULL;
	return r;
}

/* Is there a cached answer of the lower's that still holds? Then nobody need be asked. */
static bool lower_knows(struct dentry *dir, const char *name, size_t len)
{
	struct dentry *d = dcache_lookup(dir, name, len);
	bool r = d && dentry_revalidate(d) > 0;

	if (d)
		dentry_put(d);
	return r;
}

/* Let the lower resolve the whole path in one step, unless it knows the name already. */
static int ovl_walk(const struct vfs_ctx *c, struct walk_req *req)
{
	struct inode *inode = dentry_inode(req->start);
	struct ovl_inode *od = ovl_i(inode);
	struct walk_req below = *req;
	struct inode *li;
	bool ours;

	mutex_lock(&inode->lock);
	ours = !lower_dir(od) || ovl_names_find(&od->names, req->name[0], req->len[0]);
	mutex_unlock(&inode->lock);
	if (ours || lower_knows(od->lower, req->name[0], req->len[0]))
		return 0;
	li = ovl_lower(od);
	below.start = od->lower;
	/* Whatever the guest will do with it, the host's file is only read. */
	if (below.open_flags >= 0)
		below.open_flags = below.open_flags & LX_O_TRUNC ? -1 : LX_O_RDONLY;
	return li->ops->walk ? li->ops->walk(c, &below) : 0;
}

/* --- making ------------------------------------------------------------------------- */

static void changed(struct inode *dir)
{
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
}

/* Before any change of a directory's names. */
static int dir_up(struct ovl_inode *dir)
{
	int r = ovl_attr_up(dir);

	if (!r)
		ovl_pin(dir);
	return r;
}

/* The layer answers for this dentry from now on; fsdata stays until it is released. */
static void dentry_is_upper(struct dentry *d)
{
	atomic_store_explicit(&d->dops, &ovl_upper_dops, memory_order_release);
}

static int make(struct inode *dir, struct dentry *d, const struct create_args *a,
		struct inode **out)
{
	struct ovl_inode *od = ovl_i(dir), *oi = NULL;
	struct ovl_name *e = ovl_name_prepare(&od->names, d->name, d->name_len);
	int r = e ? dir_up(od) : -ENOMEM;

	*out = NULL;
	if (!r)
		r = ovl_inode_new(dir->sb, a, &oi);
	if (r) {
		mem_free(e);
		return r;
	}
	ovl_names_set(&od->names, e, oi);
	dentry_is_upper(d);
	if (LX_S_ISDIR(a->mode))
		inode_inc_nlink(dir);
	changed(dir);
	*out = &oi->base;
	return 0;
}

static int ovl_tmpfile(struct inode *dir, const struct create_args *a, struct inode **out)
{
	struct ovl_inode *oi;
	int r = ovl_inode_new(dir->sb, a, &oi);

	*out = r ? NULL : &oi->base;
	if (!r)
		oi->base.nlink = 0;
	return r;
}

static int ovl_link(struct inode *dir, struct dentry *d, struct inode *old)
{
	struct ovl_inode *od = ovl_i(dir), *oi = ovl_i(old);
	struct ovl_name *e = ovl_name_prepare(&od->names, d->name, d->name_len);
	int r = e ? dir_up(od) : -ENOMEM;

	if (!r)
		r = ovl_attr_up(oi);
	if (r) {
		mem_free(e);
		return r;
	}
	ovl_names_set(&od->names, e, oi);
	dentry_is_upper(d);
	inode_inc_nlink(old);
	inode_touch(old, ATTR_CTIME);
	changed(dir);
	return 0;
}

/* --- removing ---------------------------------------------------------------------- */

/* A name to be taken out of a directory: with a whiteout where the lower has it too. */
struct removal {
	struct ovl_inode *dir;
	struct dentry *d;
	struct ovl_name *whiteout; /* NULL: none is needed */
};

static int removal_prepare(struct removal *rm, struct inode *dir, struct dentry *d)
{
	int has;

	*rm = (struct removal){.dir = ovl_i(dir), .d = d};
	has = lower_has(rm->dir, d->name, d->name_len);
	if (has <= 0)
		return has;
	rm->whiteout = ovl_name_prepare(&rm->dir->names, d->name, d->name_len);
	return rm->whiteout ? 0 : -ENOMEM;
}

static void removal_do(struct removal *rm)
{
	if (rm->whiteout)
		ovl_names_set(&rm->dir->names, TAKE_PTR(rm->whiteout), NULL);
	else
		ovl_names_drop(&rm->dir->names, rm->d->name, rm->d->name_len);
}

/* One link less; without any the layer keeps nothing of it. */
static void lose_link(struct ovl_inode *oi)
{
	if (LX_S_ISDIR(oi->base.mode))
		oi->base.nlink = 0;
	else
		inode_drop_nlink(&oi->base);
	inode_touch(&oi->base, ATTR_CTIME);
	if (!oi->base.nlink)
		ovl_unpin(oi);
}

static int remove_name(struct inode *dir, struct dentry *d)
{
	struct ovl_inode *oi = ovl_i(dentry_inode(d));
	struct removal rm = {0};
	int r = dir_up(ovl_i(dir));

	if (!r)
		r = ovl_attr_up(oi);
	if (!r)
		r = removal_prepare(&rm, dir, d);
	if (r)
		return r;
	removal_do(&rm);
	lose_link(oi);
	changed(dir);
	return 0;
}

static int ovl_rmdir(struct inode *dir, struct dentry *d)
{
	int r = ovl_dir_empty(ovl_i(dentry_inode(d)));

	if (!r)
		r = remove_name(dir, d);
	if (!r)
		inode_drop_nlink(dir);
	return r;
}

/* --- renaming ---------------------------------------------------------------------- */

static bool is_dir(struct inode *inode)
{
	return inode && LX_S_ISDIR(inode->mode);
}

struct renaming {
	struct ovl_inode *source, *target; /* target NULL: the new name is free */
	struct removal old;
	struct ovl_name *at_new, *at_old; /* at_old: exchange only */
};

static int rename_prepare(struct renaming *rn, struct inode *old_dir, struct dentry *old,
			  struct inode *new_dir, struct dentry *new, bool exchange)
{
	int r = dir_up(ovl_i(old_dir));

	if (!r)
		r = dir_up(ovl_i(new_dir));
	if (!r)
		r = ovl_attr_up(rn->source);
	if (!r && rn->target)
		r = ovl_attr_up(rn->target);
	if (!r && !exchange && rn->target && is_dir(&rn->target->base))
		r = ovl_dir_empty(rn->target);
	if (!r && !exchange)
		r = removal_prepare(&rn->old, old_dir, old);
	if (r)
		return r;
	rn->at_new = ovl_name_prepare(&ovl_i(new_dir)->names, new->name, new->name_len);
	if (exchange)
		rn->at_old = ovl_name_prepare(&ovl_i(old_dir)->names, old->name,
					      old->name_len);
	return rn->at_new && (!exchange || rn->at_old) ? 0 : -ENOMEM;
}

/* ".." of what moved: each directory counts as a link of its parent. */
static void move_dir_links(struct renaming *rn, struct inode *old_dir,
			   struct inode *new_dir, bool exchange)
{
	if (is_dir(&rn->source->base)) {
		inode_drop_nlink(old_dir);
		inode_inc_nlink(new_dir);
	}
	if (!rn->target || !is_dir(&rn->target->base))
		return;
	inode_drop_nlink(new_dir);
	if (exchange)
		inode_inc_nlink(old_dir);
}

static int ovl_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		      struct dentry *new, unsigned flags)
{
	struct inode *target = dentry_inode(new);
	struct renaming rn = {.source = ovl_i(dentry_inode(old)),
			      .target = target ? ovl_i(target) : NULL};
	bool exchange = flags & LX_RENAME_EXCHANGE;
	int r;

	if (flags & ~(unsigned)(LX_RENAME_EXCHANGE | LX_RENAME_NOREPLACE))
		return -EINVAL;
	r = rename_prepare(&rn, old_dir, old, new_dir, new, exchange);
	if (r) {
		mem_free(rn.at_new);
		mem_free(rn.at_old);
		mem_free(rn.old.whiteout);
		return r;
	}
	if (exchange)
		ovl_names_set(&ovl_i(old_dir)->names, rn.at_old, rn.target);
	else
		removal_do(&rn.old);
	ovl_names_set(&ovl_i(new_dir)->names, rn.at_new, rn.source);
	move_dir_links(&rn, old_dir, new_dir, exchange);
	if (rn.target && !exchange)
		lose_link(rn.target);
	else if (rn.target)
		inode_touch(target, ATTR_CTIME);
	dentry_is_upper(old);
	dentry_is_upper(new);
	inode_touch(&rn.source->base, ATTR_CTIME);
	changed(old_dir);
	changed(new_dir);
	return 0;
}

const struct inode_ops ovl_dir_inode_ops = {
	.lookup = ovl_lookup,
	.walk = ovl_walk,
	.open = ovl_dir_open,
	.create = make,
	.mkdir = make,
	.mknod = make,
	.symlink = make,
	.link = ovl_link,
	.unlink = remove_name,
	.rmdir = ovl_rmdir,
	.rename = ovl_rename,
	.tmpfile = ovl_tmpfile,
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.getxattr = ovl_getxattr,
	.setxattr = ovl_setxattr,
	.listxattr = ovl_listxattr,
};

static ssize_t ovl_readlink(const struct vfs_ctx *c, struct inode *inode, char *buf,
			    size_t size)
{
	struct ovl_inode *oi = ovl_i(inode);
	struct inode *li = ovl_lower(oi);
	size_t n;

	if (li)
		return li->ops->readlink ? li->ops->readlink(c, li, buf, size) : -EINVAL;
	n = min_t(size_t, strlen(oi->target), size);
	memcpy(buf, oi->target, n);
	return (ssize_t)n;
}

const struct inode_ops ovl_symlink_inode_ops = {
	.readlink = ovl_readlink,
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.getxattr = ovl_getxattr,
	.setxattr = ovl_setxattr,
	.listxattr = ovl_listxattr,
};

const struct inode_ops ovl_special_inode_ops = {
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.getxattr = ovl_getxattr,
	.setxattr = ovl_setxattr,
	.listxattr = ovl_listxattr,
};
