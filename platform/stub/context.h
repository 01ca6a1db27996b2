/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A context: what a guest thread that traps its own calls shares with its Sentry
 * thread. STUB_CTX_SIZE bytes, at STUB_CTX + slot * STUB_CTX_SIZE in the one guest
 * process that has it mapped. Read by C and by the assembler.
 *
 * Guest code can write all of it, at any time. So the Sentry reads each value once,
 * checks it, and believes nothing that would hurt more than this guest.
 *
 *	0 ..		struct stub_context
 *	CTX_PATCHED	a signal frame's registers, of a call from a patched site: no signal
 *			was raised, the guest thread stores them itself
 *	CTX_IN0, _IN1	what the call's arguments point at, copied by the guest thread
 *	CTX_OUT		what the guest thread is to copy to the guest's memory; most of it is never
 *			touched
 *	CTX_STACK ..	the thread's signal stack: the host builds signal frames at its
 *			top, and the last one built is the guest's state
 *
 * The state word is a futex that the two hand to each other. It holds the guest thread's
 * id while that runs, else none, with FUTEX_WAITERS when the other side sleeps on it.
 * As the thread's robust list names it, its death sets FUTEX_OWNER_DIED.
 */
#pragma once

/* Offsets in struct stub_context. */
#define CTX_STATE	0
#define CTX_CMD		64
#define CTX_SPIN	68
#define CTX_SET_BASE	72
#define CTX_FAST	76
#define CTX_FS		80
#define CTX_GS		88
#define CTX_WORD	96
#define CTX_EXPECTED	104
#define CTX_DESIRED	108
#define CTX_SIGSTACK	112
#define CTX_SIGMASK	136
#define CTX_STACK_TOP	144
#define CTX_PUT_ADDR	152
#define CTX_PUT_SIZE	160
#define CTX_TID		164
#define CTX_LOAD_FPU	168
#define CTX_OUT_LIMIT	172
#define CTX_FPU		176
#define CTX_FRAME	192
#define CTX_KIND	200
#define CTX_VALUE	204
#define CTX_FAULTED	208
#define CTX_INTERRUPTED 212
#define CTX_IN_SIZE	216
#define CTX_OUT_SIZE	224
#define CTX_N_CALLS	228
#define CTX_CLOCK	232
#define CTX_FPU_SAVED	248
#define CTX_RETURN	(CTX_CALLS + STUB_MAX_CALLS * CTX_CALL_SIZE)
#define CTX_FLAGS	(CTX_RETURN + 8)
#define CTX_USED	(CTX_FLAGS + 8)
#define CTX_ROBUST	256
#define CTX_NODE	280
#define CTX_CALLS	288
#define CTX_CALL_SIZE	32

#define CTX_PATCHED 0x400
#define CTX_KNOWN                                                                        \
	0x600 /* CTX_KNOWN_N answers that patched calls need not ask for; -1: none */
#define CTX_IN0	  0x1000
#define CTX_IN1	  0x2000
#define CTX_OUT	  0x4000
#define CTX_STACK 0x14000 /* the signal stack starts here */

#define CTX_MASK    0x640 /* the task's blocked signals, while the thread may change them */
#define CTX_KNOWN_N 6
/* In CTX_MASK, where the bit of SIGKILL is, which is never blocked: the Sentry has them. */
#define CTX_MASK_ASK 0x100

#define CARRY_IN_MAX  0x1000 /* bytes in each of IN0 and IN1 */
#define CARRY_OUT_MAX (CTX_STACK - CTX_OUT)

/* CTX_CMD: what the guest thread does when the state word says it may. */
#define CMD_RUN	    0 /* go on with what CTX_FRAME points at */
#define CMD_LOAD    1 /* the word at CTX_WORD into CTX_VALUE, or CTX_FAULTED */
#define CMD_CMPXCHG 2
#define CMD_EXIT    3
#define CMD_CALLS   5 /* as CMD_RUN, but make the memory calls at CTX_CALLS first */
#define CMD_START   4 /* as CMD_RUN, for a new task: note the thread's CPU time first */
#define CMD_FPU	    6 /* save the FPU registers at CTX_FPU */

/* CTX_KIND: a signal number, or one of these. */
#define KIND_DONE    0	/* the command was done */
#define KIND_PUT     65 /* what stands at CTX_OUT met a page that is not there */
#define KIND_PATCHED 66 /* a call from a patched site; its registers at CTX_PATCHED */
#define KIND_CALLS   67 /* one of CTX_CALLS failed */

#define CTX_TID_MASK 0x3fffffff
#define CTX_DIED     0x40000000 /* FUTEX_OWNER_DIED */
#define CTX_WAITERS  0x80000000 /* FUTEX_WAITERS */

#ifndef __ASSEMBLER__
#include <stdatomic.h>

#include "platform/stub/layout.h"
#include "sentry/base/types.h"

struct stub_context {
	atomic_uint state;
	uint32_t pad0[15];
	/* written by the Sentry while the state is its */
	uint32_t cmd;
	uint32_t spin;	   /* TSC ticks to look at the state word before sleeping on it */
	uint32_t set_base; /* fs_base and gs_base are to be loaded */
	uint32_t fast;	   /* back to CTX_RETURN, with nothing but rax changed */
	uint64_t fs_base, gs_base; /* the stub leaves them here at each hand-over */
	uint64_t word;		   /* address for CMD_LOAD, CMD_CMPXCHG */
	uint32_t expected, desired;
	uint64_t sigstack[3]; /* stack_t */
	uint64_t sigmask;
	uint64_t stack_top; /* a new thread's stack pointer: below its first frame */
	uint64_t put_addr;  /* the first put_size bytes at CTX_OUT go there */
	uint32_t put_size;
	uint32_t tid;	    /* by CLONE_PARENT_SETTID */
	uint32_t load_fpu;  /* the frame's FPU image counts, not the registers */
	uint32_t out_limit; /* of a buffer for results, look at so much */
	uint64_t fpu;	    /* where the FPU registers are saved */
	uint64_t pad2;
	/* written by the guest thread */
	uint64_t frame; /* guest address of a ucontext on the signal stack */
	uint32_t kind;
	uint32_t value;	      /* what CMD_LOAD, CMD_CMPXCHG found */
	uint32_t faulted;     /* the command met a page it may not touch */
	uint32_t interrupted; /* an interrupt came while the turn was the Sentry's */
	uint32_t in_size[2];  /* bytes that stand at CTX_IN0 and CTX_IN1 */
	uint32_t out_size;    /* bytes of the call's buffer that can be written */
	uint32_t n_calls;     /* by the Sentry; counted down */
	uint64_t clock[2];    /* by CMD_START: a timespec */
	uint64_t fpu_saved;   /* the FPU registers stand at CTX_FPU as well */
	/* struct robust_list_head, and its one entry */
	uint64_t robust[3];
	uint64_t node;
	/* by the Sentry: number and first three arguments */
	struct stub_call {
		uint64_t nr, args[3];
	} calls[STUB_MAX_CALLS];
	/* by the guest thread, of a patched call */
	uint64_t ret;	/* where the site's code goes on, in its trampoline */
	uint64_t flags; /* as lahf and seto leave them in ax */
	/* by the guest thread, of an execve: a timespec, its CPU time */
	uint64_t used[2];
};

#define CTX_CHECK(member, at)                                                            \
	_Static_assert(offsetof(struct stub_context, member) == (at), #member)
CTX_CHECK(cmd, CTX_CMD);
CTX_CHECK(spin, CTX_SPIN);
CTX_CHECK(set_base, CTX_SET_BASE);
CTX_CHECK(fs_base, CTX_FS);
CTX_CHECK(gs_base, CTX_GS);
CTX_CHECK(word, CTX_WORD);
CTX_CHECK(expected, CTX_EXPECTED);
CTX_CHECK(desired, CTX_DESIRED);
CTX_CHECK(sigstack, CTX_SIGSTACK);
CTX_CHECK(sigmask, CTX_SIGMASK);
CTX_CHECK(stack_top, CTX_STACK_TOP);
CTX_CHECK(frame, CTX_FRAME);
CTX_CHECK(kind, CTX_KIND);
CTX_CHECK(value, CTX_VALUE);
CTX_CHECK(faulted, CTX_FAULTED);
CTX_CHECK(interrupted, CTX_INTERRUPTED);
CTX_CHECK(put_addr, CTX_PUT_ADDR);
CTX_CHECK(put_size, CTX_PUT_SIZE);
CTX_CHECK(tid, CTX_TID);
CTX_CHECK(in_size, CTX_IN_SIZE);
CTX_CHECK(out_size, CTX_OUT_SIZE);
CTX_CHECK(fast, CTX_FAST);
CTX_CHECK(load_fpu, CTX_LOAD_FPU);
CTX_CHECK(out_limit, CTX_OUT_LIMIT);
CTX_CHECK(fpu, CTX_FPU);
CTX_CHECK(fpu_saved, CTX_FPU_SAVED);
CTX_CHECK(ret, CTX_RETURN);
CTX_CHECK(flags, CTX_FLAGS);
CTX_CHECK(used, CTX_USED);
CTX_CHECK(clock, CTX_CLOCK);
CTX_CHECK(n_calls, CTX_N_CALLS);
CTX_CHECK(robust, CTX_ROBUST);
CTX_CHECK(node, CTX_NODE);
CTX_CHECK(calls, CTX_CALLS);
_Static_assert(sizeof(struct stub_call) == CTX_CALL_SIZE, "struct stub_call");
#undef CTX_CHECK

static inline uaddr_t stub_context_addr(unsigned slot)
{
	return STUB_CTX + (uaddr_t)slot * STUB_CTX_SIZE;
}
#endif
