// SPDX-License-Identifier: Apache-2.0
/* The guest's clocks. Source: clock_gettime(2), clock_getcpuclockid(3). */
#pragma once

#include "sentry/task/task.h"

enum lx_clock {
	LX_CLOCK_REALTIME,
	LX_CLOCK_MONOTONIC,
	LX_CLOCK_PROCESS_CPUTIME_ID,
	LX_CLOCK_THREAD_CPUTIME_ID,
	LX_CLOCK_MONOTONIC_RAW,
	LX_CLOCK_REALTIME_COARSE,
	LX_CLOCK_MONOTONIC_COARSE,
	LX_CLOCK_BOOTTIME,
	LX_CLOCK_REALTIME_ALARM,
	LX_CLOCK_BOOTTIME_ALARM,
	LX_CLOCK_TAI = 11,
};

/*
 * A clock resolved for the calling task: a host clock, or the CPU time of a task. Numbers
 * below zero name the latter by pid.
 */
struct guest_clock {
	int nr; /* as the guest gave it */
	int id; /* LX_CLOCK_*, for CPU clocks PROCESS_ or THREAD_CPUTIME_ID */
	struct task *target; /* CPU clocks: whose; a reference (guest_clock_put) */
};

/* -EINVAL: there is no such clock, or no such task. */
int guest_clock_get(struct task *t, int id, struct guest_clock *out);
void guest_clock_put(struct guest_clock *c);
static inline bool guest_clock_is_cpu(const struct guest_clock *c)
{
	return c->target != NULL;
}
int64_t guest_clock_read(struct task *t, const struct guest_clock *c);
/*
 * A reading of another thread's CPU clock is as old as that thread's last look at it:
 * make it look soon. Any thread.
 */
void guest_clock_nudge(const struct guest_clock *c);
/* The monotonic time at which @c, not a CPU clock, shows @ns. */
int64_t guest_clock_deadline(const struct guest_clock *c, int64_t ns);
