// SPDX-License-Identifier: Apache-2.0
/*
 * The dentry cache: dentries that nobody references. They stay, on the LRU or because
 * they are KEEP, until there are too many, somebody drops them, or their super goes; one
 * that is not hashed is killed at once, and with it the ancestors that it alone held.
 *
 * What is killed leaves the cache under LOCK_DENTRY; inodes and fsdata are let go after
 * it, because that may talk to a file server.
 */
#include "fs/internal.h"

/*
 * Does it stay in the cache when nobody holds it? Puts it on the LRU then, with @cold as
 * the oldest.
 */
static bool keep_locked(struct vfs *v, struct dentry *d, bool cold) MUST_HOLD(v->dlock)
{
	unsigned flags = atomic_load(&d->flags);

	if (flags & (DENTRY_UNHASHED | DENTRY_NOCACHE) ||
	    atomic_load(&d->sb->flags) & SB_DYING)
		return false;
	if (!(flags & DENTRY_KEEP && d->inode)) {
		if (cold)
			list_add(&v->lru, &d->lru);
		else
			list_add_tail(&v->lru, &d->lru);
		v->n_lru++;
	}
	return true;
}

/*
 * Take an unreferenced dentry out, and the ancestors of which it was the last reference:
 * those that do not stay cached, or with @top any that is below it (KEEP ones if @all).
 */
static void kill_locked(struct vfs *v, struct dentry *d, const struct dentry *top,
			bool all, struct list *dead) MUST_HOLD(v->dlock)
{
	for (;;) {
		struct dentry *parent = d->parent;
		bool forget;

		dentry_unhash_locked(v, d);
		list_del(&d->sibling);
		if (!list_empty(&d->lru)) {
			list_del(&d->lru);
			v->n_lru--;
		}
		list_add_tail(dead, &d->lru);
		if (parent == d || !refcount_dec(&parent->ref))
			return;
		forget = top && parent != top &&
			 (all || !(atomic_load(&parent->flags) & DENTRY_KEEP));
		if (!forget && keep_locked(v, parent, false))
			return;
		d = parent;
	}
}

static void free_dead(struct list *dead)
{
	struct dentry *d;

	while ((d = list_first(dead, struct dentry, lru))) {
		list_del(&d->lru);
		if (d->dops && d->dops->release)
			d->dops->release(d);
		if (d->inode) {
			if (!d->inode->nlink)
				fs_notify(d->inode, NULL, FS_NOTIFY_DELETE_SELF, 0);
			else if (atomic_load(&d->sb->flags) & SB_DYING)
				fs_notify(d->inode, NULL, FS_NOTIFY_UNMOUNT, 0);
			inode_put(d->inode);
		}
		mem_free((void *)d->name);
		mem_free(d);
	}
}

#define SHRINK_BATCH 64

/*
 * The oldest unused ones go, until @keep are left or @most are gone, in batches so that the
 * lock is not held long. What goes may hold others (an overlay's hold lower ones), whose
 * puts come back here: they only add to what this loop takes, or the stack would grow with
 * the cache.
 */
static void shrink(struct vfs *v, unsigned keep, size_t most)
{
	struct list dead;
	bool more;

	do {
		list_init(&dead);
		mutex_lock(&v->dlock);
		v->shrinking = true;
		for (int i = 0; i < SHRINK_BATCH && v->n_lru > keep && most; i++, most--)
			kill_locked(v, list_first(&v->lru, struct dentry, lru), NULL,
				    false, &dead);
		mutex_unlock(&v->dlock);
		free_dead(&dead);
		mutex_lock(&v->dlock);
		more = v->n_lru > keep && most;
		v->shrinking = more;
		mutex_unlock(&v->dlock);
	} while (more);
}

/* No more than there are now: others may add as fast as this takes. */
void dcache_drop_unused(struct vfs *v)
{
	size_t n;

	mutex_lock(&v->dlock);
	n = v->dentries.n;
	mutex_unlock(&v->dlock);
	shrink(v, 0, n);
}

void dcache_counts(struct vfs *v, struct dcache_counts *out)
{
	struct dentry *d;

	*out = (struct dcache_counts){0};
	mutex_lock(&v->dlock);
	out->cached = v->dentries.n;
	out->unused = v->n_lru;
	list_for_each (d, &v->lru, lru)
		out->negative += !dentry_inode(d);
	mutex_unlock(&v->dlock);
}

/* Drops a reference that is not the last one. */
static bool put_shared(struct dentry *d)
{
	unsigned n = refcount_read(&d->ref);

	while (n > 1)
		if (atomic_compare_exchange_weak_explicit(&d->ref.n, &n, n - 1,
							  memory_order_release,
							  memory_order_relaxed))
			return true;
	return false;
}

static void put(struct dentry *d, bool cold)
{
	struct vfs *v = super_vfs(d->sb);
	bool too_many = false;
	struct list dead;

	if (put_shared(d))
		return;
	list_init(&dead);
	mutex_lock(&v->dlock);
	if (refcount_dec(&d->ref)) {
		if (!keep_locked(v, d, cold))
			kill_locked(v, d, NULL, false, &dead);
		too_many = v->n_lru > DCACHE_LRU_MAX && !v->shrinking;
		v->shrinking |= too_many;
	}
	mutex_unlock(&v->dlock);
	free_dead(&dead);
	if (too_many)
		shrink(v, DCACHE_LRU_MAX, SIZE_MAX);
}

void dentry_put(struct dentry *d)
{
	put(d, false);
}

void dentry_put_cold(struct dentry *d)
{
	put(d, true);
}

/*
 * The next one of the tree below @top in some fixed order, without recursion: guests
 * choose the depth.
 */
static struct dentry *next_below(struct dentry *d, const struct dentry *top)
{
	if (!list_empty(&d->children))
		return list_first(&d->children, struct dentry, sibling);
	while (d != top) {
		if (d->sibling.next != &d->parent->children)
			return list_entry(d->sibling.next, struct dentry, sibling);
		d = d->parent;
	}
	return NULL;
}

/* Unreferenced ones below @top, KEEP ones only with @all. */
static void kill_below_locked(struct vfs *v, struct dentry *top, bool all,
			      struct list *dead) MUST_HOLD(v->dlock)
{
	struct list victims;
	struct dentry *d;

	list_init(&victims);
	for (d = top; d; d = next_below(d, top)) {
		if (refcount_read(&d->ref))
			continue;
		if (!list_empty(&d->lru)) {
			list_del(&d->lru);
			v->n_lru--;
		} else if (!all) {
			continue;
		}
		list_add_tail(&victims, &d->lru);
	}
	while ((d = list_first(&victims, struct dentry, lru))) {
		list_del(&d->lru);
		kill_locked(v, d, top, all, dead);
	}
}

void dcache_drop_children(struct dentry *parent)
{
	struct vfs *v = super_vfs(parent->sb);
	struct list dead;

	list_init(&dead);
	mutex_lock(&v->dlock);
	kill_below_locked(v, parent, false, &dead);
	mutex_unlock(&v->dlock);
	free_dead(&dead);
}

void dcache_kill_super(struct super *sb)
{
	struct vfs *v = super_vfs(sb);
	struct dentry *root = sb->root;
	struct list dead;

	atomic_fetch_or(&sb->flags, SB_DYING);
	sb->root = NULL;
	if (!root)
		return;
	list_init(&dead);
	mutex_lock(&v->dlock);
	kill_below_locked(v, root, true, &dead);
	mutex_unlock(&v->dlock);
	free_dead(&dead);
	dentry_put(root);
}
