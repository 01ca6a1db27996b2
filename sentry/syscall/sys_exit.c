// SPDX-License-Identifier: Apache-2.0
/* The two ways out: the loop in task/run.c sees the work and ends. */
#include "sentry/syscall/strace.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/signal.h"

SYSCALL1(exit, int code)
{
	t->exit_code = (code & 0xff) << 8;
	t->sc_no_return = true;
	atomic_fetch_or(&t->work, TASK_WORK_EXIT);
	return 0;
}

SYSCALL1(exit_group, int code)
{
	t->exit_code = (code & 0xff) << 8;
	t->sc_no_return = true;
	group_exit(t->tg, t->exit_code);
	atomic_fetch_or(&t->work, TASK_WORK_EXIT);
	return 0;
}
