// SPDX-License-Identifier: Apache-2.0
/*
 * POSIX per-process timers (timer_create and its kin), and what signals know of them.
 *
 * A timer owns the queue entry of its signal, so it never fails to send and has one
 * signal pending at most. While that is pending its periods pass uncounted; who takes the
 * signal calls posix_timer_rearm(), which counts them and starts the next.
 *
 * Source: timer_create(2), timer_settime(2), timer_getoverrun(2).
 */
#pragma once

#include "sentry/abi/time.h"
#include "sentry/task/task.h"

struct posix_timer;

/* struct sigevent */
struct lx_sigevent {
	uint64_t value;
	int32_t signo, notify, tid;
	uint32_t pad[11];
};
_Static_assert(sizeof(struct lx_sigevent) == 64, "struct sigevent");

/* @ev NULL: SIGALRM with the timer's id.
 * -EINVAL, -EOPNOTSUPP (clock), -EAGAIN, -ENOMEM. */
int posix_timer_create(struct task *t, int clock, const struct lx_sigevent *ev, int *id);
/* By id: a reference, or NULL. */
struct posix_timer *posix_timer_lookup(struct thread_group *tg, int id);
void posix_timer_put(struct posix_timer *pt);
DEFINE_AUTO_PUT(posix_timer);
void posix_timer_get(struct task *t, struct posix_timer *pt, struct lx_itimerspec *out);
/* @new is valid. @old may be NULL. */
void posix_timer_set(struct task *t, struct posix_timer *pt, bool absolute,
		     const struct lx_itimerspec *new, struct lx_itimerspec *old);
int posix_timer_overrun(struct posix_timer *pt);
int posix_timer_delete(struct task *t, int id); /* -EINVAL */

/* /proc/PID/timers; numbers as seen from @ns. */
struct strbuf;
void posix_timers_show(struct thread_group *tg, const struct pid_ns *ns,
		       struct strbuf *out);

/*
 * posix_timer_rearm - the signal of timer info->timer.tid was taken: counts the periods
 * that ended meanwhile into info->timer.overrun and starts the next one. No lock held.
 */
void posix_timer_rearm(struct thread_group *tg, struct lx_siginfo *info);
