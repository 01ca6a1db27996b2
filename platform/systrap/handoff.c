// SPDX-License-Identifier: Apache-2.0
/*
 * Whose turn it is: the context's state word (context.h). Both sides share a CPU, so
 * sleeping on the word and being woken are two switches on it.
 *
 * A guest thread that dies says so by its robust list, unless guest code has spoilt that;
 * one that guest code has sent into a loop of ours never answers an interrupt. So a long
 * wait looks now and then.
 */
#include <errno.h>

#include "platform/systrap/internal.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#define LOOK_AFTER_NS (5 * NSEC_PER_SEC)

void systrap_hand_off(struct systrap_ctx *c, unsigned cmd)
{
	struct stub_context *ctx = c->slot->ctx;

	ctx->cmd = cmd;
	if (atomic_exchange(&ctx->state, (unsigned)systrap_htid(c)) & CTX_WAITERS)
		host_futex_wake_shared(&ctx->state, 1);
}

static bool still_answers(struct systrap_ctx *c)
{
	if (stub_has_exited(c->space->hpid))
		return false;
	c->late = atomic_load(&c->pending) ? c->late + 1 : 0;
	return c->late < 2;
}

int systrap_await(struct systrap_ctx *c)
{
	struct stub_context *ctx = c->slot->ctx;
	const unsigned htid = (unsigned)systrap_htid(c);
	unsigned v = atomic_load_explicit(&ctx->state, memory_order_acquire);

	c->late = 0;
	while ((v & CTX_TID_MASK) == htid) {
		if (!(v & CTX_WAITERS)) {
			if (!atomic_compare_exchange_weak(&ctx->state, &v,
							  v | CTX_WAITERS))
				continue;
			v |= CTX_WAITERS;
		}
		if (host_futex_wait_shared(&ctx->state, v,
					   deadline_after(LOOK_AFTER_NS)) == -ETIMEDOUT &&
		    !still_answers(c)) {
			v = CTX_DIED;
			break;
		}
		v = atomic_load_explicit(&ctx->state, memory_order_acquire);
	}
	if (v & CTX_DIED)
		c->gone = true;
	return c->gone ? -ESRCH : 0;
}
