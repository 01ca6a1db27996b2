// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace platform/systrap sentry/base
// CFLAGS: -static-libgcc
/* Several guest threads in one space, and interrupts. No sanitizers: ptrace. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <dirent.h>

#include "platform/stub/stub.h"
#include "sentry/base/clock.h"
#include "tests/unit/platform_fixture.h"

CODE(spin, "1: jmp 1b");
CODE(call_loop, "1: mov $39, %eax; syscall; jmp 1b");

struct worker {
	pthread_t thread;
	struct addr_space *as;
	struct exec_ctx *_Atomic ctx;
	unsigned n;
	atomic_uint interrupts;
	atomic_bool stop;
	int failures;
};

static int n_threads_of(int hpid)
{
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", hpid);
	d = opendir(path);
	if (!d)
		return 0;
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* --- interrupts -------------------------------------------------------------- */

static void test_interrupt_before(void **state)
{
	struct guest g;

	(void)state;
	GUEST_START(&g, call_loop);
	ctx_interrupt(g.ctx);
	ctx_interrupt(g.ctx);
	assert_int_equal(guest_run(&g), EXIT_INTERRUPT);
	assert_false(g.info.stepped);
	assert_int_equal(regs_of(g.ctx).rip, CODE_AT);
	expect_call(&g, 39);
	ctx_interrupt(g.ctx);
	ctx_set_ret(g.ctx, 5);
	assert_int_equal(guest_run(&g), EXIT_INTERRUPT);
	assert_int_equal(regs_of(g.ctx).rax, 5);
	expect_call(&g, 39);
	guest_end(&g);
}

static void *interrupt_later(void *arg)
{
	usleep(30000);
	ctx_interrupt(arg);
	return NULL;
}

static void test_interrupt_compute_loop(void **state)
{
	struct guest g;
	pthread_t thread;

	(void)state;
	GUEST_START(&g, spin);
	for (int i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, interrupt_later, g.ctx);
		assert_int_equal(guest_run(&g), EXIT_INTERRUPT);
		assert_int_equal(regs_of(g.ctx).rip, CODE_AT);
		pthread_join(thread, NULL);
	}
	guest_end(&g);
}

/* The guest calls or spins; each interrupt must be seen before the next is made. */
static void *run_until_stopped(void *arg)
{
	struct worker *w = arg;
	struct exit_info info;
	struct exec_ctx *ctx = ctx_at(w->as, CODE_AT);

	atomic_store(&w->ctx, ctx);
	while (!atomic_load(&w->stop)) {
		switch (ctx_switch_to(ctx, &info)) {
		case EXIT_SYSCALL:
			ctx_set_ret(ctx, 1);
			break;
		case EXIT_INTERRUPT:
			atomic_fetch_add(&w->interrupts, 1);
			break;
		default:
			w->failures++;
		}
	}
	atomic_store(&w->ctx, NULL);
	ctx_release(ctx);
	return NULL;
}

/* An earlier ctx of this thread has pinned it,
 * and what it starts would be pinned there too. */
static void unpin(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

static void interrupt_race(const char *code, const char *end, unsigned n)
{
	struct worker w = {.as = space_with(code, end)};
	struct exec_ctx *ctx;
	int64_t deadline;

	unpin();
	pthread_create(&w.thread, NULL, run_until_stopped, &w);
	while (!(ctx = atomic_load(&w.ctx)))
		sched_yield();
	for (unsigned i = 0; i < n; i++) {
		unsigned seen = atomic_load(&w.interrupts);

		ctx_interrupt(ctx);
		deadline = clock_mono_ns() + 5 * NSEC_PER_SEC;
		while (atomic_load(&w.interrupts) == seen) {
			if (clock_mono_ns() > deadline)
				fail_msg("interrupt %u was lost", i);
			if (i % 3)
				sched_yield();
		}
	}
	atomic_store(&w.stop, true);
	ctx_interrupt(ctx);
	pthread_join(w.thread, NULL);
	assert_int_equal(w.failures, 0);
	as_put(w.as);
}

static void test_interrupt_races(void **state)
{
	(void)state;
	interrupt_race(call_loop, call_loop_end, 10000);
	interrupt_race(spin, spin_end, 3000);
}

/* --- several threads --------------------------------------------------------- */

/* Adds one to DATA_AT, atomically, a thousand times; then calls. */
CODE(adds, "mov $1000, %ecx; 1: lock incl 0x500000; dec %ecx; jnz 1b\n"
	   "mov $60, %eax; syscall; jmp 1b");

static void *add_and_map(void *arg)
{
	struct worker *w = arg;
	struct exec_ctx *ctx = ctx_at(w->as, CODE_AT);
	const uaddr_t mine = 0x100000000ul * (w->n + 1);
	struct exit_info info;

	for (int i = 0; i < 20; i++) {
		struct lx_regs regs;
		uint32_t value = 0, old;

		if (ctx_switch_to(ctx, &info) != EXIT_SYSCALL || ctx->sc.nr != 60)
			w->failures++;
		/* The same from here, through the thread. */
		for (int done = 0; done < 10;) {
			if (ctx->ops->cmpxchg32(ctx, DATA_AT, value, value + 1, &old))
				w->failures++;
			if (old == value)
				done++;
			value = old == value ? old + 1 : old;
		}
		if (w->as->ops->map_anon(w->as, mine, 0x10000, RWX_RW, 0) ||
		    w->as->ops->copy_out(w->as, mine, &i, 4) != 4 ||
		    w->as->ops->unmap(w->as, mine, 0x10000))
			w->failures++;
		ctx_get_regs(ctx, &regs);
		regs.rip = CODE_AT;
		ctx_set_regs(ctx, &regs);
	}
	ctx_release(ctx);
	return NULL;
}

static void test_many_threads(void **state)
{
	enum { N = 16 };
	static struct worker w[N];
	struct addr_space *as = space_with(adds, adds_end);
	int tries = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		w[i] = (struct worker){.as = as, .n = i};
		pthread_create(&w[i].thread, NULL, add_and_map, &w[i]);
	}
	for (unsigned i = 0; i < N; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].failures, 0);
	}
	assert_int_equal((uint32_t)peek(as, DATA_AT), N * 20 * 1010);
	/* Released threads end by themselves, but for those that stand by; and the helper. */
	while (n_threads_of(stub_space_of(as)->hpid) > 1 + STUB_MAX_STANDBY &&
	       tries++ < 500)
		usleep(1000);
	assert_in_range(n_threads_of(stub_space_of(as)->hpid), 1, 1 + STUB_MAX_STANDBY);
	as_put(as);
}

/* Forks while other threads of the space run and map:
 * a fork+exec from a threaded program. */
static void test_fork_among_threads(void **state)
{
	enum { N = 4 };
	static struct worker w[N];
	struct addr_space *as = space_with(call_loop, call_loop_end);

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		w[i] = (struct worker){.as = as, .n = i};
		pthread_create(&w[i].thread, NULL, run_until_stopped, &w[i]);
	}
	for (int i = 0; i < 50; i++) {
		struct addr_space *child;

		poke(as, DATA_AT, (uint64_t)i);
		assert_int_equal(as->ops->fork(as, &child), 0);
		assert_int_equal(peek(child, DATA_AT), i);
		assert_int_equal(n_threads_of(stub_space_of(child)->hpid), 1);
		as_put(child);
	}
	for (unsigned i = 0; i < N; i++) {
		atomic_store(&w[i].stop, true);
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].failures, 0);
	}
	as_put(as);
}

/* A thread's time is its own, is no less than it was, and goes with it. */
CODE(burn, "mov $20000000, %ecx; 1: dec %ecx; jnz 1b; mov $39, %eax; syscall");

static void test_cpu_time(void **state)
{
	struct guest g;
	struct exec_ctx *idle;
	struct addr_space *other = space_with(burn, burn_end);
	int64_t before, after;

	(void)state;
	GUEST_START(&g, burn);
	before = g.ctx->ops->cpu_time(g.ctx);
	expect_call(&g, 39);
	after = g.ctx->ops->cpu_time(g.ctx);
	assert_in_range(after - before, NSEC_PER_MSEC, 10 * NSEC_PER_SEC);
	idle = ctx_at(g.as, CODE_AT);
	assert_in_range(idle->ops->cpu_time(idle), 0, after / 2);
	before = g.ctx->ops->cpu_time(g.ctx);
	assert_true(before >= after);
	assert_int_equal(g.ctx->ops->move(g.ctx, other), 0);
	assert_true(g.ctx->ops->cpu_time(g.ctx) >= before);
	ctx_release(idle);
	guest_end(&g);
	as_put(other);
}

/* Two that compute spread over two CPUs; one that waits for another stays. */
CODE(compute, "mov $39, %eax; syscall; 1: mov $2000000, %ecx; 2: dec %ecx; jnz 2b\n"
	      "mov $39, %eax; syscall; jmp 1b");

static void *compute_for_a_while(void *arg)
{
	struct worker *w = arg;
	struct exec_ctx *ctx = ctx_at(w->as, CODE_AT);
	struct exit_info info;
	int64_t end = clock_mono_ns() + 300 * NSEC_PER_MSEC;

	while (clock_mono_ns() < end) {
		if (ctx_switch_to(ctx, &info) != EXIT_SYSCALL)
			w->failures++;
		ctx_set_ret(ctx, 0);
	}
	w->n = (unsigned)sched_getcpu();
	ctx_release(ctx);
	return NULL;
}

static void test_balance(void **state)
{
	static struct worker w[2];

	(void)state;
	if (plat->limits.n_cpus < 2)
		skip();
	for (int i = 0; i < 2; i++) {
		w[i] = (struct worker){.as = space_with(compute, compute_end)};
		pthread_create(&w[i].thread, NULL, compute_for_a_while, &w[i]);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].failures, 0);
		as_put(w[i].as);
	}
	assert_int_not_equal(w[0].n, w[1].n);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interrupt_before),
		cmocka_unit_test(test_interrupt_compute_loop),
		cmocka_unit_test(test_interrupt_races),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_fork_among_threads),
		cmocka_unit_test(test_cpu_time),
		cmocka_unit_test(test_balance),
	};
	return cmocka_run_group_tests(tests, platform_setup_sealed, platform_teardown);
}

int main(void)
{
	return platform_each(run);
}
