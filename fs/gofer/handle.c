// SPDX-License-Identifier: Apache-2.0
/*
 * Donated host descriptors. Through them reads, writes and mappings need no message.
 *
 *   users > 0   an open file or a mapping in the making refers to the handle
 *   pins > 0    its hfd is in use at this moment
 *   hfd -1      closed to make room; opened again by fid when next used
 *
 * The oldest go first, those of closed files before those of open ones. A file that no
 * name leads to any more cannot be opened again: its descriptors stay.
 */
#include <sys/stat.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"
#include "sentry/base/host.h"

/*
 * O_APPEND is asked for by the writes that append: fcntl switches it. O_SYNC is an fsync
 * after each write, which the VFS makes. O_DIRECT stays a wish: data goes through the
 * host's page cache, where others' mappings see it.
 */
#define KEPT_FLAGS (LX_O_ACCMODE | LX_O_NOATIME)

int handle_flags(int open_flags)
{
	int flags = open_flags & KEPT_FLAGS;

	/* 3 asks for no access at all; what ioctl there is needs none. */
	return (flags & LX_O_ACCMODE) == LX_O_ACCMODE ? flags & ~LX_O_ACCMODE : flags;
}

/* Would @h serve an open with @flags? */
static bool serves(const struct handle *h, int flags)
{
	if (h->flags == flags)
		return true;
	/* Reading needs no descriptor of its own where there is one for both. */
	return flags == LX_O_RDONLY && h->flags == LX_O_RDWR;
}

/* --- under handle_lock ------------------------------------------------------------ */

static void unlist(struct handle *h)
{
	list_del(&h->lru);
}

/* Its descriptor, to be closed without the lock; -1. */
static int strip(struct gofer_session *s, struct handle *h)
{
	unlist(h);
	if (h->hfd >= 0)
		s->n_hfds--;
	return TAKE_FD(h->hfd);
}

static bool may_close(const struct handle *h, bool also_open)
{
	return !h->pins && !(h->users && (!also_open || h->g->unlinked));
}

static struct handle *find_victim(struct gofer_session *s, bool also_open)
{
	struct list *l = s->handles.prev;

	for (int n = 0; n < 64 && l != &s->handles; n++, l = l->prev) {
		struct handle *h = list_entry(l, struct handle, lru);

		if (may_close(h, also_open))
			return h;
	}
	return NULL;
}

/* Over the limit: one to close, -1 otherwise. Frees its handle if nobody uses it. */
static int evict_one(struct gofer_session *s)
{
	struct handle *h;
	int hfd;

	if (s->n_hfds <= s->max_hfds)
		return -1;
	h = find_victim(s, false);
	if (!h)
		h = find_victim(s, true);
	if (!h)
		return -1;
	hfd = strip(s, h);
	if (!h->users) {
		list_del(&h->of_inode);
		mem_free(h);
	}
	return hfd;
}

static void evict(struct gofer_session *s)
{
	int hfd;

	do {
		mutex_lock(&s->handle_lock);
		hfd = evict_one(s);
		mutex_unlock(&s->handle_lock);
		if (hfd >= 0)
			host_close(hfd);
	} while (hfd >= 0);
}

static void used(struct gofer_session *s, struct handle *h)
{
	list_del(&h->lru);
	list_add(&s->handles, &h->lru);
}

static void give_hfd(struct gofer_session *s, struct handle *h, int hfd)
{
	h->hfd = hfd;
	s->n_hfds++;
	used(s, h);
}

static struct handle *find(struct ginode *g, int flags)
{
	struct handle *h;

	list_for_each (h, &g->handles, of_inode)
		if (serves(h, flags))
			return h;
	return NULL;
}

/* --- handles ------------------------------------------------------------------------ */

static struct handle *handle_new(struct ginode *g, int flags)
{
	struct handle *h = mem_zalloc(sizeof(*h));

	if (!h)
		return NULL;
	h->g = g;
	h->flags = flags;
	h->hfd = -1;
	h->key = atomic_fetch_add(&gsession(&g->base)->next_key, 1);
	list_init(&h->lru);
	list_init(&h->of_inode);
	return h;
}

enum why { DONATED, FOR_USE, AHEAD };

/* Takes @hfd; FOR_USE: the handle gets a user before it could be closed again. */
static struct handle *add(struct ginode *g, int flags, int hfd, enum why why)
{
	struct gofer_session *s = gsession(&g->base);
	struct handle *h, *made = handle_new(g, flags);

	mutex_lock(&s->handle_lock);
	h = find(g, flags);
	if (!h && made) {
		list_add(&g->handles, &made->of_inode);
		h = TAKE_PTR(made);
	}
	if (h && h->hfd < 0)
		give_hfd(s, h, TAKE_FD(hfd));
	if (h && why == FOR_USE)
		h->users++;
	if (h && why == AHEAD && !h->users)
		h->ahead = true;
	mutex_unlock(&s->handle_lock);
	mem_free(made);
	if (hfd >= 0)
		host_close(hfd);
	evict(s);
	return why == FOR_USE ? h : NULL;
}

void handle_add(struct ginode *g, int flags, int hfd)
{
	add(g, flags, hfd, DONATED);
}

void handle_add_ahead(struct ginode *g, int hfd)
{
	add(g, LX_O_RDONLY, hfd, AHEAD);
}

static int ask_open(struct ginode *g, int flags, int *hfd)
{
	struct gofer_session *s = gsession(&g->base);
	bool watched = atomic_load(&g->wd) != P9_NO_WD;
	uint64_t asked = atomic_load(&s->n_events);
	struct gofer_call c;
	uint32_t fid;
	int r;

	*hfd = -1;
	call_begin(s, &c);
	fid = atomic_load(&g->fid);
	if (fid == P9_NOFID) {
		r = walk_to_place(&c, g, flags);
	} else {
		c.t.type = P9_TXOPEN;
		c.t.txopen.fid = fid;
		c.t.txopen.flags = (uint32_t)flags;
		r = call_send(&c);
		if (r == 0)
			ginode_set_attr(g, &c.r.rxopen.attr, watched, asked);
	}
	if (r == 0) {
		*hfd = TAKE_FD(c.hfd[0]);
		if (*hfd < 0)
			r = -EIO;
	}
	call_end(&c);
	return ginode_failed(g, r);
}

int handle_get(struct ginode *g, int flags, struct handle **out)
{
	struct gofer_session *s = gsession(&g->base);
	bool ahead = false;
	int hfd, r;

	mutex_lock(&s->handle_lock);
	*out = find(g, flags);
	if (*out) {
		(*out)->users++;
		ahead = (*out)->ahead;
		(*out)->ahead = false;
	}
	mutex_unlock(&s->handle_lock);
	if (ahead)
		ahead_used(g);
	if (*out)
		return 0;
	r = ask_open(g, flags, &hfd);
	if (r < 0)
		return r;
	*out = add(g, flags, hfd, FOR_USE);
	return *out ? 0 : -ENOMEM;
}

void handle_put(struct handle *h)
{
	struct gofer_session *s = gsession(&h->g->base);
	bool gone;

	mutex_lock(&s->handle_lock);
	gone = --h->users == 0 && h->hfd < 0;
	if (gone)
		list_del(&h->of_inode);
	mutex_unlock(&s->handle_lock);
	if (gone)
		mem_free(h);
	evict(s);
}

int handle_use(struct handle *h, int *hfd)
{
	struct gofer_session *s = gsession(&h->g->base);
	int fresh, r;

	mutex_lock(&s->handle_lock);
	h->pins++;
	if (h->hfd >= 0)
		used(s, h);
	*hfd = h->hfd;
	mutex_unlock(&s->handle_lock);
	if (*hfd >= 0)
		return 0;

	r = ask_open(h->g, h->flags, &fresh);
	mutex_lock(&s->handle_lock);
	if (r == 0 && h->hfd < 0)
		give_hfd(s, h, TAKE_FD(fresh));
	*hfd = h->hfd;
	if (*hfd < 0)
		h->pins--;
	mutex_unlock(&s->handle_lock);
	if (r == 0 && fresh >= 0)
		host_close(fresh);
	evict(s);
	return *hfd >= 0 ? 0 : r;
}

void handle_unuse(struct handle *h)
{
	struct gofer_session *s = gsession(&h->g->base);

	mutex_lock(&s->handle_lock);
	h->pins--;
	mutex_unlock(&s->handle_lock);
}

bool handle_fstat(struct ginode *g, struct stat *st)
{
	struct gofer_session *s = gsession(&g->base);
	struct handle *h, *open = NULL;
	int r;

	mutex_lock(&s->handle_lock);
	list_for_each (h, &g->handles, of_inode)
		if (h->hfd >= 0)
			open = h;
	if (open)
		open->pins++;
	mutex_unlock(&s->handle_lock);
	if (!open)
		return false;
	r = host_fstat(open->hfd, st);
	handle_unuse(open);
	return r == 0;
}

/* The inode goes: nobody uses them any more. */
void handles_free(struct ginode *g)
{
	struct gofer_session *s = gsession(&g->base);
	struct handle *h;

	for (;;) {
		int hfd = -1;

		mutex_lock(&s->handle_lock);
		h = list_first(&g->handles, struct handle, of_inode);
		if (h) {
			list_del(&h->of_inode);
			hfd = strip(s, h);
		}
		mutex_unlock(&s->handle_lock);
		if (!h)
			return;
		if (hfd >= 0)
			host_close(hfd);
		mem_free(h);
	}
}
