// SPDX-License-Identifier: Apache-2.0
/*
 * The contract between the kernel and a platform: how guest code runs and how
 * its memory is changed. A platform knows nothing of tasks, files or signals.
 *
 *   addr_space  one guest address space. The kernel's mm decides what is mapped
 *               where; the addr_space does it. All its operations may be called
 *               from any Sentry thread, also while guest threads run in it, and
 *               serialise themselves (LOCK_ADDR_SPACE inside the platform).
 *   exec_ctx    one guest thread of execution in an address space. All its
 *               operations but `interrupt` are called by the Sentry thread that
 *               created it only (ptrace: only the tracer may ask).
 *
 * Usual sequence of a guest thread, on its own Sentry thread:
 *
 *	platform->ops->as_create(platform, &as);
 *	platform->ops->ctx_create(platform, as, &ctx);	 (on the owning thread)
 *	ctx_set_regs(ctx, &regs);
 *	while (alive)
 *		switch (ctx_switch_to(ctx, &info)) ...
 *	ctx_release(ctx); as_put(as);
 *
 * Everything a guest can write is hostile: results that pass through guest
 * memory are checked by the platform before they are returned.
 *
 * Errors: negative errno. -ESRCH means the guest's host process is gone (killed
 * from outside, out of host memory): the kernel ends the task with SIGKILL.
 */
#pragma once

#include <stdatomic.h>

#include "sentry/abi/regs.h"
#include "sentry/base/refcount.h"
#include "sentry/base/types.h"

struct addr_space;
struct exec_ctx;
struct platform;
struct host_rules;

enum exit_reason {
	EXIT_SYSCALL, /* ctx->sc is filled; answer with ctx_set_ret() or set_regs */
	EXIT_FAULT,   /* info->fault is filled; rip is at the faulting instruction (traps:
			 after) */
	EXIT_SIGNAL, /* a host signal that is no fault and not ours reached the guest thread:
			info->signo, for the log. The kernel ignores it, and a platform may keep
			it away. */
	EXIT_INTERRUPT, /* ctx_interrupt() was called, or a single step ended
			   (info->stepped) */
	EXIT_UNDELIVERED, /* what carry_out() took is still here, at info->undelivered: a page of
			     the guest's has gone since, or it may no longer be written.
			     Copy it, as the call was before that. Or what carry_blind()
			     took, and the page was never there. */
	EXIT_GONE,	  /* the host thread died: the ctx may only be released */
};

/*
 * ACCESS_UNKNOWN: nothing is mapped there on the host, and which access it was would be
 * dear to find out (trapno and error_code are not filled either). Try it as a read, the
 * weakest; when that is no answer ask ctx_fault_detail(). A write to what is then mapped
 * read-only faults again, with everything filled.
 */
struct park;

enum access_kind {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_EXEC = 4,
	ACCESS_UNKNOWN = 8
};

struct exit_info {
	struct exit_fault {
		int signo;	 /* LX_SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP */
		int si_code;	 /* as Linux gives it (SEGV_MAPERR, FPE_INTDIV, TRAP_BRKPT
				    ...) */
		uaddr_t addr;	 /* si_addr */
		unsigned access; /* enum access_kind; 0 if not a page fault */
		uint32_t trapno; /* enum lx_trap */
		uint32_t error_code;
	} fault;
	struct {
		const void *data; /* borrowed, until the next switch_to() */
		uaddr_t to;
		size_t n;
	} undelivered;
	int signo;
	bool stepped;
	bool hot_call; /* EXIT_SYSCALL: as_ops.patch() of sc.rip would pay now */
};

/* What a guest thread asked for when it made a system call. */
struct ctx_syscall {
	uint64_t nr; /* rax's low 32 bits, sign-extended: what Linux looks at */
	uint64_t args[6];
	uint64_t rip, rsp; /* rip is behind the syscall instruction */
	bool compat; /* int 0x80: the kernel answers as one without IA32 emulation */
};

/* --- address spaces ------------------------------------------------------ */

/* What is resident of [start, end), in bytes; the words are those of proc_pid_smaps(5).
 */
struct as_area {
	uaddr_t start, end;
	uint64_t rss, pss, shared_clean, shared_dirty, private_clean, private_dirty;
	uint64_t referenced, anonymous, lazy_free, anon_huge, swap, swap_pss;
};

#define AS_PROT_READ  1
#define AS_PROT_WRITE 2
#define AS_PROT_EXEC  4

#define AS_MAP_SHARED                                                                    \
	1 /* map_file: writes go to the file; else private copy-on-write                 \
	   */
#define AS_MAP_NORESERVE 2 /* map_anon: as MAP_NORESERVE */

#define PATCH_BEFORE	2
#define PATCH_SPAN	16
#define PATCH_ZONE_SIZE 0x10000

/* More places of a space than this are not known one by one. */
#define AS_SITES 128

enum as_site_state {
	AS_SITE_TRAPS, /* is counted: it is seldom used so far */
	AS_SITE_KEPT,  /* is used often, but patch() was not called, or too late */
	AS_SITE_UNFIT, /* could not be patched, for what stands there */
	AS_SITE_PATCHED,
	AS_SITE_UNDONE, /* was patched */
	AS_SITE_NO_ROOM /* all that are not known one by one; addr is 0 */
};

/*
 * Where a guest makes system calls. Those that begin or end threads and programs are counted
 * like others, those that the platform answers itself (know) are not.
 */
struct as_site {
	uaddr_t addr; /* of the instruction */
	enum as_site_state state;
	uint64_t trapped, patched; /* calls, by how they came */
};

struct as_usage {
	/* bytes; rss_file may contain what could be in rss_shmem, and swap be unknown (0)
	 */
	uint64_t rss_anon, rss_file, rss_shmem, swap;
	uint64_t min_flt, maj_flt;
	int64_t cpu_ns; /* CPU time of all guest threads so far, exited ones included */
};

struct as_ops {
	/*
	 * map_anon - fresh zero-filled private memory at [@addr, @addr + @size),
	 * replacing what is there. Page-aligned, inside [limits.min, limits.max).
	 * -ENOMEM: host limit. On failure the old content of the range is undefined.
	 */
	int (*map_anon)(struct addr_space *as, uaddr_t addr, uint64_t size, unsigned prot,
			unsigned flags);
	/*
	 * map_file - map @size bytes of host descriptor @hfd at @off there. @hfd is
	 * borrowed for the call. @key names the open file for the platform's cache of
	 * descriptors donated to the guest process: the same non-zero key always means
	 * the same host file opened with the same rights; 0: do not cache.
	 * The kernel calls forget() when a key's descriptor is closed for good.
	 */
	int (*map_file)(struct addr_space *as, uaddr_t addr, uint64_t size, unsigned prot,
			unsigned flags, int hfd, uint64_t off, uint64_t key);
	int (*unmap)(struct addr_space *as, uaddr_t addr, uint64_t size);
	int (*protect)(struct addr_space *as, uaddr_t addr, uint64_t size, unsigned prot);
	/*
	 * move - mremap with MREMAP_FIXED: pages of [@old, +@old_size) appear at @new
	 * with
	 * @new_size; @old is unmapped (or, with @keep_old, left mapped and empty:
	 * MREMAP_DONTUNMAP). @old == @new changes the size in place.
	 */
	int (*move)(struct addr_space *as, uaddr_t old, uint64_t old_size,
		    uaddr_t new_addr, uint64_t new_size, bool keep_old);
	/* advise - host madvise: DONTNEED, FREE, HUGEPAGE, NOHUGEPAGE, WIPEONFORK,
	 * DONTFORK... */
	int (*advise)(struct addr_space *as, uaddr_t addr, uint64_t size, int advice);
	/*
	 * batch - from batch(as, true) to batch(as, false) map_*, unmap, protect and reset
	 * may be put off: they return 0, and what failed first is returned at the end. All
	 * else finds them done. One thread at a time, for one program's start. NULL: never.
	 */
	int (*batch)(struct addr_space *as, bool on);
	/*
	 * later - from later(as, true) to later(as, false), under one lock of the caller's,
	 * map_anon, unmap, advise, and protect that takes rights, may be put off until the
	 * calling thread's ctx runs on, whose guest thread may do them itself; all else finds
	 * them done. They return 0, and a failure ends the guest, so the platform does not
	 * where the host may soon have no room for one more mapping. NULL: never.
	 */
	void (*later)(struct addr_space *as, bool on);
	/* Unmap the whole guest range: exec in place. No ctx but the caller's may exist.
	 */
	int (*reset)(struct addr_space *as);
	/*
	 * fork - a copy-on-write copy without any ctx. Shared mappings stay shared.
	 * *out holds one reference.
	 */
	int (*fork)(struct addr_space *as, struct addr_space **out);
	/*
	 * copy_in, copy_out - move bytes to or from guest memory, obeying the page
	 * protections. Return the bytes moved, which is less than @n when a page in
	 * between cannot be accessed, or -EFAULT when none was, -ESRCH.
	 */
	ssize_t (*copy_in)(struct addr_space *as, void *dst, uaddr_t src, size_t n);
	ssize_t (*copy_out)(struct addr_space *as, uaddr_t dst, const void *src,
			    size_t n);
	/*
	 * patch - the code at @rip and the system call before it may be rewritten so that this
	 * is handed over cheaper. The kernel vouches that the code is private, mapped, readable
	 * and executable but not writable, PATCH_SPAN bytes from PATCH_BEFORE before @rip on;
	 * the platform takes the change back before it is protected otherwise or moved. It
	 * does not show in registers, but in copy_in. PATCH_ZONE_SIZE bytes at @zone are not
	 * mapped, and near: the platform may put code there, and gives them up when something
	 * is mapped there. NULL: never.
	 */
	void (*patch)(struct addr_space *as, uaddr_t rip, uaddr_t zone);
	/* The code in [@addr, @addr + @size) as the program has it, from now on. NULL: it is. */
	void (*unpatch)(struct addr_space *as, uaddr_t addr, uint64_t size);
	/*
	 * sites - all that have been used since exec and fork, in *@out, the most used first.
	 * Returns how many, or -EAGAIN, for it does not wait. @take: it does, and the counts
	 * begin at 0 again. NULL: not known.
	 */
	int (*sites)(struct addr_space *as, struct as_site out[AS_SITES + 1], bool take);
	/* Drop a cached descriptor (see map_file). Existing mappings stay. May be NULL.
	 */
	void (*forget)(struct addr_space *as, uint64_t key);
	/*
	 * mincore - one byte a page, bit 0: resident. NULL: the kernel says all resident.
	 */
	int (*mincore)(struct addr_space *as, uaddr_t addr, uint64_t size, uint8_t *vec);
	/*
	 * usage - resident bytes and host page-fault counts of this address space, from
	 * the host's own accounting; -EOPNOTSUPP where none can be had.
	 */
	int (*usage)(struct addr_space *as, struct as_usage *out);
	/* The most bytes ever resident at a time. Dearer than usage(). NULL: not known.
	 */
	uint64_t (*rss_peak)(struct addr_space *as);
	/*
	 * areas - tell @fn what is resident, in ascending ranges that need not be those
	 * the kernel mapped; until it returns other than 0, which is passed on. Dear: for
	 * /proc/PID/smaps. NULL: not known.
	 */
	int (*areas)(struct addr_space *as, int (*fn)(const struct as_area *, void *arg),
		     void *arg);
	/*
	 * The last reference is gone and no ctx is left: ends the host process. *@last, if
	 * not NULL: what it has used in all, where that is known; the bytes are the most
	 * that were resident, all told as rss_anon.
	 */
	void (*release)(struct addr_space *as, struct as_usage *last);
};

struct addr_space {
	const struct as_ops *ops;
	struct platform *platform;
	refcount_t ref;
};

static inline struct addr_space *as_get(struct addr_space *as)
{
	refcount_inc(&as->ref);
	return as;
}

/* False: it was not the last reference, *@last is as it was. */
static inline bool as_put_last(struct addr_space *as, struct as_usage *last)
{
	if (!refcount_dec(&as->ref))
		return false;
	as->ops->release(as, last);
	return true;
}

static inline void as_put(struct addr_space *as)
{
	as_put_last(as, NULL);
}

/* --- contexts ------------------------------------------------------------ */

struct ctx_ops {
	/*
	 * switch_to - run the guest thread until something happens. Blocks for as long
	 * as the guest computes. An interrupt() that came before returns EXIT_INTERRUPT
	 * at once. Returns enum exit_reason.
	 */
	int (*switch_to)(struct exec_ctx *ctx, struct exit_info *info);
	/*
	 * interrupt - any thread, any time between create and release, under any lock up
	 * to LOCK_PARK: the current or the next switch_to() returns EXIT_INTERRUPT soon.
	 */
	void (*interrupt)(struct exec_ctx *ctx);
	/*
	 * fault_detail - replaces an access of ACCESS_UNKNOWN in *f, which is what the
	 * last switch_to() returned, and fills trapno and error_code. NULL: it is never
	 * unknown.
	 */
	int (*fault_detail)(struct exec_ctx *ctx, struct exit_fault *f);
	/* All registers. After EXIT_SYSCALL rax holds the number and rip is behind the
	 * call. */
	int (*get_regs)(struct exec_ctx *ctx, struct lx_regs *regs);
	/*
	 * set_regs - the platform keeps cs, ss, eflags' system bits and the bases legal:
	 * non-canonical values give -EPERM and change nothing.
	 */
	int (*set_regs)(struct exec_ctx *ctx, const struct lx_regs *regs);
	/* Only rax; the cheap way to answer a system call. */
	int (*set_ret)(struct exec_ctx *ctx, uint64_t value);
	/*
	 * get_fpu, set_fpu - the XSAVE image in standard format,
	 * platform->limits.xsave_size bytes. set_fpu refuses an illegal image with
	 * -EINVAL.
	 */
	int (*get_fpu)(struct exec_ctx *ctx, void *xsave);
	int (*set_fpu)(struct exec_ctx *ctx, const void *xsave);
	/* fpu of a fresh program (exec); regs are set by set_regs. */
	int (*reset_fpu)(struct exec_ctx *ctx);
	/* FS and GS base alone: arch_prctl. */
	int (*set_fs_gs)(struct exec_ctx *ctx, uint64_t fs_base, uint64_t gs_base);
	/* One instruction per switch_to() while on (PTRACE_SINGLESTEP of a guest tracer,
	 * TF). */
	int (*set_step)(struct exec_ctx *ctx, bool on);
	/*
	 * load32, cmpxchg32 - atomic on a 4-aligned guest word, run by stub code in the
	 * guest's address space with a fault fix-up. -EFAULT; cmpxchg returns 0 and the
	 * value found in *old (equal to @expected when it was exchanged).
	 */
	int (*load32)(struct exec_ctx *ctx, uaddr_t addr, uint32_t *value);
	int (*cmpxchg32)(struct exec_ctx *ctx, uaddr_t addr, uint32_t expected,
			 uint32_t desired, uint32_t *old);
	/*
	 * move - go on in another address space, with the same registers (exec of a
	 * vfork child, or of one thread among several). Drops the old reference.
	 */
	int (*move)(struct exec_ctx *ctx, struct addr_space *to);
	/* CPUs this guest thread may use, as host CPU numbers (size in bytes). */
	int (*set_affinity)(struct exec_ctx *ctx, const void *cpuset, size_t size);
	/* CPU time of this guest thread, ns (user side); 0 where it cannot be had. */
	int64_t (*cpu_time)(struct exec_ctx *ctx);
	/*
	 * Bytes that travelled with the hand-off (systrap). carried_in: borrowed bytes that
	 * stand for guest memory at @addr, *n of them, or NULL; the guest may change them at
	 * any time. carry_out: true when taken; they are in guest memory before the thread
	 * runs on. carry_room: where bytes for @addr, at most *n (which may become less), can
	 * be put to be taken by carry_out without another copy; or NULL. carry_blind: as
	 * carry_out, for a place that did not come with a call; it may well end in
	 * EXIT_UNDELIVERED. All may be NULL: nothing is carried.
	 */
	const void *(*carried_in)(struct exec_ctx *ctx, uaddr_t addr, size_t *n);
	void *(*carry_room)(struct exec_ctx *ctx, uaddr_t addr, size_t *n);
	bool (*carry_out)(struct exec_ctx *ctx, uaddr_t addr, const void *src, size_t n);
	bool (*carry_blind)(struct exec_ctx *ctx, uaddr_t addr, const void *src,
			    size_t n);
	/*
	 * know - every call of sc.nr will be answered with @value, which is not negative, until
	 * forget(): the platform may do it. Both only by the owning thread, while the guest
	 * thread does not run. May be NULL, both.
	 */
	void (*know)(struct exec_ctx *ctx, uint64_t value);
	void (*forget)(struct exec_ctx *ctx);
	/*
	 * lend_mask - from then on the guest thread may answer rt_sigprocmask itself, @mask
	 * being the blocked signals, until take_mask() says what they are by then. @keep: it
	 * may go on. The guest's other threads can spoil it. False: it will not, as this call
	 * did not come the way that it could (@always: such calls are expected). lend_mask
	 * only while the guest thread does not run, take_mask any time. May be NULL, both.
	 */
	bool (*lend_mask)(struct exec_ctx *ctx, uint64_t mask, bool always);
	uint64_t (*take_mask)(struct exec_ctx *ctx, bool keep);
	/*
	 * will_sleep - the owning thread is about to wait in @park for something other than
	 * its guest thread: who wakes it should find it near. Where that is cheaper than a
	 * sleep, this waits for a little while itself. May be NULL.
	 */
	void (*will_sleep)(struct exec_ctx *ctx, const struct park *park);
	/* Ends the guest thread and frees the ctx; drops its address space reference. */
	void (*release)(struct exec_ctx *ctx);
};

/*
 * CPU time of the owning thread, in ns, during which the guest thread's clock ran, too: one
 * of the two only waited in a loop for the other. Written by the owning thread, or one
 * that has its ctx; read by anybody.
 */
struct cpu_overlap {
	_Atomic int64_t ns;    /* so far, but for the time since */
	_Atomic int64_t since; /* by the owning thread's CPU clock; 0: not now */
};

static inline int64_t cpu_overlap_at(struct cpu_overlap *o, int64_t now)
{
	const int64_t since = atomic_load(&o->since);

	return atomic_load(&o->ns) + (since && now > since ? now - since : 0);
}

struct exec_ctx {
	const struct ctx_ops *ops;
	struct cpu_overlap *overlap; /* the owner's, or NULL */
	struct addr_space *as;	     /* a reference */
	struct ctx_syscall sc; /* valid after EXIT_SYSCALL until the next switch_to */
};

/* --- platforms ----------------------------------------------------------- */

struct platform_limits {
	uaddr_t min_addr, max_addr; /* the guest may map [min_addr, max_addr) */
	size_t xsave_size;	    /* bytes of an XSAVE image here */
	uint64_t xfeatures;	    /* XCR0 as the guest sees it */
	uaddr_t host_vdso; /* where each guest process keeps the host's vdso; 0: none */
	uint64_t host_vdso_size;
	unsigned n_cpus; /* host CPUs this sandbox may use */
};

struct platform_config {
	/* Of systrap: "dispatch" or "seccomp"; NULL or others: what there is. */
	const char *trap;
	bool strict;	  /* refuse instead of warn when a wall is missing */
	bool no_patch;	  /* never rewrite guest code (as_ops.patch) */
	bool have_pid_ns; /* this process is PID 1 of its own PID namespace */
	int procfs; /* O_PATH descriptor of a procfs of that namespace, or -1; borrowed */
};

struct platform_ops {
	const char *name;
	/* Can this host do it at all? 0, or an errno with a reason in *why (static text).
	 */
	int (*probe)(const char **why);
	/*
	 * init - called once, before the Sentry's own filter is installed and after
	 * uid, namespaces and capabilities are final (design D15): forks the stub
	 * template. *out is owned by the caller.
	 */
	int (*init)(const struct platform_config *config, struct platform **out);
	/* An empty address space with one reference in *out. Any thread. */
	int (*as_create)(struct platform *p, struct addr_space **out);
	/*
	 * ctx_create - a stopped guest thread in @as (takes its own reference), owned by
	 * the calling Sentry thread. Registers and FPU are those of a fresh program until
	 * they are set. The pair shares a CPU.
	 */
	int (*ctx_create)(struct platform *p, struct addr_space *as,
			  struct exec_ctx **out);
	void (*shutdown)(struct platform *p);
	const struct host_rules
		*host_rules; /* what the Sentry needs for it after lock-down */
	const struct host_rules *stub_rules; /* what its guest processes may call, for
						host-syscalls; or NULL */
};

struct platform {
	const struct platform_ops *ops;
	struct platform_limits limits;	/* immutable after init */
	atomic_uint n_patched, n_unfit; /* call sites that could be patched, and not */
};

/*
 * platform_lookup - by name ("ptrace"), or "auto": the fastest that probes well.
 * NULL with the reason of the last refusal in *why.
 */
const struct platform_ops *platform_lookup(const char *name, const char **why);
/* All platforms, for host-syscalls and tests; NULL-terminated. */
const struct platform_ops *const *platform_all(void);

/* Wrappers of the slots that are called in many places, or may be missing. */
static inline int ctx_switch_to(struct exec_ctx *ctx, struct exit_info *info)
{
	return ctx->ops->switch_to(ctx, info);
}

static inline void ctx_interrupt(struct exec_ctx *ctx)
{
	ctx->ops->interrupt(ctx);
}

static inline int ctx_fault_detail(struct exec_ctx *ctx, struct exit_fault *f)
{
	return ctx->ops->fault_detail && f->access == ACCESS_UNKNOWN
		       ? ctx->ops->fault_detail(ctx, f)
		       : 0;
}

static inline int ctx_get_regs(struct exec_ctx *ctx, struct lx_regs *regs)
{
	return ctx->ops->get_regs(ctx, regs);
}

static inline int ctx_set_regs(struct exec_ctx *ctx, const struct lx_regs *regs)
{
	return ctx->ops->set_regs(ctx, regs);
}

static inline int ctx_set_ret(struct exec_ctx *ctx, uint64_t value)
{
	return ctx->ops->set_ret(ctx, value);
}

static inline void ctx_know(struct exec_ctx *ctx, uint64_t value)
{
	if (ctx->ops->know)
		ctx->ops->know(ctx, value);
}

static inline void ctx_forget(struct exec_ctx *ctx)
{
	if (ctx->ops->forget)
		ctx->ops->forget(ctx);
}

static inline void ctx_will_sleep(struct exec_ctx *ctx, const struct park *park)
{
	if (ctx->ops->will_sleep)
		ctx->ops->will_sleep(ctx, park);
}

static inline void ctx_release(struct exec_ctx *ctx)
{
	ctx->ops->release(ctx);
}
