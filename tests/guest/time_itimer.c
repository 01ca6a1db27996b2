/* SPDX-License-Identifier: Apache-2.0 */
/* setitimer, getitimer, alarm. Source: setitimer(2), alarm(2). */
#include <sys/time.h>
#include <time.h>

#include "harness.h"

static struct itimerval in_us(long first, long every)
{
	return (struct itimerval){{every / 1000000, every % 1000000},
				  {first / 1000000, first % 1000000}};
}

static void burn_until(volatile sig_atomic_t *count, int want)
{
	long long until = now_ms() + 8000;

	while (*count < want && now_ms() < until)
		;
	CHECK(*count >= want);
}

TEST(real_timer_once)
{
	struct itimerval it = in_us(50000, 0), old;
	long long begin = now_ms();

	catch_signal(SIGALRM, SA_SIGINFO);
	CHECK_OK(setitimer(ITIMER_REAL, &it, NULL));
	CHECK_ERRNO(pause(), EINTR);
	CHECK(now_ms() - begin >= 50);
	CHECK_EQ(sig_count[SIGALRM], 1);
	CHECK_EQ(sig_info.si_code, SI_KERNEL);
	CHECK_OK(getitimer(ITIMER_REAL, &old));
	CHECK_EQ(old.it_value.tv_sec + old.it_value.tv_usec, 0);
	sleep_ms(70);
	CHECK_EQ(sig_count[SIGALRM], 1);
}

TEST(real_timer_repeats)
{
	struct itimerval it = in_us(20000, 20000), off = in_us(0, 0), old;

	catch_signal(SIGALRM, 0);
	CHECK_OK(setitimer(ITIMER_REAL, &it, NULL));
	while (sig_count[SIGALRM] < 5)
		pause();
	CHECK_OK(setitimer(ITIMER_REAL, &off, &old));
	CHECK_EQ(old.it_interval.tv_usec, 20000);
	CHECK(old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 20000);
	int n = sig_count[SIGALRM];
	sleep_ms(50);
	CHECK_EQ(sig_count[SIGALRM], n);
}

TEST(remaining_time)
{
	struct itimerval it = in_us(10000000, 5000000), got;

	CHECK_OK(setitimer(ITIMER_REAL, &it, NULL));
	sleep_ms(20);
	CHECK_OK(getitimer(ITIMER_REAL, &got));
	CHECK_EQ(got.it_value.tv_sec, 9);
	CHECK_EQ(got.it_interval.tv_sec, 5);
	/* A NULL new value is the same as zero. */
	CHECK_OK(syscall(SYS_setitimer, ITIMER_REAL, NULL, &got));
	CHECK_EQ(got.it_value.tv_sec, 9);
	CHECK_OK(getitimer(ITIMER_REAL, &got));
	CHECK_EQ(got.it_value.tv_sec, 0);
}

TEST(alarm_shares_the_timer)
{
	struct itimerval got;

	CHECK_EQ(alarm(100), 0);
	CHECK_OK(getitimer(ITIMER_REAL, &got));
	CHECK(got.it_value.tv_sec >= 99);
	CHECK_EQ(alarm(5), 100); /* rounded to the nearest second, never to 0 */
	CHECK_EQ(alarm(0), 5);
	CHECK_EQ(alarm(0), 0);
	struct itimerval it = in_us(300, 0);
	catch_signal(SIGALRM, 0);
	block_signal(SIGALRM);
	CHECK_OK(setitimer(ITIMER_REAL, &it, NULL));
	unsigned left = alarm(0);
	CHECK(left <= 1);
}

TEST(alarm_fires)
{
	long long begin = now_ms();

	catch_signal(SIGALRM, 0);
	alarm(1);
	CHECK_ERRNO(pause(), EINTR);
	CHECK(now_ms() - begin >= 1000);
	CHECK_EQ(sig_count[SIGALRM], 1);
}

TEST(virtual_timer_counts_user_time)
{
	struct itimerval it = in_us(30000, 0);

	catch_signal(SIGVTALRM, 0);
	CHECK_OK(setitimer(ITIMER_VIRTUAL, &it, NULL));
	sleep_ms(80); /* sleeping does not count */
	CHECK_EQ(sig_count[SIGVTALRM], 0);
	burn_until(&sig_count[SIGVTALRM], 1);
}

TEST(profiling_timer)
{
	struct itimerval it = in_us(20000, 20000), off = in_us(0, 0);

	catch_signal(SIGPROF, 0);
	CHECK_OK(setitimer(ITIMER_PROF, &it, NULL));
	burn_until(&sig_count[SIGPROF], 3);
	CHECK_OK(setitimer(ITIMER_PROF, &off, NULL));
}

TEST(three_timers_are_independent)
{
	struct itimerval a = in_us(1000000000, 0), b = in_us(2000000000, 0), got;

	CHECK_OK(setitimer(ITIMER_REAL, &a, NULL));
	CHECK_OK(setitimer(ITIMER_VIRTUAL, &b, NULL));
	CHECK_OK(getitimer(ITIMER_PROF, &got));
	CHECK_EQ(got.it_value.tv_sec, 0);
	CHECK_OK(getitimer(ITIMER_VIRTUAL, &got));
	CHECK(got.it_value.tv_sec >= 1999);
	CHECK_OK(getitimer(ITIMER_REAL, &got));
	CHECK(got.it_value.tv_sec < 1001);
}

TEST(errors)
{
	struct itimerval it = in_us(1000, 0), bad = {{0, 0}, {0, 1000000}},
			 neg = {{0, 0}, {-1, 0}};
	struct itimerval bad_every = {{0, -1}, {1, 0}};

	CHECK_ERRNO(syscall(SYS_setitimer, 3, &it, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_getitimer, -1, &it), EINVAL);
	CHECK_ERRNO(setitimer(ITIMER_REAL, &bad, NULL), EINVAL);
	CHECK_ERRNO(setitimer(ITIMER_REAL, &neg, NULL), EINVAL);
	CHECK_ERRNO(setitimer(ITIMER_REAL, &bad_every, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, BAD_PTR, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_getitimer, ITIMER_REAL, BAD_PTR), EFAULT);
}

/* Belongs to the process: any thread may take the signal. */
static void *waits_for_alarm(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK_EQ(sigwaitinfo(&set, NULL), SIGALRM);
	return arg;
}

TEST(signal_goes_to_the_process)
{
	struct itimerval it = in_us(30000, 0);

	block_signal(SIGALRM);
	pthread_t th = thread_start(waits_for_alarm, NULL);
	CHECK_OK(setitimer(ITIMER_REAL, &it, NULL));
	thread_join(th);
}
