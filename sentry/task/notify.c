// SPDX-License-Identifier: Apache-2.0
/*
 * What a parent hears of its children: SIGCHLD with its siginfo, the wake-up of waits,
 * and whether a dead child is kept for it at all.
 */
#include "sentry/abi/errno.h"
#include "sentry/task/internal.h"
#include "sentry/task/signal.h"

#define TICK_NS (NSEC_PER_SEC / 100)

/* Of @child, as its parent sees it. */
static void child_info(struct thread_group *child, int signo, int code, int status,
		       struct lx_siginfo *info)
{
	struct thread_group *parent = child->parent;
	const struct cred *pc = parent->leader->cred, *c = child->leader->cred;
	struct rusage_sum u = child->dead_threads;

	*info = (struct lx_siginfo){.signo = signo, .code = code};
	info->chld.pid = pid_nr_in(child->pid_self, task_pid_ns(parent->leader));
	info->chld.uid = user_ns_unmap_uid(pc->user_ns, c->uid);
	info->chld.status = status;
	info->chld.utime = u.utime_ns / TICK_NS;
	info->chld.stime = u.stime_ns / TICK_NS;
}

static struct lx_sigaction parent_action(struct thread_group *parent, int signo)
{
	struct lx_sigaction sa;

	mutex_lock(&parent->sighand->lock);
	sa = parent->sighand->action[signo - 1];
	mutex_unlock(&parent->sighand->lock);
	return sa;
}

void notify_parent_locked(struct thread_group *tg, int si_code, int status)
{
	struct thread_group *parent = tg->parent;
	struct lx_sigaction sa;
	struct lx_siginfo info;

	mutex_assert_held(&tg->k->tasklist);
	if (!parent) {
		/* The sandbox's init: who started the sandbox stops with it. */
		if (si_code == LX_CLD_STOPPED)
			waitq_wake(&tg->k->idle, LX_POLLPRI);
		return;
	}
	sa = parent_action(parent, LX_SIGCHLD);
	if (sa.handler != LX_SIG_IGN && !(sa.flags & LX_SA_NOCLDSTOP)) {
		child_info(tg, LX_SIGCHLD, si_code, status, &info);
		signal_send_group(parent, &info);
	}
	waitq_wake(&parent->wait_chld, LX_POLLIN);
}

/* Wait status to si_code and si_status. */
static int decode_exit(int code, int *status)
{
	if (code & 0x7f) {
		*status = code & 0x7f;
		return code & 0x80 ? LX_CLD_DUMPED : LX_CLD_KILLED;
	}
	*status = code >> 8 & 0xff;
	return LX_CLD_EXITED;
}

bool notify_exit_locked(struct thread_group *tg)
{
	struct thread_group *parent = tg->parent;
	struct lx_siginfo info;
	int signo = tg->exit_signal, status, code;
	bool reap = false;

	mutex_assert_held(&tg->k->tasklist);
	/* pidfds become readable now; once it is reaped they say so too. */
	waitq_wake(&tg->pid_self->exit_wait, LX_POLLIN);
	if (!parent)
		return true;
	if (signo == LX_SIGCHLD) {
		struct lx_sigaction sa = parent_action(parent, signo);

		if (sa.handler == LX_SIG_IGN || (sa.flags & LX_SA_NOCLDWAIT))
			reap = true;
		if (sa.handler == LX_SIG_IGN)
			signo = 0;
	}
	if (signo > 0 && signo <= LX_NSIG) {
		code = decode_exit(tg->exit_code, &status);
		child_info(tg, signo, code, status, &info);
		signal_send_group(parent, &info);
	}
	waitq_wake(&parent->wait_chld, LX_POLLIN);
	return reap;
}
