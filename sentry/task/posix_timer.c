// SPDX-License-Identifier: Apache-2.0
/*
 * POSIX timers: armed -> fire() queues the timer's own entry -> its signal is taken ->
 * posix_timer_rearm() counts the periods that passed and arms the next. One that is
 * ignored or whose signal is pending is looked at again now and then, not at its pace.
 */
#include "sentry/task/posix_timer.h"

#include <limits.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"
#include "sentry/task/clock_id.h"
#include "sentry/task/cpu_watch.h"
#include "sentry/task/groups.h"
#include "sentry/task/itimer.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/sigqueue.h"
#include "sentry/task/timespec.h"
#include "sentry/wait/timer.h"

/* How soon to try again while the last signal is pending, or ignored. */
#define PENDING_CHECK_NS (10 * NSEC_PER_MSEC)
#define IGNORED_CHECK_NS (1 * NSEC_PER_MSEC)

struct posix_timer {
	refcount_t ref;
	struct list node;	  /* in tg->posix_timers, protected by tg->lock */
	struct thread_group *tg;  /* borrowed: it ends them before it goes */
	int id;			  /* immutable, as the next four */
	struct guest_clock clock; /* a CPU clock holds its task */
	int notify;
	struct task *target;	   /* SIGEV_THREAD_ID: a reference */
	struct user_account *user; /* charged; a reference */
	struct sigqueue entry;	   /* see sigqueue.h; its info is immutable */
	struct ktimer timer;
	struct mutex lock; /* LOCK_ITIMER; protects all below */
	int64_t expiry_ns; /* by its clock; 0: not armed */
	int64_t interval_ns;
	int64_t overrun;  /* periods since the last signal, less one */
	int last_overrun; /* of the signal taken last */
	bool fired;	  /* a signal was queued and has not been taken */
	struct cpu_watch watch;
};

static void add_saturating(int64_t a, int64_t b, int64_t *sum)
{
	if (!add_ok(a, b, sum))
		*sum = NO_DEADLINE;
}

/* Skip the periods that are over. pt->lock held, interval not 0. */
static void forward(struct posix_timer *pt, int64_t now)
{
	int64_t periods;

	if (now < pt->expiry_ns)
		return;
	periods = (now - pt->expiry_ns) / pt->interval_ns + 1;
	add_saturating(pt->expiry_ns, periods * pt->interval_ns, &pt->expiry_ns);
	pt->overrun += periods;
}

static void start(struct posix_timer *pt, int64_t now)
{
	int64_t delay;

	if (!pt->expiry_ns || pt->notify == LX_SIGEV_NONE)
		return;
	if (!guest_clock_is_cpu(&pt->clock)) {
		ktimer_arm(&pt->timer, guest_clock_deadline(&pt->clock, pt->expiry_ns));
		return;
	}
	guest_clock_nudge(&pt->clock);
	delay = cpu_watch_delay(&pt->watch, now, pt->expiry_ns - now, pt->tg->n_threads);
	ktimer_arm(&pt->timer, deadline_after(delay));
}

static void fire(struct ktimer *kt)
{
	struct posix_timer *pt = container_of(kt, struct posix_timer, timer);
	int64_t now;
	int r;

	mutex_lock(&pt->lock);
	now = guest_clock_read(NULL, &pt->clock);
	if (!pt->expiry_ns || now < pt->expiry_ns) {
		start(pt, now);
		mutex_unlock(&pt->lock);
		return;
	}
	r = signal_queue_entry(pt->tg, pt->target, &pt->entry);
	if (r)
		pt->fired = true;
	if (!pt->interval_ns) {
		pt->expiry_ns = 0;
	} else if (r) {
		/* Taking it starts the next period; this is in case it is discarded. */
		ktimer_arm(&pt->timer, deadline_after(max_t(int64_t, pt->interval_ns,
							    PENDING_CHECK_NS)));
	} else {
		forward(pt, now);
		pt->overrun = -1;
		ktimer_arm(&pt->timer, deadline_after(max_t(int64_t, pt->expiry_ns - now,
							    IGNORED_CHECK_NS)));
	}
	mutex_unlock(&pt->lock);
}

/* --- life ------------------------------------------------------------------------- */

static bool clock_has_timers(int id)
{
	return id < 0 || id == LX_CLOCK_REALTIME || id == LX_CLOCK_MONOTONIC ||
	       id == LX_CLOCK_BOOTTIME || id == LX_CLOCK_TAI ||
	       id == LX_CLOCK_PROCESS_CPUTIME_ID || id == LX_CLOCK_THREAD_CPUTIME_ID;
}

void posix_timer_put(struct posix_timer *pt)
{
	if (!refcount_dec(&pt->ref))
		return;
	if (pt->target)
		task_put(pt->target);
	guest_clock_put(&pt->clock);
	if (pt->user) {
		atomic_fetch_sub(&pt->user->n_sigpending, 1);
		user_account_put(pt->user);
	}
	mutex_destroy(&pt->lock);
	mem_free(pt);
}

/* Who gets the signal, and whether the request makes sense. */
static int set_notification(struct task *t, struct posix_timer *pt,
			    const struct lx_sigevent *ev)
{
	pt->notify = ev->notify;
	switch (ev->notify) {
	case LX_SIGEV_NONE:
		return 0;
	case LX_SIGEV_THREAD_ID:
		pt->target = task_lookup(t, ev->tid);
		if (!pt->target || pt->target->tg != t->tg)
			return -EINVAL;
		break;
	case LX_SIGEV_SIGNAL:
	case LX_SIGEV_THREAD:
		break;
	default:
		return -EINVAL;
	}
	return signo_valid(ev->signo) ? 0 : -EINVAL;
}

/* A timer's queue entry counts as a pending signal from the beginning. */
static int charge(struct task *t, struct posix_timer *pt)
{
	struct user_account *user = t->cred->user;
	uint64_t limit = task_rlimit(t, LX_RLIMIT_SIGPENDING);

	if ((uint64_t)atomic_fetch_add(&user->n_sigpending, 1) >= limit) {
		atomic_fetch_sub(&user->n_sigpending, 1);
		return -EAGAIN;
	}
	pt->user = user_account_get(user);
	return 0;
}

static struct posix_timer *find_locked(struct thread_group *tg, int id)
	MUST_HOLD(tg->lock)
{
	struct posix_timer *pt;

	list_for_each (pt, &tg->posix_timers, node) {
		if (pt->id == id)
			return pt;
	}
	return NULL;
}

/* Publish it under a number nobody has. */
static void give_id(struct posix_timer *pt, const struct lx_sigevent *ev)
{
	struct thread_group *tg = pt->tg;

	mutex_lock(&tg->lock);
	do {
		pt->id = tg->next_timer_id;
		tg->next_timer_id = pt->id == INT_MAX ? 0 : pt->id + 1;
	} while (find_locked(tg, pt->id));
	pt->entry.info = (struct lx_siginfo){.signo = ev ? ev->signo : LX_SIGALRM,
					     .code = LX_SI_TIMER};
	pt->entry.info.timer.tid = pt->id;
	pt->entry.info.timer.value = ev ? ev->value : (uint32_t)pt->id;
	list_add_tail(&tg->posix_timers, &pt->node);
	mutex_unlock(&tg->lock);
}

int posix_timer_create(struct task *t, int clock, const struct lx_sigevent *ev, int *id)
{
	static const struct lx_sigevent plain = {.signo = LX_SIGALRM,
						 .notify = LX_SIGEV_SIGNAL};
	struct posix_timer *pt = mem_zalloc(sizeof(*pt));
	int r;

	if (!pt)
		return -ENOMEM;
	refcount_init(&pt->ref);
	list_init(&pt->node);
	list_init(&pt->entry.node);
	mutex_init(&pt->lock, LOCK_ITIMER);
	ktimer_init(&pt->timer, t->k->timers, fire);
	pt->tg = t->tg;
	pt->entry.timer = pt;
	pt->overrun = -1;
	r = guest_clock_get(t, clock, &pt->clock);
	if (!r && !clock_has_timers(clock))
		r = -EOPNOTSUPP;
	if (!r)
		r = set_notification(t, pt, ev ? ev : &plain);
	if (!r)
		r = charge(t, pt);
	if (r) {
		posix_timer_put(pt);
		return r;
	}
	give_id(pt, ev);
	*id = pt->id;
	return 0;
}

struct posix_timer *posix_timer_lookup(struct thread_group *tg, int id)
{
	struct posix_timer *pt;

	mutex_lock(&tg->lock);
	pt = find_locked(tg, id);
	if (pt)
		refcount_inc(&pt->ref);
	mutex_unlock(&tg->lock);
	return pt;
}

/* It is off the list: stop it, take its signal back, drop the list's reference. */
static void destroy(struct posix_timer *pt)
{
	mutex_lock(&pt->lock);
	pt->expiry_ns = 0;
	mutex_unlock(&pt->lock);
	ktimer_cancel_sync(&pt->timer);
	signal_unqueue_entry(pt->tg, &pt->entry);
	posix_timer_put(pt);
}

int posix_timer_delete(struct task *t, int id)
{
	struct thread_group *tg = t->tg;
	struct posix_timer *pt;

	mutex_lock(&tg->lock);
	pt = find_locked(tg, id);
	if (pt)
		list_del(&pt->node);
	mutex_unlock(&tg->lock);
	if (!pt)
		return -EINVAL;
	destroy(pt);
	return 0;
}

static void delete_all(struct thread_group *tg)
{
	struct posix_timer *pt;

	for (;;) {
		mutex_lock(&tg->lock);
		pt = list_first(&tg->posix_timers, struct posix_timer, node);
		if (pt)
			list_del(&pt->node);
		mutex_unlock(&tg->lock);
		if (!pt)
			break;
		destroy(pt);
	}
}

void timers_process_exec(struct thread_group *tg)
{
	delete_all(tg);
}

void timers_process_exit(struct thread_group *tg)
{
	delete_all(tg);
	itimers_exit(tg);
}

/* --- get and set -------------------------------------------------------------------- */

static void setting_locked(struct posix_timer *pt, int64_t now, struct lx_itimerspec *out)
{
	int64_t left;

	*out = (struct lx_itimerspec){.interval = ns_timespec(pt->interval_ns)};
	if (!pt->expiry_ns)
		return;
	/* Its next expiry, even where no signal comes of it. */
	if (pt->interval_ns && (pt->fired || pt->notify == LX_SIGEV_NONE))
		forward(pt, now);
	left = pt->expiry_ns - now;
	if (left <= 0)
		left = pt->notify == LX_SIGEV_NONE ? 0 : 1;
	out->value = ns_timespec(left);
}

void posix_timer_get(struct task *t, struct posix_timer *pt, struct lx_itimerspec *out)
{
	mutex_lock(&pt->lock);
	setting_locked(pt, guest_clock_read(t, &pt->clock), out);
	mutex_unlock(&pt->lock);
}

void posix_timer_set(struct task *t, struct posix_timer *pt, bool absolute,
		     const struct lx_itimerspec *new, struct lx_itimerspec *old)
{
	int64_t value = timespec_ns(&new->value), now;

	mutex_lock(&pt->lock);
	now = guest_clock_read(t, &pt->clock);
	if (old)
		setting_locked(pt, now, old);
	ktimer_cancel(&pt->timer);
	/* A signal of the old setting is as good as not sent. */
	signal_unqueue_entry(pt->tg, &pt->entry);
	pt->fired = false;
	pt->overrun = -1;
	pt->last_overrun = 0;
	pt->watch = (struct cpu_watch){0};
	pt->interval_ns = timespec_ns(&new->interval);
	pt->expiry_ns = 0;
	if (value) {
		if (absolute)
			pt->expiry_ns = value;
		else
			add_saturating(now, value, &pt->expiry_ns);
		start(pt, now);
	}
	mutex_unlock(&pt->lock);
}

int posix_timer_overrun(struct posix_timer *pt)
{
	int n;

	mutex_lock(&pt->lock);
	n = pt->last_overrun;
	mutex_unlock(&pt->lock);
	return n;
}

void posix_timer_rearm(struct thread_group *tg, struct lx_siginfo *info)
{
	AUTO_PUT(posix_timer)
	struct posix_timer *pt = posix_timer_lookup(tg, info->timer.tid);
	int64_t now;

	info->pad = 0;
	info->timer.overrun = 0;
	if (!pt)
		return;
	mutex_lock(&pt->lock);
	if (pt->fired) {
		pt->fired = false;
		pt->last_overrun = 0;
		if (pt->expiry_ns && pt->interval_ns) {
			now = guest_clock_read(NULL, &pt->clock);
			forward(pt, now);
			pt->last_overrun = (int)min_t(
				int64_t, max_t(int64_t, pt->overrun, 0), INT_MAX);
			pt->overrun = -1;
			start(pt, now);
		}
		info->timer.overrun = pt->last_overrun;
	}
	mutex_unlock(&pt->lock);
}

static const char *notify_name(int notify)
{
	return notify == LX_SIGEV_NONE	   ? "none"
	       : notify == LX_SIGEV_THREAD ? "thread"
					   : "signal";
}

void posix_timers_show(struct thread_group *tg, const struct pid_ns *ns,
		       struct strbuf *out)
{
	struct posix_timer *pt;

	mutex_lock(&tg->lock);
	list_for_each (pt, &tg->posix_timers, node) {
		sb_printf(out,
			  "ID: %d\nsignal: %d/%016llx\nnotify: %s/%s.%d\nClockID: %d\n",
			  pt->id, pt->entry.info.signo,
			  (unsigned long long)pt->entry.info.timer.value,
			  notify_name(pt->notify), pt->target ? "tid" : "pid",
			  pid_nr_in(pt->target ? pt->target->pid : tg->pid_self, ns),
			  pt->clock.nr);
	}
	mutex_unlock(&tg->lock);
}
