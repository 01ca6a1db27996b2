// SPDX-License-Identifier: Apache-2.0
/*
 * Watches: marks on host inodes, whose events go straight to the client through the
 * inotify descriptor it was given (proto.h). The server only adds and removes them.
 *
 * inotify wants a path; the thread's working directory (its own: each worker has left
 * the shared one) is set to the directory's descriptor and the path is one name.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

#define MAX_WATCHES 65536u

#define DIR_EVENTS                                                                       \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |               \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define ENTRY_EVENTS (IN_MODIFY | IN_MASK_ADD | IN_ONLYDIR)
#define FILE_EVENTS  (IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_DONT_FOLLOW)

static struct watch *find(struct session *s, int wd)
{
	struct hnode *h = htab_first(&s->watches, hash_u64((uint64_t)wd));

	for (; h; h = htab_next(h)) {
		struct watch *w = container_of(h, struct watch, by_wd);

		if (w->wd == wd)
			return w;
	}
	return NULL;
}

void watch_put(struct session *s, struct watch *w)
{
	(void)s;
	if (--w->refs == 0)
		mem_free(w);
}

static void forget(struct session *s, struct watch *w)
{
	htab_remove(&s->watches, &w->by_wd);
	s->n_watches--;
	w->live = false;
	watch_put(s, w);
}

/* The host's mark for @n, by way of the working directory. Returns the wd. */
static int add_mark(struct session *s, struct node *n, uint32_t events)
{
	struct node *dir = NULL, *at = n;
	struct name name = {"."};
	int hfd, r;

	if (!node_is_dir(n)) {
		r = node_parent(s, n, &dir, &name);
		if (r < 0)
			return r;
		at = dir;
	}
	r = node_pin(s, at, &hfd);
	if (r == 0) {
		r = cwd_enter(s, hfd);
		if (r == 0) {
			r = (int)host_ret(
				inotify_add_watch(s->inotify_hfd, name.s, events));
			cwd_leave(s);
		}
		node_unpin(s, at);
	}
	node_put(s, dir);
	return r;
}

static int remember(struct session *s, struct node *n, int wd, bool *fresh)
{
	struct watch *w = find(s, wd);

	if (!w) {
		if (s->n_watches >= MAX_WATCHES)
			return -ENOSPC;
		w = mem_zalloc(sizeof(*w));
		if (!w)
			return -ENOMEM;
		w->wd = wd;
		if (htab_insert(&s->watches, &w->by_wd, hash_u64((uint64_t)wd)) < 0) {
			mem_free(w);
			return -ENOMEM;
		}
		s->n_watches++;
		w->live = true;
		w->refs = 1;
		*fresh = true;
	}
	if (n->watch)
		watch_put(s, n->watch);
	w->refs++;
	n->watch = w;
	return 0;
}

int watch_add(struct session *s, struct node *n, int *wd, bool *fresh)
{
	int r, mark;

	*wd = P9_NO_WD;
	*fresh = false;
	if (!n->export->watch || !n->watchable || s->inotify_hfd < 0 ||
	    !(S_ISDIR(n->id.type) || S_ISREG(n->id.type) || S_ISLNK(n->id.type)))
		return -EOPNOTSUPP;
	mutex_lock(&s->lock);
	if (n->watch && n->watch->live)
		*wd = n->watch->wd;
	mutex_unlock(&s->lock);
	if (*wd != P9_NO_WD)
		return 0;

	mark = add_mark(s, n, node_is_dir(n) ? DIR_EVENTS : FILE_EVENTS);
	if (mark < 0)
		return mark;
	mutex_lock(&s->lock);
	r = remember(s, n, mark, fresh);
	mutex_unlock(&s->lock);
	if (r < 0)
		inotify_rm_watch(s->inotify_hfd, mark);
	else
		*wd = mark;
	return r;
}

int watch_add_entries(struct session *s, struct node *n, int *wd)
{
	bool fresh, have;
	int r;

	r = watch_add(s, n, wd, &fresh);
	if (r < 0)
		return r;
	mutex_lock(&s->lock);
	have = n->watch->entries;
	mutex_unlock(&s->lock);
	if (have)
		return 0;
	r = add_mark(s, n, ENTRY_EVENTS);
	/* Another wd: the mark was taken away meanwhile, and this is but half of one. */
	if (r != *wd) {
		if (r >= 0)
			inotify_rm_watch(s->inotify_hfd, r);
		*wd = P9_NO_WD;
		return r < 0 ? r : -EAGAIN;
	}
	mutex_lock(&s->lock);
	if (n->watch->wd == *wd)
		n->watch->entries = true;
	mutex_unlock(&s->lock);
	return 0;
}

void watch_remove(struct session *s, int wd)
{
	struct watch *w;

	mutex_lock(&s->lock);
	w = find(s, wd);
	if (w)
		forget(s, w);
	mutex_unlock(&s->lock);
	/* Gone already when the inode is: no matter. */
	if (w)
		inotify_rm_watch(s->inotify_hfd, wd);
}
