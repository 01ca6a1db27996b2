// SPDX-License-Identifier: Apache-2.0
/* The loop of a task (run.c), and what the architecture adds to it. */
#pragma once

#include "sentry/task/task.h"

/*
 * vsyscall_emulate (arch/x86_64/vsyscall.c) - the guest jumped to @addr, which is not
 * mapped. True: it was one of the three legacy entries, and the call is answered.
 */
bool vsyscall_emulate(struct task *t, uaddr_t addr);

/* The loop; returns when the task has exited and is no longer in need of its thread. */
void task_run(struct task *t);
/* The task whose Sentry thread this is; NULL: one on whose behalf nobody acts. */
struct task *task_on_this_thread(void);
/* A BUG() prints the failing task's call and registers. */
void task_install_bug_report(void);
