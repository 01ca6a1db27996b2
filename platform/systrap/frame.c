// SPDX-License-Identifier: Apache-2.0
/* The guest's registers, general and FPU, in the signal frame that stands in the context. */
#include <errno.h>
#include <string.h>

#include "platform/systrap/internal.h"

#define SW_BYTES_AT   464 /* what the host leaves in an XSAVE image for itself */
#define SW_BYTES_SIZE 48
#define FP_ALIGN      64

/* --- where it is ---------------------------------------------------------- */

static uaddr_t addr_of(const struct systrap_ctx *c, const void *p)
{
	return stub_context_addr(c->slot->nr) +
	       (uaddr_t)((const char *)p - (char *)c->slot->ctx);
}

/* What stands at @addr, if all of @size lies on the signal stack, aligned; or NULL. */
static void *on_stack(const struct systrap_ctx *c, uaddr_t addr, size_t size,
		      size_t align)
{
	const uaddr_t off = addr - stub_context_addr(c->slot->nr);

	if (off < CTX_STACK || off > STUB_CTX_SIZE - size || off % align)
		return NULL;
	return (char *)c->slot->ctx + off;
}

static void *call_frame(const struct systrap_ctx *c)
{
	return (char *)c->slot->ctx + CTX_PATCHED;
}

int systrap_frame_find(struct systrap_ctx *c)
{
	const volatile uint64_t *at = &c->slot->ctx->frame;
	const uaddr_t addr = *at;

	c->stub.regs_valid = false;
	/* An interrupt on the way back from a patched call leaves all as it was. */
	if (c->frame == call_frame(c) && addr == addr_of(c, c->frame))
		return 0;
	c->fast = c->fpu_live = false;
	c->frame = on_stack(c, addr, sizeof(*c->frame), sizeof(uint64_t));
	return c->frame ? 0 : -EFAULT;
}

void systrap_frame_call(struct systrap_ctx *c)
{
	c->stub.regs_valid = false;
	c->frame = call_frame(c);
	c->frame->cs = LX_USER_CS;
	c->frame->ss = LX_USER_DS;
	c->frame->fs = c->frame->gs = 0;
	c->fast = c->fpu_live = true;
	c->fpu_saved = *(const volatile uint64_t *)&c->slot->ctx->fpu_saved;
}

/* At the top of the context, where the host builds its own. */
static void *top_image(const struct systrap_ctx *c)
{
	const size_t size = c->stub.space->host->host_xsave_size;

	return (char *)c->slot->ctx + ((STUB_CTX_SIZE - size) & ~(size_t)(FP_ALIGN - 1));
}

/* The FPU image of the frame; NULL when the guest has bent the pointer to it. */
static void *fp_image(const struct systrap_ctx *c)
{
	const volatile uint64_t *at = &c->frame->fpstate;

	if (c->frame == call_frame(c))
		return top_image(c);
	return on_stack(c, *at, c->stub.space->host->limits.xsave_size, FP_ALIGN);
}

void systrap_frame_init(struct systrap_ctx *c)
{
	const struct stub_host *host = c->stub.space->host;
	struct stub_context *ctx = c->slot->ctx;
	char *fp = top_image(c);

	c->frame = (void *)(fp - sizeof(*c->frame));
	c->frame->fpstate = ctx->fpu = addr_of(c, fp);
	memcpy(fp, host->fresh_xsave, host->host_xsave_size);
	ctx->frame = addr_of(c, c->frame);
	ctx->stack_top = ctx->frame - FP_ALIGN;
	stub_regs_fresh(&c->stub.regs);
	c->stub.regs_valid = c->stub.regs_dirty = c->bases_dirty = true;
	c->fast = c->fpu_live = false;
}

/* --- general registers ---------------------------------------------------- */

/* clang-format off */
#define EACH_REG(X) X(r8) X(r9) X(r10) X(r11) X(r12) X(r13) X(r14) X(r15) X(rdi) X(rsi) \
	X(rbp) X(rbx) X(rdx) X(rax) X(rcx) X(rsp) X(rip) X(eflags) X(cs) X(ss) X(fs) X(gs)
/* clang-format on */

/* GS base, while the guest has none: patched calls find the context by it. */
static uint64_t own_gs(const struct systrap_ctx *c)
{
	return c->stub.space->host->guest->patched ? stub_context_addr(c->slot->nr) : 0;
}

void systrap_regs_load(struct systrap_ctx *c)
{
	const struct systrap_frame *f = c->frame;
	uint64_t gs_base;

	if (c->stub.regs_valid)
		return;
	gs_base = c->slot->ctx->gs_base;
	c->stub.regs = (struct lx_regs){.orig_rax = UINT64_MAX,
					.fs_base = c->slot->ctx->fs_base,
					.gs_base = gs_base == own_gs(c) ? 0 : gs_base,
#define LOAD(r) .r = f->r,
					EACH_REG(LOAD)
#undef LOAD
	};
	c->stub.regs_valid = true;
}

void systrap_regs_flush(struct systrap_ctx *c)
{
	struct stub_context *ctx = c->slot->ctx;
	struct systrap_frame *f = c->frame;

	if (c->stub.regs_dirty || c->bases_dirty || !c->fpu_live || c->stub.step ||
	    f->eflags & LX_EFLAGS_TF ||
	    (c->fast && !stub_in_trampoline(c->stub.space, ctx->ret)))
		c->fast = false;
	ctx->fast = c->fast;
	ctx->load_fpu = !c->fpu_live;
	if (c->stub.regs_dirty) {
		uaddr_t rip = c->stub.regs.rip;

#define STORE(r) f->r = (__typeof__(f->r))c->stub.regs.r;
		EACH_REG(STORE)
#undef STORE
		/* What it is to run on with may have moved. */
		if (stub_site_moved(c->stub.space, &rip))
			f->rip = rip;
		c->stub.regs_dirty = false;
	}
	ctx->set_base = c->bases_dirty;
	if (c->bases_dirty) {
		ctx->fs_base = c->stub.regs.fs_base;
		ctx->gs_base = c->stub.regs.gs_base ? c->stub.regs.gs_base : own_gs(c);
		c->bases_dirty = false;
	}
	if (unlikely(c->stub.step)) {
		c->guest_tf = f->eflags & LX_EFLAGS_TF;
		f->eflags |= LX_EFLAGS_TF;
	}
}

int systrap_get_regs(struct exec_ctx *ctx, struct lx_regs *regs)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);

	if (c->stub.gone)
		return -ESRCH;
	systrap_regs_load(c);
	*regs = c->stub.regs;
	return 0;
}

int systrap_set_regs(struct exec_ctx *ctx, const struct lx_regs *regs)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);
	int r;

	if (c->stub.gone)
		return -ESRCH;
	r = stub_regs_legal(regs, &c->stub.regs);
	if (!r)
		c->stub.regs_valid = c->stub.regs_dirty = c->bases_dirty = true;
	return r;
}

int systrap_set_ret(struct exec_ctx *ctx, uint64_t value)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);

	if (c->stub.gone)
		return -ESRCH;
	c->stub.regs.rax = value;
	c->frame->rax = value;
	return 0;
}

int systrap_set_fs_gs(struct exec_ctx *ctx, uint64_t fs_base, uint64_t gs_base)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);

	if (fs_base >= STUB_END || gs_base >= STUB_END)
		return -EPERM;
	if (c->stub.gone)
		return -ESRCH;
	systrap_regs_load(c);
	c->stub.regs.fs_base = fs_base;
	c->stub.regs.gs_base = gs_base;
	c->bases_dirty = true;
	return 0;
}

/* --- FPU ------------------------------------------------------------------ */

/* The registers into the image; they stay what counts. */
static int fpu_save(struct systrap_ctx *c)
{
	c->fpu_saved = true;
	systrap_hand_off(c, CMD_FPU);
	return systrap_await(c);
}

int systrap_get_fpu(struct exec_ctx *ctx, void *xsave)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);
	const struct stub_host *host = c->stub.space->host;
	const void *fp;

	if (c->stub.gone)
		return -ESRCH;
	if (c->fpu_live && !c->fpu_saved && fpu_save(c))
		return -ESRCH;
	fp = fp_image(c);
	memcpy(xsave, fp ? fp : host->fresh_xsave, host->limits.xsave_size);
	memset((char *)xsave + SW_BYTES_AT, 0, SW_BYTES_SIZE);
	memcpy((char *)xsave + SW_BYTES_AT, &host->limits.xfeatures, sizeof(uint64_t));
	return 0;
}

static int fpu_set(struct systrap_ctx *c, const void *image)
{
	void *fp;

	if (c->stub.gone)
		return -ESRCH;
	fp = fp_image(c);
	if (!fp)
		return 0;
	memcpy(fp, image, c->stub.space->host->limits.xsave_size);
	c->frame->fpstate = addr_of(c, fp);
	c->fpu_live = false;
	return 0;
}

int systrap_set_fpu(struct exec_ctx *ctx, const void *xsave)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);

	return stub_fpu_legal(c->stub.space->host, xsave) ? fpu_set(c, xsave) : -EINVAL;
}

int systrap_reset_fpu(struct exec_ctx *ctx)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);

	return fpu_set(c, c->stub.space->host->fresh_xsave);
}
