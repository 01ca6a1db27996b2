// SPDX-License-Identifier: Apache-2.0
/* From a path back to its name, as getcwd(2), /proc and strace show it. */
#include <string.h>

#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "sentry/base/strbuf.h"

struct backwards {
	char buf[LX_PATH_MAX];
	size_t at; /* first used byte */
	bool full;
};

static void prepend(struct backwards *b, const char *s, size_t n)
{
	if (n > b->at) {
		b->full = true;
		return;
	}
	b->at -= n;
	memcpy(b->buf + b->at, s, n);
}

/* Returns false when @root was not met on the way up. */
static bool prepend_path_locked(struct backwards *b, struct path p, struct path root)
{
	while (!b->full && !path_equal(p, root)) {
		if (p.dentry == p.mnt->root || dentry_is_root(p.dentry)) {
			if (p.dentry != p.mnt->root || !p.mnt->parent)
				return false;
			p.dentry = p.mnt->mountpoint;
			p.mnt = p.mnt->parent;
			continue;
		}
		prepend(b, p.dentry->name, p.dentry->name_len);
		prepend(b, "/", 1);
		p.dentry = p.dentry->parent;
	}
	return true;
}

/* What getcwd, links in /proc and the mount
 * table make of removed and unreachable names. */
enum style { STYLE_CWD, STYLE_LINK, STYLE_MOUNT };

static int print(struct path p, struct path root, enum style style, bool *reachable,
		 struct strbuf *out)
{
	struct vfs *v = super_vfs(p.dentry->sb);
	struct backwards b = {.at = sizeof(b.buf)};
	bool deleted;

	mutex_lock(&v->dlock);
	deleted = dentry_unhashed(p.dentry) && !dentry_is_root(p.dentry);
	if (deleted && style == STYLE_LINK)
		prepend(&b, " (deleted)", 10);
	*reachable = prepend_path_locked(&b, p, root);
	mutex_unlock(&v->dlock);
	if (deleted && style == STYLE_CWD)
		return -ENOENT;
	if (b.at == sizeof(b.buf) || b.buf[b.at] == ' ')
		prepend(&b, "/", 1);
	if (style == STYLE_CWD && !*reachable)
		prepend(&b, "(unreachable)", 13);
	if (b.full)
		return -ENAMETOOLONG;
	sb_append(out, b.buf + b.at, sizeof(b.buf) - b.at);
	return sb_failed(out) ? -ENOMEM : 0;
}

int path_print(struct path p, struct path root, bool strict, struct strbuf *out)
{
	const struct dentry_ops *ops = atomic_load(&p.dentry->dops);
	bool reachable;

	/* What lives outside every tree, and is not mounted, has no path, just a text. */
	if (ops && ops->dname && !p.mnt) {
		ops->dname(p.dentry, out);
		return sb_failed(out) ? -ENOMEM : 0;
	}
	if (!p.mnt) {
		sb_puts(out, p.dentry->name);
		return sb_failed(out) ? -ENOMEM : 0;
	}
	return print(p, root, strict ? STYLE_CWD : STYLE_LINK, &reachable, out);
}

int path_print_reachable(struct path p, struct path root, struct strbuf *out)
{
	bool reachable;
	int r = print(p, root, STYLE_MOUNT, &reachable, out);

	return r ? r : reachable;
}

int path_print_within(struct dentry *d, struct dentry *top, struct strbuf *out)
{
	/* A mount of the whole super, as far as the way up can tell. */
	struct mount whole = {.root = top};
	struct vfs *v = super_vfs(d->sb);
	struct backwards b = {.at = sizeof(b.buf)};

	mutex_lock(&v->dlock);
	if (dentry_unhashed(d) && !dentry_is_root(d))
		prepend(&b, "//deleted", 9);
	prepend_path_locked(&b, (struct path){&whole, d}, (struct path){&whole, top});
	mutex_unlock(&v->dlock);
	if (b.at == sizeof(b.buf))
		prepend(&b, "/", 1);
	if (b.full)
		return -ENAMETOOLONG;
	sb_append(out, b.buf + b.at, sizeof(b.buf) - b.at);
	return sb_failed(out) ? -ENOMEM : 0;
}
