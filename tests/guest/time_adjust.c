// SPDX-License-Identifier: Apache-2.0
/* Reading the clock's discipline, and who may not change it. */
#include <sys/timex.h>
#include <time.h>

#include "harness.h"

TEST(clock_adjtime_reads)
{
	struct timex tx = {0}, old = {.modes = ADJ_OFFSET_SS_READ};
	long state = CHECK_OK(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &tx));

	CHECK(state >= TIME_OK && state <= TIME_ERROR);
	CHECK(tx.tick >= 9000 && tx.tick <= 11000);
	CHECK(labs(tx.time.tv_sec - time(NULL)) <= 1);
	CHECK_OK(syscall(SYS_adjtimex, &old));
	CHECK_ERRNO(syscall(SYS_clock_adjtime, CLOCK_REALTIME, BAD_PTR), EFAULT);
	CHECK_ERRNO(syscall(SYS_clock_adjtime, 100, &tx), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
}

static void change(void *arg)
{
	struct timex tx = {.modes = ADJ_TICK, .tick = 10000};
	struct timespec ts = {1, 0};
	struct timeval tv = {1, 0};

	(void)arg;
	CHECK_ERRNO(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &tx), EPERM);
	CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts), EPERM);
	CHECK_ERRNO(syscall(SYS_settimeofday, &tv, NULL), EPERM);
	tv.tv_usec = 1000000;
	CHECK_ERRNO(syscall(SYS_settimeofday, &tv, NULL), EINVAL);
}

TEST(ordinary_users_change_nothing)
{
	need_root();
	as_nobody(change, NULL);
}
