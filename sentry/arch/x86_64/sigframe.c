// SPDX-License-Identifier: Apache-2.0
/*
 * The x86-64 signal frame, byte for byte as Linux lays it out, since unwinders, language
 * runtimes and debuggers read it:
 *
 *	higher	[red zone, 128 bytes, when not entering the alternate stack]
 *		XSAVE image, 64-aligned, and the word MAGIC2 behind it
 *		struct rt_sigframe: return address (the restorer), ucontext, siginfo
 *	lower	<- rsp; rsp + 8 is 16-aligned, as after a call
 *
 * A frame comes back (rt_sigreturn) as whatever the guest made of it: all is checked.
 */
#include <string.h>

#include "platform/platform.h"
#include "sentry/abi/errno.h"
#include "sentry/arch/x86_64/arch.h"
#include "sentry/base/bytes.h"
#include "sentry/mm/mm.h"
#include "sentry/task/signal.h"

#define RED_ZONE     128
#define FRAME_ALIGN  16
#define MIN_SIGSTACK 2048

#define UC_FP_XSTATE	     1
#define UC_SIGCONTEXT_SS     2
#define UC_STRICT_RESTORE_SS 4

#define EFLAGS_DF 0x400u
#define EFLAGS_RF 0x10000u
/* CF PF AF ZF SF TF DF OF RF AC: what a handler may change. */
#define EFLAGS_USER                                                                      \
	(0x1u | 0x4u | 0x10u | 0x40u | 0x80u | LX_EFLAGS_TF | EFLAGS_DF | 0x800u |       \
	 EFLAGS_RF | 0x40000u)

struct sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
_Static_assert(sizeof(struct sigcontext) == 256, "struct sigcontext");

struct ucontext {
	uint64_t flags, link;
	struct lx_stack stack;
	struct sigcontext mcontext;
	lx_sigset_t sigmask;
};
_Static_assert(sizeof(struct ucontext) == 304, "struct ucontext");
_Static_assert(offsetof(struct ucontext, mcontext) == 40, "uc_mcontext");

struct rt_sigframe {
	uint64_t restorer;
	struct ucontext uc;
	struct lx_siginfo info;
};
_Static_assert(sizeof(struct rt_sigframe) == 440, "struct rt_sigframe");

/* Bytes 464..511 of the image belong to software: how much follows, and that it does. */
#define XSAVE_SW_OFFSET	 464
#define XSAVE_LEGACY	 512
#define XSAVE_HEADER	 64
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
#define MAGIC2_SIZE	 4
#define XFEATURE_FP_SSE	 3ull

struct xsave_sw {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size, padding[7];
};
_Static_assert(sizeof(struct xsave_sw) == 48, "struct _fpx_sw_bytes");

/* --- alternate stack --------------------------------------------------------------- */

static bool inside_altstack(const struct task *t, uaddr_t sp)
{
	return sp > t->altstack.sp && sp - t->altstack.sp <= t->altstack.size;
}

/* SS_AUTODISARM: the setting went away on entry, so one never counts as being on it. */
static bool on_altstack(const struct task *t, uaddr_t sp)
{
	return !((uint32_t)t->altstack.flags & LX_SS_AUTODISARM) &&
	       inside_altstack(t, sp);
}

int altstack_set(struct task *t, const struct lx_stack *ss, uaddr_t sp)
{
	uint32_t mode = (uint32_t)ss->flags & ~LX_SS_AUTODISARM;
	struct lx_stack set = {.sp = ss->sp, .flags = ss->flags, .size = ss->size};

	if (on_altstack(t, sp))
		return -EPERM;
	if (mode != 0 && mode != LX_SS_ONSTACK && mode != LX_SS_DISABLE)
		return -EINVAL;
	if (mode == LX_SS_DISABLE)
		set.sp = set.size = 0;
	else if (set.size < MIN_SIGSTACK)
		return -ENOMEM;
	t->altstack = set;
	return 0;
}

void altstack_get(const struct task *t, uaddr_t sp, struct lx_stack *out)
{
	uint32_t flags = (uint32_t)t->altstack.flags & LX_SS_AUTODISARM;

	if (!t->altstack.size)
		flags |= LX_SS_DISABLE;
	else if (on_altstack(t, sp))
		flags |= LX_SS_ONSTACK;
	*out = (struct lx_stack){
		.sp = t->altstack.sp, .flags = (int32_t)flags, .size = t->altstack.size};
}

/* --- push -------------------------------------------------------------------- */

struct frame_place {
	uaddr_t frame, fpstate;
	size_t size; /* from frame to the end of MAGIC2 */
};

/* Where the frame goes; -EFAULT when it would overflow the alternate stack. */
static int place_frame(const struct task *t, const struct lx_regs *regs, bool onstack,
		       size_t xsave_size, struct frame_place *out)
{
	bool nested = on_altstack(t, regs->rsp), entering = false;
	uaddr_t sp = regs->rsp - RED_ZONE;

	if (onstack && t->altstack.size && !on_altstack(t, sp)) {
		sp = t->altstack.sp + t->altstack.size;
		entering = true;
	}
	out->fpstate = (sp - xsave_size - MAGIC2_SIZE) & ~63ull;
	sp = out->fpstate - sizeof(struct rt_sigframe);
	out->frame = (sp & ~(uaddr_t)(FRAME_ALIGN - 1)) - 8;
	out->size = out->fpstate + xsave_size + MAGIC2_SIZE - out->frame;
	if ((nested || entering) && !inside_altstack(t, out->frame))
		return -EFAULT;
	return 0;
}

static void fill_mcontext(struct sigcontext *sc, const struct lx_regs *r,
			  const struct exit_fault *fault, lx_sigset_t mask,
			  uaddr_t fpstate)
{
	*sc = (struct sigcontext){
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rdi = r->rdi,
		.rsi = r->rsi,
		.rbp = r->rbp,
		.rbx = r->rbx,
		.rdx = r->rdx,
		.rax = r->rax,
		.rcx = r->rcx,
		.rsp = r->rsp,
		.rip = r->rip,
		.eflags = r->eflags,
		.cs = LX_USER_CS,
		.ss = LX_USER_DS,
		.err = fault->error_code,
		.trapno = fault->trapno,
		.oldmask = mask,
		.cr2 = fault->trapno == LX_TRAP_PF ? fault->addr : 0,
		.fpstate = fpstate,
	};
}

static int fill_fpstate(struct task *t, uint8_t *image)
{
	const struct platform_limits *lim = &t->k->platform->limits;
	struct xsave_sw sw = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = (uint32_t)lim->xsave_size + MAGIC2_SIZE,
		.xfeatures = lim->xfeatures,
		.xstate_size = (uint32_t)lim->xsave_size,
	};
	int r = t->mem.ctx->ops->get_fpu(t->mem.ctx, image);

	memcpy(image + XSAVE_SW_OFFSET, &sw, sizeof(sw));
	put_le32(image + lim->xsave_size, FP_XSTATE_MAGIC2);
	return r;
}

/*
 * The guest thread can write the frame itself, before the handler runs. Not one that the
 * handler's address is going to refuse, as another takes its place.
 */
static bool carry_frame(struct task *t, const struct frame_place *at, const void *buf,
			uaddr_t handler)
{
	const struct ctx_ops *ops = t->mem.ctx->ops;

	if (!ops->carry_blind || handler >= t->k->platform->limits.max_addr ||
	    !mm_writable(t->mem.mm, at->frame, at->size) ||
	    !ops->carry_blind(t->mem.ctx, at->frame, buf, at->size))
		return false;
	t->frame_at = at->frame;
	return true;
}

int sigframe_push(struct task *t, struct lx_regs *regs, const struct lx_sigaction *sa,
		  const struct lx_siginfo *info, lx_sigset_t mask,
		  const struct exit_fault *fault)
{
	AUTO_FREE uint8_t *buf = NULL;
	struct rt_sigframe *f;
	struct frame_place at;
	int r;

	if (!(sa->flags & LX_SA_RESTORER))
		return -EFAULT;
	r = place_frame(t, regs, sa->flags & LX_SA_ONSTACK,
			t->k->platform->limits.xsave_size, &at);
	if (r)
		return r;
	buf = mem_zalloc(at.size);
	if (!buf)
		return -EFAULT;
	f = (struct rt_sigframe *)buf;
	f->restorer = sa->restorer;
	f->uc.flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	f->uc.stack = t->altstack;
	f->uc.stack.pad = 0;
	fill_mcontext(&f->uc.mcontext, regs, fault, mask, at.fpstate);
	f->uc.sigmask = mask;
	f->info = *info;
	f->info.pad = 0;
	r = fill_fpstate(t, buf + (at.fpstate - at.frame));
	if (r)
		return r;
	if (!carry_frame(t, &at, buf, sa->handler))
		r = copy_to_user(&t->mem, at.frame, buf, at.size);
	if (r)
		return r;
	r = t->mem.ctx->ops->reset_fpu(t->mem.ctx);
	if (r)
		return r;

	if ((uint32_t)t->altstack.flags & LX_SS_AUTODISARM)
		t->altstack = (struct lx_stack){.flags = LX_SS_DISABLE};
	regs->rdi = (uint64_t)info->signo;
	regs->rsi = at.frame + offsetof(struct rt_sigframe, info);
	regs->rdx = at.frame + offsetof(struct rt_sigframe, uc);
	regs->rax = 0;
	regs->rip = sa->handler;
	regs->rsp = at.frame;
	regs->eflags &= ~(uint64_t)(EFLAGS_DF | EFLAGS_RF | LX_EFLAGS_TF);
	return 0;
}

/* --- pop --------------------------------------------------------------------- */

/*
 * Only a frame whose software bytes and MAGIC2 agree is taken as an XSAVE image; else the
 * legacy part counts alone (a program may build a frame of the old kind).
 */
static bool xstate_valid(const uint8_t *image, size_t got, size_t size,
			 struct xsave_sw *sw)
{
	memcpy(sw, image + XSAVE_SW_OFFSET, sizeof(*sw));
	return got == size + MAGIC2_SIZE && sw->magic1 == FP_XSTATE_MAGIC1 &&
	       sw->xstate_size >= XSAVE_LEGACY + XSAVE_HEADER &&
	       sw->xstate_size <= size && sw->xstate_size <= sw->extended_size &&
	       get_le32(image + sw->xstate_size) == FP_XSTATE_MAGIC2;
}

/* What a frame was read as: mostly one piece, from the ucontext to the end of MAGIC2. */
struct frame_bytes {
	uaddr_t addr;
	size_t n;
	uint8_t *data;
};

static int read_part(struct task *t, const struct frame_bytes *have, void *dst,
		     uaddr_t addr, size_t n)
{
	const uint64_t off = addr - have->addr;

	if (off > have->n || n > have->n - off)
		return copy_from_user(&t->mem, dst, addr, n);
	memcpy(dst, have->data + off, n);
	return 0;
}

static int restore_fpstate(struct task *t, const struct frame_bytes *have, uaddr_t addr)
{
	const struct platform_limits *lim = &t->k->platform->limits;
	size_t size = lim->xsave_size, got = size + MAGIC2_SIZE;
	AUTO_FREE uint8_t *image = NULL;
	struct xsave_sw sw;

	if (!addr)
		return t->mem.ctx->ops->reset_fpu(t->mem.ctx);
	/* XRSTOR from a misaligned address is a fault. */
	if (addr & 63)
		return -EFAULT;
	image = mem_zalloc(size + MAGIC2_SIZE);
	if (!image)
		return -EFAULT;
	if (read_part(t, have, image, addr, got)) {
		got = XSAVE_LEGACY;
		if (read_part(t, have, image, addr, got))
			return -EFAULT;
	}
	if (xstate_valid(image, got, size, &sw)) {
		uint64_t bv = get_le64(image + XSAVE_LEGACY);

		put_le64(image + XSAVE_LEGACY, bv & sw.xfeatures & lim->xfeatures);
		memset(image + sw.xstate_size, 0, size - sw.xstate_size);
	} else {
		memset(image + XSAVE_LEGACY, 0, size - XSAVE_LEGACY);
		put_le64(image + XSAVE_LEGACY, XFEATURE_FP_SSE);
	}
	memset(image + XSAVE_SW_OFFSET, 0, sizeof(sw));
	return t->mem.ctx->ops->set_fpu(t->mem.ctx, image);
}

static int restore_mcontext(const struct sigcontext *sc, uint64_t uc_flags,
			    struct lx_regs *r)
{
	/* Other selectors would return into 32-bit code, which there is none. */
	if ((sc->cs | 3) != LX_USER_CS ||
	    ((uc_flags & UC_STRICT_RESTORE_SS) && (sc->ss | 3) != LX_USER_DS))
		return -EFAULT;
	r->r8 = sc->r8;
	r->r9 = sc->r9;
	r->r10 = sc->r10;
	r->r11 = sc->r11;
	r->r12 = sc->r12;
	r->r13 = sc->r13;
	r->r14 = sc->r14;
	r->r15 = sc->r15;
	r->rdi = sc->rdi;
	r->rsi = sc->rsi;
	r->rbp = sc->rbp;
	r->rbx = sc->rbx;
	r->rdx = sc->rdx;
	r->rax = sc->rax;
	r->rcx = sc->rcx;
	r->rsp = sc->rsp;
	r->rip = sc->rip;
	r->eflags = (r->eflags & ~(uint64_t)EFLAGS_USER) | (sc->eflags & EFLAGS_USER);
	r->cs = LX_USER_CS;
	r->ss = LX_USER_DS;
	r->orig_rax = ~0ull;
	return 0;
}

int sigframe_pop(struct task *t, struct lx_regs *regs, lx_sigset_t *mask)
{
	/* The handler's ret took the restorer off. */
	uaddr_t frame = regs->rsp - offsetof(struct rt_sigframe, uc);
	const uaddr_t at = frame + offsetof(struct rt_sigframe, uc);
	/* Where place_frame() puts it. */
	const uaddr_t fpstate = (frame + 8 + sizeof(struct rt_sigframe) + 63) & ~63ull;
	size_t n = fpstate + t->k->platform->limits.xsave_size + MAGIC2_SIZE - at;
	AUTO_FREE uint8_t *buf = mem_alloc(n);
	struct frame_bytes have = {.addr = at, .data = buf};
	struct ucontext uc;
	int r;

	*mask = t->blocked;
	if (!buf)
		return -EFAULT;
	if (copy_from_user(&t->mem, buf, at, n) == 0)
		have.n = n;
	r = read_part(t, &have, &uc, at, sizeof(uc));
	if (r)
		return r;
	*mask = uc.sigmask;
	r = restore_mcontext(&uc.mcontext, uc.flags, regs);
	if (!r)
		r = restore_fpstate(t, &have, uc.mcontext.fpstate);
	if (r)
		return r;
	/* A stack it can't be set to (still in use,
	 * too small) stays as it was: as on Linux. */
	altstack_set(t, &uc.stack, regs->rsp);
	return 0;
}
