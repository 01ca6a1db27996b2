// SPDX-License-Identifier: Apache-2.0
/* Numbers of order pages and contexts: the lowest free one is next. */
#include <errno.h>

#include "platform/stub/stub.h"
#include "sentry/base/alloc.h"

int stub_slots_init(struct stub_slots *s, unsigned n)
{
	s->used = mem_calloc(n / 64, sizeof(uint64_t));
	if (!s->used)
		return -ENOMEM;
	s->n = n;
	mutex_init(&s->lock, LOCK_LEAF);
	return 0;
}

void stub_slots_destroy(struct stub_slots *s)
{
	if (!s->used)
		return;
	mem_free(s->used);
	mutex_destroy(&s->lock);
}

int stub_slot_alloc(struct stub_slots *s, unsigned *slot)
{
	int r = -EAGAIN;

	mutex_lock(&s->lock);
	for (unsigned w = s->first_free / 64; w < s->n / 64; w++) {
		uint64_t free = ~s->used[w];

		if (!free)
			continue;
		*slot = w * 64 + (unsigned)__builtin_ctzll(free);
		s->used[w] |= 1ull << (*slot % 64);
		s->first_free = *slot + 1;
		r = 0;
		break;
	}
	mutex_unlock(&s->lock);
	return r;
}

void stub_slot_free(struct stub_slots *s, unsigned slot)
{
	mutex_lock(&s->lock);
	s->used[slot / 64] &= ~(1ull << (slot % 64));
	s->first_free = min_t(unsigned, s->first_free, slot);
	mutex_unlock(&s->lock);
}
