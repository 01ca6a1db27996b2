// SPDX-License-Identifier: Apache-2.0
/*
 * Listing directories, and what a listing brings along: where programs look at what they
 * list (find, tar, ls -l), the attributes of all entries come with the names and go into
 * the caches, so that looking at them needs no message.
 *
 *	listed, not looked at	names only
 *	a second one missed	that directory again, some with attributes at each miss; and
 *				the next LISTINGS_AHEAD listings bring theirs at once
 *	looked at too late	the second one brings all of its message again
 *
 * Entries get no fid: one is asked for by their place when it is needed (ginode_fid()).
 * Directories among them come by a walk, as their attributes need a watch of their own.
 */
#include <string.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"

#define LIST_SIZE      (64u << 10)
#define MISSES	       2 /* entries of a listed directory that are asked for alone */
#define LISTINGS_AHEAD 32
#define MAX_AHEAD      8192u /* entries of one listing: the dentry cache is for others too */

/* A reply's entries, kept between two getdents of one open directory. */
struct dir_buf {
	struct reader r; /* what is left of data */
	uint64_t at;	 /* the cookie r stands at */
	size_t len;
	bool ends;	  /* nothing comes after these */
	bool ahead;	  /* asked for with attributes */
	unsigned n_ahead; /* entries that came with attributes */
	uint8_t data[LIST_SIZE];
};

/* --- into the caches -------------------------------------------------------------- */

struct listing {
	struct ginode *dir;
	struct dentry
		*at; /* the directory's name, for the entries'; NULL: none is made */
	uint64_t from, asked;
	unsigned n; /* names made */
};

static struct listing listing_of(struct ginode *dir, struct dentry *at, uint64_t from)
{
	uint64_t asked = atomic_load(&gsession(&dir->base)->n_events);

	return (struct listing){.dir = dir, .at = at, .from = from, .asked = asked};
}

static void take_entry(struct listing *l, const struct p9_xdirent *d)
{
	struct dentry *made;
	struct ginode *g;

	if (!p9_name_ok(&d->name) || LX_S_ISDIR(d->attr.mode))
		return;
	if (ginode_listed(l->dir, d, l->from, &g) < 0)
		return;
	/* One with a watch of its own is told of by that. */
	if (atomic_load(&g->wd) == P9_NO_WD) {
		ginode_set_attr(g, &d->attr, false, l->asked);
		ginode_told_by(g, l->dir, d->name.s, d->name.len, l->asked);
	}
	if (l->at && walk_cache(l->at, d->name.s, d->name.len, g, l->asked, &made) == 0) {
		dentry_put(made);
		l->n++;
	}
	inode_put(&g->base);
}

static void take_entries(struct listing *l, const uint8_t *data, size_t len)
{
	struct p9_xdirent d;
	struct reader r;

	reader_init(&r, data, len);
	while (p9_xdirent_read(&r, &d))
		if (d.has_attr)
			take_entry(l, &d);
}

/* Asks for the entries of @l. The reply is in c->r until call_end(). */
static int ask(struct gofer_call *c, const struct listing *l, bool ahead)
{
	struct ginode *dir = l->dir;
	struct gofer_super *gs = gsuper(dir->base.sb);
	int r;

	c->t.type = P9_TXREADDIR;
	c->t.txreaddir.fid = atomic_load(&dir->fid);
	c->t.txreaddir.offset = l->from;
	c->t.txreaddir.count = LIST_SIZE;
	c->t.txreaddir.flags = 0;
	if (ahead)
		c->t.txreaddir.flags =
			P9_XREADDIR_ATTR | (gs->shared ? P9_XREADDIR_WATCH : 0);
	r = ginode_failed(dir, call_send(c));
	if (r == 0 && c->r.rxreaddir.data.len > LIST_SIZE)
		r = -EIO;
	if (r == 0 && ahead)
		watch_entries(dir, c->r.rxreaddir.wd);
	return r;
}

/* May entries be believed without a message of their own? */
static bool may_look_ahead(struct gofer_super *gs)
{
	return !gs->shared || (gs->s->inotify_hfd >= 0 && session_watches(gs->s));
}

void list_missed(struct dentry *d)
{
	struct ginode *dir = ginode(dentry_inode(d));
	struct gofer_super *gs = gsuper(d->sb);
	struct listing l = listing_of(dir, d, atomic_load(&dir->list_from));
	uint64_t next = LIST_NONE;
	struct p9_xdirent e;
	struct gofer_call c;
	struct reader r;

	if (l.from == LIST_NONE || !may_look_ahead(gs) ||
	    atomic_fetch_add(&dir->list_misses, 1) + 1 < MISSES)
		return;
	atomic_store(&gs->s->list_ahead, LISTINGS_AHEAD);
	call_begin(gs->s, &c);
	if (ask(&c, &l, true) == 0) {
		reader_init(&r, c.r.rxreaddir.data.p, c.r.rxreaddir.data.len);
		while (!c.r.rxreaddir.end && p9_xdirent_read(&r, &e))
			next = e.offset;
		take_entries(&l, c.r.rxreaddir.data.p, c.r.rxreaddir.data.len);
	}
	call_end(&c);
	/* Where nothing could be had, nothing will be further on. */
	atomic_store(&dir->list_from, l.n ? next : LIST_NONE);
}

bool list_again(struct ginode *g)
{
	struct ginode *dir = g->place->dir;
	struct listing l = listing_of(dir, NULL, g->place->from);
	struct gofer_call c;
	int r;

	/* One alone is walked to: from then on it has a watch of its own. */
	if (!may_look_ahead(gsuper(dir->base.sb)) ||
	    atomic_fetch_add(&dir->list_misses, 1) + 1 < MISSES)
		return false;
	atomic_store(&dir->list_misses, 0);
	call_begin(gsession(&dir->base), &c);
	r = ask(&c, &l, true);
	if (r == 0)
		take_entries(&l, c.r.rxreaddir.data.p, c.r.rxreaddir.data.len);
	call_end(&c);
	return r == 0;
}

/* --- getdents ------------------------------------------------------------------------ */

/* Decides at the start of a listing whether it brings attributes. */
static bool look_ahead(struct ginode *dir)
{
	struct gofer_super *gs = gsuper(dir->base.sb);
	int left = atomic_load(&gs->s->list_ahead);
	bool ahead = left > 0 && may_look_ahead(gs);

	if (ahead)
		atomic_store(&gs->s->list_ahead, left - 1);
	/* What it does not bring may be asked for later. */
	atomic_store(&dir->list_from, ahead ? LIST_NONE : 0);
	atomic_store(&dir->list_misses, 0);
	return ahead;
}

/* More entries from cookie @from on; none at the end. */
static int fetch(struct file *f, struct dir_buf *b, uint64_t from)
{
	struct ginode *dir = ginode(f->inode);
	struct listing l = listing_of(dir, f->path.dentry, from);
	struct gofer_call c;
	int r;

	if (!from) {
		b->ahead = look_ahead(dir);
		b->n_ahead = 0;
	}
	if (b->ahead && b->n_ahead >= MAX_AHEAD) {
		b->ahead = false;
		atomic_store(&dir->list_from, from);
	}
	call_begin(gsession(f->inode), &c);
	r = ask(&c, &l, b->ahead);
	if (r == 0) {
		memcpy(b->data, c.r.rxreaddir.data.p, c.r.rxreaddir.data.len);
		b->len = c.r.rxreaddir.data.len;
		b->ends = c.r.rxreaddir.end;
		b->at = from;
		reader_init(&b->r, b->data, b->len);
	}
	call_end(&c);
	if (r == 0 && b->ahead) {
		take_entries(&l, b->data, b->len);
		b->n_ahead += l.n;
	}
	return r;
}

/* What the guest is told of what the host answered. */
static bool emit(struct file *f, struct dir_sink *sink, const struct p9_xdirent *d)
{
	bool up = d->name.len == 2 && d->name.s[0] == '.' && d->name.s[1] == '.';
	uint64_t ino = d->ino;

	if (up && f->path.dentry->parent == f->path.dentry)
		ino = f->inode->ino;
	return sink->emit(sink, d->name.s, d->name.len, ino, d->offset, d->type);
}

/*
 * The next entries into @b; 0 at the end. What the last reply said of that is believed
 * until a call has found nothing but the end: one more looks again.
 */
static int more(struct file *f, struct dir_buf *b, bool emitted)
{
	int r;

	if (b->ends) {
		b->ends = emitted;
		return 0;
	}
	r = fetch(f, b, (uint64_t)f->pos);
	return r < 0 ? r : b->len > 0;
}

static int dir_iterate(struct file *f, struct dir_sink *sink)
{
	struct dir_buf *b = f->priv;
	int64_t start = f->pos;

	if (f->pos < 0)
		return -EINVAL;
	if (!b) {
		b = f->priv = mem_alloc(sizeof(*b));
		if (!b)
			return -ENOMEM;
		b->at = UINT64_MAX;
		b->ends = b->ahead = false;
	}
	/* From the start is always anew: rewinddir(3) shows what has changed. */
	if (b->at != (uint64_t)f->pos || !f->pos) {
		b->r = (struct reader){0};
		b->ends = false;
	}
	for (;;) {
		struct reader mark = b->r;
		struct p9_xdirent d;
		int r;

		if (!p9_xdirent_read(&b->r, &d)) {
			if (b->r.failed)
				return -EIO;
			r = more(f, b, f->pos != start);
			if (r <= 0)
				return r;
			continue;
		}
		if (!emit(f, sink, &d)) {
			b->r = mark;
			return 0;
		}
		f->pos = (int64_t)d.offset;
		b->at = d.offset;
	}
}

int gofer_dir_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
{
	(void)c;
	(void)inode;
	f->ops = &gofer_dir_file_ops;
	f->priv = NULL;
	return 0;
}

static void dir_release(struct file *f)
{
	mem_free(f->priv);
}

/* The names of a directory, made durable. */
static int dir_fsync(struct file *f, int64_t start, int64_t end, bool data_only)
{
	struct gofer_call c;
	int r;

	(void)start;
	(void)end;
	call_begin(gsession(f->inode), &c);
	c.t.type = P9_TFSYNC;
	c.t.tfsync.fid = atomic_load(&ginode(f->inode)->fid);
	c.t.tfsync.datasync = data_only;
	r = call_send(&c);
	call_end(&c);
	return r;
}

const struct file_ops gofer_dir_file_ops = {
	.iterate = dir_iterate,
	.fsync = dir_fsync,
	.release = dir_release,
};
