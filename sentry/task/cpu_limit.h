// SPDX-License-Identifier: Apache-2.0
/* RLIMIT_CPU: SIGXCPU each second from the soft limit on, SIGKILL at the hard one. */
#pragma once

#include "sentry/task/task.h"

/* The limit was set or inherited: watch it if it is finite. -ENOMEM. No lock held. */
int cpu_limit_watch(struct thread_group *tg);
/* The process ends. No lock held. */
void cpu_limit_exit(struct thread_group *tg);
