// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace platform/systrap sentry/base
// CFLAGS: -static-libgcc
/* Where guests make system calls, how often, and which of it is patched. No sanitizers: ptrace. */
#include "tests/unit/platform_fixture.h"

CODE(fits, "1: mov $39, %eax; syscall; mov %rax, %rbx; jmp 1b");
CODE(unfit, "1: mov $39, %eax; syscall; jmp 1b");
CODE(some, "1: .rept 40; mov $39, %eax; syscall; .skip 82, 0x90; .endr; jmp 1b");
CODE(many, "1: .rept 300; mov $39, %eax; syscall; .endr; jmp 1b");

#define SITE_AT (CODE_AT + 5)
#define ZONE	0x1000000ul
#define HOT	32

static struct as_site site[AS_SITES + 1];

static void calls(struct guest *g, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		expect_call(g, 39);
		ctx_set_ret(g->ctx, i);
	}
}

/* Up to the call at which it is to be patched. False: this platform does not. */
static bool heat(struct guest *g)
{
	calls(g, HOT - 1);
	assert_false(g->info.hot_call);
	calls(g, 1);
	if (!g->info.hot_call)
		assert_int_equal(g->as->ops->sites(g->as, site, false), 0);
	return g->info.hot_call;
}

static void expect_site(struct addr_space *as, enum as_site_state state, uint64_t trapped,
			uint64_t patched)
{
	assert_int_equal(as->ops->sites(as, site, false), 1);
	assert_int_equal(site[0].addr, SITE_AT);
	assert_int_equal(site[0].state, state);
	assert_int_equal(site[0].trapped, trapped);
	assert_int_equal(site[0].patched, patched);
}

static void test_counts(void **state)
{
	struct addr_space *child;
	struct exec_ctx *first;
	struct guest g;

	(void)state;
	GUEST_START(&g, fits);
	if (heat(&g)) {
		expect_site(g.as, AS_SITE_KEPT, HOT, 0);
		g.as->ops->patch(g.as, g.ctx->sc.rip, ZONE);
		expect_site(g.as, AS_SITE_PATCHED, HOT, 0);
		calls(&g, 100);
		expect_site(g.as, AS_SITE_PATCHED, HOT, 100);
		/* Another thread's are among them, when it has ended, too. */
		first = g.ctx;
		g.ctx = ctx_at(g.as, CODE_AT);
		calls(&g, 50);
		expect_site(g.as, AS_SITE_PATCHED, HOT, 150);
		ctx_release(g.ctx);
		g.ctx = first;
		calls(&g, 1);
		expect_site(g.as, AS_SITE_PATCHED, HOT, 151);
		/* A copy has made none yet. */
		assert_int_equal(g.as->ops->fork(g.as, &child), 0);
		assert_int_equal(child->ops->sites(child, site, false), 0);
		as_put(child);
		g.as->ops->unpatch(g.as, SITE_AT, 1);
		calls(&g, 10);
		expect_site(g.as, AS_SITE_UNDONE, HOT + 10, 151);
		assert_int_equal(g.as->ops->sites(g.as, site, true), 1);
		assert_int_equal(g.as->ops->sites(g.as, site, false), 0);
		calls(&g, 1);
		expect_site(g.as, AS_SITE_UNDONE, 1, 0);
		g.as->ops->reset(g.as);
		assert_int_equal(g.as->ops->sites(g.as, site, false), 0);
	}
	guest_end(&g);
}

static void test_unfit(void **state)
{
	struct guest g;

	(void)state;
	GUEST_START(&g, unfit);
	if (heat(&g)) {
		g.as->ops->patch(g.as, g.ctx->sc.rip, ZONE);
		calls(&g, 10);
		expect_site(g.as, AS_SITE_UNFIT, HOT + 10, 0);
	}
	guest_end(&g);
}

/* A table that is not full knows them all. */
static void test_some(void **state)
{
	struct guest g;
	int n;

	(void)state;
	GUEST_START(&g, some);
	calls(&g, 80);
	n = g.as->ops->sites(g.as, site, false);
	assert_true(n == 0 || n == 40);
	for (int i = 0; i < n; i++)
		assert_int_equal(site[i].trapped, 2);
	guest_end(&g);
}

/* Calls from places beyond the table are counted together, and nothing is lost. */
static void test_many(void **state)
{
	uint64_t known = 0, rest = 0;
	struct guest g;
	int n;

	(void)state;
	GUEST_START(&g, many);
	calls(&g, 600);
	n = g.as->ops->sites(g.as, site, false);
	for (int i = 0; i < n; i++) {
		assert_true(i == 0 || site[i].trapped <= site[i - 1].trapped);
		if (site[i].state == AS_SITE_NO_ROOM)
			rest += site[i].trapped;
		else
			known += site[i].trapped;
	}
	if (n) {
		assert_int_equal(known + rest, 600);
		assert_true(rest >= 600 - 2 * AS_SITES && known > AS_SITES);
		assert_int_equal(site[0].state, AS_SITE_NO_ROOM);
		assert_int_equal(site[0].addr, 0);
	}
	guest_end(&g);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_unfit),
		cmocka_unit_test(test_some),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, platform_setup, platform_teardown);
}

int main(void)
{
	return platform_each(run);
}
