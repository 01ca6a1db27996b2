// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace platform/systrap sentry/base
// CFLAGS: -static-libgcc
/* Who counts as awake on a CPU, and which pairs part. No guest: threads of our own pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "platform/stub/stub.h"

static struct stub_host host;

static int setup(void **state)
{
	(void)state;
	return stub_cpus_init(&host);
}

static int teardown(void **state)
{
	(void)state;
	free(host.cpu);
	return 0;
}

static void test_awake_follows_the_pair(void **state)
{
	struct stub_ctx a = {0};
	struct stub_pair *p = &a.pair;
	struct stub_cpu *cpu;

	(void)state;
	stub_pair_init(&host, p, gettid(), NULL);
	cpu = p->cpu;
	assert_int_equal(cpu->awake, 0);
	stub_pair_wake(p);
	stub_pair_wake(p);
	assert_int_equal(cpu->awake, 1);
	/* As when it is given a new guest thread. */
	stub_pair_init(&host, p, gettid(), NULL);
	assert_int_equal(p->cpu->awake, 1);
	stub_pair_sleep(p);
	stub_pair_sleep(p);
	assert_int_equal(p->cpu->awake, 0);
}

static void test_part_and_rejoin(void **state)
{
	struct stub_ctx a = {0}, b = {0}; /* a pair is part of one */
	struct stub_pair *p = &a.pair, *other = &b.pair;
	struct stub_cpu *cpu;

	(void)state;
	stub_pair_init(&host, p, gettid(), NULL);
	cpu = p->cpu;
	assert_true(stub_pair_part(&host, p)); /* alone there: no move */
	assert_ptr_equal(p->cpu, cpu);
	other->cpu = cpu;
	stub_pair_wake(other);
	if (host.n_cpus < 2) {
		assert_false(stub_pair_part(&host, p));
		stub_pair_sleep(other);
		skip();
	}
	assert_true(stub_pair_part(&host, p));
	assert_ptr_not_equal(p->cpu, cpu);
	p->parted = 0;
	other->cpu->awake--;
	p->cpu->awake++;
	assert_true(stub_pair_part(&host, p)); /* on, or back, but that is not the end */
	host.cpu[0].awake = host.cpu[1].awake = 0;
	stub_pair_rejoin(p);
	assert_ptr_equal(p->cpu, cpu);
	cpu->awake++;
	assert_false(stub_pair_part(&host, p)); /* it has just done that */
	p->parted = 0;
	for (unsigned i = 0; i < host.n_cpus; i++)
		host.cpu[i].awake++;
	assert_false(stub_pair_part(&host, p)); /* nowhere is better */
	for (unsigned i = 0; i < host.n_cpus; i++)
		host.cpu[i].awake--;
	stub_pair_sleep(other);
}

/* As for a vfork child's exec: the new guest thread is where the Sentry thread went. */
static void test_away_and_settled_there(void **state)
{
	struct stub_ctx a = {0};
	struct stub_pair *p = &a.pair;
	struct stub_cpu *home, *away;

	(void)state;
	stub_pair_init(&host, p, gettid(), NULL);
	home = p->cpu;
	if (!stub_pair_go_away(&host, p))
		skip();
	away = p->away;
	assert_ptr_not_equal(away, home);
	assert_ptr_equal(stub_cpu_at(&host, sched_getcpu()), away);
	stub_pair_stay(p);
	stub_pair_init(&host, p, gettid(), away);
	assert_ptr_equal(p->cpu, away);
	assert_null(p->away);
	assert_null(stub_cpu_at(&host, -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_awake_follows_the_pair),
		cmocka_unit_test(test_part_and_rejoin),
		cmocka_unit_test(test_away_and_settled_there),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
