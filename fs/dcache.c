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
 * One lock for all of it (LOCK_DENTRY). Counts change 0 -> 1 and 1 -> 0 only under it.
 * Here: dentries, their names and their places in the tree; what happens to those that
 * nobody references is in dcache_lru.c.
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

void dentry_unhash_locked(struct vfs *v, struct dentry *d)
{
	if (dentry_unhashed(d))
		return;
	htab_remove(&v->dentries, &d->hash);
	atomic_fetch_or(&d->flags, DENTRY_UNHASHED);
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
	dentry_unhash_locked(v, d);
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
			dentry_unhash_locked(v, old);
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
	dentry_unhash_locked(v, old);
	dentry_unhash_locked(v, new);
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
