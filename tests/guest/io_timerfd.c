/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd: relative, absolute, periodic; clocks; gettime; blocking. */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>

#include "harness.h"

#define MS 1000000L

static int new_timer(int flags)
{
	return CHECK_OK(timerfd_create(CLOCK_MONOTONIC, flags));
}

static void set(int fd, long value_ns, long interval_ns)
{
	struct itimerspec its = {{interval_ns / 1000000000, interval_ns % 1000000000},
				 {value_ns / 1000000000, value_ns % 1000000000}};

	CHECK_OK(timerfd_settime(fd, 0, &its, NULL));
}

static uint64_t get(int fd)
{
	uint64_t n = 0;

	CHECK_EQ(read(fd, &n, 8), 8);
	return n;
}

TEST(one_shot)
{
	uint64_t n;
	int fd = new_timer(TFD_NONBLOCK);
	long long t0 = now_ms();

	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
	set(fd, 20 * MS, 0);
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	CHECK_EQ(get(fd), 1);
	CHECK(now_ms() - t0 >= 19);
	CHECK_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
}

TEST(periodic)
{
	int fd = new_timer(0);
	long long t0 = now_ms();
	uint64_t sum = 0;

	set(fd, 5 * MS, 5 * MS);
	while (sum < 5)
		sum += get(fd);
	CHECK(now_ms() - t0 >= 24);
	sleep_ms(30);
	CHECK(get(fd) >= 4); /* expirations add up */
}

TEST(disarm)
{
	struct pollfd pfd;
	uint64_t n;
	int fd = new_timer(TFD_NONBLOCK);

	set(fd, 5 * MS, 0);
	set(fd, 0, 0);
	sleep_ms(15);
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
	set(fd, 1, 0);
	pfd = (struct pollfd){.fd = fd, .events = POLLIN};
	CHECK_EQ(poll(&pfd, 1, 1000), 1);
	set(fd, 1000 * MS, 0); /* setting again forgets what has expired */
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
}

TEST(absolute)
{
	struct itimerspec its = {0};
	uint64_t n;
	int fd = new_timer(TFD_NONBLOCK);
	long long t0 = now_ms();

	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &its.it_value));
	its.it_value.tv_nsec += 20 * MS;
	if (its.it_value.tv_nsec >= 1000 * MS) {
		its.it_value.tv_nsec -= 1000 * MS;
		its.it_value.tv_sec++;
	}
	CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL));
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	CHECK_EQ(get(fd), 1);
	CHECK(now_ms() - t0 >= 19);
	its.it_value = (struct timespec){0, 1}; /* long ago: at once */
	CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL));
	CHECK_EQ(get(fd), 1);
}

TEST(absolute_periodic_counts_the_past)
{
	struct itimerspec its = {.it_interval = {0, 10 * MS}};
	int fd = new_timer(0);

	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &its.it_value));
	its.it_value.tv_sec--;
	CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL));
	CHECK(get(fd) >= 100);
}

TEST(gettime)
{
	struct itimerspec its = {{1, 2}, {3, 4}}, old;
	int fd = new_timer(0);

	CHECK_OK(timerfd_gettime(fd, &old));
	CHECK_EQ(old.it_value.tv_sec + old.it_value.tv_nsec + old.it_interval.tv_sec, 0);
	CHECK_OK(timerfd_settime(fd, 0, &its, NULL));
	CHECK_OK(timerfd_gettime(fd, &old));
	CHECK(old.it_value.tv_sec == 2 || (old.it_value.tv_sec == 3));
	CHECK_EQ(old.it_interval.tv_sec, 1);
	CHECK_EQ(old.it_interval.tv_nsec, 2);
	its = (struct itimerspec){{0, 0}, {0, 0}};
	CHECK_OK(timerfd_settime(fd, 0, &its, &old));
	CHECK(old.it_value.tv_sec >= 2);
	CHECK_OK(timerfd_gettime(fd, &old));
	CHECK_EQ(old.it_value.tv_sec + old.it_value.tv_nsec, 0);
}

TEST(expired_one_shot_shows_zero)
{
	struct itimerspec old;
	int fd = new_timer(0);

	set(fd, 1, 0);
	CHECK_EQ(get(fd), 1);
	CHECK_OK(timerfd_gettime(fd, &old));
	CHECK_EQ(old.it_value.tv_sec + old.it_value.tv_nsec, 0);
}

TEST(clocks)
{
	static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};

	for (int i = 0; i < 3; i++) {
		int fd = CHECK_OK(timerfd_create(clocks[i], TFD_CLOEXEC));

		CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
		set(fd, 1, 0);
		CHECK_EQ(get(fd), 1);
	}
	CHECK_ERRNO(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	CHECK_ERRNO(timerfd_create(77, 0), EINVAL);
	CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 0x40), EINVAL);
}

TEST(errors)
{
	struct itimerspec its = {{0, 0}, {0, 1000000000}};
	char buf[8];
	int p[2], fd = new_timer(TFD_NONBLOCK);

	CHECK_ERRNO(timerfd_settime(fd, 0, &its, NULL), EINVAL);
	its.it_value.tv_nsec = -1;
	CHECK_ERRNO(timerfd_settime(fd, 0, &its, NULL), EINVAL);
	its = (struct itimerspec){{0, 1000000000}, {0, 1}};
	CHECK_ERRNO(timerfd_settime(fd, 0, &its, NULL), EINVAL);
	its = (struct itimerspec){{0, 0}, {1, 0}};
	CHECK_ERRNO(timerfd_settime(fd, 0x100, &its, NULL), EINVAL);
	CHECK_ERRNO(timerfd_settime(-1, 0, &its, NULL), EBADF);
	CHECK_ERRNO(timerfd_settime(fd, 0, BAD_PTR, NULL), EFAULT);
	CHECK_ERRNO(timerfd_settime(fd, 0, NULL, NULL), EFAULT);
	CHECK_ERRNO(timerfd_gettime(fd, BAD_PTR), EFAULT);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(timerfd_settime(p[0], 0, &its, NULL), EINVAL);
	CHECK_ERRNO(timerfd_gettime(p[0], &its), EINVAL);
	CHECK_ERRNO(read(fd, buf, 7), EINVAL);
	CHECK_ERRNO(write(fd, buf, 8), EINVAL);
}

TEST(interrupted)
{
	uint64_t n;
	int fd = new_timer(0);

	catch_signal(SIGALRM, 0);
	ualarm(20000, 0);
	CHECK_ERRNO(read(fd, &n, 8), EINTR);
}

/* A copy of the descriptor is the same timer, also in a child. */
TEST(shared_with_children)
{
	int fd = new_timer(0);
	pid_t pid;

	set(fd, 30 * MS, 0);
	pid = fork_child();
	if (pid == 0)
		_exit(get(fd) == 1 ? 0 : 1);
	wait_ok(pid);
	CHECK_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	uint64_t n;
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
}
