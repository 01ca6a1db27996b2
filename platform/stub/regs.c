// SPDX-License-Identifier: Apache-2.0
/* Which register values a guest thread may have. */
#include <errno.h>
#include <string.h>

#include "platform/stub/stub.h"

#define EFLAGS_IF 0x202 /* with the bit that is always one */

#define MXCSR_AT	 24
#define MXCSR_MASK	 0xffff /* of every 64-bit CPU */
#define XSTATE_BV_AT	 512
#define XSAVE_HDR_SIZE	 64
#define XFEATURES_ALWAYS 3 /* x87 and SSE */

void stub_regs_fresh(struct lx_regs *regs)
{
	*regs = (struct lx_regs){
		.orig_rax = UINT64_MAX,
		.cs = LX_USER_CS,
		.ss = LX_USER_DS,
		.eflags = EFLAGS_IF,
	};
}

static uint64_t legal_selector(uint64_t sel)
{
	return sel == 0 || (sel & 3) == 3 ? sel & 0xffff : 0;
}

int stub_regs_legal(const struct lx_regs *in, struct lx_regs *out)
{
	if (in->fs_base >= STUB_END || in->gs_base >= STUB_END)
		return -EPERM;
	*out = *in;
	out->cs = in->cs == LX_USER_CS32 ? LX_USER_CS32 : LX_USER_CS;
	out->ss = LX_USER_DS;
	out->ds = legal_selector(in->ds);
	out->es = legal_selector(in->es);
	out->fs = legal_selector(in->fs);
	out->gs = legal_selector(in->gs);
	out->eflags |= EFLAGS_IF;
	return 0;
}

/* What XRSTOR would fault on. */
bool stub_fpu_legal(const struct stub_host *host, const void *xsave)
{
	static const uint8_t zero[XSAVE_HDR_SIZE - 8];
	const char *image = xsave;
	uint64_t features;
	uint32_t mxcsr;

	memcpy(&features, image + XSTATE_BV_AT, 8);
	memcpy(&mxcsr, image + MXCSR_AT, 4);
	return !(features & ~(host->limits.xfeatures | XFEATURES_ALWAYS)) &&
	       !(mxcsr & ~MXCSR_MASK) &&
	       !memcmp(image + XSTATE_BV_AT + 8, zero, sizeof(zero));
}
