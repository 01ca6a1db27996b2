// SPDX-License-Identifier: Apache-2.0
/* unshare(2) and setns(2). */
#pragma once

#include "sentry/task/task.h"

/* @flags: LX_CLONE_* of what is shared no longer. -EINVAL, -EPERM, -ENOMEM, -ENOSPC. */
int task_unshare(struct task *t, uint64_t flags);
/*
 * task_setns - join the namespace of an nsfs file (@nstype: its kind or 0), or those of a
 * pidfd's process that @nstype names. -EBADF, -EINVAL, -EPERM, -ESRCH, -ENOMEM.
 */
int task_setns(struct task *t, int fd, int nstype);
