// SPDX-License-Identifier: Apache-2.0
/*
 * What terminals ask of sessions and process groups (tty_session.h). A process points at
 * its controlling terminal (tg->tty, under tg->lock); all of a session point at the same.
 *
 * Source: POSIX 11.1, tty_ioctl(4), credentials(7).
 */
#include "sentry/task/tty_session.h"

#include "fs/namei.h"
#include "fs/vfs.h"
#include "sentry/abi/errno.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/signal.h"
#include "sentry/task/sigqueue.h"

struct tty *task_tty(struct task *t)
{
	struct thread_group *tg = t->tg;
	struct tty *tty;

	mutex_lock(&tg->lock);
	tty = tg->tty ? tty_get(tg->tty) : NULL;
	mutex_unlock(&tg->lock);
	return tty;
}

/* Replaces the terminal of @tg; takes @tty. */
static void set_tty(struct thread_group *tg, struct tty *tty)
{
	struct tty *old;

	mutex_lock(&tg->lock);
	old = tg->tty;
	tg->tty = tty;
	mutex_unlock(&tg->lock);
	if (old)
		tty_put(old);
}

bool task_is_session_leader(struct task *t)
{
	bool leads;

	mutex_lock(&t->k->tasklist);
	leads = t->tg->pid[PIDTYPE_SID] == t->tg->pid[PIDTYPE_TGID];
	mutex_unlock(&t->k->tasklist);
	return leads;
}

int task_set_tty(struct task *t, struct tty *tty, bool steal)
{
	struct thread_group *tg = t->tg;
	int r = 0;

	/* Whom it is taken from forgets it first:
	 * the caller does that with CAP_SYS_ADMIN. */
	(void)steal;
	mutex_lock(&t->k->tasklist);
	mutex_lock(&tg->lock);
	if (tg->pid[PIDTYPE_SID] != tg->pid[PIDTYPE_TGID] || tg->tty)
		r = -EPERM;
	else
		tg->tty = tty_get(tty);
	mutex_unlock(&tg->lock);
	mutex_unlock(&t->k->tasklist);
	return r;
}

void task_clear_tty(struct task *t)
{
	set_tty(t->tg, NULL);
}

void session_clear_tty(struct pid *session)
{
	struct kernel *k = session->nr[0].ns->k;
	struct list *head = &session->members[PIDTYPE_SID], *pos;

	mutex_lock(&k->tasklist);
	for (pos = head->next; pos != head; pos = pos->next)
		set_tty(container_of(pos, struct thread_group, pid_node[PIDTYPE_SID]),
			NULL);
	mutex_unlock(&k->tasklist);
}

void session_hang_up(struct pid *session, struct pid *foreground)
{
	struct kernel *k = session->nr[0].ns->k;
	struct pid *old = NULL;
	struct thread_group *tg;
	struct lx_siginfo info;

	mutex_lock(&k->tasklist);
	tg = session->task ? session->task->tg : NULL;
	if (tg && tg->pid_self == session) {
		mutex_lock(&tg->lock);
		old = tg->tty_old_pgrp;
		tg->tty_old_pgrp = foreground ? pid_get(foreground) : NULL;
		mutex_unlock(&tg->lock);
		siginfo_kernel(&info, LX_SIGHUP);
		signal_send_group(tg, &info);
		siginfo_kernel(&info, LX_SIGCONT);
		signal_send_group(tg, &info);
	}
	mutex_unlock(&k->tasklist);
	pid_put(old);
}

static struct pid *get_pid_of(struct task *t, enum pid_type type)
{
	struct pid *pid;

	mutex_lock(&t->k->tasklist);
	pid = pid_get(t->tg->pid[type]);
	mutex_unlock(&t->k->tasklist);
	return pid;
}

struct pid *task_session(struct task *t)
{
	return get_pid_of(t, PIDTYPE_SID);
}

struct pid *task_pgrp(struct task *t)
{
	return get_pid_of(t, PIDTYPE_PGID);
}

int task_find_pgrp(struct task *t, int nr, struct pid **out)
{
	struct thread_group *member;
	struct pid *pid;
	int r = 0;

	*out = NULL;
	if (nr < 0)
		return -EINVAL;
	mutex_lock(&t->k->tasklist);
	pid = pid_find_locked(task_pid_ns(t), nr);
	if (!pid || list_empty(&pid->members[PIDTYPE_PGID])) {
		r = -ESRCH;
	} else {
		member = container_of(pid->members[PIDTYPE_PGID].next,
				      struct thread_group, pid_node[PIDTYPE_PGID]);
		if (member->pid[PIDTYPE_SID] != t->tg->pid[PIDTYPE_SID])
			r = -EPERM;
		else
			*out = pid_get(pid);
	}
	mutex_unlock(&t->k->tasklist);
	return r;
}

int task_pid_nr(struct task *t, struct pid *pid)
{
	return pid_nr_in(pid, task_pid_ns(t));
}

/* Blocked or ignored: the caller does not want to hear of it. */
static bool wants_no_signal(struct task *t, int signo)
{
	struct sighand *sh = t->tg->sighand;
	bool ignored;

	mutex_lock(&sh->lock);
	ignored = sig_in(signal_mask_locked(t), signo) ||
		  sh->action[signo - 1].handler == LX_SIG_IGN;
	mutex_unlock(&sh->lock);
	return ignored;
}

int task_check_tty_access(struct task *t, struct pid *session, struct pid *foreground,
			  int signo)
{
	struct kernel *k = t->k;
	struct lx_siginfo info;
	struct pid *pgrp;
	int r;

	mutex_lock(&k->tasklist);
	pgrp = t->tg->pid[PIDTYPE_PGID];
	/* Another session's terminal, none in front, or this group is: no job control. */
	if (t->tg->pid[PIDTYPE_SID] != session || !foreground || foreground == pgrp) {
		r = 0;
	} else if (wants_no_signal(t, signo)) {
		r = signo == LX_SIGTTIN ? -EIO : 0;
	} else if (pgrp_orphaned_locked(pgrp, NULL)) {
		r = -EIO;
	} else {
		siginfo_kernel(&info, signo);
		signal_send_pgrp_locked(pgrp, &info);
		r = -ERESTARTSYS;
	}
	mutex_unlock(&k->tasklist);
	return r;
}

int task_open_fd(struct task *t, const struct path *base, const char *name, int flags,
		 const struct super *sb)
{
	AUTO_VFS_CTX struct vfs_ctx c;
	struct open_how how = {.flags =
				       flags & ~(LX_O_CREAT | LX_O_TRUNC | LX_O_CLOEXEC)};
	AUTO_PUT(file) struct file *f = NULL;
	int r;

	task_vfs_ctx(t, &c);
	r = vfs_open(&c, base, name, &how, &f);
	if (r)
		return r;
	if (f->inode->sb != sb)
		return -ENODEV;
	return fd_install(t, TAKE_PTR(f), 0, flags & LX_O_CLOEXEC ? LX_FD_CLOEXEC : 0);
}

bool task_tty_admin(struct task *t)
{
	return task_capable(t, LX_CAP_SYS_ADMIN);
}
