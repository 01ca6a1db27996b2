// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace sentry/base
// CFLAGS: -static-libgcc
/* Guest threads: system calls, registers, faults, interrupts. */
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

CODE(reads, "mov 0x500000, %rax; mov %rax, %rdi; mov $1, %eax; syscall; hlt");

static void test_fork_cow(void **state)
{
	struct guest a, b;

	(void)state;
	GUEST_START(&a, reads);
	poke(a.as, DATA_AT, 111);
	assert_int_equal(a.as->ops->fork(a.as, &b.as), 0);
	b.ctx = ctx_at(b.as, CODE_AT);
	poke(a.as, DATA_AT, 222);
	expect_call(&b, 1);
	assert_int_equal(b.ctx->sc.args[0], 111);
	expect_call(&a, 1);
	assert_int_equal(a.ctx->sc.args[0], 222);
	guest_end(&a);
	assert_int_equal(peek(b.as, DATA_AT), 111);
	guest_end(&b);
}

CODE(fault, "mov $0x12345000, %eax; movl $1, (%rax); hlt");

static void test_fault(void **state)
{
	struct guest g;

	(void)state;
	GUEST_START(&g, fault);
	assert_int_equal(guest_run(&g), EXIT_FAULT);
	assert_int_equal(g.info.fault.signo, LX_SIGSEGV);
	assert_int_equal(g.info.fault.si_code, 1);
	assert_int_equal(g.info.fault.addr, 0x12345000);
	assert_int_equal(regs_of(g.ctx).rip, CODE_AT + 5);
	/* Mapping it and going on restarts the instruction; hlt is #GP. */
	assert_int_equal(g.as->ops->map_anon(g.as, 0x12345000, 4096, RWX_RW, 0), 0);
	assert_int_equal(guest_run(&g), EXIT_FAULT);
	assert_int_equal(regs_of(g.ctx).rip, CODE_AT + 11);
	assert_int_equal(peek(g.as, 0x12345000), 1);
	guest_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syscall),
		cmocka_unit_test(test_fork_cow),
		cmocka_unit_test(test_fault),
	};
	return cmocka_run_group_tests(tests, platform_setup, platform_teardown);
}
