// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of a regular file: blocks of 64 KB that the layer holds, and the lower's for
 * the rest. A block is the layer's when its bit is set or it lies behind lower_limit, the
 * smallest size the file had since it differs.
 *
 * A copy-up takes back the mappings of its block, so that shared ones see what is written
 * next; whoever touches the page again is given the layer's.
 *
 * data.lock is held while a block is read from below, never while guest memory is
 * touched.
 */
#include <string.h>

#include "fs/overlay/internal.h"

static const struct mappable_ops ovl_mappable_ops;

/* The layer's own bytes are never mapped through their shmem: only through data.map. */
static void no_ref(struct mappable *m)
{
	(void)m;
}

static void no_name(struct mappable *m, uint64_t *dev, uint64_t *ino)
{
	(void)m;
	*dev = *ino = 0;
}

static const struct mappable_ops shm_ops = {
	.translate = shmem_translate, .get = no_ref, .put = no_ref, .describe = no_name};

void ovl_data_init(struct ovl_data *d, struct pool *pool)
{
	mappable_init(&d->map, &ovl_mappable_ops);
	shmem_init(&d->shm, pool, &shm_ops);
	d->shm.rmap = &d->map;
	mutex_init(&d->lock, LOCK_OVERLAY_DATA);
}

void ovl_data_free(struct ovl_data *d)
{
	if (d->lower_file)
		file_put(d->lower_file);
	mem_free(d->copied);
	shmem_destroy(&d->shm);
	mappable_destroy(&d->map);
	mutex_destroy(&d->lock);
}

static int lower_file_locked(struct ovl_inode *oi, struct file **out)
	MUST_HOLD(oi->data.lock)
{
	struct vfs_ctx c = {.k = oi->base.sb->k, .fsize_limit = UINT64_MAX};
	struct ovl_data *d = &oi->data;
	int r = 0;

	if (!d->lower_file)
		r = vfs_open_dentry(&c, oi->lower, LX_O_RDONLY | LX_O_LARGEFILE,
				    &d->lower_file);
	*out = d->lower_file;
	return r;
}

int ovl_lower_file(struct ovl_inode *oi, struct file **out)
{
	int r;

	mutex_lock(&oi->data.lock);
	r = lower_file_locked(oi, out);
	mutex_unlock(&oi->data.lock);
	return r;
}

uint64_t ovl_size(struct ovl_inode *oi)
{
	struct kstat st;

	if (oi->data.upper)
		return shmem_size(&oi->data.shm);
	return ovl_getattr(&oi->base, LX_STATX_SIZE, &st) ? 0 : st.size;
}

/* --- which side -------------------------------------------------------------------- */

static bool bit(const struct ovl_data *d, uint64_t block)
{
	return block < d->n_blocks && d->copied[block / 64] >> block % 64 & 1;
}

static void set_bit(struct ovl_data *d, uint64_t block)
{
	if (block < d->n_blocks)
		d->copied[block / 64] |= 1ull << block % 64;
}

static bool is_upper(const struct ovl_data *d, uint64_t off)
{
	return off >= d->lower_limit || bit(d, off >> OVL_BLOCK_SHIFT);
}

static uint64_t segment_locked(const struct ovl_data *d, uint64_t off, uint64_t size,
			       bool *upper) MUST_HOLD(d->lock)
{
	uint64_t end = off + size, at = off;

	if (!d->upper) {
		*upper = false;
		return size;
	}
	*upper = is_upper(d, off);
	if (*upper && off >= d->lower_limit)
		return size;
	while (at < end && is_upper(d, at) == *upper) {
		at = ((at >> OVL_BLOCK_SHIFT) + 1) << OVL_BLOCK_SHIFT;
		/* The lower's last bytes end inside a block. */
		if (!*upper && at > d->lower_limit)
			at = d->lower_limit;
	}
	return (at < end ? at : end) - off;
}

uint64_t ovl_segment(struct ovl_data *d, uint64_t off, uint64_t size, bool *upper)
{
	uint64_t n;

	mutex_lock(&d->lock);
	n = segment_locked(d, off, size, upper);
	mutex_unlock(&d->lock);
	return n;
}

/* --- copying up -------------------------------------------------------------------- */

/* From now on size and block map are ours; no byte is copied yet. */
static int become_upper(struct ovl_inode *oi) MUST_HOLD(oi->data.lock)
{
	struct ovl_data *d = &oi->data;
	uint64_t size, n;

	if (d->upper)
		return 0;
	size = ovl_size(oi);
	n = (size + OVL_BLOCK - 1) >> OVL_BLOCK_SHIFT;
	d->copied = mem_calloc((n + 63) / 64, sizeof(*d->copied));
	if (!d->copied)
		return -ENOMEM;
	d->n_blocks = n;
	d->lower_limit = size;
	shmem_extend(&d->shm, size);
	d->upper = true;
	ovl_pin(oi);
	return 0;
}

static int copy_block(struct ovl_inode *oi, uint64_t block) MUST_HOLD(oi->data.lock)
{
	struct ovl_data *d = &oi->data;
	uint64_t off = block << OVL_BLOCK_SHIFT;
	size_t want = (size_t)min_t(uint64_t, OVL_BLOCK, d->lower_limit - off), done = 0;
	AUTO_FREE char *buf = mem_alloc(want);
	struct file *lower;
	struct uio u;
	ssize_t n;
	int r;

	if (!buf)
		return -ENOMEM;
	r = lower_file_locked(oi, &lower);
	if (r)
		return r;
	while (done < want) {
		uio_init_kernel(&u, buf + done, want - done);
		n = lower->ops->read(lower, &u, (int64_t)(off + done), 0);
		if (n < 0)
			return (int)n;
		if (!n)
			break; /* the host made it shorter */
		done += (size_t)n;
	}
	memset(buf + done, 0, want - done);
	uio_init_kernel(&u, buf, want);
	n = shmem_write(&d->shm, off, &u, want);
	return n < 0 ? (int)n : (size_t)n < want ? -ENOSPC : 0;
}

/* The block at @at is the layer's now, which has its bytes. */
static void own_block(struct ovl_inode *oi, uint64_t at) MUST_HOLD(oi->data.lock)
{
	struct ovl_data *d = &oi->data;

	set_bit(d, at >> OVL_BLOCK_SHIFT);
	mappable_invalidate(&d->map, at, OVL_BLOCK, false);
}

/* Would bytes for [@off, @end) replace all that the lower has in the block at @at? */
static bool replaces(const struct ovl_data *d, uint64_t at, uint64_t off, uint64_t end)
{
	return at >= off && min_t(uint64_t, at + OVL_BLOCK, d->lower_limit) <= end;
}

/*
 * Copy the blocks of [@off, @end); with @edges only those that lie in it in part: the
 * caller has other bytes for the rest, and calls own_blocks() when they are in place.
 */
static int copy_blocks(struct ovl_inode *oi, uint64_t off, uint64_t end, bool edges)
	MUST_HOLD(oi->data.lock)
{
	struct ovl_data *d = &oi->data;
	int r = become_upper(oi);

	for (uint64_t at = off & ~(OVL_BLOCK - 1); !r && at < end && at < d->lower_limit;
	     at += OVL_BLOCK) {
		if (bit(d, at >> OVL_BLOCK_SHIFT) || (edges && replaces(d, at, off, end)))
			continue;
		r = copy_block(oi, at >> OVL_BLOCK_SHIFT);
		if (!r)
			own_block(oi, at);
	}
	return r;
}

static void own_blocks(struct ovl_inode *oi, uint64_t off, uint64_t end)
	MUST_HOLD(oi->data.lock)
{
	struct ovl_data *d = &oi->data;

	for (uint64_t at = off & ~(OVL_BLOCK - 1); at < end && at < d->lower_limit;
	     at += OVL_BLOCK)
		if (!bit(d, at >> OVL_BLOCK_SHIFT))
			own_block(oi, at);
}

int ovl_copy_up(struct ovl_inode *oi, uint64_t off, uint64_t size)
{
	int r;

	if (!oi->lower)
		return 0;
	mutex_lock(&oi->data.lock);
	r = copy_blocks(oi, off, off + size, false);
	mutex_unlock(&oi->data.lock);
	return r;
}

ssize_t ovl_write_block(struct ovl_inode *oi, uint64_t off, void *buf, size_t n)
{
	struct ovl_data *d = &oi->data;
	struct uio u;
	ssize_t w;

	uio_init_kernel(&u, buf, n);
	mutex_lock(&oi->data.lock);
	w = copy_blocks(oi, off, off + n, true);
	if (!w)
		w = shmem_write(&d->shm, off, &u, n);
	/* Too little for the block to change sides: it was not written. */
	if (w > 0 && off < d->lower_limit && !bit(d, off >> OVL_BLOCK_SHIFT) &&
	    !replaces(d, off, off, off + (uint64_t)w))
		w = -ENOSPC;
	if (w > 0)
		own_blocks(oi, off, off + (uint64_t)w);
	mutex_unlock(&oi->data.lock);
	return w;
}

int ovl_clear(struct ovl_inode *oi, uint64_t off, uint64_t size, bool hole)
{
	struct ovl_data *d = &oi->data;
	int r = 0;

	mutex_lock(&oi->data.lock);
	if (oi->lower)
		r = copy_blocks(oi, off, off + size, true);
	if (!r && hole)
		shmem_punch(&d->shm, off, size);
	else if (!r)
		r = shmem_zero(&d->shm, off, size);
	if (!r)
		own_blocks(oi, off, off + size);
	mutex_unlock(&oi->data.lock);
	return r;
}

int ovl_shift(struct ovl_inode *oi, uint64_t from, uint64_t to)
{
	struct ovl_data *d = &oi->data;
	uint64_t first = min_t(uint64_t, from, to);
	int r = 0;

	if (from % PAGE_SIZE || to % PAGE_SIZE || from >= ovl_size(oi))
		return -EINVAL;
	mutex_lock(&oi->data.lock);
	if (oi->lower)
		r = copy_blocks(oi, first, UINT64_MAX, false);
	if (!r)
		r = shmem_shift(&d->shm, from, to);
	if (!r && first < d->lower_limit)
		d->lower_limit = first;
	mutex_unlock(&oi->data.lock);
	return r;
}

/* Inode locked: nobody else changes the size. */
int ovl_truncate(struct ovl_inode *oi, uint64_t size)
{
	struct ovl_data *d = &oi->data;
	int r = 0;

	if (oi->lower) {
		/* The page with the new end is the layer's:
		 * its rest must read as zeroes. */
		if (size % PAGE_SIZE && size < ovl_size(oi))
			r = ovl_copy_up(oi, size, 1);
		mutex_lock(&oi->data.lock);
		if (!r)
			r = become_upper(oi);
		if (!r && size < d->lower_limit)
			d->lower_limit = size;
		mutex_unlock(&oi->data.lock);
		if (r)
			return r;
	}
	shmem_truncate(&d->shm, size);
	return 0;
}

/* --- mapping ------------------------------------------------------------------ */

static struct ovl_inode *of_map(struct mappable *m)
{
	return ovl_of_data(container_of(m, struct ovl_data, map));
}

static int translate_lower(struct ovl_inode *oi, uint64_t off, uint64_t size,
			   struct mappable_run *run)
{
	struct inode *li = ovl_lower(oi);
	struct mappable *lm = li->ops->mappable ? li->ops->mappable(li) : NULL;
	int r;

	if (!lm)
		return -ENXIO;
	r = lm->ops->translate(lm, off, size, false, false, run);
	if (!r && run->size > size)
		run->size = size;
	if (!r)
		run->writable = false;
	return r;
}

static int ovl_translate(struct mappable *m, uint64_t off, uint64_t size, bool shared,
			 bool write, struct mappable_run *run)
{
	struct ovl_inode *oi = of_map(m);
	struct ovl_data *d = &oi->data;
	uint64_t end = page_up(ovl_size(oi)), n;
	bool upper;
	int r;

	if (off >= end)
		return -ENXIO;
	size = min_t(uint64_t, size, end - off);
	if (shared && write) {
		r = ovl_copy_up(oi, off, 1);
		if (r)
			return r;
	}
	n = ovl_segment(d, off, size, &upper);
	/* A page that the lower's end lies in is the lower's; the next one is ours. */
	n = page_up(n);
	if (!upper)
		return translate_lower(oi, off, n, run);
	r = shmem_translate(&d->shm.map, off, n, shared, write, run);
	if (!r && run->size > n)
		run->size = n;
	return r;
}

static void ovl_run_put(struct mappable *m, struct mappable_run *run)
{
	struct ovl_inode *oi = of_map(m);
	struct inode *li = ovl_lower(oi);
	struct mappable *lm;

	if (!li || run->hfd == pool_hfd(oi->data.shm.pool) || run->zero)
		return;
	lm = li->ops->mappable(li);
	if (lm && lm->ops->run_put)
		lm->ops->run_put(lm, run);
}

static void map_get(struct mappable *m)
{
	inode_get(&of_map(m)->base);
}

static void map_put(struct mappable *m)
{
	inode_put(&of_map(m)->base);
}

static void map_describe(struct mappable *m, uint64_t *dev, uint64_t *ino)
{
	*dev = of_map(m)->base.sb->dev;
	*ino = of_map(m)->base.ino;
}

static int map_writable(struct mappable *m, enum mapped_change what)
{
	if (what != MAPPED_GONE)
		return inode_get_write(&of_map(m)->base);
	inode_put_write(&of_map(m)->base);
	return 0;
}

static int map_punch(struct mappable *m, uint64_t off, uint64_t size)
{
	return ovl_fallocate(of_map(m), LX_FALLOC_FL_PUNCH_HOLE | LX_FALLOC_FL_KEEP_SIZE,
			     off, size);
}

static const struct mappable_ops ovl_mappable_ops = {
	.translate = ovl_translate,
	.run_put = ovl_run_put,
	.get = map_get,
	.put = map_put,
	.describe = map_describe,
	.writable = map_writable,
	.punch = map_punch,
};
