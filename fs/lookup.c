// SPDX-License-Identifier: Apache-2.0
/*
 * What one name in a directory is. The cache answers if its answer is still true; else
 * the file system may walk many names at once (inode_ops.walk), which fills the cache;
 * else it is asked for this one, under the directory's lock.
 */
#include <string.h>

#include "fs/internal.h"
#include "fs/namei.h"

static int lookup_slow(struct dentry *dir, const char *name, size_t len,
		       struct dentry **out)
{
	struct inode *inode = dentry_inode(dir), *found;
	struct dentry *d;
	int r;

	if (inode->dead)
		return -ENOENT;
	d = dcache_lookup(dir, name, len);
	if (d) {
		*out = d;
		return 0;
	}
	if (!inode->ops->lookup)
		return -ENOTDIR;
	d = dentry_alloc(dir, name, len);
	if (!d)
		return -ENOMEM;
	found = NULL;
	r = inode->ops->lookup(inode, d, &found);
	if (r) {
		dentry_put(d);
		return r;
	}
	dentry_instantiate(d, found);
	*out = d;
	return 0;
}

int dentry_lookup_locked(struct dentry *dir, const char *name, size_t len,
			 struct dentry **out)
{
	*out = NULL;
	if (len > LX_NAME_MAX)
		return -ENAMETOOLONG;
	return lookup_slow(dir, name, len, out);
}

/*
 * A cached answer that is still true: 1 and a reference in *out, 0 none, or an error.
 * @drop: one that is not goes; else it stays, for walk to confirm or replace.
 */
static int lookup_cached(struct dentry *dir, const char *name, size_t len, bool drop,
			 struct dentry **out)
{
	struct dentry *d = dcache_lookup(dir, name, len);
	int r;

	if (!d)
		return 0;
	r = dentry_revalidate(d);
	/* What is mounted on stays reachable, whatever became of the name below. */
	if (r > 0 || (r == 0 && drop && dentry_is_mounted(d))) {
		*out = d;
		return 1;
	}
	if (r == 0 && drop) {
		dcache_drop_children(d);
		dentry_drop(d);
	}
	dentry_put(d);
	return r;
}

static bool can_walk(const struct inode *dir)
{
	return dir->ops->walk && !dir->dead;
}

/* The name itself: cached by now, or asked for. */
static int lookup_one(struct dentry *dir, const char *name, size_t len,
		      struct dentry **out)
{
	struct inode *inode = dentry_inode(dir);
	int r;

	r = lookup_cached(dir, name, len, true, out);
	if (r)
		return r < 0 ? r : 0;
	mutex_lock(&inode->lock);
	r = lookup_slow(dir, name, len, out);
	mutex_unlock(&inode->lock);
	return r;
}

int dentry_lookup(struct dentry *dir, const char *name, size_t len, struct dentry **out)
{
	struct inode *inode = dentry_inode(dir);
	struct walk_req req = {
		.start = dir, .name = {name}, .len = {len}, .n = 1, .open_flags = -1};
	int r;

	*out = NULL;
	if (len > LX_NAME_MAX)
		return -ENAMETOOLONG;
	if (can_walk(inode)) {
		r = lookup_cached(dir, name, len, false, out);
		if (!r)
			r = inode->ops->walk(NULL, &req);
		if (r)
			return r < 0 ? r : 0;
	}
	return lookup_one(dir, name, len, out);
}

static bool is_dots(const char *s, size_t len)
{
	return s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.'));
}

/*
 * Let the file system resolve @name and what follows it in one go: the rest of this text,
 * then of those that a symlink in it interrupted.
 */
static int walk_ahead(struct walk *w, const char *name)
{
	struct inode *inode = dentry_inode(w->at.dentry);
	struct walk_req req = {.start = w->at.dentry, .open_flags = -1};
	unsigned depth = w->depth;
	const char *s = name;

	while (req.n < WALK_MAX) {
		size_t len = strcspn(s, "/");

		if (!len) {
			if (!depth)
				break;
			s = walk_skip_slashes(w->frame[--depth].rest);
			continue;
		}
		if (len > LX_NAME_MAX || is_dots(s, len))
			break;
		req.name[req.n] = s;
		req.len[req.n++] = len;
		s = walk_skip_slashes(s + len);
	}
	if (!*s && !depth)
		req.open_flags = w->open_flags;
	return inode->ops->walk(w->c, &req);
}

int walk_lookup_name(struct walk *w, const char *name, size_t len, struct dentry **out)
{
	struct dentry *dir = w->at.dentry;
	struct inode *inode = dentry_inode(dir);
	int r;

	*out = NULL;
	if (len > LX_NAME_MAX)
		return -ENAMETOOLONG;
	r = lookup_cached(dir, name, len, !can_walk(inode), out);
	if (r)
		return r < 0 ? r : 0;
	if (w->flags & LOOKUP_CACHED)
		return -EAGAIN;
	if (can_walk(inode)) {
		r = walk_ahead(w, name);
		if (r)
			return r;
	}
	return lookup_one(dir, name, len, out);
}

int walk_lookup_last(struct walk *w, struct dentry **out)
{
	return walk_lookup_name(w, w->last, w->last_len, out);
}
