// SPDX-License-Identifier: Apache-2.0
/* The repeated parts of bulk replies (attributes, walk steps, entries), and names. */
#include "gofer/proto.h"

#include <string.h>

void p9_qid_write(struct writer *w, const struct p9_qid *q)
{
	write_u8(w, q->type);
	write_le32(w, q->version);
	write_le64(w, q->path);
}

void p9_qid_read(struct reader *r, struct p9_qid *q)
{
	q->type = read_u8(r);
	q->version = read_le32(r);
	q->path = read_le64(r);
}

void p9_str_write(struct writer *w, const struct p9_str *s)
{
	write_le16(w, s->len);
	write_bytes(w, s->s, s->len);
}

void p9_str_read(struct reader *r, struct p9_str *s)
{
	uint16_t len = read_le16(r);

	s->s = (const char *)read_bytes(r, len);
	s->len = s->s ? len : 0;
}

static void write_time(struct writer *w, const struct p9_time *t)
{
	write_le64(w, (uint64_t)t->sec);
	write_le32(w, t->nsec);
}

static void read_time(struct reader *r, struct p9_time *t)
{
	t->sec = (int64_t)read_le64(r);
	t->nsec = read_le32(r);
}

void p9_attr_write(struct writer *w, const struct p9_attr *a)
{
	p9_qid_write(w, &a->qid);
	write_le32(w, a->mask);
	write_le32(w, a->mode);
	write_le32(w, a->nlink);
	write_le32(w, a->uid);
	write_le32(w, a->gid);
	write_le32(w, a->blksize);
	write_le32(w, a->dev_major);
	write_le32(w, a->dev_minor);
	write_le32(w, a->rdev_major);
	write_le32(w, a->rdev_minor);
	write_le64(w, a->ino);
	write_le64(w, a->size);
	write_le64(w, a->blocks);
	write_le64(w, a->attributes);
	write_le64(w, a->attributes_mask);
	write_le64(w, a->mnt_id);
	write_time(w, &a->atime);
	write_time(w, &a->mtime);
	write_time(w, &a->ctime);
	write_time(w, &a->btime);
}

void p9_attr_read(struct reader *r, struct p9_attr *a)
{
	p9_qid_read(r, &a->qid);
	a->mask = read_le32(r);
	a->mode = read_le32(r);
	a->nlink = read_le32(r);
	a->uid = read_le32(r);
	a->gid = read_le32(r);
	a->blksize = read_le32(r);
	a->dev_major = read_le32(r);
	a->dev_minor = read_le32(r);
	a->rdev_major = read_le32(r);
	a->rdev_minor = read_le32(r);
	a->ino = read_le64(r);
	a->size = read_le64(r);
	a->blocks = read_le64(r);
	a->attributes = read_le64(r);
	a->attributes_mask = read_le64(r);
	a->mnt_id = read_le64(r);
	read_time(r, &a->atime);
	read_time(r, &a->mtime);
	read_time(r, &a->ctime);
	read_time(r, &a->btime);
}

void p9_step_write(struct writer *w, const struct p9_step *s)
{
	write_le32(w, (uint32_t)s->wd);
	p9_attr_write(w, &s->attr);
}

bool p9_step_read(struct reader *r, struct p9_step *s)
{
	if (r->failed || r->p == r->end)
		return false;
	s->wd = (int32_t)read_le32(r);
	p9_attr_read(r, &s->attr);
	return !r->failed;
}

/* An entry that does not fit leaves no half of itself behind. */
static void drop_partial(struct writer *w, uint8_t *start)
{
	if (w->failed)
		w->p = start;
}

void p9_dirent_write(struct writer *w, const struct p9_dirent *d)
{
	uint8_t *start = w->p;

	p9_qid_write(w, &d->qid);
	write_le64(w, d->offset);
	write_u8(w, d->type);
	p9_str_write(w, &d->name);
	drop_partial(w, start);
}

bool p9_dirent_read(struct reader *r, struct p9_dirent *d)
{
	if (r->failed || r->p == r->end)
		return false;
	p9_qid_read(r, &d->qid);
	d->offset = read_le64(r);
	d->type = read_u8(r);
	p9_str_read(r, &d->name);
	return !r->failed;
}

void p9_xdirent_write(struct writer *w, const struct p9_xdirent *d)
{
	uint8_t *start = w->p;

	write_le64(w, d->ino);
	write_le64(w, d->offset);
	write_u8(w, d->type);
	p9_str_write(w, &d->name);
	write_u8(w, d->has_attr);
	if (d->has_attr) {
		p9_attr_write(w, &d->attr);
		if (d->attr.qid.type == P9_QTSYMLINK)
			p9_str_write(w, &d->target);
	}
	drop_partial(w, start);
}

bool p9_xdirent_read(struct reader *r, struct p9_xdirent *d)
{
	if (r->failed || r->p == r->end)
		return false;
	d->ino = read_le64(r);
	d->offset = read_le64(r);
	d->type = read_u8(r);
	p9_str_read(r, &d->name);
	d->has_attr = read_u8(r);
	d->target = (struct p9_str){0, ""};
	if (d->has_attr > 1)
		r->failed = true;
	else if (d->has_attr)
		p9_attr_read(r, &d->attr);
	if (d->has_attr && d->attr.qid.type == P9_QTSYMLINK)
		p9_str_read(r, &d->target);
	return !r->failed;
}

bool p9_name_ok(const struct p9_str *s)
{
	if (!s->len || s->len > P9_NAME_MAX)
		return false;
	if (s->s[0] == '.' && (s->len == 1 || (s->len == 2 && s->s[1] == '.')))
		return false;
	return !memchr(s->s, '/', s->len) && !memchr(s->s, 0, s->len);
}

struct p9_str p9_str(const char *s)
{
	return (struct p9_str){.len = (uint16_t)strnlen(s, UINT16_MAX), .s = s};
}

bool p9_str_eq(const struct p9_str *a, const char *b)
{
	return a->len == strlen(b) && !memcmp(a->s, b, a->len);
}
