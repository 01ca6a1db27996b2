// SPDX-License-Identifier: Apache-2.0
/* Limits and usage: getrlimit, setrlimit, prlimit64, getrusage, times. */
#include "sentry/syscall/rusage_abi.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/cpu_limit.h"
#include "sentry/task/rusage.h"

#define NR_OPEN (1024u * 1024)
#define TICK_NS (NSEC_PER_SEC / 100)

enum { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_THREAD = 1 };

/* Old and new limit in one step, as prlimit has it. Either may be NULL. */
static int change_limit(struct task *t, struct thread_group *tg, unsigned which,
			const struct rlimit64 *new, struct rlimit64 *old)
{
	struct rlimit64 *rl = &tg->rlim[which];
	int r = 0;

	if (new &&new->cur > new->max)
		return -EINVAL;
	if (new &&which == LX_RLIMIT_NOFILE &&new->max > NR_OPEN)
		return -EPERM;
	mutex_lock(&tg->lock);
	if (old)
		*old = *rl;
	if (new &&new->max > rl->max && !cred_init_capable(t->cred, LX_CAP_SYS_RESOURCE))
		r = -EPERM;
	if (new && !r) {
		/* Read without the lock (task_rlimit): each half is whole. */
		__atomic_store_n(&rl->cur, new->cur, __ATOMIC_RELAXED);
		__atomic_store_n(&rl->max, new->max, __ATOMIC_RELAXED);
	}
	mutex_unlock(&tg->lock);
	return !r && new &&which == LX_RLIMIT_CPU ? cpu_limit_watch(tg) : r;
}

SYSCALL2(getrlimit, unsigned which, uaddr_t to)
{
	struct rlimit64 rl;

	if (which >= LX_RLIMIT_N)
		return -EINVAL;
	change_limit(t, t->tg, which, NULL, &rl);
	return put_user(&t->mem, to, rl);
}

SYSCALL2(setrlimit, unsigned which, uaddr_t from)
{
	struct rlimit64 rl;

	if (get_user(&t->mem, rl, from))
		return -EFAULT;
	if (which >= LX_RLIMIT_N)
		return -EINVAL;
	return change_limit(t, t->tg, which, &rl, NULL);
}

/* Another's limits are for who has all its ids, or CAP_SYS_RESOURCE over it. */
static int may_prlimit(struct task *t, struct task *target)
{
	const struct cred *c = t->cred, *tc;
	bool ok;

	if (t->tg == target->tg)
		return 0;
	tc = task_cred(target);
	ok = (c->uid == tc->euid && c->uid == tc->suid && c->uid == tc->uid &&
	      c->gid == tc->egid && c->gid == tc->sgid && c->gid == tc->gid) ||
	     cred_capable(c, tc->user_ns, LX_CAP_SYS_RESOURCE);
	cred_put(tc);
	return ok ? 0 : -EPERM;
}

SYSCALL4(prlimit64, int pid, unsigned which, uaddr_t from, uaddr_t to)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct rlimit64 new, old;
	int r;

	if (which >= LX_RLIMIT_N)
		return -EINVAL;
	if (from && get_user(&t->mem, new, from))
		return -EFAULT;
	target = pid ? task_lookup(t, pid) : task_get(t);
	if (!target)
		return -ESRCH;
	r = may_prlimit(t, target);
	if (!r)
		r = change_limit(t, target->tg, which, from ? &new : NULL,
				 to ? &old : NULL);
	if (r)
		return r;
	return to ? put_user(&t->mem, to, old) : 0;
}

static struct rusage_sum children_usage(struct task *t)
{
	struct rusage_sum u;

	mutex_lock(&t->k->tasklist);
	u = t->tg->dead_children;
	mutex_unlock(&t->k->tasklist);
	return u;
}

SYSCALL2(getrusage, int who, uaddr_t to)
{
	struct rusage_sum u;
	struct lx_rusage ru;

	switch (who) {
	case RUSAGE_SELF:
		usage_process(t->tg, t, &u);
		usage_add_peak(t, &u);
		break;
	case RUSAGE_CHILDREN:
		u = children_usage(t);
		break;
	case RUSAGE_THREAD:
		usage_self_thread(t, &u);
		usage_add_peak(t, &u);
		break;
	default:
		return -EINVAL;
	}
	rusage_to_user(&u, &ru);
	return put_user(&t->mem, to, ru);
}

struct lx_tms {
	int64_t utime, stime, cutime, cstime;
};

SYSCALL1(times, uaddr_t to)
{
	struct rusage_sum self, children = children_usage(t);
	struct lx_tms tms;

	if (to) {
		usage_process(t->tg, t, &self);
		tms = (struct lx_tms){
			.utime = self.utime_ns / TICK_NS,
			.stime = self.stime_ns / TICK_NS,
			.cutime = children.utime_ns / TICK_NS,
			.cstime = children.stime_ns / TICK_NS,
		};
		if (put_user(&t->mem, to, tms))
			return -EFAULT;
	}
	return (clock_mono_ns() - t->k->boot_mono_ns) / TICK_NS;
}
