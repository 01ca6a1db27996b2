// SPDX-License-Identifier: Apache-2.0
/*
 * Signals on their way: from a sender into a queue, and out of it again.
 *
 *	signal_queue()		 effects that don't wait (SIGCONT, SIGKILL), then
 *	  -> entry in a queue	 of the thread or of the group
 *	  -> choose a thread	 that takes it; kick it
 *	signal_dequeue_locked()	 (sigpending.c) by that thread, on its way back to the
 *				 guest (deliver.c), by sigtimedwait or a signalfd
 *
 * A standard signal that is pending already is not queued again; real-time ones are, in
 * order. A signal that is ignored and not blocked vanishes when it is sent.
 */
#include "sentry/task/signal.h"

#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/task/groups.h"
#include "sentry/task/internal.h"
#include "sentry/task/posix_timer.h"
#include "sentry/task/sigqueue.h"

void siginfo_user(struct lx_siginfo *info, int signo, struct task *from, struct task *to)
{
	const struct cred *c;

	if (!from) {
		siginfo_kernel(info, signo);
		return;
	}
	memset(info, 0, sizeof(*info));
	info->signo = signo;
	info->code = LX_SI_USER;
	info->rt.pid = task_tgid_for(from, to);
	c = task_cred(to);
	info->rt.uid = user_ns_unmap_uid(c->user_ns, from->cred->uid);
	cred_put(c);
}

void siginfo_kernel(struct lx_siginfo *info, int signo)
{
	memset(info, 0, sizeof(*info));
	info->signo = signo;
	info->code = LX_SI_KERNEL;
}

bool sigaction_ignores(const struct lx_sigaction *sa, int signo)
{
	return sa->handler == LX_SIG_IGN ||
	       (sa->handler == LX_SIG_DFL && sig_in(SIGSET_IGNORE, signo));
}

/* A blocked signal is never ignored:
 * the handler may be another one when it is unblocked. */
static bool signal_ignored_locked(struct thread_group *tg, struct task *t, int signo,
				  bool force) MUST_HOLD(tg->sighand->lock)
{
	const struct lx_sigaction *sa = &tg->sighand->action[signo - 1];

	if (sig_in(signal_peek_mask_locked(t) | t->real_blocked, signo))
		return false;
	if (tg->unkillable && sa->handler == LX_SIG_DFL &&
	    !(force && sig_in(SIGSET_UNBLOCKABLE, signo)))
		return true;
	return sigaction_ignores(sa, signo);
}

void signal_discard_locked(struct thread_group *tg, lx_sigset_t mask)
{
	struct task *th;

	sigpending_flush_mask(&tg->pending, mask);
	list_for_each (th, &tg->threads, group_node)
		sigpending_flush_mask(&th->pending, mask);
}

/* SIGCONT lets everybody run, whether it is blocked, ignored or handled. */
static void continue_group_locked(struct thread_group *tg) MUST_HOLD(tg->sighand->lock)
{
	struct task *th;

	signal_discard_locked(tg, SIGSET_STOP);
	tg->n_continues++;
	list_for_each (th, &tg->threads, group_node) {
		th->stop_me = false;
		th->jobctl_stopped = false;
		if (tg->stop != GROUP_RUNNING)
			task_kick(th, TASK_WORK_SIGNAL);
	}
	if (tg->stop == GROUP_RUNNING)
		return;
	/* The parent is told by a thread that runs: the locks here are the wrong ones. */
	tg->cld_notify = tg->stop == GROUP_STOPPED ? LX_CLD_CONTINUED : LX_CLD_STOPPED;
	tg->stop = GROUP_RUNNING;
	tg->stop_pending = 0;
	tg->report_stopped = false;
	tg->report_continued = true;
}

void group_exit_locked(struct thread_group *tg, int code)
{
	struct task *th;

	if (!tg->group_exit) {
		tg->group_exit = true;
		tg->group_exit_code = code;
	}
	tg->stop = GROUP_RUNNING;
	tg->stop_pending = 0;
	list_for_each (th, &tg->threads, group_node) {
		th->stop_me = false;
		th->jobctl_stopped = false;
		atomic_store(&th->killed, true);
		task_kick(th, TASK_WORK_EXIT);
	}
}

void group_exit(struct thread_group *tg, int code)
{
	tg_sighand_lock(tg);
	group_exit_locked(tg, code);
	tg_sighand_unlock(tg);
}

static bool wants_signal(struct task *th, int signo)
{
	if (th->sig_exiting || sig_in(signal_mask_locked(th), signo))
		return false;
	if (signo == LX_SIGKILL)
		return true;
	return !th->jobctl_stopped && !(atomic_load(&th->work) & TASK_WORK_SIGNAL);
}

/* The thread that will take it: the main one if it can,
 * else any; NULL: later somebody will. */
static struct task *choose_thread(struct thread_group *tg, struct task *t, bool group,
				  int signo)
{
	struct task *th;

	if (wants_signal(t, signo))
		return t;
	if (!group)
		return NULL;
	list_for_each (th, &tg->threads, group_node) {
		if (wants_signal(th, signo))
			return th;
	}
	return NULL;
}

/* It is pending now: somebody is to look, or the whole group dies at once. */
static void announce_locked(struct thread_group *tg, struct task *t, bool group,
			    int signo) MUST_HOLD(tg->sighand->lock)
{
	struct task *th = choose_thread(tg, t, group, signo);
	bool fatal = tg->sighand->action[signo - 1].handler == LX_SIG_DFL &&
		     !sig_in(SIGSET_IGNORE | SIGSET_STOP, signo);

	waitq_wake(&tg->signalfd_wait->q, LX_POLLIN);
	if (!th)
		return;
	/* Fatal: nobody need wait for that thread to come around. */
	if (fatal && !tg->group_exit && !sig_in(th->real_blocked, signo) &&
	    (signo == LX_SIGKILL || !tg->unkillable) && !sig_in(SIGSET_COREDUMP, signo)) {
		group_exit_locked(tg, signo);
		return;
	}
	task_kick(th, TASK_WORK_SIGNAL);
}

/* Effects that come at once, and whether there is anything to queue. */
static bool prepare_locked(struct thread_group *tg, struct task *t, int signo, bool force)
	MUST_HOLD(tg->sighand->lock)
{
	if (tg->group_exit)
		return false;
	if (sig_in(SIGSET_STOP, signo))
		signal_discard_locked(tg, LX_SIGMASK(LX_SIGCONT));
	else if (signo == LX_SIGCONT)
		continue_group_locked(tg);
	return !signal_ignored_locked(tg, t, signo, force);
}

static int queue_locked(struct thread_group *tg, struct task *t, bool group,
			const struct lx_siginfo *info, bool force)
	MUST_HOLD(tg->sighand->lock)
{
	struct sigpending *p = group ? &tg->pending : &t->pending;
	int signo = info->signo;
	bool standard = signo < LX_SIGRTMIN;
	struct sigqueue *q;

	if (!prepare_locked(tg, t, signo, force))
		return 0;
	if (standard && sig_in(p->set, signo))
		return 0;
	if (signo != LX_SIGKILL) {
		q = sigqueue_alloc(t, standard && info->code >= 0);
		if (q) {
			q->info = *info;
			q->info.pad = 0;
			list_add_tail(&p->queue, &q->node);
		} else if (!standard && info->code != LX_SI_USER) {
			return -EAGAIN;
		}
	}
	p->set |= LX_SIGMASK(signo);
	announce_locked(tg, t, group, signo);
	return 0;
}

/*
 * Whose mask and queue count: the thread's own, or the leader's, which stays in the list
 * until the process is reaped. NULL: gone, or on its way.
 */
static struct task *receiver_locked(struct thread_group *tg, struct task *t)
	MUST_HOLD(tg->sighand->lock)
{
	if (t)
		return t->sig_exiting ? NULL : t;
	return list_empty(&tg->threads) ? NULL : tg->leader;
}

int signal_queue(struct thread_group *tg, struct task *t, const struct lx_siginfo *info,
		 bool force)
{
	struct task *to;
	int r = 0;

	tg_sighand_lock(tg);
	to = receiver_locked(tg, t);
	if (to)
		r = queue_locked(tg, to, !t, info, force);
	tg_sighand_unlock(tg);
	return r;
}

/* The kernel, or somebody the target cannot even name. */
static bool from_outside(const struct lx_siginfo *info)
{
	return info->code == LX_SI_KERNEL ||
	       ((info->code == LX_SI_USER || info->code == LX_SI_TKILL) && !info->rt.pid);
}

int signal_send_task(struct task *t, const struct lx_siginfo *info)
{
	return signal_queue(t->tg, t, info, from_outside(info));
}

int signal_send_group(struct thread_group *tg, const struct lx_siginfo *info)
{
	return signal_queue(tg, NULL, info, from_outside(info));
}

int signal_send_pgrp_locked(struct pid *pgrp, const struct lx_siginfo *info)
{
	struct list *head = &pgrp->members[PIDTYPE_PGID], *pos;
	int n = 0;

	mutex_assert_held(&pgrp->nr[0].ns->k->tasklist);
	for (pos = head->next; pos != head; pos = pos->next) {
		struct thread_group *tg =
			container_of(pos, struct thread_group, pid_node[PIDTYPE_PGID]);

		if (signal_send_group(tg, info) == 0)
			n++;
	}
	return n;
}

int signal_queue_entry(struct thread_group *tg, struct task *t, struct sigqueue *q)
{
	struct sigpending *p = t ? &t->pending : &tg->pending;
	struct task *to;
	int signo, r = 0;

	tg_sighand_lock(tg);
	to = receiver_locked(tg, t);
	signo = q->info.signo;
	if (!list_empty(&q->node)) {
		r = -EBUSY;
	} else if (to && prepare_locked(tg, to, signo, false)) {
		list_add_tail(&p->queue, &q->node);
		p->set |= LX_SIGMASK(signo);
		announce_locked(tg, to, !t, signo);
		r = 1;
	}
	tg_sighand_unlock(tg);
	return r;
}

static bool queue_has(const struct sigpending *p, int signo)
{
	struct sigqueue *q;

	list_for_each (q, &p->queue, node) {
		if (q->info.signo == signo)
			return true;
	}
	return false;
}

void signal_unqueue_entry(struct thread_group *tg, struct sigqueue *q)
{
	struct task *th;
	int signo;

	tg_sighand_lock(tg);
	signo = q->info.signo;
	if (!list_empty(&q->node)) {
		list_del(&q->node);
		/* The bit stays only where another entry of the number is. */
		if (sig_in(tg->pending.set, signo) && !queue_has(&tg->pending, signo))
			tg->pending.set &= ~LX_SIGMASK(signo);
		list_for_each (th, &tg->threads, group_node) {
			if (sig_in(th->pending.set, signo) &&
			    !queue_has(&th->pending, signo))
				th->pending.set &= ~LX_SIGMASK(signo);
		}
	}
	tg_sighand_unlock(tg);
}

void signal_force(struct task *t, const struct lx_siginfo *info)
{
	struct thread_group *tg = t->tg;
	struct sighand *sh = tg->sighand;
	struct lx_sigaction *sa = &sh->action[info->signo - 1];

	mutex_lock(&t->tg->sighand->lock);
	if (sa->handler == LX_SIG_IGN || sig_in(signal_mask_locked(t), info->signo)) {
		sa->handler = LX_SIG_DFL;
		t->blocked &= ~LX_SIGMASK(info->signo);
		signal_recalc_locked(t);
	}
	/* Nothing protects an init from its own faults. */
	if (sa->handler == LX_SIG_DFL)
		tg->unkillable = false;
	queue_locked(t->tg, t, false, info, true);
	signal_recalc_locked(t);
	mutex_unlock(&t->tg->sighand->lock);
}

int signal_dequeue(struct task *t, lx_sigset_t set, struct lx_siginfo *info)
{
	int signo;

	mutex_lock(&t->tg->sighand->lock);
	signo = signal_dequeue_locked(t, ~set, info);
	signal_recalc_locked(t);
	mutex_unlock(&t->tg->sighand->lock);
	if (signo && info->pad == SIGINFO_REARM)
		posix_timer_rearm(t->tg, info);
	return signo;
}
