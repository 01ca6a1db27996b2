// SPDX-License-Identifier: Apache-2.0
/*
 * rename(2), renameat2(2).
 *
 * Both directories are locked (rename_lock_dirs); what is an ancestor of the other
 * directory can neither be moved (into its own subtree) nor replaced.
 */
#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"

struct rename_op {
	const struct vfs_ctx *c;
	struct walk from, to;
	unsigned flags;
	struct dentry *old, *new; /* references */
	struct dentry *gone;	  /* the old name, for the event after it is no more */
};

/* Both names are known and their directories locked: may this rename be? */
static int check_rename(struct rename_op *op, struct dentry *trap)
{
	struct dentry *old_dir = op->from.at.dentry, *new_dir = op->to.at.dentry;
	struct inode *source = dentry_inode(op->old), *target = dentry_inode(op->new);
	bool exchange = op->flags & LX_RENAME_EXCHANGE;
	bool is_dir, target_dir;
	int r;

	if (!source)
		return -ENOENT;
	if (op->flags & LX_RENAME_NOREPLACE && target)
		return -EEXIST;
	if (exchange && !target)
		return -ENOENT;
	is_dir = LX_S_ISDIR(source->mode);
	target_dir = target && LX_S_ISDIR(target->mode);
	/* Trailing slashes name directories. */
	if (exchange && op->to.last_slash && !target_dir)
		return -ENOTDIR;
	if (!is_dir && (op->from.last_slash || (!exchange && op->to.last_slash)))
		return -ENOTDIR;
	if (op->old == trap)
		return -EINVAL;
	if (op->new == trap)
		return exchange ? -EINVAL : -ENOTEMPTY;
	if (source == target)
		return 1;
	r = may_delete(op->c, old_dir, op->old, is_dir);
	if (r)
		return r;
	if (!target)
		r = may_create_in(op->c, new_dir);
	else
		r = may_delete(op->c, new_dir, op->new, exchange ? target_dir : is_dir);
	if (r)
		return r;
	/* A directory that moves gets a new "..". */
	if (old_dir != new_dir && is_dir)
		r = inode_permission(op->c, source, MAY_WRITE);
	if (!r && old_dir != new_dir && exchange && target_dir)
		r = inode_permission(op->c, target, MAY_WRITE);
	if (r)
		return r;
	if (dentry_mounted_in(op->old, op->c->mnt_ns) ||
	    (target && dentry_mounted_in(op->new, op->c->mnt_ns)))
		return -EBUSY;
	return 0;
}

static void notify_renamed(struct rename_op *op, struct inode *target)
{
	struct vfs *v = super_vfs(op->old->sb);
	struct inode *source = dentry_inode(op->old);
	bool exchange = op->flags & LX_RENAME_EXCHANGE;
	uint32_t cookie = atomic_fetch_add(&v->next_cookie, 1) + 1;
	uint32_t dir = LX_S_ISDIR(source->mode) ? FS_NOTIFY_ISDIR : 0;

	if (op->gone)
		fs_notify(NULL, op->gone, FS_NOTIFY_MOVED_FROM | dir, cookie);
	fs_notify(NULL, op->old, FS_NOTIFY_MOVED_TO | dir, cookie);
	fs_notify(source, NULL, FS_NOTIFY_MOVE_SELF, 0);
	if (!target)
		return;
	if (!exchange) {
		fs_notify(target, NULL, FS_NOTIFY_ATTRIB, 0);
		return;
	}
	cookie = atomic_fetch_add(&v->next_cookie, 1) + 1;
	dir = LX_S_ISDIR(target->mode) ? FS_NOTIFY_ISDIR : 0;
	fs_notify(NULL, op->old, FS_NOTIFY_MOVED_FROM | dir, cookie);
	fs_notify(NULL, op->new, FS_NOTIFY_MOVED_TO | dir, cookie);
	fs_notify(target, NULL, FS_NOTIFY_MOVE_SELF, 0);
}

/* The cached answers must be true before the directories are locked. */
static int refresh(struct walk *w, bool must_exist)
{
	struct dentry *d;
	int r = walk_lookup_last(w, &d);

	if (r)
		return r;
	r = must_exist && dentry_negative(d) ? -ENOENT : 0;
	dentry_put(d);
	return r;
}

static int rename_walked(struct rename_op *op)
{
	struct dentry *old_dir = op->from.at.dentry, *new_dir = op->to.at.dentry, *trap;
	struct inode *target = NULL;
	int r;

	if (op->from.at.mnt != op->to.at.mnt)
		return -EXDEV;
	if (op->from.last_type != LAST_NORM)
		return -EBUSY;
	if (op->to.last_type != LAST_NORM)
		return op->flags & LX_RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	r = mnt_want_write(op->from.at.mnt);
	if (!r)
		r = refresh(&op->from, true);
	if (!r)
		r = refresh(&op->to, false);
	if (r)
		return r;
	op->gone = dentry_alloc(old_dir, op->from.last, op->from.last_len);
	if (!op->gone)
		return -ENOMEM;

	trap = rename_lock_dirs(old_dir, new_dir);
	r = dentry_lookup_locked(old_dir, op->from.last, op->from.last_len, &op->old);
	if (!r)
		r = dentry_lookup_locked(new_dir, op->to.last, op->to.last_len, &op->new);
	if (!r)
		r = check_rename(op, trap);
	if (!r) {
		target = dentry_inode(op->new);
		r = dentry_rename(old_dir, op->old, new_dir, op->new, op->flags);
	}
	rename_unlock_dirs(old_dir, new_dir);
	if (r)
		return r > 0 ? 0 : r;
	if (!(op->flags & LX_RENAME_EXCHANGE))
		mounts_detach_on(op->new);
	mounts_detach_on(op->old);
	notify_renamed(op, target);
	return 0;
}

int vfs_rename(const struct vfs_ctx *c, const struct path *old_base, const char *old_name,
	       const struct path *new_base, const char *new_name, unsigned flags)
{
	struct rename_op op = {.c = c, .flags = flags};
	int r;

	if (flags & ~(unsigned)(LX_RENAME_NOREPLACE | LX_RENAME_EXCHANGE |
				LX_RENAME_WHITEOUT) ||
	    (flags & LX_RENAME_EXCHANGE &&
	     flags & (LX_RENAME_NOREPLACE | LX_RENAME_WHITEOUT)))
		return -EINVAL;
	r = walk_init(&op.from, c, old_base, old_name, 0);
	if (r)
		return r;
	r = walk_parent(&op.from);
	if (!r)
		r = walk_init(&op.to, c, new_base, new_name, 0);
	if (!r)
		r = walk_parent(&op.to);
	if (!r)
		r = rename_walked(&op);
	if (op.old)
		dentry_put(op.old);
	if (op.new)
		dentry_put(op.new);
	if (op.gone)
		dentry_put(op.gone);
	walk_done(&op.from);
	walk_done(&op.to);
	return r;
}
