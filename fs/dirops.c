// SPDX-License-Identifier: Apache-2.0
/*
 * Names made and removed: mkdir, mknod, symlink, link, unlink, rmdir. Each walks to the
 * directory, locks it, finds the name, checks, and calls the slot.
 *
 * Source: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rmdir(2), inode(7).
 */
#include "fs/acl.h"
#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"

int may_create_in(const struct vfs_ctx *c, struct dentry *dir)
{
	struct inode *inode = dentry_inode(dir);

	if (inode->dead)
		return -ENOENT;
	/* What it makes would belong to nobody that the file system's namespace knows. */
	if (c->cred && dir->sb->user_ns &&
	    (!user_ns_has_uid(dir->sb->user_ns, c->cred->fsuid) ||
	     !user_ns_has_gid(dir->sb->user_ns, c->cred->fsgid)))
		return -EOVERFLOW;
	return inode_permission(c, inode, MAY_WRITE | MAY_EXEC);
}

/* In a sticky directory only the owner of the name or of the directory removes it. */
static int check_sticky(const struct vfs_ctx *c, struct inode *dir, struct inode *victim)
{
	if (!(dir->mode & LX_S_ISVTX) || !c->cred || victim->uid == c->cred->fsuid ||
	    dir->uid == c->cred->fsuid ||
	    cred_capable_inode(c->cred, victim->uid, victim->gid, LX_CAP_FOWNER))
		return 0;
	return -EPERM;
}

int may_delete(const struct vfs_ctx *c, struct dentry *dir, struct dentry *victim,
	       bool is_dir)
{
	struct inode *inode = dentry_inode(dir), *v = dentry_inode(victim);
	int r;

	r = inode_permission(c, inode, MAY_WRITE | MAY_EXEC);
	if (!r)
		r = check_sticky(c, inode, v);
	if (r)
		return r;
	if (is_dir) {
		if (!LX_S_ISDIR(v->mode))
			return -ENOTDIR;
		if (dentry_is_root(victim))
			return -EBUSY;
	} else if (LX_S_ISDIR(v->mode)) {
		return -EISDIR;
	}
	return inode->dead ? -ENOENT : 0;
}

/*
 * Owner and final mode of a new file. In a setgid directory the group is inherited (and
 * the bit, by directories); a setgid program only by who is in that group.
 */
int create_args_init(const struct vfs_ctx *c, struct inode *dir, uint32_t mode,
		     struct create_args *a)
{
	uint32_t dir_mode = dir->mode;
	bool by_list = false;
	int r = 0;

	*a = (struct create_args){
		.mode = mode,
		.uid = c->cred ? c->cred->fsuid : 0,
		.gid = c->cred ? c->cred->fsgid : 0,
	};
	if (!LX_S_ISLNK(mode)) {
		r = acl_inherit(dir, &a->mode, &by_list, &a->acls);
		if (!by_list)
			a->mode &= ~(c->umask & 0777);
	}
	if (r || !(dir_mode & LX_S_ISGID))
		return r;
	a->gid = dir->gid;
	if (LX_S_ISDIR(mode))
		a->mode |= LX_S_ISGID;
	else if ((a->mode & (LX_S_ISGID | LX_S_IXGRP)) == (LX_S_ISGID | LX_S_IXGRP) &&
		 c->cred && !cred_in_group(c->cred, a->gid) &&
		 !cred_capable_inode(c->cred, dir->uid, dir->gid, LX_CAP_FSETID))
		a->mode &= ~(uint32_t)LX_S_ISGID;
	return 0;
}

void create_args_done(struct create_args *a, struct inode *made)
{
	if (made)
		atomic_store_explicit(&made->acls, a->acls, memory_order_release);
	else
		inode_acls_free(a->acls);
	a->acls = NULL;
}

/* --- making ------------------------------------------------------------------------ */

/* A new name about to be made: w.at is its directory, locked when begin succeeded. */
struct name_op {
	struct walk w;
	struct dentry *d;
};

/* The lock goes from begin_create() or begin_remove() to here: clang cannot follow. */
static void end_name(struct name_op *op) NO_LOCK_ANALYSIS
{
	mutex_unlock(&dentry_inode(op->w.at.dentry)->lock);
	dentry_put(op->d);
	walk_done(&op->w);
}

/* The last name's dentry with its directory locked, if 0: clang cannot follow. */
static int lock_last(struct walk *w, struct dentry **out) NO_LOCK_ANALYSIS
{
	struct dentry *fresh;
	int r;

	/* Outside the lock first: cached answers may have to be asked again. */
	r = walk_lookup_last(w, &fresh);
	if (r)
		return r;
	mutex_lock(&dentry_inode(w->at.dentry)->lock);
	r = dentry_lookup_locked(w->at.dentry, w->last, w->last_len, out);
	if (r)
		mutex_unlock(&dentry_inode(w->at.dentry)->lock);
	dentry_put(fresh);
	return r;
}

static int begin_create(const struct vfs_ctx *c, const struct path *base,
			const char *name, bool is_dir, struct name_op *op)
{
	struct walk *w = &op->w;
	int r;

	r = walk_init(w, c, base, name, 0);
	if (r)
		return r;
	r = walk_parent(w);
	if (!r && w->last_type != LAST_NORM)
		r = -EEXIST;
	if (!r)
		r = lock_last(w, &op->d);
	if (r) {
		walk_done(w);
		return r;
	}
	if (!dentry_negative(op->d))
		r = -EEXIST;
	else if (w->last_slash && !is_dir)
		r = -ENOENT;
	else
		r = mnt_want_write(w->at.mnt);
	if (r)
		end_name(op);
	return r;
}

static int make(const struct vfs_ctx *c, const struct path *base, const char *name,
		uint32_t mode, uint64_t rdev, const char *target, struct path *out)
{
	struct name_op op;
	struct create_args a;
	struct dentry *dir;
	int r;

	r = begin_create(c, base, name, LX_S_ISDIR(mode), &op);
	if (r)
		return r;
	dir = op.w.at.dentry;
	r = may_create_in(c, dir);
	if (!r && (LX_S_ISCHR(mode) || LX_S_ISBLK(mode)) &&
	    !(LX_S_ISCHR(mode) && !rdev) && c->cred &&
	    !cred_init_capable(c->cred, LX_CAP_MKNOD))
		r = -EPERM;
	if (!r)
		r = create_args_init(c, dentry_inode(dir), mode, &a);
	if (!r) {
		a.rdev = rdev;
		a.target = target;
		r = dentry_create(dir, op.d, &a);
	}
	if (!r) {
		fs_notify(NULL, op.d,
			  FS_NOTIFY_CREATE | (LX_S_ISDIR(mode) ? FS_NOTIFY_ISDIR : 0), 0);
		if (out)
			*out = path_get((struct path){op.w.at.mnt, op.d});
	}
	end_name(&op);
	return r;
}

int vfs_mkdir(const struct vfs_ctx *c, const struct path *base, const char *name,
	      uint32_t mode)
{
	return make(c, base, name, LX_S_IFDIR | (mode & (0777 | LX_S_ISVTX)), 0, NULL,
		    NULL);
}

int vfs_mknod(const struct vfs_ctx *c, const struct path *base, const char *name,
	      uint32_t mode, uint64_t rdev, struct path *out)
{
	if (out)
		*out = (struct path){0};
	mode &= LX_S_IFMT | LX_S_IALLUGO;
	switch (mode & LX_S_IFMT) {
	case 0:
		mode |= LX_S_IFREG;
		break;
	case LX_S_IFREG:
	case LX_S_IFCHR:
	case LX_S_IFBLK:
	case LX_S_IFIFO:
	case LX_S_IFSOCK:
		break;
	case LX_S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return make(c, base, name, mode, LX_S_ISCHR(mode) || LX_S_ISBLK(mode) ? rdev : 0,
		    NULL, out);
}

int vfs_symlink(const struct vfs_ctx *c, const char *target, const struct path *base,
		const char *name)
{
	if (!*target)
		return -ENOENT;
	return make(c, base, name, LX_S_IFLNK | 0777, 0, target, NULL);
}

int vfs_link(const struct vfs_ctx *c, struct path old, const struct path *base,
	     const char *name)
{
	struct inode *inode = dentry_inode(old.dentry);
	struct name_op op;
	struct dentry *dir;
	int r;

	r = begin_create(c, base, name, false, &op);
	if (r)
		return r;
	dir = op.w.at.dentry;
	if (op.w.at.mnt != old.mnt)
		r = -EXDEV;
	if (!r)
		r = may_create_in(c, dir);
	if (!r && dir->sb != old.dentry->sb)
		r = -EXDEV;
	if (!r && LX_S_ISDIR(inode->mode))
		r = -EPERM;
	/* What lost its last name does not come back, except a file of O_TMPFILE. */
	if (!r && !inode->nlink && !inode->linkable)
		r = -ENOENT;
	if (!r)
		r = dentry_link(dir, op.d, inode);
	if (!r) {
		inode->linkable = false;
		fs_notify(inode, NULL, FS_NOTIFY_ATTRIB, 0);
		fs_notify(NULL, op.d, FS_NOTIFY_CREATE, 0);
	}
	end_name(&op);
	return r;
}

/* --- removing ---------------------------------------------------------------------- */

static int begin_remove(const struct vfs_ctx *c, const struct path *base,
			const char *name, const int special[LAST_DOTDOT + 1],
			struct name_op *op)
{
	struct walk *w = &op->w;
	int r;

	r = walk_init(w, c, base, name, 0);
	if (r)
		return r;
	r = walk_parent(w);
	if (!r)
		r = special[w->last_type];
	if (!r)
		r = mnt_want_write(w->at.mnt);
	if (!r)
		r = lock_last(w, &op->d);
	if (r)
		walk_done(w);
	return r;
}

static int remove_name(const struct vfs_ctx *c, struct name_op *op, bool is_dir)
{
	struct dentry *dir = op->w.at.dentry, *d = op->d;
	struct inode *victim = dentry_inode(d);
	int r;

	if (!victim)
		return -ENOENT;
	if (!is_dir && op->w.last_slash)
		return LX_S_ISDIR(victim->mode) ? -EISDIR : -ENOTDIR;
	r = may_delete(c, dir, d, is_dir);
	if (r)
		return r;
	if (dentry_mounted_in(d, c->mnt_ns))
		return -EBUSY;
	r = is_dir ? dentry_rmdir(dir, d) : dentry_unlink(dir, d);
	if (r)
		return r;
	if (!is_dir)
		fs_notify(victim, NULL, FS_NOTIFY_ATTRIB, 0);
	fs_notify(NULL, d, FS_NOTIFY_DELETE | (is_dir ? FS_NOTIFY_ISDIR : 0), 0);
	return 0;
}

static int remove_at(const struct vfs_ctx *c, const struct path *base, const char *name,
		     bool is_dir, const int special[LAST_DOTDOT + 1])
{
	struct name_op op;
	struct dentry *d;
	int r;

	r = begin_remove(c, base, name, special, &op);
	if (r)
		return r;
	r = remove_name(c, &op, is_dir);
	d = dentry_get(op.d);
	end_name(&op);
	if (!r)
		mounts_detach_on(d);
	dentry_put(d);
	return r;
}

int vfs_unlink(const struct vfs_ctx *c, const struct path *base, const char *name)
{
	static const int special[] = {
		[LAST_ROOT] = -EISDIR, [LAST_DOT] = -EISDIR, [LAST_DOTDOT] = -EISDIR};

	return remove_at(c, base, name, false, special);
}

int vfs_rmdir(const struct vfs_ctx *c, const struct path *base, const char *name)
{
	static const int special[] = {
		[LAST_ROOT] = -EBUSY, [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY};

	return remove_at(c, base, name, true, special);
}
