// SPDX-License-Identifier: Apache-2.0
/* Inodes: life, generic attributes, permission, and who writes or executes them. */
#include <string.h>

#include "fs/acl.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "sentry/base/clock.h"

static struct lx_timespec now(void)
{
	int64_t ns = clock_real_ns();

	return (struct lx_timespec){ns / NSEC_PER_SEC, ns % NSEC_PER_SEC};
}

void inode_init(struct inode *inode, struct super *sb, const struct inode_ops *ops,
		const struct file_ops *fops, uint32_t mode, uint32_t uid, uint32_t gid)
{
	refcount_init(&inode->ref);
	inode->ops = ops;
	inode->fops = fops;
	inode->sb = super_object_get(sb);
	inode->ino = super_new_ino(sb);
	inode->mode = mode;
	inode->uid = uid;
	inode->gid = gid;
	inode->nlink = 1;
	inode->rdev = 0;
	mutex_init(&inode->lock, sb->layer ? LOCK_INODE_LAYER : LOCK_INODE);
	mutex_init(&inode->attr_lock, LOCK_LEAF);
	inode->size = 0;
	inode->atime = inode->mtime = inode->ctime = inode->btime = now();
	atomic_init(&inode->write_count, 0);
	atomic_init(&inode->dead, false);
	atomic_init(&inode->linkable, false);
	atomic_init(&inode->locks, NULL);
	atomic_init(&inode->marks, NULL);
	atomic_init(&inode->acls, NULL);
	atomic_init(&inode->pipe, NULL);
	atomic_init(&inode->socket, NULL);
	inode->priv = NULL;
}

struct inode *inode_get(struct inode *inode)
{
	refcount_inc(&inode->ref);
	return inode;
}

void inode_put(struct inode *inode)
{
	struct super *sb = inode->sb;

	if (!refcount_dec(&inode->ref))
		return;
	inode_free_notify(inode);
	inode_free_locks(inode);
	inode_acls_free(inode->acls);
	if (inode->pipe)
		pipe_free(inode->pipe);
	mutex_destroy(&inode->lock);
	mutex_destroy(&inode->attr_lock);
	sb->ops->free_inode(inode);
	super_object_put(sb);
}

void inode_inc_nlink(struct inode *inode)
{
	atomic_fetch_add(&inode->nlink, 1);
}

void inode_drop_nlink(struct inode *inode)
{
	uint32_t old = atomic_load(&inode->nlink);

	/* A file server may tell any count: never below 0. */
	while (old && !atomic_compare_exchange_weak(&inode->nlink, &old, old - 1))
		;
}

void inode_touch(struct inode *inode, unsigned which)
{
	struct lx_timespec t = now();

	mutex_lock(&inode->attr_lock);
	if (which & ATTR_ATIME)
		inode->atime = t;
	if (which & ATTR_MTIME)
		inode->mtime = t;
	if (which & ATTR_CTIME)
		inode->ctime = t;
	mutex_unlock(&inode->attr_lock);
}

void inode_generic_stat(struct inode *inode, struct kstat *out)
{
	*out = (struct kstat){
		.mask = LX_STATX_BASIC_STATS | LX_STATX_BTIME,
		.mode = inode->mode,
		.nlink = inode->nlink,
		.uid = inode->uid,
		.gid = inode->gid,
		.blksize = PAGE_SIZE,
		.ino = inode->ino,
		.size = inode->size,
		.dev = inode->sb->dev,
		.rdev = inode->rdev,
	};
	mutex_lock(&inode->attr_lock);
	out->atime = inode->atime;
	out->mtime = inode->mtime;
	out->ctime = inode->ctime;
	out->btime = inode->btime;
	mutex_unlock(&inode->attr_lock);
}

void inode_apply_attr(struct inode *inode, const struct iattr *a)
{
	struct lx_timespec t = now();

	if (a->valid & ATTR_UID)
		inode->uid = a->uid;
	if (a->valid & ATTR_GID)
		inode->gid = a->gid;
	if (a->valid & ATTR_MODE) {
		inode->mode = (inode->mode & LX_S_IFMT) | (a->mode & LX_S_IALLUGO);
		acl_chmod(inode, a->mode);
	}
	mutex_lock(&inode->attr_lock);
	if (a->valid & ATTR_ATIME)
		inode->atime = a->valid & ATTR_ATIME_SET ? a->atime : t;
	if (a->valid & ATTR_MTIME)
		inode->mtime = a->valid & ATTR_MTIME_SET ? a->mtime : t;
	if (a->valid & ATTR_CTIME)
		inode->ctime = t;
	mutex_unlock(&inode->attr_lock);
}

/* Over this inode, in its user namespace; the kernel itself (no cred) may all. */
static bool capable(const struct vfs_ctx *c, struct inode *inode, enum lx_cap cap)
{
	return !c->cred || cred_capable_inode(c->cred, inode->uid, inode->gid, cap);
}

int inode_generic_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want)
{
	uint32_t mode = inode->mode, bits = mode;
	int by_list = -EAGAIN;

	if (!c->cred)
		return 0;
	want &= MAY_READ | MAY_WRITE | MAY_EXEC;
	if (inode->uid == c->cred->fsuid)
		bits >>= 6;
	else if ((by_list = acl_permission(c, inode, want)) == -EAGAIN &&
		 cred_in_group(c->cred, inode->gid))
		bits >>= 3;
	if (!by_list || (by_list == -EAGAIN && !(want & ~bits)))
		return 0;
	if (LX_S_ISDIR(mode)) {
		if (!(want & MAY_WRITE) && capable(c, inode, LX_CAP_DAC_READ_SEARCH))
			return 0;
		return capable(c, inode, LX_CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (want == MAY_READ && capable(c, inode, LX_CAP_DAC_READ_SEARCH))
		return 0;
	/* Nobody executes a file that has no execute bit at all. */
	if ((!(want & MAY_EXEC) || mode & 0111) && capable(c, inode, LX_CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want)
{
	uint32_t mode = inode->mode;

	if (want & MAY_WRITE && super_rdonly(inode->sb) &&
	    (LX_S_ISREG(mode) || LX_S_ISDIR(mode) || LX_S_ISLNK(mode)))
		return -EROFS;
	if (inode->ops->permission)
		return inode->ops->permission(c, inode, want);
	return inode_generic_permission(c, inode, want);
}

bool inode_owner_or_capable(const struct vfs_ctx *c, struct inode *inode)
{
	return !c->cred || inode->uid == c->cred->fsuid ||
	       capable(c, inode, LX_CAP_FOWNER);
}

/* --- writers and executers exclude each other ------------------------------- */

static int count_step(struct inode *inode, int step)
{
	int n = atomic_load(&inode->write_count);

	do {
		if (step > 0 ? n < 0 : n > 0)
			return -ETXTBSY;
	} while (!atomic_compare_exchange_weak(&inode->write_count, &n, n + step));
	return 0;
}

int inode_get_write(struct inode *inode)
{
	return count_step(inode, 1);
}

void inode_put_write(struct inode *inode)
{
	atomic_fetch_sub(&inode->write_count, 1);
}

int inode_deny_write(struct inode *inode)
{
	return count_step(inode, -1);
}

void inode_allow_write(struct inode *inode)
{
	atomic_fetch_add(&inode->write_count, 1);
}
