/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks: which exist, how they relate, who may set them. Source: clock_gettime(2),
 * clock_getcpuclockid(3), gettimeofday(2), time(2), adjtimex(2).
 */
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

#include "harness.h"

#define BILLION 1000000000LL

static long raw_gettime(clockid_t clock, struct timespec *ts)
{
	return syscall(SYS_clock_gettime, clock, ts);
}

static long long raw_ns(clockid_t clock)
{
	struct timespec ts;

	CHECK_OK(raw_gettime(clock, &ts));
	CHECK(ts.tv_nsec >= 0 && ts.tv_nsec < BILLION);
	return ts.tv_sec * BILLION + ts.tv_nsec;
}

static const clockid_t all[] = {
	CLOCK_REALTIME,		 CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
	CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE,	 CLOCK_BOOTTIME,
};

TEST(all_clocks_read_and_never_go_back)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		long long last = raw_ns(all[i]);

		for (int k = 0; k < 200; k++) {
			long long now = raw_ns(all[i]);

			CHECK(now >= last);
			last = now;
		}
		CHECK(last > 0 || all[i] == CLOCK_THREAD_CPUTIME_ID);
	}
}

TEST(resolutions)
{
	struct timespec ts;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		CHECK_OK(syscall(SYS_clock_getres, all[i], &ts));
		CHECK_EQ(ts.tv_sec, 0);
		if (all[i] == CLOCK_REALTIME_COARSE || all[i] == CLOCK_MONOTONIC_COARSE)
			CHECK(ts.tv_nsec >= 1000000 && ts.tv_nsec <= 10000000);
		else
			CHECK_EQ(ts.tv_nsec, 1);
	}
	CHECK_OK(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL));
	CHECK_ERRNO(syscall(SYS_clock_getres, CLOCK_MONOTONIC, BAD_PTR), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_getres, 100, &ts), EINVAL);
}

TEST(unknown_clocks)
{
	struct timespec ts;

	CHECK_ERRNO(raw_gettime(10, &ts), EINVAL); /* once SGI_CYCLE */
	CHECK_ERRNO(raw_gettime(64, &ts), EINVAL);
	CHECK_ERRNO(raw_gettime(INT32_MAX, &ts), EINVAL);
	CHECK_ERRNO(raw_gettime(-1, &ts), EINVAL);
	CHECK_ERRNO(raw_gettime(CLOCK_MONOTONIC, BAD_PTR), EFAULT);
}

TEST(clocks_agree)
{
	long long mono = raw_ns(CLOCK_MONOTONIC);

	CHECK(raw_ns(CLOCK_BOOTTIME) >= mono);
	long long coarse = raw_ns(CLOCK_MONOTONIC_COARSE);
	CHECK(coarse >= mono - 20000000 && coarse < mono + BILLION);
	long long real = raw_ns(CLOCK_REALTIME),
		  coarse_real = raw_ns(CLOCK_REALTIME_COARSE);
	CHECK(coarse_real >= real - 20000000 && coarse_real < real + BILLION);
	CHECK(real > 1700000000LL * BILLION); /* after 2023 */
}

TEST(clocks_advance_together)
{
	long long mono = raw_ns(CLOCK_MONOTONIC), real = raw_ns(CLOCK_REALTIME);
	long long raw = raw_ns(CLOCK_MONOTONIC_RAW), boot = raw_ns(CLOCK_BOOTTIME);

	sleep_ms(100);
	mono = raw_ns(CLOCK_MONOTONIC) - mono;
	CHECK(mono >= 100000000 && mono < 2 * BILLION);
	CHECK(llabs(raw_ns(CLOCK_REALTIME) - real - mono) < 50000000);
	CHECK(llabs(raw_ns(CLOCK_MONOTONIC_RAW) - raw - mono) < 50000000);
	CHECK(llabs(raw_ns(CLOCK_BOOTTIME) - boot - mono) < 50000000);
}

TEST(old_calls)
{
	struct timeval tv;
	struct timezone tz = {77, 77};
	time_t t;

	CHECK_OK(syscall(SYS_gettimeofday, &tv, &tz));
	long long real = raw_ns(CLOCK_REALTIME);
	CHECK(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	long long us = tv.tv_sec * 1000000LL + tv.tv_usec;
	CHECK(real / 1000 - us < 1000000 && real / 1000 >= us - 1);
	CHECK(tz.tz_minuteswest != 77);
	CHECK_OK(syscall(SYS_gettimeofday, NULL, NULL));
	CHECK_ERRNO(syscall(SYS_gettimeofday, BAD_PTR, NULL), EFAULT);
	long now = syscall(SYS_time, &t);
	CHECK_EQ(now, t);
	CHECK(real / BILLION - now <= 1 && now - real / BILLION <= 1);
	CHECK_EQ(syscall(SYS_time, NULL) - now <= 1, 1);
	CHECK_ERRNO(syscall(SYS_time, BAD_PTR), EFAULT);
}

/* --- CPU time ----------------------------------------------------------------- */
static void burn(int ms)
{
	long long until = raw_ns(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000LL;

	while (raw_ns(CLOCK_THREAD_CPUTIME_ID) < until)
		;
}

TEST(cpu_time_is_used_time)
{
	long long cpu = raw_ns(CLOCK_PROCESS_CPUTIME_ID), wall = raw_ns(CLOCK_MONOTONIC);

	sleep_ms(80);
	CHECK(raw_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu <
	      60000000); /* sleeping costs none */
	burn(50);
	CHECK(raw_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu >= 49000000);
	CHECK(raw_ns(CLOCK_MONOTONIC) - wall >= 129000000);
}

static void *burn_thread(void *arg)
{
	long long *own = arg;

	burn(40);
	*own = raw_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

TEST(thread_and_process_cpu_time)
{
	long long process = raw_ns(CLOCK_PROCESS_CPUTIME_ID);
	long long mine = raw_ns(CLOCK_THREAD_CPUTIME_ID), others[2];
	pthread_t th[2];

	for (int i = 0; i < 2; i++)
		th[i] = thread_start(burn_thread, &others[i]);
	for (int i = 0; i < 2; i++)
		thread_join(th[i]);
	CHECK(others[0] >= 40000000 && others[1] >= 40000000);
	CHECK(raw_ns(CLOCK_THREAD_CPUTIME_ID) - mine < 40000000);
	CHECK(raw_ns(CLOCK_PROCESS_CPUTIME_ID) - process >=
	      79000000); /* the ended count */
}

/* The CPU clock of another process or thread: ~pid << 3 | kind. */
static clockid_t cpu_clock(pid_t pid, int kind)
{
	return (clockid_t)((~(unsigned)pid << 3) | (unsigned)kind);
}

TEST(cpu_clock_of_another_process)
{
	clockid_t clock;
	int p[2];
	char c;

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		burn(40);
		CHECK_EQ(write(p[1], "x", 1), 1);
		pause();
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(clock_getcpuclockid(pid, &clock), 0);
	CHECK_EQ(clock, cpu_clock(pid, 2));
	CHECK(raw_ns(clock) >= 39000000);
	CHECK(raw_ns(clock) < 5 * BILLION);
	CHECK_EQ(raw_ns(cpu_clock(0, 2)) > 0, 1); /* 0: the caller */
	kill(pid, SIGKILL);
	wait_status(pid);
	struct timespec ts;
	CHECK_ERRNO(raw_gettime(clock, &ts), EINVAL);
	CHECK_EQ(clock_getcpuclockid(pid, &clock), ESRCH);
	/* Threads of other processes are nobody's business. */
	CHECK_ERRNO(raw_gettime(cpu_clock(getppid(), 6), &ts), EINVAL);
}

TEST(pthread_cpu_clock)
{
	clockid_t clock;

	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &clock), 0);
	burn(20);
	CHECK(raw_ns(clock) >= 19000000);
}

/* --- setting ------------------------------------------------------------------ */
static void set_as_nobody(void *arg)
{
	struct timespec ts = {1000000000, 0};
	struct timeval tv = {1000000000, 0};
	struct timex tx = {.modes = ADJ_FREQUENCY};

	(void)arg;
	CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts), EPERM);
	CHECK_ERRNO(syscall(SYS_settimeofday, &tv, NULL), EPERM);
	CHECK_ERRNO(syscall(SYS_adjtimex, &tx), EPERM);
}

TEST(ordinary_users_may_not_set)
{
	need_root();
	as_nobody(set_as_nobody, NULL);
}

TEST(clocks_that_nobody_sets)
{
	struct timespec ts = {1, 0}, bad = {1, BILLION};

	CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_BOOTTIME, &ts), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_settime, 100, &ts), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, BAD_PTR), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &bad), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, &ts), EINVAL);
	/* A CPU clock named by pid says the same in another way. */
	CHECK_ERRNO(syscall(SYS_clock_settime, cpu_clock(getpid(), 2), &ts), EPERM);
}

TEST(adjtimex_reads)
{
	struct timex tx = {0};
	int r = (int)syscall(SYS_adjtimex, &tx);

	NEED(r, "adjtimex");
	CHECK(r >= TIME_OK && r <= TIME_ERROR);
	CHECK(tx.tick >= 9000 && tx.tick <= 11000);
	CHECK_ERRNO(syscall(SYS_adjtimex, BAD_PTR), EFAULT);
	tx.modes = 0;
	CHECK(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &tx) >= 0);
	CHECK_ERRNO(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
}
