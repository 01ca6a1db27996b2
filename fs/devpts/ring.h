// SPDX-License-Identifier: Apache-2.0
/* A byte queue of fixed size: what is on its way between the two ends of a pair. */
#pragma once

#include <string.h>

#include "sentry/base/types.h"

#define RING_SIZE 8192u /* a power of two */

struct ring {
	uint32_t head,
		tail; /* bytes ever put and taken; their difference is what is in it */
	uint8_t data[RING_SIZE];
};

static inline size_t ring_used(const struct ring *r)
{
	return r->head - r->tail;
}

static inline size_t ring_room(const struct ring *r)
{
	return RING_SIZE - ring_used(r);
}

/* There is room: the caller looked. */
static inline void ring_put(struct ring *r, uint8_t c)
{
	r->data[r->head++ % RING_SIZE] = c;
}

/* As many of @n bytes as fit. */
static inline size_t ring_write(struct ring *r, const uint8_t *src, size_t n)
{
	size_t at = r->head % RING_SIZE, first;

	n = min_t(size_t, n, ring_room(r));
	first = min_t(size_t, n, RING_SIZE - at);
	memcpy(r->data + at, src, first);
	memcpy(r->data, src + first, n - first);
	r->head += (uint32_t)n;
	return n;
}

static inline size_t ring_read(struct ring *r, uint8_t *dst, size_t n)
{
	size_t at = r->tail % RING_SIZE, first;

	n = min_t(size_t, n, ring_used(r));
	first = min_t(size_t, n, RING_SIZE - at);
	memcpy(dst, r->data + at, first);
	memcpy(dst + first, r->data, n - first);
	r->tail += (uint32_t)n;
	return n;
}

/* The oldest run of bytes that lies in one piece, and its length. */
static inline const uint8_t *ring_peek(const struct ring *r, size_t *n)
{
	size_t at = r->tail % RING_SIZE;

	*n = min_t(size_t, ring_used(r), RING_SIZE - at);
	return r->data + at;
}
