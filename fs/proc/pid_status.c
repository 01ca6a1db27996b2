// SPDX-License-Identifier: Apache-2.0
/* status, limits, cgroup: a process in words. Source: proc_pid_status(5). */
#include <string.h>

#include "fs/proc/pid_info.h"
#include "sentry/base/cpumask.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/sched.h"
#include "sentry/task/user_ns.h"

static const char *state_text(char letter)
{
	switch (letter) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "X (dead)";
	}
}

/* Control characters and backslashes of a name, as Linux's proc_task_name(). */
static void put_name(struct strbuf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			sb_puts(out, "\\n");
		else if (*s == '\\')
			sb_puts(out, "\\\\");
		else
			sb_append(out, s, 1);
	}
}

/* This pid in the namespace of the instance and all below, as far as it has numbers. */
static void put_numbers(const struct proc_call *c, const char *key, const struct pid *pid,
			struct strbuf *out)
{
	sb_printf(out, "%s:", key);
	for (unsigned i = c->ns->level; pid && i <= pid->level; i++)
		sb_printf(out, "\t%d", pid->nr[i].nr);
	sb_puts(out, "\n");
}

static void put_ids(const struct proc_call *c, const struct cred *cr, struct strbuf *out)
{
	struct user_ns *ns = c->user_ns;

	sb_printf(out, "Uid:\t%u\t%u\t%u\t%u\n", user_ns_unmap_uid(ns, cr->uid),
		  user_ns_unmap_uid(ns, cr->euid), user_ns_unmap_uid(ns, cr->suid),
		  user_ns_unmap_uid(ns, cr->fsuid));
	sb_printf(out, "Gid:\t%u\t%u\t%u\t%u\n", user_ns_unmap_gid(ns, cr->gid),
		  user_ns_unmap_gid(ns, cr->egid), user_ns_unmap_gid(ns, cr->sgid),
		  user_ns_unmap_gid(ns, cr->fsgid));
}

static void put_head(const struct proc_call *c, const struct cred *cr, struct strbuf *out)
{
	struct thread_group *tg = c->t->tg;
	unsigned n_fds;
	uint32_t umask = 0;
	bool has_fs;
	char comm[16];
	int ppid;

	task_comm(c->t, comm);
	mutex_lock(&c->t->lock);
	n_fds = c->t->files ? fd_table_size(c->t->files) : 0;
	has_fs = c->t->fs != NULL;
	if (has_fs)
		umask = atomic_load_explicit(&c->t->fs->umask, memory_order_relaxed);
	mutex_unlock(&c->t->lock);
	mutex_lock(&c->k->tasklist);
	ppid = tg->parent ? pid_nr_in(tg->parent->pid_self, c->ns) : 0;
	mutex_unlock(&c->k->tasklist);
	sb_puts(out, "Name:\t");
	put_name(out, comm);
	sb_puts(out, "\n");
	if (has_fs)
		sb_printf(out, "Umask:\t%#04o\n", umask);
	sb_printf(out, "State:\t%s\n", state_text(task_state_letter(c->t)));
	sb_printf(out, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		  pid_nr_in(tg->pid_self, c->ns), pid_nr_in(c->t->pid, c->ns), ppid);
	put_ids(c, cr, out);
	sb_printf(out, "FDSize:\t%u\nGroups:\t", n_fds);
	for (unsigned i = 0; cr->groups && i < cr->groups->n; i++)
		sb_printf(out, "%u ", user_ns_unmap_gid(c->user_ns, cr->groups->gid[i]));
	if (!cr->groups || !cr->groups->n)
		sb_puts(out, " ");
	sb_puts(out, "\n");
}

static void put_pids(const struct proc_call *c, struct strbuf *out)
{
	struct thread_group *tg = c->t->tg;

	mutex_lock(&c->k->tasklist);
	put_numbers(c, "NStgid", tg->pid_self, out);
	put_numbers(c, "NSpid", c->t->pid, out);
	put_numbers(c, "NSpgid", tg->pid[PIDTYPE_PGID], out);
	put_numbers(c, "NSsid", tg->pid[PIDTYPE_SID], out);
	mutex_unlock(&c->k->tasklist);
	sb_puts(out, "Kthread:\t0\n");
}

static void put_kb(struct strbuf *out, const char *key, uint64_t bytes)
{
	sb_printf(out, "%s:\t%8llu kB\n", key, (unsigned long long)(bytes >> 10));
}

static void put_memory(const struct proc_call *c, struct strbuf *out)
{
	uint64_t text, lib, peak_rss;
	struct mem_info m;

	task_mem_info(c->t, &m);
	if (!m.mm)
		return;
	text = page_up(m.end_code) - page_down(m.start_code);
	text = min_t(uint64_t, text, m.exec);
	lib = m.exec - text;
	peak_rss = m.mm->as->ops->rss_peak ? m.mm->as->ops->rss_peak(m.mm->as) : 0;
	put_kb(out, "VmPeak", max_t(uint64_t, m.peak, m.total));
	put_kb(out, "VmSize", m.total);
	put_kb(out, "VmLck", m.locked);
	put_kb(out, "VmPin", 0);
	put_kb(out, "VmHWM", max_t(uint64_t, peak_rss, m.rss));
	put_kb(out, "VmRSS", m.rss);
	put_kb(out, "RssAnon", m.use.rss_anon);
	put_kb(out, "RssFile", m.use.rss_file);
	put_kb(out, "RssShmem", m.use.rss_shmem);
	put_kb(out, "VmData", m.data);
	put_kb(out, "VmStk", m.stack);
	put_kb(out, "VmExe", text);
	put_kb(out, "VmLib", lib);
	/* One table page for 2 MB, as many as the resident memory needs at least. */
	put_kb(out, "VmPTE", page_up((m.rss >> 9) + 1));
	put_kb(out, "VmSwap", m.use.swap);
	put_kb(out, "HugetlbPages", 0);
	sb_printf(out,
		  "CoreDumping:\t0\nTHP_enabled:\t%d\nuntag_mask:\t0xffffffffffffffff\n",
		  !atomic_load(&m.mm->thp_disabled));
	mem_info_done(&m);
}

static void put_signals(const struct proc_call *c, const struct cred *cr,
			struct strbuf *out)
{
	struct signal_info sig;
	unsigned n_threads;

	mutex_lock(&c->k->tasklist);
	n_threads = c->t->tg->n_threads;
	mutex_unlock(&c->k->tasklist);
	task_signals(c->t, &sig);
	sb_printf(out, "Threads:\t%u\nSigQ:\t%d/%llu\n", n_threads ? n_threads : 1,
		  atomic_load(&cr->user->n_sigpending),
		  (unsigned long long)task_rlimit(c->t, LX_RLIMIT_SIGPENDING));
	sb_printf(
		out,
		"SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\n"
		"SigCgt:\t%016llx\n",
		(unsigned long long)sig.pending, (unsigned long long)sig.shared,
		(unsigned long long)sig.blocked, (unsigned long long)sig.ignored,
		(unsigned long long)sig.caught);
}

static void put_tail(const struct proc_call *c, const struct cred *cr, struct strbuf *out)
{
	uint64_t cpus[MAX_CPUS / 64];
	unsigned n = c->k->config.n_cpus;

	sb_printf(
		out,
		"CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
		"CapAmb:\t%016llx\n",
		(unsigned long long)cr->cap_inheritable,
		(unsigned long long)cr->cap_permitted,
		(unsigned long long)cr->cap_effective, (unsigned long long)cr->cap_bset,
		(unsigned long long)cr->cap_ambient);
	sb_printf(out, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n",
		  c->t->no_new_privs);
	sched_get_cpus(c->t, cpus);
	sb_puts(out, "Cpus_allowed:\t");
	cpumask_put_hex(out, cpus, n);
	sb_puts(out, "\nCpus_allowed_list:\t");
	cpumask_put_list(out, cpus, n);
	sb_puts(out, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
	sb_printf(out, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t0\n",
		  (unsigned long long)atomic_load(&c->t->n_switches));
}

int show_status(const struct proc_call *c, struct strbuf *out)
{
	const struct cred *cr = task_cred(c->t);

	put_head(c, cr, out);
	put_pids(c, out);
	put_memory(c, out);
	put_signals(c, cr, out);
	put_tail(c, cr, out);
	cred_put(cr);
	return 0;
}

/* --- limits ------------------------------------------------------------------------ */

static const struct {
	const char *name, *unit;
} limit_names[LX_RLIMIT_N] = {
	[LX_RLIMIT_CPU] = {"Max cpu time", "seconds"},
	[LX_RLIMIT_FSIZE] = {"Max file size", "bytes"},
	[LX_RLIMIT_DATA] = {"Max data size", "bytes"},
	[LX_RLIMIT_STACK] = {"Max stack size", "bytes"},
	[LX_RLIMIT_CORE] = {"Max core file size", "bytes"},
	[LX_RLIMIT_RSS] = {"Max resident set", "bytes"},
	[LX_RLIMIT_NPROC] = {"Max processes", "processes"},
	[LX_RLIMIT_NOFILE] = {"Max open files", "files"},
	[LX_RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
	[LX_RLIMIT_AS] = {"Max address space", "bytes"},
	[LX_RLIMIT_LOCKS] = {"Max file locks", "locks"},
	[LX_RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
	[LX_RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
	[LX_RLIMIT_NICE] = {"Max nice priority", NULL},
	[LX_RLIMIT_RTPRIO] = {"Max realtime priority", NULL},
	[LX_RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
};

static void put_limit(struct strbuf *out, uint64_t v)
{
	if (v == LX_RLIM_INFINITY)
		sb_printf(out, "%-20s ", "unlimited");
	else
		sb_printf(out, "%-20llu ", (unsigned long long)v);
}

int show_limits(const struct proc_call *c, struct strbuf *out)
{
	struct rlimit64 rlim[LX_RLIMIT_N];

	mutex_lock(&c->t->tg->lock);
	memcpy(rlim, c->t->tg->rlim, sizeof(rlim));
	mutex_unlock(&c->t->tg->lock);
	sb_puts(out,
		"Limit                     Soft Limit           Hard Limit           "
		"Units     \n");
	for (int i = 0; i < LX_RLIMIT_N; i++) {
		sb_printf(out, "%-25s ", limit_names[i].name);
		put_limit(out, rlim[i].cur);
		put_limit(out, rlim[i].max);
		if (limit_names[i].unit)
			sb_printf(out, "%-10s", limit_names[i].unit);
		sb_puts(out, "\n");
	}
	return 0;
}

int show_cgroup(const struct proc_call *c, struct strbuf *out)
{
	(void)c;
	/* One hierarchy (v2) without controllers, and everybody in its root. */
	sb_puts(out, "0::/\n");
	return 0;
}
