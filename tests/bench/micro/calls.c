/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that do next to nothing, alone, by two threads at once, and between computing. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "micro.h"

void do_getppid(int n)
{
	while (n--)
		syscall(SYS_getppid);
}

/* Each thread makes N calls: what one call takes while the others make theirs. */
static void do_getppid_threads(int n)
{
	at_once(n, do_getppid);
}

static void do_clock(int n)
{
	struct timespec ts;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &ts);
}

/* --- a call after `arg` us of computing ------------------------------------------- */
static long steps; /* of computing that take that long */

static void compute(long n)
{
	volatile uint64_t x = 1;

	while (n--)
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
}

static void calibrate(void)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 7; i++) {
		int64_t t = now_ns();

		compute(200000);
		t = now_ns() - t;
		if (t < best)
			best = t;
	}
	steps = (long)(200000.0 * 1000 * (double)arg / (double)best);
}

static void do_call_after(int n)
{
	while (n--) {
		int64_t t = now_ns();

		compute(steps);
		not_counted += now_ns() - t;
		syscall(SYS_getppid);
	}
}

#define AFTER_US(us)                                                                     \
	ROW("call_after_" #us "us", do_call_after, .arg = (us), .setup = calibrate,      \
	    .max = 300000 / (us))

const struct bench calls_benches[] = {
	ROW("getppid", do_getppid),
	ROW("getppid_2_at_once", do_getppid_threads, .arg = 2),
	ROW("clock_gettime", do_clock),
	ROW("compute", spin),
	AFTER_US(5),
	AFTER_US(20),
	AFTER_US(50),
	AFTER_US(100),
	AFTER_US(300),
	AFTER_US(1000),
	{0},
};
