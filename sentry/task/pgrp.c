// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/pgrp.h"

#include "sentry/abi/errno.h"
#include "sentry/task/internal.h"
#include "sentry/task/tty_session.h"

/* May the caller move @target's process? */
static int may_move_locked(struct task *t, struct task *target) MUST_HOLD(t->k->tasklist)
{
	struct thread_group *own = t->tg, *tg = target->tg;

	if (tg->leader != target)
		return -EINVAL;
	if (tg->parent == own) {
		if (tg->pid[PIDTYPE_SID] != own->pid[PIDTYPE_SID])
			return -EPERM;
		/* A shell may set its child's group only
		 * until the child runs its program. */
		if (tg->did_exec)
			return -EACCES;
	} else if (tg != own) {
		return -ESRCH;
	}
	return tg->pid[PIDTYPE_SID] == tg->pid_self ? -EPERM : 0;
}

/* The group must be the process's own number, or one of the caller's session. */
static int find_group_locked(struct task *t, struct task *target, int pgid,
			     struct pid **out) MUST_HOLD(t->k->tasklist)
{
	struct pid *pgrp = pid_find_locked(task_pid_ns(t), pgid);
	struct thread_group *member;

	*out = pgrp;
	if (pgrp == target->tg->pid_self)
		return 0;
	if (!pgrp || list_empty(&pgrp->members[PIDTYPE_PGID]))
		return -EPERM;
	member = list_entry(pgrp->members[PIDTYPE_PGID].next, struct thread_group,
			    pid_node[PIDTYPE_PGID]);
	return member->pid[PIDTYPE_SID] == t->tg->pid[PIDTYPE_SID] ? 0 : -EPERM;
}

static void move_locked(struct thread_group *tg, enum pid_type type, struct pid *to)
{
	if (tg->pid[type] == to)
		return;
	pid_get(to);
	pid_detach_locked(tg, type);
	pid_attach_locked(tg, type, to);
	pid_put(to);
}

int task_setpgid(struct task *t, int pid, int pgid)
{
	struct task *target;
	struct pid *id, *pgrp;
	int r;

	if (pgid < 0 || (!pgid && pid < 0))
		return -EINVAL;
	mutex_lock(&t->k->tasklist);
	target = t->tg->leader;
	if (pid) {
		id = pid_find_locked(task_pid_ns(t), pid);
		target = id ? id->task : NULL;
	}
	r = target ? may_move_locked(t, target) : -ESRCH;
	if (!r)
		r = find_group_locked(
			t, target,
			pgid ? pgid : pid_nr_in(target->tg->pid_self, task_pid_ns(t)),
			&pgrp);
	if (!r)
		move_locked(target->tg, PIDTYPE_PGID, pgrp);
	mutex_unlock(&t->k->tasklist);
	return r;
}

int task_setsid(struct task *t)
{
	struct thread_group *tg = t->tg;
	struct pid *self = tg->pid_self;
	struct tty *tty = NULL;
	int r = 0;

	mutex_lock(&t->k->tasklist);
	/* Neither a session leader nor the namesake of a group that others are in. */
	if (tg->pid[PIDTYPE_SID] == self || !list_empty(&self->members[PIDTYPE_PGID]))
		r = -EPERM;
	if (!r) {
		move_locked(tg, PIDTYPE_SID, self);
		move_locked(tg, PIDTYPE_PGID, self);
		mutex_lock(&tg->lock);
		tty = TAKE_PTR(tg->tty);
		mutex_unlock(&tg->lock);
		r = pid_nr_in(self, task_pid_ns(t));
	}
	mutex_unlock(&t->k->tasklist);
	if (tty)
		tty_put(tty);
	return r;
}
