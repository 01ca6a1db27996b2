// SPDX-License-Identifier: Apache-2.0
/*
 * Atomic access to one word of guest memory: the guest's own thread runs one
 * instruction of the stub's text on it (load, lock cmpxchg), so that it is
 * atomic against other guest threads and obeys the page protections. The system
 * call behind the instruction brings the thread back with the value in orig_rax;
 * a fault brings it back too.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "platform/ptrace/internal.h"

/* Runs to the system call. -EFAULT: a signal of ours came instead. */
static int run(struct ptrace_ctx *c)
{
	int r, status;

	for (;;) {
		r = ptrace_req(PTRACE_SYSEMU, stub_ctx_htid(&c->stub), 0, 0);
		if (r < 0)
			return ptrace_failed(c, r);
		r = ptrace_wait(c, &status);
		if (r < 0)
			return r;
		if (WSTOPSIG(status) == PTRACE_SYSCALL_STOP)
			return 0;
		/* Faults end it. Other signals are swallowed; an interrupt stays pending.
		 */
		if (status >> 16 == 0 &&
		    (WSTOPSIG(status) == SIGSEGV || WSTOPSIG(status) == SIGBUS))
			return -EFAULT;
	}
}

static int word_op(struct exec_ctx *ctx, uaddr_t routine, uaddr_t addr, uint32_t eax,
		   uint32_t esi, uint32_t *value)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	struct lx_regs saved;
	uint64_t word = 0;
	int r;

	if (addr % sizeof(uint32_t) || addr >= c->stub.space->host->limits.max_addr)
		return -EFAULT;
	r = ptrace_regs_load(c);
	if (r)
		return r;
	saved = c->stub.regs;
	ptrace_regs_fresh(c);
	c->stub.regs.rip = routine;
	c->stub.regs.rdi = addr;
	c->stub.regs.rsi = esi;
	c->stub.regs.rax = eax;
	r = ptrace_regs_flush(c);
	if (!r)
		r = run(c);
	if (!r)
		r = ptrace_failed(c, ptrace_req(PTRACE_PEEKUSR, stub_ctx_htid(&c->stub),
						offsetof(struct lx_regs, orig_rax),
						(uint64_t)&word));
	*value = (uint32_t)word;
	c->stub.regs = saved;
	c->stub.regs_valid = c->stub.regs_dirty = true;
	c->in_syscall = false;
	return r;
}

int ptrace_load32(struct exec_ctx *ctx, uaddr_t addr, uint32_t *value)
{
	return word_op(ctx, ptrace_ctx_of(ctx)->stub.space->host->labels.load, addr, 0, 0,
		       value);
}

int ptrace_cmpxchg32(struct exec_ctx *ctx, uaddr_t addr, uint32_t expected,
		     uint32_t desired, uint32_t *old)
{
	return word_op(ctx, ptrace_ctx_of(ctx)->stub.space->host->labels.cmpxchg, addr,
		       expected, desired, old);
}
