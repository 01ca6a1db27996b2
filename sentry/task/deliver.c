// SPDX-License-Identifier: Apache-2.0
/*
 * Delivery: what a thread does about its signals on its way back to the guest.
 *
 *	get_signal()	  takes them one by one: stops, ignored ones and default actions
 *			  are dealt with inside; a handled one comes out
 *	run_handler()	  pushes its frame (arch/x86_64/sigframe.c) and blocks its mask
 *
 * Several handlers may be pushed in a row; the last one runs first. What the interrupted
 * system call returns is decided by the first of them, or by there being none.
 *
 * Source: signal(7), sigaction(2), POSIX 2.4.
 */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/task/internal.h"
#include "sentry/task/posix_timer.h"
#include "sentry/task/signal.h"
#include "sentry/task/sigqueue.h"

#define LX_NR_RESTART_SYSCALL 219
#define SYSCALL_INSN_SIZE     2

struct delivery {
	struct lx_regs regs;
	bool have_regs, changed;
	bool in_syscall; /* its result is still to be written to rax */
	int64_t ret;
};

/* A fatal signal, or exec by another thread. */
static bool must_exit(const struct task *t)
{
	return atomic_load(&t->killed) || (atomic_load(&t->work) & TASK_WORK_EXIT);
}

/* --- stops ------------------------------------------------------------------------- */

/* A stop signal took effect: every thread is to stop. sighand->lock held. */
static void stop_begin_locked(struct task *t, int signo) MUST_HOLD(t->tg->sighand->lock)
{
	struct thread_group *tg = t->tg;
	struct task *th;

	if (tg->group_exit)
		return;
	tg->stop_signo = signo;
	tg->stop = GROUP_STOPPING;
	tg->stop_pending = 0;
	list_for_each (th, &tg->threads, group_node) {
		if (th->sig_exiting || th->jobctl_stopped)
			continue;
		th->stop_me = true;
		tg->stop_pending++;
		if (th != t)
			task_kick(th, TASK_WORK_STOP);
	}
}

static bool stop_over(struct task *t)
{
	bool over;

	tg_sighand_lock(t->tg);
	over = !t->jobctl_stopped || must_exit(t);
	tg_sighand_unlock(t->tg);
	return over;
}

/* Stand still until SIGCONT or death. Called with sighand->lock held; drops it. */
static void stop_self(struct task *t) RELEASES(t->tg->sighand->lock)
{
	bool last = signal_stop_done_locked(t);

	t->jobctl_stopped = true;
	atomic_store(&t->state, TASK_STOPPED);
	tg_sighand_unlock(t->tg);
	if (last)
		signal_notify_stop(t->tg, LX_CLD_STOPPED);
	lock_assert_none_held();
	for (;;) {
		park_clear(&t->park);
		if (stop_over(t))
			break;
		park_wait(&t->park, NO_DEADLINE);
	}
	atomic_store(&t->state, TASK_RUNNING);
}

/*
 * Terminal stops do nothing in an orphaned group: no shell would ever continue it.
 * Looking needs tasklist, so the lock is dropped; a SIGCONT meanwhile calls the stop off.
 */
static bool stop_allowed(struct task *t, int signo) MUST_HOLD(t->tg->sighand->lock)
{
	struct thread_group *tg = t->tg;
	unsigned n = tg->n_continues;
	bool orphaned;

	if (signo == LX_SIGSTOP)
		return true;
	tg_sighand_unlock(t->tg);
	mutex_lock(&t->k->tasklist);
	orphaned = pgrp_orphaned_locked(tg->pid[PIDTYPE_PGID], NULL);
	mutex_unlock(&t->k->tasklist);
	tg_sighand_lock(t->tg);
	return !orphaned && n == tg->n_continues;
}

/* --- choosing ---------------------------------------------------------------- */

/*
 * The next signal with a handler, which is copied to *sa. 0: none, or the thread is to
 * end: must_exit() tells.
 */
static int get_signal(struct task *t, struct lx_siginfo *info, struct lx_sigaction *sa)
{
	struct thread_group *tg = t->tg;
	struct sighand *sh = tg->sighand; /* of our own process: only exec changes it */
	int signo = 0, code;

	tg_sighand_lock(t->tg);
	while (!tg->group_exit && !must_exit(t)) {
		if (tg->cld_notify) {
			code = tg->cld_notify;
			tg->cld_notify = 0;
			tg_sighand_unlock(t->tg);
			signal_notify_stop(tg, code);
			tg_sighand_lock(t->tg);
			continue;
		}
		if (t->stop_me) {
			stop_self(t);
			tg_sighand_lock(t->tg);
			continue;
		}
		signo = signal_dequeue_locked(t, signal_mask_locked(t), info);
		if (!signo)
			break;
		if (info->pad == SIGINFO_REARM) {
			tg_sighand_unlock(t->tg);
			posix_timer_rearm(tg, info);
			tg_sighand_lock(t->tg);
		}
		*sa = sh->action[signo - 1];
		if (sigaction_ignores(sa, signo))
			continue;
		if (sa->handler != LX_SIG_DFL) {
			if (sa->flags & LX_SA_RESETHAND)
				sh->action[signo - 1].handler = LX_SIG_DFL;
			break;
		}
		if (tg->unkillable && !sig_in(SIGSET_UNBLOCKABLE, signo))
			continue;
		if (sig_in(SIGSET_STOP, signo)) {
			if (stop_allowed(t, signo))
				stop_begin_locked(t, signo);
			continue;
		}
		group_exit_locked(t->tg, signo);
	}
	if (tg->group_exit || must_exit(t))
		signo = 0;
	signal_recalc_locked(t);
	tg_sighand_unlock(t->tg);
	return signo;
}

/* --- the interrupted call ----------------------------------------------------- */

static int load_regs(struct task *t, struct delivery *d)
{
	int r = 0;

	if (!d->have_regs) {
		r = ctx_get_regs(t->mem.ctx, &d->regs);
		d->have_regs = r == 0;
	}
	return r;
}

static bool is_restart(int64_t ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND ||
	       ret == -ERESTART_RESTARTBLOCK;
}

/* Back to the syscall instruction, to make call @nr again. */
static void restart_call(struct delivery *d, uint64_t nr)
{
	d->regs.rax = nr;
	d->regs.rip -= SYSCALL_INSN_SIZE;
}

/* A handler runs (@sa) or not (NULL): what becomes of the call. Registers are loaded. */
static void finish_call(struct task *t, struct delivery *d, const struct lx_sigaction *sa)
{
	if (!d->in_syscall)
		return;
	d->in_syscall = false;
	d->changed = true;
	if (!is_restart(d->ret))
		d->regs.rax = (uint64_t)d->ret;
	else if (!sa && d->ret == -ERESTART_RESTARTBLOCK)
		restart_call(d, LX_NR_RESTART_SYSCALL);
	else if (!sa || d->ret == -ERESTARTNOINTR ||
		 (d->ret == -ERESTARTSYS && (sa->flags & LX_SA_RESTART)))
		restart_call(d, t->sc_nr);
	else
		d->regs.rax = (uint64_t)-EINTR;
}

/* --- handlers ----------------------------------------------------------------- */

/* The stack can't take a frame: SIGSEGV,
 * and to the death if it was SIGSEGV's own frame. */
static void bad_frame(struct task *t, int signo)
{
	struct lx_siginfo info;

	if (signo == LX_SIGSEGV) {
		mutex_lock(&t->tg->sighand->lock);
		t->tg->sighand->action[LX_SIGSEGV - 1].handler = LX_SIG_DFL;
		mutex_unlock(&t->tg->sighand->lock);
	}
	siginfo_kernel(&info, LX_SIGSEGV);
	signal_force(t, &info);
}

static void run_handler(struct task *t, struct delivery *d, const struct lx_siginfo *info,
			const struct lx_sigaction *sa)
{
	struct lx_regs regs;
	lx_sigset_t blocked = signal_mask(t), mask = blocked | sa->mask;

	finish_call(t, d, sa);
	regs = d->regs;
	if (sigframe_push(t, &regs, sa, info, t->restore_mask ? t->saved_mask : blocked,
			  &t->fault)) {
		bad_frame(t, info->signo);
		return;
	}
	d->regs = regs;
	d->changed = true;
	/* The frame's return brings the old mask back. */
	t->restore_mask = false;
	if (!(sa->flags & LX_SA_NODEFER))
		mask |= LX_SIGMASK(info->signo);
	signal_set_blocked(t, mask);
}

static void deliver_all(struct task *t, struct delivery *d)
{
	struct lx_siginfo info;
	struct lx_sigaction sa;

	while (get_signal(t, &info, &sa)) {
		if (load_regs(t, d)) {
			/* The guest thread is gone on the host. */
			group_exit(t->tg, LX_SIGKILL);
			return;
		}
		run_handler(t, d, &info, &sa);
	}
}

void signal_deliver(struct task *t, bool in_syscall, int64_t ret)
{
	struct delivery d = {.in_syscall = in_syscall && !t->sc_no_return, .ret = ret};

	deliver_all(t, &d);
	if (must_exit(t))
		return;
	if (d.in_syscall && is_restart(ret) && load_regs(t, &d) == 0)
		finish_call(t, &d, NULL);
	if (t->restore_mask) {
		/* No handler ran: the call's own mask is over,
		 * and more may be deliverable. */
		t->restore_mask = false;
		signal_set_blocked(t, t->saved_mask);
		deliver_all(t, &d);
		if (must_exit(t))
			return;
	}
	if (d.changed) {
		/* Only a frame can hold an illegal rip:
		 * a handler at a non-canonical address. */
		if (ctx_set_regs(t->mem.ctx, &d.regs) == -EPERM)
			bad_frame(t, LX_SIGSEGV);
	} else if (d.in_syscall) {
		ctx_set_ret(t->mem.ctx, (uint64_t)ret);
	}
}
