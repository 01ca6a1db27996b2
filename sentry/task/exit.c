// SPDX-License-Identifier: Apache-2.0
/*
 * The end of a task, on its own thread:
 *
 *	leave the process's living threads (the last one cleans up for all)
 *	-> address space, descriptors, directories, terminal, namespaces
 *	-> (init of a pid namespace: everything in it ends first)
 *	-> children to a new parent, own parent told, zombie or gone
 *
 * A thread is gone at once; a leader stays as a zombie until every other thread has
 * exited and its parent has waited.
 */
#include "sentry/abi/errno.h"
#include "sentry/ipc/ipc.h"
#include "sentry/mm/mm.h"
#include "sentry/task/call_sites.h"
#include "sentry/task/cpu_limit.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/memory_limit.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/signal.h"
#include "sentry/task/sigsend.h"
#include "sentry/task/tty_session.h"

/* --- process groups ------------------------------------------------------ */

bool pgrp_orphaned_locked(struct pid *pgrp, struct thread_group *but)
{
	struct list *n;

	mutex_assert_held(&pgrp->nr[0].ns->k->tasklist);
	for (n = pgrp->members[PIDTYPE_PGID].next; n != &pgrp->members[PIDTYPE_PGID];
	     n = n->next) {
		struct thread_group *tg =
			list_entry(n, struct thread_group, pid_node[PIDTYPE_PGID]);
		struct thread_group *parent = tg->parent;

		if (tg == but || tg->zombie)
			continue;
		/* The sandbox's init: its parent is outside, and continues it. */
		if (!parent && tg->is_init)
			return false;
		if (!parent)
			continue;
		if (parent->pid[PIDTYPE_PGID] != pgrp &&
		    parent->pid[PIDTYPE_SID] == tg->pid[PIDTYPE_SID])
			return false;
	}
	return true;
}

static bool has_stopped_locked(struct pid *pgrp)
{
	struct list *n;

	for (n = pgrp->members[PIDTYPE_PGID].next; n != &pgrp->members[PIDTYPE_PGID];
	     n = n->next)
		if (list_entry(n, struct thread_group, pid_node[PIDTYPE_PGID])->stop ==
		    GROUP_STOPPED)
			return true;
	return false;
}

/*
 * @tg was what connected its group to the rest of the session: by exiting (@but is @tg)
 * or because its former parent @parent did. Stopped jobs that nobody can continue any
 * more are hung up.
 */
static void hang_up_orphans_locked(struct thread_group *tg, struct thread_group *parent,
				   struct thread_group *but)
{
	struct pid *pgrp = tg->pid[PIDTYPE_PGID];
	struct lx_siginfo info;

	if (!parent || parent->pid[PIDTYPE_PGID] == pgrp ||
	    parent->pid[PIDTYPE_SID] != tg->pid[PIDTYPE_SID])
		return;
	if (!pgrp_orphaned_locked(pgrp, but) || !has_stopped_locked(pgrp))
		return;
	siginfo_kernel(&info, LX_SIGHUP);
	signal_send_pgrp_locked(pgrp, &info);
	siginfo_kernel(&info, LX_SIGCONT);
	signal_send_pgrp_locked(pgrp, &info);
}

/* --- children ------------------------------------------------------------ */

struct task *reap_locked(struct thread_group *tg, struct thread_group *parent)
{
	struct task *leader = tg->leader;

	if (parent) {
		rusage_add(&parent->dead_children, &tg->dead_threads);
		rusage_add(&parent->dead_children, &tg->dead_children);
	}
	task_unlink_locked(leader);
	return leader;
}

/* PR_SET_PDEATHSIG: each thread of the child that asked for it. */
static void send_pdeath_locked(struct thread_group *child)
{
	struct lx_siginfo info;
	struct task *t;

	list_for_each (t, &child->threads, group_node) {
		if (!t->pdeath_signal)
			continue;
		siginfo_user(&info, t->pdeath_signal, NULL, t);
		signal_send_group(child, &info);
	}
}

static struct task *other_thread_locked(struct task *t) MUST_HOLD(t->k->tasklist)
{
	struct task *o;

	list_for_each (o, &t->tg->threads, group_node)
		if (o != t && !o->exited)
			return o;
	return NULL;
}

/* Hand on what this thread, or with the last one the process, is parent of. */
static void give_up_children_locked(struct task *t, bool last, struct list *dead)
	MUST_HOLD(t->k->tasklist)
{
	struct thread_group *tg = t->tg, *c, *tmp;
	struct task *heir = last ? find_new_reaper_locked(tg) : other_thread_locked(t);

	list_for_each_safe (c, tmp, &tg->children, sibling) {
		if (!last && c->parent_task != t)
			continue;
		if (c->parent_task == t)
			send_pdeath_locked(c);
		c->parent_task = heir;
		if (!last)
			continue;
		list_del(&c->sibling);
		c->parent = heir ? heir->tg : NULL;
		if (!heir)
			continue;
		list_add_tail(&heir->tg->children, &c->sibling);
		c->exit_signal = LX_SIGCHLD;
		if (c->zombie) {
			if (notify_exit_locked(c)) {
				struct task *leader = reap_locked(c, NULL);

				list_add(dead, &leader->group_node);
			}
			continue;
		}
		hang_up_orphans_locked(c, tg, NULL);
	}
}

/* --- leaving ------------------------------------------------------------- */

void task_leave_mm(struct task *t)
{
	call_sites_keep(t);
	futex_task_exit(t);
	shm_leave_mm(t);
	atomic_store_explicit(&t->robust_list, 0, memory_order_relaxed);
	t->clear_child_tid = 0;
	vfork_release(t);
}

static void drop_mm(struct task *t, struct rusage_sum *usage)
{
	struct as_usage last;
	struct mm *mm;

	task_leave_mm(t);
	task_drop_ctx(t);
	mutex_lock(&t->lock);
	mm = TAKE_PTR(t->mem.mm);
	mutex_unlock(&t->lock);
	if (mm_put_last(mm, &last))
		usage_add_last(t->tg, &last, usage);
}

static void drop_files(struct task *t)
{
	struct fs_struct *fs;

	task_set_files(t, NULL);
	mutex_lock(&t->lock);
	fs = TAKE_PTR(t->fs);
	mutex_unlock(&t->lock);
	fs_struct_put(fs);
}

/* A session leader takes the terminal away from everybody. */
static void drop_terminal(struct thread_group *tg)
{
	struct pid *session;
	struct tty *tty = NULL;
	struct pid *old_pgrp = NULL;
	bool leads;

	mutex_lock(&tg->k->tasklist);
	session = pid_get(tg->pid[PIDTYPE_SID]);
	leads = session == tg->pid_self;
	mutex_unlock(&tg->k->tasklist);
	if (leads) {
		mutex_lock(&tg->lock);
		tty = TAKE_PTR(tg->tty);
		old_pgrp = TAKE_PTR(tg->tty_old_pgrp);
		mutex_unlock(&tg->lock);
	}
	if (tty) {
		tty_session_leader_exit(tty, session);
		tty_put(tty);
	} else if (old_pgrp) {
		sigsend_pgrp(old_pgrp, LX_SIGHUP);
		sigsend_pgrp(old_pgrp, LX_SIGCONT);
	}
	pid_put(old_pgrp);
	pid_put(session);
}

static void drop_namespaces(struct task *t)
{
	struct nsproxy *ns;

	mutex_lock(&t->lock);
	ns = TAKE_PTR(t->ns);
	mutex_unlock(&t->lock);
	nsproxy_put(ns);
}

/* Is it the last thread that begins to exit? */
static bool begin_exit(struct task *t, int *code)
{
	struct thread_group *tg = t->tg;
	bool last;

	atomic_store(&t->killed, true);
	signal_thread_exit(t);
	mutex_lock(&t->k->tasklist);
	last = --tg->n_live == 0;
	mutex_lock(&tg->sighand->lock);
	/* Without exit_group or a fatal signal the last one's code is the process's. */
	if (last && !tg->group_exit) {
		tg->group_exit = true;
		tg->group_exit_code = *code;
	}
	if (tg->group_exit)
		*code = tg->group_exit_code;
	mutex_unlock(&tg->sighand->lock);
	mutex_unlock(&t->k->tasklist);
	return last;
}

/* The process is a zombie: its status is known and its parent hears of it. */
static void process_ended_locked(struct thread_group *tg, struct list *dead)
{
	struct kernel *k = tg->k;

	tg->zombie = true;
	tg->exit_code = tg->group_exit_code;
	hang_up_orphans_locked(tg, tg->parent, tg);
	if (k->init_pid_ns->reaper && tg == k->init_pid_ns->reaper->tg)
		k->exit_status = tg->exit_code;
	if (notify_exit_locked(tg)) {
		struct task *leader = reap_locked(tg, NULL);

		list_add(dead, &leader->group_node);
	}
}

static void leave_tree(struct task *t, int code, const struct rusage_sum *usage,
		       bool last)
{
	struct thread_group *tg = t->tg;
	struct list dead = LIST_INIT(dead);
	struct pid_ns *ns = task_pid_ns(t);
	struct task *d, *tmp;

	mutex_lock(&t->k->tasklist);
	give_up_children_locked(t, last, &dead);
	rusage_add(&tg->dead_threads, usage);
	t->exit_code = code;
	t->exited = true;
	atomic_store(&t->state, TASK_ZOMBIE);
	tg->n_threads--;
	if (tg->leader != t) {
		task_unlink_locked(t);
		list_add(&dead, &t->group_node);
	}
	if (tg->exec_task && tg->n_threads == 1)
		park_wake(&tg->exec_task->park);
	if (tg->n_threads == 0) {
		bool reaper = ns->reaper && ns->reaper->tg == tg;

		process_ended_locked(tg, &dead);
		/* The outermost one stays known: its group names the sandbox's end. */
		if (reaper)
			ns->reaper = NULL;
	}
	mutex_unlock(&t->k->tasklist);
	list_for_each_safe (d, tmp, &dead, group_node) {
		list_del(&d->group_node);
		task_put(d);
	}
}

void task_do_exit(struct task *t, int code)
{
	struct thread_group *tg = t->tg;
	struct pid_ns *ns = task_pid_ns(t);
	struct rusage_sum usage;
	bool last = begin_exit(t, &code);

	if (last) {
		timers_process_exit(tg);
		cpu_limit_exit(tg);
	}
	task_final_usage(t, &usage);
	drop_mm(t, &usage);
	drop_files(t);
	if (last && code == LX_SIGKILL)
		memory_limit_process_ends(t->k->memory_limit);
	ipc_task_exit(t);
	if (last)
		drop_terminal(tg);
	drop_namespaces(t);
	if (last && ns->reaper && ns->reaper->tg == tg)
		pid_ns_zap(ns, t);
	leave_tree(t, code, &usage, last);
}
