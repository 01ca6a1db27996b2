// SPDX-License-Identifier: Apache-2.0
/* Actions, masks, waiting for signals, the alternate stack, returning from handlers. */
#include <string.h>

#include "sentry/arch/x86_64/arch.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/block.h"
#include "sentry/task/posix_timer.h"
#include "sentry/task/signal.h"
#include "sentry/task/sigqueue.h"
#include "sentry/task/timespec.h"

/* What a program may set; asking for others shows that they are unknown. */
#define SA_FLAGS_KNOWN                                                                   \
	(LX_SA_NOCLDSTOP | LX_SA_NOCLDWAIT | LX_SA_SIGINFO | LX_SA_EXPOSE_TAGBITS |      \
	 LX_SA_RESTORER | LX_SA_ONSTACK | LX_SA_RESTART | LX_SA_NODEFER |                \
	 LX_SA_RESETHAND)

enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

SYSCALL4(rt_sigaction, int signo, uaddr_t act, uaddr_t oact, size_t sigsetsize)
{
	struct thread_group *tg = t->tg;
	struct lx_sigaction sa = {0}, old;
	int r;

	if (sigsetsize != sizeof(lx_sigset_t))
		return -EINVAL;
	if (act) {
		r = get_user(&t->mem, sa, act);
		if (r)
			return r;
	}
	if (!signo_valid(signo) || (act && sig_in(SIGSET_UNBLOCKABLE, signo)))
		return -EINVAL;

	mutex_lock(&tg->sighand->lock);
	old = tg->sighand->action[signo - 1];
	if (act) {
		sa.flags &= SA_FLAGS_KNOWN;
		sa.mask &= ~SIGSET_UNBLOCKABLE;
		tg->sighand->action[signo - 1] = sa;
		/* POSIX 3.3.1.3: ignoring a signal drops what is pending of it. */
		if (sigaction_ignores(&sa, signo))
			signal_discard_locked(tg, LX_SIGMASK(signo));
	}
	mutex_unlock(&tg->sighand->lock);
	return oact ? put_user(&t->mem, oact, old) : 0;
}

SYSCALL4(rt_sigprocmask, int how, uaddr_t set, uaddr_t oset, size_t sigsetsize)
{
	lx_sigset_t mask, old = signal_mask(t);
	int r;

	if (sigsetsize != sizeof(lx_sigset_t))
		return -EINVAL;
	if (set) {
		r = get_user(&t->mem, mask, set);
		if (r)
			return r;
		switch (how) {
		case SIG_BLOCK:
			mask |= old;
			break;
		case SIG_UNBLOCK:
			mask = old & ~mask;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_blocked(t, mask);
	}
	signal_lend_mask(t, NULL);
	return oset ? put_user(&t->mem, oset, old) : 0;
}

SYSCALL2(rt_sigpending, uaddr_t set, size_t sigsetsize)
{
	lx_sigset_t pending;

	if (sigsetsize > sizeof(lx_sigset_t))
		return -EINVAL;
	pending = signal_pending_set(t) & signal_mask(t);
	return copy_to_user(&t->mem, set, &pending, sigsetsize);
}

/*
 * The waited-for signals are unblocked while it sleeps, and real_blocked keeps them from
 * being ignored or from killing at once.
 */
static int wait_for_signal(struct task *t, lx_sigset_t set, int64_t deadline_ns,
			   struct lx_siginfo *info)
{
	int signo, r;

	mutex_lock(&t->tg->sighand->lock);
	signo = signal_dequeue_locked(t, ~set, info);
	if (!signo) {
		t->real_blocked = signal_mask_locked(t);
		t->blocked &= ~set;
		signal_recalc_locked(t);
		mutex_unlock(&t->tg->sighand->lock);
		do
			r = task_block(t, deadline_ns, "sigtimedwait", set);
		while (r == 0);
		mutex_lock(&t->tg->sighand->lock);
		signo = signal_dequeue_locked(t, ~set, info);
		t->blocked = t->real_blocked;
		t->real_blocked = 0;
		if (!signo)
			signo = r == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
	signal_recalc_locked(t);
	mutex_unlock(&t->tg->sighand->lock);
	return signo;
}

SYSCALL4(rt_sigtimedwait, uaddr_t uset, uaddr_t uinfo, uaddr_t uts, size_t sigsetsize)
{
	int64_t deadline_ns = NO_DEADLINE;
	struct lx_siginfo info;
	struct lx_timespec ts;
	lx_sigset_t set;
	int r, signo;

	if (sigsetsize != sizeof(lx_sigset_t))
		return -EINVAL;
	r = get_user(&t->mem, set, uset);
	if (r)
		return r;
	if (uts) {
		r = get_user(&t->mem, ts, uts);
		if (r)
			return r;
		if (!timespec_valid(&ts))
			return -EINVAL;
		deadline_ns = deadline_after(timespec_ns(&ts));
	}
	signo = wait_for_signal(t, set & ~SIGSET_UNBLOCKABLE, deadline_ns, &info);
	if (signo < 0)
		return signo;
	if (info.pad == SIGINFO_REARM)
		posix_timer_rearm(t->tg, &info);
	info.pad = 0;
	if (uinfo && put_user(&t->mem, uinfo, info))
		return -EFAULT;
	return signo;
}

static int64_t wait_for_handler(struct task *t, const char *what, lx_sigset_t mask)
{
	while (task_block(t, NO_DEADLINE, what, mask) == 0)
		;
	return -ERESTARTNOHAND;
}

SYSCALL2(rt_sigsuspend, uaddr_t uset, size_t sigsetsize)
{
	lx_sigset_t set;
	int r;

	if (sigsetsize != sizeof(lx_sigset_t))
		return -EINVAL;
	r = get_user(&t->mem, set, uset);
	if (r)
		return r;
	signal_set_temp_mask(t, set);
	return wait_for_handler(t, "sigsuspend", set);
}

SYSCALL0(pause)
{
	return wait_for_handler(t, "pause", 0);
}

SYSCALL2(sigaltstack, uaddr_t uss, uaddr_t uoss)
{
	struct lx_stack ss, old;
	int r;

	altstack_get(t, t->sc->rsp, &old);
	if (uss) {
		r = get_user(&t->mem, ss, uss);
		if (!r)
			r = altstack_set(t, &ss, t->sc->rsp);
		if (r)
			return r;
	}
	return uoss ? put_user(&t->mem, uoss, old) : 0;
}

SYSCALL0(rt_sigreturn)
{
	struct lx_siginfo info;
	struct lx_regs regs;
	lx_sigset_t mask;
	int r;

	t->restart.fn = NULL;
	t->sc_no_return = true;
	r = ctx_get_regs(t->mem.ctx, &regs);
	if (r)
		return r;
	r = sigframe_pop(t, &regs, &mask);
	signal_set_blocked(t, mask);
	if (!r)
		r = ctx_set_regs(t->mem.ctx, &regs);
	if (r) {
		siginfo_kernel(&info, LX_SIGSEGV);
		signal_force(t, &info);
	}
	return 0;
}

/* Never called by programs: delivery makes it of
 * a call that returned ERESTART_RESTARTBLOCK. */
SYSCALL0(restart_syscall)
{
	return t->restart.fn ? t->restart.fn(t) : -EINTR;
}
