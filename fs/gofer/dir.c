// SPDX-License-Identifier: Apache-2.0
/* Directories: what makes, moves and removes names. Listing: list.c. */
#include <string.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"

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
	if (r == 0 && m.c.hfd[0] >= 0)
		handle_add(g, flags, TAKE_FD(m.c.hfd[0]));
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
	uint32_t fid;
	int r;

	call_begin(s, &c);
	r = ginode_fid(&c, ginode(old), &fid);
	c.t.type = P9_TXLINK;
	c.t.txlink.dfid = atomic_load(&ginode(dir)->fid);
	c.t.txlink.fid = fid;
	c.t.txlink.name = name_of(d);
	if (r == 0)
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
	uint32_t fid;
	int r;

	if (flags & LX_RENAME_WHITEOUT)
		return -EINVAL;
	call_begin(gsession(old_dir), &c);
	/* What moves leaves the place where a listing found it. */
	r = ginode_fid(&c, ginode(dentry_inode(old)), &fid);
	if (r == 0 && flags & LX_RENAME_EXCHANGE)
		r = ginode_fid(&c, ginode(victim), &fid);
	if (r < 0)
		goto out;
	c.t.type = P9_TXRENAME;
	c.t.txrename.olddir = atomic_load(&ginode(old_dir)->fid);
	c.t.txrename.newdir = atomic_load(&ginode(new_dir)->fid);
	c.t.txrename.flags = flags;
	c.t.txrename.oldname = name_of(old);
	c.t.txrename.newname = name_of(new);
	r = call_send(&c);
out:
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
	.open = gofer_dir_open,
	.getxattr = gofer_getxattr,
	.setxattr = gofer_setxattr,
	.listxattr = gofer_listxattr,
};
