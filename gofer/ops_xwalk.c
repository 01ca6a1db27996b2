// SPDX-License-Identifier: Apache-2.0
/*
 * Txwalk of the dialect (proto.h): many names in one message, the attributes of each
 * step, watches on the way, and the last one (or each) opened. What is opened is donated.
 */
#include "gofer/ops.h"

#include <errno.h>
#include <unistd.h>

struct xwalk {
	struct session *s;
	uint32_t flags;
	int open_flags;
	struct node *node[P9_XWALK_MAX]; /* references, one a step */
	struct p9_step step[P9_XWALK_MAX];
	unsigned n;
	struct request *rq; /* takes what is opened */
};

/*
 * Watches @n if that was asked for. A watch must be there before what it covers is
 * looked at, so a fresh one makes us look again.
 */
static int walk_watch(struct xwalk *w, struct node *n, bool leaf, struct statx *st,
		      int32_t *wd)
{
	bool fresh = false;
	uint32_t want = node_is_dir(n) ? P9_XWALK_WATCH : P9_XWALK_WATCH_LEAF;

	*wd = P9_NO_WD;
	if (!(w->flags & want) || (!node_is_dir(n) && !leaf))
		return 0;
	if (watch_add(w->s, n, wd, &fresh) < 0)
		return 0;
	return fresh && st ? node_stat(w->s, n, st) : 0;
}

/* Appends a step to @n (takes the reference). */
static int walk_push(struct xwalk *w, struct node *n, bool leaf, struct statx *st)
{
	struct p9_step *step = &w->step[w->n];
	int r;

	w->node[w->n++] = n;
	r = walk_watch(w, n, leaf, st, &step->wd);
	if (r == 0)
		r = attr_fill(w->s, st, &step->attr);
	if (r < 0) {
		w->n--;
		node_put(w->s, n);
	}
	return r;
}

/* Opens the last step; its attributes are then those of the open file. */
static int walk_open(struct xwalk *w)
{
	struct p9_step *last = &w->step[w->n - 1];
	struct statx st;
	int hfd, r;

	hfd = node_open(w->s, w->node[w->n - 1], w->open_flags, &st);
	if (hfd < 0)
		return hfd;
	r = attr_fill(w->s, &st, &last->attr);
	if (r < 0)
		close(hfd);
	else
		op_donate(w->rq, hfd);
	return r;
}

/* Appends a step from @at; @way: to a directory that is walked on from. */
static int walk_step(struct xwalk *w, struct node *at, const struct p9_str *s, bool way,
		     bool leaf)
{
	struct name name;
	struct statx st;
	struct node *n;
	int r = name_set(&name, s);

	if (r == 0)
		r = node_step(w->s, at, name.s, way, &n, &st);
	return r < 0 ? r : walk_push(w, n, leaf, &st);
}

/* Returns 0 when all names were walked, else the errno of why not. */
static int walk_names(struct xwalk *w, struct node *at, const struct p9_names *names)
{
	struct statx st;
	int r;

	if (!names->n) {
		r = node_stat(w->s, at, &st);
		if (r == 0) {
			node_get(w->s, at);
			r = walk_push(w, at, true, &st);
		}
		return r;
	}
	for (unsigned i = 0; i < names->n; i++) {
		bool last = i + 1 == names->n;

		if (S_ISLNK(at->id.type))
			return -ELOOP;
		r = walk_step(w, at, &names->name[i], !last, last);
		if (r < 0)
			return r;
		at = w->node[i];
	}
	return 0;
}

/* Likewise, with all names in @dir; what ends the opening ends the walk. */
static int walk_each(struct xwalk *w, struct node *dir, const struct p9_names *names,
		     int *open_status)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < names->n; i++) {
		r = walk_step(w, dir, &names->name[i], false, i + 1 == names->n);
		if (r == 0 && w->flags & P9_XWALK_OPEN) {
			*open_status = walk_open(w);
			if (*open_status < 0)
				break;
		}
	}
	return r;
}

/* Only for reading: an open that changes something is one that somebody makes. */
static bool each_ok(const struct xwalk *w, const struct p9_names *names)
{
	return names->n <= P9_XWALK_FDS && !(w->open_flags & ~O_NOATIME);
}

static int walk_reply(struct xwalk *w, struct request *rq, int status, int open_status)
{
	struct p9_msg *r = &rq->r;
	struct writer wr;
	ssize_t len;

	writer_init(&wr, rq->data, rq->data_size);
	r->rxwalk.target = (struct p9_str){0};
	if (w->n && S_ISLNK(w->node[w->n - 1]->id.type) && rq->data_size > P9_PATH_MAX) {
		char *buf = (char *)rq->data + rq->data_size - P9_PATH_MAX;

		len = op_target(w->s, w->node[w->n - 1], buf, P9_PATH_MAX);
		if (len < 0)
			return (int)len;
		r->rxwalk.target = (struct p9_str){(uint16_t)len, buf};
		wr.end -= P9_PATH_MAX;
	}
	for (unsigned i = 0; i < w->n; i++)
		p9_step_write(&wr, &w->step[i]);
	if (wr.failed)
		return -EMSGSIZE;
	r->rxwalk.n = (uint16_t)w->n;
	r->rxwalk.status = (uint32_t)-status;
	r->rxwalk.open_status = (uint32_t)-open_status;
	r->rxwalk.n_fds = (uint8_t)rq->n_hfds;
	r->rxwalk.steps = (struct p9_data){(uint32_t)writer_len(&wr), rq->data};
	return 0;
}

int op_xwalk(struct request *rq)
{
	const struct p9_names *names = &rq->t.txwalk.names;
	uint32_t newfid = rq->t.txwalk.newfid;
	int status, open_status = -ECANCELED, r;
	struct xwalk w = {.s = rq->s, .flags = rq->t.txwalk.flags, .rq = rq};
	struct fid *f;

	if (w.flags & ~(uint32_t)P9_XWALK_ALL ||
	    rq->t.txwalk.open_flags & ~(uint32_t)OP_OPEN_FLAGS)
		return -EINVAL;
	w.open_flags = (int)rq->t.txwalk.open_flags;
	if (w.flags & P9_XWALK_EACH && !each_ok(&w, names))
		return -EINVAL;
	r = fid_lookup(rq->s, rq->t.txwalk.fid, &f);
	if (r < 0)
		return r;
	/* Before anything is opened or truncated. */
	if (!(w.flags & P9_XWALK_NO_FID) &&
	    !fid_range_free(rq->s, newfid, max_t(unsigned, names->n, 1))) {
		fid_put(rq->s, f);
		return -EBADF;
	}
	if (names->n)
		walk_watch(&w, f->node, false, NULL, &rq->r.rxwalk.start_wd);
	else
		rq->r.rxwalk.start_wd = P9_NO_WD;
	if (w.flags & P9_XWALK_EACH && names->n) {
		status = walk_each(&w, f->node, names, &open_status);
	} else {
		status = walk_names(&w, f->node, names);
		if (status == 0 && w.flags & P9_XWALK_OPEN)
			open_status = walk_open(&w);
	}
	r = walk_reply(&w, rq, status, open_status);
	if (r == 0 && !(w.flags & P9_XWALK_NO_FID))
		r = fid_bind_many(rq->s, newfid, w.node, w.n);
	for (unsigned i = 0; i < w.n; i++)
		node_put(rq->s, w.node[i]);
	fid_put(rq->s, f);
	return r;
}
