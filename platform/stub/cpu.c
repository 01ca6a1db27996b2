// SPDX-License-Identifier: Apache-2.0
/*
 * Which CPU. Waking a thread on another CPU costs ten times a switch on one, so a
 * Sentry thread and its guest thread share a CPU, and the helper comes to whoever
 * gives an order.
 */
#include <sched.h>

#include "platform/stub/stub.h"
#include "sentry/base/host.h"

unsigned stub_cpu_choose(struct stub_host *host)
{
	unsigned best = 0, least = UINT32_MAX;

	for (unsigned i = 0; i < host->n_cpus; i++) {
		unsigned n = atomic_load_explicit(&host->pairs[i], memory_order_relaxed);

		if (n < least) {
			least = n;
			best = i;
		}
	}
	atomic_fetch_add_explicit(&host->pairs[best], 1, memory_order_relaxed);
	return best;
}

void stub_cpu_leave(struct stub_host *host, unsigned index)
{
	atomic_fetch_sub_explicit(&host->pairs[index], 1, memory_order_relaxed);
}

void stub_cpu_follow(struct stub_space *s)
{
	int cpu = sched_getcpu();

	if (cpu >= 0 && cpu != s->cpu && host_set_cpu(s->hpid, cpu) == 0)
		s->cpu = cpu;
}
