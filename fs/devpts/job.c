// SPDX-License-Identifier: Apache-2.0
/*
 * Job control: which session a terminal belongs to and which of its groups is in front.
 * tasks know their terminal (tty_session.h), the terminal knows its session; tasks' locks
 * are outside the terminal's, so both are never held together.
 *
 * Source: tty_ioctl(4), credentials(7), POSIX 11.1.
 */
#include "fs/devpts/internal.h"

#include "sentry/abi/signal.h"

DEFINE_AUTO_PUT(pid);
DEFINE_AUTO_PUT(tty);

/* Is @tty the caller's controlling terminal? */
static bool is_own(struct task *t, const struct tty *tty)
{
	AUTO_PUT(tty) struct tty *own = task_tty(t);

	return own == tty;
}

int tty_check_access(struct tty *tty, struct task *t, int signo)
{
	AUTO_PUT(pid) struct pid *session = NULL;
	AUTO_PUT(pid) struct pid *foreground = NULL;

	if (!t)
		return 0;
	mutex_lock(&tty->lock);
	session = tty->session ? pid_get(tty->session) : NULL;
	foreground = tty->foreground ? pid_get(tty->foreground) : NULL;
	mutex_unlock(&tty->lock);
	if (!session || !is_own(t, tty))
		return 0;
	return task_check_tty_access(t, session, foreground, signo);
}

/* Changes owner and foreground group (both taken); returns the old ones to be put. */
static void swap_owner(struct tty *tty, struct pid **session, struct pid **foreground)
{
	struct pid *s, *g;

	mutex_lock(&tty->lock);
	s = tty->session;
	g = tty->foreground;
	tty->session = *session;
	tty->foreground = *foreground;
	mutex_unlock(&tty->lock);
	*session = s;
	*foreground = g;
}

/* The terminal is @t's from now on, who leads a session that has none. */
static int take_tty(struct task *t, struct tty *tty, bool steal)
{
	AUTO_PUT(pid) struct pid *session = task_session(t);
	AUTO_PUT(pid) struct pid *foreground = task_pgrp(t);
	struct pid *own = session;
	bool free;
	int r;

	mutex_lock(&tty->lock);
	free = !tty->session;
	mutex_unlock(&tty->lock);
	if (!free && !steal)
		return -EPERM;
	swap_owner(tty, &session, &foreground);
	if (session && session != own)
		session_clear_tty(session);
	r = task_set_tty(t, tty, steal);
	if (r) {
		pid_put(TAKE_PTR(session));
		pid_put(TAKE_PTR(foreground));
		swap_owner(tty, &session, &foreground);
	}
	return r;
}

void tty_open_control(const struct vfs_ctx *c, struct tty *tty, const struct file *f)
{
	struct task *t = c->task;

	/* Not every caller leads a session that has no terminal: then nothing happens. */
	if (t && f->mode & FMODE_READ && task_is_session_leader(t) && is_own(t, NULL))
		take_tty(t, tty, false);
}

static int set_controlling(struct task *t, struct tty *tty, const struct file *f,
			   bool steal)
{
	AUTO_PUT(pid) struct pid *session = task_session(t);
	bool leader = task_is_session_leader(t), has_it;

	mutex_lock(&tty->lock);
	has_it = tty->session == session;
	mutex_unlock(&tty->lock);
	if (leader && has_it)
		return 0;
	if (!leader || !is_own(t, NULL))
		return -EPERM;
	if (!(f->mode & FMODE_READ) && !task_tty_admin(t))
		return -EPERM;
	return take_tty(t, tty, steal && task_tty_admin(t));
}

/*
 * The terminal is nobody's from now on. True, with what it was before in *session and
 * *foreground (references), if it was @only's (NULL: anybody's).
 */
static bool disown(struct tty *tty, struct pid *only, struct pid **session,
		   struct pid **foreground)
{
	bool owned;

	mutex_lock(&tty->lock);
	owned = tty->session && (!only || tty->session == only);
	if (owned) {
		*session = TAKE_PTR(tty->session);
		*foreground = TAKE_PTR(tty->foreground);
	}
	mutex_unlock(&tty->lock);
	return owned;
}

void tty_session_leader_exit(struct tty *tty, struct pid *session)
{
	AUTO_PUT(pid) struct pid *own = NULL;
	AUTO_PUT(pid) struct pid *foreground = NULL;

	if (!disown(tty, session, &own, &foreground))
		return;
	sigsend_pgrp(foreground, LX_SIGHUP);
	session_clear_tty(session);
}

void tty_leave_session(struct tty *tty)
{
	AUTO_PUT(pid) struct pid *session = NULL;
	AUTO_PUT(pid) struct pid *foreground = NULL;

	if (!disown(tty, NULL, &session, &foreground))
		return;
	session_hang_up(session, foreground);
	session_clear_tty(session);
}

static int give_up(struct task *t, struct tty *tty)
{
	AUTO_PUT(pid) struct pid *session = task_session(t);
	AUTO_PUT(pid) struct pid *own = NULL;
	AUTO_PUT(pid) struct pid *foreground = NULL;

	if (!is_own(t, tty))
		return -ENOTTY;
	if (task_is_session_leader(t) && disown(tty, session, &own, &foreground)) {
		sigsend_pgrp(foreground, LX_SIGHUP);
		sigsend_pgrp(foreground, LX_SIGCONT);
		session_clear_tty(session);
	}
	task_clear_tty(t);
	return 0;
}

static int64_t put_pid(struct task *t, const struct umem *u, uint64_t arg,
		       struct pid *pid)
{
	int32_t nr = pid ? task_pid_nr(t, pid) : 0;

	return put_user(u, arg, nr);
}

/* A slave answers its own session only; a master may always ask. */
static int64_t get_group(struct file *f, struct task *t, const struct umem *u,
			 uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;
	AUTO_PUT(pid) struct pid *foreground = NULL;

	if (tty_is_slave(f) && !is_own(t, tty))
		return -ENOTTY;
	foreground = tty_foreground(tty);
	return put_pid(t, u, arg, foreground);
}

static int64_t get_session(struct file *f, struct task *t, const struct umem *u,
			   uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;
	AUTO_PUT(pid) struct pid *session = NULL;

	if (tty_is_slave(f) && !is_own(t, tty))
		return -ENOTTY;
	mutex_lock(&tty->lock);
	session = tty->session ? pid_get(tty->session) : NULL;
	mutex_unlock(&tty->lock);
	return session ? put_pid(t, u, arg, session) : -ENOTTY;
}

static int64_t set_group(struct task *t, struct tty *tty, const struct umem *u,
			 uint64_t arg)
{
	AUTO_PUT(pid) struct pid *session = task_session(t);
	AUTO_PUT(pid) struct pid *group = NULL;
	struct pid *old;
	int32_t nr;
	int r = tty_check_access(tty, t, LX_SIGTTOU);

	if (r)
		return r == -EIO ? -ENOTTY : r;
	if (get_user(u, nr, arg))
		return -EFAULT;
	if (nr < 0)
		return -EINVAL;
	if (!is_own(t, tty))
		return -ENOTTY;
	r = task_find_pgrp(t, nr, &group);
	if (r)
		return r;
	mutex_lock(&tty->lock);
	if (tty->session == session) {
		old = tty->foreground;
		tty->foreground = group;
		group = old;
	} else {
		r = -ENOTTY;
	}
	mutex_unlock(&tty->lock);
	return r;
}

int64_t tty_job_ioctl(struct file *f, struct task *t, const struct umem *u, unsigned cmd,
		      uint64_t arg)
{
	struct tty *tty = tty_file(f)->tty;

	switch (cmd) {
	case LX_TIOCSCTTY:
		return set_controlling(t, tty, f, arg == 1);
	case LX_TIOCNOTTY:
		return tty_is_slave(f) ? give_up(t, tty) : -ENOTTY;
	case LX_TIOCGPGRP:
		return get_group(f, t, u, arg);
	case LX_TIOCSPGRP:
		return set_group(t, tty, u, arg);
	case LX_TIOCGSID:
		return get_session(f, t, u, arg);
	default:
		return -ENOIOCTLCMD;
	}
}
