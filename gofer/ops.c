// SPDX-License-Identifier: Apache-2.0
/*
 * The table of requests, and what 9P2000.L says of sessions and of how fids come to be:
 * attach, walk, open, create. A handler fills rq->r and returns 0, or a negative errno.
 */
#include "gofer/ops.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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
