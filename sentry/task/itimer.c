// SPDX-License-Identifier: Apache-2.0
/*
 * Interval timers. The real one is armed for the moment it ends; those of CPU time look
 * from time to time how much was used (cpu_watch.h).
 */
#include "sentry/task/itimer.h"

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/task/cpu_watch.h"
#include "sentry/task/rusage.h"
#include "sentry/task/signal.h"
#include "sentry/wait/timer.h"

/* A period below this would do nothing but fire. */
#define MIN_PERIOD_NS (100 * NSEC_PER_USEC)

struct itimer {
	struct ktimer timer;
	struct thread_group *tg; /* borrowed: it ends them before it goes */
	enum lx_itimer which;
	struct mutex lock; /* LOCK_ITIMER; protects all below */
	int64_t expiry_ns; /* monotonic, or of the process's CPU time; 0: not armed */
	int64_t interval_ns;
	struct cpu_watch watch;
};

struct itimers {
	struct itimer timer[LX_ITIMER_N];
};

static const int itimer_signal[LX_ITIMER_N] = {
	[LX_ITIMER_REAL] = LX_SIGALRM,
	[LX_ITIMER_VIRTUAL] = LX_SIGVTALRM,
	[LX_ITIMER_PROF] = LX_SIGPROF,
};

static int64_t itimer_now(const struct itimer *it)
{
	struct rusage_sum u;

	if (it->which == LX_ITIMER_REAL)
		return clock_mono_ns();
	usage_process(it->tg, NULL, &u);
	return it->which == LX_ITIMER_VIRTUAL ? u.utime_ns : u.utime_ns + u.stime_ns;
}

/* it->lock held. */
static void itimer_start(struct itimer *it, int64_t now)
{
	int64_t delay;

	if (!it->expiry_ns)
		return;
	if (it->which == LX_ITIMER_REAL) {
		ktimer_arm(&it->timer, it->expiry_ns);
		return;
	}
	delay = cpu_watch_delay(&it->watch, now, it->expiry_ns - now, it->tg->n_threads);
	ktimer_arm(&it->timer, deadline_after(delay));
}

static void itimer_fire(struct ktimer *kt)
{
	struct itimer *it = container_of(kt, struct itimer, timer);
	struct lx_siginfo info;
	bool expired;
	int64_t now, missed;

	mutex_lock(&it->lock);
	now = itimer_now(it);
	expired = it->expiry_ns && now >= it->expiry_ns;
	if (expired && it->interval_ns) {
		missed = (now - it->expiry_ns) / it->interval_ns;
		it->expiry_ns += (missed + 1) * it->interval_ns;
	} else if (expired) {
		it->expiry_ns = 0;
	}
	itimer_start(it, now);
	mutex_unlock(&it->lock);
	if (expired) {
		siginfo_kernel(&info, itimer_signal[it->which]);
		signal_send_group(it->tg, &info);
	}
}

static struct itimers *itimers_create(struct thread_group *tg)
{
	struct itimers *its = mem_zalloc(sizeof(*its));

	for (int i = 0; its && i < LX_ITIMER_N; i++) {
		struct itimer *it = &its->timer[i];

		ktimer_init(&it->timer, tg->k->timers, itimer_fire);
		mutex_init(&it->lock, LOCK_ITIMER);
		it->tg = tg;
		it->which = (enum lx_itimer)i;
	}
	return its;
}

static void itimers_free(struct itimers *its)
{
	for (int i = 0; its && i < LX_ITIMER_N; i++) {
		struct itimer *it = &its->timer[i];

		mutex_lock(&it->lock);
		it->expiry_ns = 0;
		mutex_unlock(&it->lock);
		ktimer_cancel_sync(&it->timer);
		mutex_destroy(&it->lock);
	}
	mem_free(its);
}

/* NULL: none was ever set (@make false), or -ENOMEM. Once made they stay. */
static struct itimers *itimers_of(struct thread_group *tg, bool make)
{
	struct itimers *its, *fresh = NULL;

	for (;;) {
		mutex_lock(&tg->lock);
		its = tg->itimers;
		if (!its && fresh)
			its = tg->itimers = TAKE_PTR(fresh);
		mutex_unlock(&tg->lock);
		if (its || !make)
			break;
		fresh = itimers_create(tg);
		if (!fresh)
			return NULL;
	}
	itimers_free(fresh);
	return its;
}

/* it->lock held. An expired one that has not fired yet is not shown as disarmed. */
static void setting_locked(const struct itimer *it, int64_t now,
			   struct itimer_setting *out)
{
	out->interval_ns = it->interval_ns;
	out->value_ns =
		it->expiry_ns ? max_t(int64_t, it->expiry_ns - now, NSEC_PER_USEC) : 0;
}

void itimer_get(struct task *t, enum lx_itimer which, struct itimer_setting *out)
{
	struct itimers *its = itimers_of(t->tg, false);

	*out = (struct itimer_setting){0};
	if (!its)
		return;
	mutex_lock(&its->timer[which].lock);
	setting_locked(&its->timer[which], itimer_now(&its->timer[which]), out);
	mutex_unlock(&its->timer[which].lock);
}

int itimer_set(struct task *t, enum lx_itimer which, const struct itimer_setting *new,
	       struct itimer_setting *old)
{
	struct itimers *its = itimers_of(t->tg, true);
	struct itimer *it;
	int64_t now;

	if (!its)
		return -ENOMEM;
	it = &its->timer[which];
	mutex_lock(&it->lock);
	now = itimer_now(it);
	if (old)
		setting_locked(it, now, old);
	ktimer_cancel(&it->timer);
	it->interval_ns =
		new->interval_ns ? max_t(int64_t, new->interval_ns, MIN_PERIOD_NS) : 0;
	it->watch = (struct cpu_watch){0};
	it->expiry_ns = 0;
	if (new->value_ns && !add_ok(now, new->value_ns, &it->expiry_ns))
		it->expiry_ns = NO_DEADLINE;
	itimer_start(it, now);
	mutex_unlock(&it->lock);
	return 0;
}

void itimers_exit(struct thread_group *tg)
{
	struct itimers *its;

	mutex_lock(&tg->lock);
	its = TAKE_PTR(tg->itimers);
	mutex_unlock(&tg->lock);
	itimers_free(its);
}
