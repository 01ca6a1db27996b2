// SPDX-License-Identifier: Apache-2.0
/* membarrier(2): every thread of an address space passes through the kernel once. */
#pragma once

#include "sentry/task/task.h"

/* The call's result: 0, a mask of commands for QUERY,
 * -EINVAL, -EPERM (not registered). */
int task_membarrier(struct task *t, int cmd, unsigned flags);
