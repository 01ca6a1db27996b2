// SPDX-License-Identifier: Apache-2.0
/*
 * Intrusive chained hash table that doubles when full. The user compares:
 *
 *	for (n = htab_first(&tab, hash); n; n = htab_next(n))
 *		if (container_of(n, struct x, node)->key == key) ...
 *
 * Not locked: the owner's lock protects it.
 */
#pragma once

#include "sentry/base/types.h"

struct hnode {
	struct hnode *next;
	uint64_t hash;
};

struct htab {
	struct hnode **slot;
	size_t n_slots, n; /* n_slots is a power of two, or 0 before the first insert */
};

/* The first memory now: htab_insert() cannot fail afterwards. -ENOMEM. */
int htab_prepare(struct htab *t) MUST_CHECK;
/* Returns 0 or -ENOMEM (only for the first insert: a failed growth is not an error). */
int htab_insert(struct htab *t, struct hnode *node, uint64_t hash) MUST_CHECK;
void htab_remove(struct htab *t, struct hnode *node);
struct hnode *htab_first(const struct htab *t, uint64_t hash);
struct hnode *htab_next(const struct hnode *node);
void htab_free(struct htab *t);

uint64_t hash_u64(uint64_t x);
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
