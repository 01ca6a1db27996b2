// SPDX-License-Identifier: Apache-2.0
/*
 * General registers. They are fetched when asked for and written back once, before
 * the thread runs again: most system calls need neither.
 */
#include <errno.h>

#include "platform/ptrace/internal.h"
#include "sentry/base/host.h"

#define ERESTARTSYS	      512
#define ERESTART_RESTARTBLOCK 516

/* The host's own call restart would act on these values in rax after a call. */
static bool looks_like_restart(uint64_t rax)
{
	return -rax >= ERESTARTSYS && -rax <= ERESTART_RESTARTBLOCK;
}

int ptrace_regs_load(struct ptrace_ctx *c)
{
	int r;

	if (c->stub.gone)
		return -ESRCH;
	if (c->stub.regs_valid)
		return 0;
	r = ptrace_req(PTRACE_GETREGS, stub_ctx_htid(&c->stub), 0,
		       (uint64_t)&c->stub.regs);
	if (r < 0)
		return ptrace_failed(c, r);
	if (c->in_syscall)
		c->stub.regs.rax = c->stub.regs.orig_rax;
	c->stub.regs_valid = true;
	return 0;
}

int ptrace_regs_flush(struct ptrace_ctx *c)
{
	struct lx_regs regs = c->stub.regs;
	int r;

	if (!c->stub.regs_dirty)
		return 0;
	regs.orig_rax = UINT64_MAX; /* not in a call: the host has nothing to restart */
	r = ptrace_req(PTRACE_SETREGS, stub_ctx_htid(&c->stub), 0, (uint64_t)&regs);
	if (r < 0)
		return ptrace_failed(c, r);
	c->stub.regs_dirty = false;
	return 0;
}

void ptrace_regs_fresh(struct ptrace_ctx *c)
{
	stub_regs_fresh(&c->stub.regs);
	c->stub.regs_valid = c->stub.regs_dirty = true;
	c->in_syscall = false;
}

int ptrace_get_regs(struct exec_ctx *ctx, struct lx_regs *regs)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	int r = ptrace_regs_load(c);

	if (!r)
		*regs = c->stub.regs;
	return r;
}

int ptrace_set_regs(struct exec_ctx *ctx, const struct lx_regs *regs)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	int r;

	if (c->stub.gone)
		return -ESRCH;
	r = stub_regs_legal(regs, &c->stub.regs);
	if (r)
		return r;
	c->stub.regs_valid = c->stub.regs_dirty = true;
	c->in_syscall = false;
	return 0;
}

int ptrace_set_ret(struct exec_ctx *ctx, uint64_t value)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	int r;

	if (c->stub.gone)
		return -ESRCH;
	c->in_syscall = false;
	c->stub.regs.rax = value;
	if (c->stub.regs_dirty)
		return 0;
	if (looks_like_restart(value)) {
		r = ptrace_req(PTRACE_POKEUSR, stub_ctx_htid(&c->stub),
			       offsetof(struct lx_regs, orig_rax), UINT64_MAX);
		if (r < 0)
			return ptrace_failed(c, r);
	}
	r = ptrace_req(PTRACE_POKEUSR, stub_ctx_htid(&c->stub),
		       offsetof(struct lx_regs, rax), value);
	return r < 0 ? ptrace_failed(c, r) : 0;
}

int ptrace_set_fs_gs(struct exec_ctx *ctx, uint64_t fs_base, uint64_t gs_base)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	int r;

	if (fs_base >= STUB_END || gs_base >= STUB_END)
		return -EPERM;
	r = ptrace_regs_load(c);
	if (r)
		return r;
	c->stub.regs.fs_base = fs_base;
	c->stub.regs.gs_base = gs_base;
	c->stub.regs_dirty = true;
	return 0;
}
