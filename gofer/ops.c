// SPDX-License-Identifier: Apache-2.0
/*
 * The table of requests, and what 9P2000.L says of sessions and fids: attach, walk,
 * open, read, write, clunk. A handler fills rq->r and returns 0, or a negative errno.
 */
#include "gofer/ops.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* --- helpers ------------------------------------------------------------- */

int op_fid_name(struct request *rq, uint32_t fid, const struct p9_str *s, struct fid **f,
		struct name *name)
{
	int r = name_set(name, s);

	*f = NULL;
	return r < 0 ? r : fid_lookup(rq->s, fid, f);
}

int op_reply_qid(struct request *rq, const struct statx *st)
{
	return attr_qid(rq->s, st, &rq->r.rqid.qid);
}

/* --- sessions ------------------------------------------------------------ */

static int op_version(struct request *rq)
{
	struct session *s = rq->s;
	const struct p9_str *v = &rq->t.version.version;
	struct p9_msg *r = &rq->r;

	if (!rq->ch->main || rq->t.version.msize < P9_MSIZE_MIN)
		return -EINVAL;
	s->versioned = false;
	fid_clunk_all(s);
	s->msize = min_t(uint32_t, rq->t.version.msize, P9_MSIZE_MAX);
	s->dialect = p9_str_eq(v, P9_VERSION_RUNSC);
	r->version.msize = s->msize;
	if (s->dialect) {
		r->version.version = p9_str(P9_VERSION_RUNSC);
	} else if (v->len >= 8 && !memcmp(v->s, P9_VERSION_L, 8) &&
		   (v->len == 8 || v->s[8] == '.')) {
		/* version(5): what follows a period may
		 * be dropped by who does not know it */
		r->version.version = p9_str(P9_VERSION_L);
	} else {
		r->version.version = p9_str("unknown");
		return 0;
	}
	s->versioned = true;
	return 0;
}

static int op_auth(struct request *rq)
{
	(void)rq;
	/* attach(5): none is required, the socket is enough.
	 * Peers know it by this error. */
	return -ENOENT;
}

static int op_attach(struct request *rq)
{
	struct gofer *g = rq->s->g;
	struct export_root *e = export_find(g, &rq->t.tattach.aname);
	struct node *n;
	struct statx st;
	int r;

	if (rq->t.tattach.afid != P9_NOFID)
		return -EINVAL;
	/* A client that names no export means the only one. */
	if (!e && !rq->t.tattach.aname.len && g->n_exports == 1)
		e = &g->exports[0];
	if (!e)
		return -ENOENT;
	r = node_root(rq->s, e, &n);
	if (r < 0)
		return r;
	if (e->file) {
		struct node *root = n;

		r = node_step(rq->s, root, e->file, false, &n, &st);
		node_put(rq->s, root);
		if (r < 0)
			return r;
	}
	r = node_stat(rq->s, n, &st);
	if (r == 0)
		r = op_reply_qid(rq, &st);
	if (r == 0)
		r = fid_bind(rq->s, rq->t.tattach.fid, n);
	node_put(rq->s, n);
	return r;
}

/* --- walking ------------------------------------------------------------- */

/* *n, a reference, becomes its parent; the export's root is its own. */
static int step_up(struct session *s, struct node **n, struct statx *st)
{
	struct node *dir;

	mutex_lock(&s->lock);
	dir = (*n)->parent;
	if (dir && !(*n)->export->file)
		dir->refs++;
	else
		dir = NULL;
	mutex_unlock(&s->lock);
	if (dir) {
		node_put(s, *n);
		*n = dir;
	}
	return node_stat(s, *n, st);
}

static int plain_step(struct session *s, const struct p9_str *str, struct node **n,
		      struct statx *st)
{
	struct node *next;
	struct name name;
	int r;

	if (p9_str_eq(str, ".."))
		return node_is_dir(*n) ? step_up(s, n, st) : -ENOTDIR;
	r = name_set(&name, str);
	if (r == 0)
		r = node_step(s, *n, name.s, true, &next, st);
	if (r == 0) {
		node_put(s, *n);
		*n = next;
	}
	return r;
}

static int op_walk(struct request *rq)
{
	uint32_t fid = rq->t.twalk.fid, newfid = rq->t.twalk.newfid;
	const struct p9_names *names = &rq->t.twalk.names;
	struct p9_qids *qids = &rq->r.rwalk.qids;
	struct session *s = rq->s;
	struct fid *f;
	struct node *n;
	int r;

	r = fid_lookup(s, fid, &f);
	if (r < 0)
		return r;
	/* walk(5) forbids it of an open fid;
	 * peers do it from open directories all the same. */
	if (f->xattr || (newfid == fid && (f->hfd >= 0 || f->dir_open)))
		r = -EBUSY;
	else if (newfid != fid && !fid_range_free(s, newfid, 1))
		r = -EBADF;
	if (r < 0) {
		fid_put(s, f);
		return r;
	}
	n = f->node;
	node_get(s, n);
	qids->n = 0;
	for (unsigned i = 0; i < names->n; i++) {
		struct statx st;

		r = plain_step(s, &names->name[i], &n, &st);
		if (r == 0)
			r = attr_qid(s, &st, &qids->qid[i]);
		if (r < 0)
			break;
		qids->n++;
	}
	/* walk(5): an error only if the first name fails; newfid only if none does. */
	if (qids->n == names->n) {
		if (newfid == fid)
			fid_clunk(s, fid);
		r = fid_bind(s, newfid, n);
	} else if (qids->n) {
		r = 0;
	}
	node_put(s, n);
	fid_put(s, f);
	return r;
}

/* --- opening ------------------------------------------------------------- */

static int op_lopen(struct request *rq)
{
	int flags = (int)(rq->t.tlopen.flags & OP_OPEN_FLAGS), hfd, r;
	struct session *s = rq->s;
	struct statx st;
	struct fid *f;
	bool dir;

	r = fid_lookup(s, rq->t.tlopen.fid, &f);
	if (r < 0)
		return r;
	dir = node_is_dir(f->node);
	if (f->xattr) {
		r = -EBUSY;
	} else if (dir && f->node->excluded) {
		r = flags & O_ACCMODE ? -EISDIR : node_stat(s, f->node, &st);
		if (r == 0)
			r = fid_set_open(s, f, -1, flags, true);
	} else {
		hfd = node_open(s, f->node, flags | (dir ? O_DIRECTORY : 0), &st);
		r = hfd < 0 ? hfd : fid_set_open(s, f, hfd, flags, dir);
		if (hfd >= 0 && r < 0)
			close(hfd);
	}
	if (r == 0) {
		rq->r.ropen.iounit = 0;
		r = attr_qid(s, &st, &rq->r.ropen.qid);
	}
	fid_put(s, f);
	return r;
}

/* The fid of the directory becomes the one of the new, open file. */
static int op_lcreate(struct request *rq)
{
	int flags = (int)(rq->t.tlcreate.flags & (OP_OPEN_FLAGS | O_EXCL)), hfd, r;
	struct make m = {
		.mode = (rq->t.tlcreate.mode & 07777) | S_IFREG,
		.uid = P9_NOUID,
		.gid = rq->t.tlcreate.gid,
	};
	uint32_t id = rq->t.tlcreate.fid;
	struct session *s = rq->s;
	struct fid *dir, *f = NULL;
	struct node *n = NULL;
	struct statx st;
	bool created;

	r = op_fid_name(rq, id, &rq->t.tlcreate.name, &dir, &m.name);
	if (r < 0)
		return r;
	if (dir->dir_open || dir->xattr) {
		fid_put(s, dir);
		return -EBUSY;
	}
	hfd = change_create(s, dir->node, &m, flags, &n, &st, &created);
	r = hfd;
	if (hfd >= 0) {
		fid_clunk(s, id);
		r = fid_bind(s, id, n);
		if (r == 0)
			r = fid_lookup(s, id, &f);
		if (r == 0)
			r = fid_set_open(s, f, hfd, flags, false);
		if (r < 0)
			close(hfd);
	}
	if (r == 0) {
		rq->r.ropen.iounit = 0;
		r = attr_qid(s, &st, &rq->r.ropen.qid);
	}
	fid_put(s, f);
	node_put(s, n);
	fid_put(s, dir);
	return r;
}

/* --- reading and writing ------------------------------------------------- */

static int op_read(struct request *rq)
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

static int op_write(struct request *rq)
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

static int op_readdir(struct request *rq)
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
static int op_clunk(struct request *rq)
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

static int op_fsync(struct request *rq)
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
static int op_lock(struct request *rq)
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

static int op_getlock(struct request *rq)
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

const op_fn gofer_ops[256] = {
	[P9_TVERSION] = op_version,
	[P9_TAUTH] = op_auth,
	[P9_TATTACH] = op_attach,
	[P9_TFLUSH] = op_flush,
	[P9_TWALK] = op_walk,
	[P9_TLOPEN] = op_lopen,
	[P9_TLCREATE] = op_lcreate,
	[P9_TREAD] = op_read,
	[P9_TWRITE] = op_write,
	[P9_TREADDIR] = op_readdir,
	[P9_TCLUNK] = op_clunk,
	[P9_TFSYNC] = op_fsync,
	[P9_TLOCK] = op_lock,
	[P9_TGETLOCK] = op_getlock,
	[P9_TREMOVE] = op_remove,
	[P9_TUNLINKAT] = op_unlinkat,
	[P9_TMKDIR] = op_mkdir,
	[P9_TMKNOD] = op_mknod,
	[P9_TSYMLINK] = op_symlink,
	[P9_TREADLINK] = op_readlink,
	[P9_TLINK] = op_link,
	[P9_TRENAME] = op_rename,
	[P9_TRENAMEAT] = op_renameat,
	[P9_TGETATTR] = op_getattr,
	[P9_TSETATTR] = op_setattr,
	[P9_TSTATFS] = op_statfs,
	[P9_TXATTRWALK] = op_xattrwalk,
	[P9_TXATTRCREATE] = op_xattrcreate,

	[P9_TXWALK] = op_xwalk,
	[P9_TXOPEN] = op_xopen,
	[P9_TXCREATE] = op_xcreate,
	[P9_TXGETATTR] = op_xgetattr,
	[P9_TXSETATTR] = op_xsetattr,
	[P9_TXMAKE] = op_xmake,
	[P9_TXLINK] = op_xlink,
	[P9_TXRENAME] = op_xrename,
	[P9_TXREADDIR] = op_xreaddir,
	[P9_TXGETXATTR] = op_xgetxattr,
	[P9_TXSETXATTR] = op_xsetxattr,
	[P9_TXLISTXATTR] = op_xgetxattr,
	[P9_TXREMOVEXATTR] = op_xremovexattr,
	[P9_TXNOTIFY] = op_xnotify,
	[P9_TXWATCH] = op_xwatch,
	[P9_TXUNWATCH] = op_xunwatch,
	[P9_TXCLUNK] = op_xclunk,
	[P9_TXCHANNEL] = op_xchannel,
};
