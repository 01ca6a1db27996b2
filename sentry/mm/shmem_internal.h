// SPDX-License-Identifier: Apache-2.0
/*
 * A shmem's tree of extents, for the three files of shmem; nobody else includes this.
 * Offsets named start and end are page-aligned.
 */
#pragma once

#include "sentry/mm/shmem.h"

struct shmem_extent {
	struct rb_node node;
	uint64_t off, size, pool_off;
};

/* The first extent that ends behind @off; the one after @e. NULL: there is none. */
struct shmem_extent *shmem_extent_find(struct shmem *s, uint64_t off) MUST_HOLD(s->lock);
struct shmem_extent *shmem_extent_next(struct shmem_extent *e);

/*
 * Blocks for every hole of [@start, @end). What was allocated stays. *@fresh: all of it
 * was a hole, and the host has no pages there yet. -ENOSPC, -ENOMEM.
 */
int shmem_fill_locked(struct shmem *s, uint64_t start, uint64_t end, bool *fresh)
	MUST_HOLD(s->lock);
/* Make an extent border at @off. -ENOMEM. */
int shmem_cut_locked(struct shmem *s, uint64_t off) MUST_HOLD(s->lock);
/* Zeroes, written to what has blocks; need not be page-aligned. */
void shmem_zero_locked(struct shmem *s, uint64_t start, uint64_t end) MUST_HOLD(s->lock);
/*
 * [@start, @end) reads as zeroes and keeps its blocks. The host takes the pages away
 * below all mappings but those that have a copy of their own.
 */
void shmem_clear_locked(struct shmem *s, uint64_t start, uint64_t end) MUST_HOLD(s->lock);
/*
 * Move the extents of [@start, @end) to @out. Without the memory to cut one they are
 * cleared instead, which reads the same and keeps the blocks.
 */
void shmem_detach_locked(struct shmem *s, uint64_t start, uint64_t end,
			 struct rb_tree *out) MUST_HOLD(s->lock);
/* What was detached goes back to the pool and the quota. */
void shmem_release_all(struct shmem *s, struct rb_tree *t);
