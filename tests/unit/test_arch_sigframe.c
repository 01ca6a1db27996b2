// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/arch/x86_64/sigframe.c
/* The signal frame: where the host's headers say everything is, there and back again. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>
#include <cmocka.h>

#include "sentry/abi/errno.h"
#include "sentry/arch/x86_64/arch.h"
#include "sentry/base/bytes.h"
#include "sentry/mm/mm.h"
#include "sentry/task/signal.h"

#define STACK_BASE 0x7f0000000000ull
#define STACK_SIZE 0x10000ull
#define XSAVE_SIZE 832u /* x87, SSE, AVX */
#define RESTORER   0x401000ull

static uint8_t stack[STACK_SIZE];
static uint8_t fpu[XSAVE_SIZE], wanted_fpu[XSAVE_SIZE];
static bool fpu_reset;
static struct platform platform;
static struct kernel kernel = {.platform = &platform};
static struct exec_ctx ctx;
static struct task t;

/* --- a stack for memory, an array for the FPU --------------------------------- */

static uint8_t *at(uaddr_t addr, size_t n)
{
	if (addr < STACK_BASE || addr - STACK_BASE > STACK_SIZE ||
	    n > STACK_SIZE - (addr - STACK_BASE))
		return NULL;
	return stack + (addr - STACK_BASE);
}

int copy_from_user(const struct umem *u, void *dst, uaddr_t src, size_t n)
{
	(void)u;
	if (!at(src, n))
		return -EFAULT;
	memcpy(dst, at(src, n), n);
	return 0;
}

int copy_to_user(const struct umem *u, uaddr_t dst, const void *src, size_t n)
{
	(void)u;
	if (!at(dst, n))
		return -EFAULT;
	memcpy(at(dst, n), src, n);
	return 0;
}

static int get_fpu(struct exec_ctx *c, void *image)
{
	(void)c;
	memcpy(image, fpu, sizeof(fpu));
	return 0;
}

static int set_fpu(struct exec_ctx *c, const void *image)
{
	(void)c;
	/* As the CPU: bits of features there are none of,
	 * or a compacted header, are illegal. */
	if (get_le64((const uint8_t *)image + 512) & ~7ull ||
	    get_le64((const uint8_t *)image + 520))
		return -EINVAL;
	memcpy(fpu, image, sizeof(fpu));
	return 0;
}

static int reset_fpu(struct exec_ctx *c)
{
	(void)c;
	memset(fpu, 0, sizeof(fpu));
	fpu_reset = true;
	return 0;
}

/* --- a frame that the guest thread writes itself ------------------------------- */

static bool writable, takes;
static uaddr_t carried_to;

bool mm_writable(struct mm *mm, uaddr_t addr, uint64_t n)
{
	(void)mm;
	return writable && at(addr, n);
}

static bool carry_blind(struct exec_ctx *c, uaddr_t addr, const void *src, size_t n)
{
	(void)c;
	if (!takes)
		return false;
	carried_to = addr;
	memcpy(at(addr, n), src, n);
	return true;
}

static const struct ctx_ops ops = {.get_fpu = get_fpu,
				   .set_fpu = set_fpu,
				   .reset_fpu = reset_fpu,
				   .carry_blind = carry_blind};

static struct lx_regs regs;
static struct lx_sigaction action;
static const struct lx_siginfo info = {.signo = LX_SIGSEGV, .code = LX_SEGV_MAPERR};
static const struct exit_fault fault = {
	.addr = 0x1234, .trapno = LX_TRAP_PF, .error_code = 6};

static int set_up(void **state)
{
	uint64_t *r = (uint64_t *)&regs;

	(void)state;
	platform.limits =
		(struct platform_limits){.xsave_size = XSAVE_SIZE, .xfeatures = 7};
	ctx.ops = &ops;
	t = (struct task){.k = &kernel, .mem.ctx = &ctx};
	for (unsigned i = 0; i < sizeof(regs) / 8; i++)
		r[i] = 0x1000 + i;
	regs.rsp = STACK_BASE + 0xc000 + 3;
	regs.eflags = 0x202 | 0x400 | 0x100;
	regs.cs = 0x33;
	regs.ss = 0x2b;
	action = (struct lx_sigaction){.handler = 0x402000,
				       .flags = LX_SA_RESTORER | LX_SA_SIGINFO |
						LX_SA_ONSTACK,
				       .restorer = RESTORER};
	for (unsigned i = 0; i < XSAVE_SIZE; i++)
		fpu[i] = (uint8_t)(i < 512 || i >= 576 ? i : 0);
	memset(fpu + 464, 0, 48);
	put_le64(fpu + 512, 7);
	memcpy(wanted_fpu, fpu, sizeof(fpu));
	memset(stack, 0xcc, sizeof(stack));
	return 0;
}

static int push(struct lx_regs *r)
{
	*r = regs;
	return sigframe_push(&t, r, &action, &info, 0x55, &fault);
}

static void test_layout(void **state)
{
	struct _libc_fpstate *fp;
	struct lx_regs r;
	ucontext_t *uc;

	(void)state;
	assert_int_equal(push(&r), 0);
	assert_int_equal(r.rip, 0x402000);
	assert_int_equal(r.rdi, LX_SIGSEGV);
	assert_int_equal(r.rsp % 16, 8);
	assert_int_equal(r.eflags & 0x500, 0);
	assert_true(fpu_reset);
	assert_int_equal(get_le64(at(r.rsp, 8)), RESTORER);
	assert_int_equal(get_le32(at(r.rsi, 4)), LX_SIGSEGV);
	assert_int_equal(r.rdx, r.rsp + 8);
	uc = (ucontext_t *)at(r.rdx, 304);
	assert_int_equal(uc->uc_flags, 7);
	assert_int_equal(uc->uc_mcontext.gregs[REG_RAX], regs.rax);
	assert_int_equal(uc->uc_mcontext.gregs[REG_R15], regs.r15);
	assert_int_equal(uc->uc_mcontext.gregs[REG_RIP], regs.rip);
	assert_int_equal(uc->uc_mcontext.gregs[REG_RSP], regs.rsp);
	assert_int_equal(uc->uc_mcontext.gregs[REG_EFL], regs.eflags);
	assert_int_equal(uc->uc_mcontext.gregs[REG_CR2], 0x1234);
	assert_int_equal(uc->uc_mcontext.gregs[REG_TRAPNO], LX_TRAP_PF);
	assert_int_equal(uc->uc_mcontext.gregs[REG_ERR], 6);
	assert_int_equal(uc->uc_mcontext.gregs[REG_CSGSFS], 0x002b000000000033ll);
	assert_int_equal(uc->uc_sigmask.__val[0], 0x55);
	assert_int_equal((uaddr_t)uc->uc_mcontext.fpregs % 64, 0);
	/* The red zone stays as it was. */
	assert_true((uaddr_t)uc->uc_mcontext.fpregs + XSAVE_SIZE + 4 <= regs.rsp - 128);
	assert_int_equal(*at(regs.rsp - 128, 1), 0xcc);
	fp = (struct _libc_fpstate *)at((uaddr_t)uc->uc_mcontext.fpregs, XSAVE_SIZE);
	assert_memory_equal(fp, wanted_fpu, 464);
	assert_int_equal(get_le32((uint8_t *)fp + 464), 0x46505853);
	assert_int_equal(get_le32((uint8_t *)fp + XSAVE_SIZE), 0x46505845);
}

static int pop(struct lx_regs *r, lx_sigset_t *mask)
{
	r->rsp += 8; /* ret to the restorer */
	return sigframe_pop(&t, r, mask);
}

static void test_round_trip(void **state)
{
	struct lx_regs r;
	lx_sigset_t mask;

	(void)state;
	assert_int_equal(push(&r), 0);
	assert_int_equal(pop(&r, &mask), 0);
	assert_int_equal(mask, 0x55);
	assert_memory_equal(fpu, wanted_fpu, sizeof(fpu));
	r.orig_rax = regs.orig_rax;
	/* TF and DF come back as they were. */
	assert_memory_equal(&r, &regs, sizeof(r));
}

static void test_hostile_frames(void **state)
{
	struct lx_regs r, used;
	lx_sigset_t mask;
	uint8_t *fp;
	ucontext_t *uc;

	(void)state;
	push(&r);
	uc = (ucontext_t *)at(r.rdx, 304);
	fp = at((uaddr_t)uc->uc_mcontext.fpregs, XSAVE_SIZE + 4);
	/* System bits of eflags are nobody's business. */
	uc->uc_mcontext.gregs[REG_EFL] = -1;
	used = r;
	assert_int_equal(pop(&used, &mask), 0);
	assert_int_equal(used.eflags & 0x3000, 0);
	/* A feature bit without a feature is masked; a compacted image is refused. */
	put_le64(fp + 512, ~0ull);
	used = r;
	assert_int_equal(pop(&used, &mask), 0);
	put_le64(fp + 520, 1ull << 63);
	used = r;
	assert_int_equal(pop(&used, &mask), -EINVAL);
	/* Without the magic the legacy part counts alone. */
	put_le32(fp + 464, 0);
	used = r;
	assert_int_equal(pop(&used, &mask), 0);
	assert_int_equal(get_le64(fpu + 512), 3);
	uc->uc_mcontext.fpregs = (void *)((uintptr_t)uc->uc_mcontext.fpregs + 8);
	used = r;
	assert_int_equal(pop(&used, &mask), -EFAULT);
	uc->uc_mcontext.fpregs = NULL;
	uc->uc_mcontext.gregs[REG_CSGSFS] = 0x002b000000000023ll;
	used = r;
	assert_int_equal(pop(&used, &mask), -EFAULT);
	used.rsp = 16;
	assert_int_equal(sigframe_pop(&t, &used, &mask), -EFAULT);
}

static void test_alternate_stack(void **state)
{
	struct lx_stack ss = {.sp = STACK_BASE, .size = 0x4000}, got;
	struct lx_regs r, inner;

	(void)state;
	assert_int_equal(altstack_set(&t, &(struct lx_stack){.size = 2047}, regs.rsp),
			 -ENOMEM);
	assert_int_equal(altstack_set(&t, &(struct lx_stack){.flags = 8}, regs.rsp),
			 -EINVAL);
	assert_int_equal(altstack_set(&t, &ss, regs.rsp), 0);
	assert_int_equal(push(&r), 0);
	assert_in_range(r.rsp, STACK_BASE, STACK_BASE + 0x4000);
	/* On it already: the next frame goes below, and it can't be changed. */
	altstack_get(&t, r.rsp, &got);
	assert_int_equal(got.flags, LX_SS_ONSTACK);
	assert_int_equal(altstack_set(&t, &ss, r.rsp), -EPERM);
	inner = r;
	assert_int_equal(sigframe_push(&t, &inner, &action, &info, 0, &fault), 0);
	assert_true(inner.rsp < r.rsp);
	/* Full: no frame rather than one outside of it. */
	inner.rsp = STACK_BASE + 0x100;
	assert_int_equal(sigframe_push(&t, &inner, &action, &info, 0, &fault), -EFAULT);

	ss.flags = (int32_t)LX_SS_AUTODISARM;
	t.altstack = (struct lx_stack){0};
	assert_int_equal(altstack_set(&t, &ss, regs.rsp), 0);
	assert_int_equal(push(&r), 0);
	altstack_get(&t, r.rsp, &got);
	assert_int_equal(got.flags, LX_SS_DISABLE);
	/* Its return arms it again. */
	assert_int_equal(pop(&r, &(lx_sigset_t){0}), 0);
	assert_int_equal(t.altstack.sp, STACK_BASE);
}

static void test_bad_stack(void **state)
{
	struct lx_regs r;

	(void)state;
	regs.rsp = STACK_BASE + 0x100;
	assert_int_equal(push(&r), -EFAULT);
	regs.rsp = 0;
	assert_int_equal(push(&r), -EFAULT);
	regs.rsp = STACK_BASE + 0x8000;
	action.flags &= ~LX_SA_RESTORER;
	assert_int_equal(push(&r), -EFAULT);
}

/* Only where it can be written, and no second frame can come to stand in its place. */
static void test_carried_frame(void **state)
{
	struct lx_regs r = regs;
	lx_sigset_t mask;

	(void)state;
	t.k->platform->limits.max_addr = 0x7fff00000000;
	for (int i = 0; i < 4; i++) {
		const bool bent = i == 3;

		writable = i > 0;
		takes = i > 1;
		carried_to = t.frame_at = 0;
		r = regs;
		action.handler = bent ? 0x8000000000000000 : 0x402000;
		assert_int_equal(sigframe_push(&t, &r, &action, &info, 0, &fault), 0);
		assert_int_equal(t.frame_at, i == 2 ? r.rsp : 0);
		assert_int_equal(carried_to, t.frame_at);
		r.rsp += 8;
		assert_int_equal(sigframe_pop(&t, &r, &mask), 0);
		assert_int_equal(r.rip, regs.rip);
	}
	writable = takes = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_layout, set_up),
		cmocka_unit_test_setup(test_round_trip, set_up),
		cmocka_unit_test_setup(test_hostile_frames, set_up),
		cmocka_unit_test_setup(test_alternate_stack, set_up),
		cmocka_unit_test_setup(test_bad_stack, set_up),
		cmocka_unit_test_setup(test_carried_frame, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
