// SPDX-License-Identifier: Apache-2.0
/* The machine as the guest is told: sysinfo(2), /proc/meminfo, /sys. */
#pragma once

#include "sentry/base/types.h"

struct kernel;

struct meminfo {
	uint64_t total;	  /* the limit, or what the host has */
	uint64_t anon;	  /* private memory of all processes, resident */
	uint64_t mapped;  /* file pages mapped by them */
	uint64_t shmem;	  /* tmpfs, overlay and shared memory pages in the pool */
	uint64_t free;	  /* total without anon and shmem */
	unsigned n_procs; /* tasks, as sysinfo counts */
};

/* CPUs that the guest sees. */
unsigned kernel_n_cpus(struct kernel *k);
/* The host's /sys/kernel/mm/transparent_hugepage/enabled;
 * "" when it could not be read. */
const char *kernel_thp_mode(struct kernel *k);
/* Asks the host about each address space: not for hot paths. Takes tasklist. */
void kernel_meminfo(struct kernel *k, struct meminfo *out);
