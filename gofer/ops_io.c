// SPDX-License-Identifier: Apache-2.0
/*
 * What 9P2000.L does with an open fid: read, write, readdir, clunk, fsync, and locks. The
 * dialect's Sentry reads and writes the descriptors it was given instead.
 */
#include "gofer/ops.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* --- reading and writing ------------------------------------------------- */

int op_read(struct request *rq)
{
	uint64_t off = rq->t.tread.offset;
	size_t count = min_t(size_t, rq->t.tread.count, rq->data_size);
	struct fid *f;
	ssize_t n;

	n = fid_lookup(rq->s, rq->t.tread.fid, &f);
	if (n < 0)
		return (int)n;
	if (f->xattr && !f->xattr->writing) {
		n = off >= f->xattr->size ? 0
					  : min_t(ssize_t, f->xattr->size - off, count);
		if (n)
			memcpy(rq->data, f->xattr->data + off, (size_t)n);
	} else if (f->hfd < 0) {
		n = f->dir_open ? -EISDIR : -EBADF;
	} else if (off > INT64_MAX) {
		n = -EINVAL;
	} else {
		n = host_pread(f->hfd, rq->data, count, (int64_t)off);
	}
	fid_put(rq->s, f);
	if (n < 0)
		return (int)n;
	rq->r.rdata.data = (struct p9_data){(uint32_t)n, rq->data};
	return 0;
}

static ssize_t write_xattr(struct xattr_io *x, uint64_t off, const struct p9_data *d)
{
	if (off != x->filled || d->len > x->size - x->filled)
		return -EINVAL;
	memcpy(x->data + off, d->p, d->len);
	x->filled += d->len;
	return d->len;
}

int op_write(struct request *rq)
{
	const struct p9_data *d = &rq->t.twrite.data;
	uint64_t off = rq->t.twrite.offset;
	struct fid *f;
	ssize_t n;

	n = fid_lookup(rq->s, rq->t.twrite.fid, &f);
	if (n < 0)
		return (int)n;
	if (f->xattr && f->xattr->writing) {
		mutex_lock(&f->dir.lock);
		n = write_xattr(f->xattr, off, d);
		mutex_unlock(&f->dir.lock);
	} else if (f->hfd < 0) {
		n = -EBADF;
	} else if (off > INT64_MAX) {
		n = -EFBIG;
	} else {
		n = host_pwrite(f->hfd, d->p, d->len, (int64_t)off);
	}
	fid_put(rq->s, f);
	if (n < 0)
		return (int)n;
	rq->r.rwrite.count = (uint32_t)n;
	return 0;
}

int op_readdir(struct request *rq)
{
	struct writer w;
	struct fid *f;
	int r;

	r = fid_lookup(rq->s, rq->t.tread.fid, &f);
	if (r < 0)
		return r;
	writer_init(&w, rq->data, min_t(size_t, rq->t.tread.count, rq->data_size));
	r = f->dir_open ? dir_read(rq->s, f, rq->t.tread.offset, &w) : -EBADF;
	fid_put(rq->s, f);
	rq->r.rdata.data = (struct p9_data){(uint32_t)writer_len(&w), rq->data};
	return r;
}

/* clunk(5): the fid is gone whatever happens; an error says that a write was lost. */
int op_clunk(struct request *rq)
{
	struct fid *f;
	int r, err = 0;

	r = fid_lookup(rq->s, rq->t.tfid.fid, &f);
	if (r < 0)
		return r;
	if (f->xattr && f->xattr->writing) {
		struct xattr_io *x = f->xattr;

		err = x->filled != x->size ? -EINVAL
		      : x->size ? xattr_set(rq->s, f->node, x->name.s, x->data, x->size,
					    x->flags)
				: xattr_remove(rq->s, f->node, x->name.s);
	}
	r = fid_clunk(rq->s, rq->t.tfid.fid);
	fid_put(rq->s, f);
	return err < 0 ? err : r;
}

int op_fsync(struct request *rq)
{
	AUTO_CLOSE int dir_hfd = -1;
	struct fid *f;
	int hfd, r;

	r = fid_lookup(rq->s, rq->t.tfsync.fid, &f);
	if (r < 0)
		return r;
	hfd = f->hfd;
	if (hfd < 0 && node_is_dir(f->node) && !f->node->excluded)
		hfd = dir_hfd = node_open(rq->s, f->node, O_RDONLY | O_DIRECTORY, NULL);
	else if (hfd < 0)
		hfd = -EBADF;
	r = hfd;
	if (hfd >= 0)
		r = (int)host_ret(rq->t.tfsync.datasync ? fdatasync(hfd) : fsync(hfd));
	fid_put(rq->s, f);
	return r;
}

/* --- locks: open file description locks of the fid's own open ------------- */

static int host_lock(uint8_t type, uint64_t start, uint64_t length, struct flock *fl)
{
	static const short types[] = {F_RDLCK, F_WRLCK, F_UNLCK};

	if (type > P9_LOCK_UNLCK || start > INT64_MAX || length > INT64_MAX)
		return -EINVAL;
	*fl = (struct flock){
		.l_type = types[type],
		.l_whence = SEEK_SET,
		.l_start = (int64_t)start,
		.l_len = (int64_t)length,
	};
	return 0;
}

/* Never waits: a client that wants to asks again. */
int op_lock(struct request *rq)
{
	struct flock fl;
	struct fid *f;
	int r;

	r = host_lock(rq->t.tlock.type, rq->t.tlock.start, rq->t.tlock.length, &fl);
	if (r == 0)
		r = fid_lookup(rq->s, rq->t.tlock.fid, &f);
	if (r < 0)
		return r;
	r = f->hfd < 0 ? -EBADF : (int)host_ret(fcntl(f->hfd, F_OFD_SETLK, &fl));
	fid_put(rq->s, f);
	rq->r.rlock.status = P9_LOCK_SUCCESS;
	if (r == -EAGAIN || r == -EACCES) {
		rq->r.rlock.status = P9_LOCK_BLOCKED;
		r = 0;
	}
	return r;
}

int op_getlock(struct request *rq)
{
	struct flock fl;
	struct fid *f;
	int r;

	r = host_lock(rq->t.tgetlock.type, rq->t.tgetlock.start, rq->t.tgetlock.length,
		      &fl);
	if (r == 0)
		r = fid_lookup(rq->s, rq->t.tgetlock.fid, &f);
	if (r < 0)
		return r;
	r = f->hfd < 0 ? -EBADF : (int)host_ret(fcntl(f->hfd, F_OFD_GETLK, &fl));
	fid_put(rq->s, f);
	if (r < 0)
		return r;
	rq->r.rgetlock.type = fl.l_type == F_UNLCK   ? P9_LOCK_UNLCK
			      : fl.l_type == F_WRLCK ? P9_LOCK_WRLCK
						     : P9_LOCK_RDLCK;
	rq->r.rgetlock.start = (uint64_t)fl.l_start;
	rq->r.rgetlock.length = (uint64_t)fl.l_len;
	rq->r.rgetlock.proc_id = rq->t.tgetlock.proc_id;
	rq->r.rgetlock.client_id = rq->t.tgetlock.client_id;
	return 0;
}
