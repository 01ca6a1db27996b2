// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that changes an export: make, create (change_make.c), link, rename, unlink,
 * attributes. Each checks that the export may be written and that no hidden name is
 * meant, does one host call on one name, and then brings the nodes up to date.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* 0: nothing of the hidden tree is at @name or below it. */
static int check_hidden(struct session *s, struct node *dir, const char *name)
{
	const struct hide *h;

	mutex_lock(&s->lock);
	h = hide_find(dir->hide, name);
	mutex_unlock(&s->lock);
	if (!h)
		return 0;
	/* The way to a hidden name stays where it is, as a mount point would. */
	return h->hidden ? -EACCES : -EBUSY;
}

int change_check_dir(struct session *s, struct node *dir, const char *name)
{
	int r;

	if (!node_is_dir(dir))
		return -ENOTDIR;
	r = node_writable(dir);
	return r < 0 ? r : check_hidden(s, dir, name);
}

/* --- names --------------------------------------------------------------- */

/*
 * linkat by name: by descriptor it would need a capability. The new name is looked at
 * afterwards, because the old one may have been exchanged just before.
 */
static int link_same(struct node *n, int from_hfd, const char *from, int dir_hfd,
		     const char *name)
{
	struct statx st;
	struct ident id;
	int r;

	r = path_stat(from_hfd, from, &st);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	ident_set(&id, &st);
	if (!ident_eq(&id, &n->id))
		return -ESTALE;
	r = (int)host_ret(linkat(from_hfd, from, dir_hfd, name, 0));
	if (r < 0)
		return r;
	r = path_stat(dir_hfd, name, &st);
	if (r < 0)
		return r;
	ident_set(&id, &st);
	if (ident_eq(&id, &n->id))
		return 0;
	unlinkat(dir_hfd, name, 0);
	return -ESTALE;
}

int change_link(struct session *s, struct node *n, struct node *dir, const char *name)
{
	struct node *from;
	struct name from_name;
	int from_hfd, dir_hfd, r;

	r = change_check_dir(s, dir, name);
	if (r == 0 && n->export != dir->export)
		r = -EXDEV;
	if (r == 0 && node_is_dir(n))
		r = -EPERM;
	if (r == 0)
		r = node_parent(s, n, &from, &from_name);
	if (r < 0)
		return r;
	r = node_pin(s, from, &from_hfd);
	if (r == 0) {
		r = node_pin(s, dir, &dir_hfd);
		if (r == 0) {
			r = link_same(n, from_hfd, from_name.s, dir_hfd, name);
			node_unpin(s, dir);
		}
		node_unpin(s, from);
	}
	node_put(s, from);
	return r;
}

/*
 * What a name that goes away leads to may still be in use: a working directory, an open
 * file whose mode is changed. With a descriptor now its node lives on without a name.
 */
static struct node *hold(struct session *s, struct node *dir, const char *name, int *hfd)
{
	struct node *n = node_known(s, dir, name);

	if (n && node_pin(s, n, hfd) < 0) {
		node_put(s, n);
		n = NULL;
	}
	return n;
}

static void let_go(struct session *s, struct node *n)
{
	if (!n)
		return;
	node_unpin(s, n);
	node_put(s, n);
}

int change_rename(struct session *s, struct node *olddir, const char *oldname,
		  struct node *newdir, const char *newname, unsigned flags)
{
	int old_hfd, new_hfd, hfd, r;
	struct node *victim;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	r = change_check_dir(s, olddir, oldname);
	if (r == -EACCES)
		r = -ENOENT; /* a hidden name is not there */
	if (r == 0)
		r = change_check_dir(s, newdir, newname);
	if (r == 0 && olddir->export != newdir->export)
		r = -EXDEV;
	if (r == 0)
		r = node_pin(s, olddir, &old_hfd);
	if (r < 0)
		return r;
	r = node_pin(s, newdir, &new_hfd);
	if (r == 0) {
		victim = hold(s, newdir, newname, &hfd);
		/* Not by the C library: it makes another call of it without flags. */
		r = (int)host_ret(syscall(SYS_renameat2, old_hfd, oldname, new_hfd,
					  newname, flags));
		let_go(s, victim);
		node_unpin(s, newdir);
	}
	node_unpin(s, olddir);
	if (r == 0)
		node_renamed(s, olddir, oldname, newdir, newname,
			     flags & RENAME_EXCHANGE);
	return r;
}

int change_unlink(struct session *s, struct node *dir, const char *name, bool is_dir)
{
	int dir_hfd, hfd, r;
	struct node *n;

	r = change_check_dir(s, dir, name);
	if (r == -EACCES)
		r = -ENOENT;
	if (r == 0)
		r = node_pin(s, dir, &dir_hfd);
	if (r < 0)
		return r;
	n = hold(s, dir, name, &hfd);
	r = (int)host_ret(unlinkat(dir_hfd, name, is_dir ? AT_REMOVEDIR : 0));
	if (r == 0)
		node_unlinked(s, dir, name);
	let_go(s, n);
	node_unpin(s, dir);
	return r;
}

/* --- attributes ---------------------------------------------------------- */

int change_path_mode(int hfd, unsigned mode)
{
	int r = (int)host_ret(syscall(SYS_fchmodat2, hfd, "", mode, AT_EMPTY_PATH));

	if (r != -ENOSYS)
		return r;
	r = (int)host_ret(fchmod(hfd, mode));
	return r == -EBADF ? -ENOSYS : r;
}

/*
 * Where chmod takes no O_PATH descriptor the inode is opened for real, which a file
 * without any permission does not allow to its unprivileged owner.
 */
static int change_mode(struct session *s, struct node *n, int hfd, unsigned mode)
{
	int r = change_path_mode(hfd, mode & 07777), real;

	if (r != -ENOSYS)
		return r;
	if (S_ISDIR(n->id.type))
		real = node_open(s, n, O_RDONLY | O_DIRECTORY, NULL);
	else if (S_ISREG(n->id.type)) {
		struct statx st;

		real = node_open(s, n, O_RDONLY, &st);
		if (real == -EACCES)
			real = node_open(s, n, O_WRONLY, &st);
	} else {
		return -EOPNOTSUPP;
	}
	if (real < 0)
		return real;
	r = (int)host_ret(fchmod(real, mode & 07777));
	close(real);
	return r;
}

static int change_size(struct session *s, struct node *n, int hfd, uint64_t size)
{
	struct statx st;
	int r;

	if (size > INT64_MAX)
		return -EFBIG;
	if (hfd >= 0)
		return host_ftruncate(hfd, (int64_t)size);
	hfd = node_open(s, n, O_WRONLY, &st);
	if (hfd < 0)
		return hfd == -ENXIO || hfd == -ELOOP ? -EINVAL : hfd;
	r = host_ftruncate(hfd, (int64_t)size);
	close(hfd);
	return r;
}

static int change_times(int hfd, const struct setattr *a)
{
	struct timespec ts[2] = {a->atime, a->mtime};

	if (!(a->valid & P9_SET_ATIME))
		ts[0].tv_nsec = UTIME_OMIT;
	else if (!(a->valid & P9_SET_ATIME_SET))
		ts[0].tv_nsec = UTIME_NOW;
	if (!(a->valid & P9_SET_MTIME))
		ts[1].tv_nsec = UTIME_OMIT;
	else if (!(a->valid & P9_SET_MTIME_SET))
		ts[1].tv_nsec = UTIME_NOW;
	return (int)host_ret(utimensat(hfd, "", ts, AT_EMPTY_PATH));
}

int change_attr(struct session *s, struct node *n, int write_hfd, const struct setattr *a)
{
	int hfd, r;

	r = node_writable(n);
	if (r < 0)
		return r;
	if (a->valid & ~(uint32_t)P9_SET_ALL || a->atime.tv_nsec >= NSEC_PER_SEC ||
	    a->mtime.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if (a->valid & P9_SET_SIZE) {
		r = change_size(s, n, write_hfd, a->size);
		if (r < 0)
			return r;
	}
	if (!(a->valid &
	      (P9_SET_MODE | P9_SET_UID | P9_SET_GID | P9_SET_ATIME | P9_SET_MTIME)))
		return 0;
	r = node_pin(s, n, &hfd);
	if (r < 0)
		return r;
	if (a->valid & (P9_SET_UID | P9_SET_GID))
		r = (int)host_ret(fchownat(
			hfd, "", a->valid & P9_SET_UID ? a->uid : P9_NOUID,
			a->valid & P9_SET_GID ? a->gid : P9_NOUID, AT_EMPTY_PATH));
	/* After the owner, whose change clears set-id bits. */
	if (r == 0 && a->valid & P9_SET_MODE)
		r = change_mode(s, n, hfd, a->mode);
	if (r == 0 && a->valid & (P9_SET_ATIME | P9_SET_MTIME))
		r = change_times(hfd, a);
	node_unpin(s, n);
	return r;
}
