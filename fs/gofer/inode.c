// SPDX-License-Identifier: Apache-2.0
/*
 * Inodes: one per file of the Gofer, whatever names lead to it (by qid.path), with a fid
 * of its own, or none yet when a listing told of it: then its place is known. Their
 * attributes: attr.c.
 */
#include <string.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"

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
