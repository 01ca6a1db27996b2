// SPDX-License-Identifier: Apache-2.0
/* What guest threads of both platforms have in common; interrupts above all. */
#include <errno.h>

#include "platform/stub/stub.h"
#include "sentry/base/host.h"

bool stub_ctx_begin(struct stub_ctx *c)
{
	/* interrupt() writes pending, then reads running: one sees the other. */
	atomic_store(&c->running, true);
	if (!atomic_load(&c->pending))
		return true;
	stub_ctx_end(c);
	atomic_store(&c->pending, false);
	return false;
}

void stub_ctx_end(struct stub_ctx *c)
{
	atomic_store_explicit(&c->running, false, memory_order_release);
}

void stub_ctx_interrupt(struct exec_ctx *ctx)
{
	struct stub_ctx *c = stub_ctx_of(ctx);

	if (atomic_exchange(&c->pending, true))
		return; /* whoever set it sees to it */
	if (atomic_load(&c->running))
		host_tgkill(c->space->hpid, stub_ctx_htid(c), STUB_SIG_INTERRUPT);
}

int stub_ctx_set_step(struct exec_ctx *ctx, bool on)
{
	struct stub_ctx *c = stub_ctx_of(ctx);

	c->step = on;
	return c->gone ? -ESRCH : 0;
}

int stub_ctx_set_affinity(struct exec_ctx *ctx, const void *cpuset, size_t size)
{
	struct stub_ctx *c = stub_ctx_of(ctx);

	return stub_pair_restrict(c->space->host, &c->pair, cpuset, size);
}

int64_t stub_ctx_cpu_time(struct exec_ctx *ctx)
{
	struct stub_ctx *c = stub_ctx_of(ctx);

	return stub_clock_read(&c->clock, c->space, c->gone ? -1 : stub_ctx_htid(c));
}
