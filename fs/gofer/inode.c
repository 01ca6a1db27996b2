// SPDX-License-Identifier: Apache-2.0
/*
 * Inodes: one per file of the Gofer, whatever names lead to it (by qid.path), with a fid
 * of its own. Attributes are the host's, kept as long as they are known to be true.
 */
#include <string.h>
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

int ginode_fid(struct gofer_call *c, struct ginode *g, uint32_t *fid)
{
	int r = 0;

	if (atomic_load(&g->fid) == P9_NOFID)
		r = ginode_failed(g, walk_to_place(c, g, -1));
	*fid = atomic_load(&g->fid);
	return r;
}

int ginode_failed(struct ginode *g, int r)
{
	if (r == -ESTALE)
		atomic_store(&g->fid_stale, true);
	return r;
}

/* --- the table --------------------------------------------------------------------- */

/* The same file, not another one that got its number after it was gone. */
static bool is_same(struct ginode *g, const struct p9_attr *a)
{
	struct inode *i = &g->base;
	bool same;

	if ((a->mode ^ i->mode) & LX_S_IFMT)
		return false;
	if (!(a->mask & LX_STATX_BTIME) || !(g->stat.mask & LX_STATX_BTIME))
		return true;
	mutex_lock(&i->attr_lock);
	same = i->btime.sec == a->btime.sec && i->btime.nsec == a->btime.nsec;
	mutex_unlock(&i->attr_lock);
	return same;
}

static void unhash_locked(struct gofer_super *gs, struct ginode *g) MUST_HOLD(gs->lock)
{
	if (g->hashed)
		htab_remove(&gs->inodes, &g->by_qid);
	g->hashed = false;
}

/* *stale is another file that had the number: to be put without the lock; or NULL. */
static struct ginode *find_locked(struct gofer_super *gs, const struct p9_attr *a,
				  struct ginode **stale) MUST_HOLD(gs->lock)
{
	struct hnode *h = htab_first(&gs->inodes, hash_u64(a->qid.path));

	*stale = NULL;
	for (; h; h = htab_next(h)) {
		struct ginode *g = container_of(h, struct ginode, by_qid);

		/* One whose last reference is gone is about to leave the table. */
		if (g->qid_path != a->qid.path || !refcount_inc_not_zero(&g->base.ref))
			continue;
		if (is_same(g, a))
			return g;
		unhash_locked(gs, g);
		*stale = g;
		return NULL;
	}
	return NULL;
}

static const struct inode_ops *ops_for(uint32_t mode, const struct file_ops **fops)
{
	*fops = NULL;
	switch (mode & LX_S_IFMT) {
	case LX_S_IFDIR:
		*fops = &gofer_dir_file_ops;
		return &gofer_dir_inode_ops;
	case LX_S_IFREG:
		*fops = &gofer_file_ops;
		return &gofer_file_inode_ops;
	case LX_S_IFLNK:
		return &gofer_link_inode_ops;
	case LX_S_IFCHR:
	case LX_S_IFBLK:
	case LX_S_IFIFO:
	case LX_S_IFSOCK:
		return &gofer_special_inode_ops;
	}
	return NULL;
}

static int ginode_new(struct gofer_super *gs, const struct p9_attr *a, uint32_t fid,
		      const struct p9_str *target, struct ginode **out)
{
	const struct file_ops *fops;
	const struct inode_ops *ops = ops_for(a->mode, &fops);
	struct ginode *g;

	if (!ops)
		return -EIO;
	g = mem_zalloc(sizeof(*g));
	if (!g)
		return -ENOMEM;
	if (LX_S_ISLNK(a->mode)) {
		g->target = mem_alloc(target->len + 1u);
		if (!g->target) {
			mem_free(g);
			return -ENOMEM;
		}
		memcpy(g->target, target->s, target->len);
		g->target[target->len] = 0;
	}
	inode_init(&g->base, &gs->base, ops, fops, a->mode, a->uid, a->gid);
	g->base.ino = a->ino;
	g->base.rdev = lx_makedev(a->rdev_major, a->rdev_minor);
	g->qid_path = a->qid.path;
	atomic_init(&g->fid, fid);
	atomic_init(&g->wd, P9_NO_WD);
	atomic_init(&g->entries_wd, P9_NO_WD);
	atomic_init(&g->list_from, LIST_NONE);
	list_init(&g->handles);
	list_init(&g->listed);
	if (LX_S_ISREG(a->mode))
		mappable_init(&g->map, &gofer_mappable_ops);
	*out = g;
	return 0;
}

static struct ginode *find(struct gofer_super *gs, const struct p9_attr *a)
{
	struct ginode *g, *stale;

	mutex_lock(&gs->lock);
	g = find_locked(gs, a, &stale);
	mutex_unlock(&gs->lock);
	if (stale)
		inode_put(&stale->base);
	return g;
}

/* @made goes into the table, unless another thread has put its like there: then that. */
static int insert(struct gofer_super *gs, const struct p9_attr *a, struct ginode *made,
		  struct ginode **out)
{
	struct ginode *stale;
	int r = 0;

	mutex_lock(&gs->lock);
	*out = find_locked(gs, a, &stale);
	if (!*out) {
		r = htab_insert(&gs->inodes, &made->by_qid, hash_u64(a->qid.path));
		made->hashed = r == 0;
		*out = r ? NULL : made;
	}
	mutex_unlock(&gs->lock);
	if (stale)
		inode_put(&stale->base);
	return r;
}

/* @fid becomes @g's if it has none, or has lost its name. Returns what is left over. */
static uint32_t give_fid(struct ginode *g, uint32_t fid)
{
	uint32_t none = P9_NOFID;

	if (fid == P9_NOFID)
		return fid;
	if (atomic_exchange(&g->fid_stale, false))
		return atomic_exchange(&g->fid, fid);
	return atomic_compare_exchange_strong(&g->fid, &none, fid) ? P9_NOFID : fid;
}

/* For @g, which has no fid: a listing of @dir found it as @name. */
static struct place *place_new(struct ginode *g, struct ginode *dir,
			       const struct p9_str *name, uint64_t from)
{
	struct place *p = mem_alloc(sizeof(*p) + name->len);

	if (!p)
		return NULL;
	inode_get(&dir->base);
	p->g = g;
	p->dir = dir;
	p->from = from;
	list_init(&p->of_dir);
	p->len = name->len;
	memcpy(p->name, name->s, name->len);
	return p;
}

static void place_free(struct place *p)
{
	if (p)
		inode_put(&p->dir->base);
	mem_free(p);
}

int ginode_listed(struct ginode *dir, const struct p9_xdirent *d, uint64_t from,
		  struct ginode **out)
{
	struct gofer_super *gs = gsuper(dir->base.sb);
	struct ginode *made;
	int r;

	*out = find(gs, &d->attr);
	if (*out)
		return 0;
	r = ginode_new(gs, &d->attr, P9_NOFID, &d->target, &made);
	if (r < 0)
		return r;
	made->place = place_new(made, dir, &d->name, from);
	r = made->place ? insert(gs, &d->attr, made, out) : -ENOMEM;
	if (*out == made)
		ahead_listed(made);
	else
		inode_put(&made->base);
	return r;
}

int ginode_get(struct gofer_super *gs, const struct p9_attr *a, uint32_t fid,
	       const struct p9_str *target, struct ginode **out)
{
	struct ginode *made;
	int r = 0;

	*out = find(gs, a);
	if (*out)
		fid = give_fid(*out, fid);
	if (!*out) {
		r = ginode_new(gs, a, fid, target, &made);
		if (r == 0) {
			r = insert(gs, a, made, out);
			/* What is not used leaves its fid to us. */
			if (*out != made) {
				atomic_store(&made->fid, P9_NOFID);
				inode_put(&made->base);
			} else {
				fid = P9_NOFID;
			}
		}
	}
	if (fid != P9_NOFID)
		session_clunk(gs->s, fid);
	return r;
}

void ginode_free(struct inode *inode)
{
	struct ginode *g = ginode(inode);
	struct gofer_super *gs = gsuper(inode->sb);
	uint32_t fid = atomic_load(&g->fid);

	mutex_lock(&gs->lock);
	unhash_locked(gs, g);
	if (g->place)
		list_del(&g->place->of_dir);
	mutex_unlock(&gs->lock);
	watch_forget(g);
	handles_free(g);
	if (fid != P9_NOFID)
		session_clunk(gs->s, fid);
	if (LX_S_ISREG(inode->mode))
		mappable_destroy(&g->map);
	place_free(g->place);
	mem_free(g->target);
	mem_free(g);
}
