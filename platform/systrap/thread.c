// SPDX-License-Identifier: Apache-2.0
/* Guest threads: born in the guest process by order, on a context of their own. */
#include <errno.h>
#include <string.h>

#include "platform/systrap/internal.h"
#include "sentry/base/alloc.h"
#include "sentry/base/clock.h"

/* What the thread reads at its birth (stub.S). */
static void context_init(struct systrap_ctx *c)
{
	struct stub_context *ctx = c->slot->ctx;
	const uaddr_t at = stub_context_addr(c->slot->nr);

	ctx->sigstack[0] = at + CTX_STACK;
	ctx->sigstack[2] = STUB_CTX_SIZE - CTX_STACK;
	ctx->sigmask = SYSTRAP_STOPS;
	ctx->out_limit = CARRY_IN_MAX;
	/* A list of one lock, the state word. */
	ctx->robust[0] = at + CTX_NODE;
	ctx->robust[1] = (uint64_t)(CTX_STATE - CTX_NODE);
	ctx->node = at + CTX_ROBUST;
	memset((char *)ctx + CTX_KNOWN, 0xff, CTX_KNOWN_N * sizeof(int64_t));
	*(uint64_t *)((char *)ctx + CTX_MASK) = CTX_MASK_ASK;
	systrap_frame_init(c);
}

static int thread_start(struct systrap_ctx *c, struct stub_space *s)
{
	int r, htid = -1;

	c->stub.space = s;
	mutex_lock(&s->lock);
	r = stub_context_get(s, &c->slot);
	if (!r) {
		context_init(c);
		htid = c->slot->htid;
	}
	if (!r && !htid) {
		r = stub_thread_create(s, c->slot, &htid);
		if (r)
			stub_context_put(s, c->slot, true);
	}
	mutex_unlock(&s->lock);
	c->stub.gone = false;
	atomic_store(&c->stub.htid, htid);
	return r;
}

/*
 * The host thread, which waits for its turn, stands by for the next guest thread of the
 * process: it is not even woken. Where enough do, it ends.
 */
static void thread_end(struct systrap_ctx *c)
{
	struct stub_space *s = c->stub.space;
	bool kept;

	systrap_come_home(c);
	stub_pair_sleep(&c->stub.pair);
	c->slot->cpu = c->stub.pair.cpu;
	mutex_lock(&s->lock);
	kept = !c->stub.gone && stub_context_keep(s, c->slot, stub_ctx_htid(&c->stub));
	if (!kept)
		stub_context_put(s, c->slot, false);
	mutex_unlock(&s->lock);
	if (!c->stub.gone && !kept)
		systrap_hand_off(c, CMD_EXIT);
}

/* A timespec that the guest thread noted, and may lie about; 0 when it cannot be one. */
static int64_t noted_ns(const volatile uint64_t *clock)
{
	const uint64_t sec = clock[0], nsec = clock[1];

	return sec < UINT32_MAX && nsec < NSEC_PER_SEC
		       ? (int64_t)(sec * NSEC_PER_SEC + nsec)
		       : 0;
}

/* What the host thread had used before is what it says itself. */
static int64_t systrap_cpu_time(struct exec_ctx *ctx)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);

	if (c->slot->starts)
		return c->stub.clock.last;
	if (c->slot->reused)
		c->stub.clock.start = noted_ns(c->slot->ctx->clock);
	return stub_ctx_cpu_time(ctx);
}

/* At an execve, of which it said itself: to ask the helper would take longer than it ran. */
static int64_t time_at_exec(struct systrap_ctx *c)
{
	if (c->slot->reused)
		c->stub.clock.start = noted_ns(c->slot->ctx->clock);
	return stub_clock_told(&c->stub.clock, c->stub.space,
			       noted_ns(c->slot->ctx->used));
}

static const struct ctx_ops systrap_ctx_ops = {
	.switch_to = systrap_switch_to,
	.interrupt = stub_ctx_interrupt,
	.get_regs = systrap_get_regs,
	.set_regs = systrap_set_regs,
	.set_ret = systrap_set_ret,
	.get_fpu = systrap_get_fpu,
	.set_fpu = systrap_set_fpu,
	.reset_fpu = systrap_reset_fpu,
	.set_fs_gs = systrap_set_fs_gs,
	.set_step = stub_ctx_set_step,
	.load32 = systrap_load32,
	.cmpxchg32 = systrap_cmpxchg32,
	.move = systrap_move,
	.set_affinity = stub_ctx_set_affinity,
	.cpu_time = systrap_cpu_time,
	.will_sleep = systrap_will_sleep,
	.carried_in = systrap_carried_in,
	.lend_mask = systrap_lend_mask,
	.take_mask = systrap_take_mask,
	.carry_room = systrap_carry_room,
	.carry_out = systrap_carry_out,
	.carry_blind = systrap_carry_blind,
	.know = systrap_know,
	.forget = systrap_forget,
	.release = systrap_release,
};

int systrap_ctx_create(struct platform *p, struct addr_space *as, struct exec_ctx **out)
{
	struct stub_host *host = stub_host_of(p);
	AUTO_FREE struct systrap_ctx *c = mem_zalloc(sizeof(*c));
	int r;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	r = thread_start(c, stub_space_of(as));
	if (r)
		return r;
	c->stub.base.ops = &systrap_ctx_ops;
	c->stub.base.as = as_get(as);
	stub_pair_init(host, &c->stub.pair, stub_ctx_htid(&c->stub), c->slot->cpu);
	*out = &TAKE_PTR(c)->stub.base;
	return 0;
}

/*
 * A thread cannot change its memory: another one, in the other space, takes over
 * registers and FPU. On failure nothing has changed.
 */
int systrap_move(struct exec_ctx *ctx, struct addr_space *to)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);
	struct stub_host *host = c->stub.space->host;
	struct systrap_ctx fresh = {0};
	AUTO_FREE void *xsave = mem_zalloc(host->limits.xsave_size);
	struct lx_regs regs;
	int r;

	if (!xsave)
		return -ENOMEM;
	r = systrap_get_regs(ctx, &regs);
	if (!r)
		r = systrap_get_fpu(ctx, xsave);
	if (!r)
		r = thread_start(&fresh, stub_space_of(to));
	if (r)
		return r;
	c->stub.clock.before = time_at_exec(c);
	c->stub.clock.start = 0;
	systrap_carry_end(c);
	stub_pair_stay(&c->stub.pair); /* the fresh one was born here */
	thread_end(c);
	as_get(to);
	as_put(ctx->as);
	ctx->as = to;
	c->stub.space = fresh.stub.space;
	c->slot = fresh.slot;
	c->frame = fresh.frame;
	c->fast = c->fpu_live = false;
	c->stub.gone = false;
	atomic_store(&c->stub.htid, stub_ctx_htid(&fresh.stub));
	/* What guest code has spoilt of them is refused, and stays as a fresh program has it. */
	(void)!systrap_set_regs(ctx, &regs);
	(void)!systrap_set_fpu(ctx, xsave);
	stub_pair_init(host, &c->stub.pair, stub_ctx_htid(&c->stub), c->slot->cpu);
	return 0;
}

void systrap_release(struct exec_ctx *ctx)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);

	thread_end(c);
	as_put(ctx->as);
	mem_free(c);
}
