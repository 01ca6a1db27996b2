// SPDX-License-Identifier: Apache-2.0
/*
 * Looking at a node's inode and opening it for real. An O_PATH descriptor cannot be
 * opened again without procfs: the name is, and what came of it is compared.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <unistd.h>

#include "sentry/base/host.h"

int node_writable(const struct node *n)
{
	return n->export->read_only || n->excluded ? -EROFS : 0;
}

int node_stat(struct session *s, struct node *n, struct statx *st)
{
	struct node *dir;
	struct ident id;
	struct name name;
	int hfd, r;

	mutex_lock(&s->lock);
	hfd = n->hfd;
	mutex_unlock(&s->lock);
	if (hfd < 0 && !node_is_dir(n) && node_parent(s, n, &dir, &name) == 0) {
		r = node_pin(s, dir, &hfd);
		if (r == 0) {
			r = path_stat(hfd, name.s, st);
			node_unpin(s, dir);
		}
		node_put(s, dir);
		if (r < 0)
			return r == -ENOENT ? -ESTALE : r;
		ident_set(&id, st);
		return ident_eq(&id, &n->id) ? 0 : -ESTALE;
	}
	r = node_pin(s, n, &hfd);
	if (r < 0)
		return r;
	r = path_stat(hfd, "", st);
	node_unpin(s, n);
	return r;
}

static int open_dir(struct session *s, struct node *n, struct statx *st)
{
	int hfd, r;

	r = node_pin(s, n, &hfd);
	if (r < 0)
		return r;
	r = path_open(hfd, ".", O_RDONLY | O_DIRECTORY, 0);
	node_unpin(s, n);
	if (r >= 0 && st) {
		int err = path_stat(r, "", st);

		if (err < 0) {
			close(r);
			return err;
		}
	}
	return r;
}

/*
 * O_NONBLOCK: should a FIFO have taken the file's place a moment ago, the open must
 * not wait. O_TRUNC only acts once the descriptor is known to be the right file.
 */
static int open_file(struct session *s, struct node *n, int flags, struct statx *st)
{
	struct node *dir;
	struct name name;
	int dir_hfd, hfd, r;

	r = node_parent(s, n, &dir, &name);
	if (r < 0)
		return r;
	hfd = node_pin(s, dir, &dir_hfd);
	if (hfd == 0) {
		hfd = path_open_same(dir_hfd, name.s, (flags & ~O_TRUNC) | O_NONBLOCK,
				     &n->id, st);
		node_unpin(s, dir);
	}
	node_put(s, dir);
	if (hfd < 0 || !(flags & O_TRUNC))
		return hfd;
	r = host_ftruncate(hfd, 0);
	if (r == 0)
		r = path_stat(hfd, "", st);
	if (r < 0) {
		close(hfd);
		return r;
	}
	return hfd;
}

int node_open(struct session *s, struct node *n, int flags, struct statx *st)
{
	int acc = flags & O_ACCMODE, hfd;

	if (n->excluded)
		return -EACCES;
	if (acc == O_ACCMODE)
		return -EINVAL;
	if ((acc != O_RDONLY || flags & O_TRUNC) && node_writable(n) < 0)
		return -EROFS;
	switch (n->id.type) {
	case S_IFREG:
		if (flags & O_DIRECTORY)
			return -ENOTDIR;
		break;
	case S_IFDIR:
		return acc == O_RDONLY && !(flags & O_TRUNC) && flags & O_DIRECTORY
			       ? open_dir(s, n, st)
			       : -EISDIR;
	case S_IFLNK:
		return -ELOOP;
	default:
		return -ENXIO;
	}
	/* Linux truncates on O_RDONLY | O_TRUNC too, given the right to write. */
	if (acc == O_RDONLY && flags & O_TRUNC) {
		hfd = open_file(s, n, O_WRONLY | O_TRUNC, st);
		if (hfd < 0)
			return hfd;
		close(hfd);
		flags &= ~O_TRUNC;
	}
	return open_file(s, n, flags, st);
}
