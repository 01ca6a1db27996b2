// SPDX-License-Identifier: Apache-2.0
/*
 * Opening ahead: who reads one file of a directory after another (tar, grep -r, cp -r,
 * git add) is given the descriptors of the next ones with the first one's reply.
 *
 *	two opens in a row in one directory	one more comes with the second
 *	half of what came was used, or more	twice as many with the next message
 *	less					half as many; none: not for REST opens
 *
 * Which are next: programs open in the order of the listing, of the names or of the inode
 * numbers. It is the one in which the fewest files lie between the last two opened.
 *
 * What came ahead is a descriptor in the cache like that of a file that was closed: the
 * open that uses it looks its name up and checks rights as always, and the oldest unused
 * are closed first. Only for reading: what an open changes happens when it is made.
 */
#include <string.h>

#include "fs/gofer/internal.h"

#define MAX_AHEAD (P9_XWALK_FDS - 1)
#define REST	  32
#define NEAR	  32u	/* entries of a listing that are looked at for the next ones */
#define MAX_SCAN  1024u /* beyond so many entries the listing's order is taken */

enum order { BY_LISTING, BY_NAME, BY_INO, N_ORDERS };

void ahead_listed(struct ginode *g)
{
	struct gofer_super *gs = gsuper(g->base.sb);

	mutex_lock(&gs->lock);
	list_add_tail(&g->place->dir->listed, &g->place->of_dir);
	g->place->nth = gs->n_listed++;
	mutex_unlock(&gs->lock);
}

void ahead_add(struct ginode *g, int hfd)
{
	atomic_fetch_add(&gsession(&g->base)->ahead_n_given, 1);
	handle_add_ahead(g, hfd);
}

void ahead_used(struct ginode *g)
{
	struct gofer_session *s = gsession(&g->base);

	atomic_fetch_add(&s->ahead_n_used, 1);
	atomic_store(&s->ahead_last, (uintptr_t)g->place);
}

/* --- how many ----------------------------------------------------------------------- */

/* @again: the last one opened was of this directory too. */
static unsigned window(struct gofer_session *s, bool again)
{
	unsigned given = atomic_exchange(&s->ahead_n_given, 0);
	unsigned used = atomic_exchange(&s->ahead_n_used, 0);
	int n = atomic_load(&s->ahead);

	if (atomic_load(&s->ahead_rest) > 0) {
		atomic_fetch_sub(&s->ahead_rest, 1);
		return 0;
	}
	if (!given)
		n = max_t(int, n, again);
	else if (used * 2 >= given)
		n = min_t(int, n * 2, MAX_AHEAD);
	else if (!(n /= 2))
		atomic_store(&s->ahead_rest, REST);
	atomic_store(&s->ahead, n);
	return (unsigned)n;
}

/* --- which; gofer_super.lock held --------------------------------------------------- */

static bool is_after(enum order order, const struct place *a, const struct place *b)
{
	int r;

	if (order == BY_LISTING)
		return a->nth > b->nth;
	if (order == BY_INO)
		return a->g->base.ino > b->g->base.ino;
	r = memcmp(a->name, b->name, min_t(size_t, a->len, b->len));
	return r ? r > 0 : a->len > b->len;
}

/* One that nobody has opened or walked to yet. */
static bool is_candidate(const struct place *p)
{
	return LX_S_ISREG(p->g->base.mode) && atomic_load(&p->g->fid) == P9_NOFID;
}

/* How many lie between @from and @to in @order; UINT32_MAX: @to comes first. */
static uint32_t count_between(enum order order, const struct list *head,
			      const struct place *from, const struct place *to)
{
	const struct place *x;
	uint32_t n = 0;

	if (!is_after(order, to, from))
		return UINT32_MAX;
	list_for_each (x, head, of_dir)
		n += is_after(order, x, from) && is_after(order, to, x);
	return n;
}

/* The order in which @p comes soonest after @last; with @last gone, that of before. */
static enum order find_order(struct gofer_session *s, const struct place *p,
			     const struct list *head, uintptr_t last)
{
	enum order best = (enum order)atomic_load(&s->ahead_order);
	const struct place *from = NULL, *x;
	uint32_t fewest = UINT32_MAX;
	unsigned n = 0;

	list_for_each (x, head, of_dir) {
		if ((uintptr_t)x == last)
			from = x;
		if (++n > MAX_SCAN)
			return BY_LISTING;
	}
	for (int o = 0; from && o < N_ORDERS; o++) {
		uint32_t between = count_between((enum order)o, head, from, p);

		if (between < fewest) {
			fewest = between;
			best = (enum order)o;
		}
	}
	return best;
}

/* The first @max in @order after @p, sorted. */
static unsigned choose_sorted(enum order order, const struct place *p,
			      const struct list *head, const struct place **chosen,
			      unsigned max)
{
	const struct place *x;
	unsigned n = 0, i;

	list_for_each (x, head, of_dir) {
		if (x == p || !is_after(order, x, p) || !is_candidate(x))
			continue;
		for (i = n; i && is_after(order, chosen[i - 1], x); i--)
			if (i < max)
				chosen[i] = chosen[i - 1];
		if (i < max)
			chosen[i] = x;
		n = min_t(unsigned, n + 1, max);
	}
	return n;
}

static unsigned choose_listed(const struct place *p, const struct list *head,
			      const struct place **chosen, unsigned max)
{
	const struct list *l = p->of_dir.next;
	unsigned n = 0;

	for (unsigned i = 0; i < NEAR && n < max && l != head; i++, l = l->next) {
		const struct place *x = list_entry(l, struct place, of_dir);

		if (is_candidate(x))
			chosen[n++] = x;
	}
	return n;
}

unsigned ahead_choose(struct ginode *g, int flags, struct ginode *next[P9_XWALK_FDS - 1])
{
	struct gofer_super *gs = gsuper(g->base.sb);
	const struct place *p = g->place, *chosen[MAX_AHEAD];
	struct gofer_session *s = gs->s;
	const struct list *head = &p->dir->listed;
	unsigned max, n = 0, n_next = 0;
	enum order order;
	uintptr_t last;

	if (flags != LX_O_RDONLY || !LX_S_ISREG(g->base.mode))
		return 0;
	last = atomic_exchange(&s->ahead_last, (uintptr_t)p);
	max = window(s, atomic_exchange(&s->ahead_dir, (uintptr_t)p->dir) ==
				(uintptr_t)p->dir);
	if (!max)
		return 0;
	mutex_lock(&gs->lock);
	if (list_empty(&p->of_dir))
		goto out;
	order = find_order(s, p, head, last);
	atomic_store(&s->ahead_order, order);
	n = order == BY_LISTING ? choose_listed(p, head, chosen, max)
				: choose_sorted(order, p, head, chosen, max);
	for (unsigned i = 0; i < n; i++)
		if (refcount_inc_not_zero(&chosen[i]->g->base.ref))
			next[n_next++] = chosen[i]->g;
out:
	mutex_unlock(&gs->lock);
	return n_next;
}
