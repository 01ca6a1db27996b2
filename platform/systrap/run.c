// SPDX-License-Identifier: Apache-2.0
/* Running guest code: give it the turn, and tell what it comes back with. */
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>

#include "platform/systrap/internal.h"
#include "sentry/abi/signal.h"
#include "sentry/base/host.h"

#define EFLAGS_TF	  0x100
#define SYS_USER_DISPATCH 2 /* si_code of a trapped call */

static int syscall_exit(struct systrap_ctx *c)
{
	const volatile struct systrap_frame *f = c->frame;
	struct ctx_syscall *sc = &c->stub.base.sc;

	sc->nr = (uint64_t)(int64_t)(int32_t)f->rax; /* as the host's entry code does */
	sc->args[0] = f->rdi;
	sc->args[1] = f->rsi;
	sc->args[2] = f->rdx;
	sc->args[3] = f->r10;
	sc->args[4] = f->r8;
	sc->args[5] = f->r9;
	sc->rip = f->rip;
	sc->rsp = f->rsp;
	sc->compat = f->info.arch != AUDIT_ARCH_X86_64;
	systrap_carry_begin(c);
	return EXIT_SYSCALL;
}

static int fault_exit(struct systrap_ctx *c, int signo, int code, struct exit_fault *out)
{
	const volatile struct systrap_frame *f = c->frame;

	out->signo = signo;
	out->si_code = code;
	out->addr = f->info.addr;
	out->trapno = (uint32_t)f->trapno;
	out->error_code = (uint32_t)f->err;
	if (out->trapno != LX_TRAP_PF)
		return EXIT_FAULT;
	if (out->error_code & LX_PF_INSTR)
		out->access = ACCESS_EXEC;
	else
		out->access = out->error_code & LX_PF_WRITE ? ACCESS_WRITE : ACCESS_READ;
	return EXIT_FAULT;
}

/* Guest code may have written any number there, and the kernel counts on a signal's. */
static bool is_stop(int signo)
{
	return signo >= 1 && signo <= LX_NSIG && (SYSTRAP_STOPS & LX_SIGMASK(signo));
}

/* -1: not to be reported, let it run on. */
static int decode(struct systrap_ctx *c, struct exit_info *info)
{
	const int signo = (int)*(const volatile uint32_t *)&c->slot->ctx->kind;
	int code;

	if (signo == KIND_PUT) {
		systrap_undelivered(c, info);
		return EXIT_UNDELIVERED;
	}
	if (!is_stop(signo) || systrap_frame_find(c)) {
		c->stub.gone = true; /* nobody knows any more where it stood */
		return EXIT_GONE;
	}
	if (unlikely(c->stub.step) && !c->guest_tf)
		c->frame->eflags &= ~(uint64_t)EFLAGS_TF;
	if (signo == STUB_SIG_INTERRUPT)
		return atomic_exchange(&c->stub.pending, false) ? EXIT_INTERRUPT : -1;
	code = *(const volatile int32_t *)&c->frame->info.code;
	if (signo == SIGSYS && code == SYS_USER_DISPATCH)
		return syscall_exit(c);
	if (code <= 0) { /* sent by someone */
		info->signo = signo;
		return EXIT_SIGNAL;
	}
	if (c->stub.step && signo == SIGTRAP && code == TRAP_TRACE) {
		info->stepped = true;
		return EXIT_INTERRUPT;
	}
	return fault_exit(c, signo, code, &info->fault);
}

int systrap_switch_to(struct exec_ctx *ctx, struct exit_info *info)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);
	int r, reason = -1;

	*info = (struct exit_info){0};
	if (c->stub.gone)
		return EXIT_GONE;
	while (reason < 0) {
		if (!stub_ctx_begin(&c->stub))
			return EXIT_INTERRUPT;
		systrap_regs_flush(c);
		systrap_carry_end(c);
		stub_pair_enter(c->stub.space->host, &c->stub.pair);
		systrap_hand_off(c, CMD_RUN);
		r = systrap_await(c);
		stub_pair_leave(&c->stub.pair);
		stub_ctx_end(&c->stub);
		if (r)
			return EXIT_GONE;
		reason = decode(c, info);
	}
	return reason;
}
