// SPDX-License-Identifier: Apache-2.0
/*
 * mappable - what a file offers to be mapped: translation of its offsets to host
 * descriptors, and the reverse map through which mappings are taken back.
 * Embedded in the inode of a mappable file (tmpfs, overlay, gofer) or shm segment.
 *
 * Mappings are made lazily: a vma is a promise; the first access faults, the kernel
 * asks translate() and maps the run it answered (mmap may do so eagerly for what
 * exists). Truncation, punch hole and copy-up call mappable_invalidate().
 */
#pragma once

#include "sentry/base/list.h"
#include "sentry/base/lock.h"

struct mappable;

/* One contiguous piece of a mappable on the host. */
struct mappable_run {
	int hfd; /* borrowed, valid until run_put */
	uint64_t hoff;
	uint64_t size; /* bytes from @off on, a page multiple, >= PAGE_SIZE */
	uint64_t key;  /* for as_ops.map_file's descriptor cache; 0: none */
	/* A shared mapping may be made writable now; if false, a write fault asks again
	 * with write = true (copy-up, block allocation). */
	bool writable;
	/* Nothing there yet (a hole), read only: map anonymous zeroes privately; hfd is
	 * -1. Only for private mappings and read faults. */
	bool zero;
	void *cookie; /* for run_put */
};

enum mapped_change { MAPPED_NEW, MAPPED_COPY, MAPPED_GONE };

struct mappable_ops {
	/*
	 * translate - where the bytes from @off (page-aligned) on live. @size: how much
	 * is wanted; the answer may be shorter, and longer where that costs nothing.
	 * @shared: for a shared mapping (never answer `zero`: allocate the hole instead).
	 * @write: it is being written: allocate or copy up. Errors: -ENXIO beyond end of
	 * file (SIGBUS), -ENOSPC, -ENOMEM, -EIO (SIGBUS). May block on the gofer; called
	 * without locks of mm. Required.
	 */
	int (*translate)(struct mappable *m, uint64_t off, uint64_t size, bool shared,
			 bool write, struct mappable_run *run);
	/* Done with the run (the host mapping is made). NULL: nothing to do. */
	void (*run_put)(struct mappable *m, struct mappable_run *run);
	/* References of the object that embeds it. Required. */
	void (*get)(struct mappable *m);
	void (*put)(struct mappable *m);
	/* Device and inode number for /proc/PID/maps. Required. */
	void (*describe)(struct mappable *m, uint64_t *dev, uint64_t *ino);
	/*
	 * The number of writable shared mappings changes. MAPPED_NEW may be refused with
	 * -EPERM (a seal) or -ETXTBSY. MAPPED_COPY is one more of what had been allowed
	 * (fork, an area cut in two) and never is, MAPPED_GONE neither. NULL: always
	 * allowed.
	 */
	int (*writable)(struct mappable *m, enum mapped_change what);
	/*
	 * An area that maps it comes (+1: mmap, fork, cut in two) or goes (-1). Only
	 * counting is allowed here (a SysV segment's attaches). Called under mm->lock.
	 * NULL: nothing.
	 */
	void (*mapped)(struct mappable *m, int delta);
	/* msync(MS_SYNC) of a range. NULL: nothing to do. */
	int (*sync)(struct mappable *m, uint64_t off, uint64_t size);
	/* madvise(MADV_REMOVE): make a hole. Called without locks. NULL: -EOPNOTSUPP. */
	int (*punch)(struct mappable *m, uint64_t off, uint64_t size);
};

struct mappable {
	const struct mappable_ops *ops;
	struct mutex lock;   /* LOCK_RMAP */
	struct list vmas;    /* struct vma.rmap, protected by lock */
	uint64_t generation; /* counts invalidations, protected by lock: a fault that
				translated before one notices and asks again */
};

void mappable_init(struct mappable *m, const struct mappable_ops *ops);
/* No vma may be left. */
void mappable_destroy(struct mappable *m);

/*
 * mappable_invalidate - take back the host mappings of [@off, @off + @size) in every
 * address space; the next access faults and translates anew. @even_cow: private copies
 * too (truncation); else only pages that are still shared with the file (copy-up).
 * @size UINT64_MAX: to the end. Takes LOCK_RMAP and the platform's ADDR_SPACE: the
 * caller holds only ranks before LOCK_RMAP (so not FILE_DATA).
 */
void mappable_invalidate(struct mappable *m, uint64_t off, uint64_t size, bool even_cow);
void mappable_invalidate_locked(struct mappable *m, uint64_t off, uint64_t size,
				bool even_cow) MUST_HOLD(m->lock);
/*
 * mappable_copies_locked - narrow [*@start, *@end), offsets of pages, to what private
 * areas have mapped of it and could have pages of their own in: there the host's mapping
 * must stay, with whatever it shows. False: nothing.
 */
bool mappable_copies_locked(struct mappable *m, uint64_t *start, uint64_t *end)
	MUST_HOLD(m->lock);
