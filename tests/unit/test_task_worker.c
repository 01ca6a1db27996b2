// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/task/worker.c sentry/base
// CFLAGS: -Wl,--wrap=host_set_cpu
/* Threads that wait for the next task: it is used again, and its time limit has no gap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "sentry/base/clock.h"
#include "sentry/base/host.h"
#include "sentry/base/park.h"
#include "sentry/task/worker.h"

/* Longer than what is left of the 2 s that an idle worker waits. */
#define GAP_NS	(1800 * NSEC_PER_MSEC)
#define SLOW_NS (600 * NSEC_PER_MSEC)

static int64_t slow_ns; /* how long the giver takes between giving and waking */
static atomic_bool giving;

int __wrap_host_set_cpu(int htid, int cpu);

static void sleep_ns(int64_t ns)
{
	struct timespec ts = {ns / NSEC_PER_SEC, ns % NSEC_PER_SEC};

	nanosleep(&ts, NULL);
}

int __wrap_host_set_cpu(int htid, int cpu)
{
	(void)htid;
	(void)cpu;
	atomic_store(&giving, true);
	sleep_ns(slow_ns);
	atomic_store(&giving, false);
	return 0;
}

struct job {
	struct park done;
	int htid;
	bool too_soon;
};

static void work(void *arg)
{
	struct job *j = arg;

	j->htid = host_gettid();
	j->too_soon = atomic_load(&giving);
	park_wake(&j->done);
}

static void run(struct job *j)
{
	*j = (struct job){0};
	park_init(&j->done);
	assert_int_equal(worker_start(work, j), 0);
	park_wait(&j->done, NO_DEADLINE);
	sleep_ns(20 * NSEC_PER_MSEC); /* until it waits again */
}

static void test_used_again(void **state)
{
	struct job first, second;

	(void)state;
	run(&first);
	run(&second);
	assert_int_equal(first.htid, second.htid);
}

/* Given work just before its time is up: it may not run, and end, under the giver. */
static void test_given_at_the_last_moment(void **state)
{
	struct job first, second;

	(void)state;
	run(&first);
	sleep_ns(GAP_NS);
	slow_ns = SLOW_NS;
	run(&second);
	slow_ns = 0;
	assert_int_equal(first.htid, second.htid);
	assert_false(second.too_soon);
}

static void test_ends_by_itself(void **state)
{
	struct job first, second;

	(void)state;
	run(&first);
	sleep_ns(2500 * NSEC_PER_MSEC);
	run(&second);
	assert_int_not_equal(first.htid, second.htid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used_again),
		cmocka_unit_test(test_given_at_the_last_moment),
		cmocka_unit_test(test_ends_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
