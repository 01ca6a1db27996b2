// SPDX-License-Identifier: Apache-2.0
/*
 * ranges - an ordered set of disjoint [start, end) with one bit each. A vma of a file
 * keeps here which of its pages the host has mapped: what is in the set must not be
 * mapped again (a private mapping would lose the guest's own copies), what is not in it
 * faults. Neighbours with the same bit are one range.
 */
#pragma once

#include "sentry/base/rbtree.h"

struct range {
	struct rb_node node;
	uaddr_t start, end;
	bool writable; /* the host mapping has every right the vma gives */
};

struct ranges {
	struct rb_tree tree;
};

/* The first range with end > @addr, or NULL. */
struct range *ranges_find(const struct ranges *r, uaddr_t addr);
struct range *ranges_next(const struct range *g);
/* Add [@start, @end), replacing what it overlaps. -ENOMEM: nothing changed. */
int ranges_add(struct ranges *r, uaddr_t start, uaddr_t end, bool writable) MUST_CHECK;
/* Remove [@start, @end). -ENOMEM when a range has to be cut in two: nothing changed. */
int ranges_remove(struct ranges *r, uaddr_t start, uaddr_t end) MUST_CHECK;
void ranges_clear(struct ranges *r);
/* Move everything from @at on into the empty set @upper. -ENOMEM: nothing changed. */
int ranges_split(struct ranges *r, uaddr_t at, struct ranges *upper) MUST_CHECK;
/* Append @upper, all of which lies behind @r; it is empty afterwards. */
void ranges_join(struct ranges *r, struct ranges *upper);
/* Copy into the empty set @dst. -ENOMEM: @dst stays empty. */
int ranges_copy(struct ranges *dst, const struct ranges *src) MUST_CHECK;
/* Add @delta to every address. */
void ranges_shift(struct ranges *r, uint64_t delta);
