// SPDX-License-Identifier: Apache-2.0
/*
 * What terminals need of tasks: sessions, foreground groups, job-control checks.
 * struct tty is fs/devpts's; tasks see it only by pointer and reference.
 */
#pragma once

#include "sentry/base/types.h"

struct path;
struct super;
struct task;
struct tty;
struct pid;
struct umem;

/* fs/devpts implements these for sentry/task. */
struct tty *tty_get(struct tty *tty);
void tty_put(struct tty *tty);
/* The session leader exits or gives the terminal up:
 * hang-up rules of disassociate_ctty. */
void tty_session_leader_exit(struct tty *tty, struct pid *session);
/* Device number of a terminal, for /proc/PID/stat. */
uint64_t tty_dev(struct tty *tty);
struct pid *tty_foreground(struct tty *tty); /* a reference or NULL */

/* sentry/task/tty_session.c implements these for fs/devpts. */
/* The caller's controlling terminal: a reference or NULL. */
struct tty *task_tty(struct task *t);
/* The caller becomes owner of @tty if it leads
 * a session without one: TIOCSCTTY's checks. */
int task_set_tty(struct task *t, struct tty *tty, bool steal);
void task_clear_tty(struct task *t);	     /* TIOCNOTTY */
void session_clear_tty(struct pid *session); /* every member forgets its terminal */
/*
 * The terminal is gone: the session's leader gets SIGHUP and SIGCONT now, the group that
 * was in front (may be NULL) when the leader ends, if it does.
 */
void session_hang_up(struct pid *session, struct pid *foreground);
struct pid *task_session(struct task *t); /* a reference */
struct pid *task_pgrp(struct task *t);	  /* a reference */
bool task_is_session_leader(struct task *t);
/* A process group with this number (caller's
 * namespace) in the caller's session: a reference. */
int task_find_pgrp(struct task *t, int nr, struct pid **out); /* -ESRCH, -EPERM */
int task_pid_nr(struct task *t, struct pid *pid);	      /* as the caller sees it */
/*
 * Background access: SIGTTIN for read, SIGTTOU for write and settings. 0: go on; -EIO
 * (orphaned group or ignored); -ERESTARTSYS after the signal was sent.
 */
int task_check_tty_access(struct task *t, struct pid *session, struct pid *foreground,
			  int signo);
/*
 * TIOCGPTPEER: open @name below @base for the caller, on a descriptor of its own, which
 * is returned. -ENODEV unless it lies on @sb.
 */
int task_open_fd(struct task *t, const struct path *base, const char *name, int flags,
		 const struct super *sb);
bool task_tty_admin(struct task *t); /* CAP_SYS_ADMIN */
