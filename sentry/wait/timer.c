// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel timers. A timer is in the tree exactly while it is armed; the first of the
 * tree is what the timerfd is set to. The timerfd is only ever moved forward in time by
 * timers_run(): a cancelled first timer costs one idle wake-up instead of a host call.
 *
 * States of a ktimer: idle -> armed -> (running) -> idle, or armed again from fire().
 * `running` and `deadline_ns` change under the tree's lock only, so that
 * ktimer_cancel_sync() can wait for the end of fire() on `idle`.
 */
#include "sentry/wait/timer.h"

#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"
#include "sentry/wait/host_rules.h"

struct timers {
	int hfd;	     /* immutable */
	struct mutex lock;   /* LOCK_TIMER; protects all below and every ktimer */
	struct rb_tree tree; /* by deadline_ns, equal ones in the order they were armed */
	int64_t armed_ns;    /* what the timerfd is set to, NO_DEADLINE: nothing */
	pthread_cond_t idle; /* a fire() returned */
};

static const struct host_rule rules[] = {
	{.nr = SYS_timerfd_settime,
	 .name = "timerfd_settime",
	 .cond = {{.arg = 1, .cmp = HOST_EQ, .value = TFD_TIMER_ABSTIME}},
	 .args = "flags == TFD_TIMER_ABSTIME",
	 .why = "the next guest timer"},
	{.nr = SYS_read, .name = "read", .args = "", .why = "clear the timerfd"},
	{.nr = -1},
};
const struct host_rules wait_host_rules = {.module = "sentry/wait", .rule = rules};

int timers_create(int timer_hfd, struct timers **out)
{
	struct timers *ts;

	*out = NULL;
	ts = mem_zalloc(sizeof(*ts));
	if (!ts) {
		host_close(timer_hfd);
		return -ENOMEM;
	}
	ts->hfd = timer_hfd;
	ts->armed_ns = NO_DEADLINE;
	mutex_init(&ts->lock, LOCK_TIMER);
	pthread_cond_init(&ts->idle, NULL);
	*out = ts;
	return 0;
}

void timers_free(struct timers *ts)
{
	if (!ts)
		return;
	BUG_ON(ts->tree.root);
	host_close(ts->hfd);
	pthread_cond_destroy(&ts->idle);
	mutex_destroy(&ts->lock);
	mem_free(ts);
}

int timers_hfd(struct timers *ts)
{
	return ts->hfd;
}

static struct ktimer *first_locked(struct timers *ts) MUST_HOLD(ts->lock)
{
	return rb_entry_or_null(rb_first(&ts->tree), struct ktimer, node);
}

/* Sets the timerfd when the first deadline is now earlier than it is set to. */
static void program_locked(struct timers *ts) MUST_HOLD(ts->lock)
{
	struct ktimer *t = first_locked(ts);
	struct itimerspec its = {0};
	int64_t ns;

	if (!t || t->deadline_ns >= ts->armed_ns)
		return;
	ts->armed_ns = t->deadline_ns;
	ns = max_t(int64_t, t->deadline_ns, 1); /* 0 would disarm it */
	its.it_value.tv_sec = ns / NSEC_PER_SEC;
	its.it_value.tv_nsec = ns % NSEC_PER_SEC;
	BUG_ON(host_ret(timerfd_settime(ts->hfd, TFD_TIMER_ABSTIME, &its, NULL)));
}

static void insert_locked(struct timers *ts, struct ktimer *t) MUST_HOLD(ts->lock)
{
	struct rb_node **link = &ts->tree.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = t->deadline_ns < rb_entry(parent, struct ktimer, node)->deadline_ns
			       ? &parent->left
			       : &parent->right;
	}
	rb_link(&ts->tree, &t->node, parent, link);
}

static bool disarm_locked(struct timers *ts, struct ktimer *t) MUST_HOLD(ts->lock)
{
	if (t->deadline_ns == NO_DEADLINE)
		return false;
	rb_erase(&ts->tree, &t->node);
	t->deadline_ns = NO_DEADLINE;
	return true;
}

void timers_run(struct timers *ts)
{
	uint64_t expirations;
	struct ktimer *t;
	int64_t now;
	int budget =
		256; /* a timer that re-arms itself in the past cannot hold us here */

	(void)!host_read(ts->hfd, &expirations, sizeof(expirations));
	mutex_lock(&ts->lock);
	ts->armed_ns = NO_DEADLINE;
	now = clock_mono_ns();
	while ((t = first_locked(ts)) && t->deadline_ns <= now && budget--) {
		disarm_locked(ts, t);
		t->running = true;
		mutex_unlock(&ts->lock);
		t->fire(t);
		mutex_lock(&ts->lock);
		t->running = false;
		pthread_cond_broadcast(&ts->idle);
	}
	program_locked(ts);
	mutex_unlock(&ts->lock);
}

void ktimer_init(struct ktimer *t, struct timers *ts, void (*fire)(struct ktimer *t))
{
	*t = (struct ktimer){.timers = ts, .fire = fire, .deadline_ns = NO_DEADLINE};
}

void ktimer_arm(struct ktimer *t, int64_t deadline_ns)
{
	struct timers *ts = t->timers;

	mutex_lock(&ts->lock);
	disarm_locked(ts, t);
	if (deadline_ns != NO_DEADLINE) {
		t->deadline_ns = deadline_ns;
		insert_locked(ts, t);
		program_locked(ts);
	}
	mutex_unlock(&ts->lock);
}

bool ktimer_cancel(struct ktimer *t)
{
	struct timers *ts = t->timers;
	bool armed;

	mutex_lock(&ts->lock);
	armed = disarm_locked(ts, t);
	mutex_unlock(&ts->lock);
	return armed;
}

void ktimer_cancel_sync(struct ktimer *t)
{
	struct timers *ts = t->timers;

	mutex_lock(&ts->lock);
	disarm_locked(ts, t);
	while (t->running) {
		pthread_cond_wait(&ts->idle, &ts->lock.m);
		disarm_locked(ts, t); /* fire() may have armed it again */
	}
	mutex_unlock(&ts->lock);
}
