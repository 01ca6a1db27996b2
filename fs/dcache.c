// SPDX-License-Identifier: Apache-2.0
/*
 * The dentry cache: what names were found to be, negative answers too.
 *
 * A dentry is hashed (the cache's answer for its name) or not (removed, replaced, a
 * root). Referenced ones are in use; a hashed one whose count falls to 0 stays on the
 * LRU, or just stays if it is KEEP (the file system has no other record of the name).
 * A child counts as a reference of its parent, so what has count 0 is a leaf.
 *
 *	alloc -> (lookup or create) instantiate, hash -> in use <-> LRU -> kill
 *	                                             unlink: unhash -> last put: kill
 *
 * One lock for all of it (LOCK_DENTRY). Counts change 0 -> 1 and 1 -> 0 only under it;
 * inodes and fsdata are let go after it, because that may talk to a file server.
 */
#include "fs/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct dentry *dentry_get(struct dentry *d)
{
	refcount_inc(&d->ref);
	return d;
}

static void get_locked(struct vfs *v, struct dentry *d) MUST_HOLD(v->dlock)
{
	if (atomic_fetch_add_explicit(&d->ref.n, 1, memory_order_relaxed) == 0 &&
	    !list_empty(&d->lru)) {
		list_del(&d->lru);
		v->n_lru--;
	}
}

static struct dentry *new_dentry(struct super *sb, const char *name, size_t len)
{
	struct dentry *d = mem_zalloc(sizeof(*d));
	char *copy = mem_alloc(len + 1);

	if (!d || !copy) {
		mem_free(d);
		mem_free(copy);
		return NULL;
	}
	memcpy(copy, name, len);
	copy[len] = '\0';
	refcount_init(&d->ref);
	atomic_init(&d->flags, DENTRY_UNHASHED);
	d->sb = sb;
	d->parent = d;
	d->name = copy;
	d->name_len = len;
	list_init(&d->children);
	list_init(&d->sibling);
	list_init(&d->lru);
	return d;
}

struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t len)
{
	struct vfs *v = super_vfs(parent->sb);
	struct dentry *d = new_dentry(parent->sb, name, len);

	if (!d)
		return NULL;
	mutex_lock(&v->dlock);
	refcount_inc(&parent->ref);
	d->parent = parent;
	list_add_tail(&parent->children, &d->sibling);
	mutex_unlock(&v->dlock);
	return d;
}

struct dentry *dentry_alloc_tmpfile(struct dentry *dir, struct inode *inode)
{
	char name[24];
	struct dentry *d;

	d = dentry_alloc(dir, name,
			 (size_t)snprintf(name, sizeof(name), "#%" PRIu64, inode->ino));
	if (d)
		d->inode = inode;
	return d;
}

struct dentry *dentry_new_root(struct super *sb, struct inode *inode)
{
	struct dentry *d = new_dentry(sb, "/", 1);

	if (d)
		d->inode = inode;
	return d;
}

struct dentry *dentry_new_anon(struct super *sb, struct inode *inode, const char *name,
			       const struct dentry_ops *dops)
{
	struct dentry *d = new_dentry(sb, name, strlen(name));

	if (d) {
		d->inode = inode;
		d->dops = dops;
	}
	return d;
}

/* --- killing ---------------------------------------------------------------- */

static void unhash_locked(struct vfs *v, struct dentry *d) MUST_HOLD(v->dlock)
{
	if (dentry_unhashed(d))
		return;
	htab_remove(&v->dentries, &d->hash);
	atomic_fetch_or(&d->flags, DENTRY_UNHASHED);
}

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

		unhash_locked(v, d);
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

/* --- the cache ---------------------------------------------------------------- */

static uint64_t name_hash(const struct dentry *parent, const char *name, size_t len)
{
	return hash_bytes(name, len, (uint64_t)(uintptr_t)parent);
}

static struct dentry *find_locked(struct vfs *v, struct dentry *parent, const char *name,
				  size_t len) MUST_HOLD(v->dlock)
{
	struct hnode *n = htab_first(&v->dentries, name_hash(parent, name, len));

	for (; n; n = htab_next(n)) {
		struct dentry *d = container_of(n, struct dentry, hash);

		if (d->parent == parent && d->name_len == len &&
		    !memcmp(d->name, name, len))
			return d;
	}
	return NULL;
}

static void hash_locked(struct vfs *v, struct dentry *d) MUST_HOLD(v->dlock)
{
	/* Only the first insert of all can fail, and vfs_create() made that. */
	BUG_ON(htab_insert(&v->dentries, &d->hash,
			   name_hash(d->parent, d->name, d->name_len)));
	atomic_fetch_and(&d->flags, ~(unsigned)DENTRY_UNHASHED);
}

struct dentry *dcache_lookup(struct dentry *parent, const char *name, size_t len)
{
	struct vfs *v = super_vfs(parent->sb);
	struct dentry *d;

	mutex_lock(&v->dlock);
	d = find_locked(v, parent, name, len);
	if (d)
		get_locked(v, d);
	mutex_unlock(&v->dlock);
	return d;
}

void dentry_instantiate(struct dentry *d, struct inode *inode)
{
	struct vfs *v = super_vfs(d->sb);

	mutex_lock(&v->dlock);
	if (inode)
		atomic_store_explicit(&d->inode, inode, memory_order_release);
	if (dentry_unhashed(d) && !find_locked(v, d->parent, d->name, d->name_len))
		hash_locked(v, d);
	mutex_unlock(&v->dlock);
}

void dentry_drop(struct dentry *d)
{
	struct vfs *v = super_vfs(d->sb);

	mutex_lock(&v->dlock);
	unhash_locked(v, d);
	mutex_unlock(&v->dlock);
}

int dcache_fill(struct dentry *parent, const char *name, size_t len, struct inode *inode,
		const struct dentry_ops *dops, void *fsdata, struct dentry **out)
{
	struct vfs *v = super_vfs(parent->sb);
	struct dentry *d, *old;

	if (out)
		*out = NULL;
	d = dentry_alloc(parent, name, len);
	if (!d)
		return -ENOMEM;
	d->dops = dops;
	d->fsdata = fsdata;
	d->inode = inode;

	mutex_lock(&v->dlock);
	old = find_locked(v, parent, name, len);
	if (old && (old->inode == inode || dentry_is_mounted(old))) {
		/* Known already: the new one goes, with its fsdata. */
		get_locked(v, old);
		mutex_unlock(&v->dlock);
		dentry_put(d);
		d = old;
	} else {
		if (old) {
			get_locked(v, old);
			unhash_locked(v, old);
		}
		hash_locked(v, d);
		mutex_unlock(&v->dlock);
		if (old)
			dentry_put(old);
	}
	if (out)
		*out = d;
	else
		dentry_put(d);
	return 0;
}

void dcache_drop(struct dentry *parent, const char *name, size_t len)
{
	struct dentry *d = dcache_lookup(parent, name, len);

	if (!d)
		return;
	dcache_drop_children(d);
	dentry_drop(d);
	dentry_put(d);
}

/* --- the tree ------------------------------------------------------------------ */

struct dentry *dentry_parent(struct dentry *d)
{
	struct vfs *v = super_vfs(d->sb);
	struct dentry *parent;

	mutex_lock(&v->dlock);
	parent = dentry_get(d->parent);
	mutex_unlock(&v->dlock);
	return parent;
}

struct dentry *dentry_place(struct dentry *d, char *name, size_t *len)
{
	struct vfs *v = super_vfs(d->sb);
	struct dentry *parent = NULL;

	mutex_lock(&v->dlock);
	if (!dentry_is_root(d)) {
		parent = dentry_get(d->parent);
		*len = min_t(size_t, d->name_len, LX_NAME_MAX);
		memcpy(name, d->name, *len);
		name[*len] = '\0';
	}
	mutex_unlock(&v->dlock);
	return parent;
}

bool dentry_below_locked(struct dentry *d, struct dentry *top)
{
	mutex_assert_held(&super_vfs(d->sb)->dlock);
	while (d != top && d->parent != d)
		d = d->parent;
	return d == top;
}

bool dentry_below(struct vfs *v, struct dentry *d, struct dentry *top)
{
	bool r;

	mutex_lock(&v->dlock);
	r = dentry_below_locked(d, top);
	mutex_unlock(&v->dlock);
	return r;
}

static void place_locked(struct dentry *d, struct dentry *parent, const char *name,
			 size_t len)
{
	d->parent = parent;
	d->name = name;
	d->name_len = len;
	list_del(&d->sibling);
	list_add_tail(&parent->children, &d->sibling);
}

void dentry_move(struct dentry *old, struct dentry *new, bool exchange, char *spare)
{
	struct vfs *v = super_vfs(old->sb);
	struct dentry *old_parent = old->parent, *new_parent = new->parent;
	const char *old_name = old->name;
	size_t old_len = old->name_len;

	mutex_lock(&v->dlock);
	atomic_fetch_add(&v->rename_seq, 1);
	unhash_locked(v, old);
	unhash_locked(v, new);
	if (exchange) {
		place_locked(old, new_parent, new->name, new->name_len);
		place_locked(new, old_parent, old_name, old_len);
		hash_locked(v, new);
		old_name = spare;
	} else {
		/* The victim keeps its own name and place, for "(deleted)". */
		refcount_inc(&new_parent->ref);
		place_locked(old, new_parent, spare, new->name_len);
	}
	hash_locked(v, old);
	mutex_unlock(&v->dlock);
	mem_free((void *)old_name);
	if (!exchange)
		dentry_put(old_parent);
}

uint64_t dentry_parent_ino(struct dentry *d)
{
	struct dentry *parent = dentry_parent(d);
	uint64_t ino = dentry_inode(parent)->ino;

	dentry_put(parent);
	return ino;
}
