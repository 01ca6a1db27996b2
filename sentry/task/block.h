// SPDX-License-Identifier: Apache-2.0
/*
 * Sleeping of a task for a guest event: the only way to do it. No lock is held.
 *
 *	struct task_waiter w;
 *
 *	task_waiter_init(&w, t, LX_POLLIN);
 *	waitq_add(q, &w.entry);
 *	for (;;) {
 *		r = try();
 *		if (r != -EAGAIN)
 *			break;
 *		r = task_block(t, deadline, "pipe read", 0);
 *		if (r)
 *			break;
 *	}
 *	waitq_remove(&w.entry);
 */
#pragma once

#include "sentry/task/task.h"
#include "sentry/wait/waitq.h"

struct task_waiter {
	struct wait_entry entry;
	struct task *t;
};

void task_waiter_init(struct task_waiter *w, struct task *t, uint32_t events);

/*
 * task_block - sleep until a waiter of this task is woken. Returns 0 (woken, or a wake-up
 * came since the last task_block returned: look again), -EINTR (a signal is deliverable
 * or the task was killed; callers turn it into -ERESTARTSYS or whatever their call does),
 * or -ETIMEDOUT at @deadline_ns (CLOCK_MONOTONIC, NO_DEADLINE).
 * @what, @arg: shown by debug.
 */
int task_block(struct task *t, int64_t deadline_ns, const char *what, uint64_t arg);
/* The same, ended only by SIGKILL or group exit (-EINTR):
 * vfork, exec of other threads. */
int task_block_killable(struct task *t, int64_t deadline_ns, const char *what,
			uint64_t arg);
/* True if a signal would end an interruptible wait now. */
bool task_signal_pending(struct task *t);

/*
 * Waiting on whatever a file's poll registers on (several queues): the poll_table of a
 * blocked task. Usual sequence: init; file_poll(f, &pw.pt) once; loop:
 * try, task_block(); done.
 */
#define POLL_WAITER_FAST 4
struct poll_waiter {
	struct poll_table pt;
	struct task *t;
	uint32_t events;
	unsigned n;
	bool failed; /* -ENOMEM while registering */
	struct task_waiter fast[POLL_WAITER_FAST];
	struct list more; /* heap entries beyond the fast ones */
};

void poll_waiter_init(struct poll_waiter *pw, struct task *t, uint32_t events);
void poll_waiter_done(struct poll_waiter *pw);
