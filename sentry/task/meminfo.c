// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/meminfo.h"

#include "sentry/mm/mm.h"
#include "sentry/task/internal.h"

unsigned kernel_n_cpus(struct kernel *k)
{
	return k->config.n_cpus;
}

const char *kernel_thp_mode(struct kernel *k)
{
	return k->config.thp_mode;
}

void kernel_meminfo(struct kernel *k, struct meminfo *out)
{
	struct task **list = NULL;
	uint64_t used;
	unsigned n = 0;

	*out = (struct meminfo){
		.total = min_t(uint64_t, k->host_memory, k->config.memory_limit),
		.shmem = pool_used(k->pool),
	};
	/* Without memory for the list the processes' part is not known. */
	pid_ns_processes(k->init_pid_ns, &list, &n);
	for (unsigned i = 0; i < n; i++) {
		struct mm *mm = process_mm_get(list[i]->tg);
		struct as_usage u = {0};

		if (!mm)
			continue;
		if (mm->as->ops->usage && !mm->as->ops->usage(mm->as, &u)) {
			out->anon += u.rss_anon;
			out->mapped += u.rss_file;
		}
		mm_put(mm);
	}
	task_list_put(list, n);
	mutex_lock(&k->tasklist);
	out->n_procs = k->n_tasks;
	mutex_unlock(&k->tasklist);
	used = out->anon + out->shmem;
	out->free = used < out->total ? out->total - used : 0;
}
