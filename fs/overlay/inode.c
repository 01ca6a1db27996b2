// SPDX-License-Identifier: Apache-2.0
/* Inodes: found by their lower one, or fresh; and when a cached name is still true. */
#include <string.h>

#include "fs/overlay/internal.h"

/* Fresh numbers lie above what host file systems give out. */
#define OVL_INO_BASE (1ull << 52)

static uint64_t lower_hash(const struct inode *lower)
{
	return hash_u64((uintptr_t)lower);
}

static struct ovl_inode *alloc_inode(struct super *sb, uint32_t mode, uint32_t uid,
				     uint32_t gid)
{
	struct ovl_inode *oi = mem_zalloc(sizeof(*oi));
	const struct inode_ops *ops = &ovl_special_inode_ops;
	const struct file_ops *fops = NULL;

	if (!oi)
		return NULL;
	switch (mode & LX_S_IFMT) {
	case LX_S_IFREG:
		ops = &ovl_file_inode_ops;
		fops = &ovl_file_ops;
		ovl_data_init(&oi->data, to_ovl(sb)->pool);
		break;
	case LX_S_IFDIR:
		ops = &ovl_dir_inode_ops;
		fops = &ovl_dir_file_ops;
		ovl_names_init(&oi->names);
		break;
	case LX_S_IFLNK:
		ops = &ovl_symlink_inode_ops;
		break;
	default:
		break;
	}
	inode_init(&oi->base, sb, ops, fops, mode, uid, gid);
	memxattr_init(&oi->xattrs);
	return oi;
}

int ovl_inode_new(struct super *sb, const struct create_args *a, struct ovl_inode **out)
{
	struct ovl_inode *oi;

	*out = NULL;
	oi = alloc_inode(sb, a->mode, a->uid, a->gid);
	if (!oi)
		return -ENOMEM;
	oi->base.ino += OVL_INO_BASE;
	oi->base.rdev = a->rdev;
	oi->upper_attr = oi->upper_xattr = true;
	if (LX_S_ISDIR(a->mode)) {
		oi->base.nlink = 2;
		oi->base.size = PAGE_SIZE;
	}
	if (LX_S_ISREG(a->mode))
		oi->data.upper = true;
	if (LX_S_ISLNK(a->mode)) {
		oi->target = str_dup(a->target);
		oi->base.size = strlen(a->target);
		if (!oi->target) {
			inode_put(&oi->base);
			return -ENOMEM;
		}
	}
	*out = oi;
	return 0;
}

static struct ovl_inode *find_locked(struct ovl_super *os, struct inode *lower)
	MUST_HOLD(os->lock)
{
	struct hnode *h = htab_first(&os->inodes, lower_hash(lower));

	for (; h; h = htab_next(h)) {
		struct ovl_inode *oi = container_of(h, struct ovl_inode, by_lower);

		/* One whose last reference is just going is replaced. */
		if (ovl_lower(oi) == lower && refcount_inc_not_zero(&oi->base.ref))
			return oi;
	}
	return NULL;
}

int ovl_inode_get(struct super *sb, struct dentry *lower, struct ovl_inode **out)
{
	struct ovl_super *os = to_ovl(sb);
	struct inode *li = dentry_inode(lower);
	struct ovl_inode *oi, *fresh;
	int r;

	*out = NULL;
	mutex_lock(&os->lock);
	oi = find_locked(os, li);
	mutex_unlock(&os->lock);
	if (oi) {
		*out = oi;
		return 0;
	}
	fresh = alloc_inode(sb, li->mode, li->uid, li->gid);
	if (!fresh)
		return -ENOMEM;
	fresh->base.ino = li->ino;
	fresh->base.rdev = li->rdev;
	fresh->base.nlink = li->nlink;
	fresh->base.size = li->size;
	mutex_lock(&os->lock);
	oi = find_locked(os, li);
	r = 0;
	if (!oi) {
		fresh->lower = dentry_get(lower);
		r = htab_insert(&os->inodes, &fresh->by_lower, lower_hash(li));
	}
	mutex_unlock(&os->lock);
	if (r) {
		/* Never in the table: the free function must not look for it. */
		dentry_put(TAKE_PTR(fresh->lower));
		inode_put(&fresh->base);
		return r;
	}
	if (oi)
		inode_put(&fresh->base);
	*out = oi ? oi : fresh;
	return 0;
}

void ovl_free_inode(struct inode *inode)
{
	struct ovl_inode *oi = ovl_i(inode);
	struct ovl_super *os = to_ovl(inode->sb);

	if (oi->lower) {
		mutex_lock(&os->lock);
		htab_remove(&os->inodes, &oi->by_lower);
		mutex_unlock(&os->lock);
	}
	if (LX_S_ISREG(inode->mode))
		ovl_data_free(&oi->data);
	else if (LX_S_ISDIR(inode->mode))
		ovl_names_free(&oi->names);
	else if (LX_S_ISLNK(inode->mode))
		mem_free(oi->target);
	memxattr_free(&oi->xattrs);
	/* It was last used when this was: of all unused ones it is as old as any. */
	if (oi->lower)
		dentry_put_cold(oi->lower);
	mem_free(oi);
}

void ovl_pin(struct ovl_inode *oi)
{
	struct ovl_super *os = to_ovl(oi->base.sb);

	if (!oi->lower)
		return;
	mutex_lock(&os->lock);
	if (!oi->pinned)
		inode_get(&oi->base);
	oi->pinned = true;
	mutex_unlock(&os->lock);
}

void ovl_unpin(struct ovl_inode *oi)
{
	struct ovl_super *os = to_ovl(oi->base.sb);
	bool was;

	mutex_lock(&os->lock);
	was = oi->pinned;
	oi->pinned = false;
	mutex_unlock(&os->lock);
	if (was)
		inode_put(&oi->base);
}

/* --- dentries ------------------------------------------------------------------- */

/* The lower's word of a name stands in fsdata; the lower may change its mind. */
static int revalidate(struct dentry *d)
{
	struct dentry *ld = d->fsdata;
	struct inode *inode = dentry_inode(d), *li;
	struct ovl_inode *oi;
	int r;

	if (!ld)
		return 1;
	if (atomic_load(&ld->flags) & DENTRY_UNHASHED)
		return 0;
	r = dentry_revalidate(ld);
	if (r <= 0)
		return r;
	li = dentry_inode(ld);
	if (!inode || !li)
		return !inode && !li;
	oi = ovl_i(inode);
	if (ovl_lower(oi) != li)
		return 0;
	if (!oi->upper_attr) {
		inode->mode = li->mode;
		inode->uid = li->uid;
		inode->gid = li->gid;
	}
	return 1;
}

static void release(struct dentry *d)
{
	if (d->fsdata)
		dentry_put_cold(d->fsdata);
}

const struct dentry_ops ovl_lower_dops = {.revalidate = revalidate, .release = release};
/* Names that the layer itself made or moved are true until it changes them. */
const struct dentry_ops ovl_upper_dops = {.release = release};
