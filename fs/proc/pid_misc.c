// SPDX-License-Identifier: Apache-2.0
/* Small texts of a process, and settings that are written there. Source: proc(5). */
#include <stdio.h>
#include <string.h>

#include "fs/proc/pid_info.h"
#include "sentry/task/meminfo.h"
#include "sentry/task/posix_timer.h"
#include "sentry/task/rusage.h"
#include "sentry/task/sched.h"

/* --- the out-of-memory killer's view ----------------------------------------------- */

#define OOM_ADJ_MIN -1000
#define OOM_ADJ_MAX 1000
#define OOM_OLD_MAX 15
#define OOM_OLD_OFF -17

static int oom_adj(struct thread_group *tg)
{
	int adj;

	mutex_lock(&tg->lock);
	adj = tg->oom_score_adj;
	mutex_unlock(&tg->lock);
	return adj;
}

int show_oom_score_adj(const struct proc_call *c, struct strbuf *out)
{
	sb_printf(out, "%d\n", oom_adj(c->t->tg));
	return 0;
}

/*
 * Unprivileged ones may not go below what a privileged one has set last; by the older
 * file they may only go up.
 */
static int set_oom_adj(const struct proc_call *c, int adj, bool older)
{
	struct thread_group *tg = c->t->tg;
	bool privileged =
		c->viewer && cred_init_capable(c->viewer->cred, LX_CAP_SYS_RESOURCE);
	int r = 0;

	mutex_lock(&tg->lock);
	if (adj < (older ? tg->oom_score_adj : tg->oom_score_adj_min) && !privileged) {
		r = -EACCES;
	} else {
		tg->oom_score_adj = adj;
		if (privileged && !older)
			tg->oom_score_adj_min = adj;
	}
	mutex_unlock(&tg->lock);
	return r;
}

ssize_t write_oom_score_adj(const struct proc_call *c, char *text, size_t len)
{
	long adj;
	int r = proc_parse_long(text, &adj);

	if (!r && (adj < OOM_ADJ_MIN || adj > OOM_ADJ_MAX))
		r = -EINVAL;
	if (!r)
		r = set_oom_adj(c, (int)adj, false);
	return r ? r : (ssize_t)len;
}

/* The older scale, -17 (never) to 15. */
int show_oom_adj(const struct proc_call *c, struct strbuf *out)
{
	int adj = oom_adj(c->t->tg);

	sb_printf(out, "%d\n",
		  adj == OOM_ADJ_MAX ? OOM_OLD_MAX : adj * -OOM_OLD_OFF / OOM_ADJ_MAX);
	return 0;
}

ssize_t write_oom_adj(const struct proc_call *c, char *text, size_t len)
{
	long adj;
	int r = proc_parse_long(text, &adj);

	if (!r && (adj < OOM_OLD_OFF || adj > OOM_OLD_MAX))
		r = -EINVAL;
	if (!r)
		r = set_oom_adj(c,
				adj == OOM_OLD_MAX
					? OOM_ADJ_MAX
					: (int)adj * OOM_ADJ_MAX / -OOM_OLD_OFF,
				true);
	return r ? r : (ssize_t)len;
}

int show_oom_score(const struct proc_call *c, struct strbuf *out)
{
	int64_t total = 1, points = 0;
	int adj = oom_adj(c->t->tg);
	struct meminfo mi;
	struct mem_info m;

	task_mem_info(c->t, &m);
	if (m.mm && adj != OOM_ADJ_MIN) {
		kernel_meminfo(c->k, &mi);
		total = max_t(int64_t, mi.total / PAGE_SIZE, 1);
		points = (int64_t)((m.rss + m.use.swap) / PAGE_SIZE) +
			 adj * (total / 1000);
		points = (1000 + points * 1000 / total) * 2 / 3;
	}
	mem_info_done(&m);
	sb_printf(out, "%lld\n", (long long)max_t(int64_t, points, 0));
	return 0;
}

/* --- memory settings --------------------------------------------------------------- */

#define DUMP_FILTER_ALL 0x1ff

int show_coredump_filter(const struct proc_call *c, struct strbuf *out)
{
	struct mm *mm = task_mm_get(c->t);

	if (!mm)
		return 0;
	sb_printf(out, "%08x\n", atomic_load(&mm->dump_filter));
	mm_put(mm);
	return 0;
}

ssize_t write_coredump_filter(const struct proc_call *c, char *text, size_t len)
{
	struct mm *mm;
	long v;
	int r = proc_parse_long(text, &v);

	if (r)
		return r;
	mm = task_mm_get(c->t);
	if (!mm)
		return -ESRCH;
	atomic_store(&mm->dump_filter, (unsigned)v & DUMP_FILTER_ALL);
	mm_put(mm);
	return (ssize_t)len;
}

/*
 * 5 resets the peak of resident memory, which is the host's to count: it cannot be told.
 * The others clear marks of pages that this kernel, as others without them, does not
 * keep.
 */
ssize_t write_clear_refs(const struct proc_call *c, char *text, size_t len)
{
	long v;
	int r = proc_parse_long(text, &v);

	(void)c;
	if (r)
		return r;
	return v == 5 ? (ssize_t)len : -EINVAL;
}

/* --- who logged in ----------------------------------------------------------------- */

int show_loginuid(const struct proc_call *c, struct strbuf *out)
{
	uint32_t uid = atomic_load_explicit(&c->t->loginuid, memory_order_relaxed);

	sb_printf(out, "%u",
		  uid == UINT32_MAX ? uid : user_ns_unmap_uid(c->user_ns, uid));
	return 0;
}

int show_sessionid(const struct proc_call *c, struct strbuf *out)
{
	sb_printf(out, "%u",
		  atomic_load_explicit(&c->t->sessionid, memory_order_relaxed));
	return 0;
}

/* One's own only. Once it is set, changing it takes CAP_AUDIT_CONTROL. */
ssize_t write_loginuid(const struct proc_call *c, char *text, size_t len)
{
	struct task *t = c->viewer;
	uint32_t uid = UINT32_MAX;
	long v;
	int r;

	if (t != c->t)
		return -EPERM;
	r = c->pos ? -EINVAL : proc_parse_long(text, &v);
	if (r)
		return r;
	if (v < 0 || v > UINT32_MAX)
		return -EINVAL;
	if (v != UINT32_MAX && !user_ns_map_uid(c->user_ns, (uint32_t)v, &uid))
		return -EINVAL;
	if (t->loginuid != UINT32_MAX &&
	    !cred_init_capable(t->cred, LX_CAP_AUDIT_CONTROL))
		return -EPERM;
	t->sessionid = uid == UINT32_MAX ? UINT32_MAX
					 : atomic_fetch_add(&c->k->last_sessionid, 1) + 1;
	t->loginuid = uid;
	return (ssize_t)len;
}

/* --- scheduling -------------------------------------------------------------------- */

int show_sched(const struct proc_call *c, struct strbuf *out)
{
	struct sched_params sp;
	struct rusage_sum use;
	char comm[16];
	int64_t ns;

	task_comm(c->t, comm);
	sched_get(c->t, &sp);
	usage_thread(c->t, &use);
	ns = use.utime_ns + use.stime_ns;
	sb_printf(out, "%s (%d, #threads: %u)\n", comm, pid_nr_in(c->t->pid, c->ns),
		  c->t->tg->n_threads);
	sb_puts(out,
		"-------------------------------------------------------------------\n");
	sb_printf(out, "%-45s:%21lld.%06lld\n", "se.sum_exec_runtime",
		  (long long)(ns / NSEC_PER_MSEC), (long long)(ns % NSEC_PER_MSEC));
	sb_printf(out, "%-45s:%21llu\n", "nr_switches", (unsigned long long)use.nvcsw);
	sb_printf(out, "%-45s:%21llu\n", "nr_voluntary_switches",
		  (unsigned long long)use.nvcsw);
	sb_printf(out, "%-45s:%21d\n", "nr_involuntary_switches", 0);
	sb_printf(out, "%-45s:%21d\n", "policy", sp.policy);
	sb_printf(out, "%-45s:%21d\n", "prio",
		  sched_policy_rt(sp.policy) ? 99 - sp.rt_priority : 120 + sp.nice);
	return 0;
}

int show_schedstat(const struct proc_call *c, struct strbuf *out)
{
	struct rusage_sum use;

	usage_thread(c->t, &use);
	sb_printf(out, "%lld 0 %llu\n", (long long)(use.utime_ns + use.stime_ns),
		  (unsigned long long)use.nvcsw);
	return 0;
}

/* Anybody's file by its mode: one's own, or with CAP_SYS_NICE over the other. */
static bool may_see_slack(const struct proc_call *c)
{
	const struct cred *tc;
	bool r;

	if (!c->viewer || c->viewer == c->t)
		return true;
	tc = task_cred(c->t);
	r = cred_capable(c->viewer->cred, tc->user_ns, LX_CAP_SYS_NICE);
	cred_put(tc);
	return r;
}

ssize_t write_timerslack(const struct proc_call *c, char *text, size_t len)
{
	long v;
	int r = proc_parse_long(text, &v);

	if (r)
		return r;
	if (v < 0)
		return -EINVAL;
	if (!may_see_slack(c))
		return -EPERM;
	/* 0: the default, as prctl(PR_SET_TIMERSLACK) has it. */
	c->t->timer_slack_ns = v ? (uint64_t)v : 50000;
	return (ssize_t)len;
}

int show_timerslack(const struct proc_call *c, struct strbuf *out)
{
	if (!may_see_slack(c))
		return -EPERM;
	sb_printf(out, "%llu\n", (unsigned long long)c->t->timer_slack_ns);
	return 0;
}

int show_timers(const struct proc_call *c, struct strbuf *out)
{
	posix_timers_show(c->t->tg, c->ns, out);
	return 0;
}

/* --- what it does now -------------------------------------------------------------- */

int show_wchan(const struct proc_call *c, struct strbuf *out)
{
	const char *what = atomic_load_explicit(&c->t->wait_what, memory_order_acquire);

	if (!what || proc_check_access(c, PROC_READ)) {
		sb_puts(out, "0");
		return 0;
	}
	for (; *what; what++)
		sb_append(out, *what == ' ' ? "_" : what, 1);
	return 0;
}

int show_syscall(const struct proc_call *c, struct strbuf *out)
{
	struct task *t = c->t;
	struct ctx_syscall sc = {0};
	bool in_call = false;

	/* The call stands in the ctx, which is there as long as this lock is held. */
	mutex_lock(&t->kick_lock);
	if (t->mem.ctx && atomic_load_explicit(&t->sc, memory_order_acquire) &&
	    atomic_load_explicit(&t->wait_what, memory_order_acquire)) {
		sc = t->mem.ctx->sc;
		in_call = true;
	}
	mutex_unlock(&t->kick_lock);
	if (!in_call) {
		sb_puts(out, "running\n");
		return 0;
	}
	sb_printf(out, "%lld", (long long)sc.nr);
	for (int i = 0; i < 6; i++)
		sb_printf(out, " 0x%llx", (unsigned long long)sc.args[i]);
	sb_printf(out, " 0x%llx 0x%llx\n", (unsigned long long)sc.rsp,
		  (unsigned long long)sc.rip);
	return 0;
}

int show_personality(const struct proc_call *c, struct strbuf *out)
{
	sb_printf(out, "%08x\n", (unsigned)c->t->personality);
	return 0;
}

/* --- input and output -------------------------------------------------------------- */

/* No bytes are known to have reached a disk: that is the host's business. */
static int put_io(const struct rusage_sum *u, struct strbuf *out)
{
	sb_printf(out,
		  "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\nread_bytes: 0\n"
		  "write_bytes: 0\ncancelled_write_bytes: 0\n",
		  (unsigned long long)u->rchar, (unsigned long long)u->wchar,
		  (unsigned long long)u->syscr, (unsigned long long)u->syscw);
	return 0;
}

int show_thread_io(const struct proc_call *c, struct strbuf *out)
{
	struct rusage_sum use;

	usage_thread(c->t, &use);
	return put_io(&use, out);
}

int show_io(const struct proc_call *c, struct strbuf *out)
{
	struct rusage_sum use;

	usage_process(c->t->tg, NULL, &use);
	return put_io(&use, out);
}
