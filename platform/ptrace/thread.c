// SPDX-License-Identifier: Apache-2.0
/*
 * Guest threads: born in the guest process by order, untraced and parked; seized by
 * the Sentry thread that will run them. Only the tracer may ask anything of them.
 */
#include <elf.h>
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/ptrace/internal.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

int ptrace_req(int req, int htid, uint64_t addr, uint64_t data)
{
	return (int)host_ret(syscall(SYS_ptrace, req, htid, addr, data));
}

int ptrace_wait(struct ptrace_ctx *c, int *status)
{
	int r;

	do {
		r = (int)host_ret(syscall(SYS_wait4, stub_ctx_htid(&c->stub), status,
					  __WALL, NULL));
	} while (r == -EINTR);
	if (r < 0 || !WIFSTOPPED(*status)) {
		c->stub.gone = true;
		return -ESRCH;
	}
	return 0;
}

int ptrace_failed(struct ptrace_ctx *c, int r)
{
	int status;

	/* It was stopped, so only a SIGKILL can have taken it away. */
	if (r == -ESRCH)
		while (!c->stub.gone)
			ptrace_wait(c, &status);
	return r;
}

/* Creation and seizure under one lock: the only untraced thread is then the one meant. */
static int thread_start(struct ptrace_ctx *c, struct stub_space *s)
{
	const uint64_t options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
	const uint64_t no_signals = 0;
	int r, htid, status;

	mutex_lock(&s->lock);
	r = stub_thread_create(s, NULL, &htid);
	if (!r)
		r = ptrace_req(PTRACE_SEIZE, htid, 0, options);
	mutex_unlock(&s->lock);
	if (r < 0)
		return r;
	c->stub.gone = false;
	atomic_store(&c->stub.htid, htid);
	r = ptrace_req(PTRACE_INTERRUPT, htid, 0, 0);
	if (!r)
		r = ptrace_wait(c, &status);
	/* It was born with the helper's mask: all blocked. */
	if (!r)
		r = ptrace_req(PTRACE_SETSIGMASK, htid, sizeof(no_signals),
			       (uint64_t)&no_signals);
	return r < 0 ? ptrace_failed(c, r) : 0;
}

/* Untraced again, it ends itself and needs no reaping. */
static void thread_end(struct ptrace_ctx *c)
{
	if (c->stub.gone)
		return;
	ptrace_regs_fresh(c);
	c->stub.regs.rip = c->stub.space->host->labels.exit;
	if (ptrace_regs_flush(c) == 0 &&
	    ptrace_req(PTRACE_DETACH, stub_ctx_htid(&c->stub), 0, 0) == -ESRCH)
		ptrace_failed(c, -ESRCH);
}

static const struct ctx_ops ptrace_ctx_ops = {
	.switch_to = ptrace_switch_to,
	.interrupt = stub_ctx_interrupt,
	.fault_detail = ptrace_fault_detail,
	.get_regs = ptrace_get_regs,
	.set_regs = ptrace_set_regs,
	.set_ret = ptrace_set_ret,
	.get_fpu = ptrace_get_fpu,
	.set_fpu = ptrace_set_fpu,
	.reset_fpu = ptrace_reset_fpu,
	.set_fs_gs = ptrace_set_fs_gs,
	.set_step = stub_ctx_set_step,
	.load32 = ptrace_load32,
	.cmpxchg32 = ptrace_cmpxchg32,
	.move = ptrace_move,
	.set_affinity = stub_ctx_set_affinity,
	.cpu_time = stub_ctx_cpu_time,
	.release = ptrace_release,
};

int ptrace_ctx_create(struct platform *p, struct addr_space *as, struct exec_ctx **out)
{
	struct stub_host *host = stub_host_of(p);
	AUTO_FREE struct ptrace_ctx *c = mem_zalloc(sizeof(*c));
	AUTO_FREE void *xsave = mem_zalloc(host->host_xsave_size);
	int r;

	*out = NULL;
	if (!c || !xsave)
		return -ENOMEM;
	c->stub.space = stub_space_of(as);
	r = thread_start(c, c->stub.space);
	if (r)
		return r;
	c->stub.base.ops = &ptrace_ctx_ops;
	c->stub.base.as = as_get(as);
	c->xsave = TAKE_PTR(xsave);
	ptrace_regs_fresh(c);
	stub_pair_init(host, &c->stub.pair, stub_ctx_htid(&c->stub), NULL);
	*out = &TAKE_PTR(c)->stub.base;
	return 0;
}

/*
 * A thread cannot change its memory: another one, in the other space, takes over
 * registers and FPU. On failure nothing has changed.
 */
int ptrace_move(struct exec_ctx *ctx, struct addr_space *to)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	struct stub_host *host = c->stub.space->host;
	struct ptrace_ctx fresh = {.stub.space = stub_space_of(to)};
	struct iovec xsave = {c->xsave, host->host_xsave_size};
	int r;

	r = ptrace_regs_load(c);
	if (!r)
		r = ptrace_failed(c, ptrace_req(PTRACE_GETREGSET, stub_ctx_htid(&c->stub),
						NT_X86_XSTATE, (uint64_t)&xsave));
	if (!r)
		r = thread_start(&fresh, fresh.stub.space);
	if (r)
		return r;
	r = ptrace_failed(&fresh, ptrace_req(PTRACE_SETREGSET, stub_ctx_htid(&fresh.stub),
					     NT_X86_XSTATE, (uint64_t)&xsave));
	if (r) {
		thread_end(&fresh);
		return r;
	}
	fresh.stub.regs = c->stub.regs;
	c->stub.clock.before = stub_ctx_cpu_time(ctx);
	thread_end(c);
	as_get(to);
	as_put(ctx->as);
	ctx->as = to;
	c->stub.space = fresh.stub.space;
	c->stub.gone = false;
	c->stub.regs = fresh.stub.regs;
	c->stub.regs_valid = c->stub.regs_dirty = true;
	c->in_syscall = false;
	atomic_store(&c->stub.htid, stub_ctx_htid(&fresh.stub));
	stub_pair_init(host, &c->stub.pair, stub_ctx_htid(&c->stub), NULL);
	return 0;
}

void ptrace_release(struct exec_ctx *ctx)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);

	thread_end(c);
	as_put(ctx->as);
	mem_free(c->xsave);
	mem_free(c);
}
