// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/ranges.h"

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"

static struct range *to_range(struct rb_node *n)
{
	return rb_entry_or_null(n, struct range, node);
}

struct range *ranges_find(const struct ranges *r, uaddr_t addr)
{
	struct rb_node *n = r->tree.root;
	struct range *best = NULL;

	while (n) {
		struct range *g = rb_entry(n, struct range, node);

		if (g->end > addr) {
			best = g;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

struct range *ranges_next(const struct range *g)
{
	return to_range(rb_next(&g->node));
}

static void insert(struct ranges *r, struct range *g, uaddr_t start, uaddr_t end,
		   bool writable)
{
	struct rb_node **link = &r->tree.root, *parent = NULL;

	g->start = start;
	g->end = end;
	g->writable = writable;
	while (*link) {
		parent = *link;
		link = start < rb_entry(parent, struct range, node)->start
			       ? &parent->left
			       : &parent->right;
	}
	rb_link(&r->tree, &g->node, parent, link);
}

static void erase(struct ranges *r, struct range *g)
{
	rb_erase(&r->tree, &g->node);
	mem_free(g);
}

/* Removes [@start, @end); @spare is used, and set to NULL, when one is cut in two. */
static void carve(struct ranges *r, uaddr_t start, uaddr_t end, struct range **spare)
{
	struct range *g = ranges_find(r, start), *next;

	for (; g && g->start < end; g = next) {
		uaddr_t old_end = g->end;

		next = ranges_next(g);
		if (g->start < start) {
			g->end = start;
			if (old_end > end)
				insert(r, TAKE_PTR(*spare), end, old_end, g->writable);
		} else if (old_end > end) {
			g->start = end;
		} else {
			erase(r, g);
		}
	}
}

static bool cuts_in_two(const struct ranges *r, uaddr_t start, uaddr_t end)
{
	const struct range *g = ranges_find(r, start);

	return g && g->start < start && g->end > end;
}

int ranges_remove(struct ranges *r, uaddr_t start, uaddr_t end)
{
	struct range *spare = NULL;

	if (cuts_in_two(r, start, end)) {
		spare = mem_alloc(sizeof(*spare));
		if (!spare)
			return -ENOMEM;
	}
	carve(r, start, end, &spare);
	return 0;
}

int ranges_add(struct ranges *r, uaddr_t start, uaddr_t end, bool writable)
{
	struct range *g, *other, *spare = NULL;

	g = mem_alloc(sizeof(*g));
	if (g && cuts_in_two(r, start, end))
		spare = mem_alloc(sizeof(*spare));
	if (!g || (!spare && cuts_in_two(r, start, end))) {
		mem_free(g);
		return -ENOMEM;
	}
	carve(r, start, end, &spare);
	insert(r, g, start, end, writable);
	other = to_range(rb_prev(&g->node));
	if (other && other->end == start && other->writable == writable) {
		g->start = other->start;
		erase(r, other);
	}
	other = ranges_next(g);
	if (other && other->start == end && other->writable == writable) {
		g->end = other->end;
		erase(r, other);
	}
	return 0;
}

void ranges_clear(struct ranges *r)
{
	while (r->tree.root)
		erase(r, rb_entry(r->tree.root, struct range, node));
}

int ranges_split(struct ranges *r, uaddr_t at, struct ranges *upper)
{
	struct range *g = ranges_find(r, at), *next;

	if (g && g->start < at) {
		struct range *cut = mem_alloc(sizeof(*cut));

		if (!cut)
			return -ENOMEM;
		insert(upper, cut, at, g->end, g->writable);
		g->end = at;
		g = ranges_next(g);
	}
	for (; g; g = next) {
		next = ranges_next(g);
		rb_erase(&r->tree, &g->node);
		insert(upper, g, g->start, g->end, g->writable);
	}
	return 0;
}

void ranges_join(struct ranges *r, struct ranges *upper)
{
	struct range *last = to_range(rb_last(&r->tree)), *g;

	while ((g = to_range(rb_first(&upper->tree)))) {
		rb_erase(&upper->tree, &g->node);
		if (last && last->end == g->start && last->writable == g->writable) {
			last->end = g->end;
			mem_free(g);
			continue;
		}
		insert(r, g, g->start, g->end, g->writable);
		last = g;
	}
}

int ranges_copy(struct ranges *dst, const struct ranges *src)
{
	for (struct range *g = to_range(rb_first(&src->tree)); g; g = ranges_next(g)) {
		struct range *copy = mem_alloc(sizeof(*copy));

		if (!copy) {
			ranges_clear(dst);
			return -ENOMEM;
		}
		insert(dst, copy, g->start, g->end, g->writable);
	}
	return 0;
}

void ranges_shift(struct ranges *r, uint64_t delta)
{
	for (struct range *g = to_range(rb_first(&r->tree)); g; g = ranges_next(g)) {
		g->start += delta;
		g->end += delta;
	}
}
