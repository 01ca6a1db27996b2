// SPDX-License-Identifier: Apache-2.0
/* Plain 9P2000.L: what makes, moves and removes names, and attributes. */
#include "gofer/ops.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* --- names --------------------------------------------------------------- */

static int make_plain(struct request *rq, uint32_t dfid, const struct p9_str *name,
		      struct make *m)
{
	struct node *n;
	struct statx st;
	struct fid *f;
	int r;

	r = op_fid_name(rq, dfid, name, &f, &m->name);
	if (r < 0)
		return r;
	m->uid = P9_NOUID;
	r = change_make(rq->s, f->node, m, &n, &st);
	fid_put(rq->s, f);
	if (r < 0)
		return r;
	node_put(rq->s, n);
	return op_reply_qid(rq, &st);
}

int op_mkdir(struct request *rq)
{
	struct make m = {
		.mode = (rq->t.tmkdir.mode & 07777) | S_IFDIR,
		.gid = rq->t.tmkdir.gid,
	};

	return make_plain(rq, rq->t.tmkdir.dfid, &rq->t.tmkdir.name, &m);
}

int op_mknod(struct request *rq)
{
	struct make m = {
		.mode = rq->t.tmknod.mode,
		.rdev_major = rq->t.tmknod.major,
		.rdev_minor = rq->t.tmknod.minor,
		.gid = rq->t.tmknod.gid,
	};

	if (S_ISDIR(m.mode) || S_ISLNK(m.mode))
		return -EINVAL;
	return make_plain(rq, rq->t.tmknod.fid, &rq->t.tmknod.name, &m);
}

int op_target_set(char *buf, size_t size, const struct p9_str *t)
{
	if (!t->len)
		return -ENOENT;
	if (t->len >= size)
		return -ENAMETOOLONG;
	if (memchr(t->s, 0, t->len))
		return -EINVAL;
	memcpy(buf, t->s, t->len);
	buf[t->len] = 0;
	return 0;
}

int op_symlink(struct request *rq)
{
	struct make m = {.mode = S_IFLNK | 0777, .gid = rq->t.tsymlink.gid};
	char target[P9_PATH_MAX];
	int r = op_target_set(target, sizeof(target), &rq->t.tsymlink.target);

	if (r < 0)
		return r;
	m.target = target;
	return make_plain(rq, rq->t.tsymlink.fid, &rq->t.tsymlink.name, &m);
}

ssize_t op_target(struct session *s, struct node *n, char *buf, size_t size)
{
	ssize_t len;
	int hfd, r;

	if (!S_ISLNK(n->id.type))
		return -EINVAL;
	r = node_pin(s, n, &hfd);
	if (r < 0)
		return r;
	len = path_readlink(hfd, "", buf, size);
	node_unpin(s, n);
	return len;
}

int op_readlink(struct request *rq)
{
	char *buf = (char *)rq->data;
	struct fid *f;
	ssize_t len;

	len = fid_lookup(rq->s, rq->t.tfid.fid, &f);
	if (len < 0)
		return (int)len;
	len = op_target(rq->s, f->node, buf, min_t(size_t, rq->data_size, P9_PATH_MAX));
	fid_put(rq->s, f);
	if (len < 0)
		return (int)len;
	rq->r.rreadlink.target = (struct p9_str){(uint16_t)len, buf};
	return 0;
}

int op_link(struct request *rq)
{
	struct fid *dir, *f;
	struct name name;
	int r;

	r = op_fid_name(rq, rq->t.tlink.dfid, &rq->t.tlink.name, &dir, &name);
	if (r < 0)
		return r;
	r = fid_lookup(rq->s, rq->t.tlink.fid, &f);
	if (r == 0)
		r = change_link(rq->s, f->node, dir->node, name.s);
	fid_put(rq->s, f);
	fid_put(rq->s, dir);
	return r;
}

int op_rename_names(struct request *rq, uint32_t olddir, const struct p9_str *oldname,
		    uint32_t newdir, const struct p9_str *newname, uint32_t flags)
{
	struct name old, new;
	struct fid *from, *to = NULL;
	int r;

	r = op_fid_name(rq, olddir, oldname, &from, &old);
	if (r < 0)
		return r;
	r = op_fid_name(rq, newdir, newname, &to, &new);
	if (r == 0)
		r = change_rename(rq->s, from->node, old.s, to->node, new.s, flags);
	fid_put(rq->s, to);
	fid_put(rq->s, from);
	return r;
}

int op_renameat(struct request *rq)
{
	const struct p9_msg *m = &rq->t;

	return op_rename_names(rq, m->trenameat.olddir, &m->trenameat.oldname,
			       m->trenameat.newdir, &m->trenameat.newname, 0);
}

/* The older form: what a fid names, whatever that is called now. */
int op_rename(struct request *rq)
{
	struct name oldname, newname;
	struct fid *to, *f;
	struct node *dir;
	int r;

	r = op_fid_name(rq, rq->t.trename.dfid, &rq->t.trename.name, &to, &newname);
	if (r < 0)
		return r;
	r = fid_lookup(rq->s, rq->t.trename.fid, &f);
	if (r == 0)
		r = node_parent(rq->s, f->node, &dir, &oldname);
	if (r == 0) {
		r = change_rename(rq->s, dir, oldname.s, to->node, newname.s, 0);
		node_put(rq->s, dir);
	}
	fid_put(rq->s, f);
	fid_put(rq->s, to);
	return r;
}

int op_unlinkat(struct request *rq)
{
	struct name name;
	struct fid *dir;
	int r;

	if (rq->t.tunlinkat.flags & ~(uint32_t)P9_UNLINK_DIR)
		return -EINVAL;
	r = op_fid_name(rq, rq->t.tunlinkat.dfid, &rq->t.tunlinkat.name, &dir, &name);
	if (r < 0)
		return r;
	r = change_unlink(rq->s, dir->node, name.s,
			  rq->t.tunlinkat.flags & P9_UNLINK_DIR);
	fid_put(rq->s, dir);
	return r;
}

/* remove(5): the fid is clunked even if the file stays. */
int op_remove(struct request *rq)
{
	struct node *dir;
	struct name name;
	struct fid *f;
	int r;

	r = fid_lookup(rq->s, rq->t.tfid.fid, &f);
	if (r < 0)
		return r;
	r = node_parent(rq->s, f->node, &dir, &name);
	if (r == 0) {
		r = change_unlink(rq->s, dir, name.s, node_is_dir(f->node));
		node_put(rq->s, dir);
	}
	fid_clunk(rq->s, rq->t.tfid.fid);
	fid_put(rq->s, f);
	return r;
}

/* --- attributes ---------------------------------------------------------- */

int op_getattr(struct request *rq)
{
	struct p9_msg *m = &rq->r;
	struct statx st;
	struct fid *f;
	int r;

	r = fid_lookup(rq->s, rq->t.tgetattr.fid, &f);
	if (r < 0)
		return r;
	r = f->hfd >= 0 ? path_stat(f->hfd, "", &st) : node_stat(rq->s, f->node, &st);
	fid_put(rq->s, f);
	if (r == 0)
		r = attr_qid(rq->s, &st, &m->rgetattr.qid);
	if (r < 0)
		return r;
	m->rgetattr.valid = P9_GETATTR_BASIC;
	if (st.stx_mask & STATX_BTIME)
		m->rgetattr.valid |= P9_GETATTR_BTIME;
	m->rgetattr.mode = st.stx_mode;
	m->rgetattr.uid = st.stx_uid;
	m->rgetattr.gid = st.stx_gid;
	m->rgetattr.nlink = st.stx_nlink;
	m->rgetattr.rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor);
	m->rgetattr.size = st.stx_size;
	m->rgetattr.blksize = st.stx_blksize;
	m->rgetattr.blocks = st.stx_blocks;
	m->rgetattr.atime_sec = (uint64_t)st.stx_atime.tv_sec;
	m->rgetattr.atime_nsec = st.stx_atime.tv_nsec;
	m->rgetattr.mtime_sec = (uint64_t)st.stx_mtime.tv_sec;
	m->rgetattr.mtime_nsec = st.stx_mtime.tv_nsec;
	m->rgetattr.ctime_sec = (uint64_t)st.stx_ctime.tv_sec;
	m->rgetattr.ctime_nsec = st.stx_ctime.tv_nsec;
	m->rgetattr.btime_sec = (uint64_t)st.stx_btime.tv_sec;
	m->rgetattr.btime_nsec = st.stx_btime.tv_nsec;
	m->rgetattr.gen = 0;
	m->rgetattr.data_version = 0;
	return 0;
}

int op_setattr_args(struct request *rq, struct setattr *a)
{
	const struct p9_msg *t = &rq->t;

	if (t->tsetattr.atime_nsec >= 1000000000u ||
	    t->tsetattr.mtime_nsec >= 1000000000u)
		return -EINVAL;
	*a = (struct setattr){
		.valid = t->tsetattr.valid,
		.mode = t->tsetattr.mode,
		.uid = t->tsetattr.uid,
		.gid = t->tsetattr.gid,
		.size = t->tsetattr.size,
		.atime = {(time_t)t->tsetattr.atime_sec, (long)t->tsetattr.atime_nsec},
		.mtime = {(time_t)t->tsetattr.mtime_sec, (long)t->tsetattr.mtime_nsec},
	};
	return 0;
}

static bool open_for_write(const struct fid *f)
{
	return f->hfd >= 0 && (f->open_flags & O_ACCMODE) != O_RDONLY;
}

int op_setattr(struct request *rq)
{
	struct setattr a;
	struct fid *f;
	int r;

	r = op_setattr_args(rq, &a);
	if (r == 0)
		r = fid_lookup(rq->s, rq->t.tsetattr.fid, &f);
	if (r < 0)
		return r;
	r = change_attr(rq->s, f->node, open_for_write(f) ? f->hfd : -1, &a);
	fid_put(rq->s, f);
	return r;
}

int op_statfs(struct request *rq)
{
	struct p9_msg *m = &rq->r;
	struct node *at, *dir = NULL;
	struct statfs sf;
	struct name name;
	struct fid *f;
	int hfd, r;

	r = fid_lookup(rq->s, rq->t.tfid.fid, &f);
	if (r < 0)
		return r;
	/* A file's directory is on the same file system, and mostly open already. */
	at = f->node;
	if (!node_is_dir(at) && node_parent(rq->s, at, &dir, &name) == 0 &&
	    dir->mnt_id == at->mnt_id)
		at = dir;
	r = node_pin(rq->s, at, &hfd);
	if (r == 0) {
		r = (int)host_ret(fstatfs(hfd, &sf));
		node_unpin(rq->s, at);
	}
	node_put(rq->s, dir);
	fid_put(rq->s, f);
	if (r < 0)
		return r;
	m->rstatfs.type = (uint32_t)sf.f_type;
	m->rstatfs.bsize = (uint32_t)sf.f_bsize;
	m->rstatfs.blocks = sf.f_blocks;
	m->rstatfs.bfree = sf.f_bfree;
	m->rstatfs.bavail = sf.f_bavail;
	m->rstatfs.files = sf.f_files;
	m->rstatfs.ffree = sf.f_ffree;
	m->rstatfs.fsid = (uint64_t)(uint32_t)sf.f_fsid.__val[0] |
			  (uint64_t)(uint32_t)sf.f_fsid.__val[1] << 32;
	m->rstatfs.namelen = (uint32_t)sf.f_namelen;
	return 0;
}

/* --- extended attributes, the two-step way -------------------------------- */

/* What Tread then reads: an attribute's value, or the list of their names. */
static int read_whole(struct session *s, struct node *n, const char *name,
		      struct xattr_io *x)
{
	ssize_t len;

	/* It may grow between asking for the size and for the bytes. */
	for (int tries = 0; tries < 4; tries++) {
		len = xattr_get(s, n, name, NULL, 0);
		if (len < 0)
			return (int)len;
		if (len > XATTR_MAX)
			return -E2BIG;
		mem_free(x->data);
		x->data = mem_alloc((size_t)len + 1);
		if (!x->data)
			return -ENOMEM;
		if (len)
			len = xattr_get(s, n, name, x->data, (size_t)len);
		if (len >= 0) {
			x->size = x->filled = (size_t)len;
			return 0;
		}
		if (len != -ERANGE)
			return (int)len;
	}
	return -ERANGE;
}

int op_xattr_name(struct name *n, const struct p9_str *s)
{
	if (!s->len || s->len > P9_NAME_MAX)
		return -ERANGE;
	if (memchr(s->s, 0, s->len))
		return -EINVAL;
	memcpy(n->s, s->s, s->len);
	n->s[s->len] = 0;
	return 0;
}

static void xattr_io_free(struct xattr_io *x)
{
	if (x)
		mem_free(x->data);
	mem_free(x);
}

int op_xattrwalk(struct request *rq)
{
	const struct p9_str *s = &rq->t.txattrwalk.name;
	struct xattr_io *x = mem_zalloc(sizeof(*x));
	struct fid *f, *newf = NULL;
	int r;

	if (!x)
		return -ENOMEM;
	r = s->len ? op_xattr_name(&x->name, s) : 0;
	if (r == 0)
		r = fid_lookup(rq->s, rq->t.txattrwalk.fid, &f);
	if (r < 0) {
		xattr_io_free(x);
		return r;
	}
	r = read_whole(rq->s, f->node, s->len ? x->name.s : NULL, x);
	rq->r.rxattrwalk.size = x->size;
	if (r == 0)
		r = fid_bind(rq->s, rq->t.txattrwalk.newfid, f->node);
	if (r == 0)
		r = fid_lookup(rq->s, rq->t.txattrwalk.newfid, &newf);
	if (r == 0)
		r = fid_set_xattr(rq->s, newf, x);
	if (r < 0)
		xattr_io_free(x);
	fid_put(rq->s, newf);
	fid_put(rq->s, f);
	return r;
}

int op_xattrcreate(struct request *rq)
{
	struct xattr_io *x;
	struct fid *f;
	int r;

	if (rq->t.txattrcreate.size > XATTR_MAX)
		return -E2BIG;
	x = mem_zalloc(sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->size = rq->t.txattrcreate.size;
	x->flags = (int)rq->t.txattrcreate.flags;
	x->writing = true;
	x->data = mem_alloc(x->size + 1);
	r = x->data ? op_xattr_name(&x->name, &rq->t.txattrcreate.name) : -ENOMEM;
	if (r == 0)
		r = fid_lookup(rq->s, rq->t.txattrcreate.fid, &f);
	if (r == 0) {
		r = node_writable(f->node);
		if (r == 0)
			r = fid_set_xattr(rq->s, f, x);
		fid_put(rq->s, f);
	}
	if (r < 0)
		xattr_io_free(x);
	return r;
}
