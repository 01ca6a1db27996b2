// SPDX-License-Identifier: Apache-2.0
/* The dialect that our own Sentry speaks (proto.h); its walk: ops_xwalk.c. */
#include "gofer/ops.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* --- open, create ---------------------------------------------------------- */

int op_xopen(struct request *rq)
{
	struct statx st;
	struct fid *f;
	int hfd, r;

	if (rq->t.txopen.flags & ~(uint32_t)OP_OPEN_FLAGS)
		return -EINVAL;
	r = fid_lookup(rq->s, rq->t.txopen.fid, &f);
	if (r < 0)
		return r;
	hfd = node_open(rq->s, f->node, (int)rq->t.txopen.flags, &st);
	fid_put(rq->s, f);
	if (hfd < 0)
		return hfd;
	r = attr_fill(rq->s, &st, &rq->r.rxopen.attr);
	if (r < 0) {
		close(hfd);
		return r;
	}
	rq->r.rxopen.n_fds = 1;
	op_donate(rq, hfd);
	return 0;
}

int op_xcreate(struct request *rq)
{
	struct make m = {
		.mode = (rq->t.txcreate.mode & 07777) | S_IFREG,
		.uid = rq->t.txcreate.uid,
		.gid = rq->t.txcreate.gid,
	};
	struct node *n;
	struct statx st;
	struct fid *f;
	bool created;
	int hfd, r;

	if (rq->t.txcreate.flags & ~(uint32_t)(OP_OPEN_FLAGS | O_EXCL))
		return -EINVAL;
	r = op_fid_name(rq, rq->t.txcreate.fid, &rq->t.txcreate.name, &f, &m.name);
	if (r < 0)
		return r;
	hfd = -EBADF;
	if (fid_range_free(rq->s, rq->t.txcreate.newfid, 1))
		hfd = change_create(rq->s, f->node, &m, (int)rq->t.txcreate.flags, &n,
				    &st, &created);
	fid_put(rq->s, f);
	if (hfd < 0)
		return hfd;
	r = attr_fill(rq->s, &st, &rq->r.rxcreate.attr);
	if (r == 0)
		r = fid_bind(rq->s, rq->t.txcreate.newfid, n);
	node_put(rq->s, n);
	if (r < 0) {
		close(hfd);
		return r;
	}
	rq->r.rxcreate.n_fds = 1;
	rq->r.rxcreate.created = created;
	op_donate(rq, hfd);
	return 0;
}

/* --- attributes ------------------------------------------------------------ */

static int reply_attr(struct request *rq, struct node *n)
{
	struct statx st;
	int r = node_stat(rq->s, n, &st);

	return r < 0 ? r : attr_fill(rq->s, &st, &rq->r.rattr.attr);
}

int op_xgetattr(struct request *rq)
{
	struct fid *f;
	int r;

	r = fid_lookup(rq->s, rq->t.txgetattr.fid, &f);
	if (r < 0)
		return r;
	r = reply_attr(rq, f->node);
	fid_put(rq->s, f);
	return r;
}

int op_xsetattr(struct request *rq)
{
	struct setattr a;
	struct fid *f;
	int r;

	r = op_setattr_args(rq, &a);
	if (r == 0)
		r = fid_lookup(rq->s, rq->t.tsetattr.fid, &f);
	if (r < 0)
		return r;
	r = change_attr(rq->s, f->node, -1, &a);
	if (r == 0)
		r = reply_attr(rq, f->node);
	fid_put(rq->s, f);
	return r;
}

/* --- names ----------------------------------------------------------------- */

int op_xmake(struct request *rq)
{
	struct make m = {
		.mode = rq->t.txmake.mode,
		.rdev_major = rq->t.txmake.rdev_major,
		.rdev_minor = rq->t.txmake.rdev_minor,
		.uid = rq->t.txmake.uid,
		.gid = rq->t.txmake.gid,
	};
	uint32_t newfid = rq->t.txmake.newfid;
	char target[P9_PATH_MAX];
	struct node *n;
	struct statx st;
	struct fid *f;
	int r;

	if (S_ISLNK(m.mode)) {
		r = op_target_set(target, sizeof(target), &rq->t.txmake.target);
		if (r < 0)
			return r;
		m.target = target;
	}
	r = op_fid_name(rq, rq->t.txmake.fid, &rq->t.txmake.name, &f, &m.name);
	if (r < 0)
		return r;
	if (newfid != P9_NOFID && !fid_range_free(rq->s, newfid, 1))
		r = -EBADF;
	if (r == 0)
		r = change_make(rq->s, f->node, &m, &n, &st);
	fid_put(rq->s, f);
	if (r < 0)
		return r;
	r = attr_fill(rq->s, &st, &rq->r.rattr.attr);
	if (r == 0 && newfid != P9_NOFID)
		r = fid_bind(rq->s, newfid, n);
	node_put(rq->s, n);
	return r;
}

int op_xlink(struct request *rq)
{
	struct fid *dir, *f;
	struct name name;
	int r;

	r = op_fid_name(rq, rq->t.txlink.dfid, &rq->t.txlink.name, &dir, &name);
	if (r < 0)
		return r;
	r = fid_lookup(rq->s, rq->t.txlink.fid, &f);
	if (r == 0)
		r = change_link(rq->s, f->node, dir->node, name.s);
	if (r == 0)
		r = reply_attr(rq, f->node);
	fid_put(rq->s, f);
	fid_put(rq->s, dir);
	return r;
}

int op_xrename(struct request *rq)
{
	const struct p9_msg *m = &rq->t;

	return op_rename_names(rq, m->txrename.olddir, &m->txrename.oldname,
			       m->txrename.newdir, &m->txrename.newname,
			       m->txrename.flags);
}

int op_xreaddir(struct request *rq)
{
	struct writer w;
	struct fid *f;
	bool end;
	int r;

	if (rq->t.txreaddir.flags & ~(uint32_t)P9_XREADDIR_ALL)
		return -EINVAL;
	r = fid_lookup(rq->s, rq->t.txreaddir.fid, &f);
	if (r < 0)
		return r;
	writer_init(&w, rq->data, min_t(size_t, rq->t.txreaddir.count, rq->data_size));
	r = dir_read_x(rq->s, f, rq->t.txreaddir.offset, rq->t.txreaddir.flags, &w,
		       &rq->r.rxreaddir.wd, &end);
	fid_put(rq->s, f);
	rq->r.rxreaddir.end = end;
	rq->r.rxreaddir.data = (struct p9_data){(uint32_t)writer_len(&w), rq->data};
	return r;
}

/* --- extended attributes ---------------------------------------------------- */

/* Also Txlistxattr, whose fields are the same but for the name. */
int op_xgetxattr(struct request *rq)
{
	bool list = rq->t.type == P9_TXLISTXATTR;
	size_t size = min_t(size_t, rq->t.txgetxattr.size, XATTR_MAX);
	struct name name;
	struct fid *f;
	ssize_t n;

	if (size > rq->data_size)
		return -ERANGE;
	n = list ? 0 : op_xattr_name(&name, &rq->t.txgetxattr.name);
	if (n == 0)
		n = fid_lookup(rq->s, rq->t.txgetxattr.fid, &f);
	if (n < 0)
		return (int)n;
	n = xattr_get(rq->s, f->node, list ? NULL : name.s, rq->data, size);
	fid_put(rq->s, f);
	if (n < 0)
		return (int)n;
	rq->r.rxgetxattr.size = (uint32_t)n;
	rq->r.rxgetxattr.value = (struct p9_data){size ? (uint32_t)n : 0, rq->data};
	return 0;
}

int op_xsetxattr(struct request *rq)
{
	const struct p9_data *v = &rq->t.txsetxattr.value;
	struct name name;
	struct fid *f;
	int r;

	if (v->len > XATTR_MAX)
		return -E2BIG;
	r = op_xattr_name(&name, &rq->t.txsetxattr.name);
	if (r == 0)
		r = fid_lookup(rq->s, rq->t.txsetxattr.fid, &f);
	if (r < 0)
		return r;
	r = xattr_set(rq->s, f->node, name.s, v->p, v->len, (int)rq->t.txsetxattr.flags);
	fid_put(rq->s, f);
	return r;
}

int op_xremovexattr(struct request *rq)
{
	struct name name;
	struct fid *f;
	int r;

	r = op_xattr_name(&name, &rq->t.txremovexattr.name);
	if (r == 0)
		r = fid_lookup(rq->s, rq->t.txremovexattr.fid, &f);
	if (r < 0)
		return r;
	r = xattr_remove(rq->s, f->node, name.s);
	fid_put(rq->s, f);
	return r;
}

/* --- watches, batches, channels --------------------------------------------- */

int op_xnotify(struct request *rq)
{
	struct session *s = rq->s;
	int hfd, copy, r = 0;

	hfd = (int)host_ret(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	if (hfd < 0)
		return hfd;
	/* The reply closes what it donates: that is a copy. */
	copy = (int)host_ret(fcntl(hfd, F_DUPFD_CLOEXEC, 3));
	if (copy < 0) {
		close(hfd);
		return copy;
	}
	mutex_lock(&s->lock);
	if (s->inotify_hfd >= 0)
		r = -EBUSY;
	else
		s->inotify_hfd = hfd;
	mutex_unlock(&s->lock);
	if (r < 0) {
		close(hfd);
		close(copy);
		return r;
	}
	op_donate(rq, copy);
	rq->r.rfds.n_fds = 1;
	return r;
}

int op_xwatch(struct request *rq)
{
	struct fid *f;
	bool fresh;
	int r;

	r = fid_lookup(rq->s, rq->t.txwatch.fid, &f);
	if (r < 0)
		return r;
	r = watch_add(rq->s, f->node, &rq->r.rxwatch.wd, &fresh);
	fid_put(rq->s, f);
	return r;
}

int op_xunwatch(struct request *rq)
{
	for (unsigned i = 0; i < rq->t.tbatch.ids.n; i++)
		watch_remove(rq->s, (int)rq->t.tbatch.ids.v[i]);
	return 0;
}

/* All that are there; EBADF if one was not. */
int op_xclunk(struct request *rq)
{
	int r = 0;

	for (unsigned i = 0; i < rq->t.tbatch.ids.n; i++)
		if (fid_clunk(rq->s, rq->t.tbatch.ids.v[i]) < 0)
			r = -EBADF;
	return r;
}

int op_xchannel(struct request *rq)
{
	uint32_t cpu = rq->t.txchannel.cpu;
	int peer, r;

	r = channel_open(rq->s, cpu < 4096 ? (int)cpu : -1, &peer);
	if (r < 0)
		return r;
	rq->r.rfds.n_fds = 1;
	op_donate(rq, peer);
	return 0;
}
