// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel timers: one ordered tree for the sandbox, driven by one host timerfd on
 * the event loop (design D11). For what must fire by itself: itimers, POSIX
 * timers, timerfd. A blocked task uses none, it sleeps with its own deadline.
 *
 * Clock: CLOCK_MONOTONIC nanoseconds. CLOCK_REALTIME absolute timers are converted
 * by their user (the guest cannot set the clock).
 */
#pragma once

#include "sentry/base/clock.h"
#include "sentry/base/lock.h"
#include "sentry/base/rbtree.h"

struct timers;

struct ktimer {
	struct rb_node node; /* protected by the tree's lock */
	int64_t deadline_ns; /* protected by the tree's lock; NO_DEADLINE: not armed */
	struct timers *timers;
	bool running; /* protected by the tree's lock */
	/*
	 * Called on the event loop's thread with no lock held. May re-arm itself. The
	 * object that embeds the timer must outlive ktimer_cancel_sync().
	 */
	void (*fire)(struct ktimer *t);
};

/* Creates the tree; @timer_hfd (taken) is a non-blocking CLOCK_MONOTONIC timerfd. */
int timers_create(int timer_hfd, struct timers **out);
int timers_hfd(struct timers *ts);
/* The event loop calls this when the timerfd is readable. */
void timers_run(struct timers *ts);
void timers_free(struct timers *ts);

void ktimer_init(struct ktimer *t, struct timers *ts, void (*fire)(struct ktimer *t));
/* Arm or re-arm. Any thread, also from fire(). Takes LOCK_TIMER. */
void ktimer_arm(struct ktimer *t, int64_t deadline_ns);
/* Disarm without waiting for a running fire(). Returns true if it was armed. */
bool ktimer_cancel(struct ktimer *t);
/* Disarm and wait until fire() is not running
 * (not from fire(); hold no lock fire() takes). */
void ktimer_cancel_sync(struct ktimer *t);
