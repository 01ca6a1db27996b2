// SPDX-License-Identifier: Apache-2.0
/* arch_prctl(2): the bases of FS and GS, CPUID faulting. */
#include "sentry/abi/mman.h"
#include "sentry/syscall/syscall.h"

enum {
	ARCH_SET_GS = 0x1001,
	ARCH_SET_FS,
	ARCH_GET_FS,
	ARCH_GET_GS,
	ARCH_GET_CPUID = 0x1011,
	ARCH_SET_CPUID,
};

static int64_t set_base(struct task *t, bool fs, uaddr_t base)
{
	struct lx_regs regs;
	int r;

	/* On the host the upper half would be its kernel's. */
	if (base >= LX_TASK_SIZE)
		return -EPERM;
	r = ctx_get_regs(t->mem.ctx, &regs);
	if (!r)
		r = t->mem.ctx->ops->set_fs_gs(t->mem.ctx, fs ? base : regs.fs_base,
					       fs ? regs.gs_base : base);
	if (r)
		return r;
	if (fs)
		t->fs_base = base;
	else
		t->gs_base = base;
	return 0;
}

/* The guest may also have used wrfsbase: the registers know. */
static int64_t get_base(struct task *t, bool fs, uaddr_t to)
{
	struct lx_regs regs;
	int r = ctx_get_regs(t->mem.ctx, &regs);

	if (r)
		return r;
	return fs ? put_user(&t->mem, to, regs.fs_base)
		  : put_user(&t->mem, to, regs.gs_base);
}

SYSCALL2(arch_prctl, int code, uaddr_t addr)
{
	switch (code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		return set_base(t, code == ARCH_SET_FS, addr);
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		return get_base(t, code == ARCH_GET_FS, addr);
	case ARCH_GET_CPUID:
		return 1; /* the instruction is allowed, always */
	case ARCH_SET_CPUID:
		return -ENODEV;
	default:
		return -EINVAL;
	}
}
