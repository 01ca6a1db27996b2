// SPDX-License-Identifier: Apache-2.0
/*
 * Looking names up: as many as the walker has in one message, which brings attributes,
 * targets of symlinks, watches, and the open descriptor when an open is on its way.
 */
#include <string.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"

#define MAX_LEAF_WATCHES 8192u

struct walking {
	struct gofer_super *gs;
	struct dentry *at; /* a reference: the directory of the next name */
	uint64_t asked;
	uint32_t first_fid;
	unsigned n_bound; /* fids first_fid + i, i < n_bound, were bound by the reply */
	unsigned n_used;  /* the first of them have an owner */
};

static void ask(struct gofer_call *c, struct walking *w, struct ginode *dir, unsigned n,
		int open_flags)
{
	struct p9_msg *t = &c->t;

	w->first_fid = session_new_fids(w->gs->s, n ? n : 1);
	w->asked = atomic_load(&w->gs->s->n_events);
	t->type = P9_TXWALK;
	t->txwalk.fid = atomic_load(&dir->fid);
	t->txwalk.newfid = w->first_fid;
	t->txwalk.flags = 0;
	t->txwalk.open_flags = 0;
	if (w->gs->shared && session_watches(w->gs->s))
		t->txwalk.flags |= P9_XWALK_WATCH;
	/* What is open tells its attributes itself. */
	if (w->gs->shared && open_flags < 0 && session_watches(w->gs->s) &&
	    atomic_load(&w->gs->s->n_watches) < MAX_LEAF_WATCHES)
		t->txwalk.flags |= P9_XWALK_WATCH_LEAF;
	if (open_flags >= 0) {
		t->txwalk.flags |= P9_XWALK_OPEN;
		t->txwalk.open_flags = (uint32_t)handle_flags(open_flags);
	}
}

/* Sends it. A walk that could not even begin says that the fid's name was lost. */
static int send_walk(struct gofer_call *c, struct ginode *dir)
{
	int r = call_send(c);

	if (r == 0)
		watch_set(dir, c->r.rxwalk.start_wd);
	if (r == 0 && !c->r.rxwalk.n && c->r.rxwalk.status == ESTALE)
		r = -ESTALE;
	return ginode_failed(dir, r);
}

/* The next step's inode; it takes the step's fid. */
static int take_step(struct walking *w, struct reader *steps, const struct p9_str *target,
		     bool last, struct ginode **out)
{
	static const struct p9_str none = {0, ""};
	struct p9_step step;
	struct ginode *g;
	int r;

	*out = NULL;
	if (!p9_step_read(steps, &step))
		return -EIO;
	r = ginode_get(w->gs, &step.attr, w->first_fid + w->n_used++,
		       last ? target : &none, &g);
	if (r < 0)
		return r;
	watch_set(g, step.wd);
	ginode_set_attr(g, &step.attr, step.wd != P9_NO_WD, w->asked);
	*out = g;
	return 0;
}

/* Fids of steps that could not be used. */
static void drop_rest(struct walking *w)
{
	while (w->n_used < w->n_bound)
		session_clunk(w->gs->s, w->first_fid + w->n_used++);
}

static void keep_descriptor(struct gofer_call *c, struct ginode *last)
{
	if (c->hfd[0] >= 0 && c->r.rxwalk.open_status == 0 && last &&
	    LX_S_ISREG(last->base.mode))
		handle_add(last, (int)c->t.txwalk.open_flags, TAKE_FD(c->hfd[0]));
}

int gofer_lookup(struct inode *dir, struct dentry *d, struct inode **out)
{
	struct walking w = {.gs = gsuper(dir->sb)};
	struct ginode *gdir = ginode(dir), *g = NULL;
	struct gofer_call c;
	struct reader steps;
	int r;

	*out = NULL;
	d->dops = &gofer_dentry_ops;
	call_begin(w.gs->s, &c);
	ask(&c, &w, gdir, 1, -1);
	c.t.txwalk.names.n = 1;
	c.t.txwalk.names.name[0] = (struct p9_str){(uint16_t)d->name_len, d->name};
	r = send_walk(&c, gdir);
	if (r == 0) {
		w.n_bound = min_t(unsigned, c.r.rxwalk.n, 1);
		reader_init(&steps, c.r.rxwalk.steps.p, c.r.rxwalk.steps.len);
		if (w.n_bound)
			r = take_step(&w, &steps, &c.r.rxwalk.target, true, &g);
		else if (c.r.rxwalk.status != ENOENT)
			r = c.r.rxwalk.status ? -(int)c.r.rxwalk.status : -EIO;
		if (r == 0)
			dentry_set_stamp(d,
					 stamp_make(gdir, d->name, d->name_len, w.asked));
	}
	call_end(&c);
	if (g)
		*out = &g->base;
	return r;
}

int walk_cache(struct dentry *at, const char *name, size_t len, struct ginode *g,
	       uint64_t asked, struct dentry **out)
{
	uint64_t stamp = stamp_make(ginode(dentry_inode(at)), name, len, asked);
	struct inode *inode = g ? inode_get(&g->base) : NULL;
	int r;

	r = dcache_fill(at, name, len, inode, &gofer_dentry_ops, (void *)stamp, out);
	if (r < 0) {
		if (inode)
			inode_put(inode);
		return r;
	}
	/* It may have been there before: then it is true again. */
	dentry_set_stamp(*out, stamp);
	return 0;
}

/* Puts an answer for the next name into the cache and moves on to it. */
static int fill(struct walking *w, const char *name, size_t len, struct ginode *g)
{
	struct dentry *d;
	int r = walk_cache(w->at, name, len, g, w->asked, &d);

	if (r < 0)
		return r;
	dentry_put(w->at);
	w->at = d;
	return 0;
}

static int fill_steps(struct walking *w, struct gofer_call *c, struct walk_req *req)
{
	const struct p9_msg *m = &c->r;
	unsigned n = min_t(unsigned, m->rxwalk.n, req->n);
	struct reader steps;
	int r = 0;

	w->n_bound = n;
	reader_init(&steps, m->rxwalk.steps.p, m->rxwalk.steps.len);
	for (unsigned i = 0; r == 0 && i < n; i++) {
		struct ginode *g;

		r = take_step(w, &steps, &m->rxwalk.target, i + 1 == m->rxwalk.n, &g);
		if (r < 0)
			break;
		if (i + 1 == req->n)
			keep_descriptor(c, g);
		r = fill(w, req->name[i], req->len[i], g);
		inode_put(&g->base);
	}
	if (r == 0 && n < req->n && m->rxwalk.status == ENOENT &&
	    LX_S_ISDIR(dentry_inode(w->at)->mode))
		r = fill(w, req->name[n], req->len[n], NULL);
	drop_rest(w);
	return r;
}

/* Opened to be read, with nothing else asked of it. */
static bool only_reads(int flags)
{
	return !(flags & (LX_O_ACCMODE | LX_O_CREAT | LX_O_TRUNC | LX_O_PATH));
}

/*
 * An entry of a directory was looked at, or opened to be read, by a call that looks at
 * no other.
 */
static bool is_look(const struct walk_req *req, const struct p9_msg *reply)
{
	struct p9_step step;
	struct reader r;

	if (req->n != 1 || reply->rxwalk.n != 1 ||
	    (req->open_flags >= 0 && !only_reads(req->open_flags)))
		return false;
	reader_init(&r, reply->rxwalk.steps.p, reply->rxwalk.steps.len);
	return p9_step_read(&r, &step) && !LX_S_ISDIR(step.attr.mode);
}

int gofer_walk(const struct vfs_ctx *vc, struct walk_req *req)
{
	struct ginode *dir = ginode(dentry_inode(req->start));
	struct walking w = {.gs = gsuper(req->start->sb)};
	int flags = req->open_flags, r;
	struct gofer_call c;
	bool look = false;

	(void)vc;
	if (flags >= 0 && flags & (LX_O_PATH | LX_O_DIRECTORY))
		flags = -1;
	w.at = dentry_get(req->start);
	call_begin(w.gs->s, &c);
	ask(&c, &w, dir, req->n, flags);
	c.t.txwalk.names.n = (uint16_t)req->n;
	for (unsigned i = 0; i < req->n; i++)
		c.t.txwalk.names.name[i] =
			(struct p9_str){(uint16_t)req->len[i], req->name[i]};
	r = send_walk(&c, dir);
	if (r == 0)
		r = fill_steps(&w, &c, req);
	if (r == 0)
		look = is_look(req, &c.r);
	call_end(&c);
	dentry_put(w.at);
	if (look)
		list_missed(req->start);
	/* Anything but a broken connection the walker will meet again, name by name. */
	return r == -EIO || r == -ENOMEM ? r : 0;
}

/* Is @g still what is @found by the name of its place? */
static bool is_at_place(struct walking *w, const struct ginode *found, struct ginode *g)
{
	const struct place *p = g->place;

	if (found != g)
		return false;
	ginode_told_by(g, p->dir, p->name, p->len, w->asked);
	return true;
}

/* The files behind the first come open too, for the next opens. */
static void take_ahead(struct gofer_call *c, struct walking *w, struct reader *steps,
		       struct ginode *const *next)
{
	unsigned n = min_t(unsigned, c->r.rxwalk.n_fds, P9_XWALK_FDS);

	while (w->n_used < w->n_bound && w->n_used < n) {
		unsigned i = w->n_used;
		struct ginode *g;

		if (take_step(w, steps, NULL, false, &g) < 0)
			return;
		if (is_at_place(w, g, next[i - 1]) && c->hfd[i] >= 0)
			ahead_add(g, TAKE_FD(c->hfd[i]));
		inode_put(&g->base);
	}
}

static void name_place(struct gofer_call *c, const struct ginode *g)
{
	struct p9_names *names = &c->t.txwalk.names;

	names->name[names->n++] = (struct p9_str){g->place->len, g->place->name};
}

int walk_to_place(struct gofer_call *c, struct ginode *g, int open_flags)
{
	struct walking w = {.gs = gsuper(g->base.sb)};
	const struct place *p = g->place;
	struct ginode *found, *next[P9_XWALK_FDS - 1];
	unsigned n_next = ahead_choose(g, open_flags, next);
	struct reader steps;
	int r;

	ask(c, &w, p->dir, 1 + n_next, open_flags);
	c->t.txwalk.names.n = 0;
	name_place(c, g);
	for (unsigned i = 0; i < n_next; i++)
		name_place(c, next[i]);
	if (n_next)
		c->t.txwalk.flags |= P9_XWALK_EACH;
	r = send_walk(c, p->dir);
	if (r < 0)
		goto out;
	w.n_bound = min_t(unsigned, c->r.rxwalk.n, 1 + n_next);
	if (!w.n_bound) {
		r = c->r.rxwalk.status == ENOENT ? -ESTALE : -(int)c->r.rxwalk.status;
		goto out;
	}
	reader_init(&steps, c->r.rxwalk.steps.p, c->r.rxwalk.steps.len);
	r = take_step(&w, &steps, &c->r.rxwalk.target, true, &found);
	if (r == 0) {
		r = is_at_place(&w, found, g) ? 0 : -ESTALE;
		take_ahead(c, &w, &steps, next);
		inode_put(&found->base);
	}
	drop_rest(&w);
	/* The status may be a later one's, the first descriptor is the first one's. */
	if (r == 0 && open_flags >= 0 && c->hfd[0] < 0)
		r = -(int)c->r.rxwalk.open_status;
out:
	for (unsigned i = 0; i < n_next; i++)
		inode_put(&next[i]->base);
	return r;
}

static int revalidate(struct dentry *d)
{
	struct gofer_super *gs = gsuper(d->sb);
	struct inode *inode = dentry_inode(d);

	/* Its fid's name was lost, this one may still lead there: a walk tells. */
	if (inode && !LX_S_ISDIR(inode->mode) && atomic_load(&ginode(inode)->fid_stale))
		return 0;
	return !gs->shared || stamp_valid(gs->s, dentry_stamp(d));
}

const struct dentry_ops gofer_dentry_ops = {.revalidate = revalidate};
