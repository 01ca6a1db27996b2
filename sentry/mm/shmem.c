// SPDX-License-Identifier: Apache-2.0
/*
 * shmem - a file's bytes as a tree of extents (shmem_extent.c): its size, its holes, how
 * it is mapped. Reading and writing: shmem_io.c.
 *
 * Taking pages away is done in three steps, so that no guest reaches a page that belongs
 * to somebody else already: out of the tree (under the lock), mappings taken back, then
 * released to the pool.
 */
#include "sentry/mm/shmem.h"

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/refcount.h"
#include "sentry/mm/shmem_internal.h"

void shmem_init(struct shmem *s, struct pool *pool, const struct mappable_ops *ops)
{
	mappable_init(&s->map, ops);
	mutex_init(&s->lock, LOCK_FILE_DATA);
	s->pool = pool;
	s->rmap = &s->map;
	s->quota = NULL;
	s->size = s->bytes = 0;
	s->extents.root = NULL;
}

void shmem_destroy(struct shmem *s)
{
	shmem_release_all(s, &s->extents);
	mappable_destroy(&s->map);
	mutex_destroy(&s->lock);
}

/* --- size and holes ------------------------------------------------------ */

uint64_t shmem_size(struct shmem *s)
{
	uint64_t size;

	mutex_lock(&s->lock);
	size = s->size;
	mutex_unlock(&s->lock);
	return size;
}

uint64_t shmem_bytes(struct shmem *s)
{
	uint64_t bytes;

	mutex_lock(&s->lock);
	bytes = s->bytes;
	mutex_unlock(&s->lock);
	return bytes;
}

void shmem_extend(struct shmem *s, uint64_t size)
{
	mutex_lock(&s->lock);
	s->size = max_t(uint64_t, s->size, size);
	mutex_unlock(&s->lock);
}

void shmem_truncate(struct shmem *s, uint64_t size)
{
	struct rb_tree gone = {0};
	uint64_t end = page_up(size);
	bool shrinks;

	mutex_lock(&s->lock);
	shrinks = size < s->size;
	s->size = size;
	if (shrinks && end >= size) {
		shmem_zero_locked(s, size, end);
		shmem_detach_locked(s, end, UINT64_MAX, &gone);
	}
	mutex_unlock(&s->lock);
	if (shrinks)
		mappable_invalidate(s->rmap, end, UINT64_MAX, true);
	shmem_release_all(s, &gone);
}

int shmem_allocate(struct shmem *s, uint64_t off, uint64_t size)
{
	uint64_t end;
	bool fresh;
	int r;

	if (!add_ok(off, size, &end) || end > INT64_MAX)
		return -EFBIG;
	mutex_lock(&s->lock);
	r = shmem_fill_locked(s, page_down(off), page_up(end), &fresh);
	mutex_unlock(&s->lock);
	return r;
}

int shmem_zero(struct shmem *s, uint64_t off, uint64_t size)
{
	uint64_t end, first = page_up(off), last;
	bool fresh;
	int r;

	if (!add_ok(off, size, &end) || end > INT64_MAX)
		return -EFBIG;
	last = page_down(end);
	mutex_lock(&s->lock);
	r = shmem_fill_locked(s, page_down(off), page_up(end), &fresh);
	if (!r && first >= last) {
		shmem_zero_locked(s, off, end);
	} else if (!r) {
		shmem_zero_locked(s, off, first);
		shmem_clear_locked(s, first, last);
		shmem_zero_locked(s, last, end);
	}
	mutex_unlock(&s->lock);
	return r;
}

/*
 * Pages that a private area has mapped stay where they are and are cleared: the host
 * knows which of them are the guest's own. All others go back to the pool.
 */
static void punch_pages_locked(struct shmem *s, uint64_t first, uint64_t last,
			       struct rb_tree *gone) MUST_HOLD(s->lock)
	MUST_HOLD(s->rmap->lock)
{
	uint64_t keep = first, keep_end = last;

	if (!mappable_copies_locked(s->rmap, &keep, &keep_end))
		keep = keep_end = last;
	shmem_detach_locked(s, first, keep, gone);
	shmem_clear_locked(s, keep, keep_end);
	shmem_detach_locked(s, keep_end, last, gone);
	mappable_invalidate_locked(s->rmap, first, last - first, false);
}

void shmem_punch(struct shmem *s, uint64_t off, uint64_t size)
{
	struct rb_tree gone = {0};
	uint64_t end, first = page_up(off), last;

	if (!add_ok(off, size, &end) || end > INT64_MAX)
		end = INT64_MAX;
	last = page_down(end);
	/* One piece of work for faults: they see the old blocks and are taken back, or
	 * the new ones. */
	mutex_lock(&s->rmap->lock);
	mutex_lock(&s->lock);
	if (first >= last) {
		shmem_zero_locked(s, off, end);
	} else {
		shmem_zero_locked(s, off, first);
		shmem_zero_locked(s, last, end);
		punch_pages_locked(s, first, last, &gone);
	}
	mutex_unlock(&s->lock);
	mutex_unlock(&s->rmap->lock);
	shmem_release_all(s, &gone);
}

static int shift_locked(struct shmem *s, uint64_t from, uint64_t to, struct rb_tree *gone)
	MUST_HOLD(s->lock)
{
	uint64_t size = s->size + (to - from); /* down: modulo 2^64 */

	if (size > INT64_MAX)
		return -EFBIG;
	if (shmem_cut_locked(s, from) || (to < from && shmem_cut_locked(s, to)))
		return -ENOMEM;
	if (to < from)
		shmem_detach_locked(s, to, from, gone);
	/* All move by as much: their order in the tree stays. */
	for (struct shmem_extent *e = shmem_extent_find(s, from); e;
	     e = shmem_extent_next(e))
		e->off += to - from;
	s->size = size;
	return 0;
}

int shmem_shift(struct shmem *s, uint64_t from, uint64_t to)
{
	struct rb_tree gone = {0};
	int r;

	mutex_lock(&s->rmap->lock);
	mutex_lock(&s->lock);
	r = shift_locked(s, from, to, &gone);
	mutex_unlock(&s->lock);
	if (!r)
		mappable_invalidate_locked(s->rmap, min_t(uint64_t, from, to), UINT64_MAX,
					   true);
	mutex_unlock(&s->rmap->lock);
	shmem_release_all(s, &gone);
	return r;
}

int shmem_next(struct shmem *s, uint64_t off, bool data, uint64_t *start)
{
	struct shmem_extent *e;
	uint64_t at = off;
	int r = 0;

	mutex_lock(&s->lock);
	e = shmem_extent_find(s, off);
	if (data) {
		at = e ? max_t(uint64_t, e->off, off) : s->size;
		r = at < s->size ? 0 : -ENXIO;
	} else {
		for (; e && e->off <= at; e = shmem_extent_next(e))
			at = e->off + e->size;
		at = min_t(uint64_t, at, s->size);
	}
	if (off >= s->size)
		r = -ENXIO;
	mutex_unlock(&s->lock);
	*start = at;
	return r;
}

/* --- mapping ------------------------------------------------------------- */

int shmem_translate(struct mappable *m, uint64_t off, uint64_t size, bool shared,
		    bool write, struct mappable_run *run)
{
	struct shmem *s = container_of(m, struct shmem, map);
	struct shmem_extent *e;
	uint64_t end;
	bool fresh;
	int r = 0;

	*run = (struct mappable_run){.hfd = -1};
	mutex_lock(&s->lock);
	end = page_up(s->size);
	if (off >= end) {
		mutex_unlock(&s->lock);
		return -ENXIO;
	}
	e = shmem_extent_find(s, off);
	if ((!e || e->off > off) && (shared || write)) {
		r = shmem_fill_locked(s, off, min_t(uint64_t, end, off + page_up(size)),
				      &fresh);
		e = shmem_extent_find(s, off);
	}
	if (e && e->off <= off) {
		r = 0; /* a part of what was wanted is enough */
		run->hfd = pool_hfd(s->pool);
		run->key = pool_key(s->pool);
		run->hoff = e->pool_off + (off - e->off);
		run->size = min_t(uint64_t, e->off + e->size, end) - off;
		run->writable = true;
	} else if (!r) {
		run->zero = true;
		run->size = (e ? min_t(uint64_t, e->off, end) : end) - off;
	}
	mutex_unlock(&s->lock);
	return r;
}

/* --- an object of its own ------------------------------------------------ */

struct shmem_object {
	struct shmem s;
	refcount_t ref;
	uint64_t ino; /* immutable */
};

static struct shmem_object *to_object(struct mappable *m)
{
	return container_of(m, struct shmem_object, s.map);
}

static void object_get(struct mappable *m)
{
	refcount_inc(&to_object(m)->ref);
}

static void object_put(struct mappable *m)
{
	struct shmem_object *o = to_object(m);

	if (!refcount_dec(&o->ref))
		return;
	shmem_destroy(&o->s);
	mem_free(o);
}

static void object_describe(struct mappable *m, uint64_t *dev, uint64_t *ino)
{
	*dev = 1; /* 00:01, the kernel's own tmpfs on Linux too */
	*ino = to_object(m)->ino;
}

static int object_punch(struct mappable *m, uint64_t off, uint64_t size)
{
	shmem_punch(&to_object(m)->s, off, size);
	return 0;
}

static const struct mappable_ops object_ops = {
	.translate = shmem_translate,
	.get = object_get,
	.put = object_put,
	.describe = object_describe,
	.punch = object_punch,
};

int shmem_create(struct pool *pool, uint64_t size, struct mappable **out)
{
	struct shmem_object *o = mem_zalloc(sizeof(*o));

	*out = NULL;
	if (!o)
		return -ENOMEM;
	shmem_init(&o->s, pool, &object_ops);
	refcount_init(&o->ref);
	o->s.size = size;
	o->ino = pool_unique(pool);
	*out = &o->s.map;
	return 0;
}
