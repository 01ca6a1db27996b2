// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/meminfo.h"

#include "sentry/mm/mm.h"
#include "sentry/task/internal.h"

#define BATCH 64

unsigned kernel_n_cpus(struct kernel *k)
{
	return k->config.n_cpus;
}

const char *kernel_thp_mode(struct kernel *k)
{
	return k->config.thp_mode;
}

/* References to up to BATCH address spaces behind number @after; returns the last one's. */
static int collect(struct kernel *k, int after, struct mm *mms[BATCH], unsigned *n)
{
	struct pid *pid;

	*n = 0;
	mutex_lock(&k->tasklist);
	while (*n < BATCH && ++after < PID_MAX) {
		pid = pid_find_locked(k->init_pid_ns, after);
		if (!pid || !pid->task || pid->task != pid->task->tg->leader)
			continue;
		mms[*n] = task_mm_get(pid->task);
		if (mms[*n])
			(*n)++;
	}
	mutex_unlock(&k->tasklist);
	return after;
}

void kernel_meminfo(struct kernel *k, struct meminfo *out)
{
	struct mm *mms[BATCH];
	uint64_t used;
	unsigned n;
	int last = 0;

	*out = (struct meminfo){
		.total = min_t(uint64_t, k->host_memory, k->config.memory_limit),
		.shmem = pool_used(k->pool),
	};
	while (last < PID_MAX) {
		last = collect(k, last, mms, &n);
		for (unsigned i = 0; i < n; i++) {
			struct addr_space *as = mms[i]->as;
			struct as_usage u = {0};

			if (as->ops->usage && !as->ops->usage(as, &u)) {
				out->anon += u.rss_anon;
				out->mapped += u.rss_file;
			}
			mm_put(mms[i]);
		}
	}
	mutex_lock(&k->tasklist);
	out->n_procs = k->n_tasks;
	mutex_unlock(&k->tasklist);
	used = out->anon + out->shmem;
	out->free = used < out->total ? out->total - used : 0;
}
