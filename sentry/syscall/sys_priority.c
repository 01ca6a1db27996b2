// SPDX-License-Identifier: Apache-2.0
/*
 * Calls on one process, a group or all of a user: nice values and I/O priorities. The
 * sandbox has no I/O scheduler of its own: those are kept and shown.
 */
#include "sentry/syscall/syscall.h"
#include "sentry/task/sched.h"
#include "sentry/task/user_ns.h"

enum { WHO_PROCESS, WHO_PGRP, WHO_USER };

#define IOPRIO_CLASS_SHIFT 13
enum { IOPRIO_NONE, IOPRIO_RT, IOPRIO_BE, IOPRIO_IDLE };
#define IOPRIO_LEVEL_MASK 7

/*
 * Calls @fn for each task meant, with tasklist held. Returns -ESRCH when there is none,
 * -EINVAL for an unknown @which; else what @fn left in *arg is the answer.
 */
struct visit {
	struct task *t;
	void (*fn)(struct visit *v, struct task *target);
	int value, result;
	bool any;
};

static void visit_group(struct visit *v, struct thread_group *tg)
{
	struct task *th;

	list_for_each (th, &tg->threads, group_node) {
		v->any = true;
		v->fn(v, th);
	}
}

static void visit_pgrp(struct visit *v, struct pid *pgrp)
{
	struct list *head = &pgrp->members[PIDTYPE_PGID], *pos;

	for (pos = head->next; pos != head; pos = pos->next)
		visit_group(v, container_of(pos, struct thread_group,
					    pid_node[PIDTYPE_PGID]));
}

static void visit_user(struct visit *v, uint32_t kuid)
{
	struct pid_ns *ns = task_pid_ns(v->t);

	for (size_t i = 0; i < ns->by_nr.n_slots; i++) {
		for (struct hnode *n = ns->by_nr.slot[i]; n; n = n->next) {
			struct task *target =
				container_of(n, struct upid, node)->pid->task;
			const struct cred *c;

			if (!target)
				continue;
			c = task_cred(target);
			if (c->uid == kuid) {
				v->any = true;
				v->fn(v, target);
			}
			cred_put(c);
		}
	}
}

static int visit_all(struct visit *v, int which, int who)
{
	struct task *t = v->t;
	uint32_t kuid = t->cred->uid;
	struct pid *pid;

	if (which < WHO_PROCESS || which > WHO_USER)
		return -EINVAL;
	if (which == WHO_USER && who &&
	    !user_ns_map_uid(t->cred->user_ns, (uint32_t)who, &kuid))
		return -ESRCH;
	mutex_lock(&t->k->tasklist);
	if (which == WHO_USER) {
		visit_user(v, kuid);
	} else if (who == 0 && which == WHO_PROCESS) {
		v->any = true;
		v->fn(v, t);
	} else {
		pid = who ? pid_find_locked(task_pid_ns(t), who)
			  : t->tg->pid[PIDTYPE_PGID];
		if (pid && which == WHO_PGRP) {
			visit_pgrp(v, pid);
		} else if (pid && pid->task) {
			v->any = true;
			v->fn(v, pid->task);
		}
	}
	mutex_unlock(&t->k->tasklist);
	return v->any ? 0 : -ESRCH;
}

/* --- nice -------------------------------------------------------------------------- */

/* 40 for nice -20 down to 1 for 19: never mistaken for an error. The highest counts. */
static void get_nice(struct visit *v, struct task *target)
{
	struct sched_params p;

	sched_get(target, &p);
	v->result = max_t(int, v->result, NICE_MAX + 1 - p.nice);
}

SYSCALL2(getpriority, int which, int who)
{
	struct visit v = {.t = t, .fn = get_nice};
	int r = visit_all(&v, which, who);

	return r ? r : v.result;
}

static void set_nice(struct visit *v, struct task *target)
{
	int r = sched_set_nice(v->t, target, v->value);

	/* One that could be set makes up for -EACCES of others, as on Linux. */
	if (r || v->result == -ESRCH)
		v->result = r;
}

SYSCALL3(setpriority, int which, int who, int nice)
{
	struct visit v = {.t = t, .fn = set_nice, .result = -ESRCH};
	int r;

	v.value = nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
	r = visit_all(&v, which, who);
	return r ? r : v.result;
}

/* --- I/O --------------------------------------------------------------------- */

/* Numbered from 1 here. */
static int ioprio_which(int which)
{
	return which > 0 ? which - 1 : -1;
}

static void get_ioprio(struct visit *v, struct task *target)
{
	int prio, class, best = v->result >> IOPRIO_CLASS_SHIFT;

	mutex_lock(&target->lock);
	prio = target->ioprio;
	mutex_unlock(&target->lock);
	class = prio >> IOPRIO_CLASS_SHIFT;
	/* The strongest of several: RT, then BE, then IDLE; none set counts least. */
	if (best == IOPRIO_NONE || (class != IOPRIO_NONE && prio < v->result))
		v->result = prio;
}

SYSCALL2(ioprio_get, int which, int who)
{
	struct visit v = {.t = t, .fn = get_ioprio};
	int r = visit_all(&v, ioprio_which(which), who);

	return r ? r : v.result;
}

static void set_ioprio(struct visit *v, struct task *target)
{
	const struct cred *tc = task_cred(target), *c = v->t->cred;
	bool ok = c->euid == tc->uid || c->uid == tc->uid ||
		  cred_capable(c, tc->user_ns, LX_CAP_SYS_NICE);

	cred_put(tc);
	if (!ok) {
		v->result = -EPERM;
		return;
	}
	mutex_lock(&target->lock);
	target->ioprio = v->value;
	mutex_unlock(&target->lock);
}

SYSCALL3(ioprio_set, int which, int who, int prio)
{
	struct visit v = {.t = t, .fn = set_ioprio, .value = prio};
	int class = prio >> IOPRIO_CLASS_SHIFT, level = prio & IOPRIO_LEVEL_MASK;
	int r;

	if (class == IOPRIO_RT && !task_capable(t, LX_CAP_SYS_ADMIN) &&
	    !task_capable(t, LX_CAP_SYS_NICE))
		return -EPERM;
	/* Between class and level stand hints, of which all are welcome. */
	if (class < IOPRIO_NONE || class > IOPRIO_IDLE || (class == IOPRIO_NONE && level))
		return -EINVAL;
	r = visit_all(&v, ioprio_which(which), who);
	return r ? r : v.result;
}
