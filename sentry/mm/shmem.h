// SPDX-License-Identifier: Apache-2.0
/*
 * shmem - bytes by offset, kept in the sandbox's page pool: what tmpfs files, memfds,
 * SysV segments, shared anonymous memory and the private layer's data are made of.
 * Holes read as zeroes and take no memory.
 *
 * Embed a struct shmem and give it mappable_ops whose translate is shmem_translate();
 * get, put, describe and writable are the embedder's. Or shmem_create() one of its own.
 *
 * Locks: takes LOCK_FILE_DATA (one object at a time); shmem_punch and shmem_shift also
 * LOCK_RMAP before it, shmem_truncate after it, to take mappings back before a page goes
 * to somebody else. Guest pages are faulted in outside of both.
 */
#pragma once

#include <stdatomic.h>

#include "sentry/base/rbtree.h"
#include "sentry/mm/mappable.h"
#include "sentry/mm/pool.h"

struct uio;

/* Bytes that a group of objects (the files of one tmpfs) may use together. */
struct shmem_quota {
	_Atomic uint64_t used, limit;
};

struct shmem {
	struct mappable map;
	struct pool *pool; /* immutable, borrowed */
	/* Whose areas show these pages: map, or what the embedder sets after
	 * shmem_init(); then immutable. */
	struct mappable *rmap;
	struct shmem_quota
		*quota;		/* NULL: none. Set after shmem_init(), then immutable */
	struct mutex lock;	/* LOCK_FILE_DATA; protects the rest */
	uint64_t size;		/* bytes; reads and mappings end there */
	uint64_t bytes;		/* of the pool in use: st_blocks * 512 */
	struct rb_tree extents; /* struct shmem_extent by offset */
};

void shmem_init(struct shmem *s, struct pool *pool, const struct mappable_ops *ops);
/* Releases the blocks. No area may map it any more. */
void shmem_destroy(struct shmem *s);

/* An object of its own, @size bytes of holes, one reference in *out. -ENOMEM. */
int shmem_create(struct pool *pool, uint64_t size, struct mappable **out);

/*
 * shmem_read, shmem_write - up to @n bytes at @off through the cursor @u, which advances.
 * Reading ends at the size (0 there); writing beyond it extends it. Return the bytes
 * moved; if none: -EFAULT, -ENOSPC (pool limit), -ENOMEM.
 */
ssize_t shmem_read(struct shmem *s, uint64_t off, struct uio *u, size_t n);
ssize_t shmem_write(struct shmem *s, uint64_t off, struct uio *u, size_t n);
/*
 * shmem_append - write at the end, which is *end then. Appends never overlap; up to 1 MB
 * stays in one piece.
 */
ssize_t shmem_append(struct shmem *s, struct uio *u, size_t n, uint64_t *end);
/* Grow to @size; never shrinks. */
void shmem_extend(struct shmem *s, uint64_t size);

uint64_t shmem_size(struct shmem *s);
uint64_t shmem_bytes(struct shmem *s);
/*
 * shmem_truncate - set the size. What is cut off is freed and unmapped everywhere
 * (SIGBUS); the rest of the last page reads as zeroes when the file grows again.
 */
void shmem_truncate(struct shmem *s, uint64_t size);
/*
 * Blocks for [@off, @off + @size), zeroes where there were none; the size stays.
 * -ENOSPC.
 */
int shmem_allocate(struct shmem *s, uint64_t off, uint64_t size);
/*
 * shmem_punch - zeroes there; whole pages become holes. Private copies stay, and so do
 * the blocks below (cleared) while a private area has pages of that range mapped.
 */
void shmem_punch(struct shmem *s, uint64_t off, uint64_t size);
/*
 * shmem_zero - zeroes in blocks of one's own, as shmem_allocate(): private copies and the
 * size stay. -EFBIG, -ENOSPC, -ENOMEM: nothing was zeroed.
 */
int shmem_zero(struct shmem *s, uint64_t off, uint64_t size);
/*
 * shmem_shift - what stands at @from (a multiple of PAGE_SIZE inside the size) and behind
 * moves to @to: down over what is between, which goes, or up, which leaves a hole. All
 * from the lower of the two on is taken from the mappings, private copies too. -ENOMEM,
 * -EFBIG: nothing changed.
 */
int shmem_shift(struct shmem *s, uint64_t from, uint64_t to);
/*
 * shmem_next - the first piece of data (@data) or hole at or behind @off: its start, for
 * lseek(SEEK_DATA, SEEK_HOLE). -ENXIO: @off is at or behind the end, or no data follows.
 */
int shmem_next(struct shmem *s, uint64_t off, bool data, uint64_t *start);

/* The translate slot. */
int shmem_translate(struct mappable *m, uint64_t off, uint64_t size, bool shared,
		    bool write, struct mappable_run *run);
