// SPDX-License-Identifier: Apache-2.0
/*
 * The machine as the sandbox has it: its share of memory and CPUs, the CPU time of its own
 * processes, the host's clock.
 */
#include "fs/proc/machine.h"

#include "sentry/abi/utsname.h"
#include "sentry/arch/x86_64/cpuinfo.h"
#include "sentry/task/meminfo.h"
#include "sentry/task/rusage.h"

/* --- memory ------------------------------------------------------------------------------ */

static void put_kb(struct strbuf *out, const char *key, uint64_t bytes)
{
	sb_printf(out, "%-15s %8llu kB\n", key, (unsigned long long)(bytes >> 10));
}

int show_meminfo(const struct proc_call *c, struct strbuf *out)
{
	struct meminfo m;

	kernel_meminfo(c->k, &m);
	put_kb(out, "MemTotal:", m.total);
	put_kb(out, "MemFree:", m.free);
	put_kb(out, "MemAvailable:", m.free);
	put_kb(out, "Buffers:", 0);
	/* The sandbox's only page cache is what its memory file systems hold. */
	put_kb(out, "Cached:", m.shmem);
	put_kb(out, "SwapCached:", 0);
	put_kb(out, "Active:", m.anon);
	put_kb(out, "Inactive:", m.shmem);
	put_kb(out, "Active(anon):", m.anon);
	put_kb(out, "Inactive(anon):", m.shmem);
	put_kb(out, "Active(file):", 0);
	put_kb(out, "Inactive(file):", 0);
	put_kb(out, "Unevictable:", 0);
	put_kb(out, "Mlocked:", 0);
	put_kb(out, "SwapTotal:", 0);
	put_kb(out, "SwapFree:", 0);
	put_kb(out, "Dirty:", 0);
	put_kb(out, "Writeback:", 0);
	put_kb(out, "AnonPages:", m.anon);
	put_kb(out, "Mapped:", m.mapped);
	put_kb(out, "Shmem:", m.shmem);
	put_kb(out, "KReclaimable:", 0);
	put_kb(out, "Slab:", 0);
	put_kb(out, "SReclaimable:", 0);
	put_kb(out, "SUnreclaim:", 0);
	put_kb(out, "PageTables:", 0);
	put_kb(out, "CommitLimit:", m.total / 2);
	put_kb(out, "Committed_AS:", m.anon + m.shmem);
	sb_puts(out, "VmallocTotal:   34359738367 kB\nVmallocUsed:           0 kB\n"
		     "VmallocChunk:          0 kB\nHugePages_Total:       0\n"
		     "HugePages_Free:        0\nHugePages_Rsvd:        0\n"
		     "HugePages_Surp:        0\nHugepagesize:       2048 kB\n"
		     "Hugetlb:               0 kB\n");
	return 0;
}

/* --- time -------------------------------------------------------------------------------- */

/* The next process behind number @after in the initial namespace: a reference. */
static struct task *next_process(struct kernel *k, int *after)
{
	struct htab *h = &k->init_pid_ns->by_nr;
	struct task *best = NULL;
	int best_nr = 0;

	mutex_lock(&k->tasklist);
	for (size_t i = 0; i < h->n_slots; i++) {
		for (struct hnode *n = h->slot[i]; n; n = n->next) {
			struct upid *u = container_of(n, struct upid, node);
			struct task *t = u->pid->task;

			if (u->nr > *after && (!best || u->nr < best_nr) && t &&
			    t->tg->leader == t) {
				best = t;
				best_nr = u->nr;
			}
		}
	}
	if (best)
		task_get(best);
	mutex_unlock(&k->tasklist);
	*after = best_nr;
	return best;
}

void machine_times(struct kernel *k, struct machine_times *out)
{
	struct task *t;
	int nr = 0;

	*out = (struct machine_times){.boot_ns = clock_ns(CLOCK_BOOTTIME)};
	while ((t = next_process(k, &nr))) {
		struct rusage_sum use;

		usage_process(t->tg, NULL, &use);
		mutex_lock(&k->tasklist);
		use.utime_ns += t->tg->dead_children.utime_ns;
		use.stime_ns += t->tg->dead_children.stime_ns;
		use.nvcsw += t->tg->dead_children.nvcsw;
		mutex_unlock(&k->tasklist);
		out->user_ns += use.utime_ns;
		out->system_ns += use.stime_ns;
		out->n_switches += use.nvcsw + use.nivcsw;
		task_put(t);
	}
	out->idle_ns = out->boot_ns * (int64_t)k->config.n_cpus - out->user_ns - out->system_ns;
	if (out->idle_ns < 0)
		out->idle_ns = 0;
}

/* Threads that compute or are about to, and all. */
void machine_tasks(struct kernel *k, unsigned *n_running, unsigned *n_all, unsigned *n_forks)
{
	struct htab *h = &k->init_pid_ns->by_nr;

	*n_running = 0;
	mutex_lock(&k->tasklist);
	for (size_t i = 0; i < h->n_slots; i++) {
		for (struct hnode *n = h->slot[i]; n; n = n->next) {
			struct task *t = container_of(n, struct upid, node)->pid->task;

			*n_running += t && atomic_load(&t->state) == TASK_RUNNING;
		}
	}
	*n_all = k->n_tasks;
	*n_forks = k->n_forks;
	mutex_unlock(&k->tasklist);
}

/* CPUs are alike: each did its part of the work. */
static void put_cpu(struct strbuf *out, const struct machine_times *m, unsigned share)
{
	sb_printf(out, " %llu 0 %llu %llu 0 0 0 0 0 0\n",
		  (unsigned long long)proc_ticks(m->user_ns / share),
		  (unsigned long long)proc_ticks(m->system_ns / share),
		  (unsigned long long)proc_ticks(m->idle_ns / share));
}

int show_machine_stat(const struct proc_call *c, struct strbuf *out)
{
	unsigned n_cpus = c->k->config.n_cpus, n_running, n_all, n_forks;
	struct machine_times m;

	machine_times(c->k, &m);
	machine_tasks(c->k, &n_running, &n_all, &n_forks);
	sb_puts(out, "cpu ");
	put_cpu(out, &m, 1);
	for (unsigned i = 0; i < n_cpus; i++) {
		sb_printf(out, "cpu%u", i);
		put_cpu(out, &m, n_cpus);
	}
	sb_printf(out, "intr 0\nctxt %llu\nbtime %lld\nprocesses %u\nprocs_running %u\n",
		  (unsigned long long)m.n_switches,
		  (long long)((clock_real_ns() - m.boot_ns) / NSEC_PER_SEC), n_forks,
		  n_running ? n_running : 1);
	sb_puts(out, "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

int show_uptime(const struct proc_call *c, struct strbuf *out)
{
	struct machine_times m;

	machine_times(c->k, &m);
	sb_printf(out, "%lld.%02lld %lld.%02lld\n", (long long)(m.boot_ns / NSEC_PER_SEC),
		  (long long)(m.boot_ns / 10000000 % 100), (long long)(m.idle_ns / NSEC_PER_SEC),
		  (long long)(m.idle_ns / 10000000 % 100));
	return 0;
}

int show_loadavg(const struct proc_call *c, struct strbuf *out)
{
	unsigned n_running, n_all, n_forks;
	int last;

	machine_tasks(c->k, &n_running, &n_all, &n_forks);
	mutex_lock(&c->k->tasklist);
	last = c->ns->last_nr;
	mutex_unlock(&c->k->tasklist);
	/* No averages are kept: that would need a clock that ticks while all sleep. */
	sb_printf(out, "0.00 0.00 0.00 %u/%u %d\n", n_running ? n_running : 1, n_all, last);
	return 0;
}

/* --- names --------------------------------------------------------------------------------- */

int show_version(const struct proc_call *c, struct strbuf *out)
{
	(void)c;
	sb_printf(out, "%s version %s (runsc-c@runsc-c) (gcc) %s\n", LX_UTS_SYSNAME,
		  LX_UTS_RELEASE, LX_UTS_VERSION);
	return 0;
}

int show_filesystems(const struct proc_call *c, struct strbuf *out)
{
	(void)c;
	for (const struct fs_type *const *type = fs_types(); *type; type++)
		sb_printf(out, "%s\t%s\n", (*type)->flags & FS_NODEV ? "nodev" : "",
			  (*type)->name);
	return 0;
}

int show_cpuinfo(const struct proc_call *c, struct strbuf *out)
{
	struct kernel *k = c->k;
	int64_t us = (clock_mono_ns() - k->boot_mono_ns) / NSEC_PER_USEC;
	/* Since boot is long enough to tell the counter's frequency. */
	uint64_t khz = us > 0 ? (cpu_tsc() - k->boot_tsc) * 1000 / (uint64_t)us : 0;

	for (unsigned i = 0; i < k->config.n_cpus; i++)
		cpu_show_info(i, k->config.n_cpus, khz, out);
	return 0;
}
