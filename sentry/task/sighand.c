// SPDX-License-Identifier: Apache-2.0
/*
 * Masks, handlers, and the threads of a group: what changes who takes a signal that is
 * pending already.
 */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/task/internal.h"
#include "sentry/task/sigqueue.h"

/* --- masks ------------------------------------------------------------------------ */

lx_sigset_t signal_peek_mask_locked(struct task *t)
{
	mutex_assert_held(&t->tg->sighand->lock);
	if (!t->mask_lent)
		return t->blocked;
	return t->mem.ctx->ops->take_mask(t->mem.ctx, true) & ~SIGSET_UNBLOCKABLE;
}

lx_sigset_t signal_mask_locked(struct task *t)
{
	mutex_assert_held(&t->tg->sighand->lock);
	if (t->mask_lent) {
		t->blocked = t->mem.ctx->ops->take_mask(t->mem.ctx, false) &
			     ~SIGSET_UNBLOCKABLE;
		t->mask_lent = false;
	}
	return t->blocked;
}

lx_sigset_t signal_mask(struct task *t)
{
	lx_sigset_t mask;

	tg_sighand_lock(t->tg);
	mask = signal_mask_locked(t);
	tg_sighand_unlock(t->tg);
	return mask;
}

/*
 * With nothing pending no change of the mask has an effect. Who makes something pending
 * takes the masks of all that might have taken it.
 */
void signal_lend_mask(struct task *t, const struct task *parent)
{
	const struct ctx_ops *ops = t->mem.ctx->ops;

	if (!ops->lend_mask || t->k->strace || t->k->stats)
		return;
	tg_sighand_lock(t->tg);
	if (!t->mask_lent && !t->restore_mask && !(t->pending.set | t->tg->pending.set) &&
	    (!parent || parent->mask_lent))
		t->mask_lent = ops->lend_mask(t->mem.ctx, t->blocked, parent);
	tg_sighand_unlock(t->tg);
}

/* @t no longer takes @which of what is pending for the group: others may have to. */
static void retarget_locked(struct task *t, lx_sigset_t which)
	MUST_HOLD(t->tg->sighand->lock)
{
	struct thread_group *tg = t->tg;
	lx_sigset_t left = tg->pending.set & which;
	struct task *th;

	list_for_each (th, &tg->threads, group_node) {
		if (!left)
			return;
		if (th == t || th->sig_exiting || !(left & ~signal_mask_locked(th)))
			continue;
		left &= th->blocked;
		task_kick(th, TASK_WORK_SIGNAL);
	}
}

void signal_set_blocked(struct task *t, lx_sigset_t mask)
{
	mask &= ~SIGSET_UNBLOCKABLE;
	mutex_lock(&t->tg->sighand->lock);
	if (mask != signal_mask_locked(t)) {
		retarget_locked(t, mask & ~t->blocked);
		t->blocked = mask;
		signal_recalc_locked(t);
	}
	mutex_unlock(&t->tg->sighand->lock);
}

void signal_set_temp_mask(struct task *t, lx_sigset_t mask)
{
	t->saved_mask = signal_mask(t);
	t->restore_mask = true;
	signal_set_blocked(t, mask);
}

void signal_end_temp_mask(struct task *t, bool interrupted)
{
	if (interrupted || !t->restore_mask)
		return;
	t->restore_mask = false;
	signal_set_blocked(t, t->saved_mask);
}

/* --- life of a group --------------------------------------------------------- */

void signal_join_group(struct task *t)
{
	struct thread_group *tg = t->tg;

	mutex_lock(&t->tg->sighand->lock);
	if (tg->group_exit) {
		atomic_store(&t->killed, true);
		task_kick(t, TASK_WORK_EXIT);
	} else if (tg->stop != GROUP_RUNNING) {
		t->stop_me = true;
		if (tg->stop == GROUP_STOPPING)
			tg->stop_pending++;
	}
	signal_recalc_locked(t);
	mutex_unlock(&t->tg->sighand->lock);
}

bool signal_stop_done_locked(struct task *t)
{
	struct thread_group *tg = t->tg;

	if (!t->stop_me)
		return false;
	t->stop_me = false;
	if (tg->stop != GROUP_STOPPING || --tg->stop_pending)
		return false;
	tg->stop = GROUP_STOPPED;
	tg->report_stopped = true;
	tg->report_continued = false;
	return true;
}

void signal_notify_stop(struct thread_group *tg, int code)
{
	struct kernel *k = tg->k;

	mutex_lock(&k->tasklist);
	notify_parent_locked(tg, code,
			     code == LX_CLD_STOPPED ? tg->stop_signo : LX_SIGCONT);
	mutex_unlock(&k->tasklist);
}

void signal_thread_exit(struct task *t)
{
	bool stopped;

	mutex_lock(&t->tg->sighand->lock);
	t->sig_exiting = true;
	retarget_locked(t, ~signal_mask_locked(t));
	stopped = signal_stop_done_locked(t);
	mutex_unlock(&t->tg->sighand->lock);
	if (stopped)
		signal_notify_stop(t->tg, LX_CLD_STOPPED);
}

/* --- handlers ---------------------------------------------------------------- */

int sighand_create(struct sighand **out)
{
	struct sighand *sh = mem_zalloc(sizeof(*sh));

	*out = NULL;
	if (!sh)
		return -ENOMEM;
	refcount_init(&sh->ref);
	mutex_init(&sh->lock, LOCK_SIGHAND);
	*out = sh;
	return 0;
}

int sighand_copy(struct sighand *old, struct sighand **out)
{
	int r = sighand_create(out);

	if (r)
		return r;
	mutex_lock(&old->lock);
	memcpy((*out)->action, old->action, sizeof(old->action));
	mutex_unlock(&old->lock);
	return 0;
}

void sighand_put(struct sighand *sh)
{
	while (sh && refcount_dec(&sh->ref)) {
		struct sighand *replaced = sh->replaced;

		mutex_destroy(&sh->lock);
		mem_free(sh);
		sh = replaced;
	}
}

void signal_exec_reset(struct task *t)
{
	struct sighand *sh = t->tg->sighand;

	mutex_lock(&sh->lock);
	for (int i = 0; i < LX_NSIG; i++) {
		uint64_t ignored = sh->action[i].handler == LX_SIG_IGN;

		sh->action[i] = (struct lx_sigaction){.handler = ignored ? LX_SIG_IGN
									 : LX_SIG_DFL};
	}
	mutex_unlock(&sh->lock);
	t->altstack = (struct lx_stack){0};
	t->restart.fn = NULL;
	/* The new program's own futexes. */
	atomic_store(&t->futex_exited, false);
	memset(&t->fault, 0, sizeof(t->fault));
}
