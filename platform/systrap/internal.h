// SPDX-License-Identifier: Apache-2.0
/*
 * A guest thread that traps its own calls. The Sentry thread that owns it and the guest
 * thread take turns (handoff.c); what they share is a context (platform/stub/context.h),
 * in which everything may have been written by guest code: each word is read once.
 *
 * While the turn is the Sentry's, the guest's registers are in the signal frame that the
 * host built when it stopped; they are fetched into `regs` when all are asked for, and
 * written back before the thread runs on. The frame's rax alone answers most calls.
 */
#pragma once

#include <stdatomic.h>

#include "platform/stub/context.h"
#include "platform/stub/stub.h"
#include "platform/systrap/carry.h"
#include "sentry/abi/signal.h"

/* Signals a guest thread takes: what stops it. The rest is not meant for it. */
#define SYSTRAP_STOPS                                                                    \
	(LX_SIGMASK(LX_SIGSEGV) | LX_SIGMASK(LX_SIGBUS) | LX_SIGMASK(LX_SIGFPE) |        \
	 LX_SIGMASK(LX_SIGILL) | LX_SIGMASK(LX_SIGTRAP) | LX_SIGMASK(LX_SIGSYS) |        \
	 LX_SIGMASK(STUB_SIG_INTERRUPT))

struct systrap_platform {
	struct stub_platform stub;
	struct stub_guest_code code;
	char text[STUB_GUEST_TEXT_SIZE]; /* what code.text points at */
};

/* The host's struct ucontext, and behind it, in a signal frame, the siginfo. */
struct systrap_frame {
	uint64_t flags, link, stack[3];
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8], sigmask;
	struct {
		int32_t signo, err, code, pad;
		uint64_t addr; /* of a fault; of the call, for SIGSYS */
		uint32_t syscall, arch;
		uint8_t rest[96];
	} info;
};
_Static_assert(offsetof(struct systrap_frame, rax) == 144, "struct ucontext");
_Static_assert(offsetof(struct systrap_frame, ss) == 190, "struct ucontext");
_Static_assert(offsetof(struct systrap_frame, fpstate) == 224, "struct ucontext");
_Static_assert(offsetof(struct systrap_frame, info) == 304, "struct ucontext");

struct systrap_span {
	uaddr_t addr; /* in guest memory */
	uint32_t size;
};

struct systrap_ctx {
	struct stub_ctx stub;
	struct stub_slot *slot;
	struct systrap_frame *frame; /* in the context, where the guest can write */
	bool guest_tf;		     /* while it is stepped: it had TF set itself */
	bool bases_dirty;
	bool fast;	 /* it came by a patched call, and only rax has changed since */
	unsigned strays; /* steps in our code, lately, that the guest is not told of */
	bool fpu_live;	 /* the FPU registers hold the guest's, not the frame's image */
	bool fpu_saved;	 /* and in the image as well */
	/* handoff.c; times are in ticks of the time stamp counter */
	uint64_t handed_off; /* when the turn was last given to the guest thread */
	uint64_t taken;	     /* when it came back */
	uint64_t calm_until; /* until then the Sentry thread stays at home */
	unsigned failures;   /* tries to go away, lately, that the host had no CPU for */
	int64_t credit; /* what being away has gained, less what was stolen from us there */
	bool arriving;	/* no turn was taken there yet */
	unsigned quick; /* turns in a row that came back soon */
	unsigned turns; /* that came back, in all */
	/* wait.c */
	uint64_t slept_at;	/* when its task began to wait; 0: it does not */
	bool eager;		/* to spin for the end of a wait */
	int64_t wait_credit;	/* what that has gained, less what it cost */
	uint64_t patient_until; /* when it may be so again */
	unsigned vain;		/* times, lately, that it did not pay */
	unsigned short_waits;	/* in a row */
	/* carry.c */
	struct systrap_span in[2], out; /* what came with the call, and may go back */
	unsigned n_taken;   /* of the space, when `out` was known to be writable */
	bool large;	    /* out is of a call with a large buffer */
	uint32_t wanted;    /* bytes that were to go there */
	uint32_t put_size;  /* bytes of out that the guest thread is to copy */
	uint32_t sent_size; /* bytes it was last told to copy */
};

static inline struct systrap_ctx *systrap_ctx_of(struct exec_ctx *ctx)
{
	return container_of(ctx, struct systrap_ctx, stub.base);
}

/* handoff.c */

/* Give the turn to the guest thread, to do @cmd; without waiting. */
void systrap_hand_off(struct systrap_ctx *c, unsigned cmd);
/* The Sentry thread, if away, comes back to its guest thread's CPU. */
void systrap_come_home(struct systrap_ctx *c);
/* Wait until the turn is ours. -ESRCH: the thread is gone, c->stub.gone is set. */
int systrap_await(struct systrap_ctx *c);

/* wait.c */

void systrap_will_sleep(struct exec_ctx *ctx, const struct park *park);
/* It slept, if it did; the guest thread is about to run on. */
void systrap_has_slept(struct systrap_ctx *c);

/* frame.c */

/* The frame of a fresh program at the top of the context, for a new thread. */
void systrap_frame_init(struct systrap_ctx *c);
/* c->frame as the guest thread names it now; -EFAULT when it lies. */
int systrap_frame_find(struct systrap_ctx *c);
/* The frame of a call from a patched site. */
void systrap_frame_call(struct systrap_ctx *c);
void systrap_regs_load(struct systrap_ctx *c);	/* into c->stub.regs */
void systrap_regs_flush(struct systrap_ctx *c); /* from c->stub.regs, before it runs */
int systrap_get_regs(struct exec_ctx *ctx, struct lx_regs *regs);
int systrap_set_regs(struct exec_ctx *ctx, const struct lx_regs *regs);
int systrap_set_ret(struct exec_ctx *ctx, uint64_t value);
int systrap_set_fs_gs(struct exec_ctx *ctx, uint64_t fs_base, uint64_t gs_base);
int systrap_get_fpu(struct exec_ctx *ctx, void *xsave);
int systrap_set_fpu(struct exec_ctx *ctx, const void *xsave);
int systrap_reset_fpu(struct exec_ctx *ctx);

/* word.c */
int systrap_load32(struct exec_ctx *ctx, uaddr_t addr, uint32_t *value);
int systrap_cmpxchg32(struct exec_ctx *ctx, uaddr_t addr, uint32_t expected,
		      uint32_t desired, uint32_t *old);

/* rules.c */
extern const struct host_rules systrap_host_rules;

/* run.c */
int systrap_switch_to(struct exec_ctx *ctx, struct exit_info *info);

/* thread.c */
int systrap_ctx_create(struct platform *p, struct addr_space *as, struct exec_ctx **out);
int systrap_move(struct exec_ctx *ctx, struct addr_space *to);
void systrap_release(struct exec_ctx *ctx);
