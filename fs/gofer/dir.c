// SPDX-License-Identifier: Apache-2.0
/* Directories: listing, and what makes, moves and removes names. */
#include <string.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"

/* --- listing ------------------------------------------------------------------------ */

/* A reply's entries, kept between two getdents of one open directory. */
struct dir_buf {
	struct reader r; /* what is left of data */
	uint64_t at;	 /* the cookie r stands at */
	size_t len;
	uint8_t data[];
};

#define DIR_BUF (32u << 10)

/* More entries from cookie @from on; none at the end. */
static int dir_fetch(struct file *f, struct dir_buf *b, uint64_t from)
{
	struct ginode *g = ginode(f->inode);
	struct gofer_call c;
	int r;

	call_begin(gsession(f->inode), &c);
	c.t.type = P9_TXREADDIR;
	c.t.txreaddir.fid = atomic_load(&g->fid);
	c.t.txreaddir.offset = from;
	c.t.txreaddir.count = DIR_BUF;
	c.t.txreaddir.flags = 0;
	r = call_send(&c);
	if (r == 0 && c.r.rxreaddir.data.len > DIR_BUF)
		r = -EIO;
	if (r == 0) {
		memcpy(b->data, c.r.rxreaddir.data.p, c.r.rxreaddir.data.len);
		b->len = c.r.rxreaddir.data.len;
		b->at = from;
		reader_init(&b->r, b->data, b->len);
	}
	call_end(&c);
	return ginode_failed(g, r);
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

static int dir_iterate(struct file *f, struct dir_sink *sink)
{
	struct dir_buf *b = f->priv;

	if (f->pos < 0)
		return -EINVAL;
	if (!b) {
		b = f->priv = mem_alloc(sizeof(*b) + DIR_BUF);
		if (!b)
			return -ENOMEM;
		b->at = UINT64_MAX;
	}
	/* From the start is always anew: rewinddir(3) shows what has changed. */
	if (b->at != (uint64_t)f->pos || !f->pos)
		b->r = (struct reader){0};
	for (;;) {
		struct reader mark = b->r;
		struct p9_xdirent d;
		int r;

		if (!p9_xdirent_read(&b->r, &d)) {
			if (b->r.failed)
				return -EIO;
			r = dir_fetch(f, b, (uint64_t)f->pos);
			if (r < 0)
				return r;
			if (!b->len)
				return 0;
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

static int dir_open(const struct vfs_ctx *c, struct inode *inode, struct file *f)
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

/* --- making ------------------------------------------------------------------------ */

static struct p9_str name_of(const struct dentry *d)
{
	return (struct p9_str){(uint16_t)d->name_len, d->name};
}

/* A call that makes a file, for which the new fid is to stand. */
struct making {
	struct inode *dir;
	uint64_t asked; /* events seen when it was sent */
	uint32_t fid;
	struct gofer_call c;
};

static void make_begin(struct making *m, struct inode *dir, uint8_t type)
{
	struct gofer_session *s = gsession(dir);

	m->dir = dir;
	m->asked = atomic_load(&s->n_events);
	m->fid = session_new_fids(s, 1);
	call_begin(s, &m->c);
	m->c.t.type = type;
}

static int make_send(struct making *m)
{
	return ginode_failed(ginode(m->dir), call_send(&m->c));
}

/* The new inode of the reply, and the stamp of its dentry. */
static int make_inode(struct making *m, struct dentry *d, const struct p9_attr *a,
		      const char *target, struct ginode **out)
{
	struct ginode *dir = ginode(m->dir);
	struct p9_str t = p9_str(target ? target : "");
	int r = ginode_get(gsuper(m->dir->sb), a, m->fid, &t, out);

	if (r < 0)
		return r;
	ginode_set_attr(*out, a, false, m->asked);
	ginode_stale(dir);
	d->dops = &gofer_dentry_ops;
	dentry_set_stamp(d, stamp_make(dir, d->name, d->name_len, m->asked));
	return 0;
}

static int dir_create(struct inode *dir, struct dentry *d, const struct create_args *a,
		      struct inode **out)
{
	int flags = handle_flags(a->open_flags), r;
	struct ginode *g = NULL;
	struct making m;

	*out = NULL;
	make_begin(&m, dir, P9_TXCREATE);
	m.c.t.txcreate.fid = atomic_load(&ginode(dir)->fid);
	m.c.t.txcreate.newfid = m.fid;
	m.c.t.txcreate.flags = (uint32_t)(flags | (a->open_flags & LX_O_EXCL));
	m.c.t.txcreate.mode = a->mode & LX_S_IALLUGO;
	m.c.t.txcreate.uid = a->uid;
	m.c.t.txcreate.gid = a->gid;
	m.c.t.txcreate.name = name_of(d);
	r = make_send(&m);
	if (r == 0)
		r = make_inode(&m, d, &m.c.r.rxcreate.attr, NULL, &g);
	if (r == 0 && m.c.hfd >= 0)
		handle_add(g, flags, TAKE_FD(m.c.hfd));
	call_end(&m.c);
	if (g)
		*out = &g->base;
	return r;
}

static int dir_make(struct inode *dir, struct dentry *d, const struct create_args *a,
		    struct inode **out)
{
	struct ginode *g = NULL;
	struct making m;
	int r;

	*out = NULL;
	make_begin(&m, dir, P9_TXMAKE);
	m.c.t.txmake.fid = atomic_load(&ginode(dir)->fid);
	m.c.t.txmake.newfid = m.fid;
	m.c.t.txmake.mode = a->mode;
	m.c.t.txmake.rdev_major = lx_major(a->rdev);
	m.c.t.txmake.rdev_minor = lx_minor(a->rdev);
	m.c.t.txmake.uid = a->uid;
	m.c.t.txmake.gid = a->gid;
	m.c.t.txmake.name = name_of(d);
	m.c.t.txmake.target = p9_str(a->target ? a->target : "");
	r = make_send(&m);
	if (r == 0)
		r = make_inode(&m, d, &m.c.r.rattr.attr, a->target, &g);
	call_end(&m.c);
	if (g)
		*out = &g->base;
	return r;
}

static int dir_link(struct inode *dir, struct dentry *d, struct inode *old)
{
	struct gofer_session *s = gsession(dir);
	uint64_t asked = atomic_load(&s->n_events);
	struct gofer_call c;
	int r;

	call_begin(s, &c);
	c.t.type = P9_TXLINK;
	c.t.txlink.dfid = atomic_load(&ginode(dir)->fid);
	c.t.txlink.fid = atomic_load(&ginode(old)->fid);
	c.t.txlink.name = name_of(d);
	r = ginode_failed(ginode(old), call_send(&c));
	if (r == 0) {
		ginode_set_attr(ginode(old), &c.r.rattr.attr, false, asked);
		ginode_stale(ginode(dir));
		d->dops = &gofer_dentry_ops;
		dentry_set_stamp(d, stamp_make(ginode(dir), d->name, d->name_len, asked));
	}
	call_end(&c);
	return r;
}

/* --- moving and removing ------------------------------------------------------ */

static int dir_remove(struct inode *dir, struct dentry *d, uint32_t flags)
{
	struct inode *victim = dentry_inode(d);
	struct gofer_call c;
	int r;

	call_begin(gsession(dir), &c);
	c.t.type = P9_TUNLINKAT;
	c.t.tunlinkat.dfid = atomic_load(&ginode(dir)->fid);
	c.t.tunlinkat.name = name_of(d);
	c.t.tunlinkat.flags = flags;
	r = ginode_failed(ginode(dir), call_send(&c));
	call_end(&c);
	if (r < 0)
		return r;
	ginode_stale(ginode(dir));
	ginode_stale(ginode(victim));
	return 0;
}

/*
 * One of a file's names is gone. Our fid may stand for just that one: what has others is
 * walked to again.
 */
static void name_lost(struct ginode *g)
{
	if (!g->unlinked)
		atomic_store(&g->fid_stale, true);
}

/*
 * What is open stays readable: its descriptors are kept from now on. One that was closed
 * to make room is opened first.
 */
static void hold_open(struct ginode *g)
{
	struct gofer_session *s = gsession(&g->base);
	struct handle *h, *closed;
	int hfd;

	g->unlinked = true;
	do {
		closed = NULL;
		mutex_lock(&s->handle_lock);
		list_for_each (h, &g->handles, of_inode)
			if (h->users && h->hfd < 0)
				closed = h;
		if (closed)
			closed->users++;
		mutex_unlock(&s->handle_lock);
		if (!closed)
			return;
		if (handle_use(closed, &hfd) == 0) {
			handle_unuse(closed);
		} else {
			handle_put(closed);
			return;
		}
		handle_put(closed);
	} while (closed);
}

static int dir_unlink(struct inode *dir, struct dentry *d)
{
	struct inode *victim = dentry_inode(d);
	struct ginode *g = ginode(victim);
	bool last = victim->nlink <= 1;
	int r;

	if (last && LX_S_ISREG(victim->mode))
		hold_open(g);
	r = dir_remove(dir, d, 0);
	if (r < 0) {
		g->unlinked = false;
		return r;
	}
	g->unlinked = last;
	name_lost(g);
	if (victim->nlink)
		inode_drop_nlink(victim);
	return 0;
}

static int dir_rmdir(struct inode *dir, struct dentry *d)
{
	struct inode *victim = dentry_inode(d);
	int r = dir_remove(dir, d, P9_UNLINK_DIR);

	if (r == 0) {
		ginode(victim)->unlinked = true;
		victim->nlink = 0;
	}
	return r;
}

static int dir_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		      struct dentry *new, unsigned flags)
{
	struct inode *victim = dentry_inode(new);
	struct gofer_call c;
	int r;

	if (flags & LX_RENAME_WHITEOUT)
		return -EINVAL;
	call_begin(gsession(old_dir), &c);
	c.t.type = P9_TXRENAME;
	c.t.txrename.olddir = atomic_load(&ginode(old_dir)->fid);
	c.t.txrename.newdir = atomic_load(&ginode(new_dir)->fid);
	c.t.txrename.flags = flags;
	c.t.txrename.oldname = name_of(old);
	c.t.txrename.newname = name_of(new);
	r = call_send(&c);
	call_end(&c);
	if (r < 0)
		return r;
	/* Their names change: what was known of the old ones says nothing. */
	dentry_set_stamp(old, 0);
	dentry_set_stamp(new, 0);
	ginode_stale(ginode(old_dir));
	ginode_stale(ginode(new_dir));
	ginode_stale(ginode(dentry_inode(old)));
	if (victim && !(flags & LX_RENAME_EXCHANGE)) {
		ginode(victim)->unlinked = LX_S_ISDIR(victim->mode) || victim->nlink <= 1;
		name_lost(ginode(victim));
		ginode_stale(ginode(victim));
		if (LX_S_ISDIR(victim->mode))
			victim->nlink = 0;
		else if (victim->nlink)
			inode_drop_nlink(victim);
	}
	return 0;
}

const struct inode_ops gofer_dir_inode_ops = {
	.lookup = gofer_lookup,
	.walk = gofer_walk,
	.create = dir_create,
	.mkdir = dir_make,
	.mknod = dir_make,
	.symlink = dir_make,
	.link = dir_link,
	.unlink = dir_unlink,
	.rmdir = dir_rmdir,
	.rename = dir_rename,
	.getattr = gofer_getattr,
	.setattr = gofer_setattr,
	.permission = gofer_permission,
	.open = dir_open,
	.getxattr = gofer_getxattr,
	.setxattr = gofer_setxattr,
	.listxattr = gofer_listxattr,
};
