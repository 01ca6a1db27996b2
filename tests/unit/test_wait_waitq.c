// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/wait
/* Who is woken, in which order, and that a removed entry is never called again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <pthread.h>
#include <unistd.h>
#include <cmocka.h>

#include "sentry/base/clock.h"
#include "sentry/base/park.h"
#include "sentry/wait/waitq.h"

struct waiter {
	struct wait_entry e;
	struct park park;
	uint32_t got;
	int order;
	bool refuse;
};

static int next_order;

static bool wake(struct wait_entry *e, uint32_t events)
{
	struct waiter *w = container_of(e, struct waiter, e);

	w->got |= events;
	w->order = ++next_order;
	park_wake(&w->park);
	return !w->refuse;
}

static void join(struct waitq *q, struct waiter *w, uint32_t events, bool exclusive)
{
	*w = (struct waiter){
		.e = {.events = events, .exclusive = exclusive, .wake = wake}};
	park_init(&w->park);
	waitq_add(q, &w->e);
}

static void test_masks(void **state)
{
	struct waitq q;
	struct waiter in, out;

	(void)state;
	waitq_init(&q);
	join(&q, &in, LX_POLLIN, false);
	join(&q, &out, LX_POLLOUT, false);
	waitq_wake(&q, LX_POLLIN);
	assert_int_equal(in.got, LX_POLLIN);
	assert_int_equal(out.got, 0);
	waitq_wake(&q, LX_POLLHUP);
	assert_int_equal(out.got, LX_POLLHUP);
	waitq_remove(&in.e);
	waitq_remove(&in.e);
	in.got = 0;
	waitq_wake(&q, LX_POLLIN | LX_POLLOUT);
	assert_int_equal(in.got, 0);
	assert_int_equal(out.got, LX_POLLIN | LX_POLLOUT | LX_POLLHUP);
	waitq_remove(&out.e);
	waitq_destroy(&q);
}

static void test_exclusive(void **state)
{
	struct waitq q;
	struct waiter x[3], shared;

	(void)state;
	waitq_init(&q);
	next_order = 0;
	for (int i = 0; i < 3; i++)
		join(&q, &x[i], LX_POLLIN, true);
	join(&q, &shared, LX_POLLIN, false);
	waitq_wake(&q, LX_POLLIN);
	/* The shared one although it came last, then the oldest exclusive one alone. */
	assert_int_equal(shared.order, 1);
	assert_int_equal(x[0].order, 2);
	assert_int_equal(x[1].got | x[2].got, 0);
	/* One that cannot use the wake-up passes it on. */
	x[0].refuse = true;
	waitq_wake(&q, LX_POLLIN);
	assert_int_equal(x[1].got, LX_POLLIN);
	assert_int_equal(x[2].got, 0);
	for (int i = 0; i < 3; i++)
		waitq_remove(&x[i].e);
	waitq_remove(&shared.e);
	waitq_destroy(&q);
}

struct nest {
	struct wait_entry e;
	struct waitq *outer;
};

static bool wake_outer(struct wait_entry *e, uint32_t events)
{
	waitq_wake_nested(container_of(e, struct nest, e)->outer, events);
	return true;
}

static void test_nested(void **state)
{
	struct waitq q, outer;
	struct waiter w;
	struct nest n = {.e = {.events = LX_POLLIN, .wake = wake_outer}, .outer = &outer};

	(void)state;
	waitq_init(&q);
	waitq_init(&outer);
	waitq_add(&q, &n.e);
	join(&outer, &w, LX_POLLIN, false);
	waitq_wake(&q, LX_POLLIN);
	assert_int_equal(w.got, LX_POLLIN);
	waitq_remove(&n.e);
	waitq_remove(&w.e);
	waitq_destroy(&q);
	waitq_destroy(&outer);
}

struct race {
	struct waitq q;
	atomic_int ready;
	atomic_bool stop;
};

static void *producer(void *arg)
{
	struct race *r = arg;

	while (!atomic_load(&r->stop)) {
		if (!atomic_exchange(&r->ready, 1))
			waitq_wake(&r->q, LX_POLLIN);
	}
	return NULL;
}

/* The documented sequence loses no wake-up, and removal is final under fire. */
static void test_race(void **state)
{
	struct race r = {0};
	pthread_t th;

	(void)state;
	waitq_init(&r.q);
	pthread_create(&th, NULL, producer, &r);
	for (int i = 0; i < 20000; i++) {
		struct waiter w;

		join(&r.q, &w, LX_POLLIN, i % 2);
		while (!atomic_exchange(&r.ready, 0))
			assert_int_equal(park_wait(&w.park, NO_DEADLINE), 0);
		waitq_remove(&w.e);
	}
	atomic_store(&r.stop, true);
	pthread_join(th, NULL);
	waitq_destroy(&r.q);
}

/* The owner goes first, the entry keeps the queue. */
static void test_shared(void **state)
{
	struct shared_waitq *sq = shared_waitq_create();
	struct waiter in;

	(void)state;
	assert_non_null(sq);
	join(&sq->q, &in, LX_POLLIN, false);
	shared_waitq_close(sq);
	assert_int_equal(in.got, LX_POLLHUP);
	waitq_remove(&in.e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masks),	  cmocka_unit_test(test_shared),
		cmocka_unit_test(test_exclusive), cmocka_unit_test(test_nested),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
