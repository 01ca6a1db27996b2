// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/load.h"

#include "sentry/task/internal.h"
#include "sentry/task/rusage.h"

void kernel_cpu_times(struct kernel *k, struct cpu_times *out)
{
	struct task **list;
	unsigned n;

	*out = (struct cpu_times){0};
	if (pid_ns_processes(k->init_pid_ns, &list, &n))
		return;
	for (unsigned i = 0; i < n; i++) {
		struct thread_group *tg = list[i]->tg;
		struct rusage_sum use, dead;

		usage_process(tg, NULL, &use);
		mutex_lock(&k->tasklist);
		dead = tg->dead_children;
		mutex_unlock(&k->tasklist);
		rusage_add(&use, &dead);
		out->user_ns += use.utime_ns;
		out->system_ns += use.stime_ns;
		out->n_switches += use.nvcsw + use.nivcsw;
		out->minflt += use.minflt;
		out->majflt += use.majflt;
	}
	task_list_put(list, n);
}

/* --- averages ---------------------------------------------------------------------- */

#define LOAD_STEP_NS (5 * NSEC_PER_SEC)

/* e^(-5 s / 1, 5, 15 min), as Linux rounds them. */
static const unsigned decay[3] = {1884, 2014, 2037};

static unsigned power(unsigned x, uint64_t n)
{
	uint64_t result = LOAD_ONE, base = x;

	for (; n; n >>= 1) {
		if (n & 1)
			result = (result * base + LOAD_ONE / 2) >> LOAD_SHIFT;
		base = (base * base + LOAD_ONE / 2) >> LOAD_SHIFT;
	}
	return (unsigned)result;
}

void kernel_loadavg(struct kernel *k, uint64_t avg[3])
{
	struct load_state *l = &k->load;
	struct cpu_times now;
	int64_t at, cpu;

	kernel_cpu_times(k, &now);
	at = clock_mono_ns();
	cpu = now.user_ns + now.system_ns;
	mutex_lock(&k->users_lock);
	if (!l->at_ns)
		l->at_ns = k->boot_mono_ns;
	if (at - l->at_ns >= LOAD_STEP_NS) {
		uint64_t steps = (uint64_t)((at - l->at_ns) / LOAD_STEP_NS);
		int64_t busy = max_t(int64_t, cpu - l->cpu_ns, 0);
		uint64_t active = (uint64_t)(busy / ((at - l->at_ns) >> LOAD_SHIFT));

		for (int i = 0; i < 3; i++) {
			uint64_t e = power(decay[i], steps);

			l->avg[i] =
				(l->avg[i] * e + active * (LOAD_ONE - e)) >> LOAD_SHIFT;
		}
		l->at_ns = at;
		l->cpu_ns = cpu;
	}
	for (int i = 0; i < 3; i++)
		avg[i] = l->avg[i];
	mutex_unlock(&k->users_lock);
}
