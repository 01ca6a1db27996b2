// SPDX-License-Identifier: Apache-2.0
/*
 * Nodes' O_PATH descriptors, a cache: opened when something is done below or with a node,
 * pinned meanwhile, closed by age when there are too many, opened again by name from the
 * nearest ancestor that has one. A name that leads to another inode then detaches the
 * node.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void node_drop_hfd_locked(struct session *s, struct node *n)
{
	list_del(&n->lru);
	close(n->hfd);
	n->hfd = -1;
	s->n_hfds--;
}

static void evict(struct session *s)
{
	while (s->n_hfds > s->g->max_hfds && !list_empty(&s->lru))
		node_drop_hfd_locked(s, list_last(&s->lru, struct node, lru));
}

void node_keep_hfd_locked(struct session *s, struct node *n, int hfd)
{
	if (n->hfd >= 0) {
		close(hfd);
		return;
	}
	n->hfd = hfd;
	s->n_hfds++;
	if (n->parent && !n->pins)
		list_add(&s->lru, &n->lru);
	evict(s);
}

static void pin(struct node *n)
{
	n->pins++;
	list_del(&n->lru);
}

static void unpin(struct session *s, struct node *n)
{
	if (--n->pins || !n->parent || n->hfd < 0)
		return;
	list_add(&s->lru, &n->lru);
	evict(s);
}

int node_pin(struct session *s, struct node *n, int *hfd)
{
	int r = 0;

	*hfd = -1;
	mutex_lock(&s->lock);
	while (n->hfd < 0) {
		struct node *a = n, *parent;
		struct statx st;
		struct name name;
		int a_hfd;

		/* Downwards from the nearest ancestor that has one;
		 * the root always has. */
		while (a->parent->hfd < 0)
			a = a->parent;
		if (!a->attached) {
			r = -ESTALE;
			goto out;
		}
		parent = a->parent;
		strcpy(name.s, a->name);
		a->refs++;
		parent->refs++;
		pin(parent);
		mutex_unlock(&s->lock);
		a_hfd = path_open_same(parent->hfd, name.s, O_PATH, &a->id, &st);
		mutex_lock(&s->lock);
		unpin(s, parent);
		node_put_locked(s, parent);
		if (a_hfd >= 0) {
			/* Pinned over the eviction that this may cause:
			 * it is in use next. */
			pin(a);
			node_keep_hfd_locked(s, a, a_hfd);
			unpin(s, a);
		} else if (a_hfd == -ESTALE) {
			node_detach_locked(s, a);
		}
		node_put_locked(s, a);
		if (a_hfd < 0) {
			r = a_hfd;
			goto out;
		}
	}
	pin(n);
	*hfd = n->hfd;
out:
	mutex_unlock(&s->lock);
	return r;
}

void node_unpin(struct session *s, struct node *n)
{
	mutex_lock(&s->lock);
	unpin(s, n);
	mutex_unlock(&s->lock);
}
