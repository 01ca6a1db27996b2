// SPDX-License-Identifier: Apache-2.0
/* Who am I: process, thread, parent; process groups and sessions. */
#include "sentry/syscall/dispatch.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/pgrp.h"
#include "sentry/task/tty_session.h"

SYSCALL0(getpid)
{
	return syscall_constant(t, task_tgid_for(t, t));
}

SYSCALL0(gettid)
{
	return syscall_constant(t, task_tid_for(t, t));
}

/* 0: it is outside of the caller's pid namespace, or there is none. */
SYSCALL0(getppid)
{
	int nr = 0;

	mutex_lock(&t->k->tasklist);
	if (t->tg->parent)
		nr = pid_nr_in(t->tg->parent->pid_self, task_pid_ns(t));
	mutex_unlock(&t->k->tasklist);
	return nr;
}

SYSCALL1(set_tid_address, uaddr_t addr)
{
	t->clear_child_tid = addr;
	return task_tid_for(t, t);
}

/* The number of a process's group or session; @nr 0: the caller's own. */
static int64_t get_group(struct task *t, int nr, enum pid_type type)
{
	int64_t r = -ESRCH;
	struct task *target = t;
	struct pid *pid;

	mutex_lock(&t->k->tasklist);
	if (nr) {
		pid = pid_find_locked(task_pid_ns(t), nr);
		target = pid ? pid->task : NULL;
	}
	if (target && target->tg->pid[type])
		r = pid_nr_in(target->tg->pid[type], task_pid_ns(t));
	mutex_unlock(&t->k->tasklist);
	return r;
}

SYSCALL1(getpgid, int pid)
{
	return get_group(t, pid, PIDTYPE_PGID);
}

SYSCALL0(getpgrp)
{
	return get_group(t, 0, PIDTYPE_PGID);
}

SYSCALL1(getsid, int pid)
{
	return get_group(t, pid, PIDTYPE_SID);
}

SYSCALL2(setpgid, int pid, int pgid)
{
	return task_setpgid(t, pid, pgid);
}

SYSCALL0(setsid)
{
	return task_setsid(t);
}
