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

#define XSTATE_BV_AT	 512
#define XSAVE_HDR_SIZE	 64
#define MXCSR_AT	 24
#define XFEATURES_ALWAYS 3 /* x87 and SSE */

static int fpu_set(struct ptrace_ctx *c, const void *image)
{
	struct iovec iov = {(void *)image, c->space->host->host_xsave_size};

	if (c->gone)
		return -ESRCH;
	return ptrace_failed(c, ptrace_req(PTRACE_SETREGSET, ptrace_htid(c),
					   NT_X86_XSTATE, (uint64_t)&iov));
}

int ptrace_get_fpu(struct exec_ctx *ctx, void *xsave)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	struct iovec iov = {c->xsave, c->space->host->host_xsave_size};
	int r;

	if (c->gone)
		return -ESRCH;
	r = ptrace_failed(c, ptrace_req(PTRACE_GETREGSET, ptrace_htid(c), NT_X86_XSTATE,
					(uint64_t)&iov));
	if (!r)
		memcpy(xsave, c->xsave, c->space->host->limits.xsave_size);
	return r;
}

/* What XRSTOR would fault on, and the host refuses with several errnos. */
int ptrace_set_fpu(struct exec_ctx *ctx, const void *xsave)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);
	const struct stub_host *host = c->space->host;
	static const uint8_t zero[XSAVE_HDR_SIZE - 8];
	const char *image = xsave;
	uint64_t features;
	int r;

	memcpy(&features, image + XSTATE_BV_AT, 8);
	if (features & ~(host->limits.xfeatures | XFEATURES_ALWAYS) ||
	    memcmp(image + XSTATE_BV_AT + 8, zero, sizeof(zero)))
		return -EINVAL;
	memset(c->xsave, 0, host->host_xsave_size);
	memcpy(c->xsave, image, host->limits.xsave_size);
	r = fpu_set(c, c->xsave); /* the host checks MXCSR */
	return r == 0 || r == -ESRCH ? r : -EINVAL;
}

int ptrace_reset_fpu(struct exec_ctx *ctx)
{
	struct ptrace_ctx *c = ptrace_ctx_of(ctx);

	return fpu_set(c, c->space->host->fresh_xsave);
}
