// SPDX-License-Identifier: Apache-2.0
/* How busy the sandbox is: /proc/stat, /proc/loadavg, sysinfo(2). */
#pragma once

#include "sentry/task/kernel.h"

struct cpu_times {
	int64_t user_ns, system_ns;
	uint64_t n_switches;
	uint64_t minflt, majflt;
};
/* Sums over all processes, with the dead that were waited for. Takes tasklist. */
void kernel_cpu_times(struct kernel *k, struct cpu_times *out);

/*
 * kernel_loadavg - averages over 1, 5 and 15 minutes, in units of 1 / LOAD_ONE. Nothing
 * ticks while everybody sleeps, so they are brought up to date when somebody asks: what
 * was computed since the last look counts as the load of that time.
 */
#define LOAD_SHIFT 11
#define LOAD_ONE   (1u << LOAD_SHIFT)
void kernel_loadavg(struct kernel *k, uint64_t avg[3]);
