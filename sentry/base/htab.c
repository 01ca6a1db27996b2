// SPDX-License-Identifier: Apache-2.0
#include "sentry/base/htab.h"

#include <errno.h>

#include "sentry/base/alloc.h"
#include "sentry/base/bytes.h"
#include "sentry/base/log.h"

static int grow(struct htab *t, size_t n_slots)
{
	struct hnode **slot = mem_calloc(n_slots, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_slots; i++) {
		while (t->slot[i]) {
			struct hnode *n = t->slot[i];

			t->slot[i] = n->next;
			n->next = slot[n->hash & (n_slots - 1)];
			slot[n->hash & (n_slots - 1)] = n;
		}
	}
	mem_free(t->slot);
	t->slot = slot;
	t->n_slots = n_slots;
	return 0;
}

int htab_prepare(struct htab *t)
{
	return t->n_slots ? 0 : grow(t, 16);
}

int htab_insert(struct htab *t, struct hnode *node, uint64_t hash)
{
	if (t->n >= t->n_slots && grow(t, t->n_slots ? t->n_slots * 2 : 16) &&
	    !t->n_slots)
		return -ENOMEM;
	node->hash = hash;
	node->next = t->slot[hash & (t->n_slots - 1)];
	t->slot[hash & (t->n_slots - 1)] = node;
	t->n++;
	return 0;
}

void htab_remove(struct htab *t, struct hnode *node)
{
	struct hnode **p = &t->slot[node->hash & (t->n_slots - 1)];

	while (*p && *p != node)
		p = &(*p)->next;
	BUG_ON(!*p);
	*p = node->next;
	t->n--;
}

struct hnode *htab_first(const struct htab *t, uint64_t hash)
{
	struct hnode *n = t->n_slots ? t->slot[hash & (t->n_slots - 1)] : NULL;

	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct hnode *htab_next(const struct hnode *node)
{
	struct hnode *n = node->next;

	while (n && n->hash != node->hash)
		n = n->next;
	return n;
}

void htab_free(struct htab *t)
{
	mem_free(t->slot);
	*t = (struct htab){0};
}

uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	return x ^ x >> 32;
}

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
	const uint8_t *b = p;
	uint64_t h = seed ^ n * 0x9e3779b97f4a7c15ull, tail = 0;

	for (; n >= 8; n -= 8, b += 8)
		h = hash_u64(h ^ get_le64(b));
	memcpy(&tail, b, n);
	return hash_u64(h ^ tail);
}
