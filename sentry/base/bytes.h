// SPDX-License-Identifier: Apache-2.0
/*
 * Little-endian fields of wire and ABI buffers, and two bounded cursors. A
 * cursor that ran out stays failed: check once, at the end.
 */
#pragma once

#include <string.h>

#include "sentry/base/types.h"

static inline uint16_t get_le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t get_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t get_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void put_le16(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void put_le32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void put_le64(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

struct reader {
	const uint8_t *p, *end;
	bool failed;
};

struct writer {
	uint8_t *start, *p, *end;
	bool failed;
};

static inline void reader_init(struct reader *r, const void *buf, size_t size)
{
	*r = (struct reader){.p = buf, .end = (const uint8_t *)buf + size};
}

static inline void writer_init(struct writer *w, void *buf, size_t size)
{
	*w = (struct writer){.start = buf, .p = buf, .end = (uint8_t *)buf + size};
}

/* @n bytes of the input, borrowed; NULL when there are fewer. */
static inline const uint8_t *read_bytes(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->failed || (size_t)(r->end - r->p) < n) {
		r->failed = true;
		return NULL;
	}
	r->p += n;
	return p;
}

static inline uint8_t read_u8(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 1);

	return p ? *p : 0;
}

static inline uint16_t read_le16(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 2);

	return p ? get_le16(p) : 0;
}

static inline uint32_t read_le32(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 4);

	return p ? get_le32(p) : 0;
}

static inline uint64_t read_le64(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 8);

	return p ? get_le64(p) : 0;
}

/* Room for @n bytes to be filled by the caller; NULL when there is none. */
static inline uint8_t *write_room(struct writer *w, size_t n)
{
	uint8_t *p = w->p;

	if (w->failed || (size_t)(w->end - w->p) < n) {
		w->failed = true;
		return NULL;
	}
	w->p += n;
	return p;
}

static inline void write_bytes(struct writer *w, const void *src, size_t n)
{
	uint8_t *p = write_room(w, n);

	if (p && n)
		memcpy(p, src, n);
}

static inline void write_u8(struct writer *w, uint8_t v)
{
	write_bytes(w, &v, 1);
}

static inline void write_le16(struct writer *w, uint16_t v)
{
	write_bytes(w, &v, 2);
}

static inline void write_le32(struct writer *w, uint32_t v)
{
	write_bytes(w, &v, 4);
}

static inline void write_le64(struct writer *w, uint64_t v)
{
	write_bytes(w, &v, 8);
}

static inline size_t writer_len(const struct writer *w)
{
	return (size_t)(w->p - w->start);
}
