// SPDX-License-Identifier: Apache-2.0
/*
 * CPU time is real: user time is what the host gave the guest's threads, system time what
 * the Sentry's thread of the task used, but for what both spent at once, when one of
 * them waits for the other in a loop. Only a task's own thread can ask its ctx; of a
 * process as a whole the address space's usage is known to anybody.
 */
#include "sentry/task/rusage.h"

#include "sentry/mm/mm.h"
#include "sentry/task/internal.h"

/* The CPU clock of a thread of ours, as pthread_getcpuclockid() would name it. */
static clockid_t thread_clock(int htid)
{
	return (clockid_t)(~(unsigned)htid << 3 | 6);
}

void rusage_add(struct rusage_sum *to, const struct rusage_sum *from)
{
	to->utime_ns += from->utime_ns;
	to->stime_ns += from->stime_ns;
	to->minflt += from->minflt;
	to->majflt += from->majflt;
	to->nvcsw += from->nvcsw;
	to->nivcsw += from->nivcsw;
	to->inblock += from->inblock;
	to->oublock += from->oublock;
	to->rchar += from->rchar;
	to->wchar += from->wchar;
	to->syscr += from->syscr;
	to->syscw += from->syscw;
	to->maxrss = max_t(uint64_t, to->maxrss, from->maxrss);
}

/* With @now on the clock of the task's thread. */
static int64_t stime_at(struct task *t, int64_t now)
{
	return now - t->stime_base_ns - cpu_overlap_at(&t->overlap, now);
}

static void sample_stime(struct task *t)
{
	const int64_t now = stime_at(t, clock_ns(CLOCK_THREAD_CPUTIME_ID));

	if (now > atomic_load_explicit(&t->stime_ns, memory_order_relaxed))
		atomic_store_explicit(&t->stime_ns, now, memory_order_relaxed);
}

void task_sample_times(struct task *t)
{
	if (t->mem.ctx)
		atomic_store_explicit(&t->utime_ns, t->mem.ctx->ops->cpu_time(t->mem.ctx),
				      memory_order_relaxed);
	sample_stime(t);
}

static void from_samples(struct task *t, struct rusage_sum *out)
{
	*out = (struct rusage_sum){
		.utime_ns = atomic_load_explicit(&t->utime_ns, memory_order_relaxed),
		.stime_ns = atomic_load_explicit(&t->stime_ns, memory_order_relaxed),
		.nvcsw = atomic_load_explicit(&t->n_switches, memory_order_relaxed),
		.rchar = atomic_load_explicit(&t->rchar, memory_order_relaxed),
		.wchar = atomic_load_explicit(&t->wchar, memory_order_relaxed),
		.syscr = atomic_load_explicit(&t->syscr, memory_order_relaxed),
		.syscw = atomic_load_explicit(&t->syscw, memory_order_relaxed),
	};
}

/* Memory figures belong to the address space, so to the process. *u: all of them. */
static void add_memory(struct mm *mm, struct rusage_sum *out, struct as_usage *u)
{
	*u = (struct as_usage){0};
	if (mm->as->ops->usage)
		mm->as->ops->usage(mm->as, u); /* without a procfs: the CPU time alone */
	out->minflt += u->min_flt;
	out->majflt += u->maj_flt;
	out->maxrss =
		max_t(uint64_t, out->maxrss, u->rss_anon + u->rss_file + u->rss_shmem);
}

void usage_add_peak(struct task *t, struct rusage_sum *out)
{
	struct addr_space *as = t->mem.mm->as;

	if (as->ops->rss_peak)
		out->maxrss = max_t(uint64_t, out->maxrss, as->ops->rss_peak(as));
}

void usage_self_thread(struct task *t, struct rusage_sum *out)
{
	struct as_usage u;

	task_sample_times(t);
	from_samples(t, out);
	add_memory(t->mem.mm, out, &u);
}

void usage_thread(struct task *t, struct rusage_sum *out)
{
	from_samples(t, out);
	if (t->htid && !t->exited) {
		int64_t now = stime_at(t, clock_ns(thread_clock(t->htid)));

		if (now > out->stime_ns)
			out->stime_ns = now;
	}
}

/*
 * A thread's own user time is dear to ask for, and nobody asks once it has exited: where
 * the address space is the process's alone, it is in that one's. *last: it ends, too.
 */
static bool leave_untold(struct task *t, bool *last)
{
	struct mm *mm = t->mem.mm;
	const unsigned users = refcount_read(&mm->users);
	bool untold;

	*last = users == 1 && refcount_read(&mm->ref) == 1;
	mutex_lock(&t->k->tasklist);
	untold = users > 1 && users <= t->tg->n_threads;
	if (untold)
		t->tg->untold = true;
	untold |= t->tg->untold && *last;
	mutex_unlock(&t->k->tasklist);
	return untold;
}

void task_final_usage(struct task *t, struct rusage_sum *out)
{
	struct as_usage u;
	bool last, untold = leave_untold(t, &last);

	if (untold)
		sample_stime(t);
	else
		task_sample_times(t);
	from_samples(t, out);
	if (untold)
		out->utime_ns = 0;
	/* What the address space has used comes with its end, unless it lives on. */
	if (!last && refcount_read(&t->mem.mm->users) == 1)
		add_memory(t->mem.mm, out, &u);
}

void usage_add_last(struct thread_group *tg, const struct as_usage *last,
		    struct rusage_sum *out)
{
	int64_t told;

	out->minflt += last->min_flt;
	out->majflt += last->maj_flt;
	out->maxrss = max_t(uint64_t, out->maxrss, last->rss_anon);
	mutex_lock(&tg->k->tasklist);
	told = tg->dead_threads.utime_ns;
	if (tg->untold)
		out->utime_ns = max_t(int64_t, out->utime_ns, last->cpu_ns - told);
	mutex_unlock(&tg->k->tasklist);
}

void usage_process(struct thread_group *tg, struct task *caller, struct rusage_sum *out)
{
	struct rusage_sum one;
	struct as_usage u;
	struct mm *mm = NULL;
	struct task *t;
	unsigned n = 0;
	bool untold;

	if (caller && caller->tg == tg)
		task_sample_times(caller);
	mutex_lock(&tg->k->tasklist);
	*out = tg->dead_threads;
	untold = tg->untold;
	list_for_each (t, &tg->threads, group_node) {
		if (t->exited)
			continue;
		usage_thread(t, &one);
		rusage_add(out, &one);
		n++;
		if (!mm)
			mm = task_mm_get(t);
	}
	mutex_unlock(&tg->k->tasklist);
	if (!mm)
		return;
	/*
	 * What other threads have computed since they last looked: if the address space
	 * is this process's alone, all its CPU time is.
	 */
	add_memory(mm, out, &u);
	if ((n > 1 || untold || !caller || caller->tg != tg) &&
	    refcount_read(&mm->users) <= n + 1 && u.cpu_ns > out->utime_ns)
		out->utime_ns = u.cpu_ns;
	mm_put(mm);
}
