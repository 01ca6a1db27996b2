// SPDX-License-Identifier: Apache-2.0
/*
 * Attributes of inodes: the host's, kept as long as they are known to be true. A watch
 * says so, or exclusive use, or for a moment the time they were read; else a donated
 * descriptor is asked, and at last the Gofer.
 */
#include <sys/stat.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

/* Attributes that no watch covers are believed this long: from a walk to its end. */
#define UNWATCHED_NS (10 * NSEC_PER_USEC)
/* Those that only the directory's watch covers, by one of the names. */
#define LISTED_NS NSEC_PER_SEC

/* --- device numbers ------------------------------------------------------------ */

/*
 * (st_dev, st_ino) must tell files apart, and an export may span several of the host's
 * file systems. The root's is shown as the mount's own; each other gets a number.
 */
struct sub_dev {
	struct sub_dev *next;
	uint32_t major, minor;
	uint64_t shown;
};

#define SUB_DEV_FIRST (1u << 19) /* minors of major 0 that nobody else hands out */

static uint64_t shown_dev(struct gofer_super *gs, uint32_t major, uint32_t minor)
{
	struct sub_dev *d;
	uint64_t shown = gs->base.dev;

	if (major == gs->dev_major && minor == gs->dev_minor)
		return shown;
	mutex_lock(&gs->lock);
	for (d = gs->devs; d; d = d->next)
		if (d->major == major && d->minor == minor)
			break;
	if (!d && (d = mem_zalloc(sizeof(*d)))) {
		*d = (struct sub_dev){
			gs->devs, major, minor,
			lx_makedev(0, SUB_DEV_FIRST +
					      atomic_fetch_add(&gs->s->next_dev, 1))};
		gs->devs = d;
	}
	if (d)
		shown = d->shown;
	mutex_unlock(&gs->lock);
	return shown;
}

/* --- attributes ------------------------------------------------------------------ */

static struct lx_timespec time_of(const struct p9_time *t)
{
	return (struct lx_timespec){t->sec, t->nsec};
}

static void store_attr(struct ginode *g, const struct p9_attr *a, uint64_t dev)
{
	struct inode *i = &g->base;

	i->mode = a->mode;
	i->uid = a->uid;
	i->gid = a->gid;
	i->nlink = a->nlink;
	i->size = a->size;
	mutex_lock(&i->attr_lock);
	g->read_ns = clock_real_ns();
	i->atime = time_of(&a->atime);
	i->mtime = time_of(&a->mtime);
	i->ctime = time_of(&a->ctime);
	i->btime = time_of(&a->btime);
	g->stat = (struct kstat){
		.mask = a->mask & (LX_STATX_BASIC_STATS | LX_STATX_BTIME),
		.mode = a->mode,
		.nlink = a->nlink,
		.uid = a->uid,
		.gid = a->gid,
		.blksize = a->blksize,
		.ino = a->ino,
		.size = a->size,
		.blocks = a->blocks,
		.dev = dev,
		.rdev = lx_makedev(a->rdev_major, a->rdev_minor),
		.attributes = a->attributes,
		.attributes_mask = a->attributes_mask,
		.atime = i->atime,
		.mtime = i->mtime,
		.ctime = i->ctime,
		.btime = i->btime,
	};
	mutex_unlock(&i->attr_lock);
}

void ginode_set_attr(struct ginode *g, const struct p9_attr *a, bool watched,
		     uint64_t asked)
{
	struct gofer_super *gs = gsuper(g->base.sb);
	struct gofer_session *s = gs->s;

	/* An inode never changes its kind: whoever says so names another one. */
	if ((a->mode ^ g->base.mode) & LX_S_IFMT || a->qid.path != g->qid_path)
		return;
	store_attr(g, a, shown_dev(gs, a->dev_major, a->dev_minor));
	atomic_store(&g->attr_ns, clock_mono_ns());
	atomic_store(&g->attr_fresh, watched || !gs->shared);
	atomic_store(&g->attr_stamp, 0);
	/* After the store: an event is counted before it takes the flag away. */
	if (gs->shared && atomic_load(&s->n_events) != asked)
		atomic_store(&g->attr_fresh, false);
}

void ginode_told_by(struct ginode *g, struct ginode *dir, const char *name, size_t len,
		    uint64_t asked)
{
	if (gsuper(g->base.sb)->shared && atomic_load(&g->wd) == P9_NO_WD &&
	    g->base.nlink == 1)
		atomic_store(&g->attr_stamp, stamp_make_attr(dir, name, len, asked));
}

void ginode_stale(struct ginode *g)
{
	atomic_store(&g->attr_fresh, false);
	atomic_store(&g->attr_stamp, 0);
	atomic_store(&g->attr_ns, INT64_MIN / 2);
}

/*
 * The watch of its directory is silent. That does not tell of changes by a name that was
 * made since (proto.h), so it is believed for the time from a listing to its use only.
 */
static bool is_told_of(struct ginode *g)
{
	uint64_t stamp = atomic_load(&g->attr_stamp);

	return stamp && clock_mono_ns() - atomic_load(&g->attr_ns) < LISTED_NS &&
	       stamp_valid(gsession(&g->base), stamp);
}

/* Known to be true, as far as a watch or exclusive use can say so. */
static bool is_fresh(struct ginode *g)
{
	struct gofer_super *gs = gsuper(g->base.sb);

	if (gs->shared && atomic_load(&g->wd) == P9_NO_WD)
		return is_told_of(g);
	if (gs->shared)
		watch_drain(gs->s);
	return atomic_load(&g->attr_fresh);
}

static bool is_recent(struct ginode *g)
{
	return clock_mono_ns() - atomic_load(&g->attr_ns) < UNWATCHED_NS;
}

/*
 * The host's kernel may stamp changes with the time of its last tick: two within one tick
 * have the same ctime, and what was read between them looks true for ever. Attributes
 * read long enough after their ctime do not have that doubt.
 */
#define TICK_NS (20 * NSEC_PER_MSEC)

static bool is_settled(const struct ginode *g)
{
	const struct lx_timespec *c = &g->base.ctime;
	int64_t ns;

	return mul_ok(c->sec, NSEC_PER_SEC, &ns) && add_ok(ns, c->nsec, &ns) &&
	       sub_ok(g->read_ns, ns, &ns) && ns > TICK_NS;
}

/*
 * Asks a donated descriptor instead of the Gofer: true if nothing changed but the access
 * time. Its owner is no use, as it is seen from the Sentry's user namespace: but whoever
 * changes the owner changes ctime.
 */
static bool unchanged(struct ginode *g)
{
	struct inode *i = &g->base;
	struct stat st;
	bool same;

	if (!LX_S_ISREG(i->mode) || !handle_fstat(g, &st))
		return false;
	mutex_lock(&i->attr_lock);
	same = is_settled(g) && st.st_ctim.tv_sec == i->ctime.sec &&
	       st.st_ctim.tv_nsec == i->ctime.nsec && st.st_mtim.tv_sec == i->mtime.sec &&
	       st.st_mtim.tv_nsec == i->mtime.nsec &&
	       (uint64_t)st.st_size == g->stat.size && g->stat.nlink == st.st_nlink;
	if (same) {
		i->atime = (struct lx_timespec){st.st_atim.tv_sec, st.st_atim.tv_nsec};
		g->stat.atime = i->atime;
	}
	mutex_unlock(&i->attr_lock);
	return same;
}

static int ask_attr(struct ginode *g)
{
	struct gofer_session *s = gsession(&g->base);
	bool watched = atomic_load(&g->wd) != P9_NO_WD;
	uint64_t asked = atomic_load(&s->n_events);
	struct gofer_call c;
	int r;

	call_begin(s, &c);
	c.t.type = P9_TXGETATTR;
	c.t.txgetattr.fid = atomic_load(&g->fid);
	if (c.t.txgetattr.fid == P9_NOFID) {
		r = walk_to_place(&c, g, -1);
	} else {
		r = call_send(&c);
		if (r == 0)
			ginode_set_attr(g, &c.r.rattr.attr, watched, asked);
	}
	call_end(&c);
	return ginode_failed(g, r);
}

/* No name leads there any more, but a descriptor does: all but the owner. */
static bool ask_descriptor(struct ginode *g)
{
	struct inode *i = &g->base;
	struct stat st;

	if (!LX_S_ISREG(i->mode) || !handle_fstat(g, &st))
		return false;
	i->mode = st.st_mode;
	i->nlink = (uint32_t)st.st_nlink;
	i->size = (uint64_t)st.st_size;
	mutex_lock(&i->attr_lock);
	i->atime = (struct lx_timespec){st.st_atim.tv_sec, st.st_atim.tv_nsec};
	i->mtime = (struct lx_timespec){st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
	i->ctime = (struct lx_timespec){st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
	g->stat.mode = st.st_mode;
	g->stat.nlink = (uint32_t)st.st_nlink;
	g->stat.size = (uint64_t)st.st_size;
	g->stat.blocks = (uint64_t)st.st_blocks;
	g->stat.atime = i->atime;
	g->stat.mtime = i->mtime;
	g->stat.ctime = i->ctime;
	mutex_unlock(&i->attr_lock);
	return true;
}

int ginode_refresh(struct ginode *g)
{
	int r;

	if (is_fresh(g) || unchanged(g) || is_recent(g))
		return 0;
	if (atomic_load(&g->fid) == P9_NOFID && list_again(g) && is_fresh(g))
		return 0;
	r = ask_attr(g);
	if (r != -ESTALE)
		return r;
	if (ask_descriptor(g))
		return 0;
	/* Removed by the guest, and only we still know it: what was last true of it. */
	return g->unlinked || g->base.dead ? 0 : r;
}

int gofer_getattr(struct inode *inode, uint32_t mask, struct kstat *out)
{
	struct ginode *g = ginode(inode);
	int r;

	(void)mask;
	r = ginode_refresh(g);
	if (r < 0)
		return r;
	mutex_lock(&inode->attr_lock);
	*out = g->stat;
	mutex_unlock(&inode->attr_lock);
	/* The link count that our own unlink knows better. */
	if (g->unlinked || inode->dead)
		out->nlink = inode->nlink;
	return 0;
}

int gofer_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want)
{
	int r = ginode_refresh(ginode(inode));

	return r < 0 ? r : inode_generic_permission(c, inode, want);
}
