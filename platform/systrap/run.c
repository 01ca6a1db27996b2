// SPDX-License-Identifier: Apache-2.0
/* Running guest code: give it the turn, and tell what it comes back with. */
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "platform/systrap/internal.h"
#include "sentry/abi/signal.h"
#include "sentry/base/host.h"

#define MAX_STRAYS 64 /* more than entry.S makes with the guest's flags */

extern const char systrap_text[], systrap_known[], systrap_patched_clean[];

/* Threads and programs begin behind these, or end before. */
static bool may_patch(uint64_t nr)
{
	switch (nr) {
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
	case SYS_execve:
	case SYS_execveat:
	case SYS_exit:
	case SYS_exit_group:
	case SYS_rt_sigreturn: /* debuggers and unwinders know signal frames by its code */
		return false;
	default:
		return true;
	}
}

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
	systrap_carry_begin(c);
	return EXIT_SYSCALL;
}

static int trapped_call(struct systrap_ctx *c, struct exit_info *info)
{
	const volatile struct systrap_frame *f = c->frame;
	struct ctx_syscall *sc = &c->stub.base.sc;

	syscall_exit(c);
	sc->compat = f->info.arch != AUDIT_ARCH_X86_64;
	info->hot_call = stub_site_hit(c->stub.space, c->slot, sc->rip,
				       !sc->compat && may_patch(sc->nr));
	return EXIT_SYSCALL;
}

static int patched_call(struct systrap_ctx *c)
{
	systrap_frame_call(c);
	c->strays = 0;
	c->stub.base.sc.compat = false;
	syscall_exit(c);
	stub_site_count(c->stub.space, c->slot, c->stub.base.sc.rip);
	return EXIT_SYSCALL;
}

/* In entry.S, after a patched call, still with the guest's flags. */
static bool is_entering(uaddr_t rip)
{
	return rip - STUB_GUEST_TEXT - (uaddr_t)(systrap_known - systrap_text) <=
	       (uaddr_t)(systrap_patched_clean - systrap_known);
}

/*
 * What overwrites a call site does not show: where it stands in a trampoline, the guest is
 * said to stand in its own code. True: it is to run on, elsewhere, for it jumped to an
 * instruction that has moved to a trampoline.
 */
static bool moved(struct systrap_ctx *c, int signo)
{
	struct systrap_frame *f = c->frame;
	uaddr_t rip = f->rip;

	/* A program that steps itself does not step through what is ours. */
	if (unlikely(signo == SIGTRAP) && is_entering(rip) && c->strays < MAX_STRAYS) {
		c->strays++;
		return true;
	}
	c->strays = 0;
	if (unlikely(stub_in_trampoline(c->stub.space, rip))) {
		if (stub_site_shown(c->stub.space, &rip) && signo == SIGTRAP)
			return true;
		f->rip = rip;
		return false;
	}
	if (signo != SIGILL || f->trapno != LX_TRAP_UD)
		return false;
	if (!stub_site_moved(c->stub.space, &rip))
		return stub_site_changed(c->stub.space, rip);
	f->rip = rip;
	return true;
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

/* Memory calls that were put off: the guest thread makes them on its way. */
static void calls_begin(struct systrap_ctx *c)
{
	struct stub_slot *slot = c->slot;
	struct stub_context *ctx = slot->ctx;

	stub_order_take(c->stub.space, slot);
	for (unsigned i = 0; i < slot->n_calls; i++) {
		ctx->calls[i].nr = slot->calls[i].nr;
		memcpy(ctx->calls[i].args, slot->calls[i].args,
		       sizeof(ctx->calls[i].args));
	}
	ctx->n_calls = slot->n_calls;
}

/* One failed: the host is short of something, or the guest lies. The helper tries. */
static int calls_failed(struct systrap_ctx *c)
{
	if (!stub_order_redo(c->stub.space, c->slot)) {
		systrap_carry_again(c);
		return -1;
	}
	c->stub.gone = true;
	return EXIT_GONE;
}

/* -1: not to be reported, let it run on. */
static int decode(struct systrap_ctx *c, struct exit_info *info)
{
	const int signo = (int)*(const volatile uint32_t *)&c->slot->ctx->kind;
	int code;

	if (likely(signo == KIND_PATCHED))
		return patched_call(c);
	if (signo == KIND_CALLS)
		return calls_failed(c);
	if (signo == KIND_PUT) {
		systrap_undelivered(c, info);
		return EXIT_UNDELIVERED;
	}
	if (!is_stop(signo) || systrap_frame_find(c)) {
		c->stub.gone = true; /* nobody knows any more where it stood */
		return EXIT_GONE;
	}
	if (unlikely(c->stub.step) && !c->guest_tf)
		c->frame->eflags &= ~LX_EFLAGS_TF;
	if (unlikely(moved(c, signo)))
		return -1;
	if (signo == STUB_SIG_INTERRUPT)
		return atomic_exchange(&c->stub.pending, false) ? EXIT_INTERRUPT : -1;
	code = *(const volatile int32_t *)&c->frame->info.code;
	if (signo == SIGSYS && code > 0) /* SYS_SECCOMP, SYS_USER_DISPATCH */
		return trapped_call(c, info);
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

/* There is an interrupt, and a place in the guest's own code at which to tell it. */
static bool interrupted(struct systrap_ctx *c)
{
	uaddr_t rip;

	if (stub_ctx_begin(&c->stub))
		return false;
	rip = c->frame->rip;
	if (c->strays) { /* the next call is where */
		atomic_store(&c->stub.pending, true);
		return false;
	}
	if (stub_in_trampoline(c->stub.space, rip)) {
		stub_site_shown(c->stub.space, &rip);
		c->frame->rip = rip;
		c->stub.regs_valid = false;
	}
	return true;
}

int systrap_switch_to(struct exec_ctx *ctx, struct exit_info *info)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);
	int r, reason = -1;

	*info = (struct exit_info){0};
	if (c->stub.gone)
		return EXIT_GONE;
	while (reason < 0) {
		if (interrupted(c))
			return EXIT_INTERRUPT;
		systrap_regs_flush(c);
		systrap_carry_end(c);
		if (atomic_load_explicit(&c->stub.space->put_off, memory_order_relaxed))
			calls_begin(c);
		stub_pair_enter(c->stub.space->host, &c->stub.pair);
		systrap_hand_off(c, CMD_RUN);
		r = systrap_await(c);
		stub_pair_leave(&c->stub.pair);
		stub_ctx_end(&c->stub);
		if (r)
			return EXIT_GONE;
		reason = decode(c, info);
		c->slot->n_calls = 0;
	}
	return reason;
}
