// SPDX-License-Identifier: Apache-2.0
/*
 * mm - what a guest address space holds: the areas (vmas), brk, limits, accounting.
 * The kernel decides here; platform/platform.h's addr_space does it.
 *
 * Locks: mm->lock (LOCK_MM_META) protects the areas and is held across the platform
 * calls that change them. translate() of a mappable, which may talk to the gofer, is
 * called with mm->lock dropped; the fault path checks the area and the mappable's
 * generation again before it maps.
 */
#pragma once

#include "platform/platform.h"
#include "sentry/base/lock.h"
#include "sentry/base/rbtree.h"
#include "sentry/mm/mappable.h"
#include "sentry/mm/ranges.h"
#include "sentry/mm/umem.h"

struct file;
struct pool;

/* clang-format off */
enum vm_flags {
	VM_READ = 1, VM_WRITE = 2, VM_EXEC = 4, VM_SHARED = 8,
	VM_MAYREAD = 0x10, VM_MAYWRITE = 0x20, VM_MAYEXEC = 0x40, VM_MAYSHARE = 0x80,
	VM_GROWSDOWN = 0x100, VM_NORESERVE = 0x200, VM_LOCKED = 0x400, VM_DONTFORK = 0x800,
	VM_DONTDUMP = 0x1000, VM_WIPEONFORK = 0x2000, VM_HUGEPAGE = 0x4000,
	VM_NOHUGEPAGE = 0x8000, VM_SEQ_READ = 0x10000, VM_RAND_READ = 0x20000,
	VM_STACK = 0x40000, VM_HEAP = 0x80000, VM_VDSO = 0x100000,
	VM_SPECIAL = 0x200000, /* cannot be split, moved or remapped by the guest (vdso pages may) */
	VM_ACCOUNT = 0x400000, /* private and once writable: counted against overcommit */
	VM_LOCKONFAULT = 0x800000,
	VM_MAYCOPY = 0x1000000, /* private and once writable: may hold pages of its own */
};
/* clang-format on */

struct vma {
	struct rb_node node; /* in mm->vmas by start */
	struct mm *mm;
	uaddr_t start, end; /* protected by mm->lock, and by m->lock while on its rmap */
	unsigned flags;	    /* enum vm_flags */
	struct mappable *m; /* NULL: anonymous. A reference */
	struct file *file; /* what was mapped (for /proc/PID/maps): a reference or NULL */
	uint64_t off;	   /* of start in m; 0 without m */
	struct list rmap;  /* in m->vmas, protected by m->lock */
	struct ranges mapped; /* what the host has mapped of m, protected by m->lock */
	uint64_t generation;  /* fork only: of m when `mapped` was copied */
	const char *name;     /* static text such as "[vdso]", or NULL */
};

struct mm_limits { /* the caller's rlimits, read once per call */
	uint64_t as, data, stack, memlock;
	uint64_t
		piece; /* more private memory at once than the sandbox may have; 0: any */
	bool can_lock; /* CAP_IPC_LOCK */
};

/* Private and shared anonymous memory, ELF headers, private huge pages. core(5). */
#define MM_DUMP_FILTER_DEFAULT 0x33

struct mm {
	refcount_t users; /* tasks; the areas go when it falls to 0 */
	refcount_t ref;	  /* users count as one; holds the struct and addr_space */
	struct addr_space *as;
	uint64_t counted;  /* task/memory_limit.c's alone: the look that had it last */
	struct mutex lock; /* LOCK_MM_META; protects all below */
	struct rb_tree vmas;
	unsigned n_vmas;
	uint64_t total, data, stack_size, exec_size, locked, shared,
		file_mapped; /* bytes */
	uint64_t total_peak;
	uaddr_t mmap_base; /* areas are placed top-down from here */
	uaddr_t start_brk, brk;
	uaddr_t start_code, end_code, start_data, end_data, start_stack;
	uaddr_t arg_start, arg_end, env_start, env_end;
	uaddr_t vdso;
	uint64_t auxv[64]; /* pairs, for /proc/PID/auxv */
	unsigned auxv_len; /* words used */
	struct file *exe;  /* /proc/PID/exe, a reference or NULL. Writers of it are held
			      off for as long as this open file lives, not by mm */
	bool dumpable;	   /* PR_SET_DUMPABLE */
	atomic_uint dump_filter;  /* /proc/PID/coredump_filter: kept by fork and exec */
	atomic_bool thp_disabled; /* PR_SET_THP_DISABLE: shown back; a fork copies it */
	bool membarrier;	  /* registered for MEMBARRIER_CMD_PRIVATE_EXPEDITED */
	bool lock_future;	  /* mlockall(MCL_FUTURE) */
	bool lock_future_onfault; /* and MCL_ONFAULT */
	uint64_t hole_size; /* no hole this big stands between hole_top and mmap_base */
	uaddr_t hole_top;   /* UINT64_MAX: not known */
	struct pool *pool;  /* where shared anonymous memory comes from; borrowed. Set
			       after mm_create() (NULL: MAP_SHARED|MAP_ANONYMOUS is
			       -ENOMEM), handed down by mm_fork() */
	struct mm_limits limits; /* as last read: for calls that bring none (mprotect, a
				    stack that grows under a copy) */
	uint64_t charged; /* bytes of VM_ACCOUNT areas: what could become private pages */
};

/*
 * Unless said otherwise: called by a task that uses the mm, with no lock held; mm->lock
 * is taken. -ENOMEM also when the host has none; -ESRCH: the guest's host process died.
 */

/* mm_create - an empty mm on a fresh address space: one user. -ENOMEM... */
int mm_create(struct platform *p, struct mm **out);
/* mm_fork - a copy for a new process: areas, COW, DONTFORK and WIPEONFORK applied. One
 * user. -ENOMEM. Slow: the host copies page tables. */
int mm_fork(struct mm *old, struct mm **out);
struct mm *mm_get(struct mm *mm); /* a user */
void mm_put(struct mm *mm);	  /* the last user unmaps everything */
/* True when nobody else had it: *@last is what the address space has used in all. */
bool mm_put_last(struct mm *mm, struct as_usage *last);
struct mm *mm_ref(struct mm *mm); /* only the struct (proc files) */
void mm_unref(struct mm *mm);
/* For another task's mm found through a ref: false once the last user is gone. */
bool mm_tryget(struct mm *mm);

/*
 * What mmap(2) maps. prot and flags are LX_*. For files the file layer has checked the
 * open mode and passes m (its reference is taken by the vma) and may = VM_MAY* bits.
 */
struct mmap_args {
	uaddr_t addr;
	uint64_t size;
	unsigned prot, flags;
	struct mappable *m; /* NULL: anonymous */
	struct file *file;  /* borrowed; the vma takes its own reference */
	uint64_t off;
	unsigned may;	   /* VM_MAY* allowed for a file mapping; ignored for anonymous */
	unsigned vm_flags; /* extra enum vm_flags (VM_STACK, VM_HEAP, VM_VDSO) */
	const char *name;
	const struct mm_limits *limits;
};

/*
 * mm_mmap - mmap(2): the address in *out. -EINVAL, -ENOMEM (no room, RLIMIT_AS and DATA,
 * too many areas), -EEXIST, -EAGAIN (RLIMIT_MEMLOCK), -EPERM, -EACCES, -EOPNOTSUPP. May
 * block on the gofer: of a file what is there already is mapped at once.
 */
int mm_mmap(struct mm *mm, const struct mmap_args *args, uaddr_t *out);
/* -EINVAL, -ENOMEM (cutting an area would be one too many). Holes are fine. */
int mm_munmap(struct mm *mm, uaddr_t addr, uint64_t size);
/*
 * mm_unmap_object - shmdt(2): unmap what is left of one attachment, the areas of an
 * object with @ops whose offset 0 is at @addr. -EINVAL: there are none.
 */
int mm_unmap_object(struct mm *mm, uaddr_t addr, const struct mappable_ops *ops);
/* Up to the first hole: -ENOMEM; -EACCES: the file was not opened for that; -EINVAL. */
int mm_mprotect(struct mm *mm, uaddr_t addr, uint64_t size, unsigned prot);
/* mremap(2): the new address in *out. -EFAULT: nothing is mapped at @old; -EINVAL,
 * -ENOMEM, -EAGAIN (RLIMIT_MEMLOCK). */
int mm_mremap(struct mm *mm, uaddr_t old, uint64_t old_size, uint64_t new_size,
	      unsigned flags, uaddr_t new_addr, const struct mm_limits *limits,
	      uaddr_t *out);
/* brk(2)'s odd convention: returns the break after the call. */
uaddr_t mm_brk(struct mm *mm, uaddr_t brk, const struct mm_limits *limits);
/* -EINVAL, -ENOMEM (a hole: the rest is done). REMOVE (-EACCES, -EOPNOTSUPP) and
 * POPULATE_* (-EFAULT) may block on the gofer. */
int mm_madvise(struct mm *mm, uaddr_t addr, uint64_t size, int advice);
/* MS_SYNC blocks until the object has written it. -EINVAL, -ENOMEM, -EBUSY, -EIO. */
int mm_msync(struct mm *mm, uaddr_t addr, uint64_t size, int flags);
/* A byte a page to @vec of @u's memory. -EINVAL, -ENOMEM, -EFAULT. */
int mm_mincore(struct mm *mm, uaddr_t addr, uint64_t size, const struct umem *u,
	       uaddr_t vec);
/* Faults everything in unless @on_fault, so it may block on the gofer. -EPERM, -EINVAL,
 * -ENOMEM (also a hole), -EAGAIN. Nothing is pinned on the host. */
int mm_mlock(struct mm *mm, uaddr_t addr, uint64_t size, bool lock, bool on_fault,
	     const struct mm_limits *limits);
int mm_mlockall(struct mm *mm, unsigned flags, const struct mm_limits *limits);
void mm_munlockall(struct mm *mm);

/*
 * mm_fault - the guest, or a copy on its behalf, could not access @addr. Returns 0 when
 * the access can be tried again (lazy population, stack growth, copy-up), or the signal
 * to send as a negative pair: -(signo << 8 | si_code), e.g. SIGSEGV/MAPERR,
 * SIGBUS/ADRERR. May block on the gofer. @stack_limit: RLIMIT_STACK for
 * growth.
 */
int mm_fault(struct mm *mm, uaddr_t addr, unsigned access, uint64_t stack_limit);
#define MM_FAULT_SIGNO(r) (-(r) >> 8)
#define MM_FAULT_CODE(r)  (-(r)&0xff)

/*
 * Is [@addr, @addr + @n) mapped for writing, in one mapping? It may be gone the moment this
 * returns.
 */
bool mm_writable(struct mm *mm, uaddr_t addr, uint64_t n);

/* Identity of a futex word: shared mappings by (mappable, offset),
 * private by (mm, address). */
struct futex_key {
	void *object; /* struct mm, or mappable (referenced: mm_futex_key_put()) */
	uint64_t offset;
	bool shared;
};
/* @shared_wanted: no FUTEX_PRIVATE_FLAG. -EFAULT: not mapped. */
int mm_futex_key(struct mm *mm, uaddr_t addr, bool shared_wanted, struct futex_key *key);
void mm_futex_key_put(struct futex_key *key);

/*
 * mm_access - a debugger's read or write (/proc/PID/mem, ptrace): rights do not matter
 * where the area could have them. Returns bytes moved, or -EIO when none was.
 */
ssize_t mm_access(struct mm *mm, uaddr_t addr, void *buf, size_t n, bool write);
/* The system call before @rip is made often: let the platform rewrite it, if that is safe. */
void mm_patch_call(struct mm *mm, uaddr_t rip);
/* Somebody is about to look at, or to change, a program from outside: undo that there. */
void mm_unpatch(struct mm *mm, uaddr_t addr, uint64_t size);

/*
 * mm_exec_reset - empty the mm for exec in place (the caller is its only user and ctx).
 * It keeps `dumpable` as it is: exec decides.
 */
int mm_exec_reset(struct mm *mm);

/* For /proc: each area in order, of a snapshot; @fn runs without locks and returns 0 to
 * go on. Any thread that holds a user. -ENOMEM, or what @fn returned. */
struct vma_info {
	uaddr_t start, end;
	unsigned flags;
	uint64_t off, dev, ino;
	struct file *file; /* borrowed during the callback */
	const char *name;
};
int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma_info *, void *), void *arg);
/*
 * mm_area_at - the area at @addr, but for dev and ino; a reference of its file, if it has one.
 * False: there is none, or, unless @wait, mm->lock is taken.
 */
bool mm_area_at(struct mm *mm, uaddr_t addr, bool wait, struct vma_info *out);

/* The first area with end > @addr, or NULL: true only under the lock. */
struct vma *mm_find_vma_locked(struct mm *mm, uaddr_t addr) MUST_HOLD(mm->lock);
