// SPDX-License-Identifier: Apache-2.0
/*
 * Trees of mounts: hung into the table and taken out of it as a whole, moved, copied. All
 * under mount_lock, which the callers hold; the table's own lock (dlock) is taken here,
 * around the change of the links. What a tree held is dropped last, without any lock.
 */
#include "fs/internal.h"
#include "fs/mount.h"

static bool mount_flagged(struct mount *m, unsigned flag)
{
	return atomic_load_explicit(&m->flags, memory_order_relaxed) & flag;
}

struct mount *mount_next(struct mount *m, struct mount *top)
{
	if (!list_empty(&m->children))
		return list_first(&m->children, struct mount, sibling);
	while (m != top) {
		if (m->sibling.next != &m->parent->children)
			return list_entry(m->sibling.next, struct mount, sibling);
		m = m->parent;
	}
	return NULL;
}

struct mount *mount_child_at(struct mount *m, const struct dentry *d)
{
	struct vfs *v = super_vfs(m->sb);
	struct mount *child;

	if (m->ns) {
		mutex_lock(&v->dlock);
		child = mount_find_locked(v, m, d);
		mutex_unlock(&v->dlock);
		return child;
	}
	/* A copy that is attached nowhere yet is in no table. */
	list_for_each (child, &m->children, sibling)
		if (child->mountpoint == d)
			return child;
	return NULL;
}

struct mount *mount_over(struct mount *m)
{
	return mount_child_at(m, m->root);
}

struct mount *mount_topmost(struct mount *m)
{
	struct mount *over;

	while ((over = mount_over(m)))
		m = over;
	return m;
}

int mount_tree_fits(struct mount *top, struct mnt_ns *ns)
{
	unsigned n = 0;

	for (struct mount *m = top; m; m = mount_next(m, top))
		n++;
	return n > MOUNTS_MAX - ns->n_mounts ? -ENOSPC : 0;
}

void mount_tree_changed(struct mnt_ns *ns)
{
	atomic_fetch_add(&ns->event, 1);
	waitq_wake(&ns->waitq, LX_POLLERR | LX_POLLPRI);
}

void mount_tree_attach(struct mount *top, struct mount *parent, struct dentry *mountpoint)
{
	struct vfs *v = super_vfs(top->sb);
	struct mnt_ns *ns = parent->ns;

	mutex_lock(&v->dlock);
	atomic_fetch_add(&v->mount_seq, 1);
	top->parent = parent;
	top->mountpoint = mountpoint;
	list_add_tail(&parent->children, &top->sibling);
	for (struct mount *m = top; m; m = mount_next(m, top)) {
		mount_hash_locked(v, m);
		m->ns = ns;
		ns->n_mounts++;
	}
	mutex_unlock(&v->dlock);
	mount_tree_changed(ns);
}

void mount_tree_own(struct vfs *v, struct mnt_ns *ns)
{
	mutex_lock(&v->dlock);
	for (struct mount *m = ns->root; m; m = mount_next(m, ns->root)) {
		if (m != ns->root)
			mount_hash_locked(v, m);
		m->ns = ns;
		ns->n_mounts++;
	}
	mutex_unlock(&v->dlock);
}

void mount_tree_detach(struct vfs *v, struct mount *top, struct list *dead)
{
	struct mnt_ns *ns = top->ns;
	struct mount *m, *next;

	mutex_lock(&v->dlock);
	atomic_fetch_add(&v->mount_seq, 1);
	/* Leaves first, so that the links above stay whole on the way. */
	for (m = top; m; m = next) {
		while (!list_empty(&m->children))
			m = list_first(&m->children, struct mount, sibling);
		next = m == top ? NULL : m->parent;
		if (m->parent && m->ns)
			mount_unhash_locked(v, m);
		if (m->ns)
			m->ns->n_mounts--;
		m->ns = NULL;
		m->parent = NULL;
		mount_set_group(v, m, 0, 0);
		list_del(&m->sibling);
		list_add_tail(dead, &m->sibling);
	}
	mutex_unlock(&v->dlock);
	if (ns)
		mount_tree_changed(ns);
}

/* dlock held: the links of one mount to what it is mounted on. */
static void unhook(struct vfs *v, struct mount *m) MUST_HOLD(v->dlock)
{
	mount_unhash_locked(v, m);
	list_del(&m->sibling);
	m->parent = NULL;
	m->mountpoint = NULL;
}

static void hook(struct vfs *v, struct mount *m, struct mount *parent,
		 struct dentry *mountpoint) MUST_HOLD(v->dlock)
{
	m->parent = parent;
	m->mountpoint = mountpoint;
	list_add_tail(&parent->children, &m->sibling);
	mount_hash_locked(v, m);
}

struct dentry *mount_tree_move(struct mount *top, struct mount *parent,
			       struct dentry *mountpoint)
{
	struct vfs *v = super_vfs(top->sb);
	struct dentry *old = top->mountpoint;

	mutex_lock(&v->dlock);
	atomic_fetch_add(&v->mount_seq, 1);
	unhook(v, top);
	hook(v, top, parent, mountpoint);
	mutex_unlock(&v->dlock);
	mount_tree_changed(top->ns);
	return old;
}

struct dentry *mount_tree_pivot(struct mount *root, struct mount *new,
				struct path put_old)
{
	struct vfs *v = super_vfs(root->sb);
	struct mount *root_parent = root->parent;
	struct dentry *root_place = root->mountpoint, *new_place = new->mountpoint;

	dentry_get(put_old.dentry);
	mutex_lock(&v->dlock);
	atomic_fetch_add(&v->mount_seq, 1);
	unhook(v, new);
	if (root_parent) {
		unhook(v, root);
		hook(v, new, root_parent, root_place);
	} else {
		root->ns->root = new;
	}
	hook(v, root, put_old.mnt, put_old.dentry);
	if (mount_flagged(root, MNT_LOCKED)) {
		atomic_fetch_or(&new->flags, MNT_LOCKED);
		atomic_fetch_and(&root->flags, ~(unsigned)MNT_LOCKED);
	}
	mutex_unlock(&v->dlock);
	mount_tree_changed(root->ns);
	return new_place;
}

void mounts_put(struct list *dead)
{
	struct mount *m;

	while ((m = list_first(dead, struct mount, sibling))) {
		struct dentry *mountpoint = m->mountpoint;

		list_del(&m->sibling);
		m->mountpoint = NULL;
		if (mountpoint)
			dentry_put(mountpoint);
		mount_put(m);
	}
}

void mounts_detach_on(struct dentry *d)
{
	struct vfs *v = super_vfs(d->sb);
	struct list dead;
	struct mount *m;

	if (!dentry_is_mounted(d))
		return;
	list_init(&dead);
	mutex_lock(&v->mount_lock);
	for (;;) {
		mutex_lock(&v->dlock);
		m = mount_find_on_locked(v, d, NULL);
		mutex_unlock(&v->dlock);
		if (!m)
			break;
		mount_tree_detach(v, m, &dead);
	}
	mutex_unlock(&v->mount_lock);
	mounts_put(&dead);
}

static struct mount *copy_one(struct vfs *v, struct mount *m, struct dentry *root,
			      unsigned how)
{
	struct mount *copy = mount_alloc(v, m->sb, root, m->devname);

	if (!copy)
		return NULL;
	atomic_init(&copy->flags, atomic_load(&m->flags));
	if (how & COPY_PRIVATE)
		return copy;
	if (how & COPY_TO_SLAVE && m->peer_group)
		mount_set_group(v, copy, 0, m->peer_group);
	else
		mount_set_group(v, copy, m->peer_group, m->master_group);
	return copy;
}

bool mount_of_mnt_ns(const struct mount *m)
{
	const struct super_ops *ops = m->sb->ops;

	return ops->bindable && ops->bindable(dentry_inode(m->root), NULL);
}

struct mount *mount_next_beside(struct mount *m, struct mount *top)
{
	while (m != top) {
		if (m->sibling.next != &m->parent->children)
			return list_entry(m->sibling.next, struct mount, sibling);
		m = m->parent;
	}
	return NULL;
}

int mount_tree_copy(struct vfs *v, struct mount *top, struct dentry *root, unsigned how,
		    struct mount **out)
{
	struct mount *m, *at, *copy;
	struct list dead;

	*out = NULL;
	if (!(how & COPY_MNT_NS) && mount_of_mnt_ns(top))
		return -EINVAL;
	*out = at = copy_one(v, top, root, how);
	if (!at)
		return -ENOMEM;
	if (!(how & COPY_RECURSIVE))
		return 0;
	/* @at is the copy of @from: walk both trees in step. */
	struct mount *from = top;

	for (m = mount_next(top, top); m;) {
		bool skip = mount_flagged(m, MNT_UNBINDABLE) && !(how & COPY_UNBINDABLE);

		skip = skip || (mount_of_mnt_ns(m) && !(how & COPY_MNT_NS));
		if (!skip && m->parent == top)
			skip = !dentry_below(v, m->mountpoint, root);
		if (skip) {
			m = mount_next_beside(m, top);
			continue;
		}
		while (from != m->parent) {
			from = from->parent;
			at = at->parent;
		}
		copy = copy_one(v, m, m->root, how);
		if (!copy)
			goto fail;
		copy->parent = at;
		copy->mountpoint = dentry_get(m->mountpoint);
		list_add_tail(&at->children, &copy->sibling);
		from = m;
		at = copy;
		m = mount_next(m, top);
	}
	return 0;
fail:
	list_init(&dead);
	mount_tree_detach(v, *out, &dead);
	*out = NULL;
	/* Only counts: the originals hold every super and dentry. */
	mounts_put(&dead);
	return -ENOMEM;
}

int mount_graft(struct mnt_ns *ns, struct mount *top, struct path where,
		struct list *dead)
{
	struct vfs *v = ns->v;
	struct inode *inode;
	int r;

	path_get(where);
	mutex_lock(&v->mount_lock);
	/* What was mounted here since the caller looked goes below. */
	path_follow_mounts(&where);
	inode = dentry_inode(where.dentry);
	mutex_lock(&inode->lock);
	if (dentry_removed(where.dentry))
		r = -ENOENT;
	else if (where.mnt->ns != ns)
		r = -EINVAL;
	else if (LX_S_ISDIR(inode->mode) != LX_S_ISDIR(dentry_inode(top->root)->mode))
		r = -ENOTDIR;
	else if (dentry_removed(mount_topmost(top)->root))
		r = -ENOENT;
	else
		r = mount_tree_fits(top, ns);
	if (!r)
		r = propagate_mount(v, top, where.mnt, where.dentry, dead);
	if (!r)
		mount_tree_attach(top, where.mnt, dentry_get(where.dentry));
	mutex_unlock(&inode->lock);
	mutex_unlock(&v->mount_lock);
	path_put(where);
	return r;
}

int mount_attach(struct mnt_ns *ns, struct super *sb, struct dentry *root,
		 struct path where, unsigned flags, const char *devname,
		 struct mount **out)
{
	struct mount *m = mount_alloc(ns->v, sb, root, devname);
	struct list dead;
	int r;

	list_init(&dead);
	if (out)
		*out = NULL;
	if (!m)
		return -ENOMEM;
	if (flags & MNT_NOATIME)
		atomic_fetch_and(&m->flags, ~(unsigned)MNT_RELATIME);
	atomic_fetch_or(&m->flags, flags);
	r = mount_graft(ns, m, where, &dead);
	mounts_put(&dead);
	if (r)
		mount_put(m);
	else if (out)
		*out = mount_get(m);
	return r;
}
