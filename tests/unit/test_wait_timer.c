// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait
/* Order, re-arming, and cancelling against a timer that is firing, on a real timerfd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <pthread.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "sentry/wait/timer.h"

struct probe {
	struct ktimer t;
	atomic_int fired;
	int order, again;
	int64_t at;
	unsigned sleep_us;
};

static int next_order;

static void fire(struct ktimer *t)
{
	struct probe *p = container_of(t, struct probe, t);

	p->at = clock_mono_ns();
	p->order = ++next_order;
	if (p->sleep_us)
		usleep(p->sleep_us);
	atomic_fetch_add(&p->fired, 1);
	if (p->again-- > 0)
		ktimer_arm(t, clock_mono_ns() + NSEC_PER_MSEC);
}

static struct timers *create(void)
{
	struct timers *ts;

	assert_int_equal(
		timers_create(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
			      &ts),
		0);
	return ts;
}

/* Runs the loop until nothing fires for @ms. */
static int run(struct timers *ts, int ms)
{
	struct pollfd pfd = {.fd = timers_hfd(ts), .events = POLLIN};
	int n = 0;

	while (poll(&pfd, 1, ms) == 1) {
		timers_run(ts);
		n++;
	}
	return n;
}

static void test_order(void **state)
{
	enum { N = 50 };
	struct timers *ts = create();
	struct probe *p = calloc(N, sizeof(*p));
	int64_t now = clock_mono_ns();

	(void)state;
	next_order = 0;
	for (int i = 0; i < N; i++) {
		ktimer_init(&p[i].t, ts, fire);
		ktimer_arm(&p[i].t, now + (int64_t)((i * 17) % N) * NSEC_PER_MSEC / 4);
	}
	for (int i = 0; i < N; i += 5)
		assert_true(ktimer_cancel(&p[i].t));
	assert_false(ktimer_cancel(&p[0].t));
	run(ts, 50);
	for (int i = 0; i < N; i++) {
		assert_int_equal(p[i].fired, i % 5 != 0);
		for (int k = 0; k < N; k++)
			if (p[i].fired && p[k].fired && (i * 17) % N < (k * 17) % N)
				assert_true(p[i].order < p[k].order);
	}
	timers_free(ts);
	free(p);
}

static void test_rearm_and_past(void **state)
{
	struct timers *ts = create();
	struct probe p = {.again = 4};

	(void)state;
	ktimer_init(&p.t, ts, fire);
	ktimer_arm(&p.t, -5); /* long past: fires at once, and 0 is no deadline to lose */
	run(ts, 20);
	assert_int_equal(p.fired, 5);
	ktimer_arm(&p.t, 0);
	run(ts, 20);
	assert_int_equal(p.fired, 6);
	ktimer_arm(&p.t, NO_DEADLINE);
	assert_false(ktimer_cancel(&p.t));
	/* Later than what the timerfd is set to, then earlier again. */
	ktimer_arm(&p.t, clock_mono_ns() + 30 * NSEC_PER_MSEC);
	ktimer_arm(&p.t, clock_mono_ns() + 3600 * NSEC_PER_SEC);
	run(ts, 60);
	assert_int_equal(p.fired, 6);
	ktimer_arm(&p.t, clock_mono_ns() + 2 * NSEC_PER_MSEC);
	run(ts, 60);
	assert_int_equal(p.fired, 7);
	timers_free(ts);
}

static void *loop(void *arg)
{
	struct timers *ts = arg;
	struct pollfd pfd = {.fd = timers_hfd(ts), .events = POLLIN};

	while (poll(&pfd, 1, 100) == 1)
		timers_run(ts);
	return NULL;
}

static void test_cancel_sync(void **state)
{
	struct timers *ts = create();
	pthread_t th;

	(void)state;
	pthread_create(&th, NULL, loop, ts);
	for (int i = 0; i < 100; i++) {
		struct probe p = {.sleep_us = 200, .again = i % 2 ? 1000 : 0};
		int fired;

		ktimer_init(&p.t, ts, fire);
		ktimer_arm(&p.t, 0);
		usleep((unsigned)rand() % 400);
		ktimer_cancel_sync(&p.t);
		fired = p.fired;
		usleep(100);
		assert_int_equal(p.fired, fired);
	}
	pthread_join(th, NULL);
	timers_free(ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_rearm_and_past),
		cmocka_unit_test(test_cancel_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
