// SPDX-License-Identifier: Apache-2.0
/*
 * The page pool: one sparse memfd, and which extents of it are free.
 *
 * Two trees of free extents, each with neighbours joined:
 *	clean	never used or hole-punched: reads as zeroes, costs no memory
 *	dirty	released a moment ago, pages still there
 * Dirty pages are taken first and cleared: a memset is a fraction of a punch and a new
 * page fault (0.1 against 2.2 us a page). When more than DIRTY_MAX is dirty all of it is
 * punched, in one host call an extent, and becomes clean. Both are searched from the
 * lowest offset up, so the pool stays dense. The clean tree's last extent reaches to the
 * end of the memfd: it always has room until the pool's span is used up.
 */
#include "sentry/mm/pool.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/lock.h"
#include "sentry/base/log.h"
#include "sentry/base/rbtree.h"
#include "sentry/mm/host_rules.h"

#define SPAN_MAX  (1ull << 40) /* address space only; halved until the host gives it */
#define SPAN_MIN  (64ull << 20)
#define DIRTY_MAX (4ull << 20)
#define PIECE_MIN                                                                        \
	(64ull << 10)	    /* less of a dirty extent is no part of a bigger request */
#define SCAN_MAX 64	    /* free extents looked at before the big one at the end */
#define POOL_KEY UINT64_MAX /* no counter of file keys gets there */

struct extent {
	struct rb_node node;
	uint64_t off, size;
};

struct pool {
	int hfd;       /* immutable, as the next three */
	char *window;  /* the memfd, mapped */
	uint64_t span; /* its size */
	uint64_t limit;
	uint64_t room;	   /* of @limit: what others of the sandbox leave */
	struct mutex lock; /* LOCK_LEAF; protects all below */
	struct rb_tree clean, dirty;
	uint64_t n_dirty; /* bytes in the dirty tree */
	uint64_t used, peak, last_unique;
};

static const struct host_rule rules[] = {
	{.nr = SYS_fallocate,
	 .name = "fallocate",
	 .cond = {{.arg = 1,
		   .cmp = HOST_EQ,
		   .value = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE}},
	 .args = "mode == PUNCH_HOLE | KEEP_SIZE",
	 .why = "give freed pages back to the host"},
	{.nr = SYS_pwrite64,
	 .name = "pwrite64",
	 .args = "",
	 .why = "fill new pages of the pool"},
	{.nr = -1},
};
const struct host_rules mm_host_rules = {.module = "sentry/mm", .rule = rules};

/* --- trees of extents ---------------------------------------------------- */

static struct extent *to_extent(struct rb_node *n)
{
	return rb_entry_or_null(n, struct extent, node);
}

static void tree_insert(struct rb_tree *t, struct extent *e)
{
	struct rb_node **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = e->off < rb_entry(parent, struct extent, node)->off
			       ? &parent->left
			       : &parent->right;
	}
	rb_link(t, &e->node, parent, link);
}

/* The last extent that starts at or below @off. */
static struct extent *tree_before(struct rb_tree *t, uint64_t off)
{
	struct rb_node *n = t->root;
	struct extent *best = NULL;

	while (n) {
		struct extent *e = rb_entry(n, struct extent, node);

		if (e->off <= off) {
			best = e;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return best;
}

/*
 * Add free space, joined with its neighbours; *@spare is used if it has none. Without a
 * spare the space is given up: it is offsets of a sparse file that are lost, not memory.
 */
static void tree_add(struct rb_tree *t, uint64_t off, uint64_t size,
		     struct extent **spare)
{
	struct extent *prev = tree_before(t, off), *next;

	next = prev ? to_extent(rb_next(&prev->node)) : to_extent(rb_first(t));
	if (prev && prev->off + prev->size == off) {
		prev->size += size;
		if (next && prev->off + prev->size == next->off) {
			prev->size += next->size;
			rb_erase(t, &next->node);
			mem_free(next);
		}
	} else if (next && off + size == next->off) {
		next->off = off;
		next->size += size;
	} else if (*spare) {
		struct extent *e = TAKE_PTR(*spare);

		e->off = off;
		e->size = size;
		tree_insert(t, e);
	}
}

/* Cut up to @size bytes off the front of @e: offset in *off, returns the bytes. */
static uint64_t take_front(struct rb_tree *t, struct extent *e, uint64_t size,
			   uint64_t *off)
{
	size = min_t(uint64_t, size, e->size);
	*off = e->off;
	e->off += size;
	e->size -= size;
	if (!e->size) {
		rb_erase(t, &e->node);
		mem_free(e);
	}
	return size;
}

/* The lowest extent that holds @size, else the biggest one seen. */
static struct extent *first_fit(struct rb_tree *t, uint64_t size)
{
	struct extent *e = to_extent(rb_first(t)), *best = e, *last;

	for (int i = 0; e && i < SCAN_MAX; i++, e = to_extent(rb_next(&e->node))) {
		if (e->size >= size)
			return e;
		if (e->size > best->size)
			best = e;
	}
	last = to_extent(rb_last(t));
	return last && last->size > best->size ? last : best;
}

static void tree_free(struct rb_tree *t)
{
	struct extent *e;

	while ((e = to_extent(rb_first(t)))) {
		rb_erase(t, &e->node);
		mem_free(e);
	}
}

/* --- the pool ------------------------------------------------------------ */

/* Sets span and window: as much address space as the host gives. */
static int map_window(struct pool *p)
{
	void *w;
	int r = -ENOMEM;

	for (p->span = SPAN_MAX; p->span >= SPAN_MIN; p->span /= 2) {
		r = host_ftruncate(p->hfd, (int64_t)p->span);
		if (!r)
			r = host_mmap(NULL, p->span, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_NORESERVE, p->hfd, 0, &w);
		if (!r) {
			p->window = w;
			return 0;
		}
	}
	return r;
}

int pool_create(uint64_t limit, struct pool **out)
{
	struct extent *all = mem_zalloc(sizeof(*all));
	struct pool *p = mem_zalloc(sizeof(*p));
	int r = -ENOMEM;

	*out = NULL;
	if (!all || !p)
		goto fail;
	p->limit = p->room = page_down(limit);
	mutex_init(&p->lock, LOCK_LEAF);
	p->hfd = host_memfd("pool", 0);
	if (p->hfd < 0) {
		r = p->hfd;
		goto fail;
	}
	r = map_window(p);
	if (r) {
		host_close(p->hfd);
		goto fail;
	}
	all->size = p->span;
	tree_insert(&p->clean, all);
	*out = p;
	return 0;
fail:
	mem_free(all);
	mem_free(p);
	return r;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	BUG_ON(p->used);
	host_munmap(p->window, p->span);
	host_close(p->hfd);
	tree_free(&p->clean);
	tree_free(&p->dirty);
	mutex_destroy(&p->lock);
	mem_free(p);
}

static void punch(struct pool *p, uint64_t off, uint64_t size)
{
	int r = host_fallocate(p->hfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       (int64_t)off, (int64_t)size);

	/* The host cannot refuse it; if it does, zeroes matter more than the memory. */
	if (r)
		memset(p->window + off, 0, size);
}

void pool_clear(struct pool *p, uint64_t off, uint64_t size)
{
	punch(p, off, size);
}

int pool_alloc(struct pool *p, uint64_t size, uint64_t *off, uint64_t *got, bool *fresh)
{
	struct extent *e;
	bool dirty;

	*off = *got = 0;
	*fresh = false;
	size = page_down(size);
	mutex_lock(&p->lock);
	if (p->used < p->room)
		size = min_t(uint64_t, size, p->room - p->used);
	else
		size = 0;
	e = first_fit(&p->dirty, size);
	if (e && e->size < size && e->size < PIECE_MIN)
		e = NULL; /* rather in one piece */
	dirty = e;
	if (!e)
		e = first_fit(&p->clean, size);
	if (!size || !e) {
		mutex_unlock(&p->lock);
		return -ENOSPC;
	}
	*got = take_front(dirty ? &p->dirty : &p->clean, e, size, off);
	if (dirty)
		p->n_dirty -= *got;
	p->used += *got;
	p->peak = max_t(uint64_t, p->peak, p->used);
	mutex_unlock(&p->lock);
	if (dirty)
		memset(p->window + *off, 0, *got);
	*fresh = !dirty;
	return 0;
}

/* Gives the dirty pages back, without the lock around the host calls. */
static void clean_dirty(struct pool *p)
{
	struct rb_tree dirty;
	struct extent *e;

	mutex_lock(&p->lock);
	dirty = p->dirty;
	p->dirty.root = NULL;
	p->n_dirty = 0;
	mutex_unlock(&p->lock);
	while ((e = to_extent(rb_first(&dirty)))) {
		uint64_t off = e->off, size = e->size;

		rb_erase(&dirty, &e->node);
		punch(p, off, size);
		mutex_lock(&p->lock);
		tree_add(&p->clean, off, size, &e);
		mutex_unlock(&p->lock);
		mem_free(e);
	}
}

void pool_release(struct pool *p, uint64_t off, uint64_t size)
{
	struct extent *spare = mem_alloc(sizeof(*spare));
	bool big = size > DIRTY_MAX, full;

	/* Big ones go back at once; so does what could not be noted in the dirty tree. */
	if (big || !spare)
		punch(p, off, size);
	mutex_lock(&p->lock);
	BUG_ON(size > p->used);
	p->used -= size;
	if (big || !spare) {
		tree_add(&p->clean, off, size, &spare);
	} else {
		tree_add(&p->dirty, off, size, &spare);
		p->n_dirty += size;
	}
	full = p->n_dirty > DIRTY_MAX;
	mutex_unlock(&p->lock);
	mem_free(spare);
	if (full)
		clean_dirty(p);
}

void pool_write_fresh(struct pool *p, uint64_t off, const void *src, size_t n)
{
	ssize_t r = host_pwrite(p->hfd, src, n, (int64_t)off);

	/* Whatever the host has against it (a file size limit), the window takes it. */
	if (r != (ssize_t)n)
		memcpy(p->window + off, src, n);
}

/* --- access -------------------------------------------------------------- */

int pool_hfd(struct pool *p)
{
	return p->hfd;
}

uint64_t pool_key(struct pool *p)
{
	(void)p;
	return POOL_KEY;
}

void *pool_ptr(struct pool *p, uint64_t off)
{
	return p->window + off;
}

uint64_t pool_unique(struct pool *p)
{
	uint64_t n;

	mutex_lock(&p->lock);
	n = ++p->last_unique;
	mutex_unlock(&p->lock);
	return n;
}

static uint64_t read_locked(struct pool *p, const uint64_t *value)
{
	uint64_t v;

	mutex_lock(&p->lock);
	v = *value;
	mutex_unlock(&p->lock);
	return v;
}

uint64_t pool_used(struct pool *p)
{
	return read_locked(p, &p->used);
}

uint64_t pool_peak(struct pool *p)
{
	return read_locked(p, &p->peak);
}

void pool_set_room(struct pool *p, uint64_t bytes)
{
	mutex_lock(&p->lock);
	p->room = min_t(uint64_t, page_down(bytes), p->limit);
	mutex_unlock(&p->lock);
}

uint64_t pool_limit(struct pool *p)
{
	return p->limit;
}
