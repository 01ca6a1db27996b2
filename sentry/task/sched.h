// SPDX-License-Identifier: Apache-2.0
/*
 * Scheduling attributes. The host schedules the guest's threads, all as ordinary ones:
 * CPU masks are real, policies and priorities are kept, checked and shown as Linux does.
 *
 * Source: sched(7), sched_setattr(2), setpriority(2), sched_setaffinity(2).
 */
#pragma once

#include "sentry/task/task.h"

enum {
	LX_SCHED_OTHER,
	LX_SCHED_FIFO,
	LX_SCHED_RR,
	LX_SCHED_BATCH,
	LX_SCHED_IDLE = 5,
	LX_SCHED_DEADLINE
};
#define LX_SCHED_RESET_ON_FORK 0x40000000

#define NICE_MIN    -20
#define NICE_MAX    19
#define MAX_CPUS    1024
#define RT_PRIO_MAX 99

struct sched_params {
	int policy, rt_priority, nice;
	bool reset_on_fork;
};

static inline bool sched_policy_rt(int policy)
{
	return policy == LX_SCHED_FIFO || policy == LX_SCHED_RR;
}

void sched_get(struct task *target, struct sched_params *out);
/* -EINVAL inconsistent, -EPERM as sched(7) says who may what. */
int sched_set(struct task *t, struct task *target, const struct sched_params *p);
/* -EPERM not one's own, -EACCES lower than RLIMIT_NICE allows. */
int sched_set_nice(struct task *t, struct task *target, int nice);

/* Masks of MAX_CPUS bits. get: what there is of it.
 * set: -EPERM, -EINVAL no CPU of ours in it. */
void sched_get_cpus(struct task *target, uint64_t mask[MAX_CPUS / 64]);
int sched_set_cpus(struct task *t, struct task *target,
		   const uint64_t mask[MAX_CPUS / 64]);

/* clone.c: a fresh child (a copy so far) that is to start with ordinary attributes. */
void sched_fork(struct task *child);
/* run.c, on TASK_WORK_NOTIFY and before the first switch: own thread. */
void sched_task_work(struct task *t);
