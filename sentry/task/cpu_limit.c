// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/cpu_limit.h"

#include "sentry/abi/errno.h"
#include "sentry/task/cpu_watch.h"
#include "sentry/task/internal.h"
#include "sentry/task/rusage.h"
#include "sentry/task/signal.h"

struct cpu_limit {
	struct ktimer timer;
	struct thread_group *tg; /* outlives this: cpu_limit_exit() */
	struct cpu_watch watch;	 /* of the timer's thread */
};

static int64_t limit_ns(uint64_t seconds)
{
	int64_t ns;

	return seconds <= INT64_MAX && mul_ok((int64_t)seconds, NSEC_PER_SEC, &ns)
		       ? ns
		       : INT64_MAX;
}

/* Sends what is due; returns the CPU time of
 * the next look, INT64_MAX: no limit any more. */
static int64_t enforce(struct thread_group *tg, int64_t used_ns)
{
	struct rlimit64 *rl = &tg->rlim[LX_RLIMIT_CPU];
	struct lx_siginfo info;
	int64_t soft, hard;
	bool warn, kill;

	mutex_lock(&tg->lock);
	soft = limit_ns(rl->cur);
	hard = limit_ns(rl->max);
	kill = used_ns >= hard;
	warn = !kill && used_ns >= soft;
	/* The next warning comes after another second, as Linux has it. */
	if (warn) {
		__atomic_store_n(&rl->cur, (uint64_t)(used_ns / NSEC_PER_SEC) + 1,
				 __ATOMIC_RELAXED);
		soft = limit_ns(rl->cur);
	}
	mutex_unlock(&tg->lock);
	if (kill || warn) {
		siginfo_kernel(&info, kill ? LX_SIGKILL : LX_SIGXCPU);
		signal_send_group(tg, &info);
	}
	if (kill)
		return INT64_MAX;
	return min_t(int64_t, soft, hard);
}

static void fire(struct ktimer *timer)
{
	struct cpu_limit *cl = container_of(timer, struct cpu_limit, timer);
	struct rusage_sum u;
	int64_t used, next;

	usage_process(cl->tg, NULL, &u);
	used = u.utime_ns + u.stime_ns;
	next = enforce(cl->tg, used);
	if (next != INT64_MAX)
		ktimer_arm(timer,
			   deadline_after(cpu_watch_delay(&cl->watch, used, next - used,
							  thread_group_size(cl->tg))));
}

int cpu_limit_watch(struct thread_group *tg)
{
	struct cpu_limit *cl = NULL;
	bool finite, make;

	mutex_lock(&tg->lock);
	finite = tg->rlim[LX_RLIMIT_CPU].cur != LX_RLIM_INFINITY;
	make = finite && !tg->cpu_limit;
	mutex_unlock(&tg->lock);
	if (make) {
		cl = mem_zalloc(sizeof(*cl));
		if (!cl)
			return -ENOMEM;
		cl->tg = tg;
		ktimer_init(&cl->timer, tg->k->timers, fire);
	}
	mutex_lock(&tg->lock);
	if (cl && !tg->cpu_limit)
		tg->cpu_limit = TAKE_PTR(cl);
	mutex_unlock(&tg->lock);
	mem_free(cl);
	if (finite)
		ktimer_arm(&tg->cpu_limit->timer, clock_mono_ns());
	return 0;
}

void cpu_limit_exit(struct thread_group *tg)
{
	if (!tg->cpu_limit)
		return;
	ktimer_cancel_sync(&tg->cpu_limit->timer);
	mem_free(TAKE_PTR(tg->cpu_limit));
}
