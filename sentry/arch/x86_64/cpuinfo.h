// SPDX-License-Identifier: Apache-2.0
/*
 * The processor as /proc/cpuinfo and /sys show it: what CPUID says here, which is what
 * the guest's own CPUID says. Depends on nothing but base.
 */
#pragma once

#include "sentry/base/types.h"

struct strbuf;

/* One paragraph of /proc/cpuinfo. @khz: of the time stamp counter; 0: not known. */
void cpu_show_info(unsigned cpu, unsigned n_cpus, uint64_t khz, struct strbuf *out);

struct cpu_cache {
	unsigned level, line_size, ways, sets, partitions;
	const char *type; /* "Data", "Instruction", "Unified" */
	uint64_t size;	  /* bytes */
};
/* The @index-th cache; false when there are no more. */
bool cpu_cache_info(unsigned index, struct cpu_cache *out);

uint64_t cpu_tsc(void);
