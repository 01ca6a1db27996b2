// SPDX-License-Identifier: Apache-2.0
/* What the files of this folder share. See README.md for which file does what. */
#pragma once

#include "sentry/abi/mman.h"
#include "sentry/mm/mm.h"

/* The file layer's, declared here because mm does not see fs/vfs.h. */
struct file *file_get(struct file *f);
void file_put(struct file *f);

/* --- usercopy.c ---------------------------------------------------------- */

enum copy_mode {
	COPY_FAULT,   /* fault lazily populated pages in */
	COPY_NOFAULT, /* answer short instead: for use under LOCK_FILE_DATA */
};

#define ZEROES_SIZE (4 * PAGE_SIZE)
extern const char mm_zeroes[ZEROES_SIZE];

/* Is [@addr, @addr + @n) inside what the guest may map? */
bool user_range_ok(const struct umem *u, uaddr_t addr, uint64_t n);
/* Bytes moved, fewer than @n at an inaccessible page, or -EFAULT when none (@n > 0). */
ssize_t user_read(const struct umem *u, void *dst, uaddr_t src, size_t n,
		  enum copy_mode mode);
ssize_t user_write(const struct umem *u, uaddr_t dst, const void *src, size_t n,
		   enum copy_mode mode);

/* --- vma.c: the areas. All under mm->lock -------------------------------- */

#define MAX_MAP_COUNT 65530

#define STACK_GUARD (256 * PAGE_SIZE)

/* Around what the host may do to anonymous memory as late as when the guest runs on. */
static inline void mm_later(struct mm *mm, bool on)
{
	if (mm->as->ops->later)
		mm->as->ops->later(mm->as, on);
}

/*
 * May what takes memory or rights away be that late? Not if another thread could map something
 * there meanwhile, or give rights, which the late call would then take.
 */
static inline bool mm_may_take_later(struct mm *mm)
{
	return refcount_read(&mm->users) <= 1;
}

bool mm_may_unmap_later(struct mm *mm, uaddr_t start, uaddr_t end) MUST_HOLD(mm->lock);

/* Flags that do not keep neighbours from being one area. */
#define VM_IGNORE_MERGE (VM_STACK | VM_HEAP | VM_MAYCOPY)
#define VM_ACCESS	(VM_READ | VM_WRITE | VM_EXEC)
#define VM_MAY_ACCESS	(VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)

/*
 * Areas taken out of the tree; their references are dropped by vma_free_list() unlocked.
 */
struct dead_list {
	struct list vmas;
};

static inline uint64_t vma_size(const struct vma *v)
{
	return v->end - v->start;
}

/* Offset in v->m of @addr. */
static inline uint64_t vma_off(const struct vma *v, uaddr_t addr)
{
	return v->off + (addr - v->start);
}

/* The lowest address a new area may reach up to: a stack keeps its guard gap. */
static inline uaddr_t vma_start_gap(const struct vma *v)
{
	if (!(v->flags & VM_GROWSDOWN))
		return v->start;
	return v->start > STACK_GUARD ? v->start - STACK_GUARD : 0;
}

/* An area need not have a mappable: what clang cannot follow stands here. */
static inline void mappable_lock(struct mappable *m) ACQUIRES(m->lock) NO_LOCK_ANALYSIS
{
	if (m)
		mutex_lock(&m->lock);
}

static inline void mappable_unlock(struct mappable *m) RELEASES(m->lock) NO_LOCK_ANALYSIS
{
	if (m)
		mutex_unlock(&m->lock);
}

unsigned vm_prot_to_as(unsigned vm_flags);
/* Fresh zeroes on the host, with the rights of @v. */
int vma_map_anon(const struct vma *v, uaddr_t addr, uint64_t size);
struct vma *vma_next(const struct vma *v);
struct vma *vma_prev(const struct vma *v);
/*
 * An area that is in no tree yet, with references to @m and @file (either may be NULL).
 */
struct vma *vma_alloc(struct mm *mm, uaddr_t start, uaddr_t end, unsigned flags,
		      struct mappable *m, struct file *file, uint64_t off);
/* Drops the references of an area that is in no tree; not under mm->lock. */
void vma_free(struct vma *v);
void vma_free_list(struct dead_list *dead);
/* Tell the mappable of a writable shared mapping that comes or goes. */
int vma_count_writable(struct vma *v, enum mapped_change what);
/* Into the tree and the accounts; not yet on the reverse map. */
void vma_link(struct mm *mm, struct vma *v);
void vma_rmap_add_locked(struct vma *v) MUST_HOLD(v->m->lock);
/*
 * Out of the tree, the accounts and the reverse map, onto @dead. @held: a mappable whose
 * lock the caller holds, or NULL.
 */
void vma_unlink(struct mm *mm, struct vma *v, struct mappable *held,
		struct dead_list *dead);
/*
 * Make area borders of @start and @end: -ENOMEM, also at the map count limit (@unmap:
 * what lies between is going away, so only a hole in one area adds to the count).
 */
int vma_split_range(struct mm *mm, uaddr_t start, uaddr_t end, bool unmap)
	MUST_HOLD(mm->lock);
/* Join all compatible neighbours in and at the edges of [@start, @end]. */
void vma_merge_range(struct mm *mm, uaddr_t start, uaddr_t end) MUST_HOLD(mm->lock);
/* Change flags, keeping the accounts true. */
void vma_set_flags(struct mm *mm, struct vma *v, unsigned flags);
/* Change the borders of an area in place (growth, shrinking): accounts follow. */
void vma_resize(struct mm *mm, struct vma *v, uaddr_t start, uaddr_t end);
/* Bytes of [@start, @end) that are covered by areas. */
uint64_t mm_covered(struct mm *mm, uaddr_t start, uaddr_t end) MUST_HOLD(mm->lock);

/* --- place.c ------------------------------------------------------------- */

/* Where @size bytes go as mmap(2) chooses: -ENOMEM, -EPERM, -EINVAL. @flags: LX_MAP_*. */
int mm_place(struct mm *mm, uaddr_t hint, uint64_t size, unsigned flags, uaddr_t *out)
	MUST_HOLD(mm->lock);
/* Something that ended at @end was unmapped: the hole there must be looked at again. */
void mm_hole_made(struct mm *mm, uaddr_t end) MUST_HOLD(mm->lock);

/* --- limits.c ------------------------------------------------------------ */

/* May the mm grow by @size bytes of an area with @vm_flags (RLIMIT_AS, RLIMIT_DATA)? */
bool mm_may_expand(struct mm *mm, unsigned vm_flags, uint64_t size);
/* RLIMIT_MEMLOCK for @size more locked bytes: 0 or -EAGAIN. */
int mm_may_lock(struct mm *mm, unsigned vm_flags, uint64_t size);
void mm_take_limits(struct mm *mm, const struct mm_limits *limits);

/* --- unmap.c ------------------------------------------------------------- */

/* munmap under mm->lock; the areas go to @dead. */
int mm_unmap_locked(struct mm *mm, uaddr_t start, uaddr_t end, struct dead_list *dead)
	MUST_HOLD(mm->lock);

/* --- fault.c ------------------------------------------------------------- */

/* A translation made without mm->lock, and what must still hold when it is mapped. */
struct fetched {
	struct mappable *m;
	struct mappable_run run;
	uint64_t off, generation;
	bool valid; /* run is to be put */
};

/* As mm_fault(), for a copy: 0 or -EFAULT, and the stack's limit is the one last seen. */
int mm_fault_in(struct mm *mm, uaddr_t addr, unsigned access);

/* How much a fault makes of what costs blocks: little at first, more in sequence. */
#define FAULT_AROUND	 (16 * PAGE_SIZE)
#define FAULT_AROUND_MAX (256 * PAGE_SIZE)

int fetch(struct fetched *f, struct mappable *m, uint64_t off, uint64_t size, bool shared,
	  bool write);
void fetch_done(struct fetched *f);
/*
 * Map what was fetched at @addr of @v. Under mm->lock and m->lock. 1: mapped, 0: the run
 * is out of date, fetch again; -ENOMEM...
 */
int map_fetched_locked(struct vma *v, const struct fetched *f, uaddr_t addr, bool write)
	MUST_HOLD(v->m->lock);
enum populate { POPULATE_READ, POPULATE_WRITE, POPULATE_AUTO };
/*
 * Fault everything of [@start, @end) in, as MAP_POPULATE, mlock (AUTO) and madvise do.
 * -ENOMEM: a gap; -EINVAL: no right to; -EFAULT: SIGBUS. Without locks.
 */
int mm_populate(struct mm *mm, uaddr_t start, uaddr_t end, enum populate how);

/* --- mappable.c ---------------------------------------------------------- */

/* Unmap [@start, @end) of @v on the host and note it. Under v->m->lock. */
void vma_forget_locked(struct vma *v, uaddr_t start, uaddr_t end) MUST_HOLD(v->m->lock);
