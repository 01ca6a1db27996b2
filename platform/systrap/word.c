// SPDX-License-Identifier: Apache-2.0
/*
 * Atomic access to one word of guest memory: the guest's own thread runs one instruction
 * of entry.S on it (load, lock cmpxchg), so that it is atomic against other guest
 * threads and obeys the page protections.
 */
#include <errno.h>

#include "platform/systrap/internal.h"

static int word_op(struct exec_ctx *ectx, unsigned cmd, uaddr_t addr, uint32_t expected,
		   uint32_t desired, uint32_t *value)
{
	struct systrap_ctx *c = systrap_ctx_of(ectx);
	struct stub_context *ctx = c->slot->ctx;
	const volatile struct stub_context *result = ctx;
	int r;

	if (addr % sizeof(uint32_t) || addr >= c->stub.space->host->limits.max_addr)
		return -EFAULT;
	if (c->stub.gone)
		return -ESRCH;
	ctx->word = addr;
	ctx->expected = expected;
	ctx->desired = desired;
	systrap_hand_off(c, cmd);
	r = systrap_await(c);
	if (r)
		return r;
	*value = result->value;
	return result->kind != KIND_DONE || result->faulted ? -EFAULT : 0;
}

int systrap_load32(struct exec_ctx *ctx, uaddr_t addr, uint32_t *value)
{
	return word_op(ctx, CMD_LOAD, addr, 0, 0, value);
}

int systrap_cmpxchg32(struct exec_ctx *ctx, uaddr_t addr, uint32_t expected,
		      uint32_t desired, uint32_t *old)
{
	return word_op(ctx, CMD_CMPXCHG, addr, expected, desired, old);
}
