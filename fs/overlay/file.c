// SPDX-License-Identifier: Apache-2.0
/* Regular files: reading block by block from
 * whichever side has it, writing into the layer. */
#include "fs/overlay/internal.h"

static struct ovl_inode *of_file(struct file *f)
{
	return ovl_i(f->inode);
}

static ssize_t read_lower(struct ovl_inode *oi, uint64_t off, struct uio *u, size_t n)
{
	struct file *lower;
	size_t left = u->left;
	ssize_t r = ovl_lower_file(oi, &lower);

	if (r)
		return r;
	/* The lower reads as far as the cursor goes: shorten it for the call. */
	u->left = min_t(size_t, left, n);
	n = u->left;
	r = lower->ops->read(lower, u, (int64_t)off, 0);
	u->left = left - (n - u->left);
	return r;
}

static ssize_t ovl_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct ovl_inode *oi = of_file(f);
	struct ovl_data *d = &oi->data;
	uint64_t off = (uint64_t)pos, size;
	ssize_t done = 0, n = 0;

	(void)flags;
	if (!d->upper)
		return read_lower(oi, off, u, u->left);
	if (!oi->lower)
		return shmem_read(&d->shm, off, u, u->left);
	for (size = shmem_size(&d->shm); u->left && off < size; off += (uint64_t)n) {
		bool upper;
		uint64_t seg =
			ovl_segment(d, off, min_t(uint64_t, u->left, size - off), &upper);

		n = upper ? shmem_read(&d->shm, off, u, seg)
			  : read_lower(oi, off, u, seg);
		if (n <= 0)
			break;
		done += n;
	}
	return done ? done : n;
}

/*
 * A block that is overwritten as a whole need not be read. Its bytes are fetched first: a
 * guest page that faults must not cost those of the lower.
 */
static ssize_t write_block(struct ovl_inode *oi, uint64_t off, struct uio *u)
{
	AUTO_FREE char *buf = mem_alloc(OVL_BLOCK);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = uio_copy_from(u, buf, OVL_BLOCK);
	return n <= 0 ? n : ovl_write_block(oi, off, buf, (size_t)n);
}

static ssize_t write_at(struct ovl_inode *oi, uint64_t off, struct uio *u)
{
	struct ovl_data *d = &oi->data;
	ssize_t done = 0, n = 0;
	bool upper;
	int r;

	while (u->left) {
		uint64_t block_left = OVL_BLOCK - (off & (OVL_BLOCK - 1));
		uint64_t seg = ovl_segment(d, off, u->left, &upper);

		if (!upper && block_left == OVL_BLOCK && u->left >= OVL_BLOCK) {
			n = write_block(oi, off, u);
		} else {
			if (!upper)
				seg = min_t(uint64_t, u->left, block_left);
			/* Also behind the lower's end, in its last block: the page's
			 * mappings must show what is written. */
			r = ovl_copy_up(oi, off, seg);
			n = r ? r : shmem_write(&d->shm, off, u, seg);
		}
		if (n <= 0)
			break;
		done += n;
		off += (uint64_t)n;
	}
	return done ? done : n;
}

static ssize_t ovl_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	struct ovl_inode *oi = of_file(f);
	ssize_t n;
	int r;

	if (!oi->upper_attr || !oi->data.upper) {
		mutex_lock(&oi->base.lock);
		r = ovl_attr_up(oi);
		mutex_unlock(&oi->base.lock);
		/* An empty range: the size and the block map become ours. */
		if (!r)
			r = ovl_copy_up(oi, 0, 0);
		if (r)
			return r;
	}
	if (flags & LX_O_APPEND) {
		/* Appends do not overlap each other: one at a time. */
		mutex_lock(&oi->base.lock);
		*pos = (int64_t)shmem_size(&oi->data.shm);
		r = ovl_copy_up(oi, (uint64_t)*pos, 1);
		mutex_unlock(&oi->base.lock);
		if (!r) {
			uint64_t end = 0;

			n = shmem_append(&oi->data.shm, u, u->left, &end);
			if (n > 0)
				*pos = (int64_t)end - n;
		} else {
			n = r;
		}
	} else {
		n = write_at(oi, (uint64_t)*pos, u);
	}
	if (n > 0)
		inode_touch(f->inode, ATTR_MTIME | ATTR_CTIME);
	return n;
}

/* Only the layer's blocks are known as holes or data; the lower's count as data. */
static int64_t ovl_lseek(struct file *f, int64_t off, int whence)
{
	struct ovl_inode *oi = of_file(f);
	struct ovl_data *d = &oi->data;
	uint64_t size = ovl_size(oi), at = (uint64_t)off, start;
	int r;

	if (whence < LX_SEEK_DATA)
		return file_generic_lseek(f, off, whence, size);
	if (off < 0 || at >= size)
		return -ENXIO;
	if (!d->upper || at < d->lower_limit) {
		if (whence == LX_SEEK_DATA)
			return off;
		if (!d->upper || d->lower_limit >= size)
			return (int64_t)size;
		at = d->lower_limit;
	}
	r = shmem_next(&d->shm, at, whence == LX_SEEK_DATA, &start);
	return r ? r : (int64_t)start;
}

static int reserve(struct ovl_inode *oi, uint64_t off, uint64_t size)
{
	int r = ovl_copy_up(oi, off, size);

	return r ? r : shmem_allocate(&oi->data.shm, off, size);
}

/* Inode locked. */
static int change_blocks(struct ovl_inode *oi, int mode, uint64_t off, uint64_t size)
{
	int r;

	switch (mode & ~LX_FALLOC_FL_KEEP_SIZE) {
	case LX_FALLOC_FL_PUNCH_HOLE:
		return ovl_clear(oi, off, size, true);
	case LX_FALLOC_FL_COLLAPSE_RANGE:
		return ovl_shift(oi, off + size, off);
	case LX_FALLOC_FL_INSERT_RANGE:
		return ovl_shift(oi, off, off + size);
	case LX_FALLOC_FL_ZERO_RANGE:
		r = ovl_clear(oi, off, size, false);
		break;
	default:
		r = reserve(oi, off, size);
		break;
	}
	if (!r && !(mode & LX_FALLOC_FL_KEEP_SIZE))
		shmem_extend(&oi->data.shm, off + size);
	return r;
}

int ovl_fallocate(struct ovl_inode *oi, int mode, uint64_t off, uint64_t size)
{
	int r;

	mutex_lock(&oi->base.lock);
	r = ovl_attr_up(oi);
	if (!r)
		r = change_blocks(oi, mode, off, size);
	mutex_unlock(&oi->base.lock);
	if (!r)
		inode_touch(&oi->base, ATTR_MTIME | ATTR_CTIME);
	return r;
}

static int ovl_file_fallocate(struct file *f, int mode, int64_t off, int64_t len)
{
	if (mode & LX_FALLOC_FL_UNSHARE_RANGE)
		return -EOPNOTSUPP; /* as ext4 */
	return ovl_fallocate(of_file(f), mode, (uint64_t)off, (uint64_t)len);
}

const struct file_ops ovl_file_ops = {
	.read = ovl_read,
	.write = ovl_write,
	.lseek = ovl_lseek,
	.fallocate = ovl_file_fallocate,
};

/* A lower file that the host does not let us read is told at open, as the host would. */
static int ovl_file_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	struct ovl_inode *oi = ovl_i(inode);
	struct file *lower;

	(void)c;
	f->ops = &ovl_file_ops;
	if (!oi->lower || (oi->data.upper && !oi->data.lower_limit) ||
	    atomic_load(&f->flags) & LX_O_TRUNC)
		return 0;
	return ovl_lower_file(oi, &lower);
}

static struct mappable *ovl_mappable(struct inode *inode)
{
	return &ovl_i(inode)->data.map;
}

const struct inode_ops ovl_file_inode_ops = {
	.open = ovl_file_open,
	.mappable = ovl_mappable,
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.getxattr = ovl_getxattr,
	.setxattr = ovl_setxattr,
	.listxattr = ovl_listxattr,
};
