// SPDX-License-Identifier: Apache-2.0
/*
 * Pipes, for splice and tee. They move bytes to and from files that may make them sleep.
 * Meanwhile the bytes are theirs (held: to other readers the pipe is empty) and so is the
 * room they will fill (reserved: to other writers there is less); nothing is lost or
 * moved twice.
 */
#include <string.h>

#include "fs/pipe_internal.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"

int pipe_hold(struct pipe *p)
{
	int r;

	mutex_lock(&p->lock);
	r = pipe_readable_locked(p);
	p->held = p->held || r > 0;
	mutex_unlock(&p->lock);
	return r;
}

void pipe_unhold(struct pipe *p)
{
	uint32_t events = LX_POLL_OUT_MASK;

	mutex_lock(&p->lock);
	p->held = false;
	/* Whoever waits may also have missed the end. */
	if (p->used || !p->writers)
		events |= LX_POLL_IN_MASK;
	mutex_unlock(&p->lock);
	waitq_wake(&p->queue, events);
}

size_t pipe_peek(struct pipe *p, void *dst, size_t n)
{
	size_t done = 0;

	mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->used && done < n; i++) {
		struct pipe_slot *s = pipe_slot_at(p, i);
		size_t len = min_t(size_t, s->len, n - done);

		memcpy((char *)dst + done, s->page + s->off, len);
		done += len;
	}
	mutex_unlock(&p->lock);
	return done;
}

void pipe_drop(struct pipe *p, size_t n)
{
	mutex_lock(&p->lock);
	while (p->used && n) {
		struct pipe_slot *s = pipe_slot_at(p, 0);
		uint32_t len = (uint32_t)min_t(size_t, s->len, n);

		s->off += len;
		s->len -= len;
		n -= len;
		if (!s->len)
			pipe_drop_head(p);
	}
	mutex_unlock(&p->lock);
}

static void free_room(struct pipe_room *room)
{
	while (room->n)
		mem_free(room->page[--room->n]);
	mem_free(TAKE_PTR(room->page));
}

/* Pages for @n slots. */
static int alloc_room(struct pipe_room *room, unsigned n)
{
	room->n = 0;
	room->page = mem_calloc(n, sizeof(*room->page));
	for (; room->page && room->n < n; room->n++) {
		room->page[room->n] = mem_alloc(PAGE_SIZE);
		if (!room->page[room->n])
			break;
	}
	if (room->n == n)
		return 0;
	free_room(room);
	return -ENOMEM;
}

ssize_t pipe_reserve(struct pipe *p, size_t n, struct pipe_room *room)
{
	unsigned slots;
	int r;

	*room = (struct pipe_room){0};
	mutex_lock(&p->lock);
	n = min_t(size_t, n, (size_t)(p->n_slots - p->used - p->reserved) * PAGE_SIZE);
	n = min_t(size_t, n, PIPE_MAX_SIZE);
	slots = (unsigned)((n + PAGE_SIZE - 1) / PAGE_SIZE);
	r = !p->readers ? -EPIPE : !n ? -EAGAIN : alloc_room(room, slots);
	if (!r)
		p->reserved += slots;
	mutex_unlock(&p->lock);
	return r ? r : (ssize_t)n;
}

void pipe_commit(struct pipe *p, struct pipe_room *room, const void *src, size_t n)
{
	unsigned filled = 0, all = room->n;
	size_t done = 0;

	mutex_lock(&p->lock);
	for (; done < n && filled < all; filled++) {
		size_t len = min_t(size_t, n - done, PAGE_SIZE);

		*pipe_slot_at(p, p->used++) = (struct pipe_slot){
			.page = room->page[filled], .len = (uint32_t)len};
		room->page[filled] = NULL;
		memcpy(pipe_slot_at(p, p->used - 1)->page, (const char *)src + done, len);
		done += len;
	}
	p->reserved -= all;
	mutex_unlock(&p->lock);
	free_room(room);
	waitq_wake(&p->queue, (done ? LX_POLL_IN_MASK : 0u) |
				      (filled < all ? LX_POLL_OUT_MASK : 0u));
}
