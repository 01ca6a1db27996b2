// SPDX-License-Identifier: Apache-2.0
/*
 * The three interval timers of a process (setitimer, alarm): by the clock, by its user
 * time, by its whole CPU time. They survive exec, not fork.
 */
#pragma once

#include "sentry/task/task.h"

enum lx_itimer { LX_ITIMER_REAL, LX_ITIMER_VIRTUAL, LX_ITIMER_PROF, LX_ITIMER_N };

/* Nanoseconds; value 0: not armed. */
struct itimer_setting {
	int64_t value_ns, interval_ns;
};

void itimer_get(struct task *t, enum lx_itimer which, struct itimer_setting *out);
/* What it was goes to *old (may be NULL). -ENOMEM. */
int itimer_set(struct task *t, enum lx_itimer which, const struct itimer_setting *new,
	       struct itimer_setting *old);
/* The process ends. No lock held. */
void itimers_exit(struct thread_group *tg);
