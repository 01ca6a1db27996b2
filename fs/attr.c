// SPDX-License-Identifier: Apache-2.0
/*
 * Attributes: stat, and the rules of chmod, chown, utimes and truncate. One function
 * checks them all (vfs_setattr), one applies (inode_setattr_now).
 *
 * Source: chmod(2), chown(2), utimensat(2), truncate(2), access(2), inode(7).
 */
#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "sentry/abi/mount.h"
#include "sentry/base/clock.h"

#define STATX_ATTR_MOUNT_ROOT 0x2000

int vfs_getattr(struct path p, uint32_t mask, struct kstat *out)
{
	struct inode *inode = dentry_inode(p.dentry);
	int r = 0;

	if (inode->ops->getattr) {
		*out = (struct kstat){0};
		r = inode->ops->getattr(inode, mask, out);
	} else {
		inode_generic_stat(inode, out);
	}
	if (!p.mnt)
		return r;
	out->mnt_id = (uint64_t)p.mnt->id;
	out->mask |= LX_STATX_MNT_ID;
	out->attributes_mask |= STATX_ATTR_MOUNT_ROOT;
	if (p.dentry == p.mnt->root)
		out->attributes |= STATX_ATTR_MOUNT_ROOT;
	return r;
}

ssize_t vfs_readlink(const struct vfs_ctx *c, struct path p, char *buf, size_t size)
{
	struct inode *inode = dentry_inode(p.dentry);

	if (!inode->ops->readlink)
		return -EINVAL;
	path_accessed(p);
	return inode->ops->readlink(c, inode, buf, size);
}

int vfs_access(const struct vfs_ctx *c, struct path p, unsigned want)
{
	struct inode *inode = dentry_inode(p.dentry);
	uint32_t mode = inode->mode;
	int r;

	if (want & MAY_EXEC && LX_S_ISREG(mode) && mount_flags(p.mnt) & MNT_NOEXEC)
		return -EACCES;
	r = inode_permission(c, inode, want);
	if (r || !(want & MAY_WRITE))
		return r;
	/* Devices, FIFOs and sockets are written through, not to, a read-only mount. */
	if (!LX_S_ISREG(mode) && !LX_S_ISDIR(mode) && !LX_S_ISLNK(mode))
		return 0;
	return mnt_want_write(p.mnt);
}

int vfs_statfs(struct path p, struct lx_statfs *out)
{
	static const struct {
		unsigned mnt, st;
	} bits[] = {
		{MNT_RDONLY, LX_ST_RDONLY},	{MNT_NOSUID, LX_ST_NOSUID},
		{MNT_NODEV, LX_ST_NODEV},	{MNT_NOEXEC, LX_ST_NOEXEC},
		{MNT_NOATIME, LX_ST_NOATIME},	{MNT_NODIRATIME, LX_ST_NODIRATIME},
		{MNT_RELATIME, LX_ST_RELATIME}, {MNT_NOSYMFOLLOW, LX_ST_NOSYMFOLLOW},
	};
	struct super *sb = p.dentry->sb;
	unsigned flags = mount_flags(p.mnt);
	int r;

	*out = (struct lx_statfs){
		.type = (int64_t)sb->magic, .bsize = PAGE_SIZE, .namelen = LX_NAME_MAX};
	r = sb->ops->statfs(sb, out);
	if (r)
		return r;
	if (!out->frsize)
		out->frsize = out->bsize;
	if (!out->fsid[0] && !out->fsid[1]) {
		out->fsid[0] = (int32_t)sb->dev;
		out->fsid[1] = (int32_t)(sb->dev >> 32);
	}
	out->flags |= LX_ST_VALID;
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (flags & bits[i].mnt)
			out->flags |= bits[i].st;
	return 0;
}

/* --- access times ----------------------------------------------------------------- */

static bool later(struct lx_timespec a, struct lx_timespec b)
{
	return a.sec != b.sec ? a.sec > b.sec : a.nsec > b.nsec;
}

/* relatime: only when it is not later than a change, or older than a day. */
static bool relatime_due(struct inode *inode)
{
	bool due;

	mutex_lock(&inode->attr_lock);
	due = !later(inode->atime, inode->mtime) || !later(inode->atime, inode->ctime) ||
	      clock_real_ns() / NSEC_PER_SEC - inode->atime.sec >= 24 * 60 * 60;
	mutex_unlock(&inode->attr_lock);
	return due;
}

void path_accessed(struct path p)
{
	struct inode *inode = dentry_inode(p.dentry);
	unsigned flags = mount_flags(p.mnt);

	/* File systems with attributes of their own keep their own access times. */
	if ((inode->ops->getattr && !(inode->sb->type->flags & FS_GENERIC_TIMES)) ||
	    flags & (MNT_RDONLY | MNT_NOATIME) ||
	    (flags & MNT_NODIRATIME && LX_S_ISDIR(inode->mode)))
		return;
	if (!(flags & MNT_RELATIME) || relatime_due(inode))
		inode_touch(inode, ATTR_ATIME);
}

void file_accessed(struct file *f)
{
	if (!(atomic_load_explicit(&f->flags, memory_order_relaxed) & LX_O_NOATIME))
		path_accessed(f->path);
}

/* --- changing ---------------------------------------------------------------------- */

bool in_group_or_fsetid(const struct vfs_ctx *c, struct inode *inode, uint32_t gid)
{
	return !c->cred || cred_in_group(c->cred, gid) ||
	       cred_capable_inode(c->cred, inode->uid, inode->gid, LX_CAP_FSETID);
}

static int check_chown(const struct vfs_ctx *c, struct inode *inode,
		       const struct iattr *a)
{
	const struct cred *cred = c->cred;
	bool owner;

	if (!cred || cred_capable_inode(cred, inode->uid, inode->gid, LX_CAP_CHOWN))
		return 0;
	owner = cred->fsuid == inode->uid;
	if (a->valid & ATTR_UID && !(owner && a->uid == inode->uid))
		return -EPERM;
	if (a->valid & ATTR_GID &&
	    !(owner && (a->gid == inode->gid || cred_in_group(cred, a->gid))))
		return -EPERM;
	return 0;
}

/* By name only what has a size can be cut; that comes before any other reason. */
static int check_cut(struct inode *inode, const struct iattr *a)
{
	if (!(a->valid & ATTR_SIZE) || a->valid & ATTR_FILE || LX_S_ISREG(inode->mode))
		return 0;
	return LX_S_ISDIR(inode->mode) ? -EISDIR : -EINVAL;
}

static int check_size(const struct vfs_ctx *c, struct path p, const struct iattr *a)
{
	struct inode *inode = dentry_inode(p.dentry);
	struct kstat st;
	int r;

	if (!(a->valid & ATTR_FILE)) {
		r = inode_permission(c, inode, MAY_WRITE);
		if (r)
			return r;
	}
	if (a->size > INT64_MAX)
		return -EINVAL;
	if (a->size > inode->sb->max_bytes)
		return -EFBIG;
	if (a->size > c->fsize_limit) {
		/* Only growing beyond the limit is refused. */
		r = vfs_getattr(p, LX_STATX_SIZE, &st);
		if (r)
			return r;
		if (a->size > st.size)
			return -EFBIG;
	}
	return 0;
}

/*
 * Now (both, no times given) whoever may write; given times only the owner. A truncation
 * sets times too, but asks for nothing.
 */
static int check_times(const struct vfs_ctx *c, struct inode *inode,
		       const struct iattr *a)
{
	bool touch =
		(a->valid & (ATTR_ATIME | ATTR_MTIME)) == (ATTR_ATIME | ATTR_MTIME) &&
		!(a->valid & (ATTR_ATIME_SET | ATTR_MTIME_SET));

	if (inode_owner_or_capable(c, inode))
		return 0;
	return touch ? inode_permission(c, inode, MAY_WRITE) : -EPERM;
}

/*
 * What a write or a change of owner leaves of the mode: no setuid, no setgid program, and
 * setgid without group execute only by who may set it.
 */
static uint32_t mode_without_privileges(const struct vfs_ctx *c, struct inode *inode)
{
	uint32_t mode = inode->mode & ~(uint32_t)LX_S_ISUID;

	if (mode & LX_S_IXGRP || !in_group_or_fsetid(c, inode, inode->gid))
		mode &= ~(uint32_t)LX_S_ISGID;
	return mode;
}

static int inode_setattr_now(const struct vfs_ctx *c, struct dentry *d, struct iattr *a)
{
	struct inode *inode = dentry_inode(d);
	uint32_t mode;
	int r;

	if (!inode->ops->setattr)
		return -EPERM;
	mutex_lock(&inode->lock);
	mode = inode->mode;
	if (a->valid & ATTR_KILL_PRIV && !(a->valid & ATTR_MODE) &&
	    mode_without_privileges(c, inode) != mode) {
		a->valid |= ATTR_MODE;
		a->mode = mode_without_privileges(c, inode);
	}
	a->valid = (a->valid & ~(unsigned)ATTR_KILL_PRIV) | ATTR_CTIME;
	r = inode->ops->setattr(c, inode, a);
	mutex_unlock(&inode->lock);
	if (r)
		return r;
	if (a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ||
	    a->valid & (ATTR_ATIME_SET | ATTR_MTIME_SET) || !(a->valid & ATTR_SIZE))
		fs_notify(inode, d,
			  FS_NOTIFY_ATTRIB | (LX_S_ISDIR(mode) ? FS_NOTIFY_ISDIR : 0), 0);
	if (a->valid & ATTR_SIZE)
		fs_notify(inode, d, FS_NOTIFY_MODIFY, 0);
	return 0;
}

/* May a write by @c leave a setuid file so? */
static bool keeps_privileges(const struct vfs_ctx *c, struct inode *inode)
{
	if (!LX_S_ISREG(inode->mode) || !(inode->mode & (LX_S_ISUID | LX_S_ISGID)) ||
	    !c || !c->cred)
		return true;
	return mode_without_privileges(c, inode) == inode->mode ||
	       cred_ns_capable(c->cred, LX_CAP_FSETID);
}

int file_kill_priv(const struct vfs_ctx *c, struct file *f)
{
	struct iattr a = {.valid = ATTR_KILL_PRIV};

	return keeps_privileges(c, f->inode) ? 0
					     : inode_setattr_now(c, f->path.dentry, &a);
}

int vfs_setattr(const struct vfs_ctx *c, struct path p, struct iattr *a)
{
	struct inode *inode = dentry_inode(p.dentry);
	bool writing = false;
	int r;

	r = check_cut(inode, a);
	if (!r)
		r = mnt_want_write(p.mnt);
	if (!r && super_rdonly(inode->sb))
		r = -EROFS;
	if (!r && a->valid & ATTR_SIZE)
		r = check_size(c, p, a);
	if (!r && a->valid & ATTR_MODE && LX_S_ISLNK(inode->mode))
		r = -EOPNOTSUPP;
	if (!r && a->valid & ATTR_MODE && !inode_owner_or_capable(c, inode))
		r = -EPERM;
	if (!r && a->valid & (ATTR_UID | ATTR_GID))
		r = check_chown(c, inode, a);
	/* chown's change of the mode is one that the caller must be allowed to make. */
	if (!r && a->valid & ATTR_KILL_PRIV && !LX_S_ISDIR(inode->mode) &&
	    mode_without_privileges(c, inode) != inode->mode &&
	    !inode_owner_or_capable(c, inode))
		r = -EPERM;
	if (!r && a->valid & (ATTR_ATIME | ATTR_MTIME) && !(a->valid & ATTR_SIZE))
		r = check_times(c, inode, a);
	if (r)
		return r;

	if (a->valid & ATTR_MODE) {
		a->mode &= LX_S_IALLUGO;
		if (!in_group_or_fsetid(c, inode, inode->gid))
			a->mode &= ~(uint32_t)LX_S_ISGID;
	}
	if (a->valid & ATTR_KILL_PRIV && LX_S_ISDIR(inode->mode))
		a->valid &= ~(unsigned)ATTR_KILL_PRIV;
	if (a->valid & ATTR_SIZE) {
		a->valid |= ATTR_MTIME;
		if (!keeps_privileges(c, inode))
			a->valid |= ATTR_KILL_PRIV;
		if (!(a->valid & ATTR_FILE)) {
			r = inode_get_write(inode);
			writing = !r;
		}
	}
	if (!r)
		r = inode_setattr_now(c, p.dentry, a);
	if (writing)
		inode_put_write(inode);
	return r;
}
