// SPDX-License-Identifier: Apache-2.0
/* Regular files: their bytes are a shmem (sentry/mm/shmem.h),
 * so mmap sees what write wrote. */
#include "fs/tmpfs/internal.h"

static struct shmem *data_of(struct file *f)
{
	return &tmpfs_i(f->inode)->shm;
}

static ssize_t tmpfs_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	(void)flags;
	return shmem_read(data_of(f), (uint64_t)pos, u, u->left);
}

static ssize_t tmpfs_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	struct shmem *s = data_of(f);
	uint64_t end = 0;
	ssize_t n;

	if (flags & LX_O_APPEND)
		n = shmem_append(s, u, u->left, &end);
	else
		n = shmem_write(s, (uint64_t)*pos, u, u->left);
	if (n > 0 && flags & LX_O_APPEND)
		*pos = (int64_t)end - n;
	if (n > 0)
		inode_touch(f->inode, ATTR_MTIME | ATTR_CTIME);
	return n;
}

static int64_t tmpfs_lseek(struct file *f, int64_t off, int whence)
{
	struct shmem *s = data_of(f);
	uint64_t pos;
	int r;

	if (whence < LX_SEEK_DATA)
		return file_generic_lseek(f, off, whence, shmem_size(s));
	if (off < 0)
		return -ENXIO;
	r = shmem_next(s, (uint64_t)off, whence == LX_SEEK_DATA, &pos);
	return r ? r : (int64_t)pos;
}

static int tmpfs_fallocate(struct file *f, int mode, int64_t off, int64_t len)
{
	struct shmem *s = data_of(f);
	int r = 0;

	if (mode & ~(LX_FALLOC_FL_KEEP_SIZE | LX_FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	mutex_lock(&f->inode->lock);
	if (mode & LX_FALLOC_FL_PUNCH_HOLE) {
		shmem_punch(s, (uint64_t)off, (uint64_t)len);
	} else {
		r = shmem_allocate(s, (uint64_t)off, (uint64_t)len);
		if (!r && !(mode & LX_FALLOC_FL_KEEP_SIZE))
			shmem_extend(s, (uint64_t)(off + len));
	}
	mutex_unlock(&f->inode->lock);
	if (!r)
		inode_touch(f->inode, ATTR_MTIME | ATTR_CTIME);
	return r;
}

const struct file_ops tmpfs_file_ops = {
	.read = tmpfs_read,
	.write = tmpfs_write,
	.lseek = tmpfs_lseek,
	.fallocate = tmpfs_fallocate,
};

/* --- attributes -------------------------------------------------------------------- */

static int tmpfs_getattr(struct inode *inode, uint32_t mask, struct kstat *out)
{
	struct shmem *s = &tmpfs_i(inode)->shm;

	(void)mask;
	inode_generic_stat(inode, out);
	out->size = shmem_size(s);
	out->blocks = shmem_bytes(s) / 512;
	return 0;
}

int tmpfs_setattr(const struct vfs_ctx *c, struct inode *inode, const struct iattr *a)
{
	(void)c;
	if (a->valid & ATTR_SIZE) {
		if (!LX_S_ISREG(inode->mode))
			return -EINVAL;
		shmem_truncate(&tmpfs_i(inode)->shm, a->size);
	}
	inode_apply_attr(inode, a);
	return 0;
}

static struct mappable *tmpfs_mappable(struct inode *inode)
{
	return &tmpfs_i(inode)->shm.map;
}

const struct inode_ops tmpfs_file_inode_ops = {
	.getattr = tmpfs_getattr,
	.setattr = tmpfs_setattr,
	.mappable = tmpfs_mappable,
	.getxattr = tmpfs_getxattr,
	.setxattr = tmpfs_setxattr,
	.listxattr = tmpfs_listxattr,
};

/* --- mapping ------------------------------------------------------------------ */

static struct inode *inode_of(struct mappable *m)
{
	struct shmem *s = container_of(m, struct shmem, map);

	return &container_of(s, struct tmpfs_inode, shm)->base;
}

static void map_get(struct mappable *m)
{
	inode_get(inode_of(m));
}

static void map_put(struct mappable *m)
{
	inode_put(inode_of(m));
}

static void map_describe(struct mappable *m, uint64_t *dev, uint64_t *ino)
{
	*dev = inode_of(m)->sb->dev;
	*ino = inode_of(m)->ino;
}

static int map_writable(struct mappable *m, enum mapped_change what)
{
	if (what != MAPPED_GONE)
		return inode_get_write(inode_of(m));
	inode_put_write(inode_of(m));
	return 0;
}

static int map_punch(struct mappable *m, uint64_t off, uint64_t size)
{
	shmem_punch(container_of(m, struct shmem, map), off, size);
	return 0;
}

const struct mappable_ops tmpfs_mappable_ops = {
	.translate = shmem_translate,
	.get = map_get,
	.put = map_put,
	.describe = map_describe,
	.writable = map_writable,
	.punch = map_punch,
};
