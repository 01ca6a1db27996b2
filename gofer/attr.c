// SPDX-License-Identifier: Apache-2.0
/* Attributes as they go over the wire, and the identity that fits into a qid. */
#include "gofer/internal.h"

#include <errno.h>

#include "sentry/base/alloc.h"

/*
 * 9P has 64 bits for what the host tells by device and inode number. Inode numbers
 * rarely use their upper 16 bits, so these and the device get an index, given in the
 * order of appearance. Two inodes never share a path: beyond 65535 indices, -ENFILE.
 */
static int prefix_index(struct session *s, const struct statx *st, uint16_t high)
{
	uint64_t dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
	uint64_t hash = hash_u64(dev * 31 + high);
	struct qid_prefix *p;
	struct hnode *n;
	int r = -ENFILE;

	mutex_lock(&s->lock);
	for (n = htab_first(&s->prefixes, hash); n; n = htab_next(n)) {
		p = container_of(n, struct qid_prefix, by_key);
		if (p->dev_major == st->stx_dev_major &&
		    p->dev_minor == st->stx_dev_minor && p->high == high) {
			r = p->index;
			goto out;
		}
	}
	if (s->n_prefixes > UINT16_MAX)
		goto out;
	r = -ENOMEM;
	p = mem_zalloc(sizeof(*p));
	if (!p)
		goto out;
	p->dev_major = st->stx_dev_major;
	p->dev_minor = st->stx_dev_minor;
	p->high = high;
	p->index = (uint16_t)s->n_prefixes;
	r = htab_insert(&s->prefixes, &p->by_key, hash);
	if (r < 0) {
		mem_free(p);
		goto out;
	}
	r = p->index;
	s->n_prefixes++;
out:
	mutex_unlock(&s->lock);
	return r;
}

int attr_qid(struct session *s, const struct statx *st, struct p9_qid *q)
{
	int index = prefix_index(s, st, (uint16_t)(st->stx_ino >> 48));

	if (index < 0)
		return index;
	q->path = (uint64_t)index << 48 | (st->stx_ino & 0xffffffffffffull);
	q->version = (uint32_t)st->stx_ctime.tv_sec ^ st->stx_ctime.tv_nsec << 2;
	q->type = S_ISDIR(st->stx_mode)	  ? P9_QTDIR
		  : S_ISLNK(st->stx_mode) ? P9_QTSYMLINK
					  : P9_QTFILE;
	return 0;
}

static struct p9_time time_of(const struct statx_timestamp *t)
{
	return (struct p9_time){t->tv_sec, t->tv_nsec};
}

int attr_fill(struct session *s, const struct statx *st, struct p9_attr *a)
{
	*a = (struct p9_attr){
		.mask = st->stx_mask,
		.mode = st->stx_mode,
		.nlink = st->stx_nlink,
		.uid = st->stx_uid,
		.gid = st->stx_gid,
		.blksize = st->stx_blksize,
		.dev_major = st->stx_dev_major,
		.dev_minor = st->stx_dev_minor,
		.rdev_major = st->stx_rdev_major,
		.rdev_minor = st->stx_rdev_minor,
		.ino = st->stx_ino,
		.size = st->stx_size,
		.blocks = st->stx_blocks,
		.attributes = st->stx_attributes,
		.attributes_mask = st->stx_attributes_mask,
		.mnt_id = st->stx_mnt_id,
		.atime = time_of(&st->stx_atime),
		.mtime = time_of(&st->stx_mtime),
		.ctime = time_of(&st->stx_ctime),
		.btime = time_of(&st->stx_btime),
	};
	return attr_qid(s, st, &a->qid);
}
