// SPDX-License-Identifier: Apache-2.0
/* Signals from files and terminals (sigsend.h), and who may signal whom. */
#include "sentry/task/sigsend.h"

#include <string.h>

#include "fs/vfs.h"
#include "sentry/abi/errno.h"
#include "sentry/task/internal.h"
#include "sentry/task/run.h"
#include "sentry/task/signal.h"
#include "sentry/task/sigqueue.h"

enum { OWNER_TID, OWNER_PID, OWNER_PGRP }; /* F_OWNER_* */

static bool same_session(const struct task *a, const struct task *b)
{
	/* A glance: whoever changes sessions meanwhile raced the sender anyway. */
	return __atomic_load_n(&a->tg->pid[PIDTYPE_SID], __ATOMIC_RELAXED) ==
	       __atomic_load_n(&b->tg->pid[PIDTYPE_SID], __ATOMIC_RELAXED);
}

int signal_may_send(struct task *t, struct task *target, int signo)
{
	const struct cred *c = t->cred, *tc;
	bool ok;

	if (t->tg == target->tg)
		return 0;
	tc = task_cred(target);
	ok = c->euid == tc->suid || c->euid == tc->uid || c->uid == tc->suid ||
	     c->uid == tc->uid || cred_capable(c, tc->user_ns, LX_CAP_KILL);
	cred_put(tc);
	if (!ok && signo == LX_SIGCONT)
		ok = same_session(t, target);
	return ok ? 0 : -EPERM;
}

void sigsend_self(struct task *t, int signo)
{
	struct lx_siginfo info;

	if (!t)
		return;
	siginfo_user(&info, signo, t, t);
	signal_send_task(t, &info);
}

bool sigsend_dequeue(struct task *t, lx_sigset_t mask, struct lx_siginfo *info)
{
	if (!t || !signal_dequeue(t, mask, info))
		return false;
	info->pad = 0;
	return true;
}

bool sigsend_poll(struct poll_table *pt, lx_sigset_t mask)
{
	struct task *t = task_on_this_thread();

	if (!t)
		return false;
	poll_wait(pt, &t->tg->signalfd_wait->q);
	return signal_pending_set(t) & mask;
}

static struct kernel *pid_kernel(const struct pid *pid)
{
	return pid->nr[0].ns->k;
}

static bool owner_may_send(const struct file_owner *owner, struct task *target)
{
	const struct cred *tc = task_cred(target);
	bool ok = owner->euid == 0 || owner->euid == tc->suid || owner->euid == tc->uid ||
		  owner->uid == tc->suid || owner->uid == tc->uid;

	cred_put(tc);
	return ok;
}

static void owner_send(const struct file_owner *owner, struct task *target,
		       const struct lx_siginfo *info)
{
	bool thread = owner->type == OWNER_TID;
	struct lx_siginfo plain;

	if (!owner_may_send(owner, target))
		return;
	if (owner->signo &&
	    signal_queue(target->tg, thread ? target : NULL, info, false) == 0)
		return;
	/* The queue is full, or no signal was chosen: a plain SIGIO. */
	siginfo_kernel(&plain, LX_SIGIO);
	signal_queue(target->tg, thread ? target : NULL, &plain, true);
}

void sigsend_owner(const struct file_owner *owner, int hfd_number, int band_reason,
		   uint32_t band)
{
	struct lx_siginfo info = {.signo = owner->signo, .code = band_reason};
	struct kernel *k;

	if (!owner->pid)
		return;
	info.poll.band = band;
	info.poll.fd = hfd_number;
	k = pid_kernel(owner->pid);
	mutex_lock(&k->tasklist);
	if (owner->type == OWNER_PGRP) {
		struct list *head = &owner->pid->members[PIDTYPE_PGID], *pos;

		for (pos = head->next; pos != head; pos = pos->next)
			owner_send(owner,
				   container_of(pos, struct thread_group,
						pid_node[PIDTYPE_PGID])
					   ->leader,
				   &info);
	} else if (owner->pid->task) {
		owner_send(owner, owner->pid->task, &info);
	}
	mutex_unlock(&k->tasklist);
}

void sigsend_pgrp(struct pid *pgrp, int signo)
{
	struct lx_siginfo info;
	struct kernel *k;

	if (!pgrp)
		return;
	siginfo_kernel(&info, signo);
	k = pid_kernel(pgrp);
	mutex_lock(&k->tasklist);
	signal_send_pgrp_locked(pgrp, &info);
	mutex_unlock(&k->tasklist);
}

void sigsend_message(struct pid *pid, int signo, uint64_t value, struct task *from)
{
	struct kernel *k = pid_kernel(pid);
	struct lx_siginfo info;

	mutex_lock(&k->tasklist);
	if (pid->task) {
		siginfo_user(&info, signo, from, pid->task);
		info.code = LX_SI_MESGQ;
		info.rt.value = value;
		signal_send_group(pid->task->tg, &info);
	}
	mutex_unlock(&k->tasklist);
}

struct pid *sigsend_process_of(struct task *t)
{
	return t->tg->pid_self;
}

int sigsend_pid_number(const struct pid *pid)
{
	return pid_own_nr(pid);
}
