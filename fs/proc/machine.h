// SPDX-License-Identifier: Apache-2.0
/* Figures of the whole sandbox. */
#pragma once

#include "fs/proc/internal.h"

struct machine_times {
	int64_t boot_ns; /* since the host started, as the guest's CLOCK_BOOTTIME */
	int64_t user_ns, system_ns, idle_ns;
	uint64_t n_switches;
};
/* Sums over all processes, dead ones that were waited for included. */
void machine_times(struct kernel *k, struct machine_times *out);
void machine_tasks(struct kernel *k, unsigned *n_running, unsigned *n_all, unsigned *n_forks);
