// SPDX-License-Identifier: Apache-2.0
/*
 * The processor as /proc/cpuinfo and /sys show it: what CPUID says here, which is what
 * the guest's own CPUID says. Depends on nothing but base.
 */
#pragma once

#include "sentry/base/types.h"

struct strbuf;

/*
 * The text of /proc/cpuinfo, made once: CPUID is dear where it traps into a hypervisor.
 * create: -ENOMEM. show: one CPU's paragraph; @khz: of the time stamp counter.
 */
struct cpu_text;
int cpu_text_create(struct cpu_text **out);
void cpu_text_free(struct cpu_text *t);
void cpu_text_show(const struct cpu_text *t, unsigned cpu, unsigned n_cpus, uint64_t khz,
		   struct strbuf *out);

struct cpu_cache {
	unsigned level, line_size, ways, sets, partitions;
	const char *type; /* "Data", "Instruction", "Unified" */
	uint64_t size;	  /* bytes */
};
/* The @index-th cache; false when there are no more. */
bool cpu_cache_info(unsigned index, struct cpu_cache *out);

uint64_t cpu_tsc(void);
