// SPDX-License-Identifier: Apache-2.0
/*
 * shmem - a file's bytes as a tree of extents: [off, off + size) stands at pool_off in
 * the pool. What no extent covers is a hole. Neighbours that are contiguous on both sides
 * are one extent.
 *
 * Taking pages away is done in three steps, so that no guest reaches a page that belongs
 * to somebody else already: out of the tree (under the lock), mappings taken back, then
 * released to the pool.
 */
#include "sentry/mm/shmem.h"

#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/log.h"
#include "sentry/base/refcount.h"
#include "sentry/mm/uio.h"

/* Most bytes moved without letting others at the lock. */
#define CHUNK	   (1ull << 20)
#define MAX_FAULTS 4

struct shmem_extent {
	struct rb_node node;
	uint64_t off, size, pool_off;
};

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

/* --- extents ------------------------------------------------------------- */

static struct shmem_extent *to_extent(struct rb_node *n)
{
	return rb_entry_or_null(n, struct shmem_extent, node);
}

static struct shmem_extent *extent_next(struct shmem_extent *e)
{
	return to_extent(rb_next(&e->node));
}

/* The first extent that ends behind @off. */
static struct shmem_extent *extent_find(struct shmem *s, uint64_t off)
{
	struct rb_node *n = s->extents.root;
	struct shmem_extent *best = NULL;

	while (n) {
		struct shmem_extent *e = rb_entry(n, struct shmem_extent, node);

		if (e->off + e->size > off) {
			best = e;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

static void tree_insert(struct rb_tree *t, struct shmem_extent *e)
{
	struct rb_node **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = e->off < rb_entry(parent, struct shmem_extent, node)->off
			       ? &parent->left
			       : &parent->right;
	}
	rb_link(t, &e->node, parent, link);
}

/* What of @size may be used, counted as used; 0 when the quota is used up. */
static uint64_t quota_take(struct shmem *s, uint64_t size)
{
	uint64_t used, limit;

	if (!s->quota)
		return size;
	limit = atomic_load(&s->quota->limit);
	used = atomic_load(&s->quota->used);
	do {
		if (used >= limit)
			return 0;
		size = min_t(uint64_t, size, page_down(limit - used));
	} while (!atomic_compare_exchange_weak(&s->quota->used, &used, used + size));
	return size;
}

static void quota_return(struct shmem *s, uint64_t size)
{
	if (s->quota)
		atomic_fetch_sub(&s->quota->used, size);
}

static void release_all(struct shmem *s, struct rb_tree *t)
{
	struct shmem_extent *e;

	while ((e = to_extent(rb_first(t)))) {
		rb_erase(t, &e->node);
		pool_release(s->pool, e->pool_off, e->size);
		quota_return(s, e->size);
		mem_free(e);
	}
}

void shmem_destroy(struct shmem *s)
{
	release_all(s, &s->extents);
	mappable_destroy(&s->map);
	mutex_destroy(&s->lock);
}

/* Joins @e with the neighbour before it if they are contiguous in the pool too. */
static void join_before(struct shmem *s, struct shmem_extent *e)
{
	struct shmem_extent *prev = to_extent(rb_prev(&e->node));

	if (!prev || prev->off + prev->size != e->off ||
	    prev->pool_off + prev->size != e->pool_off)
		return;
	prev->size += e->size;
	rb_erase(&s->extents, &e->node);
	mem_free(e);
}

/*
 * Blocks for every hole of [@start, @end), page-aligned. What was allocated stays.
 * *@fresh: all of it was a hole, and the host has no pages there yet.
 */
static int fill_locked(struct shmem *s, uint64_t start, uint64_t end, bool *fresh)
	MUST_HOLD(s->lock)
{
	*fresh = true;
	while (start < end) {
		struct shmem_extent *next = extent_find(s, start), *e;
		uint64_t want, got;
		bool new_pages;
		int r;

		if (next && next->off <= start) {
			start = next->off + next->size;
			*fresh = false;
			continue;
		}
		e = mem_alloc(sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->off = start;
		want = quota_take(s,
				  (next ? min_t(uint64_t, next->off, end) : end) - start);
		r = want ? pool_alloc(s->pool, want, &e->pool_off, &got, &new_pages)
			 : -ENOSPC;
		if (r) {
			quota_return(s, want);
			mem_free(e);
			return r;
		}
		quota_return(s, want - got);
		*fresh = *fresh && new_pages;
		e->size = got;
		s->bytes += got;
		start += got;
		tree_insert(&s->extents, e);
		if (next)
			join_before(s, next);
		join_before(s, e);
	}
	return 0;
}

/* Make an extent border at @off. */
static int cut_locked(struct shmem *s, uint64_t off) MUST_HOLD(s->lock)
{
	struct shmem_extent *e = extent_find(s, off), *upper;

	if (!e || e->off >= off)
		return 0;
	upper = mem_alloc(sizeof(*upper));
	if (!upper)
		return -ENOMEM;
	upper->off = off;
	upper->size = e->off + e->size - off;
	upper->pool_off = e->pool_off + (off - e->off);
	e->size = off - e->off;
	tree_insert(&s->extents, upper);
	return 0;
}

static void zero_locked(struct shmem *s, uint64_t start, uint64_t end) MUST_HOLD(s->lock)
{
	struct shmem_extent *e = extent_find(s, start);

	for (; e && e->off < end; e = extent_next(e)) {
		uint64_t from = max_t(uint64_t, e->off, start);
		uint64_t to = min_t(uint64_t, e->off + e->size, end);

		memset(pool_ptr(s->pool, e->pool_off + (from - e->off)), 0, to - from);
	}
}

/*
 * [@start, @end) (page-aligned) reads as zeroes and keeps its blocks. The host takes the
 * pages away below all mappings but those that have a copy of their own.
 */
static void clear_locked(struct shmem *s, uint64_t start, uint64_t end) MUST_HOLD(s->lock)
{
	struct shmem_extent *e = extent_find(s, start);

	for (; e && e->off < end; e = extent_next(e)) {
		uint64_t from = max_t(uint64_t, e->off, start);
		uint64_t to = min_t(uint64_t, e->off + e->size, end);

		if (from < to)
			pool_clear(s->pool, e->pool_off + (from - e->off), to - from);
	}
}

/*
 * Move the extents of [@start, @end) (page-aligned) to @out. Without the memory to cut
 * one they are cleared instead, which reads the same and keeps the blocks.
 */
static void detach_locked(struct shmem *s, uint64_t start, uint64_t end,
			  struct rb_tree *out) MUST_HOLD(s->lock)
{
	struct shmem_extent *e, *next;

	if (cut_locked(s, start) || cut_locked(s, end)) {
		zero_locked(s, start, end);
		return;
	}
	for (e = extent_find(s, start); e && e->off < end; e = next) {
		next = extent_next(e);
		rb_erase(&s->extents, &e->node);
		s->bytes -= e->size;
		tree_insert(out, e);
	}
}

/* --- reading and writing ------------------------------------------------- */

/* One lock's worth: bytes moved, 0 at the end, -EFAULT to be faulted in. */
static ssize_t read_some(struct shmem *s, uint64_t off, struct uio *u, size_t n)
{
	struct shmem_extent *e;
	ssize_t r = 0;

	mutex_lock(&s->lock);
	if (off < s->size) {
		n = min_t(uint64_t, n, min_t(uint64_t, s->size - off, CHUNK));
		e = extent_find(s, off);
		if (!e || e->off > off) {
			r = uio_zero_nofault(u, e ? min_t(uint64_t, n, e->off - off) : n);
		} else {
			n = min_t(uint64_t, n, e->off + e->size - off);
			r = uio_copy_to_nofault(
				u, pool_ptr(s->pool, e->pool_off + (off - e->off)), n);
		}
	}
	mutex_unlock(&s->lock);
	return r;
}

/*
 * New pages are filled through a buffer and a host write: cheaper than a fault for each
 * (1.3 against 2.2 us).
 */
static ssize_t write_fresh(struct shmem *s, uint64_t pool_off, struct uio *u, size_t n)
{
	char buf[4 * PAGE_SIZE];
	size_t done = 0;

	while (done < n) {
		size_t want = min_t(size_t, n - done, sizeof(buf));
		ssize_t r = uio_copy_from_nofault(u, buf, want);

		if (r <= 0)
			return done ? (ssize_t)done : r;
		pool_write_fresh(s->pool, pool_off + done, buf, (size_t)r);
		done += (size_t)r;
		if ((size_t)r < want)
			break;
	}
	return (ssize_t)done;
}

static ssize_t write_some_locked(struct shmem *s, uint64_t off, struct uio *u, size_t n)
	MUST_HOLD(s->lock)
{
	struct shmem_extent *e;
	uint64_t at;
	bool fresh;
	ssize_t r;

	r = fill_locked(s, page_down(off), page_up(off + n), &fresh);
	e = extent_find(s, off);
	/* Not all blocks could be had: write into those before the first hole. */
	if (e && e->off <= off) {
		n = min_t(uint64_t, n, e->off + e->size - off);
		at = e->pool_off + (off - e->off);
		if (fresh && !r)
			r = write_fresh(s, at, u, n);
		else
			r = uio_copy_from_nofault(u, pool_ptr(s->pool, at), n);
		if (r > 0)
			s->size = max_t(uint64_t, s->size, off + (uint64_t)r);
	}
	return r;
}

static ssize_t write_some(struct shmem *s, uint64_t off, struct uio *u, size_t n)
{
	ssize_t r;

	n = min_t(uint64_t, n, CHUNK - off % CHUNK);
	mutex_lock(&s->lock);
	r = write_some_locked(s, off, u, n);
	mutex_unlock(&s->lock);
	return r;
}

static ssize_t move(struct shmem *s, uint64_t off, struct uio *u, size_t n, bool write)
{
	size_t done = 0;
	int faults = 0;

	n = min_t(size_t, n, u->left);
	while (done < n) {
		ssize_t r = write ? write_some(s, off + done, u, n - done)
				  : read_some(s, off + done, u, n - done);

		if (r > 0) {
			done += (size_t)r;
			faults = 0;
			continue;
		}
		if (r == -EFAULT && ++faults <= MAX_FAULTS &&
		    !uio_fault_in(u, n - done, !write))
			continue;
		return done ? (ssize_t)done : r;
	}
	return (ssize_t)done;
}

ssize_t shmem_read(struct shmem *s, uint64_t off, struct uio *u, size_t n)
{
	return move(s, off, u, n, false);
}

ssize_t shmem_write(struct shmem *s, uint64_t off, struct uio *u, size_t n)
{
	return move(s, off, u, n, true);
}

ssize_t shmem_append(struct shmem *s, struct uio *u, size_t n, uint64_t *end)
{
	size_t done = 0;
	int faults = 0;

	n = min_t(size_t, n, u->left);
	while (done < n) {
		ssize_t r = -EFBIG;

		mutex_lock(&s->lock);
		/* No file grows beyond what a signed position can name. */
		if (s->size < INT64_MAX)
			r = write_some_locked(s, s->size, u,
					      min_t(uint64_t,
						    min_t(uint64_t, n - done, CHUNK),
						    INT64_MAX - s->size));
		if (r > 0)
			*end = s->size;
		mutex_unlock(&s->lock);
		if (r > 0) {
			done += (size_t)r;
			faults = 0;
			continue;
		}
		if (r == -EFAULT && ++faults <= MAX_FAULTS &&
		    !uio_fault_in(u, n - done, false))
			continue;
		return done ? (ssize_t)done : r;
	}
	return (ssize_t)done;
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
		zero_locked(s, size, end);
		detach_locked(s, end, UINT64_MAX, &gone);
	}
	mutex_unlock(&s->lock);
	if (shrinks)
		mappable_invalidate(s->rmap, end, UINT64_MAX, true);
	release_all(s, &gone);
}

int shmem_allocate(struct shmem *s, uint64_t off, uint64_t size)
{
	uint64_t end;
	bool fresh;
	int r;

	if (!add_ok(off, size, &end) || end > INT64_MAX)
		return -EFBIG;
	mutex_lock(&s->lock);
	r = fill_locked(s, page_down(off), page_up(end), &fresh);
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
	r = fill_locked(s, page_down(off), page_up(end), &fresh);
	if (!r && first >= last) {
		zero_locked(s, off, end);
	} else if (!r) {
		zero_locked(s, off, first);
		clear_locked(s, first, last);
		zero_locked(s, last, end);
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
	detach_locked(s, first, keep, gone);
	clear_locked(s, keep, keep_end);
	detach_locked(s, keep_end, last, gone);
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
		zero_locked(s, off, end);
	} else {
		zero_locked(s, off, first);
		zero_locked(s, last, end);
		punch_pages_locked(s, first, last, &gone);
	}
	mutex_unlock(&s->lock);
	mutex_unlock(&s->rmap->lock);
	release_all(s, &gone);
}

static int shift_locked(struct shmem *s, uint64_t from, uint64_t to, struct rb_tree *gone)
	MUST_HOLD(s->lock)
{
	uint64_t size = s->size + (to - from); /* down: modulo 2^64 */

	if (size > INT64_MAX)
		return -EFBIG;
	if (cut_locked(s, from) || (to < from && cut_locked(s, to)))
		return -ENOMEM;
	if (to < from)
		detach_locked(s, to, from, gone);
	/* All move by as much: their order in the tree stays. */
	for (struct shmem_extent *e = extent_find(s, from); e; e = extent_next(e))
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
	release_all(s, &gone);
	return r;
}

int shmem_next(struct shmem *s, uint64_t off, bool data, uint64_t *start)
{
	struct shmem_extent *e;
	uint64_t at = off;
	int r = 0;

	mutex_lock(&s->lock);
	e = extent_find(s, off);
	if (data) {
		at = e ? max_t(uint64_t, e->off, off) : s->size;
		r = at < s->size ? 0 : -ENXIO;
	} else {
		for (; e && e->off <= at; e = extent_next(e))
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
	e = extent_find(s, off);
	if ((!e || e->off > off) && (shared || write)) {
		r = fill_locked(s, off, min_t(uint64_t, end, off + page_up(size)),
				&fresh);
		e = extent_find(s, off);
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
