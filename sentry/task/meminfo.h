// SPDX-License-Identifier: Apache-2.0
/* The memory of the sandbox as the guest is told: sysinfo(2), /proc/meminfo. */
#pragma once

#include "sentry/task/kernel.h"

struct meminfo {
	uint64_t total;	 /* the limit, or what the host has */
	uint64_t anon;	 /* private memory of all processes, resident */
	uint64_t mapped; /* file pages mapped by them */
	uint64_t shmem;	 /* tmpfs, overlay and shared memory pages in the pool */
	uint64_t free;	 /* total without anon and shmem */
	unsigned n_procs; /* tasks, as sysinfo counts */
};

/* Asks the host about each address space: not for hot paths. Takes tasklist. */
void kernel_meminfo(struct kernel *k, struct meminfo *out);
