// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting for CPU time: nobody tells when a process has used so much, but it can't use it
 * faster than the wall clock runs, times its threads. So look again after that long, and
 * less often while it uses none.
 */
#pragma once

#include "sentry/base/clock.h"
#include "sentry/base/types.h"

#define CPU_WATCH_MIN_NS (1 * NSEC_PER_MSEC)
#define CPU_WATCH_MAX_NS (100 * NSEC_PER_MSEC)

struct cpu_watch {
	int64_t last_ns, idle_ns;
};

/* @cpu_ns so far, @left_ns to go: when to look again, from now. */
static inline int64_t cpu_watch_delay(struct cpu_watch *w, int64_t cpu_ns,
				      int64_t left_ns, unsigned n_threads)
{
	if (cpu_ns == w->last_ns && w->idle_ns)
		w->idle_ns = min_t(int64_t, 2 * w->idle_ns, CPU_WATCH_MAX_NS);
	else
		w->idle_ns = CPU_WATCH_MIN_NS;
	w->last_ns = cpu_ns;
	left_ns /= max_t(unsigned, n_threads, 1);
	return max_t(int64_t, left_ns, w->idle_ns);
}
