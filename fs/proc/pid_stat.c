// SPDX-License-Identifier: Apache-2.0
/* stat, statm, comm: a process in numbers. Source: proc_pid_stat(5), Linux's array.c. */
#include <string.h>

#include "fs/proc/pid_info.h"
#include "sentry/mm/mm.h"
#include "sentry/task/exec.h"
#include "sentry/task/rusage.h"
#include "sentry/task/signal.h"
#include "sentry/task/sched.h"
#include "sentry/task/tty_session.h"

char task_state_letter(struct task *t)
{
	static const char letters[] = {
		[TASK_RUNNING] = 'R', [TASK_SLEEPING] = 'S', [TASK_UNINTERRUPTIBLE] = 'D',
		[TASK_STOPPED] = 'T', [TASK_ZOMBIE] = 'Z',   [TASK_DEAD] = 'X',
	};
	unsigned state = atomic_load(&t->state);

	return state < sizeof(letters) ? letters[state] : 'X';
}

void task_comm(struct task *t, char comm[16])
{
	mutex_lock(&t->lock);
	memcpy(comm, t->comm, 16);
	mutex_unlock(&t->lock);
	comm[15] = '\0';
}

struct mm *call_mm_get(const struct proc_call *c)
{
	if (!c->mm_fixed)
		return task_mm_get(c->t);
	return c->mm && mm_tryget(c->mm) ? c->mm : NULL;
}

void task_mem_info(struct task *t, struct mem_info *out)
{
	mem_info_of(task_mm_get(t), out);
}

void mem_info_of(struct mm *mm, struct mem_info *out)
{
	*out = (struct mem_info){0};
	if (!mm)
		return;
	out->mm = mm;
	if (mm->as->ops->usage)
		mm->as->ops->usage(mm->as, &out->use);
	mutex_lock(&mm->lock);
	out->total = mm->total;
	out->peak = mm->total_peak;
	out->data = mm->data;
	out->stack = mm->stack_size;
	out->exec = mm->exec_size;
	out->locked = mm->locked;
	out->start_code = mm->start_code;
	out->end_code = mm->end_code;
	out->start_data = mm->start_data;
	out->end_data = mm->end_data;
	out->start_brk = mm->start_brk;
	out->start_stack = mm->start_stack;
	out->arg_start = mm->arg_start;
	out->arg_end = mm->arg_end;
	out->env_start = mm->env_start;
	out->env_end = mm->env_end;
	mutex_unlock(&mm->lock);
	out->rss = out->use.rss_anon + out->use.rss_file + out->use.rss_shmem;
}

void mem_info_done(struct mem_info *m)
{
	if (m->mm)
		mm_put(m->mm);
	m->mm = NULL;
}

void task_signals(struct task *t, struct signal_info *out)
{
	const struct sighand *sh;

	tg_sighand_lock(t->tg);
	sh = t->tg->sighand;
	out->pending = t->pending.set;
	out->shared = t->tg->pending.set;
	out->blocked = signal_peek_mask_locked(t);
	out->ignored = out->caught = 0;
	for (int i = 0; i < LX_NSIG; i++) {
		uint64_t h = sh->action[i].handler;

		if (h == LX_SIG_IGN)
			out->ignored |= 1ull << i;
		else if (h != LX_SIG_DFL)
			out->caught |= 1ull << i;
	}
	tg_sighand_unlock(t->tg);
}

/* --- stat -------------------------------------------------------------------------- */

struct family {
	int ppid, pgrp, session, tty_nr, tpgid, n_threads, exit_signal, exit_code;
	struct rusage_sum children;
	int64_t start_ns;
};

static void get_family(const struct proc_call *c, struct family *out)
{
	struct thread_group *tg = c->t->tg;
	struct tty *tty;
	struct pid *fg;

	*out = (struct family){.tpgid = -1, .start_ns = c->t->start_ns};
	mutex_lock(&c->k->tasklist);
	if (tg->parent)
		out->ppid = pid_nr_in(tg->parent->pid_self, c->ns);
	out->pgrp = pid_nr_in(tg->pid[PIDTYPE_PGID], c->ns);
	out->session = pid_nr_in(tg->pid[PIDTYPE_SID], c->ns);
	out->n_threads = (int)tg->n_threads;
	/* A zombie leader counts until it is reaped. */
	if (!out->n_threads)
		out->n_threads = 1;
	out->exit_signal = tg->leader == c->t ? tg->exit_signal : -1;
	out->exit_code = c->t->exited ? c->t->exit_code : 0;
	out->children = tg->dead_children;
	mutex_unlock(&c->k->tasklist);
	mutex_lock(&tg->lock);
	tty = tg->tty ? tty_get(tg->tty) : NULL;
	mutex_unlock(&tg->lock);
	if (!tty)
		return;
	out->tty_nr = (int)tty_dev(tty);
	fg = tty_foreground(tty);
	out->tpgid = fg ? pid_nr_in(fg, c->ns) : -1;
	pid_put(fg);
	tty_put(tty);
}

/* As Linux's task_prio(): 20 + nice, or below zero for real-time ones. */
static int shown_priority(const struct sched_params *p)
{
	return sched_policy_rt(p->policy) ? -1 - p->rt_priority : 20 + p->nice;
}

static int stat_line(const struct proc_call *c, bool whole, struct strbuf *out)
{
	bool may_look = !proc_check_access(c, PROC_READ);
	struct task *t = c->t;
	struct signal_info sig;
	struct sched_params sp;
	struct rusage_sum use;
	struct mem_info m;
	struct family f;
	char comm[16];

	get_family(c, &f);
	task_comm(t, comm);
	task_signals(t, &sig);
	sched_get(t, &sp);
	/* First: who else uses the address space tells whose its CPU time is. */
	if (whole)
		usage_process(t->tg, NULL, &use);
	else
		usage_thread(t, &use);
	task_mem_info(t, &m);
	sb_printf(out, "%d (%s) %c %d %d %d %d %d 0 %llu %llu %llu %llu",
		  pid_nr_in(t->pid, c->ns), comm, task_state_letter(t), f.ppid, f.pgrp,
		  f.session, f.tty_nr, f.tpgid, (unsigned long long)use.minflt,
		  (unsigned long long)f.children.minflt, (unsigned long long)use.majflt,
		  (unsigned long long)f.children.majflt);
	sb_printf(out, " %llu %llu %llu %llu %d %d %d 0 %llu",
		  (unsigned long long)proc_ticks(use.utime_ns),
		  (unsigned long long)proc_ticks(use.stime_ns),
		  (unsigned long long)proc_ticks(f.children.utime_ns),
		  (unsigned long long)proc_ticks(f.children.stime_ns),
		  shown_priority(&sp), sp.nice, f.n_threads,
		  (unsigned long long)proc_ticks(f.start_ns + proc_boot_offset_ns()));
	sb_printf(out, " %llu %llu %llu %llu %llu %llu 0 0", (unsigned long long)m.total,
		  (unsigned long long)(m.rss / PAGE_SIZE),
		  (unsigned long long)task_rlimit(t, LX_RLIMIT_RSS),
		  (unsigned long long)(!m.mm	  ? 0
				       : may_look ? m.start_code
						  : 1),
		  (unsigned long long)(!m.mm	  ? 0
				       : may_look ? m.end_code
						  : 1),
		  (unsigned long long)(may_look ? m.start_stack : 0));
	/* Signals as they were before there were real-time ones: 31 bits. */
	sb_printf(out, " %llu %llu %llu %llu %d 0 0 %d 0 %d %d 0 0 0",
		  (unsigned long long)(sig.pending & 0x7fffffff),
		  (unsigned long long)(sig.blocked & 0x7fffffff),
		  (unsigned long long)(sig.ignored & 0x7fffffff),
		  (unsigned long long)(sig.caught & 0x7fffffff),
		  task_state_letter(t) != 'R', f.exit_signal, sp.rt_priority, sp.policy);
	if (m.mm && may_look)
		sb_printf(out, " %llu %llu %llu %llu %llu %llu %llu",
			  (unsigned long long)m.start_data,
			  (unsigned long long)m.end_data, (unsigned long long)m.start_brk,
			  (unsigned long long)m.arg_start, (unsigned long long)m.arg_end,
			  (unsigned long long)m.env_start, (unsigned long long)m.env_end);
	else
		sb_puts(out, " 0 0 0 0 0 0 0");
	sb_printf(out, " %d\n", may_look ? f.exit_code : 0);
	mem_info_done(&m);
	return 0;
}

int show_stat(const struct proc_call *c, struct strbuf *out)
{
	return stat_line(c, true, out);
}

int show_thread_stat(const struct proc_call *c, struct strbuf *out)
{
	return stat_line(c, false, out);
}

int show_statm(const struct proc_call *c, struct strbuf *out)
{
	struct mem_info m;

	task_mem_info(c->t, &m);
	sb_printf(out, "%llu %llu %llu %llu 0 %llu 0\n",
		  (unsigned long long)(m.total / PAGE_SIZE),
		  (unsigned long long)(m.rss / PAGE_SIZE),
		  (unsigned long long)((m.use.rss_file + m.use.rss_shmem) / PAGE_SIZE),
		  (unsigned long long)((page_up(m.end_code) - page_down(m.start_code)) /
				       PAGE_SIZE),
		  (unsigned long long)((m.data + m.stack) / PAGE_SIZE));
	mem_info_done(&m);
	return 0;
}

/* task/TID/children: of this thread, for who walks down the tree. */
int show_children(const struct proc_call *c, struct strbuf *out)
{
	struct thread_group *child;

	mutex_lock(&c->k->tasklist);
	list_for_each (child, &c->t->tg->children, sibling)
		if (child->parent_task == c->t && pid_nr_in(child->pid_self, c->ns))
			sb_printf(out, "%d ", pid_nr_in(child->pid_self, c->ns));
	mutex_unlock(&c->k->tasklist);
	return 0;
}

/* --- comm -------------------------------------------------------------------------- */

int show_comm(const struct proc_call *c, struct strbuf *out)
{
	char comm[16];

	task_comm(c->t, comm);
	sb_printf(out, "%s\n", comm);
	return 0;
}

ssize_t write_comm(const struct proc_call *c, char *text, size_t len)
{
	/* Threads name each other, processes do not. */
	if (!c->viewer || c->viewer->tg != c->t->tg)
		return -EINVAL;
	task_set_comm(c->t, text);
	return (ssize_t)len;
}
