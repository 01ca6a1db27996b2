// SPDX-License-Identifier: Apache-2.0
/* Changing process groups and sessions. Source: setpgid(2), setsid(2), POSIX 2.2.2. */
#pragma once

#include "sentry/task/task.h"

/* -EINVAL, -ESRCH, -EPERM, -EACCES. */
int task_setpgid(struct task *t, int pid, int pgid);
/* The new session's number, or -EPERM. */
int task_setsid(struct task *t);
