// SPDX-License-Identifier: Apache-2.0
/*
 * The path walker, one for every file system. It holds a place (w->at) and the text
 * still to go; a symlink's target is text in front of the rest, on a small stack.
 *
 *	walk_init -> walk_parent (all names but the last) -> walk_last -> walk_finish
 *	                 ^---------- 1: the last was a symlink --'
 *
 * Nothing is locked between two names, so others may rename and remove around the
 * walker: it holds references, a removed directory has no names (-ENOENT), and walks
 * that must stay below a base (RESOLVE_BENEATH, IN_ROOT) say -EAGAIN when anything
 * moved while they went up.
 *
 * What one name is, cached or asked for: lookup.c.
 *
 * Source: path_resolution(7), openat2(2), symlink(7).
 */
#include <string.h>

#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"

#define LOOKUP_SCOPED (LOOKUP_BENEATH | LOOKUP_IN_ROOT)

int walk_init(struct walk *w, const struct vfs_ctx *c, const struct path *base,
	      const char *name, unsigned flags)
{
	struct vfs *v = kernel_vfs(c->k);
	struct path start = base ? *base : c->cwd;

	*w = (struct walk){.c = c, .flags = flags, .open_flags = -1};
	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (strnlen(name, LX_PATH_MAX) == LX_PATH_MAX)
		return -ENAMETOOLONG;
	w->root = flags & LOOKUP_SCOPED ? start : c->root;
	w->rename_seq = atomic_load(&v->rename_seq);
	w->mount_seq = atomic_load(&v->mount_seq);
	if (*name == '/') {
		if (flags & LOOKUP_BENEATH)
			return -EXDEV;
		start = w->root;
	}
	w->root_used = *name == '/' || flags & LOOKUP_SCOPED;
	w->at = path_get(start);
	w->frame[0].rest = name;
	return 0;
}

void walk_done(struct walk *w)
{
	for (unsigned i = 0; i <= w->depth; i++)
		mem_free(w->frame[i].body);
	if (w->at.dentry)
		path_put(w->at);
	w->at = (struct path){0};
	w->depth = 0;
	w->frame[0].body = NULL;
}

static void move_to(struct walk *w, struct path p)
{
	path_put(w->at);
	w->at = p;
}

/* May a name be looked up where we are? */
static int check_dir(struct walk *w)
{
	struct inode *inode = dentry_inode(w->at.dentry);

	if (!LX_S_ISDIR(inode->mode))
		return -ENOTDIR;
	return inode_permission(w->c, inode, MAY_EXEC);
}

/* --- one name ------------------------------------------------------------------- */

static int step_up(struct walk *w)
{
	struct vfs *v = super_vfs(w->at.dentry->sb);

	w->root_used = true;
	for (;;) {
		struct path *at = &w->at;

		if (path_equal(*at, w->root)) {
			if (w->flags & LOOKUP_BENEATH)
				return -EXDEV;
			break;
		}
		if (at->dentry != at->mnt->root && !dentry_is_root(at->dentry)) {
			struct dentry *parent = dentry_parent(at->dentry);

			/* Renamed out of what a bind mount shows: there is no way up. */
			if (at->mnt->root != at->mnt->sb->root &&
			    !dentry_below(v, parent, at->mnt->root)) {
				dentry_put(parent);
				return -ENOENT;
			}
			dentry_put(at->dentry);
			at->dentry = parent;
			break;
		}
		if (!path_follow_up(at))
			break;
		if (w->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
	}
	if (path_follow_mounts(&w->at) && w->flags & LOOKUP_NO_XDEV)
		return -EXDEV;
	if (w->flags & LOOKUP_SCOPED && (atomic_load(&v->rename_seq) != w->rename_seq ||
					 atomic_load(&v->mount_seq) != w->mount_seq))
		return -EAGAIN;
	return 0;
}

static int step_into(struct walk *w, const char *name, size_t len, bool follow,
		     bool cross)
{
	struct path next = {w->at.mnt, NULL};
	int r;

	r = walk_lookup_name(w, name, len, &next.dentry);
	if (r)
		return r;
	if (dentry_negative(next.dentry)) {
		dentry_put(next.dentry);
		return -ENOENT;
	}
	mount_get(next.mnt);
	if (cross && path_follow_mounts(&next) && w->flags & LOOKUP_NO_XDEV) {
		path_put(next);
		return -EXDEV;
	}
	if (follow && LX_S_ISLNK(dentry_inode(next.dentry)->mode))
		return walk_enter_link(w, next);
	move_to(w, next);
	return 0;
}

static int step(struct walk *w, const char *name, size_t len, enum last_type type,
		bool follow, bool cross)
{
	switch (type) {
	case LAST_DOTDOT:
		return step_up(w);
	case LAST_NORM:
		return step_into(w, name, len, follow, cross);
	default:
		return 0;
	}
}

/* --- symlinks ---------------------------------------------------------------------- */

/* Text that is used up gives way: a chain of links in the last place nests nothing. */
static void pop_finished(struct walk *w)
{
	while (!*walk_skip_slashes(w->frame[w->depth].rest)) {
		mem_free(w->frame[w->depth].body);
		w->frame[w->depth].body = NULL;
		w->frame[w->depth].rest = "";
		if (!w->depth)
			return;
		w->depth--;
	}
}

static int jump(struct walk *w, struct path link)
{
	struct path target = {0};
	int r;

	if (w->flags & LOOKUP_NO_MAGICLINKS)
		return -ELOOP;
	r = dentry_inode(link.dentry)
		    ->ops->follow(w->c, dentry_inode(link.dentry), &target);
	if (r)
		return r;
	if (w->flags & LOOKUP_SCOPED ||
	    (w->flags & LOOKUP_NO_XDEV && target.mnt != link.mnt)) {
		path_put(target);
		return -EXDEV;
	}
	move_to(w, target);
	pop_finished(w);
	return 1;
}

static int read_target(struct walk *w, struct path link, char **out)
{
	struct inode *inode = dentry_inode(link.dentry);
	char buf[LX_PATH_MAX];
	ssize_t n;

	if (!inode->ops->readlink)
		return -EINVAL;
	n = inode->ops->readlink(w->c, inode, buf, sizeof(buf));
	if (n < 0)
		return (int)n;
	if (n == 0)
		return -ENOENT;
	if ((size_t)n >= sizeof(buf))
		return -ENAMETOOLONG;
	buf[n] = '\0';
	*out = mem_dup(buf, (size_t)n + 1);
	return *out ? 0 : -ENOMEM;
}

static int enter(struct walk *w, struct path link)
{
	char *body = NULL;
	int r;

	if (w->flags & LOOKUP_NO_SYMLINKS || w->n_links++ >= WALK_LINKS_MAX ||
	    mount_flags(link.mnt) & MNT_NOSYMFOLLOW)
		return -ELOOP;
	path_accessed(link);
	if (dentry_inode(link.dentry)->ops->follow)
		return jump(w, link);
	r = read_target(w, link, &body);
	if (r)
		return r;
	if (*body == '/') {
		/*
		 * Linux compares with the root's mount before it looked the root up: the
		 * first jump of a relative walk fails even on one mount (unit/fs_oracle).
		 */
		if (w->flags & LOOKUP_BENEATH ||
		    (w->flags & LOOKUP_NO_XDEV &&
		     (!w->root_used || w->root.mnt != w->at.mnt))) {
			mem_free(body);
			return -EXDEV;
		}
		move_to(w, path_get(w->root));
		w->root_used = true;
	}
	pop_finished(w);
	if (*w->frame[w->depth].rest)
		w->depth++;
	w->frame[w->depth].body = body;
	w->frame[w->depth].rest = body;
	return 1;
}

int walk_enter_link(struct walk *w, struct path link)
{
	int r = enter(w, link);

	path_put(link);
	return r;
}

/* --- the whole --------------------------------------------------------------------- */

static enum last_type name_type(const char *name, size_t len)
{
	if (name[0] == '.' && len == 1)
		return LAST_DOT;
	if (name[0] == '.' && len == 2 && name[1] == '.')
		return LAST_DOTDOT;
	return LAST_NORM;
}

int walk_parent(struct walk *w)
{
	for (;;) {
		const char *name = walk_skip_slashes(w->frame[w->depth].rest), *rest,
			   *next;
		enum last_type type;
		size_t len;
		int r;

		if (!*name) {
			if (w->depth) {
				pop_finished(w);
				continue;
			}
			w->last = "";
			w->last_len = 0;
			w->last_type = LAST_ROOT;
			w->last_slash = false;
			return 0;
		}
		r = check_dir(w);
		if (r)
			return r;
		len = strcspn(name, "/");
		rest = name + len;
		next = walk_skip_slashes(rest);
		type = name_type(name, len);
		w->frame[w->depth].rest = next;
		if (!*next && w->depth == 0) {
			w->last = name;
			w->last_len = len;
			w->last_type = type;
			w->last_slash = *rest == '/';
			return 0;
		}
		r = step(w, name, len, type, true, true);
		if (r < 0)
			return r;
	}
}

int walk_last(struct walk *w)
{
	if (w->last_slash)
		w->flags |= LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
	return step(w, w->last, w->last_len, w->last_type, w->flags & LOOKUP_FOLLOW,
		    !(w->flags & LOOKUP_MOUNT));
}

/* Is @p still below @top? Something may have moved while we walked. */
static bool path_below(struct vfs *v, struct path p, struct path top)
{
	bool r = false;

	mutex_lock(&v->dlock);
	while (p.mnt != top.mnt && p.mnt->parent)
		p = (struct path){p.mnt->parent, p.mnt->mountpoint};
	if (p.mnt == top.mnt)
		r = dentry_below_locked(p.dentry, top.dentry);
	mutex_unlock(&v->dlock);
	return r;
}

int walk_finish(struct walk *w, struct path *out)
{
	struct path p = w->at;

	if (w->flags & LOOKUP_DIRECTORY && !LX_S_ISDIR(dentry_inode(p.dentry)->mode))
		return -ENOTDIR;
	if (w->flags & LOOKUP_SCOPED && !path_below(super_vfs(p.dentry->sb), p, w->root))
		return -EXDEV;
	w->at = (struct path){0};
	*out = p;
	return 0;
}

int path_lookup(const struct vfs_ctx *c, const struct path *base, const char *name,
		unsigned flags, struct path *out)
{
	struct walk w;
	int r;

	*out = (struct path){0};
	r = walk_init(&w, c, base, name, flags);
	if (r)
		return r;
	do {
		r = walk_parent(&w);
		if (!r)
			r = walk_last(&w);
	} while (r > 0);
	if (!r)
		r = walk_finish(&w, out);
	walk_done(&w);
	return r;
}
