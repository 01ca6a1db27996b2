// SPDX-License-Identifier: Apache-2.0
/*
 * Making files of all kinds, and creating one that is open at once. The host makes them
 * as ours; owner, group and set-id bits are given afterwards, to the inode that was made
 * and to no other, or what was made goes again.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* Owner, group and set-id bits (which a change of owner clears) of an O_PATH @hfd. */
static int give_away(int hfd, const struct make *m, struct statx *st)
{
	unsigned special = m->mode & (S_ISUID | S_ISGID);
	int r;

	if ((m->uid != P9_NOUID && m->uid != st->stx_uid) ||
	    (m->gid != P9_NOUID && m->gid != st->stx_gid)) {
		r = (int)host_ret(fchownat(hfd, "", m->uid, m->gid, AT_EMPTY_PATH));
		if (r == 0)
			r = path_stat(hfd, "", st);
		if (r < 0)
			return r;
	}
	if (S_ISLNK(m->mode) || (st->stx_mode & special) == special)
		return 0;
	r = change_path_mode(hfd, (st->stx_mode & 07777) | special);
	return r < 0 ? r : path_stat(hfd, "", st);
}

/*
 * What stands at @name must be what we made a moment ago: of our type, our own and
 * with no other name. Whoever else may write to the directory could have put an inode
 * there that we must not give away.
 */
static int give_away_made(int dir_hfd, const struct make *m)
{
	AUTO_CLOSE int hfd = path_open(dir_hfd, m->name.s, O_PATH, 0);
	struct statx st;
	int r;

	if (hfd < 0)
		return hfd;
	r = path_stat(hfd, "", &st);
	if (r < 0)
		return r;
	if (((st.stx_mode ^ m->mode) & S_IFMT) || st.stx_uid != geteuid() ||
	    (!S_ISDIR(m->mode) && st.stx_nlink != 1))
		return -ESTALE;
	return give_away(hfd, m, &st);
}

static int make_one(int dir_hfd, const struct make *m)
{
	unsigned perm = m->mode & 07777;
	int r;

	switch (m->mode & S_IFMT) {
	case S_IFDIR:
		return (int)host_ret(mkdirat(dir_hfd, m->name.s, perm));
	case S_IFLNK:
		return (int)host_ret(symlinkat(m->target, dir_hfd, m->name.s));
	case S_IFREG:
		r = path_open(dir_hfd, m->name.s, O_CREAT | O_EXCL | O_WRONLY, perm);
		if (r >= 0)
			close(r);
		return min_t(int, r, 0);
	case S_IFCHR:
		/* A device node on the host would be open to all the host.
		 * 0:0 is a whiteout. */
		if (m->rdev_major || m->rdev_minor)
			return -EPERM;
		return (int)host_ret(mknodat(dir_hfd, m->name.s, m->mode, 0));
	case S_IFIFO:
	case S_IFSOCK:
		return (int)host_ret(mknodat(dir_hfd, m->name.s, m->mode, 0));
	case S_IFBLK:
		return -EPERM;
	}
	return -EINVAL;
}

int change_make(struct session *s, struct node *dir, const struct make *m,
		struct node **out, struct statx *st)
{
	int dir_hfd, r;

	*out = NULL;
	r = change_check_dir(s, dir, m->name.s);
	/* Only a directory may appear on the way to a hidden name. */
	if (r == -EBUSY && S_ISDIR(m->mode))
		r = 0;
	if (r == 0)
		r = node_pin(s, dir, &dir_hfd);
	if (r < 0)
		return r;
	r = make_one(dir_hfd, m);
	if (r == 0) {
		if (m->uid != P9_NOUID || m->gid != P9_NOUID ||
		    m->mode & (S_ISUID | S_ISGID))
			r = give_away_made(dir_hfd, m);
		if (r < 0)
			unlinkat(dir_hfd, m->name.s, S_ISDIR(m->mode) ? AT_REMOVEDIR : 0);
	}
	node_unpin(s, dir);
	return r < 0 ? r : node_step(s, dir, m->name.s, false, out, st);
}

/* A new file, open; owner set through the descriptor, so on nothing else. */
static int create_new(int dir_hfd, const struct make *m, int flags, struct statx *st)
{
	int hfd, r;

	hfd = path_open(dir_hfd, m->name.s, flags | O_CREAT | O_EXCL, m->mode & 07777);
	if (hfd < 0)
		return hfd;
	r = path_stat(hfd, "", st);
	if (r == 0)
		r = give_away(hfd, m, st);
	if (r < 0) {
		unlinkat(dir_hfd, m->name.s, 0);
		close(hfd);
		return r;
	}
	return hfd;
}

int change_create(struct session *s, struct node *dir, const struct make *m, int flags,
		  struct node **out, struct statx *st, bool *created)
{
	int keep = flags & ~(O_CREAT | O_EXCL), dir_hfd, hfd, r;
	bool may_create;

	*out = NULL;
	*created = false;
	r = change_check_dir(s, dir, m->name.s);
	may_create = r == 0;
	/* open(2): without O_EXCL an existing file
	 * may be read though nothing can be made. */
	if (r < 0 && (r != -EROFS || flags & O_EXCL))
		return r;
	/* Somebody else may make and remove the name all the time: try a few times. */
	for (int tries = 0; tries < 8; tries++) {
		if (may_create) {
			r = node_pin(s, dir, &dir_hfd);
			if (r < 0)
				return r;
			hfd = create_new(dir_hfd, m, keep & ~O_TRUNC, st);
			node_unpin(s, dir);
			*created = hfd >= 0;
			if (hfd != -EEXIST || flags & O_EXCL)
				break;
		}
		hfd = node_step(s, dir, m->name.s, false, out, st);
		if (hfd == 0)
			hfd = node_open(s, *out, keep, st);
		if (hfd != -ENOENT && hfd != -ESTALE)
			break;
		if (!may_create)
			return hfd == -ENOENT ? -EROFS : hfd;
		node_put(s, TAKE_PTR(*out));
	}
	r = hfd;
	if (*created) {
		struct statx again;

		r = node_step(s, dir, m->name.s, false, out, &again);
		if (r < 0)
			close(hfd);
		else
			r = hfd;
	}
	if (r < 0)
		node_put(s, TAKE_PTR(*out));
	return r;
}
