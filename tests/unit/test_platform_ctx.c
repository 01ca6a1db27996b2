// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace platform/systrap sentry/base
// CFLAGS: -static-libgcc
/* Guest threads: system calls, registers, FPU,
 * faults, steps, words. No sanitizers: ptrace. */
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/unit/platform_fixture.h"

CODE(calls, "mov $39, %eax; mov $1, %edi; mov $2, %esi; mov $3, %edx; mov $4, %r10d\n"
	    "mov $5, %r8d; mov $6, %r9d; syscall\n"
	    "mov %rax, %rdi; mov $60, %eax; syscall\n");

static void test_syscall(void **state)
{
	struct guest g;
	struct lx_regs r;

	(void)state;
	GUEST_START(&g, calls);
	expect_call(&g, 39);
	for (int i = 0; i < 6; i++)
		assert_int_equal(g.ctx->sc.args[i], i + 1);
	assert_false(g.ctx->sc.compat);
	r = regs_of(g.ctx);
	assert_int_equal(r.rax, 39);
	assert_int_equal(r.rip, g.ctx->sc.rip);
	assert_int_equal(r.rsp, STACK_AT + STACK_SIZE - 64);
	assert_int_equal(ctx_set_ret(g.ctx, 0x123456789abcdefull), 0);
	assert_int_equal(regs_of(g.ctx).rax, 0x123456789abcdefull);
	expect_call(&g, 60);
	assert_int_equal(g.ctx->sc.args[0], 0x123456789abcdefull);
	guest_end(&g);
}

/*
 * What is put off is there for copies at once, and for the guest when it runs on; dropped
 * content is gone for both.
 */
#define LATE_AT 0x700000ul

CODE(touches, "mov $1, %eax; syscall\n"
	      "mov $0x700000, %ebx; mov (%rbx), %rdi; movl $7, (%rbx)\n"
	      "mov $2, %eax; syscall\n"
	      "mov (%rbx), %rdi; mov $3, %eax; syscall\n");

static void map_late(struct addr_space *as)
{
	if (as->ops->later)
		as->ops->later(as, true);
	assert_int_equal(as->ops->map_anon(as, LATE_AT, PAGE_SIZE,
					   AS_PROT_READ | AS_PROT_WRITE, 0),
			 0);
	if (as->ops->later)
		as->ops->later(as, false);
}

static void test_later(void **state)
{
	struct addr_space *as;
	struct guest g;
	uint64_t word = 5;

	(void)state;
	GUEST_START(&g, touches);
	as = g.ctx->as;
	expect_call(&g, 1);
	map_late(as);
	assert_int_equal(as->ops->copy_out(as, LATE_AT, &word, 8), 8);
	expect_call(&g, 2);
	assert_int_equal(g.ctx->sc.args[0], 5);
	map_late(as); /* anew: 7 is gone when the guest looks */
	expect_call(&g, 3);
	assert_int_equal(g.ctx->sc.args[0], 0);
	map_late(as);
	assert_int_equal(as->ops->unmap(as, LATE_AT, PAGE_SIZE), 0);
	assert_int_equal(as->ops->copy_in(as, &word, LATE_AT, 8), -EFAULT);
	guest_end(&g);
}

/* rcx, r11 and flags as SYSCALL leaves them;
 * what set_regs sets is what the guest gets. */
CODE(keeps, "mov $1, %eax; stc; syscall; 1:\n"
	    "pushf; pop %rbx; mov %rcx, %rdi; mov %r11, %rsi; mov $2, %eax; syscall\n"
	    "pushf; pop %rbx; mov %rcx, %rdi; mov %r11, %rsi; mov $3, %eax; syscall\n");

static void test_exact_registers(void **state)
{
	struct guest g;
	struct lx_regs r, want;

	(void)state;
	GUEST_START(&g, keeps);
	expect_call(&g, 1);
	assert_int_equal(regs_of(g.ctx).rcx, g.ctx->sc.rip);
	assert_int_equal(regs_of(g.ctx).r11 & 1, 1);
	ctx_set_ret(g.ctx, 0);
	expect_call(&g, 2);
	r = regs_of(g.ctx);
	assert_int_equal(r.rdi, CODE_AT + 8);
	assert_int_equal(r.rsi & 1, 1);
	assert_int_equal(r.rbx & 1, 1);

	uint64_t *v = (uint64_t *)&r;
	for (int i = 0; i < 15; i++)
		v[i] = 0x1111111111111111ull * (uint64_t)(i + 1);
	r.eflags = 0x202 | 0x8d5; /* all that arithmetic sets */
	r.fs_base = 0x700012345678;
	r.gs_base = 0x600012345678;
	want = r;
	assert_int_equal(ctx_set_regs(g.ctx, &r), 0);
	/* Not the call, but the push behind it needs a stack:
	 * 3 is reached with all kept. */
	r.rsp = STACK_AT + 4096;
	assert_int_equal(ctx_set_regs(g.ctx, &r), 0);
	expect_call(&g, 3);
	r = regs_of(g.ctx);
	assert_int_equal(r.rdi, want.rcx);
	assert_int_equal(r.rsi, want.r11);
	assert_int_equal(r.rbx & 0x8d5, 0x8d5);
	assert_int_equal(r.r15, want.r15);
	assert_int_equal(r.rbp, want.rbp);
	assert_int_equal(r.rdx, want.rdx);
	assert_int_equal(r.fs_base, want.fs_base);
	assert_int_equal(r.gs_base, want.gs_base);

	r.fs_base = 1ull << 63;
	assert_int_equal(ctx_set_regs(g.ctx, &r), -EPERM);
	assert_int_equal(g.ctx->ops->set_fs_gs(g.ctx, 1ull << 50, 0), -EPERM);
	assert_int_equal(regs_of(g.ctx).fs_base, want.fs_base);
	guest_end(&g);
}

/* Values in rax that the host would take for its own restart codes. */
CODE(echo, "1: syscall; mov %rax, %rdi; mov $7, %eax; jmp 1b");

static void test_restart_codes(void **state)
{
	struct guest g;

	(void)state;
	GUEST_START(&g, echo);
	expect_call(&g, 0);
	for (int64_t v = -520; v < -500; v++) {
		ctx_set_ret(g.ctx, (uint64_t)v);
		ctx_interrupt(g.ctx);
		assert_int_equal(guest_run(&g), EXIT_INTERRUPT);
		expect_call(&g, 7);
		assert_true((int64_t)g.ctx->sc.args[0] == v);
	}
	guest_end(&g);
}

CODE(int80,
     "mov $20, %eax; mov $77, %ebx; int $0x80; mov %rax, %rdi; mov $9, %eax; syscall");

static void test_int80(void **state)
{
	struct guest g;

	(void)state;
	GUEST_START(&g, int80);
	expect_call(&g, 20);
	assert_true(g.ctx->sc.compat);
	assert_int_equal(g.ctx->sc.rip, CODE_AT + 12);
	ctx_set_ret(g.ctx, (uint64_t)-38);
	expect_call(&g, 9);
	assert_false(g.ctx->sc.compat);
	assert_int_equal(g.ctx->sc.args[0], (uint64_t)-38);
	guest_end(&g);
}

/* x32 numbers pass as they are; the vsyscall page works and makes no other call. */
CODE(odd,
     "mov $0x40000027, %eax; syscall\n"
     "mov $0xffffffffff600400, %rax; xor %edi, %edi; call *%rax\n"
     "mov %rax, %rdi; mov $1, %eax; syscall\n"
     "mov $0xffffffffff600800, %rax; mov $0x500000, %edi; xor %esi, %esi; call *%rax\n"
     "mov %rax, %rdi; mov $2, %eax; syscall\n");

static void test_odd_calls(void **state)
{
	struct guest g;
	uint64_t now = (uint64_t)time(NULL);
	int r;

	(void)state;
	GUEST_START(&g, odd);
	expect_call(&g, 0x40000027);
	ctx_set_ret(g.ctx, 0);
	r = guest_run(&g);
	if (r == EXIT_FAULT) { /* booted with vsyscall=none */
		guest_end(&g);
		skip();
	}
	assert_int_equal(r, EXIT_SYSCALL);
	assert_int_equal(g.ctx->sc.nr, 1);
	assert_in_range(g.ctx->sc.args[0], now, now + 2);
	expect_call(&g, 2);
	assert_int_equal(g.ctx->sc.args[0], 0);
	guest_end(&g);
}

/* --- faults ---------------------------------------------------------------- */

struct fault_case {
	const char *what, *code, *end;
	int signo, si_code;
	uaddr_t addr, rip;
	unsigned access, trapno, error_code;
};

CODE(f_read, "mov $0x12345678, %eax; mov (%rax), %ebx");
CODE(f_write, "mov $0x12345678, %eax; mov %ebx, (%rax)");
CODE(f_ro, "mov $0x400000, %eax; mov %ebx, (%rax)");
CODE(f_exec, "mov $0x500000, %eax; jmp *%rax");
CODE(f_jump, "mov $0x12345678, %eax; jmp *%rax");
CODE(f_kernel, "mov $0xffffffff81000000, %rax; mov (%rax), %ebx");
CODE(f_canon, "mov $0x8000000000000000, %rax; mov (%rax), %ebx");
CODE(f_gp, "nop; hlt");
CODE(f_ud, "nop; ud2");
CODE(f_div, "xor %edx, %edx; xor %ecx, %ecx; div %ecx");
CODE(f_bp, "nop; int3");
CODE(f_sse, "movl $0x1d80, -4(%rsp); ldmxcsr -4(%rsp); xorps %xmm0, %xmm0\n"
	    "mov $1, %eax; cvtsi2ss %eax, %xmm1; divss %xmm0, %xmm1");
CODE(f_tf, "pushf; orl $0x100, (%rsp); popf; nop; nop");
CODE(f_order, "mov $0x7ffff8010000, %rax; mov %ebx, (%rax)");

#define FAULT(f, ...)                                                                    \
	{                                                                                \
#f, f, f##_end, __VA_ARGS__                                              \
	}

static const struct fault_case faults[] = {
	FAULT(f_read, LX_SIGSEGV, 1, 0x12345678, CODE_AT + 5, ACCESS_READ, 14, 4),
	FAULT(f_write, LX_SIGSEGV, 1, 0x12345678, CODE_AT + 5, ACCESS_WRITE, 14, 6),
	FAULT(f_ro, LX_SIGSEGV, 2, CODE_AT, CODE_AT + 5, ACCESS_WRITE, 14, 7),
	FAULT(f_exec, LX_SIGSEGV, 2, DATA_AT, DATA_AT, ACCESS_EXEC, 14, 0x15),
	FAULT(f_jump, LX_SIGSEGV, 1, 0x12345678, 0x12345678, ACCESS_EXEC, 14, 0x14),
	FAULT(f_kernel, LX_SIGSEGV, 1, 0xffffffff81000000, CODE_AT + 7, ACCESS_READ, 14,
	      5),
	FAULT(f_canon, LX_SIGSEGV, 0x80, 0, CODE_AT + 10, 0, 13, 0),
	FAULT(f_gp, LX_SIGSEGV, 0x80, 0, CODE_AT + 1, 0, 13, 0),
	FAULT(f_ud, LX_SIGILL, 2, CODE_AT + 1, CODE_AT + 1, 0, 6, 0),
	FAULT(f_div, LX_SIGFPE, 1, CODE_AT + 4, CODE_AT + 4, 0, 0, 0),
	FAULT(f_bp, LX_SIGTRAP, 0x80, 0, CODE_AT + 2, 0, 3, 0),
	FAULT(f_sse, LX_SIGFPE, 3, CODE_AT + 25, CODE_AT + 25, 0, 19, 0),
	FAULT(f_tf, LX_SIGTRAP, 2, CODE_AT + 10, CODE_AT + 10, 0, 1, 0),
	FAULT(f_order, LX_SIGSEGV, 2, 0x7ffff8010000, CODE_AT + 10, ACCESS_WRITE, 14, 7),
};

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		const struct fault_case *f = &faults[i];
		struct lx_regs before, after;
		struct guest g;

		guest_start(&g, f->code, f->end);
		before = regs_of(g.ctx);
		before.r12 = 0x1234;
		ctx_set_regs(g.ctx, &before);
		assert_int_equal(guest_run(&g), EXIT_FAULT);
		print_message("%s\n", f->what);
		if (g.info.fault.access == ACCESS_UNKNOWN) {
			assert_int_equal(f->si_code, 1);
			after = regs_of(g.ctx);
			assert_int_equal(after.rip, f->rip);
			assert_int_equal(ctx_fault_detail(g.ctx, &g.info.fault), 0);
		}
		assert_int_equal(g.info.fault.signo, f->signo);
		assert_int_equal(g.info.fault.si_code, f->si_code);
		assert_int_equal(g.info.fault.addr, f->addr);
		assert_int_equal(g.info.fault.trapno, f->trapno);
		assert_int_equal(g.info.fault.error_code, f->error_code);
		assert_int_equal(g.info.fault.access, f->access);
		after = regs_of(g.ctx);
		assert_int_equal(after.rip, f->rip);
		assert_int_equal(after.rsp, before.rsp);
		assert_int_equal(after.r12, 0x1234);
		/* It comes again, the same, when nothing was changed:
		 * registers are exact. */
		if (f->signo != LX_SIGTRAP) {
			assert_int_equal(guest_run(&g), EXIT_FAULT);
			assert_int_equal(g.info.fault.addr, f->addr);
			assert_int_equal(regs_of(g.ctx).rip, f->rip);
		}
		guest_end(&g);
	}
}

/* A file mapping beyond the end of the file. */
CODE(bus, "mov 0x700000, %eax; hlt");

static void test_bus_error(void **state)
{
	struct guest g;
	int hfd = memfd_create("short", 0);

	(void)state;
	GUEST_START(&g, bus);
	assert_int_equal(g.as->ops->map_file(g.as, 0x700000, 4096, RWX_R, AS_MAP_SHARED,
					     hfd, 0, 0),
			 0);
	assert_int_equal(guest_run(&g), EXIT_FAULT);
	assert_int_equal(g.info.fault.signo, LX_SIGBUS);
	assert_int_equal(g.info.fault.si_code, 2);
	assert_int_equal(g.info.fault.addr, 0x700000);
	assert_int_equal(g.info.fault.trapno, 14);
	assert_int_equal(g.info.fault.access, ACCESS_READ);
	assert_int_equal(ftruncate(hfd, 4096), 0);
	assert_int_equal(guest_run(&g), EXIT_FAULT);
	assert_int_equal(g.info.fault.signo, LX_SIGSEGV); /* the hlt */
	close(hfd);
	guest_end(&g);
}

/* --- FPU ------------------------------------------------------------------- */

CODE(sse,
     "mov $0x1122334455667788, %rax; movq %rax, %xmm3; punpcklqdq %xmm3, %xmm3\n"
     "mov $0x12345678, %ebx; mov (%rbx), %ecx\n"
     "movq %xmm3, %rdi; mov $1, %eax; syscall\n"
     "movq %xmm3, %rdi; mov $2, %eax; syscall\n"
     "movq %xmm3, %rdi; stmxcsr -8(%rsp); mov -8(%rsp), %esi; mov $3, %eax; syscall\n");

static void test_fpu(void **state)
{
	struct guest g;
	size_t size = plat->limits.xsave_size;
	uint8_t *image = malloc(size);
	uint64_t v;

	(void)state;
	GUEST_START(&g, sse);
	/* The frame trick must not cost the guest its registers. */
	assert_int_equal(guest_run(&g), EXIT_FAULT);
	assert_int_equal(ctx_fault_detail(g.ctx, &g.info.fault), 0);
	assert_int_equal(g.info.fault.access, ACCESS_READ);
	g.as->ops->map_anon(g.as, 0x12345000, 4096, RWX_RW, 0);
	expect_call(&g, 1);
	assert_int_equal(g.ctx->sc.args[0], 0x1122334455667788ull);
	assert_int_equal(g.ctx->ops->get_fpu(g.ctx, image), 0);
	memcpy(&v, image + 160 + 3 * 16, 8);
	assert_int_equal(v, 0x1122334455667788ull);
	v = 0x42424242;
	memcpy(image + 160 + 3 * 16, &v, 8);
	assert_int_equal(g.ctx->ops->set_fpu(g.ctx, image), 0);
	ctx_set_ret(g.ctx, 0);
	expect_call(&g, 2);
	assert_int_equal(g.ctx->sc.args[0], 0x42424242);
	/* Illegal: reserved MXCSR bits, features that are not, a compacted header. */
	image[27] = 0xff;
	assert_int_equal(g.ctx->ops->set_fpu(g.ctx, image), -EINVAL);
	image[27] = 0;
	image[519] = 0x40;
	assert_int_equal(g.ctx->ops->set_fpu(g.ctx, image), -EINVAL);
	image[519] = 0;
	image[527] = 0x80;
	assert_int_equal(g.ctx->ops->set_fpu(g.ctx, image), -EINVAL);
	assert_int_equal(g.ctx->ops->reset_fpu(g.ctx), 0);
	expect_call(&g, 3);
	assert_int_equal(g.ctx->sc.args[0], 0);
	assert_int_equal(g.ctx->sc.args[1], 0x1f80);
	free(image);
	guest_end(&g);
}

/* A fresh thread finds nothing of ours in its vector registers. */
CODE(vectors,
     "vmovdqu %ymm0, 0x500000; vmovdqu %ymm7, 0x500020; vmovdqu %ymm15, 0x500040\n"
     "mov $1, %eax; syscall\n"
     "vpcmpeqd %ymm7, %ymm7, %ymm7; mov $2, %eax; syscall\n"
     "vmovdqu %ymm7, 0x500020; mov $3, %eax; syscall\n");

static void test_avx(void **state)
{
	struct guest g;

	(void)state;
	if (!__builtin_cpu_supports("avx2"))
		skip();
	__asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0; vmovdqa %%ymm0, %%ymm7; "
			 "vmovdqa %%ymm0, %%ymm15" ::
				 : "xmm0", "xmm7", "xmm15");
	GUEST_START(&g, vectors);
	expect_call(&g, 1);
	for (int i = 0; i < 12; i++)
		assert_int_equal(peek(g.as, DATA_AT + 8ul * (unsigned)i), 0);
	expect_call(&g, 2);
	__asm__ volatile("vzeroall" ::: "xmm0", "xmm7", "xmm15");
	expect_call(&g, 3);
	for (int i = 4; i < 8; i++)
		assert_int_equal(peek(g.as, DATA_AT + 8ul * (unsigned)i), ~0ull);
	guest_end(&g);
}

/* --- steps and words ------------------------------------------------------- */

CODE(steps, "nop; mov $5, %eax; inc %eax; syscall; nop; nop; mov $6, %eax; syscall");

static void test_step(void **state)
{
	static const unsigned at[] = {1, 6, 8};
	struct guest g;

	(void)state;
	GUEST_START(&g, steps);
	assert_int_equal(g.ctx->ops->set_step(g.ctx, true), 0);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		assert_int_equal(guest_run(&g), EXIT_INTERRUPT);
		assert_true(g.info.stepped);
		assert_int_equal(regs_of(g.ctx).rip, CODE_AT + at[i]);
	}
	expect_call(&g, 6);
	ctx_set_ret(g.ctx, 0);
	assert_int_equal(guest_run(&g), EXIT_INTERRUPT);
	assert_true(g.info.stepped);
	assert_int_equal(regs_of(g.ctx).rip, CODE_AT + 11);
	assert_int_equal(regs_of(g.ctx).eflags & 0x100, 0);
	g.ctx->ops->set_step(g.ctx, false);
	expect_call(&g, 6);
	guest_end(&g);
}

CODE(words,
     "mov $1, %eax; mov $0x77, %edi; syscall; mov %rax, %rdi; mov $2, %eax; syscall");

static void test_words(void **state)
{
	struct guest g;
	struct lx_regs before, after;
	uint32_t v;

	(void)state;
	GUEST_START(&g, words);
	expect_call(&g, 1);
	before = regs_of(g.ctx);
	poke(g.as, DATA_AT, 0xffffffff00000005);
	assert_int_equal(g.ctx->ops->load32(g.ctx, DATA_AT, &v), 0);
	assert_int_equal(v, 5);
	assert_int_equal(g.ctx->ops->load32(g.ctx, DATA_AT + 4, &v), 0);
	assert_int_equal(v, 0xffffffff);
	assert_int_equal(
		g.ctx->ops->cmpxchg32(g.ctx, DATA_AT + 4, 0xffffffff, 0x80000001, &v), 0);
	assert_int_equal(v, 0xffffffff);
	assert_int_equal(g.ctx->ops->cmpxchg32(g.ctx, DATA_AT, 5, 0xfffffe00, &v), 0);
	assert_int_equal(v, 5);
	assert_int_equal(g.ctx->ops->cmpxchg32(g.ctx, DATA_AT, 5, 7, &v), 0);
	assert_int_equal(v, 0xfffffe00);
	assert_int_equal(peek(g.as, DATA_AT), 0x80000001fffffe00);
	assert_int_equal(g.ctx->ops->load32(g.ctx, 0x12345678, &v), -EFAULT);
	assert_int_equal(g.ctx->ops->cmpxchg32(g.ctx, CODE_AT, 1, 2, &v), -EFAULT);
	assert_int_equal(g.ctx->ops->load32(g.ctx, DATA_AT + 2, &v), -EFAULT);
	assert_int_equal(g.ctx->ops->load32(g.ctx, 0x7ffff8010000, &v), -EFAULT);
	assert_int_equal(g.ctx->ops->load32(g.ctx, ~3ull, &v), -EFAULT);
	after = regs_of(g.ctx);
	assert_memory_equal(&before, &after, sizeof(before));
	ctx_set_ret(g.ctx, 99);
	expect_call(&g, 2);
	assert_int_equal(g.ctx->sc.args[0], 99);
	guest_end(&g);
}

/* --- other spaces and CPUs --------------------------------------------------- */

static void test_move(void **state)
{
	struct addr_space *to = space_with(sse, sse_end);
	struct guest g;
	struct lx_regs r;

	(void)state;
	GUEST_START(&g, calls);
	expect_call(&g, 39);
	assert_int_equal(g.ctx->ops->move(g.ctx, to), 0);
	assert_ptr_equal(g.ctx->as, to);
	assert_int_equal(regs_of(g.ctx).rdi, 1);
	r = regs_of(g.ctx);
	r.rip = CODE_AT;
	ctx_set_regs(g.ctx, &r);
	assert_int_equal(guest_run(&g), EXIT_FAULT); /* the code there */
	assert_int_equal(g.info.fault.addr, 0x12345678);
	as_put(g.as);
	ctx_release(g.ctx);
	as_put(to);
}

static void test_affinity(void **state)
{
	struct guest g;
	cpu_set_t want, have;
	unsigned cpu = 0;

	(void)state;
	GUEST_START(&g, calls);
	sched_getaffinity(0, sizeof(have), &have);
	assert_int_equal(CPU_COUNT(&have), 1);
	for (; cpu < CPU_SETSIZE && CPU_ISSET(cpu, &have); cpu++)
		;
	if (plat->limits.n_cpus > 1) {
		CPU_ZERO(&want);
		CPU_SET(cpu, &want);
		if (g.ctx->ops->set_affinity(g.ctx, &want, 8) == 0) {
			sched_getaffinity(0, sizeof(have), &have);
			assert_true(CPU_EQUAL(&want, &have));
		}
	}
	CPU_ZERO(&want);
	assert_int_equal(g.ctx->ops->set_affinity(g.ctx, &want, sizeof(want)), -EINVAL);
	expect_call(&g, 39);
	guest_end(&g);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syscall),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_exact_registers),
		cmocka_unit_test(test_restart_codes),
		cmocka_unit_test(test_int80),
		cmocka_unit_test(test_odd_calls),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_bus_error),
		cmocka_unit_test(test_fpu),
		cmocka_unit_test(test_avx),
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_affinity),
	};
	return cmocka_run_group_tests(tests, platform_setup_sealed, platform_teardown);
}

int main(void)
{
	return platform_each(run);
}
