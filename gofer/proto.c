// SPDX-License-Identifier: Apache-2.0
/*
 * Encoding and decoding of whole messages. One table says, for each type, which
 * fields it has in which order and where they stand in struct p9_msg; one loop
 * each writes and reads them. So a message cannot be read otherwise than written,
 * and there is one place that checks bounds.
 */
#include "gofer/proto.h"

#include <errno.h>

enum kind {
	K_END, /* of the table's row: zero, so that rows need not write it */
	K_U8,
	K_U16,
	K_U32,
	K_OPT_U32, /* last in the message, may be absent: 0 */
	K_U64,
	K_STR,
	K_DATA,
	K_QID,
	K_NAMES,  /* at most P9_MAXWELEM */
	K_XNAMES, /* at most P9_XWALK_MAX */
	K_QIDS,
	K_ATTR,
	K_BATCH,
};

struct field {
	uint8_t kind;
	uint16_t off;
};

#define MAX_FIELDS 24 /* the longest row has 20: an end always follows */

struct layout {
	const char *name; /* NULL: no such message */
	struct field field[MAX_FIELDS];
};

#define F(k, member)                                                                     \
	{                                                                                \
		K_##k, offsetof(struct p9_msg, member)                                   \
	}
#define MSG(t, ...) [P9_##t] = {#t, {__VA_ARGS__}}

static const struct layout layouts[256] = {
	MSG(RLERROR, F(U32, rlerror.ecode)),
	MSG(TSTATFS, F(U32, tfid.fid)),
	MSG(RSTATFS, F(U32, rstatfs.type), F(U32, rstatfs.bsize), F(U64, rstatfs.blocks),
	    F(U64, rstatfs.bfree), F(U64, rstatfs.bavail), F(U64, rstatfs.files),
	    F(U64, rstatfs.ffree), F(U64, rstatfs.fsid), F(U32, rstatfs.namelen)),
	MSG(TLOPEN, F(U32, tlopen.fid), F(U32, tlopen.flags)),
	MSG(RLOPEN, F(QID, ropen.qid), F(U32, ropen.iounit)),
	MSG(TLCREATE, F(U32, tlcreate.fid), F(STR, tlcreate.name), F(U32, tlcreate.flags),
	    F(U32, tlcreate.mode), F(U32, tlcreate.gid)),
	MSG(RLCREATE, F(QID, ropen.qid), F(U32, ropen.iounit)),
	MSG(TSYMLINK, F(U32, tsymlink.fid), F(STR, tsymlink.name),
	    F(STR, tsymlink.target), F(U32, tsymlink.gid)),
	MSG(RSYMLINK, F(QID, rqid.qid)),
	MSG(TMKNOD, F(U32, tmknod.fid), F(STR, tmknod.name), F(U32, tmknod.mode),
	    F(U32, tmknod.major), F(U32, tmknod.minor), F(U32, tmknod.gid)),
	MSG(RMKNOD, F(QID, rqid.qid)),
	MSG(TRENAME, F(U32, trename.fid), F(U32, trename.dfid), F(STR, trename.name)),
	MSG(RRENAME),
	MSG(TREADLINK, F(U32, tfid.fid)),
	MSG(RREADLINK, F(STR, rreadlink.target)),
	MSG(TGETATTR, F(U32, tgetattr.fid), F(U64, tgetattr.request_mask)),
	MSG(RGETATTR, F(U64, rgetattr.valid), F(QID, rgetattr.qid), F(U32, rgetattr.mode),
	    F(U32, rgetattr.uid), F(U32, rgetattr.gid), F(U64, rgetattr.nlink),
	    F(U64, rgetattr.rdev), F(U64, rgetattr.size), F(U64, rgetattr.blksize),
	    F(U64, rgetattr.blocks), F(U64, rgetattr.atime_sec),
	    F(U64, rgetattr.atime_nsec), F(U64, rgetattr.mtime_sec),
	    F(U64, rgetattr.mtime_nsec), F(U64, rgetattr.ctime_sec),
	    F(U64, rgetattr.ctime_nsec), F(U64, rgetattr.btime_sec),
	    F(U64, rgetattr.btime_nsec), F(U64, rgetattr.gen),
	    F(U64, rgetattr.data_version)),
	MSG(TSETATTR, F(U32, tsetattr.fid), F(U32, tsetattr.valid), F(U32, tsetattr.mode),
	    F(U32, tsetattr.uid), F(U32, tsetattr.gid), F(U64, tsetattr.size),
	    F(U64, tsetattr.atime_sec), F(U64, tsetattr.atime_nsec),
	    F(U64, tsetattr.mtime_sec), F(U64, tsetattr.mtime_nsec)),
	MSG(RSETATTR),
	MSG(TXATTRWALK, F(U32, txattrwalk.fid), F(U32, txattrwalk.newfid),
	    F(STR, txattrwalk.name)),
	MSG(RXATTRWALK, F(U64, rxattrwalk.size)),
	MSG(TXATTRCREATE, F(U32, txattrcreate.fid), F(STR, txattrcreate.name),
	    F(U64, txattrcreate.size), F(U32, txattrcreate.flags)),
	MSG(RXATTRCREATE),
	MSG(TREADDIR, F(U32, tread.fid), F(U64, tread.offset), F(U32, tread.count)),
	MSG(RREADDIR, F(DATA, rdata.data)),
	MSG(TFSYNC, F(U32, tfsync.fid), F(OPT_U32, tfsync.datasync)),
	MSG(RFSYNC),
	MSG(TLOCK, F(U32, tlock.fid), F(U8, tlock.type), F(U32, tlock.flags),
	    F(U64, tlock.start), F(U64, tlock.length), F(U32, tlock.proc_id),
	    F(STR, tlock.client_id)),
	MSG(RLOCK, F(U8, rlock.status)),
	MSG(TGETLOCK, F(U32, tgetlock.fid), F(U8, tgetlock.type), F(U64, tgetlock.start),
	    F(U64, tgetlock.length), F(U32, tgetlock.proc_id),
	    F(STR, tgetlock.client_id)),
	MSG(RGETLOCK, F(U8, rgetlock.type), F(U64, rgetlock.start),
	    F(U64, rgetlock.length), F(U32, rgetlock.proc_id),
	    F(STR, rgetlock.client_id)),
	MSG(TLINK, F(U32, tlink.dfid), F(U32, tlink.fid), F(STR, tlink.name)),
	MSG(RLINK),
	MSG(TMKDIR, F(U32, tmkdir.dfid), F(STR, tmkdir.name), F(U32, tmkdir.mode),
	    F(U32, tmkdir.gid)),
	MSG(RMKDIR, F(QID, rqid.qid)),
	MSG(TRENAMEAT, F(U32, trenameat.olddir), F(STR, trenameat.oldname),
	    F(U32, trenameat.newdir), F(STR, trenameat.newname)),
	MSG(RRENAMEAT),
	MSG(TUNLINKAT, F(U32, tunlinkat.dfid), F(STR, tunlinkat.name),
	    F(U32, tunlinkat.flags)),
	MSG(RUNLINKAT),
	MSG(TVERSION, F(U32, version.msize), F(STR, version.version)),
	MSG(RVERSION, F(U32, version.msize), F(STR, version.version)),
	MSG(TAUTH, F(U32, tauth.afid), F(STR, tauth.uname), F(STR, tauth.aname),
	    F(U32, tauth.n_uname)),
	MSG(RAUTH, F(QID, rqid.qid)),
	MSG(TATTACH, F(U32, tattach.fid), F(U32, tattach.afid), F(STR, tattach.uname),
	    F(STR, tattach.aname), F(U32, tattach.n_uname)),
	MSG(RATTACH, F(QID, rqid.qid)),
	MSG(TFLUSH, F(U16, tflush.oldtag)),
	MSG(RFLUSH),
	MSG(TWALK, F(U32, twalk.fid), F(U32, twalk.newfid), F(NAMES, twalk.names)),
	MSG(RWALK, F(QIDS, rwalk.qids)),
	MSG(TREAD, F(U32, tread.fid), F(U64, tread.offset), F(U32, tread.count)),
	MSG(RREAD, F(DATA, rdata.data)),
	MSG(TWRITE, F(U32, twrite.fid), F(U64, twrite.offset), F(DATA, twrite.data)),
	MSG(RWRITE, F(U32, rwrite.count)),
	MSG(TCLUNK, F(U32, tfid.fid)),
	MSG(RCLUNK),
	MSG(TREMOVE, F(U32, tfid.fid)),
	MSG(RREMOVE),

	MSG(TXWALK, F(U32, txwalk.fid), F(U32, txwalk.newfid), F(U32, txwalk.flags),
	    F(U32, txwalk.open_flags), F(XNAMES, txwalk.names)),
	MSG(RXWALK, F(U8, rxwalk.n_fds), F(U16, rxwalk.n), F(U32, rxwalk.status),
	    F(U32, rxwalk.open_status), F(U32, rxwalk.start_wd), F(STR, rxwalk.target),
	    F(DATA, rxwalk.steps)),
	MSG(TXOPEN, F(U32, txopen.fid), F(U32, txopen.flags)),
	MSG(RXOPEN, F(U8, rxopen.n_fds), F(ATTR, rxopen.attr)),
	MSG(TXCREATE, F(U32, txcreate.fid), F(U32, txcreate.newfid),
	    F(U32, txcreate.flags), F(U32, txcreate.mode), F(U32, txcreate.uid),
	    F(U32, txcreate.gid), F(STR, txcreate.name)),
	MSG(RXCREATE, F(U8, rxcreate.n_fds), F(U8, rxcreate.created),
	    F(ATTR, rxcreate.attr)),
	MSG(TXGETATTR, F(U32, txgetattr.fid)),
	MSG(RXGETATTR, F(ATTR, rattr.attr)),
	MSG(TXSETATTR, F(U32, tsetattr.fid), F(U32, tsetattr.valid),
	    F(U32, tsetattr.mode), F(U32, tsetattr.uid), F(U32, tsetattr.gid),
	    F(U64, tsetattr.size), F(U64, tsetattr.atime_sec),
	    F(U64, tsetattr.atime_nsec), F(U64, tsetattr.mtime_sec),
	    F(U64, tsetattr.mtime_nsec)),
	MSG(RXSETATTR, F(ATTR, rattr.attr)),
	MSG(TXMAKE, F(U32, txmake.fid), F(U32, txmake.newfid), F(U32, txmake.mode),
	    F(U32, txmake.rdev_major), F(U32, txmake.rdev_minor), F(U32, txmake.uid),
	    F(U32, txmake.gid), F(STR, txmake.name), F(STR, txmake.target)),
	MSG(RXMAKE, F(ATTR, rattr.attr)),
	MSG(TXLINK, F(U32, txlink.dfid), F(U32, txlink.fid), F(STR, txlink.name)),
	MSG(RXLINK, F(ATTR, rattr.attr)),
	MSG(TXRENAME, F(U32, txrename.olddir), F(U32, txrename.newdir),
	    F(U32, txrename.flags), F(STR, txrename.oldname), F(STR, txrename.newname)),
	MSG(RXRENAME),
	MSG(TXREADDIR, F(U32, txreaddir.fid), F(U64, txreaddir.offset),
	    F(U32, txreaddir.count), F(U32, txreaddir.flags)),
	MSG(RXREADDIR, F(U32, rxreaddir.wd), F(U8, rxreaddir.end),
	    F(DATA, rxreaddir.data)),
	MSG(TXGETXATTR, F(U32, txgetxattr.fid), F(U32, txgetxattr.size),
	    F(STR, txgetxattr.name)),
	MSG(RXGETXATTR, F(U32, rxgetxattr.size), F(DATA, rxgetxattr.value)),
	MSG(TXSETXATTR, F(U32, txsetxattr.fid), F(U32, txsetxattr.flags),
	    F(STR, txsetxattr.name), F(DATA, txsetxattr.value)),
	MSG(RXSETXATTR),
	MSG(TXLISTXATTR, F(U32, txgetxattr.fid), F(U32, txgetxattr.size)),
	MSG(RXLISTXATTR, F(U32, rxgetxattr.size), F(DATA, rxgetxattr.value)),
	MSG(TXREMOVEXATTR, F(U32, txremovexattr.fid), F(STR, txremovexattr.name)),
	MSG(RXREMOVEXATTR),
	MSG(TXNOTIFY),
	MSG(RXNOTIFY, F(U8, rfds.n_fds)),
	MSG(TXWATCH, F(U32, txwatch.fid)),
	MSG(RXWATCH, F(U32, rxwatch.wd)),
	MSG(TXUNWATCH, F(BATCH, tbatch.ids)),
	MSG(RXUNWATCH),
	MSG(TXCLUNK, F(BATCH, tbatch.ids)),
	MSG(RXCLUNK),
	MSG(TXCHANNEL, F(U32, txchannel.cpu)),
	MSG(RXCHANNEL, F(U8, rfds.n_fds)),
};

const char *p9_type_name(uint8_t type)
{
	return layouts[type].name;
}

static void read_data(struct reader *r, struct p9_data *d)
{
	uint32_t len = read_le32(r);

	d->p = read_bytes(r, len);
	d->len = d->p ? len : 0;
}

static void write_names(struct writer *w, const struct p9_names *n, unsigned max)
{
	if (n->n > max) {
		w->failed = true;
		return;
	}
	write_le16(w, n->n);
	for (unsigned i = 0; i < n->n; i++)
		p9_str_write(w, &n->name[i]);
}

static void read_names(struct reader *r, struct p9_names *n, unsigned max)
{
	n->n = read_le16(r);
	if (n->n > max) {
		n->n = 0;
		r->failed = true;
	}
	for (unsigned i = 0; i < n->n; i++)
		p9_str_read(r, &n->name[i]);
}

static void write_qids(struct writer *w, const struct p9_qids *q)
{
	if (q->n > P9_MAXWELEM) {
		w->failed = true;
		return;
	}
	write_le16(w, q->n);
	for (unsigned i = 0; i < q->n; i++)
		p9_qid_write(w, &q->qid[i]);
}

static void read_qids(struct reader *r, struct p9_qids *q)
{
	q->n = read_le16(r);
	if (q->n > P9_MAXWELEM) {
		q->n = 0;
		r->failed = true;
	}
	for (unsigned i = 0; i < q->n; i++)
		p9_qid_read(r, &q->qid[i]);
}

static void write_batch(struct writer *w, const struct p9_batch *b)
{
	if (b->n > P9_BATCH_MAX) {
		w->failed = true;
		return;
	}
	write_le16(w, b->n);
	for (unsigned i = 0; i < b->n; i++)
		write_le32(w, b->v[i]);
}

static void read_batch(struct reader *r, struct p9_batch *b)
{
	b->n = read_le16(r);
	if (b->n > P9_BATCH_MAX) {
		b->n = 0;
		r->failed = true;
	}
	for (unsigned i = 0; i < b->n; i++)
		b->v[i] = read_le32(r);
}

static void write_field(struct writer *w, const struct field *f, const struct p9_msg *m)
{
	const void *p = (const char *)m + f->off;
	const struct p9_data *d;

	switch (f->kind) {
	case K_U8:
		write_u8(w, *(const uint8_t *)p);
		break;
	case K_U16:
		write_le16(w, *(const uint16_t *)p);
		break;
	case K_U32:
	case K_OPT_U32:
		write_le32(w, *(const uint32_t *)p);
		break;
	case K_U64:
		write_le64(w, *(const uint64_t *)p);
		break;
	case K_STR:
		p9_str_write(w, p);
		break;
	case K_DATA:
		d = p;
		write_le32(w, d->len);
		write_bytes(w, d->p, d->len);
		break;
	case K_QID:
		p9_qid_write(w, p);
		break;
	case K_NAMES:
		write_names(w, p, P9_MAXWELEM);
		break;
	case K_XNAMES:
		write_names(w, p, P9_XWALK_MAX);
		break;
	case K_QIDS:
		write_qids(w, p);
		break;
	case K_ATTR:
		p9_attr_write(w, p);
		break;
	case K_BATCH:
		write_batch(w, p);
		break;
	}
}

static void read_field(struct reader *r, const struct field *f, struct p9_msg *m)
{
	void *p = (char *)m + f->off;

	switch (f->kind) {
	case K_U8:
		*(uint8_t *)p = read_u8(r);
		break;
	case K_U16:
		*(uint16_t *)p = read_le16(r);
		break;
	case K_U32:
		*(uint32_t *)p = read_le32(r);
		break;
	case K_OPT_U32:
		*(uint32_t *)p = r->p == r->end ? 0 : read_le32(r);
		break;
	case K_U64:
		*(uint64_t *)p = read_le64(r);
		break;
	case K_STR:
		p9_str_read(r, p);
		break;
	case K_DATA:
		read_data(r, p);
		break;
	case K_QID:
		p9_qid_read(r, p);
		break;
	case K_NAMES:
		read_names(r, p, P9_MAXWELEM);
		break;
	case K_XNAMES:
		read_names(r, p, P9_XWALK_MAX);
		break;
	case K_QIDS:
		read_qids(r, p);
		break;
	case K_ATTR:
		p9_attr_read(r, p);
		break;
	case K_BATCH:
		read_batch(r, p);
		break;
	}
}

ssize_t p9_encode(const struct p9_msg *m, void *buf, size_t size)
{
	const struct layout *l = &layouts[m->type];
	struct writer w;

	if (!l->name)
		return -EINVAL;
	writer_init(&w, buf, size);
	write_le32(&w, 0);
	write_u8(&w, m->type);
	write_le16(&w, m->tag);
	for (const struct field *f = l->field; f->kind != K_END; f++)
		write_field(&w, f, m);
	if (w.failed)
		return -EMSGSIZE;
	put_le32(buf, (uint32_t)writer_len(&w));
	return (ssize_t)writer_len(&w);
}

int p9_decode(const void *buf, size_t size, struct p9_msg *m)
{
	const struct layout *l;
	struct reader r;

	reader_init(&r, buf, size);
	if (read_le32(&r) != size || size < P9_HEADER)
		r.failed = true;
	m->type = read_u8(&r);
	m->tag = read_le16(&r);
	if (r.failed)
		return -EBADMSG;
	l = &layouts[m->type];
	if (!l->name)
		return -EOPNOTSUPP;
	for (const struct field *f = l->field; f->kind != K_END; f++)
		read_field(&r, f, m);
	return r.failed || r.p != r.end ? -EBADMSG : 0;
}
