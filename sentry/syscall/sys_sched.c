// SPDX-License-Identifier: Apache-2.0
/* Policies, priorities and CPU masks; the rules are in task/sched.c. */
#include <sched.h>
#include <string.h>

#include "sentry/syscall/syscall.h"
#include "sentry/task/sched.h"
#include "sentry/task/timespec.h"

#define RR_INTERVAL_NS	  (100 * NSEC_PER_MSEC)
#define FAIR_INTERVAL_NS  (4 * NSEC_PER_MSEC)
#define SCHED_ATTR_SIZE_0 48 /* the first version, without the clamps */

/* struct sched_attr */
struct lx_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
_Static_assert(sizeof(struct lx_sched_attr) == 56, "struct sched_attr");

#define SCHED_FLAG_RESET_ON_FORK 0x01u
#define SCHED_FLAG_KEEP_POLICY	 0x08u
#define SCHED_FLAG_KEEP_PARAMS	 0x10u
#define SCHED_FLAG_UTIL_CLAMP	 0x60u
#define SCHED_FLAG_ALL		 0x7fu

/* By tid, 0 for the caller: a reference or NULL. */
static struct task *target_of(struct task *t, int pid)
{
	return pid ? task_lookup(t, pid) : task_get(t);
}

SYSCALL0(sched_yield)
{
	/* Coming here and going back has let others run. */
	(void)t;
	return 0;
}

/* --- policies ---------------------------------------------------------------------- */

/* policy < 0: keep it (sched_setparam). */
static int64_t set_policy(struct task *t, int pid, int policy, uaddr_t uparam)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct sched_params p;
	int32_t priority;

	if (!uparam || pid < 0)
		return -EINVAL;
	if (get_user(&t->mem, priority, uparam))
		return -EFAULT;
	target = target_of(t, pid);
	if (!target)
		return -ESRCH;
	sched_get(target, &p);
	if (policy >= 0) {
		p.policy = policy & ~LX_SCHED_RESET_ON_FORK;
		p.reset_on_fork = policy & LX_SCHED_RESET_ON_FORK;
	}
	p.rt_priority = priority;
	/* Deadlines need sched_setattr(), and a host that grants them. */
	if (p.policy == LX_SCHED_DEADLINE)
		return -EINVAL;
	return sched_set(t, target, &p);
}

SYSCALL3(sched_setscheduler, int pid, int policy, uaddr_t uparam)
{
	return policy < 0 ? -EINVAL : set_policy(t, pid, policy, uparam);
}

SYSCALL2(sched_setparam, int pid, uaddr_t uparam)
{
	return set_policy(t, pid, -1, uparam);
}

SYSCALL1(sched_getscheduler, int pid)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct sched_params p;

	if (pid < 0)
		return -EINVAL;
	target = target_of(t, pid);
	if (!target)
		return -ESRCH;
	sched_get(target, &p);
	return p.policy | (p.reset_on_fork ? LX_SCHED_RESET_ON_FORK : 0);
}

SYSCALL2(sched_getparam, int pid, uaddr_t uparam)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct sched_params p;

	if (!uparam || pid < 0)
		return -EINVAL;
	target = target_of(t, pid);
	if (!target)
		return -ESRCH;
	sched_get(target, &p);
	return put_user(&t->mem, uparam, p.rt_priority);
}

static int64_t priority_bound(int policy, int rt)
{
	switch (policy) {
	case LX_SCHED_FIFO:
	case LX_SCHED_RR:
		return rt;
	case LX_SCHED_OTHER:
	case LX_SCHED_BATCH:
	case LX_SCHED_IDLE:
	case LX_SCHED_DEADLINE:
		return 0;
	default:
		return -EINVAL;
	}
}

SYSCALL1(sched_get_priority_max, int policy)
{
	(void)t;
	return priority_bound(policy, RT_PRIO_MAX);
}

SYSCALL1(sched_get_priority_min, int policy)
{
	(void)t;
	return priority_bound(policy, 1);
}

SYSCALL2(sched_rr_get_interval, int pid, uaddr_t uts)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct sched_params p;
	struct lx_timespec ts;

	if (pid < 0)
		return -EINVAL;
	target = target_of(t, pid);
	if (!target)
		return -ESRCH;
	sched_get(target, &p);
	ts = ns_timespec(p.policy == LX_SCHED_RR     ? RR_INTERVAL_NS
			 : p.policy == LX_SCHED_FIFO ? 0
						     : FAIR_INTERVAL_NS);
	return put_user(&t->mem, uts, ts);
}

/* A newer program's longer structure is fine as long as what we don't know is zero. */
static int get_sched_attr(struct task *t, uaddr_t uattr, struct lx_sched_attr *a)
{
	static const uint32_t ours = sizeof(*a);
	uint8_t rest[PAGE_SIZE];
	uint32_t size;

	memset(a, 0, sizeof(*a));
	if (get_user(&t->mem, size, uattr))
		return -EFAULT;
	if (!size)
		size = SCHED_ATTR_SIZE_0;
	if (size < SCHED_ATTR_SIZE_0 || size > PAGE_SIZE)
		goto too_big;
	if (copy_from_user(&t->mem, a, uattr, min_t(size_t, size, sizeof(*a))))
		return -EFAULT;
	if (size > sizeof(*a)) {
		if (copy_from_user(&t->mem, rest, uattr + sizeof(*a), size - sizeof(*a)))
			return -EFAULT;
		for (size_t i = 0; i < size - sizeof(*a); i++) {
			if (rest[i])
				goto too_big;
		}
	}
	if ((a->flags & SCHED_FLAG_UTIL_CLAMP) && size < sizeof(*a))
		return -EINVAL;
	return 0;
too_big:
	return put_user(&t->mem, uattr, ours) ? -EFAULT : -E2BIG;
}

SYSCALL3(sched_setattr, int pid, uaddr_t uattr, unsigned flags)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct lx_sched_attr a;
	struct sched_params p;
	int r;

	if (!uattr || pid < 0 || flags)
		return -EINVAL;
	r = get_sched_attr(t, uattr, &a);
	if (r)
		return r;
	if ((int)a.policy < 0 || (a.flags & ~(uint64_t)SCHED_FLAG_ALL))
		return -EINVAL;
	if (a.flags & SCHED_FLAG_UTIL_CLAMP)
		return -EOPNOTSUPP;
	target = target_of(t, pid);
	if (!target)
		return -ESRCH;
	sched_get(target, &p);
	if (!(a.flags & SCHED_FLAG_KEEP_POLICY))
		p.policy = (int)a.policy;
	if (!(a.flags & SCHED_FLAG_KEEP_PARAMS)) {
		p.rt_priority = a.priority > RT_PRIO_MAX ? -1 : (int)a.priority;
		if (!sched_policy_rt(p.policy))
			p.nice = a.nice < NICE_MIN   ? NICE_MIN
				 : a.nice > NICE_MAX ? NICE_MAX
						     : a.nice;
	}
	p.reset_on_fork = a.flags & SCHED_FLAG_RESET_ON_FORK;
	/* The host admits no deadlines of ours. */
	if (p.policy == LX_SCHED_DEADLINE)
		return -EPERM;
	return sched_set(t, target, &p);
}

SYSCALL4(sched_getattr, int pid, uaddr_t uattr, unsigned usize, unsigned flags)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct lx_sched_attr a = {0};
	struct sched_params p;

	if (!uattr || pid < 0 || usize > PAGE_SIZE || usize < SCHED_ATTR_SIZE_0 || flags)
		return -EINVAL;
	target = target_of(t, pid);
	if (!target)
		return -ESRCH;
	sched_get(target, &p);
	a.size = min_t(uint32_t, usize, sizeof(a));
	a.policy = (uint32_t)p.policy;
	a.flags = p.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	if (sched_policy_rt(p.policy))
		a.priority = (uint32_t)p.rt_priority;
	else
		a.nice = p.nice;
	return copy_to_user(&t->mem, uattr, &a, a.size);
}

/* --- CPUs -------------------------------------------------------------------- */

static size_t cpumask_size(struct task *t)
{
	return ((size_t)t->k->config.n_cpus + 63) / 64 * 8;
}

SYSCALL3(sched_setaffinity, int pid, unsigned len, uaddr_t umask)
{
	AUTO_PUT(task) struct task *target = NULL;
	uint64_t mask[MAX_CPUS / 64] = {0};

	if (copy_from_user(&t->mem, mask, umask, min_t(size_t, len, sizeof(mask))))
		return -EFAULT;
	target = pid < 0 ? NULL : target_of(t, pid);
	if (!target)
		return -ESRCH;
	return sched_set_cpus(t, target, mask);
}

SYSCALL3(sched_getaffinity, int pid, unsigned len, uaddr_t umask)
{
	AUTO_PUT(task) struct task *target = NULL;
	uint64_t mask[MAX_CPUS / 64];
	size_t n;

	if ((uint64_t)len * 8 < t->k->config.n_cpus || len % sizeof(mask[0]))
		return -EINVAL;
	target = pid < 0 ? NULL : target_of(t, pid);
	if (!target)
		return -ESRCH;
	sched_get_cpus(target, mask);
	n = min_t(size_t, len, cpumask_size(t));
	return copy_to_user(&t->mem, umask, mask, n) ? -EFAULT : (int64_t)n;
}

SYSCALL3(getcpu, uaddr_t ucpu, uaddr_t unode, uaddr_t unused)
{
	/* The Sentry's thread and the guest's share a CPU. */
	unsigned cpu = (unsigned)max_t(int, sched_getcpu(), 0), node = 0;

	(void)unused;
	cpu %= max_t(unsigned, t->k->config.n_cpus, 1);
	if (ucpu && put_user(&t->mem, ucpu, cpu))
		return -EFAULT;
	return unode ? put_user(&t->mem, unode, node) : 0;
}
