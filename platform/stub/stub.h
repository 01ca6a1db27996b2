// SPDX-License-Identifier: Apache-2.0
/*
 * Guest processes as host processes of ours: what the platforms that run guest
 * code in them share (design D3, D6, D15).
 *
 * A stub_space is an addr_space that is the memory of one host process. The first
 * thread of that process is its *helper*: no tracer, no stack; it sleeps on the order
 * page and runs the memory calls the Sentry writes there (stub.S, layout.h).
 * Guest threads are further threads of the process, made by order.
 *
 * Usual sequence of a platform:
 *
 *	stub_host_init(config, &host)		forks the template
 *	stub_space_create(host, ops...)		a child of the template
 *	stub_context_get(s, &slot)		what traps its own calls needs one
 *	stub_thread_create(s, slot, &htid)	under s->lock, as the line before
 *	stub_host_destroy(host)
 */
#pragma once

#include <sched.h>
#include <signal.h>

#include "platform/platform.h"
#include "platform/stub/layout.h"
#include "sentry/base/lock.h"

#define STUB_CACHED_FDS 32
#define STUB_ZONES	2

/*
 * Threads of a process that stand by: a new guest thread then costs neither a clone() nor
 * the old one's end. Each takes some 40 KB of the host.
 */
#define STUB_MAX_STANDBY 8

/*
 * The host signal that makes a guest thread stop for its tracer. Ignored where no
 * tracer is, so that one which comes too late is harmless.
 */
#define STUB_SIG_INTERRUPT SIGSTKFLT

#define STUB_CLONE_THREAD                                                                \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
/* No exit signal: reaped when the Sentry chooses to. */
#define STUB_CLONE_PROCESS (CLONE_PARENT | CLONE_CHILD_SETTID)

/*
 * Code for STUB_GUEST_TEXT: STUB_GUEST_TEXT_SIZE bytes. New guest threads begin at its start,
 * the address of their context in rbx.
 */
struct stub_guest_code {
	const char *text;
	/* in the guest process */
	uaddr_t handler; /* of faults, SIGSYS and interrupts */
	uaddr_t patched; /* where trampolines lead; 0: nothing is patched */
	bool filtered;	 /* guest threads trap by seccomp, not by user dispatch */
};

/* Addresses in a guest process of the labels of stub.S. */
struct stub_labels {
	uaddr_t park, exit, handler, load, cmpxchg;
};

/* A host CPU, alone on its cache line. */
struct stub_cpu {
	_Alignas(64) int number;
	atomic_uint running;  /* pairs that run guest code there now */
	atomic_uint spinning; /* Sentry threads that spin there */
	atomic_uint awake;    /* pairs at home there that do not sleep */
};

/* A guest thread and its Sentry thread, whose alone this is. */
struct stub_pair {
	struct stub_cpu *cpu;
	struct stub_cpu *away; /* where the Sentry thread is instead; or NULL */
	struct stub_cpu *left; /* where it was before it parted first; or NULL */
	bool awake;
	int htid;
	uint64_t away_since; /* in ticks of the time stamp counter */
	uint64_t away_alone; /* of them, with the guest thread asleep meanwhile */
	bool restricted;     /* to `allowed` */
	cpu_set_t allowed;
	/* in ticks of the time stamp counter */
	uint64_t window;    /* start of the time looked at for balance */
	uint64_t contended; /* of it, in guest code while others were there too */
	uint64_t entered;
	uint64_t parted; /* when it last did that */
};

/* CPU time of a guest thread. */
struct stub_clock {
	int64_t before; /* in address spaces it has left */
	int64_t start;	/* what its host thread had used when it began */
	int64_t last;	/* the last answer: time does not run backwards */
};

/* The host's vdso and vvar pages as the template keeps them. */
struct stub_vdso_part {
	uintptr_t from;
	size_t size;
	uaddr_t to;
};

/* A bitmap of things in use. */
struct stub_slots {
	struct mutex lock;
	uint64_t *used;	     /* under lock */
	unsigned first_free; /* none below; under lock */
	unsigned n;	     /* immutable */
};

struct stub_host {
	/* immutable after init */
	const struct stub_guest_code *guest; /* or NULL: guest threads are traced */
	int pages;   /* memfd of all order pages, and behind them the contexts */
	int sock[2]; /* [0]: ours; [1]: the one each stub has as STUB_FD_SOCKET */
	struct stub_order *orders; /* STUB_MAX_SPACES pages, the file's mapping */
	char *contexts;		   /* STUB_MAX_CTX of them, the same */
	int hpid;		   /* of the Sentry */
	int procfs;		   /* or -1; borrowed */
	struct stub_space *template;
	struct stub_labels labels;
	struct platform_limits limits;
	bool overcommits;	/* memory is not refused where it is mapped */
	size_t host_xsave_size; /* of the host's register set; limits.xsave_size is less
				   with AMX */
	void *fresh_xsave;	/* image of a fresh program, host_xsave_size bytes */
	struct stub_vdso_part vdso[4];
	unsigned n_vdso;
	unsigned n_cpus;
	struct stub_cpu *cpu; /* those we may use */

	struct mutex transfer; /* one descriptor at a time is in the socket */

	struct stub_slots spaces, ctxs; /* which pages and contexts are in use */
};

struct stub_fd {
	uint64_t key;  /* 0: free, or in use for one call */
	uint64_t used; /* clock of the last use */
};

/* Calls from one site (sites.c). Written by the thread whose slot it is; read by any. */
struct stub_calls {
	_Atomic uint64_t trapped, patched;
};

/* A context that belongs to a process, until this ends. */
struct stub_slot {
	struct stub_slot *next; /* in the space's list */
	unsigned nr;
	bool live;   /* a guest thread has it; under the space's lock */
	bool mapped; /* in the process */
	bool reused; /* its thread has served another task before */
	bool starts; /* ... and has not begun to serve this one */
	/* what its thread is to do before it runs on */
	struct stub_op calls[STUB_MAX_CALLS];
	unsigned n_calls;
	int htid; /* of a thread that stands by in it; 0: none; under the lock */
	struct stub_cpu *cpu; /* where that one is, or a new one was born; or NULL */
	struct stub_context *ctx;
	/* by threads that had it, from each site; the last: from those without an entry */
	struct stub_calls from[AS_SITES + 1];
};

struct stub_space {
	struct addr_space base;
	struct stub_host *host;

	/* immutable */
	unsigned slot;		  /* of the order page */
	struct stub_order *order; /* mapped writable here */
	int hpid;		  /* helper's, and the process's */

	struct mutex lock; /* order channel and what follows */
	unsigned seq;
	int cpu;   /* the helper was last put there; -1: anywhere */
	bool dead; /* process gone or not to be trusted: -ESRCH from now on */
	uint64_t fd_clock;
	struct stub_fd fd[STUB_CACHED_FDS]; /* donated: descriptor STUB_FD_FIRST + i */

	bool batch;	     /* operations are put off; under lock */
	int batch_error;     /* the first of theirs; under lock */
	atomic_bool put_off; /* some are; written under lock */
	unsigned n_maps;     /* the host's mappings, when last counted; under lock */
	unsigned n_ops;	     /* operations since; under lock */
	const void *later;   /* the thread that may put off what it adds; under lock */
	const void *
		owner; /* the one whose guest thread may do what is put off; under lock */

	_Atomic(struct stub_sites *) sites; /* or NULL; set once */
	_Atomic uaddr_t zone[STUB_ZONES];   /* of trampolines; 0: none. Under lock */
	atomic_uint n_threads;		    /* guest threads ever made here */
	atomic_uint n_taken; /* times that memory or the right to write was about to go */
	struct stub_slot *slots; /* contexts of threads here; under lock */
	unsigned n_live;	 /* of them live; under lock */
	unsigned n_standby;	 /* threads that stand by; under lock */
	atomic_bool talkative;	 /* new threads here make many calls at once, lately */

	struct mutex frame_lock; /* who owns the STUB_FRAME pages */
};

static inline struct stub_space *stub_space_of(struct addr_space *as)
{
	return container_of(as, struct stub_space, base);
}

/*
 * A guest thread, as all platforms have it; theirs begins with it. interrupt() is the one
 * operation of other threads: it sets `pending`, and sends STUB_SIG_INTERRUPT when the thread
 * runs. Whoever consumes `pending` returns EXIT_INTERRUPT; the signal of one consumed
 * otherwise is swallowed without a word.
 */
struct stub_ctx {
	struct exec_ctx base;
	struct stub_space *space;
	struct stub_pair pair;
	struct stub_clock clock;
	bool gone, step;
	bool regs_valid; /* regs holds what the thread has, or is to get */
	bool regs_dirty; /* ... is to get */
	struct lx_regs regs;

	/* atomic */
	atomic_int htid; /* changes in move() */
	atomic_bool pending;
	atomic_bool running;
};

static inline struct stub_ctx *stub_ctx_of(struct exec_ctx *ctx)
{
	return container_of(ctx, struct stub_ctx, base);
}

static inline int stub_ctx_htid(const struct stub_ctx *c)
{
	return atomic_load_explicit(&c->htid, memory_order_relaxed);
}

/* The part of a platform that all have: its sandbox-wide host side. */
struct stub_platform {
	struct platform base;
	struct stub_host *host;
};

static inline struct stub_host *stub_host_of(struct platform *p)
{
	return container_of(p, struct stub_platform, base)->host;
}

/* --- ctx.c --------------------------------------------------------------- */

/*
 * Around running the guest thread. begin: false for an interrupt that came before, and is
 * no longer pending.
 */
bool stub_ctx_begin(struct stub_ctx *c);
void stub_ctx_end(struct stub_ctx *c);
/* Slots of ctx_ops. */
void stub_ctx_interrupt(struct exec_ctx *ctx);
int stub_ctx_set_step(struct exec_ctx *ctx, bool on);
int stub_ctx_set_affinity(struct exec_ctx *ctx, const void *cpuset, size_t size);
int64_t stub_ctx_cpu_time(struct exec_ctx *ctx);

/* --- host.c -------------------------------------------------------------- */

/* Takes over host resources and forks the template: see platform_ops.init. */
int stub_host_init(const struct platform_config *config,
		   const struct stub_guest_code *guest, struct stub_host **out);
/* All spaces but the template are gone. */
void stub_host_destroy(struct stub_host *host);
/*
 * Of host->pages, what the number @nr (of a space, a context) has: the host's again, if
 * numbers so high are of a peak. Else false, and nothing is done.
 */
bool stub_pages_give_back(const struct stub_host *host, unsigned nr, int64_t off,
			  int64_t size);
/*
 * For a platform's own init: @p is filled, and freed with mem_free() by shutdown, or here
 * when it fails. And two slots of platform_ops.
 */
int stub_platform_init(const struct platform_config *config,
		       const struct platform_ops *ops,
		       const struct stub_guest_code *guest, struct stub_platform *p,
		       struct platform **out);
int stub_platform_as_create(struct platform *p, struct addr_space **out);
void stub_platform_shutdown(struct platform *p);

/* --- slots.c -------------------------------------------------------------- */

int stub_slots_init(struct stub_slots *s, unsigned n);
void stub_slots_destroy(struct stub_slots *s);
/* -EAGAIN: all in use. */
int stub_slot_alloc(struct stub_slots *s, unsigned *slot);
void stub_slot_free(struct stub_slots *s, unsigned slot);

/* --- template.c ---------------------------------------------------------- */

int stub_template_create(struct stub_host *host, struct stub_space **out);

/* --- filter.c ------------------------------------------------------------ */

/* Installs the stubs' seccomp filter in the calling process. */
int stub_filter_install(bool trap);
extern const struct host_rules stub_host_rules; /* what it allows, in words */

/* --- order.c ------------------------------------------------------------- */

/*
 * stub_order_add - put an operation into the order page; at most ORDER_MAX_OPS
 * since the last stub_order_run().
 */
void stub_order_add(struct stub_space *s, long nr, uint64_t a0, uint64_t a1, uint64_t a2,
		    uint64_t a3, uint64_t a4, uint64_t a5) MUST_HOLD(s->lock);
/*
 * stub_order_run - have the helper run what was added. Returns 0, or the negative
 * errno of the operation that failed, its index in *failed_at (may be NULL; those after
 * it did not run), or -ESRCH when the process is gone.
 */
int stub_order_run(struct stub_space *s, unsigned *failed_at) MUST_HOLD(s->lock);
/* The operation just added may wait for others: there is a batch, and room. */
bool stub_order_later(struct stub_space *s) MUST_HOLD(s->lock);
/*
 * Run what was put off. What fails is for the end of the batch to tell; without one the
 * guest has been told already that it was done, and is killed.
 */
void stub_order_flush(struct stub_space *s) MUST_HOLD(s->lock);
/* Slot later of as_ops. */
void stub_order_offer(struct addr_space *as, bool on);
/* What the calling thread has put off, into slot->calls; and do it after all. */
void stub_order_take(struct stub_space *s, struct stub_slot *slot);
int stub_order_redo(struct stub_space *s, struct stub_slot *slot);
/* The process has no memory left: it is dead, reaped or not. */
bool stub_has_exited(int hpid);
/* Wait for order @seq to be done, for a while: -ETIMEDOUT. */
int stub_order_look(struct stub_order *order, unsigned seq);
/* Wait until the helper has done order @seq; @hpid is looked at for its death. */
int stub_order_wait(struct stub_order *order, unsigned seq, int hpid);

/* --- space.c ------------------------------------------------------------- */

extern const struct as_ops stub_as_ops;

int stub_space_create(struct stub_host *host, struct platform *p,
		      struct addr_space **out);
/*
 * A guest thread, untraced; *htid is checked to be a thread of the process. Parked, if
 * @slot is NULL; else it begins in STUB_GUEST_TEXT on that context.
 */
int stub_thread_create(struct stub_space *s, struct stub_slot *slot, int *htid)
	MUST_HOLD(s->lock);
/* A context for a new guest thread, cleared, with a thread that stands by (htid), or none. */
int stub_context_get(struct stub_space *s, struct stub_slot **out) MUST_HOLD(s->lock);
/* Back: there is no thread; or one that is about to end, or ... */
void stub_context_put(struct stub_space *s, struct stub_slot *slot, bool vacant)
	MUST_HOLD(s->lock);
/* ... thread @htid, whose turn it is not, may stand by for another. False: too many do. */
bool stub_context_keep(struct stub_space *s, struct stub_slot *slot, int htid)
	MUST_HOLD(s->lock);
/* Its process is gone: what guest code left there goes, too. */
void stub_context_scrub(const struct stub_host *host, const struct stub_slot *slot);
/* The process is not to be trusted any more: end it. */
void stub_space_kill(struct stub_space *s) MUST_HOLD(s->lock);
int stub_space_init(struct stub_space *s, struct stub_host *host, struct platform *p,
		    unsigned slot);

/* --- sites.c ------------------------------------------------------------- */

/* Where system calls are made, and which of these places have been patched. */
struct stub_sites;

/*
 * The thread of @slot trapped at the call before @rip. True: often enough to patch it now; not for
 * calls that are not @patchable.
 */
bool stub_site_hit(struct stub_space *s, struct stub_slot *slot, uaddr_t rip,
		   bool patchable);
/* It came from that site by a patch. */
void stub_site_count(struct stub_space *s, struct stub_slot *slot, uaddr_t rip);
/* Slots of as_ops. */
int stub_site_list(struct addr_space *as, struct as_site out[AS_SITES + 1], bool take);
void stub_site_patch(struct addr_space *as, uaddr_t rip, uaddr_t zone);
void stub_site_unpatch(struct addr_space *as, uaddr_t addr, uint64_t size);
/*
 * A guest thread met an instruction at *@rip that it cannot execute. True: there it has
 * been replaced, and the thread is to run on at *@rip as it is now.
 */
bool stub_site_moved(struct stub_space *s, uaddr_t *rip);
/*
 * The same, and that is not so: it met what stands at @rip while a site is rewritten. True: that
 * is over, and the thread is to try again.
 */
bool stub_site_changed(struct stub_space *s, uaddr_t rip);
/*
 * *@rip in a trampoline becomes the address in the program's own code that it stands for. True:
 * the thread has not come further than the call.
 */
bool stub_site_shown(struct stub_space *s, uaddr_t *rip);
/* Something else is about to come there, or nothing. */
void stub_sites_replaced(struct stub_space *s, uaddr_t addr, uint64_t size);
/* The whole guest range was unmapped. */
void stub_sites_reset(struct stub_space *s);
/* @child is a copy of @parent's memory. -ENOMEM. */
int stub_sites_fork(struct stub_space *child, struct stub_space *parent)
	MUST_HOLD(parent->lock);
void stub_sites_free(struct stub_space *s);

static inline bool stub_in_trampoline(struct stub_space *s, uaddr_t rip)
{
	for (unsigned i = 0; i < STUB_ZONES; i++) {
		uaddr_t zone = atomic_load_explicit(&s->zone[i], memory_order_relaxed);

		if (zone && rip - zone < PATCH_ZONE_SIZE)
			return true;
	}
	return false;
}

/* --- fdcache.c ----------------------------------------------------------- */

/*
 * stub_map_file - run the mmap whose arguments are in *@map (the descriptor's apart) on
 * @hfd, which the stub has by its cache under @key, or is sent now; 0: not kept there.
 * -ESRCH also when the guest spoilt the transfer, and was killed for it.
 */
int stub_map_file(struct stub_space *s, const struct stub_op *map, int hfd, uint64_t key)
	MUST_HOLD(s->lock);
void stub_fd_forget(struct stub_space *s, uint64_t key) MUST_HOLD(s->lock);

/* --- usage.c ------------------------------------------------------------- */

int stub_space_usage(struct addr_space *as, struct as_usage *out);
/* areas.c */
int stub_space_areas(struct addr_space *as, int (*fn)(const struct as_area *, void *arg),
		     void *arg);
/* How many mappings the host has of it; UINT_MAX: unknown. */
unsigned stub_space_n_maps(const struct stub_space *s);
uint64_t stub_space_rss_peak(struct addr_space *as);
/* CPU time of all threads, of the helper too; 0 when the process is gone. */
int64_t stub_process_cpu_ns(const struct stub_space *s);
/*
 * CPU time in ns of a guest thread whose clock this is; @htid in @s, -1 if it is gone. The
 * guest can make it lie, within what its process used.
 */
int64_t stub_clock_read(struct stub_clock *clock, struct stub_space *s, int htid);
/* The same from what the thread itself says it has used, @ns. */
int64_t stub_clock_told(struct stub_clock *clock, const struct stub_space *s, int64_t ns);

/* --- regs.c -------------------------------------------------------------- */

void stub_regs_fresh(struct lx_regs *regs); /* of a new program, all zero */
/* @in with cs, ss, eflags and selectors made legal; -EPERM: a base is not. */
int stub_regs_legal(const struct lx_regs *in, struct lx_regs *out);
bool stub_fpu_legal(const struct stub_host *host, const void *xsave);

/* --- cpu.c --------------------------------------------------------------- */

int stub_cpus_init(struct stub_host *host);
/*
 * Bring the calling Sentry thread and guest thread @htid to one CPU; again after a move.
 * @at: where the guest thread has been brought before, or NULL.
 */
void stub_pair_init(struct stub_host *host, struct stub_pair *p, int htid,
		    const struct stub_cpu *at);
/* Only these CPUs from now on (affinity); -EINVAL when none of them is ours. */
int stub_pair_restrict(struct stub_host *host, struct stub_pair *p, const void *cpuset,
		       size_t size);
/*
 * The Sentry thread alone goes to a CPU where nobody runs guest code, to spin there: false
 * if there is none. And back; or it stays, as its guest thread will not be needed any more.
 */
bool stub_pair_go_away(struct stub_host *host, struct stub_pair *p);
void stub_pair_come_home(struct stub_pair *p);
void stub_pair_stay(struct stub_pair *p);
/* It counts as awake; it does not, as its task waits or has ended. */
void stub_pair_wake(struct stub_pair *p);
void stub_pair_sleep(struct stub_pair *p);
/* To a CPU where all sleep, from one where others are awake: is it on such a one now? */
bool stub_pair_part(struct stub_host *host, struct stub_pair *p);
/* And back, if it did that. */
void stub_pair_rejoin(struct stub_pair *p);
/* NULL: it is none of ours. */
struct stub_cpu *stub_cpu_at(struct stub_host *host, int number);
/* Bring the helper to the CPU the caller runs on. */
void stub_cpu_follow(struct stub_space *s) MUST_HOLD(s->lock);

/* Around running guest code; enter may move the pair to another CPU. */
void stub_pair_enter(struct stub_host *host, struct stub_pair *p);
void stub_pair_leave(struct stub_pair *p);
