// SPDX-License-Identifier: Apache-2.0
/* Scheduling attributes: who may change them, and the CPU masks that reach the host. */
#include "sentry/task/sched.h"

#include <string.h>

#include "platform/platform.h"
#include "sentry/abi/errno.h"

/* Nice 19..-20 as RLIMIT_NICE counts it: 1..40. */
static uint64_t nice_to_rlimit(int nice)
{
	return (uint64_t)(NICE_MAX + 1 - nice);
}

/* May @t change what @target is scheduled by? (check_same_owner) */
static bool may_change(struct task *t, struct task *target)
{
	const struct cred *tc = task_cred(target), *c = t->cred;
	bool ok = c->euid == tc->euid || c->euid == tc->uid ||
		  cred_capable(c, tc->user_ns, LX_CAP_SYS_NICE);

	cred_put(tc);
	return ok;
}

void sched_get(struct task *target, struct sched_params *out)
{
	mutex_lock(&target->lock);
	*out = (struct sched_params){
		.policy = target->policy,
		.rt_priority = target->rt_priority,
		.nice = target->nice,
		.reset_on_fork = target->sched_reset_on_fork,
	};
	mutex_unlock(&target->lock);
}

/* What needs CAP_SYS_NICE, whoever owns the target. */
static bool needs_capability(struct task *target, const struct sched_params *old,
			     const struct sched_params *p)
{
	uint64_t rtprio = task_rlimit(target, LX_RLIMIT_RTPRIO);
	uint64_t nice = task_rlimit(target, LX_RLIMIT_NICE);

	if (sched_policy_rt(p->policy)) {
		if (p->policy != old->policy && !rtprio)
			return true;
		if (p->rt_priority > old->rt_priority &&
		    (uint64_t)p->rt_priority > rtprio)
			return true;
	} else if (p->nice < old->nice && nice_to_rlimit(p->nice) > nice) {
		return true;
	}
	/* Leaving SCHED_IDLE is like lowering the nice value. */
	if (old->policy == LX_SCHED_IDLE && p->policy != LX_SCHED_IDLE &&
	    nice_to_rlimit(old->nice) > nice)
		return true;
	return old->reset_on_fork && !p->reset_on_fork;
}

int sched_set(struct task *t, struct task *target, const struct sched_params *p)
{
	struct sched_params old;

	if (p->policy < 0 || p->policy > LX_SCHED_IDLE || p->policy == 4 ||
	    p->rt_priority < 0 || p->rt_priority > RT_PRIO_MAX ||
	    sched_policy_rt(p->policy) != (p->rt_priority != 0))
		return -EINVAL;
	sched_get(target, &old);
	if (!task_capable(t, LX_CAP_SYS_NICE) && needs_capability(target, &old, p))
		return -EPERM;
	if (!may_change(t, target))
		return -EPERM;
	mutex_lock(&target->lock);
	target->policy = p->policy;
	target->rt_priority = p->rt_priority;
	target->nice = p->nice;
	target->sched_reset_on_fork = p->reset_on_fork;
	mutex_unlock(&target->lock);
	return 0;
}

int sched_set_nice(struct task *t, struct task *target, int nice)
{
	const struct cred *tc = task_cred(target), *c = t->cred;
	bool same_user = tc->uid == c->euid || tc->euid == c->euid;
	bool capable = cred_capable(c, tc->user_ns, LX_CAP_SYS_NICE);
	int r = 0;

	cred_put(tc);
	if (!same_user && !capable)
		return -EPERM;
	mutex_lock(&target->lock);
	if (nice < target->nice && !capable &&
	    nice_to_rlimit(nice) > task_rlimit(target, LX_RLIMIT_NICE))
		r = -EACCES;
	else
		target->nice = nice;
	mutex_unlock(&target->lock);
	return r;
}

/* --- CPUs -------------------------------------------------------------------- */

/* The CPUs of the sandbox are numbered from 0. */
static void possible_cpus(struct kernel *k, uint64_t mask[MAX_CPUS / 64])
{
	memset(mask, 0, MAX_CPUS / 8);
	for (unsigned i = 0; i < k->config.n_cpus && i < MAX_CPUS; i++)
		mask[i / 64] |= 1ull << i % 64;
}

static bool mask_empty(const uint64_t mask[MAX_CPUS / 64])
{
	for (unsigned i = 0; i < MAX_CPUS / 64; i++) {
		if (mask[i])
			return false;
	}
	return true;
}

void sched_get_cpus(struct task *target, uint64_t mask[MAX_CPUS / 64])
{
	mutex_lock(&target->lock);
	memcpy(mask, target->cpuset, sizeof(target->cpuset));
	mutex_unlock(&target->lock);
	if (mask_empty(mask))
		possible_cpus(target->k, mask);
}

static void apply_cpus(struct task *t)
{
	uint64_t mask[MAX_CPUS / 64];

	if (!t->mem.ctx->ops->set_affinity)
		return;
	sched_get_cpus(t, mask);
	/* A refusal (the host took a CPU away) leaves the thread where it may run. */
	(void)!t->mem.ctx->ops->set_affinity(t->mem.ctx, mask, sizeof(mask));
}

int sched_set_cpus(struct task *t, struct task *target,
		   const uint64_t mask[MAX_CPUS / 64])
{
	uint64_t set[MAX_CPUS / 64];

	if (!may_change(t, target))
		return -EPERM;
	possible_cpus(t->k, set);
	for (unsigned i = 0; i < MAX_CPUS / 64; i++)
		set[i] &= mask[i];
	if (mask_empty(set))
		return -EINVAL;
	mutex_lock(&target->lock);
	memcpy(target->cpuset, set, sizeof(set));
	mutex_unlock(&target->lock);
	if (target == t) {
		apply_cpus(t);
	} else {
		atomic_store(&target->affinity_changed, true);
		task_kick(target, TASK_WORK_NOTIFY);
	}
	return 0;
}

void sched_task_work(struct task *t)
{
	if (atomic_exchange(&t->affinity_changed, false))
		apply_cpus(t);
}

void sched_fork(struct task *child)
{
	/* A mask that is not everything has to be told to the new ctx. */
	if (!mask_empty(child->cpuset)) {
		atomic_store(&child->affinity_changed, true);
		atomic_fetch_or(&child->work, TASK_WORK_NOTIFY);
	}
	if (!child->sched_reset_on_fork)
		return;
	child->sched_reset_on_fork = false;
	if (sched_policy_rt(child->policy)) {
		child->policy = LX_SCHED_OTHER;
		child->rt_priority = 0;
		child->nice = 0;
	} else if (child->nice < 0) {
		child->nice = 0;
	}
}
