// SPDX-License-Identifier: Apache-2.0
/*
 * shmem's tree of extents: [off, off + size) of the file stands at pool_off in the pool.
 * What no extent covers is a hole. Neighbours that are contiguous on both sides are one
 * extent. Blocks count against the quota from the moment they are taken to their release.
 */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/mm/shmem_internal.h"

static struct shmem_extent *to_extent(struct rb_node *n)
{
	return rb_entry_or_null(n, struct shmem_extent, node);
}

struct shmem_extent *shmem_extent_next(struct shmem_extent *e)
{
	return to_extent(rb_next(&e->node));
}

struct shmem_extent *shmem_extent_find(struct shmem *s, uint64_t off)
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

void shmem_release_all(struct shmem *s, struct rb_tree *t)
{
	struct shmem_extent *e;

	while ((e = to_extent(rb_first(t)))) {
		rb_erase(t, &e->node);
		pool_release(s->pool, e->pool_off, e->size);
		quota_return(s, e->size);
		mem_free(e);
	}
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

int shmem_fill_locked(struct shmem *s, uint64_t start, uint64_t end, bool *fresh)
{
	*fresh = true;
	while (start < end) {
		struct shmem_extent *next = shmem_extent_find(s, start), *e;
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

int shmem_cut_locked(struct shmem *s, uint64_t off)
{
	struct shmem_extent *e = shmem_extent_find(s, off), *upper;

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

void shmem_zero_locked(struct shmem *s, uint64_t start, uint64_t end)
{
	struct shmem_extent *e = shmem_extent_find(s, start);

	for (; e && e->off < end; e = shmem_extent_next(e)) {
		uint64_t from = max_t(uint64_t, e->off, start);
		uint64_t to = min_t(uint64_t, e->off + e->size, end);

		memset(pool_ptr(s->pool, e->pool_off + (from - e->off)), 0, to - from);
	}
}

void shmem_clear_locked(struct shmem *s, uint64_t start, uint64_t end)
{
	struct shmem_extent *e = shmem_extent_find(s, start);

	for (; e && e->off < end; e = shmem_extent_next(e)) {
		uint64_t from = max_t(uint64_t, e->off, start);
		uint64_t to = min_t(uint64_t, e->off + e->size, end);

		if (from < to)
			pool_clear(s->pool, e->pool_off + (from - e->off), to - from);
	}
}

void shmem_detach_locked(struct shmem *s, uint64_t start, uint64_t end,
			 struct rb_tree *out)
{
	struct shmem_extent *e, *next;

	if (shmem_cut_locked(s, start) || shmem_cut_locked(s, end)) {
		shmem_zero_locked(s, start, end);
		return;
	}
	for (e = shmem_extent_find(s, start); e && e->off < end; e = next) {
		next = shmem_extent_next(e);
		rb_erase(&s->extents, &e->node);
		s->bytes -= e->size;
		tree_insert(out, e);
	}
}
