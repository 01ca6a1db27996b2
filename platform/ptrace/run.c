// SPDX-License-Identifier: Apache-2.0
/*
 * Running guest code: PTRACE_SYSEMU until the thread stops for a system call, which
 * the host does not execute, a signal, or an end.
 */
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <sys/wait.h>

#include "platform/ptrace/internal.h"
#include "sentry/base/host.h"

static int syscall_exit(struct ptrace_ctx *c)
{
	struct ptrace_syscall_info si;
	struct ctx_syscall *sc = &c->stub.base.sc;
	int r = ptrace_req(PTRACE_GET_SYSCALL_INFO, stub_ctx_htid(&c->stub), sizeof(si),
			   (uint64_t)&si);

	if (r < 0) {
		ptrace_failed(c, r);
		return EXIT_GONE;
	}
	sc->nr = si.entry.nr;
	for (int i = 0; i < 6; i++)
		sc->args[i] = si.entry.args[i];
	sc->rip = si.instruction_pointer;
	sc->rsp = si.stack_pointer;
	sc->compat = si.arch != AUDIT_ARCH_X86_64;
	c->in_syscall = true;
	return EXIT_SYSCALL;
}

static bool is_fault(const siginfo_t *si)
{
	if (si->si_code <= 0) /* sent by someone */
		return false;
	switch (si->si_signo) {
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
		return true;
	}
	return false;
}

/* -1: not to be reported, let it run on. */
static int signal_exit(struct ptrace_ctx *c, int signo, struct exit_info *info)
{
	siginfo_t si;
	int r;

	if (signo == STUB_SIG_INTERRUPT)
		return atomic_exchange(&c->stub.pending, false) ? EXIT_INTERRUPT : -1;
	r = ptrace_req(PTRACE_GETSIGINFO, stub_ctx_htid(&c->stub), 0, (uint64_t)&si);
	if (r == -EINVAL) /* a group stop, by someone outside */
		return -1;
	if (r < 0) {
		ptrace_failed(c, r);
		return EXIT_GONE;
	}
	if (!is_fault(&si)) {
		info->signo = signo;
		return EXIT_SIGNAL;
	}
	if (c->stub.step && si.si_signo == SIGTRAP && si.si_code == TRAP_TRACE) {
		info->stepped = true;
		return EXIT_INTERRUPT;
	}
	info->fault.signo = si.si_signo;
	info->fault.si_code = si.si_code;
	info->fault.addr = (uaddr_t)si.si_addr;
	if (si.si_signo == SIGSEGV && si.si_code == SEGV_MAPERR &&
	    info->fault.addr < c->stub.space->host->limits.max_addr) {
		info->fault.access = ACCESS_UNKNOWN;
		return EXIT_FAULT;
	}
	return ptrace_fault_detail(&c->stub.base, &info->fault) ? EXIT_GONE : EXIT_FAULT;
}

static int stop_exit(struct ptrace_ctx *c, int status, struct exit_info *info)
{
	if (WSTOPSIG(status) == PTRACE_SYSCALL_STOP)
		return syscall_exit(c);
	if (status >> 16)
		return -1;
	return signal_exit(c, WSTOPSIG(status), info);
}

/* One resumption, up to the stop that ends it. -ESRCH: gone. */
static int resume(struct ptrace_ctx *c, int *status)
{
	int r;

	c->stub.regs_valid = c->in_syscall = false;
	stub_pair_enter(c->stub.space->host, &c->stub.pair);
	r = ptrace_req(c->stub.step ? PTRACE_SYSEMU_SINGLESTEP : PTRACE_SYSEMU,
		       stub_ctx_htid(&c->stub), 0, 0);
	r = r < 0 ? ptrace_failed(c, r) : ptrace_wait(c, status);
	stub_pair_leave(&c->stub.pair);
	return r;
}

int ptrace_switch_to(struct exec_ctx *ctx, struct exit_info *info)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	int r, status, reason = -1;

	*info = (struct exit_info){0};
	if (c->stub.gone || ptrace_regs_flush(c))
		return EXIT_GONE;
	while (reason < 0) {
		if (!stub_ctx_begin(&c->stub))
			return EXIT_INTERRUPT;
		r = resume(c, &status);
		stub_ctx_end(&c->stub);
		if (r < 0)
			return EXIT_GONE;
		reason = stop_exit(c, status, info);
	}
	return reason;
}
