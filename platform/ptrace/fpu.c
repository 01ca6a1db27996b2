// SPDX-License-Identifier: Apache-2.0
/*
 * FPU state as XSAVE images. The host's register set may be larger than the guest's
 * (AMX, which guests never have permission for) and is always written whole.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "platform/ptrace/internal.h"

static int fpu_set(struct ptrace_ctx *c, const void *image)
{
	struct iovec iov = {(void *)image, c->stub.space->host->host_xsave_size};

	if (c->stub.gone)
		return -ESRCH;
	return ptrace_failed(c, ptrace_req(PTRACE_SETREGSET, stub_ctx_htid(&c->stub),
					   NT_X86_XSTATE, (uint64_t)&iov));
}

int ptrace_get_fpu(struct exec_ctx *ctx, void *xsave)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	struct iovec iov = {c->xsave, c->stub.space->host->host_xsave_size};
	int r;

	if (c->stub.gone)
		return -ESRCH;
	r = ptrace_failed(c, ptrace_req(PTRACE_GETREGSET, stub_ctx_htid(&c->stub),
					NT_X86_XSTATE, (uint64_t)&iov));
	if (!r)
		memcpy(xsave, c->xsave, c->stub.space->host->limits.xsave_size);
	return r;
}

int ptrace_set_fpu(struct exec_ctx *ctx, const void *xsave)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	const struct stub_host *host = c->stub.space->host;
	int r;

	if (!stub_fpu_legal(host, xsave))
		return -EINVAL;
	memset(c->xsave, 0, host->host_xsave_size);
	memcpy(c->xsave, xsave, host->limits.xsave_size);
	r = fpu_set(c, c->xsave);
	return r == 0 || r == -ESRCH ? r : -EINVAL;
}

int ptrace_reset_fpu(struct exec_ctx *ctx)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);

	return fpu_set(c, c->stub.space->host->fresh_xsave);
}
