// SPDX-License-Identifier: Apache-2.0
/*
 * The only two ways in which the server reaches a file: openat2 and statx of one
 * name below a descriptor it already holds. A name has no '/', is not "..", and a
 * symlink is never followed, so nothing the client says or a racing process does
 * can lead out of an export; openat2's RESOLVE_BENEATH says so to the kernel again.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sentry/base/host.h"

int name_set(struct name *n, const struct p9_str *s)
{
	if (s->len > P9_NAME_MAX)
		return -ENAMETOOLONG;
	if (!p9_name_ok(s))
		return -EINVAL;
	memcpy(n->s, s->s, s->len);
	n->s[s->len] = 0;
	return 0;
}

int path_open(int dir_hfd, const char *name, int flags, unsigned mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};
	int64_t r;

	/* O_PATH may not stand beside flags that only mean something for I/O. */
	if (!(flags & O_PATH))
		how.flags |= O_NOCTTY;
	/* -EAGAIN: a rename or mount anywhere raced the check of RESOLVE_BENEATH. */
	for (int tries = 0; tries < 8; tries++) {
		r = host_ret(syscall(SYS_openat2, dir_hfd, name, &how, sizeof(how)));
		if (r != -EAGAIN && r != -EINTR)
			break;
	}
	return (int)r;
}

int path_stat(int hfd, const char *name, struct statx *st)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	if (!*name)
		flags |= AT_EMPTY_PATH;
	return (int)host_ret(statx(hfd, name, flags,
				   STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, st));
}

ssize_t path_readlink(int hfd, const char *name, char *buf, size_t size)
{
	return host_ret(readlinkat(hfd, name, buf, size));
}

void ident_set(struct ident *id, const struct statx *st)
{
	*id = (struct ident){
		.dev_major = st->stx_dev_major,
		.dev_minor = st->stx_dev_minor,
		.type = st->stx_mode & S_IFMT,
		.ino = st->stx_ino,
	};
	if (st->stx_mask & STATX_BTIME)
		id->btime = (struct p9_time){st->stx_btime.tv_sec, st->stx_btime.tv_nsec};
}

bool ident_eq(const struct ident *a, const struct ident *b)
{
	return a->ino == b->ino && a->dev_major == b->dev_major &&
	       a->dev_minor == b->dev_minor && a->type == b->type &&
	       a->btime.sec == b->btime.sec && a->btime.nsec == b->btime.nsec;
}

int path_open_same(int dir_hfd, const char *name, int flags, const struct ident *id,
		   struct statx *st)
{
	struct ident now;
	int hfd, r;

	hfd = path_open(dir_hfd, name, flags, 0);
	/* Whatever the name is now, it is not what it was. */
	if (hfd == -ENOENT || hfd == -ELOOP || hfd == -ENXIO || hfd == -ENOTDIR)
		return -ESTALE;
	if (hfd < 0)
		return hfd;
	r = path_stat(hfd, "", st);
	if (r == 0) {
		ident_set(&now, st);
		if (!ident_eq(&now, id))
			r = -ESTALE;
	}
	if (r < 0) {
		close(hfd);
		return r;
	}
	return hfd;
}
