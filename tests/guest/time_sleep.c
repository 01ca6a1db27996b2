/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nanosleep and clock_nanosleep: lengths, absolute times, what remains after a signal,
 * errors. Source: nanosleep(2), clock_nanosleep(2).
 */
#include <time.h>

#include "harness.h"

#define MS 1000000L

static long raw_sleep(clockid_t clock, int flags, const void *req, void *rem)
{
	return syscall(SYS_clock_nanosleep, clock, flags, req, rem);
}

static struct timespec after(clockid_t clock, long ns)
{
	struct timespec ts;

	CHECK_OK(clock_gettime(clock, &ts));
	ts.tv_nsec += ns;
	ts.tv_sec += ts.tv_nsec / 1000000000L;
	ts.tv_nsec %= 1000000000L;
	return ts;
}

static void kill_later(int ms)
{
	pid_t me = getpid();

	if (fork_child() == 0) {
		sleep_ms(ms);
		kill(me, SIGUSR1);
		_exit(0);
	}
}

TEST(sleeps_at_least_as_long)
{
	for (int ms = 1; ms <= 64; ms *= 4) {
		struct timespec ts = {0, ms * MS};
		long long begin = now_ns();

		CHECK_OK(nanosleep(&ts, NULL));
		CHECK(now_ns() - begin >= ms * MS);
		CHECK(now_ns() - begin < (ms + 500) * MS);
	}
}

TEST(zero_and_tiny)
{
	struct timespec ts = {0, 0};

	CHECK_OK(nanosleep(&ts, NULL));
	ts.tv_nsec = 1;
	for (int i = 0; i < 50; i++)
		CHECK_OK(nanosleep(&ts, NULL));
}

TEST(every_clock)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC,
					   CLOCK_BOOTTIME, CLOCK_TAI};

	for (size_t i = 0; i < 4; i++) {
		struct timespec ts = {0, 20 * MS};
		long long begin = now_ns();

		CHECK_OK(raw_sleep(clocks[i], 0, &ts, NULL));
		CHECK(now_ns() - begin >= 20 * MS);
		ts = after(clocks[i], 20 * MS);
		begin = now_ns();
		CHECK_OK(raw_sleep(clocks[i], TIMER_ABSTIME, &ts, NULL));
		CHECK(now_ns() - begin >= 18 * MS);
		CHECK(now_ns() - begin < 500 * MS);
	}
}

TEST(absolute_time_in_the_past)
{
	struct timespec ts = {1, 0};
	long long begin = now_ms();

	CHECK_OK(raw_sleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
	CHECK_OK(raw_sleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL));
	CHECK(now_ms() - begin < 200);
}

TEST(errors)
{
	struct timespec bad = {0, 1000000000}, neg = {-1, 0}, negn = {0, -1}, ok = {0, 1};

	CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
	CHECK_ERRNO(nanosleep(&neg, NULL), EINVAL);
	CHECK_ERRNO(nanosleep(&negn, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_nanosleep, BAD_PTR, NULL), EFAULT);
	CHECK_ERRNO(raw_sleep(CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
	CHECK_ERRNO(raw_sleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &neg, NULL), EINVAL);
	CHECK_ERRNO(raw_sleep(CLOCK_MONOTONIC, 0, BAD_PTR, NULL), EFAULT);
	CHECK_ERRNO(raw_sleep(CLOCK_MONOTONIC_RAW, 0, &ok, NULL), EOPNOTSUPP);
	CHECK_ERRNO(raw_sleep(CLOCK_MONOTONIC_COARSE, 0, &ok, NULL), EOPNOTSUPP);
	CHECK_ERRNO(raw_sleep(CLOCK_THREAD_CPUTIME_ID, 0, &ok, NULL), EOPNOTSUPP);
	CHECK_ERRNO(raw_sleep(100, 0, &ok, NULL), EINVAL);
	CHECK_OK(
		raw_sleep(CLOCK_MONOTONIC, 0x100, &ok, NULL)); /* flags: one bit counts */
}

TEST(remaining_time)
{
	struct timespec ts = {2, 0}, rem = {0, 0};

	catch_signal(SIGUSR1, 0);
	kill_later(50);
	CHECK_ERRNO(nanosleep(&ts, &rem), EINTR);
	CHECK(rem.tv_sec == 1);
	CHECK(rem.tv_nsec < 960 * MS);
	kill_later(50);
	rem.tv_sec = 0;
	CHECK_ERRNO(raw_sleep(CLOCK_MONOTONIC, 0, &ts, &rem), EINTR);
	CHECK_EQ(rem.tv_sec, 1);
	/* The remainder may replace the request. */
	kill_later(50);
	CHECK_ERRNO(nanosleep(&ts, &ts), EINTR);
	CHECK_EQ(ts.tv_sec, 1);
	/* A place that cannot be written. */
	kill_later(50);
	CHECK_ERRNO(syscall(SYS_nanosleep, &ts, BAD_PTR), EFAULT);
}

/* An absolute sleep leaves the remainder alone: the time itself says it. */
TEST(absolute_sleep_interrupted)
{
	struct timespec ts = after(CLOCK_MONOTONIC, 900 * MS), rem = {77, 77};

	catch_signal(SIGUSR1, 0);
	kill_later(40);
	CHECK_ERRNO(raw_sleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, &rem), EINTR);
	CHECK_EQ(rem.tv_sec, 77);
}

static void *sleeper(void *arg)
{
	struct timespec ts = {0, 60 * MS};

	CHECK_OK(nanosleep(&ts, NULL));
	return arg;
}

TEST(many_sleepers_at_once)
{
	pthread_t th[50];
	long long begin = now_ms();

	for (int i = 0; i < 50; i++)
		th[i] = thread_start(sleeper, NULL);
	for (int i = 0; i < 50; i++)
		thread_join(th[i]);
	CHECK(now_ms() - begin >= 60);
	CHECK(now_ms() - begin < 2000); /* side by side, not one after the other */
}

/* Sleeping on a CPU clock: until the process has used so much. */
static void *burner(void *arg)
{
	while (!*(volatile int *)arg)
		;
	return NULL;
}

TEST(process_cpu_clock)
{
	static volatile int stop;
	struct timespec ts = {0, 40 * MS};
	pthread_t th = thread_start(burner, (void *)&stop);

	CHECK_OK(raw_sleep(CLOCK_PROCESS_CPUTIME_ID, 0, &ts, NULL));
	stop = 1;
	thread_join(th);
	CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts));
	CHECK(ts.tv_sec > 0 || ts.tv_nsec >= 40 * MS);
}
