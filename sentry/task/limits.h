// SPDX-License-Identifier: Apache-2.0
/* The caller's resource limits in the form sentry/mm wants them. */
#pragma once

#include "sentry/mm/mm.h"
#include "sentry/task/task.h"

static inline struct mm_limits task_mm_limits(struct task *t)
{
	return (struct mm_limits){
		.as = task_rlimit(t, LX_RLIMIT_AS),
		.data = task_rlimit(t, LX_RLIMIT_DATA),
		.stack = task_rlimit(t, LX_RLIMIT_STACK),
		.memlock = task_rlimit(t, LX_RLIMIT_MEMLOCK),
		.piece = t->k->config.memory_limit,
		.can_lock = task_capable(t, LX_CAP_IPC_LOCK),
	};
}
