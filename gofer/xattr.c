// SPDX-License-Identifier: Apache-2.0
/*
 * Extended attributes. The host's calls take no O_PATH descriptor: a directory is
 * reached as "." and anything else by its one name, from the thread's own working
 * directory, without following a symlink and after a look at who is there.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sentry/base/host.h"

/* Stands in the right directory, until cwd_leave(); *name is what to call the inode there. */
static int enter(struct session *s, struct node *n, struct name *name)
{
	struct node *dir = NULL, *at = n;
	struct statx st;
	struct ident id;
	int hfd, r;

	*name = (struct name){"."};
	if (n->excluded)
		return -EOPNOTSUPP;
	if (!node_is_dir(n)) {
		r = node_parent(s, n, &dir, name);
		if (r < 0)
			return r;
		at = dir;
	}
	r = node_pin(s, at, &hfd);
	if (r == 0) {
		if (dir)
			r = path_stat(hfd, name->s, &st);
		if (r == 0 && dir) {
			ident_set(&id, &st);
			r = ident_eq(&id, &n->id) ? 0 : -ESTALE;
		}
		if (r == 0)
			r = cwd_enter(s, hfd);
		node_unpin(s, at);
	}
	node_put(s, dir);
	return r;
}

ssize_t xattr_get(struct session *s, struct node *n, const char *name, void *buf,
		  size_t size)
{
	struct name at;
	ssize_t r = enter(s, n, &at);

	if (r < 0)
		return r;
	r = host_ret(name ? lgetxattr(at.s, name, buf, size)
			  : llistxattr(at.s, buf, size));
	cwd_leave(s);
	return r;
}

int xattr_set(struct session *s, struct node *n, const char *name, const void *value,
	      size_t size, int flags)
{
	struct name at;
	int r = node_writable(n);

	if (r == 0)
		r = enter(s, n, &at);
	if (r < 0)
		return r;
	r = (int)host_ret(lsetxattr(at.s, name, value, size, flags));
	cwd_leave(s);
	return r;
}

int xattr_remove(struct session *s, struct node *n, const char *name)
{
	struct name at;
	int r = node_writable(n);

	if (r == 0)
		r = enter(s, n, &at);
	if (r < 0)
		return r;
	r = (int)host_ret(lremovexattr(at.s, name));
	cwd_leave(s);
	return r;
}
