// SPDX-License-Identifier: Apache-2.0
/*
 * epoll: sets in sets. A set is put into a set, or anything into one that is in another,
 * under vfs_epoll_nest(), from the check until the item is there: so no circle is made,
 * and what recurses from set to set (poll, wake-ups, the check) is bounded by
 * EPOLL_MAX_NESTS. The limits on how many ways lead up from a file bound what a wake-up
 * costs.
 */
#include "fs/epoll_internal.h"
#include "sentry/abi/errno.h"

#define EPOLL_MAX_NESTS 4

/* One search for circles and depth; each set is looked into once in each direction. */
struct nest_check {
	uint64_t number;
	const struct epoll *outer; /* must not be found below */
};

/*
 * Levels of sets below @ep: 0 when it watches none; -ELOOP for a circle or too many.
 * @depth: how far we are from the first, which bounds the recursion.
 */
static int levels_below(struct nest_check *nc, struct epoll *ep, int depth)
{
	int levels = 0;

	if (ep == nc->outer || depth > EPOLL_MAX_NESTS)
		return -ELOOP;
	if (ep->below.number == nc->number)
		return ep->below.levels;
	mutex_lock_nested(&ep->lock);
	for (size_t i = 0; levels >= 0 && i < ep->items.n_slots; i++) {
		for (struct hnode *n = ep->items.slot[i]; levels >= 0 && n; n = n->next) {
			struct epitem *it = container_of(n, struct epitem, node);
			struct epoll *inner = file_epoll(it->f);
			int r = inner ? levels_below(nc, inner, depth + 1) : -1;

			if (r == -ELOOP)
				levels = r;
			else
				levels = max_t(int, levels, r + 1);
		}
	}
	mutex_unlock(&ep->lock);
	ep->below.number = nc->number;
	ep->below.levels = levels;
	return levels;
}

/*
 * Levels of sets above @ep, as levels_below(). The locks of the files, child before
 * parent: only here and in count_ways() are two held, and vfs_epoll_nest() makes that
 * one thread. An item that is on a list keeps its set and that set's file.
 */
static int levels_above(struct nest_check *nc, struct epoll *ep, int depth)
{
	struct epitem *it;
	int levels = 0;

	if (depth > EPOLL_MAX_NESTS)
		return -ELOOP;
	if (ep->above.number == nc->number)
		return ep->above.levels;
	mutex_lock_nested(&ep->file->lock);
	list_for_each (it, &ep->file->epoll_items, file_node) {
		int r = levels_above(nc, it->ep, depth + 1);

		levels = r < 0 ? r : max_t(int, levels, r + 1);
		if (r < 0)
			break;
	}
	mutex_unlock(&ep->file->lock);
	ep->above.number = nc->number;
	ep->above.levels = levels;
	return levels;
}

/*
 * Ways from a file to the outermost sets, by how many sets are between: a wake-up may go
 * each. The limits are Linux's; there is none for sets that are in no other.
 */
static const int most_ways[EPOLL_MAX_NESTS + 1] = {INT32_MAX, 500, 100, 50, 10};

static int count_ways(struct file *f, int sets, int ways[EPOLL_MAX_NESTS + 1])
{
	struct epitem *it;
	int r = 0;

	if (sets > EPOLL_MAX_NESTS + 1)
		return -EINVAL;
	mutex_lock_nested(&f->lock);
	if (sets && list_empty(&f->epoll_items))
		r = ++ways[sets - 1] > most_ways[sets - 1] ? -EINVAL : 0;
	list_for_each (it, &f->epoll_items, file_node) {
		r = count_ways(it->ep->file, sets + 1, ways);
		if (r)
			break;
	}
	mutex_unlock(&f->lock);
	return r;
}

/* Are there too many ways up from @f or, if it is a set's, from what is in it? */
static int check_ways(struct nest_check *nc, struct file *f)
{
	int ways[EPOLL_MAX_NESTS + 1] = {0}, r = 0;
	struct epoll *ep = file_epoll(f);

	/* Once each: a set may have a file by many descriptors, and many sets a file. */
	if (f->epoll_check == nc->number)
		return 0;
	f->epoll_check = nc->number;
	if (!ep)
		return count_ways(f, 0, ways);
	mutex_lock_nested(&ep->lock);
	for (size_t i = 0; !r && i < ep->items.n_slots; i++)
		for (struct hnode *n = ep->items.slot[i]; !r && n; n = n->next)
			r = check_ways(nc, container_of(n, struct epitem, node)->f);
	mutex_unlock(&ep->lock);
	return r;
}

/* Would watching @inner from @ep close a circle, or nest too deep? Under nest->lock. */
static int check_nesting(struct epoll_nest *nest, struct epoll *ep, struct epoll *inner)
{
	struct nest_check nc = {.number = ++nest->n_checks, .outer = ep};
	int below = levels_below(&nc, inner, 1), above;

	if (below < 0)
		return below;
	above = levels_above(&nc, ep, 0);
	if (above < 0)
		return above;
	return above + 1 + below > EPOLL_MAX_NESTS ? -ELOOP : 0;
}

/*
 * A set into a set, or anything into one that is in another. One at a time until the
 * item is there: two sets added to each other would both pass.
 */
int ep_add_nested(struct epoll *ep, int fd, struct file *target,
		  const struct lx_epoll_event *event, const struct cred *cred)
{
	struct epoll_nest *nest = vfs_epoll_nest(target->inode->sb->k);
	struct epoll *inner = file_epoll(target);
	struct nest_check nc;
	int r;

	mutex_lock(&nest->lock);
	r = inner ? check_nesting(nest, ep, inner) : 0;
	if (!r)
		r = ep_change_item(ep, LX_EPOLL_CTL_ADD, fd, target, event, cred);
	nc = (struct nest_check){.number = ++nest->n_checks};
	if (!r && check_ways(&nc, target)) {
		ep_change_item(ep, LX_EPOLL_CTL_DEL, fd, target, event, cred);
		r = -EINVAL;
	}
	mutex_unlock(&nest->lock);
	return r;
}
