// SPDX-License-Identifier: Apache-2.0
/*
 * The machine as the sandbox has it: its share of memory and CPUs, the CPU time of its
 * own processes, the host's clock.
 */
#include "fs/proc/internal.h"

#include "sentry/abi/utsname.h"
#include "sentry/arch/x86_64/cpuinfo.h"
#include "sentry/task/load.h"
#include "sentry/task/meminfo.h"

/* --- memory ------------------------------------------------------------------------ */

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

/* --- time -------------------------------------------------------------------------- */

struct busy {
	int64_t boot_ns; /* since the host started, as the guest's CLOCK_BOOTTIME */
	struct cpu_times cpu;
	int64_t idle_ns;
};

static void get_busy(struct kernel *k, struct busy *out)
{
	kernel_cpu_times(k, &out->cpu);
	out->boot_ns = clock_ns(CLOCK_BOOTTIME);
	out->idle_ns = out->boot_ns * (int64_t)k->config.n_cpus - out->cpu.user_ns -
		       out->cpu.system_ns;
	if (out->idle_ns < 0)
		out->idle_ns = 0;
}

/* Threads that compute or are about to, and all. */
static void count_tasks(struct kernel *k, unsigned *n_running, unsigned *n_all,
			unsigned *n_forks)
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
static void put_cpu(struct strbuf *out, const struct busy *m, unsigned share)
{
	sb_printf(out, " %llu 0 %llu %llu 0 0 0 0 0 0\n",
		  (unsigned long long)proc_ticks(m->cpu.user_ns / share),
		  (unsigned long long)proc_ticks(m->cpu.system_ns / share),
		  (unsigned long long)proc_ticks(m->idle_ns / share));
}

int show_machine_stat(const struct proc_call *c, struct strbuf *out)
{
	unsigned n_cpus = c->k->config.n_cpus, n_running, n_all, n_forks;
	struct busy m;

	get_busy(c->k, &m);
	count_tasks(c->k, &n_running, &n_all, &n_forks);
	sb_puts(out, "cpu ");
	put_cpu(out, &m, 1);
	for (unsigned i = 0; i < n_cpus; i++) {
		sb_printf(out, "cpu%u", i);
		put_cpu(out, &m, n_cpus);
	}
	sb_printf(out, "intr 0\nctxt %llu\nbtime %lld\nprocesses %u\nprocs_running %u\n",
		  (unsigned long long)m.cpu.n_switches,
		  (long long)((clock_real_ns() - m.boot_ns) / NSEC_PER_SEC), n_forks,
		  n_running ? n_running : 1);
	sb_puts(out, "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

int show_uptime(const struct proc_call *c, struct strbuf *out)
{
	struct busy m;

	get_busy(c->k, &m);
	sb_printf(out, "%lld.%02lld %lld.%02lld\n", (long long)(m.boot_ns / NSEC_PER_SEC),
		  (long long)(m.boot_ns / 10000000 % 100),
		  (long long)(m.idle_ns / NSEC_PER_SEC),
		  (long long)(m.idle_ns / 10000000 % 100));
	return 0;
}

int show_loadavg(const struct proc_call *c, struct strbuf *out)
{
	unsigned n_running, n_all, n_forks;
	uint64_t avg[3];
	int last;

	count_tasks(c->k, &n_running, &n_all, &n_forks);
	mutex_lock(&c->k->tasklist);
	last = c->ns->last_nr;
	mutex_unlock(&c->k->tasklist);
	kernel_loadavg(c->k, avg);
	for (int i = 0; i < 3; i++) {
		uint64_t hundredths = (avg[i] * 100 + LOAD_ONE / 2) >> LOAD_SHIFT;

		sb_printf(out, "%llu.%02llu ", (unsigned long long)(hundredths / 100),
			  (unsigned long long)(hundredths % 100));
	}
	sb_printf(out, "%u/%u %d\n", n_running ? n_running : 1, n_all, last);
	return 0;
}

int show_vmstat(const struct proc_call *c, struct strbuf *out)
{
	struct cpu_times cpu;
	struct meminfo m;

	kernel_meminfo(c->k, &m);
	kernel_cpu_times(c->k, &cpu);
	sb_printf(out,
		  "nr_free_pages %llu\nnr_inactive_anon %llu\nnr_active_anon %llu\n"
		  "nr_inactive_file 0\nnr_active_file 0\nnr_unevictable 0\nnr_mlock 0\n"
		  "nr_anon_pages %llu\nnr_mapped %llu\nnr_file_pages %llu\nnr_dirty 0\n"
		  "nr_writeback 0\nnr_shmem %llu\n",
		  (unsigned long long)(m.free / PAGE_SIZE),
		  (unsigned long long)(m.shmem / PAGE_SIZE),
		  (unsigned long long)(m.anon / PAGE_SIZE),
		  (unsigned long long)(m.anon / PAGE_SIZE),
		  (unsigned long long)(m.mapped / PAGE_SIZE),
		  (unsigned long long)(m.shmem / PAGE_SIZE),
		  (unsigned long long)(m.shmem / PAGE_SIZE));
	sb_printf(out,
		  "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault %llu\n"
		  "pgmajfault %llu\noom_kill 0\n",
		  (unsigned long long)cpu.minflt, (unsigned long long)cpu.majflt);
	return 0;
}

/* --- names ------------------------------------------------------------------------- */

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

static int get_cpu_text(struct kernel *k, struct cpu_text **out)
{
	struct cpu_text *made, *t = NULL;
	int r;

	*out = atomic_load(&k->cpu_text);
	if (*out)
		return 0;
	r = cpu_text_create(&made);
	if (r)
		return r;
	/* Two may have made it: the first one's stays. */
	if (!atomic_compare_exchange_strong(&k->cpu_text, &t, made)) {
		cpu_text_free(made);
		made = t;
	}
	*out = made;
	return 0;
}

int show_cpuinfo(const struct proc_call *c, struct strbuf *out)
{
	struct kernel *k = c->k;
	int64_t us = (clock_mono_ns() - k->boot_mono_ns) / NSEC_PER_USEC;
	/* Since boot is long enough to tell the counter's frequency. */
	uint64_t khz = us > 0 ? (cpu_tsc() - k->boot_tsc) * 1000 / (uint64_t)us : 0;

	struct cpu_text *text;
	int r = get_cpu_text(k, &text);

	for (unsigned i = 0; !r && i < k->config.n_cpus; i++)
		cpu_text_show(text, i, k->config.n_cpus, khz, out);
	return r;
}
