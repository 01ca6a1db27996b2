// SPDX-License-Identifier: Apache-2.0
/*
 * Guest threads: born in the guest process by order, untraced and parked; seized by
 * the Sentry thread that will run them. Only the tracer may ask anything of them.
 */
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
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
		r = (int)host_ret(syscall(SYS_wait4, ptrace_htid(c), status, __WALL, NULL));
	} while (r == -EINTR);
	if (r < 0 || !WIFSTOPPED(*status)) {
		c->gone = true;
		return -ESRCH;
	}
	return 0;
}

int ptrace_failed(struct ptrace_ctx *c, int r)
{
	int status;

	/* It was stopped, so only a SIGKILL can have taken it away. */
	if (r == -ESRCH)
		while (!c->gone)
			ptrace_wait(c, &status);
	return r;
}

/* Creation and seizure under one lock: the only untraced thread is then the one meant. */
static int thread_start(struct ptrace_ctx *c, struct stub_space *s)
{
	const uint64_t options =
		PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
	const uint64_t no_signals = 0;
	int r, htid, status;

	mutex_lock(&s->lock);
	r = stub_thread_create(s, &htid);
	if (!r)
		r = ptrace_req(PTRACE_SEIZE, htid, 0, options);
	mutex_unlock(&s->lock);
	if (r < 0)
		return r;
	c->gone = false;
	atomic_store(&c->htid, htid);
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
	if (c->gone)
		return;
	ptrace_regs_fresh(c);
	c->regs.rip = c->space->host->labels.exit;
	if (ptrace_regs_flush(c) == 0 &&
	    ptrace_req(PTRACE_DETACH, ptrace_htid(c), 0, 0) == -ESRCH)
		ptrace_failed(c, -ESRCH);
}

static void pair(struct ptrace_ctx *c)
{
	int cpu = c->space->host->cpu[c->cpu];

	host_set_cpu(0, cpu);
	host_set_cpu(ptrace_htid(c), cpu);
}

static const struct ctx_ops ptrace_ctx_ops = {
	.switch_to = ptrace_switch_to,
	.interrupt = ptrace_interrupt,
	.get_regs = ptrace_get_regs,
	.set_regs = ptrace_set_regs,
	.set_ret = ptrace_set_ret,
	.set_fs_gs = ptrace_set_fs_gs,
	.set_step = ptrace_set_step,
	.release = ptrace_release,
};

int ptrace_ctx_create(struct platform *p, struct addr_space *as, struct exec_ctx **out)
{
	struct stub_host *host = container_of(p, struct ptrace_platform, base)->host;
	struct ptrace_ctx *c = mem_zalloc(sizeof(*c));
	int r;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->space = stub_space_of(as);
	c->cpu = stub_cpu_choose(host);
	r = thread_start(c, c->space);
	if (r) {
		stub_cpu_leave(host, c->cpu);
		mem_free(c);
		return r;
	}
	c->base.ops = &ptrace_ctx_ops;
	c->base.as = as_get(as);
	ptrace_regs_fresh(c);
	pair(c);
	*out = &c->base;
	return 0;
}

void ptrace_release(struct exec_ctx *ctx)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);

	thread_end(c);
	stub_cpu_leave(c->space->host, c->cpu);
	as_put(ctx->as);
	mem_free(c);
}
