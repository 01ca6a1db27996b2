// SPDX-License-Identifier: Apache-2.0
/*
 * Mounts: a super (or a part of it) seen at a place, and the table of these places. The
 * trees they form: mount_tree.c.
 *
 *	alloc: ref 1 -> attach (the table has that reference) -> detach -> last put: free
 *
 * The table is changed under mount_lock and dlock together, so either is enough to look;
 * the walker looks under dlock, at the same time as into the dentry cache. Files and
 * working directories hold references: a detached mount lives as long as they do.
 */
#include "fs/internal.h"
#include "fs/mount.h"

struct mount *mount_alloc(struct vfs *v, struct super *sb, struct dentry *root,
			  const char *devname)
{
	struct mount *m = mem_zalloc(sizeof(*m));
	char *dev = str_dup(devname ? devname : "none");

	if (!m || !dev) {
		mem_free(m);
		mem_free(dev);
		return NULL;
	}
	refcount_init(&m->ref);
	m->sb = super_get(sb);
	m->root = dentry_get(root);
	atomic_init(&m->flags, MNT_RELATIME);
	list_init(&m->children);
	list_init(&m->sibling);
	list_init(&m->peers);
	m->devname = dev;
	mutex_lock(&v->supers_lock);
	m->id = v->next_mnt_id++;
	mutex_unlock(&v->supers_lock);
	return m;
}

struct mount *mount_get(struct mount *m)
{
	refcount_inc(&m->ref);
	return m;
}

void mount_put(struct mount *m)
{
	struct super *sb = m->sb;

	if (!refcount_dec(&m->ref))
		return;
	dentry_put(m->root);
	mem_free((void *)m->devname);
	mem_free(m);
	super_put(sb);
}

struct path path_get(struct path p)
{
	if (p.mnt)
		mount_get(p.mnt);
	dentry_get(p.dentry);
	return p;
}

void path_put(struct path p)
{
	dentry_put(p.dentry);
	if (p.mnt)
		mount_put(p.mnt);
}

unsigned mount_flags(struct mount *m)
{
	unsigned sb;

	if (!m)
		return 0;
	sb = atomic_load_explicit(&m->sb->flags, memory_order_relaxed);
	return atomic_load_explicit(&m->flags, memory_order_relaxed) |
	       (sb & SB_RDONLY ? MNT_RDONLY : 0) | (sb & SB_NOEXEC ? MNT_NOEXEC : 0) |
	       (sb & SB_NODEV ? MNT_NODEV : 0) | (sb & SB_NOSUID ? MNT_NOSUID : 0);
}

int mnt_want_write(struct mount *m)
{
	return mount_flags(m) & MNT_RDONLY ? -EROFS : 0;
}

/* --- the table ------------------------------------------------------------------ */

static uint64_t place_hash(const struct mount *parent, const struct dentry *d)
{
	return hash_u64((uint64_t)(uintptr_t)parent * 31 ^ (uint64_t)(uintptr_t)d);
}

struct mount *mount_find_locked(struct vfs *v, const struct mount *parent,
				const struct dentry *d)
{
	struct hnode *n = htab_first(&v->mounts, place_hash(parent, d));

	for (; n; n = htab_next(n)) {
		struct mount *m = container_of(n, struct mount, hash);

		if (m->parent == parent && m->mountpoint == d)
			return m;
	}
	return NULL;
}

/* What is mounted on @p: a reference or NULL. */
static struct mount *mount_lookup(struct path p)
{
	struct vfs *v = super_vfs(p.dentry->sb);
	struct mount *m;

	mutex_lock(&v->dlock);
	m = mount_find_locked(v, p.mnt, p.dentry);
	if (m)
		mount_get(m);
	mutex_unlock(&v->dlock);
	return m;
}

bool path_follow_mounts(struct path *p)
{
	bool crossed = false;
	struct mount *m;

	while (dentry_is_mounted(p->dentry) && (m = mount_lookup(*p))) {
		path_put(*p);
		p->mnt = m;
		p->dentry = dentry_get(m->root);
		crossed = true;
	}
	return crossed;
}

bool path_follow_up(struct path *p)
{
	struct vfs *v = super_vfs(p->dentry->sb);
	struct path up = {0};

	mutex_lock(&v->dlock);
	if (p->mnt->parent)
		up = (struct path){mount_get(p->mnt->parent),
				   dentry_get(p->mnt->mountpoint)};
	mutex_unlock(&v->dlock);
	if (!up.mnt)
		return false;
	path_put(*p);
	*p = up;
	return true;
}

static uint64_t point_hash(const struct dentry *d)
{
	return hash_u64((uint64_t)(uintptr_t)d);
}

struct mount *mount_find_on_locked(struct vfs *v, struct dentry *d, struct mnt_ns *ns)
{
	struct hnode *n = htab_first(&v->mountpoints, point_hash(d));

	for (; n; n = htab_next(n)) {
		struct mount *m = container_of(n, struct mount, by_point);

		if (m->mountpoint == d && (!ns || m->ns == ns))
			return m;
	}
	return NULL;
}

bool dentry_mounted_in(struct dentry *d, struct mnt_ns *ns)
{
	struct vfs *v = super_vfs(d->sb);
	bool r;

	if (!dentry_is_mounted(d))
		return false;
	mutex_lock(&v->dlock);
	r = mount_find_on_locked(v, d, ns);
	mutex_unlock(&v->dlock);
	return r;
}

void mount_hash_locked(struct vfs *v, struct mount *m)
{
	BUG_ON(htab_insert(&v->mounts, &m->hash, place_hash(m->parent, m->mountpoint)));
	BUG_ON(htab_insert(&v->mountpoints, &m->by_point, point_hash(m->mountpoint)));
	atomic_fetch_or(&m->mountpoint->flags, DENTRY_MOUNTED);
}

void mount_unhash_locked(struct vfs *v, struct mount *m)
{
	htab_remove(&v->mounts, &m->hash);
	htab_remove(&v->mountpoints, &m->by_point);
	if (!mount_find_on_locked(v, m->mountpoint, NULL))
		atomic_fetch_and(&m->mountpoint->flags, ~(unsigned)DENTRY_MOUNTED);
}
