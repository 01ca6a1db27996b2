// SPDX-License-Identifier: Apache-2.0
/*
 * mount(2), umount2(2), pivot_root(2): which of their many meanings, and who may.
 * Source: mount(2), umount(2), pivot_root(2), mount_namespaces(7), user_namespaces(7).
 */
#include <string.h>

#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "sentry/abi/mount.h"

static int may_mount(const struct vfs_ctx *c)
{
	return !c->cred || cred_capable(c->cred, c->mnt_ns->owner, LX_CAP_SYS_ADMIN)
		       ? 0
		       : -EPERM;
}

static bool at_mount_root(struct path p)
{
	return p.mnt && p.dentry == p.mnt->root;
}

static bool in_our_ns(const struct vfs_ctx *c, struct path p)
{
	return p.mnt && p.mnt->ns == c->mnt_ns;
}

#define MNT_ATIME_FLAGS (MNT_NOATIME | MNT_NODIRATIME | MNT_RELATIME)
#define MNT_USER_FLAGS                                                                   \
	(MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | MNT_ATIME_FLAGS |            \
	 MNT_NOSYMFOLLOW)

static unsigned flags_from_ms(unsigned long ms)
{
	unsigned flags = 0;

	if (!(ms & (LX_MS_NOATIME | LX_MS_STRICTATIME)))
		flags |= MNT_RELATIME;
	flags |= ms & LX_MS_RDONLY ? MNT_RDONLY : 0;
	flags |= ms & LX_MS_NOSUID ? MNT_NOSUID : 0;
	flags |= ms & LX_MS_NODEV ? MNT_NODEV : 0;
	flags |= ms & LX_MS_NOEXEC ? MNT_NOEXEC : 0;
	flags |= ms & LX_MS_NOATIME && !(ms & LX_MS_STRICTATIME) ? MNT_NOATIME : 0;
	flags |= ms & LX_MS_NODIRATIME ? MNT_NODIRATIME : 0;
	flags |= ms & LX_MS_NOSYMFOLLOW ? MNT_NOSYMFOLLOW : 0;
	return flags;
}

/* --- new mounts, binds, moves ------------------------------------------------- */

static void drop_tree(struct vfs *v, struct mount *top)
{
	struct list dead;

	list_init(&dead);
	mutex_lock(&v->mount_lock);
	mount_tree_detach(v, top, &dead);
	mutex_unlock(&v->mount_lock);
	mounts_put(&dead);
}

/* Puts a tree of its own at @where; on failure it is gone. */
static int graft(const struct vfs_ctx *c, struct mount *top, struct path where)
{
	struct list dead;
	int r;

	list_init(&dead);
	r = mount_graft(c->mnt_ns, top, where, &dead);
	mounts_put(&dead);
	if (r)
		drop_tree(c->mnt_ns->v, top);
	return r;
}

static int new_mount(const struct vfs_ctx *c, struct path where, const char *type_name,
		     const char *source, unsigned long ms, const char *data)
{
	const struct fs_type *type = type_name ? fs_type_lookup(type_name) : NULL;
	unsigned sb_flags = ms & LX_MS_RDONLY ? SB_RDONLY : 0;
	struct super *sb;
	struct mount *m;
	int r;

	if (!type_name)
		return -EINVAL;
	if (!type)
		return -ENODEV;
	if (!(type->flags & FS_USERNS_MOUNT) && c->cred &&
	    !cred_init_capable(c->cred, LX_CAP_SYS_ADMIN))
		return -EPERM;
	r = type->get_super(c, type, source, sb_flags, data, &sb);
	if (r)
		return r;
	if (!sb->user_ns && c->cred)
		sb->user_ns = user_ns_get(c->cred->user_ns);
	if (sb == where.mnt->sb && at_mount_root(where) && where.dentry == sb->root) {
		super_put(sb);
		return -EBUSY;
	}
	/* Device nodes of a namespace's own root are not to be believed. */
	if (c->cred && !cred_init_capable(c->cred, LX_CAP_SYS_ADMIN))
		sb_flags |= SB_NODEV;
	atomic_fetch_or(&sb->flags, sb_flags);
	m = mount_alloc(c->mnt_ns->v, sb, sb->root, source);
	super_put(sb);
	if (!m)
		return -ENOMEM;
	atomic_store(&m->flags, flags_from_ms(ms));
	return graft(c, m, where);
}

/* May what @old names be bound here, but for what is mounted below it? */
static bool may_bind(const struct vfs_ctx *c, struct path old)
{
	const struct super_ops *ops = old.dentry->sb->ops;

	if (ops->bindable && ops->bindable(dentry_inode(old.dentry), c->mnt_ns))
		return false;
	if (!old.mnt)
		return ops->bindable;
	return (in_our_ns(c, old) || ops->bindable) &&
	       !(atomic_load(&old.mnt->flags) & MNT_UNBINDABLE);
}

static bool has_locked_child(struct mount *m, struct dentry *root, struct vfs *v)
{
	struct mount *child;

	list_for_each (child, &m->children, sibling)
		if (atomic_load(&child->flags) & MNT_LOCKED &&
		    dentry_below(v, child->mountpoint, root))
			return true;
	return false;
}

static int bind_mount(const struct vfs_ctx *c, struct path where, const char *source,
		      bool recursive)
{
	struct vfs *v = c->mnt_ns->v;
	AUTO_PATH struct path old = {0};
	AUTO_PATH struct path to = path_get(where);
	struct mount *copy = NULL;
	int r;

	if (!source || !*source)
		return -EINVAL;
	r = path_lookup(c, NULL, source, LOOKUP_FOLLOW, &old);
	if (r)
		return r;
	mutex_lock(&v->mount_lock);
	path_follow_mounts(&to);
	if (dentry_removed(to.dentry))
		r = -ENOENT;
	else if (!in_our_ns(c, to) || !may_bind(c, old) ||
		 (old.mnt && !recursive && has_locked_child(old.mnt, old.dentry, v)))
		r = -EINVAL;
	if (!r && old.mnt)
		r = mount_tree_copy(v, old.mnt, old.dentry,
				    COPY_MNT_NS | (recursive ? COPY_RECURSIVE : 0),
				    &copy);
	mutex_unlock(&v->mount_lock);
	if (!r && !old.mnt) {
		copy = mount_alloc(v, old.dentry->sb, old.dentry,
				   old.dentry->sb->type->name);
		r = copy ? 0 : -ENOMEM;
	}
	if (r)
		return r;
	atomic_fetch_and(&copy->flags, ~(unsigned)MNT_LOCKED);
	return graft(c, copy, where);
}

static bool is_shared(struct mount *m)
{
	return m && m->peer_group;
}

static bool tree_has_unbindable(struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top))
		if (atomic_load(&m->flags) & MNT_UNBINDABLE)
			return true;
	return false;
}

/* mount_lock held. */
static int move_checked(const struct vfs_ctx *c, struct path old, struct path where,
			struct dentry **old_place, struct list *dead)
{
	struct vfs *v = c->mnt_ns->v;
	struct inode *inode = dentry_inode(where.dentry);
	int r;

	if (dentry_removed(where.dentry))
		return -ENOENT;
	if (!at_mount_root(old) || !in_our_ns(c, old) || !in_our_ns(c, where))
		return -EINVAL;
	if (!old.mnt->parent || atomic_load(&old.mnt->flags) & MNT_LOCKED ||
	    is_shared(old.mnt->parent))
		return -EINVAL;
	if (LX_S_ISDIR(inode->mode) != LX_S_ISDIR(dentry_inode(old.dentry)->mode))
		return -EINVAL;
	if (is_shared(where.mnt) && tree_has_unbindable(old.mnt))
		return -EINVAL;
	for (struct mount *m = where.mnt; m; m = m->parent)
		if (m == old.mnt)
			return -ELOOP;
	/* As Linux has it: what shows a removed directory can be put nowhere. */
	if (dentry_removed(mount_topmost(old.mnt)->root))
		return -ENOENT;
	mutex_lock(&inode->lock);
	r = inode->dead ? -ENOENT
			: propagate_mount(v, old.mnt, where.mnt, where.dentry, dead);
	if (!r)
		*old_place =
			mount_tree_move(old.mnt, where.mnt, dentry_get(where.dentry));
	mutex_unlock(&inode->lock);
	return r;
}

static int move_mount(const struct vfs_ctx *c, struct path where, const char *source)
{
	struct vfs *v = c->mnt_ns->v;
	AUTO_PATH struct path old = {0};
	AUTO_PATH struct path to = path_get(where);
	struct dentry *old_place = NULL;
	struct list dead;
	int r;

	if (!source || !*source)
		return -EINVAL;
	r = path_lookup(c, NULL, source, LOOKUP_FOLLOW, &old);
	if (r)
		return r;
	list_init(&dead);
	mutex_lock(&v->mount_lock);
	path_follow_mounts(&to);
	r = move_checked(c, old, to, &old_place, &dead);
	mutex_unlock(&v->mount_lock);
	if (old_place)
		dentry_put(old_place);
	mounts_put(&dead);
	return r;
}

/* --- changes in place --------------------------------------------------------- */

static int change_type(const struct vfs_ctx *c, struct path where, unsigned long ms)
{
	struct vfs *v = c->mnt_ns->v;
	unsigned long type = ms & ~(unsigned long)(LX_MS_REC | LX_MS_SILENT);
	int r = 0;

	if (type & (type - 1) || type & ~(unsigned long)(LX_MS_SHARED | LX_MS_PRIVATE |
							 LX_MS_SLAVE | LX_MS_UNBINDABLE))
		return -EINVAL;
	mutex_lock(&v->mount_lock);
	if (!at_mount_root(where) || !in_our_ns(c, where))
		r = -EINVAL;
	for (struct mount *m = r ? NULL : where.mnt; m;
	     m = ms & LX_MS_REC ? mount_next(m, where.mnt) : NULL)
		mount_change_type(v, m, type);
	mutex_unlock(&v->mount_lock);
	if (!r)
		mount_tree_changed(c->mnt_ns);
	return r;
}

/* What a more privileged namespace forbade stays forbidden. */
static int check_locked_flags(struct mount *m, unsigned flags)
{
	const unsigned fixed = MNT_RDONLY | MNT_NODEV | MNT_NOSUID | MNT_NOEXEC;
	unsigned old = atomic_load(&m->flags);

	if (!(old & MNT_LOCK_FLAGS))
		return 0;
	if (old & fixed & ~flags || (old & MNT_ATIME_FLAGS) != (flags & MNT_ATIME_FLAGS))
		return -EPERM;
	return 0;
}

static void set_flags(struct mount *m, unsigned flags)
{
	unsigned old = atomic_load(&m->flags);

	while (!atomic_compare_exchange_weak(&m->flags, &old,
					     (old & ~(unsigned)MNT_USER_FLAGS) | flags))
		;
}

/* mount_lock held, so that of two remounts each is whole. */
static int remount_locked(const struct vfs_ctx *c, struct path where, unsigned long ms,
			  const char *data)
{
	struct mount *m = where.mnt;
	struct super *sb = m->sb;
	unsigned flags = flags_from_ms(ms);
	int r;

	if (!at_mount_root(where) || !in_our_ns(c, where))
		return -EINVAL;
	/* Without a word on access times they stay as they are. */
	if (!(ms &
	      (LX_MS_NOATIME | LX_MS_NODIRATIME | LX_MS_RELATIME | LX_MS_STRICTATIME)))
		flags = (flags & ~(unsigned)MNT_ATIME_FLAGS) |
			(atomic_load(&m->flags) & MNT_ATIME_FLAGS);
	r = check_locked_flags(m, flags);
	if (r)
		return r;
	/* What is open for writing would be written to. */
	if (ms & LX_MS_RDONLY && (ms & LX_MS_BIND ? m->n_writers : sb->n_writers))
		return -EBUSY;
	if (!(ms & LX_MS_BIND)) {
		if (c->cred &&
		    !(sb->user_ns ? cred_capable(c->cred, sb->user_ns, LX_CAP_SYS_ADMIN)
				  : cred_init_capable(c->cred, LX_CAP_SYS_ADMIN)))
			return -EPERM;
		if (data && *data)
			r = sb->ops->remount ? sb->ops->remount(sb, data) : -EINVAL;
		if (r)
			return r;
		if (ms & LX_MS_RDONLY)
			atomic_fetch_or(&sb->flags, SB_RDONLY);
		else
			atomic_fetch_and(&sb->flags, ~(unsigned)SB_RDONLY);
	}
	set_flags(m, flags);
	return 0;
}

static int remount(const struct vfs_ctx *c, struct path where, unsigned long ms,
		   const char *data)
{
	struct vfs *v = c->mnt_ns->v;
	int r;

	mutex_lock(&v->mount_lock);
	r = remount_locked(c, where, ms, data);
	mutex_unlock(&v->mount_lock);
	if (!r)
		mount_tree_changed(c->mnt_ns);
	return r;
}

int vfs_mount(const struct vfs_ctx *c, const char *source, const char *target,
	      const char *type, unsigned long flags, const char *data)
{
	AUTO_PATH struct path where = {0};
	int r;

	if ((flags & LX_MS_MGC_MSK) == LX_MS_MGC_VAL)
		flags &= ~(unsigned long)LX_MS_MGC_MSK;
	r = path_lookup(c, NULL, target, LOOKUP_FOLLOW, &where);
	if (r)
		return r;
	if (flags & LX_MS_NOUSER)
		return -EINVAL;
	r = may_mount(c);
	if (r)
		return r;
	if (flags & LX_MS_MANDLOCK)
		return -EINVAL;
	if (flags & LX_MS_REMOUNT)
		return remount(c, where, flags, data);
	if (flags & LX_MS_BIND)
		return bind_mount(c, where, source, flags & LX_MS_REC);
	if (flags & (LX_MS_SHARED | LX_MS_PRIVATE | LX_MS_SLAVE | LX_MS_UNBINDABLE))
		return change_type(c, where, flags);
	if (flags & LX_MS_MOVE)
		return move_mount(c, where, source);
	return new_mount(c, where, type, source, flags, data);
}

/* --- umount ------------------------------------------------------------------- */

/* mount_lock held; the caller's path is one reference, the tree another. */
static int umount_locked(const struct vfs_ctx *c, struct path where, int flags,
			 struct list *dead)
{
	struct vfs *v = c->mnt_ns->v;
	struct mount *m = where.mnt;
	int r;

	if (!at_mount_root(where) || !in_our_ns(c, where) ||
	    atomic_load(&m->flags) & MNT_LOCKED)
		return -EINVAL;
	if (flags & LX_MNT_FORCE && c->cred &&
	    !cred_init_capable(c->cred, LX_CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & LX_MNT_EXPIRE &&
	    (m == c->root.mnt || flags & (LX_MNT_FORCE | LX_MNT_DETACH)))
		return -EINVAL;
	if (m == c->root.mnt && !(flags & LX_MNT_DETACH)) {
		/* One's own root cannot go: it becomes read-only. */
		atomic_fetch_or(&m->sb->flags, SB_RDONLY);
		return 0;
	}
	if (!m->parent)
		return -EINVAL;
	if (flags & LX_MNT_EXPIRE) {
		if (refcount_read(&m->ref) > 2 || !list_empty(&m->children))
			return -EBUSY;
		if (!m->expire_mark) {
			m->expire_mark = true;
			return -EAGAIN;
		}
	}
	if (!(flags & LX_MNT_DETACH) &&
	    (refcount_read(&m->ref) > 2 || !list_empty(&m->children) ||
	     propagate_busy(v, m)))
		return -EBUSY;
	r = propagate_umount(v, m, dead);
	if (!r)
		mount_tree_detach(v, m, dead);
	return r;
}

int vfs_umount(const struct vfs_ctx *c, const char *target, int flags)
{
	struct vfs *v = kernel_vfs(c->k);
	AUTO_PATH struct path where = {0};
	struct list dead;
	int r;

	if (flags & ~(LX_MNT_FORCE | LX_MNT_DETACH | LX_MNT_EXPIRE | LX_UMOUNT_NOFOLLOW))
		return -EINVAL;
	r = path_lookup(c, NULL, target, flags & LX_UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW,
			&where);
	if (r)
		return r;
	/* "." may have been covered: what is on top goes. */
	path_follow_mounts(&where);
	r = may_mount(c);
	if (r)
		return r;
	list_init(&dead);
	mutex_lock(&v->mount_lock);
	r = umount_locked(c, where, flags, &dead);
	mutex_unlock(&v->mount_lock);
	mounts_put(&dead);
	return r;
}

/* --- pivot_root --------------------------------------------------------------- */

/* Is @p at or below @top? mount_lock held. */
static bool reachable(struct vfs *v, struct path p, struct path top)
{
	while (p.mnt != top.mnt && p.mnt->parent)
		p = (struct path){p.mnt->parent, p.mnt->mountpoint};
	return p.mnt == top.mnt && dentry_below(v, p.dentry, top.dentry);
}

static int check_pivot(const struct vfs_ctx *c, struct path new, struct path old)
{
	struct vfs *v = c->mnt_ns->v;
	struct mount *root_mnt = c->root.mnt;

	if (is_shared(old.mnt) || is_shared(new.mnt->parent) ||
	    is_shared(root_mnt->parent) || !in_our_ns(c, c->root) || !in_our_ns(c, new) ||
	    !in_our_ns(c, old) || atomic_load(&new.mnt->flags) & MNT_LOCKED)
		return -EINVAL;
	if (dentry_unhashed(new.dentry) && !dentry_is_root(new.dentry))
		return -ENOENT;
	if (new.mnt == root_mnt || old.mnt == root_mnt)
		return -EBUSY;
	if (!at_mount_root(c->root) || !at_mount_root(new) || !new.mnt->parent)
		return -EINVAL;
	if (!reachable(v, old, new) || !reachable(v, new, c->root))
		return -EINVAL;
	return 0;
}

int vfs_pivot_root(const struct vfs_ctx *c, const char *new_root, const char *put_old,
		   struct path *root)
{
	struct vfs *v = c->mnt_ns->v;
	AUTO_PATH struct path new = {0};
	AUTO_PATH struct path old = {0};
	struct dentry *place = NULL;
	int r;

	*root = (struct path){0};
	r = may_mount(c);
	if (!r)
		r = path_lookup(c, NULL, new_root, LOOKUP_FOLLOW | LOOKUP_DIRECTORY,
				&new);
	if (!r)
		r = path_lookup(c, NULL, put_old, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &old);
	if (r)
		return r;
	mutex_lock(&v->mount_lock);
	r = check_pivot(c, new, old);
	if (!r)
		place = mount_tree_pivot(c->root.mnt, new.mnt, old);
	mutex_unlock(&v->mount_lock);
	if (r)
		return r;
	dentry_put(place);
	*root = path_get(new);
	return 0;
}
