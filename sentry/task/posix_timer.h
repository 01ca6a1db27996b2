// SPDX-License-Identifier: Apache-2.0
/* POSIX per-process timers (timer_create and its kin), and what signals know of them. */
#pragma once

#include "sentry/abi/time.h"
#include "sentry/task/task.h"

/*
 * posix_timer_rearm - the signal of timer info->timer.tid was taken: counts the periods
 * that ended meanwhile into info->timer.overrun and starts the next one. No lock held.
 */
void posix_timer_rearm(struct thread_group *tg, struct lx_siginfo *info);
