// SPDX-License-Identifier: Apache-2.0
/*
 * The sandbox's page pool: every tmpfs, overlay and shared memory page comes from one
 * memfd, handed out in extents (design D9), so that neither descriptors nor host
 * mappings grow with the number of files. Freed extents are zeroed (hole-punched)
 * before reuse, and go back to the host.
 */
#pragma once

#include "sentry/base/types.h"

struct pool;

/* @limit: most bytes handed out at a time (--memory's share); UINT64_MAX for none. */
int pool_create(uint64_t limit, struct pool **out);
void pool_free(struct pool *p);

/*
 * pool_alloc - @size bytes (page multiple) of zeroes, contiguous when possible: *got
 * tells how many bytes at *off; at least one page. *fresh: the host has no pages there
 * yet, see pool_write_fresh(). -ENOSPC at the limit.
 */
int pool_alloc(struct pool *p, uint64_t size, uint64_t *off, uint64_t *got, bool *fresh);
void pool_release(struct pool *p, uint64_t off, uint64_t size);

/* The memfd (borrowed), and its key for as_ops.map_file. */
int pool_hfd(struct pool *p);
uint64_t pool_key(struct pool *p);

/*
 * pool_ptr - the bytes at @off as the Sentry sees them: the whole memfd is mapped once,
 * because that is many times cheaper for small reads than a host call each. Contiguous
 * for an extent. Guests that share the pages change them under us: copy, then check.
 */
void *pool_ptr(struct pool *p, uint64_t off);

/*
 * pool_clear - zeroes for an extent that stays taken. Host mappings follow, but for the
 * pages that a private one has copied.
 */
void pool_clear(struct pool *p, uint64_t off, uint64_t size);

/*
 * pool_write_fresh - for pages the host does not have yet: a host write fills them
 * without zeroing and faulting them first, in half the time.
 */
void pool_write_fresh(struct pool *p, uint64_t off, const void *src, size_t n);

/* A number no other caller gets: inode numbers of objects without a file system. */
uint64_t pool_unique(struct pool *p);
/* Bytes handed out now, and the most so far. */
uint64_t pool_used(struct pool *p);
uint64_t pool_peak(struct pool *p);
uint64_t pool_limit(struct pool *p);
/* Of the limit, what may be handed out from now on; what is out already stays. */
void pool_set_room(struct pool *p, uint64_t bytes);
