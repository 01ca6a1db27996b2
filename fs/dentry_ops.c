// SPDX-License-Identifier: Apache-2.0
/*
 * The changing slots of inode_ops, each called here and nowhere else, with the dentry
 * cache kept true. Permission and limits are the callers' (dirops.c, rename.c); stacked
 * file systems come in here too.
 */
#include "fs/internal.h"

int dentry_revalidate(struct dentry *d)
{
	const struct dentry_ops *ops = atomic_load(&d->dops);
	int r = ops && ops->revalidate ? ops->revalidate(d) : 1;

	return r <= 0 && atomic_load(&d->dops) != ops ? 1 : r;
}

int dentry_create(struct dentry *dir, struct dentry *d, struct create_args *a)
{
	struct inode *inode = dentry_inode(dir), *made = NULL;
	int (*make)(struct inode *, struct dentry *, const struct create_args *,
		    struct inode **);
	int r;

	switch (a->mode & LX_S_IFMT) {
	case LX_S_IFREG:
		make = inode->ops->create;
		break;
	case LX_S_IFDIR:
		make = inode->ops->mkdir;
		break;
	case LX_S_IFLNK:
		make = inode->ops->symlink;
		break;
	default:
		make = inode->ops->mknod;
	}
	if (make)
		r = make(inode, d, a, &made);
	else
		r = LX_S_ISREG(a->mode) ? -EACCES : -EPERM;
	create_args_done(a, r ? NULL : made);
	if (!r)
		dentry_instantiate(d, made);
	return r;
}

int dentry_link(struct dentry *dir, struct dentry *d, struct inode *old)
{
	struct inode *inode = dentry_inode(dir);
	int r;

	if (!inode->ops->link)
		return -EPERM;
	mutex_lock_nested(&old->lock);
	r = inode->ops->link(inode, d, old);
	mutex_unlock(&old->lock);
	if (!r)
		dentry_instantiate(d, inode_get(old));
	return r;
}

int dentry_unlink(struct dentry *dir, struct dentry *d)
{
	struct inode *inode = dentry_inode(dir), *victim = dentry_inode(d);
	int r;

	if (!inode->ops->unlink)
		return -EPERM;
	mutex_lock_nested(&victim->lock);
	r = inode->ops->unlink(inode, d);
	mutex_unlock(&victim->lock);
	if (!r)
		dentry_drop(d);
	return r;
}

int dentry_rmdir(struct dentry *dir, struct dentry *d)
{
	struct inode *inode = dentry_inode(dir), *victim = dentry_inode(d);
	int r;

	if (!inode->ops->rmdir)
		return -EPERM;
	mutex_lock_nested(&victim->lock);
	r = inode->ops->rmdir(inode, d);
	if (!r)
		victim->dead = true;
	mutex_unlock(&victim->lock);
	if (!r) {
		dcache_drop_children(d);
		dentry_drop(d);
	}
	return r;
}

/*
 * Both victims of a rename; either may be missing, or both be one. A directory before a
 * file, which may have another name in that very directory; else by address: rename_lock
 * is held (lock_order.h). (Locks that there may not be: clang cannot follow.)
 */
static void lock_victims(struct inode *a, struct inode *b)
	ACQUIRES(a->lock, b->lock) NO_LOCK_ANALYSIS
{
	bool a_dir = a && LX_S_ISDIR(a->mode), b_dir = b && LX_S_ISDIR(b->mode);

	if (a_dir == b_dir ? a > b : b_dir) {
		struct inode *tmp = a;

		a = b;
		b = tmp;
	}
	if (a)
		mutex_lock_nested(&a->lock);
	if (b && b != a)
		mutex_lock_nested(&b->lock);
}

static void unlock_victims(struct inode *a, struct inode *b)
	RELEASES(a->lock, b->lock) NO_LOCK_ANALYSIS
{
	if (a)
		mutex_unlock(&a->lock);
	if (b && b != a)
		mutex_unlock(&b->lock);
}

/*
 * Called with both directories locked, so that no name in either changes. A directory
 * that is moved and one that is replaced are locked too: nobody makes names in them.
 */
int dentry_rename(struct dentry *old_dir, struct dentry *old, struct dentry *new_dir,
		  struct dentry *new, unsigned flags)
{
	struct inode *inode = dentry_inode(old_dir);
	struct inode *source = dentry_inode(old), *target = dentry_inode(new);
	bool exchange = flags & LX_RENAME_EXCHANGE;
	char *spare;
	int r;

	if (!inode->ops->rename)
		return -EPERM;
	spare = mem_dup(new->name, new->name_len + 1);
	if (!spare)
		return -ENOMEM;
	lock_victims(source, target);
	r = inode->ops->rename(inode, old, dentry_inode(new_dir), new, flags);
	if (!r && target && !exchange && LX_S_ISDIR(target->mode))
		target->dead = true;
	unlock_victims(source, target);
	if (r) {
		mem_free(spare);
		return r;
	}
	if (target && !exchange)
		dcache_drop_children(new);
	dentry_move(old, new, exchange, spare);
	return 0;
}

/* --- locking two directories ------------------------------------------------------ */

/* Both may be one: clang cannot follow. */
static void lock_in_order(struct inode *first, struct inode *second)
	ACQUIRES(first->lock, second->lock) NO_LOCK_ANALYSIS
{
	mutex_lock(&first->lock);
	if (second != first)
		mutex_lock_nested(&second->lock);
}

/* The child of @top on the way down to @d, or NULL. */
static struct dentry *child_towards(struct dentry *top, struct dentry *d)
{
	for (; d->parent != d; d = d->parent)
		if (d->parent == top)
			return d;
	return NULL;
}

/* Ordered by ancestry, and both may be one: clang cannot follow. */
struct dentry *rename_lock_dirs(struct dentry *a, struct dentry *b) NO_LOCK_ANALYSIS
{
	struct inode *ia = dentry_inode(a), *ib = dentry_inode(b);
	struct vfs *v = super_vfs(a->sb);
	struct dentry *trap;
	bool b_first = false;

	/*
	 * No directory of this super moves now: ancestry holds still. In one directory
	 * too: the two that are exchanged are locked beside each other.
	 */
	mutex_lock(&a->sb->rename_lock);
	mutex_lock(&v->dlock);
	trap = child_towards(a, b);
	if (!trap) {
		trap = child_towards(b, a);
		b_first = trap || ib < ia;
	}
	mutex_unlock(&v->dlock);
	if (b_first)
		lock_in_order(ib, ia);
	else
		lock_in_order(ia, ib);
	return trap;
}

void rename_unlock_dirs(struct dentry *a, struct dentry *b) NO_LOCK_ANALYSIS
{
	mutex_unlock(&dentry_inode(a)->lock);
	if (dentry_inode(a) != dentry_inode(b))
		mutex_unlock(&dentry_inode(b)->lock);
	mutex_unlock(&a->sb->rename_lock);
}
