// SPDX-License-Identifier: Apache-2.0
/* Sending signals: kill, tkill, tgkill, and those that carry a value. */
#include <limits.h>

#include "sentry/syscall/syscall.h"
#include "sentry/task/signal.h"
#include "sentry/task/sigqueue.h"

/*
 * To the process of @target, or to the thread alone. @info: a queued one of the caller's,
 * or NULL for kill's own.
 */
static int send_to(struct task *t, struct task *target, int signo, bool thread,
		   const struct lx_siginfo *given)
{
	struct lx_siginfo info;
	bool force;
	int r;

	if (signo && !signo_valid(signo))
		return -EINVAL;
	r = signal_may_send(t, target, signo);
	if (r || !signo)
		return r;
	if (given) {
		info = *given;
	} else {
		siginfo_user(&info, signo, t, target);
		if (thread)
			info.code = LX_SI_TKILL;
	}
	/* Whoever the target can't see is above it, and may kill even an init. */
	force = task_tgid_for(t, target) == 0 || info.code == LX_SI_KERNEL;
	return signal_queue(target->tg, thread ? target : NULL, &info, force);
}

/* kill(-1): everybody but the caller and the namespace's init. tasklist held. */
static int kill_all_locked(struct task *t, int signo) MUST_HOLD(t->k->tasklist)
{
	struct pid_ns *ns = task_pid_ns(t);
	bool any = false;
	int r, result = 0;

	for (size_t i = 0; i < ns->by_nr.n_slots; i++) {
		for (struct hnode *n = ns->by_nr.slot[i]; n; n = n->next) {
			struct upid *u = container_of(n, struct upid, node);
			struct task *target = u->pid->task;

			if (!target || target->tg->leader != target ||
			    target->tg == t->tg || u->nr == 1)
				continue;
			r = send_to(t, target, signo, false, NULL);
			any = true;
			if (r != -EPERM)
				result = r;
		}
	}
	return any ? result : -ESRCH;
}

/* tasklist held. 0 when at least one could be signalled. */
static int kill_pgrp_locked(struct task *t, struct pid *pgrp, int signo)
	MUST_HOLD(t->k->tasklist)
{
	struct list *head = &pgrp->members[PIDTYPE_PGID], *pos;
	bool sent = false;
	int r = -ESRCH;

	for (pos = head->next; pos != head; pos = pos->next) {
		struct thread_group *tg =
			container_of(pos, struct thread_group, pid_node[PIDTYPE_PGID]);
		int one = send_to(t, tg->leader, signo, false, NULL);

		sent |= one == 0;
		r = one;
	}
	return sent ? 0 : r;
}

static int kill_many(struct task *t, int pid, int signo)
{
	struct pid *pgrp;
	int r;

	mutex_lock(&t->k->tasklist);
	if (pid == -1) {
		r = kill_all_locked(t, signo);
	} else {
		pgrp = pid ? pid_find_locked(task_pid_ns(t), -pid)
			   : t->tg->pid[PIDTYPE_PGID];
		r = pgrp ? kill_pgrp_locked(t, pgrp, signo) : -ESRCH;
	}
	mutex_unlock(&t->k->tasklist);
	return r;
}

static int kill_one(struct task *t, int pid, int signo, const struct lx_siginfo *info)
{
	/* Any thread's number names its process here. */
	AUTO_PUT(task) struct task *target = task_lookup(t, pid);

	return target ? send_to(t, target, signo, false, info) : -ESRCH;
}

SYSCALL2(kill, int pid, int signo)
{
	if (pid > 0)
		return kill_one(t, pid, signo, NULL);
	if (pid == INT_MIN)
		return -ESRCH;
	return kill_many(t, pid, signo);
}

static int kill_thread(struct task *t, int tgid, int tid, int signo,
		       const struct lx_siginfo *info)
{
	AUTO_PUT(task) struct task *target = task_lookup(t, tid);

	if (!target || (tgid > 0 && task_tgid_for(target, t) != tgid))
		return -ESRCH;
	return send_to(t, target, signo, true, info);
}

SYSCALL3(tgkill, int tgid, int tid, int signo)
{
	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	return kill_thread(t, tgid, tid, signo, NULL);
}

SYSCALL2(tkill, int tid, int signo)
{
	if (tid <= 0)
		return -EINVAL;
	return kill_thread(t, 0, tid, signo, NULL);
}

/* Only to itself may anybody claim to be the kernel or kill(2). */
static int get_queued_info(struct task *t, int signo, uaddr_t uinfo, bool to_self,
			   struct lx_siginfo *info)
{
	int r = get_user(&t->mem, *info, uinfo);

	if (r)
		return r;
	info->signo = signo;
	info->pad = 0;
	if ((info->code >= 0 || info->code == LX_SI_TKILL) && !to_self)
		return -EPERM;
	return 0;
}

SYSCALL3(rt_sigqueueinfo, int tgid, int signo, uaddr_t uinfo)
{
	struct lx_siginfo info;
	int r;

	r = get_queued_info(t, signo, uinfo, tgid == task_tgid_for(t, t), &info);
	if (r)
		return r;
	return tgid > 0 ? kill_one(t, tgid, signo, &info) : -ESRCH;
}

SYSCALL4(rt_tgsigqueueinfo, int tgid, int tid, int signo, uaddr_t uinfo)
{
	struct lx_siginfo info;
	int r;

	r = get_queued_info(t, signo, uinfo, tid == task_tid_for(t, t), &info);
	if (r)
		return r;
	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	return kill_thread(t, tgid, tid, signo, &info);
}
