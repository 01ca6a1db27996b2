// SPDX-License-Identifier: Apache-2.0
/*
 * The sampler of --memory. It counts private resident pages of all processes, what is in
 * the page pool, and the Sentry's own heap, which guests fill with pipes and messages.
 * Files and shared memory find the pool full at what processes leave of the limit, less
 * a reserve for the small growth of all others (ENOSPC); what grows beyond the limit ends
 * by SIGKILL, the biggest first (oom.c), as the host's kernel does it in a cgroup. While
 * a process is on its way out nobody else is killed for what it still has.
 *
 * How often: as long as it takes to touch what is left at FILL_RATE. So a sandbox far
 * from its limit pays next to nothing, and one near it is caught within LOOK_MIN_NS; the
 * overshoot is what guests touch faster than that rate or within one look, some tens of
 * megabytes. When nobody used the CPU between looks, they become rare and end; the next
 * task that wakes starts them again.
 *
 * Resident pages that fork shares are in each process's count. So when the quick sum is
 * beyond the limit, the host is asked for proportional figures, which are dear.
 */
#include "sentry/task/memory_limit.h"

#include <stdio.h>

#include "sentry/abi/errno.h"
#include "sentry/abi/signal.h"
#include "sentry/base/alloc.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/pool.h"
#include "sentry/task/internal.h"
#include "sentry/task/oom.h"
#include "sentry/task/sigqueue.h"
#include "sentry/wait/timer.h"

#define FILL_RATE   8 /* bytes a nanosecond */
#define LOOK_MIN_NS (2 * NSEC_PER_MSEC)
#define LOOK_MAX_NS (100 * NSEC_PER_MSEC)
/* A killed process needs some time to give its memory back. */
#define AFTER_KILL_NS	 (10 * NSEC_PER_MSEC)
#define AFTER_KILL_LOOKS 200 /* so many times, then somebody else is killed */
#define QUIET_LOOKS	 5   /* without use of the CPU, then none */
#define RESERVE_MAX	 (16ull << 20)
#define TRIM_NS		 (20 * NSEC_PER_MSEC)

struct memory_limit {
	struct kernel *k;
	uint64_t limit;
	struct ktimer timer;
	atomic_bool resting; /* not armed until a task wakes */
	/* of the last look */
	atomic_bool tight; /* there was no more than the reserve */
	_Atomic uint64_t anon;
	/* the event loop's */
	uint64_t n_looks;
	int64_t cpu_ns; /* of all processes at the last look */
	unsigned quiet;
	unsigned patience; /* looks left for who is ending */
	int64_t trimmed_ns;
};

/* What one look finds. */
struct look {
	uint64_t own; /* the Sentry's heap: pipes, sockets, names are there */
	uint64_t anon;
	int64_t cpu_ns;
	/* exact looks only */
	struct task *worst; /* borrowed from the list */
	struct oom_score score;
	bool one_ends; /* a process on its way out still has what it had */
};

static int add_area(const struct as_area *a, void *arg)
{
	*(uint64_t *)arg += min_t(uint64_t, a->pss, a->anonymous);
	return 0;
}

/*
 * What of one process is private, with what fork shares counted in full or in parts, and
 * what it has mapped of files and shared memory.
 */
static uint64_t private_bytes(struct mm *mm, bool exact, int64_t *cpu_ns,
			      uint64_t *mapped)
{
	const struct as_ops *ops = mm->as->ops;
	struct as_usage u = {0};
	uint64_t parts = 0;

	if (ops->usage)
		ops->usage(mm->as, &u);
	*cpu_ns += u.cpu_ns;
	*mapped = u.rss_file + u.rss_shmem;
	if (exact && ops->areas && !ops->areas(mm->as, add_area, &parts))
		return parts;
	return u.rss_anon;
}

static uint64_t own_bytes(struct kernel *k)
{
	char buf[128];
	ssize_t n = k->config.statm_hfd < 0
			    ? 0
			    : host_pread(k->config.statm_hfd, buf, sizeof(buf) - 1, 0);
	unsigned long resident, shared;

	if (n <= 0)
		return 0;
	buf[n] = '\0';
	if (sscanf(buf, "%*u %lu %lu", &resident, &shared) != 2 || resident < shared)
		return 0;
	return (resident - shared) * PAGE_SIZE;
}

/* Does it give back what it has, or did it while it was looked at? */
static bool is_ending(struct thread_group *tg, uint64_t resident)
{
	bool ending;

	mutex_lock(&tg->k->tasklist);
	tg_sighand_lock(tg);
	ending = tg->group_exit && (!tg->zombie || resident);
	tg_sighand_unlock(tg);
	mutex_unlock(&tg->k->tasklist);
	return ending;
}

/* Is @t worse than all that were looked at before? */
static void judge(struct memory_limit *ml, struct task *t, uint64_t resident,
		  struct look *l)
{
	struct oom_score s;

	if (is_ending(t->tg, resident)) {
		l->one_ends = true;
		return;
	}
	oom_judge(t, resident, l->own, ml->limit, &s);
	if (l->worst && !oom_worse(&s, &l->score))
		return;
	l->worst = t;
	l->score = s;
}

static void look_at_all(struct memory_limit *ml, struct task **list, unsigned n,
			bool exact, struct look *out)
{
	*out = (struct look){.own = own_bytes(ml->k)};
	ml->n_looks++;
	for (unsigned i = 0; i < n; i++) {
		struct mm *mm = process_mm_get(list[i]->tg);
		uint64_t size = 0, mapped = 0;

		if (mm) {
			size = private_bytes(mm, exact, &out->cpu_ns, &mapped);
			/* A vfork child's is its parent's: it is there once. */
			if (mm->counted != ml->n_looks)
				out->anon += size;
			mm->counted = ml->n_looks;
			mm_put(mm);
		}
		if (exact)
			judge(ml, list[i], size + mapped, out);
	}
}

static void kill_worst(struct memory_limit *ml, const struct look *l)
{
	struct thread_group *tg = l->worst->tg;
	bool dying;

	mutex_lock(&ml->k->tasklist);
	tg_sighand_lock(tg);
	dying = tg->group_exit;
	if (!dying)
		group_exit_locked(tg, LX_SIGKILL);
	tg_sighand_unlock(tg);
	mutex_unlock(&ml->k->tasklist);
	if (!dying)
		log_error("memory limit of %llu KiB reached: killed task %d (%s), "
			  "which used %llu KiB (see --memory)",
			  (unsigned long long)ml->limit >> 10,
			  pid_nr_in(l->worst->pid, ml->k->init_pid_ns), l->worst->comm,
			  (unsigned long long)l->score.bytes >> 10);
}

/* When to look again, after one that found all in order. */
static int64_t next_look(struct memory_limit *ml, const struct look *l, uint64_t used)
{
	int64_t delay =
		(int64_t)min_t(uint64_t, (ml->limit - used) / FILL_RATE, LOOK_MAX_NS);

	ml->quiet = l->cpu_ns == ml->cpu_ns ? ml->quiet + 1 : 0;
	ml->cpu_ns = l->cpu_ns;
	if (ml->quiet >= QUIET_LOOKS) {
		ml->quiet = 0;
		return NO_DEADLINE;
	}
	return max_t(int64_t, delay, LOOK_MIN_NS) << ml->quiet;
}

static uint64_t reserve(const struct memory_limit *ml)
{
	return min_t(uint64_t, ml->limit / 16, RESERVE_MAX);
}

/*
 * The C library keeps what was freed until it is told not to. That costs, so where it
 * only would give the pool more room it is told now and then.
 */
static bool trim(struct memory_limit *ml, uint64_t used)
{
	int64_t now = clock_mono_ns();

	if (used + reserve(ml) <= ml->limit ||
	    (used <= ml->limit && now < ml->trimmed_ns + TRIM_NS))
		return false;
	ml->trimmed_ns = now;
	mem_trim(0);
	return true;
}

/* The pool may take what private memory and the Sentry's heap leave, less a reserve. */
static void set_room(struct memory_limit *ml, uint64_t others)
{
	others += reserve(ml);
	pool_set_room(ml->k->pool, ml->limit - min_t(uint64_t, others, ml->limit));
}

static void sample(struct memory_limit *ml, struct task **list, unsigned n,
		   int64_t *delay)
{
	uint64_t used;
	struct look l;

	look_at_all(ml, list, n, false, &l);
	used = l.anon + l.own + pool_used(ml->k->pool);
	if (trim(ml, used)) {
		look_at_all(ml, list, n, used > ml->limit, &l);
		used = l.anon + l.own + pool_used(ml->k->pool);
	}
	atomic_store(&ml->anon, l.anon);
	atomic_store(&ml->tight, used + reserve(ml) > ml->limit);
	set_room(ml, l.anon + l.own);
	if (used <= ml->limit) {
		ml->patience = AFTER_KILL_LOOKS;
		*delay = next_look(ml, &l, used);
		return;
	}
	if (l.one_ends && ml->patience) {
		ml->patience--;
	} else if (l.worst) {
		kill_worst(ml, &l);
		ml->patience = AFTER_KILL_LOOKS;
	}
	*delay = AFTER_KILL_NS;
}

static void fire(struct ktimer *timer)
{
	struct memory_limit *ml = container_of(timer, struct memory_limit, timer);
	int64_t delay = LOOK_MAX_NS;
	struct task **list;
	unsigned n;

	if (!pid_ns_processes(ml->k->init_pid_ns, &list, &n)) {
		sample(ml, list, n, &delay);
		task_list_put(list, n);
	}
	if (delay == NO_DEADLINE)
		atomic_store(&ml->resting, true);
	else
		ktimer_arm(timer, clock_mono_ns() + delay);
}

void memory_limit_task_runs(struct memory_limit *ml)
{
	if (!ml || !atomic_load_explicit(&ml->resting, memory_order_relaxed))
		return;
	if (atomic_exchange(&ml->resting, false))
		ktimer_arm(&ml->timer, clock_mono_ns() + LOOK_MIN_NS);
}

void memory_limit_process_ends(struct memory_limit *ml)
{
	if (!ml || !atomic_load_explicit(&ml->tight, memory_order_relaxed))
		return;
	mem_trim(0);
	set_room(ml, atomic_load(&ml->anon) + own_bytes(ml->k));
}

int memory_limit_create(struct kernel *k, struct memory_limit **out)
{
	struct memory_limit *ml;

	*out = NULL;
	if (k->config.memory_limit == UINT64_MAX)
		return 0;
	ml = mem_zalloc(sizeof(*ml));
	if (!ml)
		return -ENOMEM;
	ml->k = k;
	ml->limit = k->config.memory_limit;
	ml->patience = AFTER_KILL_LOOKS;
	set_room(ml, 0);
	ktimer_init(&ml->timer, k->timers, fire);
	ktimer_arm(&ml->timer, clock_mono_ns() + LOOK_MAX_NS);
	*out = ml;
	return 0;
}

void memory_limit_free(struct memory_limit *ml)
{
	if (!ml)
		return;
	ktimer_cancel_sync(&ml->timer);
	mem_free(ml);
}
