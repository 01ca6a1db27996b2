// SPDX-License-Identifier: Apache-2.0
/* pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). */
#include "sentry/syscall/syscall.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/signal.h"

SYSCALL2(pidfd_open, int nr, unsigned flags)
{
	struct pid *pid;
	bool leader, alive;
	int r;

	if (flags & ~(unsigned)LX_O_NONBLOCK)
		return -EINVAL;
	if (nr <= 0)
		return -EINVAL;
	pid = pid_lookup(task_pid_ns(t), nr);
	if (!pid)
		return -ESRCH;
	mutex_lock(&t->k->tasklist);
	alive = pid->task;
	leader = !list_empty(&pid->members[PIDTYPE_TGID]);
	mutex_unlock(&t->k->tasklist);
	/* Threads are not processes. */
	if (!leader)
		r = alive ? -ENOENT : -ESRCH;
	else
		r = pidfd_create(t, pid, (int)flags);
	pid_put(pid);
	return r;
}

static int read_info(struct task *t, int sig, uaddr_t from, struct lx_siginfo *info)
{
	if (copy_from_user(&t->mem, info, from, sizeof(*info)))
		return -EFAULT;
	return info->signo == sig ? 0 : -EINVAL;
}

SYSCALL4(pidfd_send_signal, int fd, int sig, uaddr_t uinfo, unsigned flags)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct lx_siginfo info;
	struct pid *pid;
	int r;

	if (flags)
		return -EINVAL;
	r = pidfd_lookup(t, fd, &pid, NULL);
	if (r)
		return r;
	if (sig < 0 || sig > LX_NSIG)
		r = -EINVAL;
	else if (uinfo)
		r = read_info(t, sig, uinfo, &info);
	target = r ? NULL : pid_process_get(t->k, pid);
	/* Only down, into the caller's own namespace or below. */
	if (!r && !pid_nr_in(pid, task_pid_ns(t)))
		r = -EINVAL;
	pid_put(pid);
	if (r)
		return r;
	if (!target)
		return -ESRCH;
	if (!uinfo)
		siginfo_user(&info, sig, t, target);
	/* Who forges the kernel's codes may do so only to itself. */
	else if ((info.code >= 0 || info.code == LX_SI_TKILL) && target->tg != t->tg)
		return -EPERM;
	r = signal_may_send(t, target, sig);
	return r || !sig ? r : signal_send_group(target->tg, &info);
}

static int file_of(struct task *target, int fd, struct file **out)
{
	struct fdtable *ft;
	int r;

	*out = NULL;
	mutex_lock(&target->lock);
	ft = target->files ? fdtable_get(target->files) : NULL;
	mutex_unlock(&target->lock);
	if (!ft)
		return -EBADF;
	r = fd_lookup_path(ft, fd, out);
	fdtable_put(ft, NULL);
	return r;
}

SYSCALL3(pidfd_getfd, int pidfd, int fd, unsigned flags)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct file *f = NULL;
	struct pid *pid;
	int r;

	if (flags)
		return -EINVAL;
	r = pidfd_lookup(t, pidfd, &pid, NULL);
	if (r)
		return r;
	target = pid_process_get(t->k, pid);
	pid_put(pid);
	if (!target)
		return -ESRCH;
	r = task_may_ptrace(t, target, true);
	if (!r)
		r = file_of(target, fd, &f);
	if (r)
		return r;
	r = fd_install(t, f, 0, LX_FD_CLOEXEC);
	if (r < 0)
		file_put(f);
	return r;
}
