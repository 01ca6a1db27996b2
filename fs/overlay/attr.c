// SPDX-License-Identifier: Apache-2.0
/* Attributes: the lower's until the guest changes one,
 * then all of them are the layer's. */
#include <string.h>

#include "fs/overlay/internal.h"

static int lower_getattr(struct inode *li, uint32_t mask, struct kstat *st)
{
	memset(st, 0, sizeof(*st));
	if (li->ops->getattr)
		return li->ops->getattr(li, mask, st);
	inode_generic_stat(li, st);
	return 0;
}

int ovl_attr_up(struct ovl_inode *oi)
{
	struct inode *li = ovl_lower(oi);
	struct kstat st;
	int r;

	if (oi->upper_attr)
		return 0;
	r = lower_getattr(li, LX_STATX_BASIC_STATS | LX_STATX_BTIME, &st);
	if (r)
		return r;
	mutex_lock(&oi->base.attr_lock);
	oi->base.mode = st.mode;
	oi->base.uid = st.uid;
	oi->base.gid = st.gid;
	oi->base.nlink = st.nlink;
	oi->base.size = st.size;
	oi->base.atime = st.atime;
	oi->base.mtime = st.mtime;
	oi->base.ctime = st.ctime;
	oi->base.btime = st.btime;
	mutex_unlock(&oi->base.attr_lock);
	oi->upper_attr = true;
	ovl_pin(oi);
	return 0;
}

/* Bytes on disk: of the lower while it is whole,
 * else what the layer and the rest hold. */
static uint64_t blocks_of(struct ovl_inode *oi, uint64_t lower_blocks)
{
	uint64_t own = shmem_bytes(&oi->data.shm) / 512;

	return own + (oi->data.upper ? min_t(uint64_t, lower_blocks,
					     (oi->data.lower_limit + 511) / 512)
				     : lower_blocks);
}

int ovl_getattr(struct inode *inode, uint32_t mask, struct kstat *out)
{
	struct ovl_inode *oi = ovl_i(inode);
	struct inode *li = ovl_lower(oi);
	uint64_t lower_blocks = 0;
	int r;

	if (li) {
		r = lower_getattr(li, mask | LX_STATX_BASIC_STATS, out);
		/* Gone below, but changed here: ours is the truth. */
		if (r && !oi->upper_attr)
			return r;
		lower_blocks = r ? 0 : out->blocks;
	}
	if (oi->upper_attr) {
		inode_generic_stat(inode, out);
		out->blocks = lower_blocks;
	} else {
		inode->mode = out->mode;
		inode->uid = out->uid;
		inode->gid = out->gid;
	}
	if (LX_S_ISREG(inode->mode)) {
		out->size = oi->data.upper ? ovl_size(oi) : out->size;
		out->blocks = blocks_of(oi, lower_blocks);
	}
	out->ino = inode->ino;
	out->dev = inode->sb->dev;
	out->rdev = inode->rdev;
	return 0;
}

/* inode locked */
int ovl_setattr(const struct vfs_ctx *c, struct inode *inode, const struct iattr *a)
{
	struct ovl_inode *oi = ovl_i(inode);
	int r = ovl_attr_up(oi);

	(void)c;
	if (!r && a->valid & ATTR_SIZE)
		r = LX_S_ISREG(inode->mode) ? ovl_truncate(oi, a->size) : -EINVAL;
	if (!r)
		inode_apply_attr(inode, a);
	return r;
}

/* --- extended attributes ------------------------------------------------------------ */

static ssize_t lower_list(struct inode *li, char *buf, size_t size)
{
	ssize_t n = li->ops->listxattr ? li->ops->listxattr(li, buf, size) : 0;

	return n == -EOPNOTSUPP ? 0 : n;
}

/* The lower's whole set into the layer. */
static int xattr_up(struct ovl_inode *oi)
{
	struct inode *li = ovl_lower(oi);
	AUTO_FREE char *names = NULL;
	ssize_t n, len;

	if (oi->upper_xattr || !li)
		return 0;
	n = lower_list(li, NULL, 0);
	if (n < 0)
		return (int)n;
	names = mem_alloc((size_t)n + 1);
	if (!names)
		return -ENOMEM;
	n = n ? lower_list(li, names, (size_t)n) : 0;
	if (n < 0)
		return (int)n;
	for (char *p = names; p < names + n; p += strlen(p) + 1) {
		AUTO_FREE void *value = NULL;
		int r;

		len = li->ops->getxattr(li, p, NULL, 0);
		if (len < 0)
			continue; /* not ours to read: not ours to keep */
		value = mem_alloc((size_t)len);
		if (!value)
			return -ENOMEM;
		len = li->ops->getxattr(li, p, value, (size_t)len);
		r = len < 0 ? 0 : memxattr_set(&oi->xattrs, p, value, (size_t)len, 0);
		if (r && r != -EOPNOTSUPP)
			return r;
	}
	oi->upper_xattr = true;
	ovl_pin(oi);
	return 0;
}

ssize_t ovl_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct ovl_inode *oi = ovl_i(inode);
	struct inode *li = ovl_lower(oi);

	if (oi->upper_xattr)
		return memxattr_get(&oi->xattrs, name, buf, size);
	return li->ops->getxattr ? li->ops->getxattr(li, name, buf, size) : -EOPNOTSUPP;
}

int ovl_setxattr(struct inode *inode, const char *name, const void *value, size_t size,
		 int flags)
{
	struct ovl_inode *oi = ovl_i(inode);
	int r = ovl_attr_up(oi);

	if (!r)
		r = xattr_up(oi);
	if (!r)
		r = memxattr_set(&oi->xattrs, name, value, size, flags);
	if (!r)
		inode_touch(inode, ATTR_CTIME);
	return r;
}

ssize_t ovl_listxattr(struct inode *inode, char *buf, size_t size)
{
	struct ovl_inode *oi = ovl_i(inode);

	return oi->upper_xattr ? memxattr_list(&oi->xattrs, buf, size)
			       : lower_list(ovl_lower(oi), buf, size);
}
