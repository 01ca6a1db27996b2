// SPDX-License-Identifier: Apache-2.0
/*
 * wait4 and waitid: look through the children under tasklist, take what has something to
 * report, sleep on the process's wait_chld otherwise. Children tell by notify.c.
 */
#include "sentry/task/wait.h"

#include "sentry/abi/errno.h"
#include "sentry/task/block.h"
#include "sentry/task/internal.h"
#include "sentry/task/signal.h"

static bool eligible(const struct task *t, const struct thread_group *c,
		     const struct wait_args *a)
{
	if (a->which == WAIT_PID && c->pid_self != a->pid)
		return false;
	if (a->which == WAIT_PGRP && c->pid[PIDTYPE_PGID] != a->pid)
		return false;
	if ((a->options & LX_WNOTHREAD) && c->parent_task != t)
		return false;
	/* "Clone" children are those that do not end with SIGCHLD. */
	return (a->options & LX_WALL) ||
	       (c->exit_signal != LX_SIGCHLD) == !!(a->options & LX_WCLONE);
}

static void fill_common(const struct task *t, const struct thread_group *c,
			struct wait_result *r)
{
	r->pid = pid_nr_in(c->pid_self, task_pid_ns(t));
	r->uid = user_ns_unmap_uid(t->cred->user_ns, c->leader->cred->uid);
	r->usage = c->dead_threads;
	rusage_add(&r->usage, &c->dead_children);
}

static struct task *take_zombie_locked(struct task *t, struct thread_group *c,
				       const struct wait_args *a, struct wait_result *r)
	MUST_HOLD(t->k->tasklist)
{
	fill_common(t, c, r);
	r->wstatus = c->exit_code;
	if (c->exit_code & 0x7f) {
		r->code = c->exit_code & 0x80 ? LX_CLD_DUMPED : LX_CLD_KILLED;
		r->status = c->exit_code & 0x7f;
	} else {
		r->code = LX_CLD_EXITED;
		r->status = c->exit_code >> 8 & 0xff;
	}
	return a->options & LX_WNOWAIT ? NULL : reap_locked(c, t->tg);
}

static bool take_stopped_locked(struct task *t, struct thread_group *c,
				const struct wait_args *a, struct wait_result *r)
	MUST_HOLD(t->k->tasklist)
{
	bool keep = a->options & LX_WNOWAIT, found = false;

	mutex_lock(&c->sighand->lock);
	if ((a->options & LX_WSTOPPED) && c->report_stopped) {
		c->report_stopped = keep;
		r->code = LX_CLD_STOPPED;
		r->status = c->stop_signo;
		r->wstatus = c->stop_signo << 8 | 0x7f;
		found = true;
	} else if ((a->options & LX_WCONTINUED) && c->report_continued) {
		c->report_continued = keep;
		r->code = LX_CLD_CONTINUED;
		r->status = LX_SIGCONT;
		r->wstatus = 0xffff;
		found = true;
	}
	mutex_unlock(&c->sighand->lock);
	if (found)
		fill_common(t, c, r);
	return found;
}

/* 1: *r is filled (*dead: to be put);
 * 0: nothing to report yet; -ECHILD: nobody to wait for. */
static int look_locked(struct task *t, const struct wait_args *a, struct wait_result *r,
		       struct task **dead) MUST_HOLD(t->k->tasklist)
{
	struct thread_group *c;
	int found = -ECHILD;

	list_for_each (c, &t->tg->children, sibling) {
		if (!eligible(t, c, a))
			continue;
		found = 0;
		if (c->zombie) {
			if (!(a->options & LX_WEXITED))
				continue;
			*dead = take_zombie_locked(t, c, a, r);
			return 1;
		}
		if (take_stopped_locked(t, c, a, r))
			return 1;
	}
	return found;
}

static int look(struct task *t, const struct wait_args *a, struct wait_result *r)
{
	struct task *dead = NULL;
	int found;

	mutex_lock(&t->k->tasklist);
	found = look_locked(t, a, r, &dead);
	mutex_unlock(&t->k->tasklist);
	task_put(dead);
	return found;
}

int task_wait(struct task *t, const struct wait_args *a, struct wait_result *r)
{
	struct task_waiter w;
	int found, err;

	*r = (struct wait_result){0};
	if (a->which != WAIT_ANY && !a->pid)
		return -ECHILD;
	task_waiter_init(&w, t, LX_POLLIN);
	waitq_add(&t->tg->wait_chld, &w.entry);
	for (;;) {
		found = look(t, a, r);
		if (found || (a->options & LX_WNOHANG))
			break;
		err = task_block(t, NO_DEADLINE, "child",
				 a->pid ? (uint64_t)pid_own_nr(a->pid) : 0);
		if (err) {
			found = -ERESTARTSYS;
			break;
		}
	}
	waitq_remove(&w.entry);
	return found < 0 ? found : 0;
}
