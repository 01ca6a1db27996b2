// SPDX-License-Identifier: Apache-2.0
/* wait4(2) and waitid(2). */
#include <limits.h>

#include "sentry/abi/fcntl.h"
#include "sentry/syscall/rusage_abi.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/wait.h"

enum { P_ALL, P_PID, P_PGID, P_PIDFD };

static struct pid *own_pgrp(struct task *t)
{
	struct pid *pid;

	mutex_lock(&t->k->tasklist);
	pid = pid_get(t->tg->pid[PIDTYPE_PGID]);
	mutex_unlock(&t->k->tasklist);
	return pid;
}

static int put_usage(struct task *t, uaddr_t addr, const struct rusage_sum *u)
{
	struct lx_rusage ru;

	if (!addr)
		return 0;
	rusage_to_user(u, &ru);
	return put_user(&t->mem, addr, ru);
}

SYSCALL4(wait4, int upid, uaddr_t status, int options, uaddr_t rusage)
{
	struct wait_args a = {.options = (unsigned)options | LX_WEXITED};
	struct pid_ns *ns = task_pid_ns(t);
	struct wait_result res;
	int32_t wstatus;
	int r;

	if ((unsigned)options & ~(LX_WNOHANG | LX_WSTOPPED | LX_WCONTINUED |
				  LX_WNOTHREAD | LX_WCLONE | LX_WALL))
		return -EINVAL;
	if (upid == INT_MIN)
		return -ESRCH;
	if (upid == -1) {
		a.which = WAIT_ANY;
	} else if (upid > 0) {
		a.which = WAIT_PID;
		a.pid = pid_lookup(ns, upid);
	} else {
		a.which = WAIT_PGRP;
		a.pid = upid ? pid_lookup(ns, -upid) : own_pgrp(t);
	}
	r = task_wait(t, &a, &res);
	pid_put(a.pid);
	if (r || !res.pid)
		return r;
	/* The child is gone by now:
	 * what can't be written is the caller's loss, as on Linux. */
	wstatus = res.wstatus;
	if (status && put_user(&t->mem, status, wstatus))
		return -EFAULT;
	if (put_usage(t, rusage, &res.usage))
		return -EFAULT;
	return res.pid;
}

/* Which children: a reference in a->pid. @nonblock: a pidfd that would rather fail. */
static int which_children(struct task *t, int which, int id, struct wait_args *a,
			  bool *nonblock)
{
	unsigned flags;
	int r;

	*nonblock = false;
	switch (which) {
	case P_ALL:
		a->which = WAIT_ANY;
		return 0;
	case P_PID:
		if (id <= 0)
			return -EINVAL;
		a->which = WAIT_PID;
		a->pid = pid_lookup(task_pid_ns(t), id);
		return 0;
	case P_PGID:
		if (id < 0)
			return -EINVAL;
		a->which = WAIT_PGRP;
		a->pid = id ? pid_lookup(task_pid_ns(t), id) : own_pgrp(t);
		return 0;
	case P_PIDFD:
		if (id < 0)
			return -EINVAL;
		r = pidfd_lookup(t, id, &a->pid, &flags);
		a->which = WAIT_PID;
		*nonblock = !r && (flags & LX_O_NONBLOCK);
		return r;
	default:
		return -EINVAL;
	}
}

SYSCALL5(waitid, int which, int id, uaddr_t infop, int options, uaddr_t rusage)
{
	struct wait_args a = {.options = (unsigned)options};
	struct lx_siginfo info = {0};
	struct wait_result res;
	bool nonblock;
	int r;

	if ((unsigned)options & ~(LX_WNOHANG | LX_WNOWAIT | LX_WEXITED | LX_WSTOPPED |
				  LX_WCONTINUED | LX_WNOTHREAD | LX_WCLONE | LX_WALL))
		return -EINVAL;
	if (!((unsigned)options & (LX_WEXITED | LX_WSTOPPED | LX_WCONTINUED)))
		return -EINVAL;
	r = which_children(t, which, id, &a, &nonblock);
	if (r)
		return r;
	if (nonblock)
		a.options |= LX_WNOHANG;
	r = task_wait(t, &a, &res);
	pid_put(a.pid);
	if (r)
		return r;
	if (!res.pid && nonblock && !(options & LX_WNOHANG))
		return -EAGAIN;
	if (res.pid) {
		info.signo = LX_SIGCHLD;
		info.code = res.code;
		info.chld.pid = res.pid;
		info.chld.uid = res.uid;
		info.chld.status = res.status;
		if (put_usage(t, rusage, &res.usage))
			return -EFAULT;
	}
	/* Only the fields that waitid defines: the rest of the caller's siginfo stays. */
	if (infop && (copy_to_user(&t->mem, infop, &info, 12) ||
		      copy_to_user(&t->mem, infop + 16, &info.chld, 12)))
		return -EFAULT;
	return 0;
}
