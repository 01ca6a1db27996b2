// SPDX-License-Identifier: Apache-2.0
/*
 * Task and process objects: allocation, references, the process tree's links, the Sentry
 * thread of a task.
 *
 * References of a task: one of its own thread, one of the tree (from task_link to
 * task_unlink), and whoever looked it up. Exit drops mm, files, fs and namespaces; what
 * /proc still shows of a zombie (cred, comm, pid) goes with the last reference.
 */
#include "sentry/task/task.h"

#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/base/host.h"
#include "sentry/ipc/ipc.h"
#include "sentry/mm/mm.h"
#include "sentry/task/cpu_limit.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/run.h"
#include "sentry/task/signal.h"
#include "sentry/task/tty_session.h"
#include "sentry/task/worker.h"

/* --- objects ------------------------------------------------------------- */

int task_alloc(struct kernel *k, struct task **out)
{
	struct task *t = mem_zalloc(sizeof(*t));

	*out = t;
	if (!t)
		return -ENOMEM;
	refcount_init(&t->ref);
	t->k = k;
	t->altstack.flags = LX_SS_DISABLE;
	sigpending_init(&t->pending);
	park_init(&t->park);
	mutex_init(&t->kick_lock, LOCK_PARK);
	mutex_init(&t->lock, LOCK_TASK);
	list_init(&t->group_node);
	list_init(&t->pi_owned);
	t->timer_slack_ns = 50 * NSEC_PER_USEC;
	t->loginuid = t->sessionid = UINT32_MAX;
	t->start_ns = clock_mono_ns();
	return 0;
}

struct task *task_get(struct task *t)
{
	refcount_inc(&t->ref);
	return t;
}

void task_put(struct task *t)
{
	if (!t || !refcount_dec(&t->ref))
		return;
	BUG_ON(t->mem.ctx || !list_empty(&t->group_node));
	vfork_release(t); /* never born */
	sem_undo_leave(t);
	sigpending_flush(&t->pending);
	if (t->mem.mm)
		mm_put(t->mem.mm);
	if (t->files)
		fdtable_put(t->files, NULL);
	if (t->fs)
		fs_struct_put(t->fs);
	if (t->ns)
		nsproxy_put(t->ns);
	if (t->cred)
		cred_put(t->cred);
	if (t->tg)
		thread_group_put(t->tg);
	pid_put(t->pid_before_exec);
	pid_put(t->pid);
	mutex_destroy(&t->lock);
	mutex_destroy(&t->kick_lock);
	mem_free(t);
}

int thread_group_alloc(struct kernel *k, struct sighand *sh, struct thread_group **out)
{
	struct thread_group *tg = mem_zalloc(sizeof(*tg));

	*out = tg;
	if (!tg)
		return -ENOMEM;
	tg->signalfd_wait = shared_waitq_create();
	if (!tg->signalfd_wait) {
		mem_free(tg);
		*out = NULL;
		return -ENOMEM;
	}
	refcount_init(&tg->ref);
	tg->k = k;
	list_init(&tg->threads);
	list_init(&tg->children);
	list_init(&tg->sibling);
	list_init(&tg->posix_timers);
	for (int i = 0; i < PIDTYPE_N; i++)
		list_init(&tg->pid_node[i]);
	waitq_init(&tg->wait_chld);
	sigpending_init(&tg->pending);
	mutex_init(&tg->lock, LOCK_TASK);
	refcount_inc(&sh->ref);
	tg->sighand = sh;
	tg->exit_signal = LX_SIGCHLD;
	tg->start_ns = clock_mono_ns();
	return 0;
}

struct thread_group *thread_group_get(struct thread_group *tg)
{
	refcount_inc(&tg->ref);
	return tg;
}

void thread_group_put(struct thread_group *tg)
{
	if (!tg || !refcount_dec(&tg->ref))
		return;
	BUG_ON(!list_empty(&tg->threads) || !list_empty(&tg->children));
	cpu_limit_exit(tg); /* never born, or set when it had exited */
	sigpending_flush(&tg->pending);
	sighand_put(tg->sighand);
	if (tg->tty)
		tty_put(tg->tty);
	pid_put(tg->tty_old_pgrp);
	pid_put(tg->pid_self);
	waitq_destroy(&tg->wait_chld);
	shared_waitq_close(tg->signalfd_wait);
	mutex_destroy(&tg->lock);
	mem_free(tg);
}

/* tg->sighand moves until it is locked: clang cannot follow. */
void tg_sighand_lock(struct thread_group *tg) NO_LOCK_ANALYSIS
{
	struct sighand *sh;

	for (;;) {
		sh = atomic_load_explicit(&tg->sighand, memory_order_acquire);
		mutex_lock(&sh->lock);
		if (likely(sh == tg->sighand))
			return;
		mutex_unlock(&sh->lock);
	}
}

/* --- the tree ------------------------------------------------------------ */

void task_link_locked(struct task *t, struct thread_group *parent,
		      struct task *parent_task)
{
	struct thread_group *tg = t->tg;

	mutex_assert_held(&t->k->tasklist);
	t->pid->task = task_get(t);
	mutex_lock(&tg->sighand->lock);
	list_add_tail(&tg->threads, &t->group_node);
	mutex_unlock(&tg->sighand->lock);
	tg->n_threads++;
	tg->n_live++;
	if (tg->leader == t) {
		tg->parent = parent;
		tg->parent_task = parent_task;
		if (parent)
			list_add_tail(&parent->children, &tg->sibling);
	}
	t->k->n_tasks++;
	t->k->n_forks++;
}

void task_unlink_locked(struct task *t)
{
	struct thread_group *tg = t->tg;

	mutex_assert_held(&t->k->tasklist);
	mutex_lock(&tg->sighand->lock);
	list_del(&t->group_node);
	mutex_unlock(&tg->sighand->lock);
	t->k->n_tasks--;
	atomic_fetch_sub(&t->cred->user->n_tasks, 1);
	if (tg->leader == t) {
		list_del(&tg->sibling);
		tg->parent = NULL;
		tg->parent_task = NULL;
		tg->reaped = true;
	}
	t->pid->task = NULL;
	if (tg->leader == t)
		for (int i = PIDTYPE_TGID; i < PIDTYPE_N; i++)
			pid_detach_locked(tg, i);
	else
		pid_release_locked(t->pid);
	waitq_wake(&t->pid->exit_wait, LX_POLLIN | LX_POLLHUP);
	atomic_store(&t->state, TASK_DEAD);
}

unsigned thread_group_size(struct thread_group *tg)
{
	unsigned n;

	mutex_lock(&tg->k->tasklist);
	n = tg->n_threads;
	mutex_unlock(&tg->k->tasklist);
	return n;
}

int task_tid_for(const struct task *t, const struct task *viewer)
{
	return pid_nr_in(t->pid, task_pid_ns(viewer));
}

int task_tgid_for(const struct task *t, const struct task *viewer)
{
	return pid_nr_in(t->tg->pid_self, task_pid_ns(viewer));
}

struct pid_ns *task_pid_ns(const struct task *t)
{
	return t->pid->nr[t->pid->level].ns;
}

struct task *task_lookup(struct task *viewer, int tid)
{
	struct task *t = NULL;
	struct pid *pid;

	mutex_lock(&viewer->k->tasklist);
	pid = pid_find_locked(task_pid_ns(viewer), tid);
	if (pid && pid->task)
		t = task_get(pid->task);
	mutex_unlock(&viewer->k->tasklist);
	return t;
}

struct task *process_lookup(struct task *viewer, int tgid)
{
	struct thread_group *tg;
	struct task *t = NULL;
	struct pid *pid;

	mutex_lock(&viewer->k->tasklist);
	pid = pid_find_locked(task_pid_ns(viewer), tgid);
	if (pid && !list_empty(&pid->members[PIDTYPE_TGID])) {
		tg = list_entry(pid->members[PIDTYPE_TGID].next, struct thread_group,
				pid_node[PIDTYPE_TGID]);
		t = task_get(tg->leader);
	}
	mutex_unlock(&viewer->k->tasklist);
	return t;
}

/* --- what others may ask ------------------------------------------------- */

const struct cred *task_cred(struct task *t)
{
	const struct cred *c;

	mutex_lock(&t->lock);
	c = cred_get(t->cred);
	mutex_unlock(&t->lock);
	return c;
}

void task_set_cred(struct task *t, struct cred *c)
{
	const struct cred *old;

	/* The user's number of tasks follows:
	 * under tasklist, as birth and death count it. */
	mutex_lock(&t->k->tasklist);
	mutex_lock(&t->lock);
	old = t->cred;
	t->cred = c;
	if (t->mem.ctx)
		ctx_forget(t->mem.ctx);
	if (old->user != c->user) {
		atomic_fetch_add(&c->user->n_tasks, 1);
		atomic_fetch_sub(&old->user->n_tasks, 1);
	}
	mutex_unlock(&t->lock);
	mutex_unlock(&t->k->tasklist);
	cred_put(old);
}

struct mm *task_mm_get(struct task *t)
{
	struct mm *mm;

	mutex_lock(&t->lock);
	mm = t->mem.mm ? mm_get(t->mem.mm) : NULL;
	mutex_unlock(&t->lock);
	return mm;
}

struct mm *process_mm_get(struct thread_group *tg)
{
	struct mm *mm = NULL;
	struct task *t;

	mutex_lock(&tg->k->tasklist);
	list_for_each (t, &tg->threads, group_node) {
		mm = task_mm_get(t);
		if (mm)
			break;
	}
	mutex_unlock(&tg->k->tasklist);
	return mm;
}

void task_set_files(struct task *t, struct fdtable *files)
{
	struct fdtable *old;

	mutex_lock(&t->lock);
	old = t->files;
	t->files = files;
	mutex_unlock(&t->lock);
	if (old)
		fdtable_put(old, t);
}

uint64_t task_rlimit(struct task *t, enum lx_rlimit which)
{
	return __atomic_load_n(&t->tg->rlim[which].cur, __ATOMIC_RELAXED);
}

bool task_capable(struct task *t, enum lx_cap cap)
{
	return cred_ns_capable(t->cred, cap);
}

/* Same ids all round, or CAP_SYS_PTRACE over
 * the target's user namespace; and dumpable. */
static bool ptrace_ids_match(const struct cred *c, const struct cred *tc, bool attach)
{
	uint32_t uid = attach ? c->uid : c->fsuid, gid = attach ? c->gid : c->fsgid;

	return uid == tc->euid && uid == tc->suid && uid == tc->uid && gid == tc->egid &&
	       gid == tc->sgid && gid == tc->gid;
}

int task_may_ptrace(struct task *t, struct task *target, bool attach)
{
	const struct cred *c = t->cred, *tc;
	bool ids, capable, dumpable = true;
	struct mm *mm;

	if (t->tg == target->tg)
		return 0;
	tc = task_cred(target);
	capable = cred_capable(c, tc->user_ns, LX_CAP_SYS_PTRACE);
	ids = ptrace_ids_match(c, tc, attach);
	/* Nobody gets more capabilities through a process than they have. */
	if (!capable &&
	    (c->user_ns != tc->user_ns || (tc->cap_permitted & ~c->cap_permitted)))
		ids = false;
	mm = task_mm_get(target);
	if (mm) {
		dumpable = mm->dumpable;
		mm_put(mm);
	}
	cred_put(tc);
	return (ids && dumpable) || capable ? 0 : -EPERM;
}

/* --- the Sentry thread --------------------------------------------------- */

struct birth { /* on the parent's stack until it was told */
	struct task *t;
	const struct lx_regs *regs;
	const void *xsave;
	struct park done;
	int err;
};

static int make_ctx(struct task *t, const struct birth *b)
{
	struct platform *p = t->k->platform;
	struct exec_ctx *ctx;
	int r;

	r = p->ops->ctx_create(p, t->mem.mm->as, &ctx);
	if (r)
		return r;
	if (b->regs)
		r = ctx_set_regs(ctx, b->regs);
	if (!r && b->xsave)
		r = ctx->ops->set_fpu(ctx, b->xsave);
	if (r) {
		ctx_release(ctx);
		return r;
	}
	ctx->overlap = &t->overlap;
	t->mem.ctx = ctx;
	return 0;
}

void task_drop_ctx(struct task *t)
{
	struct exec_ctx *ctx;

	mutex_lock(&t->kick_lock);
	ctx = TAKE_PTR(t->mem.ctx);
	mutex_unlock(&t->kick_lock);
	if (ctx)
		ctx_release(ctx);
}

static void thread_gone(struct kernel *k)
{
	mutex_lock(&k->tasklist);
	if (--k->n_threads_live == 0)
		waitq_wake(&k->idle, LX_POLLIN);
	mutex_unlock(&k->tasklist);
}

static void task_thread(void *arg)
{
	struct birth *b = arg;
	struct task *t = b->t;
	struct kernel *k = t->k;
	int err, born;

	t->htid = host_gettid();
	t->stime_base_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	b->err = err = make_ctx(t, b);
	park_wake(&b->done); /* b is gone from here on */
	if (err) {
		thread_gone(k);
		return;
	}
	while (!(born = atomic_load(&t->born)))
		park_wait(&t->park, NO_DEADLINE);
	if (born > 0)
		task_run(t);
	task_drop_ctx(t);
	task_put(t);
	thread_gone(k);
}

int task_start_thread(struct task *t, const struct lx_regs *regs, const void *xsave)
{
	struct birth b = {.t = t, .regs = regs, .xsave = xsave};
	struct kernel *k = t->k;
	int r = 0;

	park_init(&b.done);
	mutex_lock(&k->tasklist);
	if (k->dying)
		r = -EAGAIN;
	else
		k->n_threads_live++;
	mutex_unlock(&k->tasklist);
	if (r)
		return r;
	r = worker_start(task_thread, &b);
	if (r) {
		thread_gone(k);
		return r;
	}
	park_wait(&b.done, NO_DEADLINE);
	/* From now on the thread has a reference of its own;
	 * it cannot run before task_let_go(). */
	if (!b.err)
		task_get(t);
	return b.err;
}

void task_let_go(struct task *t, bool run)
{
	/* Woken through a reference: an aborted thread may be the last to hold one. */
	task_get(t);
	atomic_store(&t->born, run ? 1 : -1);
	park_wake(&t->park);
	task_put(t);
}
