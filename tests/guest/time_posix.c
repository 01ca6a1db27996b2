/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX timers: every kind of notification, intervals, overruns, absolute times,
 * deletion. The calls themselves, since libc adds SIGEV_THREAD. Source: timer_create(2),
 * timer_settime(2), timer_getoverrun(2), timer_delete(2).
 */
#include <time.h>

#include "harness.h"

#define RT 38
#define MS 1000000L

static int create(clockid_t clock, struct sigevent *ev)
{
	int id = -1;

	CHECK_OK(syscall(SYS_timer_create, clock, ev, &id));
	CHECK(id >= 0);
	return id;
}

static long settime(int id, int flags, long first_ms, long every_ms, void *old)
{
	struct itimerspec it = {{every_ms / 1000, every_ms % 1000 * MS},
				{first_ms / 1000, first_ms % 1000 * MS}};

	return syscall(SYS_timer_settime, id, flags, &it, old);
}

static struct itimerspec gettime(int id)
{
	struct itimerspec it;

	CHECK_OK(syscall(SYS_timer_gettime, id, &it));
	return it;
}

static struct sigevent by_signal(int sig, int value)
{
	struct sigevent ev;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = sig;
	ev.sigev_value.sival_int = value;
	return ev;
}

TEST(signal_with_value)
{
	struct sigevent ev = by_signal(RT, 4242);
	int id = create(CLOCK_MONOTONIC, &ev);
	long long begin = now_ms();

	catch_signal(RT, SA_SIGINFO);
	CHECK_OK(settime(id, 0, 40, 0, NULL));
	CHECK_ERRNO(pause(), EINTR);
	CHECK(now_ms() - begin >= 40);
	CHECK_EQ(sig_info.si_code, SI_TIMER);
	CHECK_EQ(sig_info.si_value.sival_int, 4242);
	CHECK_EQ(sig_info.si_timerid, id);
	CHECK_EQ(sig_info.si_overrun, 0);
}

/* NULL: SIGALRM whose value is the timer's id. */
TEST(default_event)
{
	int id = create(CLOCK_REALTIME, NULL);

	catch_signal(SIGALRM, SA_SIGINFO);
	CHECK_OK(settime(id, 0, 20, 0, NULL));
	CHECK_ERRNO(pause(), EINTR);
	CHECK_EQ(sig_info.si_code, SI_TIMER);
	CHECK_EQ(sig_info.si_value.sival_int, id);
}

TEST(no_notification)
{
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	int id = create(CLOCK_MONOTONIC, &ev);

	CHECK_OK(settime(id, 0, 30, 0, NULL));
	CHECK(gettime(id).it_value.tv_nsec > 0);
	sleep_ms(50);
	struct itimerspec it = gettime(id);
	CHECK_EQ(it.it_value.tv_sec + it.it_value.tv_nsec, 0);
}

static volatile pid_t handled_by;

static void note_thread(int sig)
{
	(void)sig;
	handled_by = thread_id();
}

static void *timer_thread(void *arg)
{
	struct sigevent ev = by_signal(RT, 0);

	(void)arg;
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev._sigev_un._tid = thread_id();
	int id = create(CLOCK_MONOTONIC, &ev);
	CHECK_OK(settime(id, 0, 30, 0, NULL));
	while (!handled_by)
		sleep_ms(5);
	CHECK_EQ(handled_by, thread_id());
	return NULL;
}

TEST(to_one_thread)
{
	signal(RT, note_thread);
	thread_join(thread_start(timer_thread, NULL));
	/* A thread of another process is refused. */
	struct sigevent ev = by_signal(RT, 0);
	int id;

	ev.sigev_notify = SIGEV_THREAD_ID;
	ev._sigev_un._tid = getppid();
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
}

TEST(interval)
{
	struct sigevent ev = by_signal(RT, 0);
	int id = create(CLOCK_MONOTONIC, &ev);
	long long begin = now_ms();

	catch_signal(RT, SA_SIGINFO);
	CHECK_OK(settime(id, 0, 20, 20, NULL));
	while (sig_count[RT] < 5)
		pause();
	CHECK(now_ms() - begin >= 100);
	struct itimerspec it = gettime(id);
	CHECK_EQ(it.it_interval.tv_nsec, 20 * MS);
	CHECK(it.it_value.tv_nsec > 0 && it.it_value.tv_nsec <= 20 * MS);
	CHECK_OK(settime(id, 0, 0, 0, &it)); /* disarm, with the old setting */
	CHECK_EQ(it.it_interval.tv_nsec, 20 * MS);
	int n = sig_count[RT];
	sleep_ms(50);
	CHECK_EQ(sig_count[RT], n);
}

/* One signal is queued at a time; what it missed is counted. */
TEST(overrun)
{
	struct sigevent ev = by_signal(RT, 0);
	int id = create(CLOCK_MONOTONIC, &ev);
	sigset_t none;

	catch_signal(RT, SA_SIGINFO);
	block_signal(RT);
	CHECK_OK(settime(id, 0, 10, 10, NULL));
	sleep_ms(105);
	sigemptyset(&none);
	CHECK_OK(sigprocmask(SIG_SETMASK, &none, NULL));
	CHECK(sig_count[RT] >= 1 && sig_count[RT] <= 2);
	int missed = sig_info.si_overrun;
	long asked = syscall(SYS_timer_getoverrun, id);
	if (sig_count[RT] == 1) {
		CHECK(missed >= 7 && missed <= 60);
		CHECK_EQ(asked, missed);
	}
	/* A new setting starts counting anew. */
	CHECK_OK(settime(id, 0, 0, 0, NULL));
	CHECK_EQ(syscall(SYS_timer_getoverrun, id), 0);
}

TEST(absolute_time)
{
	struct sigevent ev = by_signal(RT, 0);
	int id = create(CLOCK_MONOTONIC, &ev);
	struct itimerspec it = {{0, 0}, {0, 0}};

	catch_signal(RT, SA_SIGINFO);
	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &it.it_value));
	long long begin = now_ms();
	it.it_value.tv_nsec += 60 * MS;
	if (it.it_value.tv_nsec >= 1000 * MS)
		it.it_value.tv_sec++, it.it_value.tv_nsec -= 1000 * MS;
	CHECK_OK(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &it, NULL));
	CHECK_ERRNO(pause(), EINTR);
	CHECK(now_ms() - begin >= 59);
	/* gettime tells the time left in any case. */
	it.it_value.tv_sec += 100;
	CHECK_OK(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &it, NULL));
	long left = gettime(id).it_value.tv_sec;
	CHECK(left >= 98 && left <= 100);
	/* The past: at once. */
	it.it_value = (struct timespec){1, 0};
	CHECK_OK(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &it, NULL));
	while (sig_count[RT] < 2)
		sleep_ms(1);
}

TEST(every_clock)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC,
					   CLOCK_BOOTTIME, CLOCK_TAI};
	struct sigevent ev = by_signal(RT, 0);

	catch_signal(RT, 0);
	for (size_t i = 0; i < 4; i++) {
		int id = create(clocks[i], &ev);

		CHECK_OK(settime(id, 0, 10, 0, NULL));
		while (sig_count[RT] < (int)i + 1)
			sleep_ms(1);
		CHECK_OK(syscall(SYS_timer_delete, id));
	}
}

TEST(cpu_clocks)
{
	static const clockid_t clocks[] = {CLOCK_PROCESS_CPUTIME_ID,
					   CLOCK_THREAD_CPUTIME_ID};
	struct sigevent ev = by_signal(RT, 0);

	catch_signal(RT, 0);
	for (int i = 0; i < 2; i++) {
		int id = create(clocks[i], &ev);

		CHECK_OK(settime(id, 0, 30, 0, NULL));
		sleep_ms(60);
		CHECK_EQ(sig_count[RT], i); /* sleeping uses no CPU */
		long long until = now_ms() + 5000;
		while (sig_count[RT] <= i && now_ms() < until)
			;
		CHECK_EQ(sig_count[RT], i + 1);
	}
}

TEST(create_errors)
{
	struct sigevent ev = by_signal(RT, 0);
	int id;

	CHECK_ERRNO(syscall(SYS_timer_create, 100, &ev, &id), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, &ev, &id), EOPNOTSUPP);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC_COARSE, &ev, &id),
		    EOPNOTSUPP);
	ev.sigev_signo = 65;
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev.sigev_signo = 0;
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev = by_signal(RT, 0);
	ev.sigev_notify = 99;
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev = by_signal(RT, 0);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, BAD_PTR, &id), EFAULT);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, BAD_PTR), EFAULT);
}

TEST(other_errors)
{
	struct sigevent ev = by_signal(RT, 0);
	int id = create(CLOCK_MONOTONIC, &ev);
	struct itimerspec bad = {{0, 0}, {0, 1000000000}}, neg = {{0, 0}, {-1, 0}};

	CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, &bad, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, &neg, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, NULL, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, BAD_PTR, NULL), EFAULT);
	CHECK_ERRNO(settime(id + 1000, 0, 1, 0, NULL), EINVAL);
	CHECK_ERRNO(settime(-1, 0, 1, 0, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_gettime, id, BAD_PTR), EFAULT);
	CHECK_ERRNO(syscall(SYS_timer_gettime, id + 1000, &bad), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_getoverrun, id + 1000), EINVAL);
	CHECK_OK(syscall(SYS_timer_delete, id));
	CHECK_ERRNO(syscall(SYS_timer_delete, id), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_gettime, id, &bad), EINVAL);
}

TEST(deleting_stops_it)
{
	struct sigevent ev = by_signal(RT, 0);
	int id = create(CLOCK_MONOTONIC, &ev);

	catch_signal(RT, 0);
	CHECK_OK(settime(id, 0, 20, 20, NULL));
	while (!sig_count[RT])
		pause();
	CHECK_OK(syscall(SYS_timer_delete, id));
	int n = sig_count[RT];
	sleep_ms(60);
	CHECK(sig_count[RT] <= n + 1);
}

TEST(not_inherited_by_fork)
{
	struct sigevent ev = by_signal(RT, 0);
	int id = create(CLOCK_MONOTONIC, &ev);
	struct itimerspec it;

	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_ERRNO(syscall(SYS_timer_gettime, id, &it), EINVAL);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(many_timers)
{
	struct sigevent ev = by_signal(RT, 0);
	int ids[200];

	catch_signal(RT, 0);
	for (int i = 0; i < 200; i++) {
		ids[i] = create(CLOCK_MONOTONIC, &ev);
		CHECK_OK(settime(ids[i], 0, 1 + i % 50, 0, NULL));
	}
	long long until = now_ms() + 5000;
	while (sig_count[RT] < 200 && now_ms() < until)
		sleep_ms(2);
	CHECK_EQ(sig_count[RT], 200);
	for (int i = 0; i < 200; i++)
		CHECK_OK(syscall(SYS_timer_delete, ids[i]));
}
