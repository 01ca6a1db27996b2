/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for descriptors, and for time. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "micro.h"

static int ep, zero;

/* `arg` descriptors, the last is ready. */
static void watch(void)
{
	want_files((unsigned)arg + 16);
	ep = epoll_create1(0);
	for (long i = 0; i < arg; i++) {
		struct epoll_event ev = {.events = EPOLLIN};
		int fd = eventfd(i == arg - 1, EFD_NONBLOCK);

		if (fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
			die("eventfd");
	}
}

static void do_epoll(int n)
{
	struct epoll_event ev[8];

	while (n--)
		if (epoll_wait(ep, ev, 8, 0) != 1)
			die("epoll_wait");
}

static void open_zero(void)
{
	zero = open("/dev/zero", O_RDONLY);
	if (zero < 0)
		die("/dev/zero");
}

static void do_poll(int n)
{
	struct pollfd p[8];

	for (int i = 0; i < 8; i++)
		p[i] = (struct pollfd){zero, POLLIN, 0};
	while (n--)
		if (poll(p, 8, 0) != 8)
			die("poll");
}

/* How late: what was asked for is not counted. */
static void do_sleep(int n)
{
	struct timespec ms = {0, 1000000};

	not_counted += (int64_t)n * 1000000;
	while (n--)
		nanosleep(&ms, NULL);
}

const struct bench events_benches[] = {
	ROW("poll_8", do_poll, .setup = open_zero),
	ROW("epoll_wait_1", do_epoll, .arg = 1, .setup = watch),
	ROW("epoll_wait_100", do_epoll, .arg = 100, .setup = watch),
	ROW("epoll_wait_10000", do_epoll, .arg = 10000, .setup = watch),
	ROW("nanosleep_1ms_late", do_sleep, .max = 60),
	{0},
};
