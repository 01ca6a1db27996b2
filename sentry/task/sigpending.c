// SPDX-License-Identifier: Apache-2.0
/*
 * Queues of pending signals: what is in them, who is charged, which is taken next. The
 * bit of a signal is set while it is pending; its entry says who sent it, if there was
 * room.
 */
#include <string.h>

#include "sentry/task/groups.h"
#include "sentry/task/signal.h"
#include "sentry/task/sigqueue.h"

void sigpending_init(struct sigpending *p)
{
	p->set = 0;
	list_init(&p->queue);
}

/* A timer's entry belongs to the timer; the others are freed and no longer charged. */
static void sigqueue_drop(struct sigqueue *q)
{
	list_del(&q->node);
	if (q->timer)
		return;
	if (q->user) {
		atomic_fetch_sub(&q->user->n_sigpending, 1);
		user_account_put(q->user);
	}
	mem_free(q);
}

void sigpending_flush_mask(struct sigpending *p, lx_sigset_t mask)
{
	struct sigqueue *q, *tmp;

	if (!(p->set & mask))
		return;
	p->set &= ~mask;
	list_for_each_safe (q, tmp, &p->queue, node) {
		if (sig_in(mask, q->info.signo))
			sigqueue_drop(q);
	}
}

void sigpending_flush(struct sigpending *p)
{
	sigpending_flush_mask(p, ~0ull);
}

struct sigqueue *sigqueue_alloc(struct task *t, bool must)
{
	const struct cred *c = task_cred(t);
	struct user_account *user = c->user;
	uint64_t limit = task_rlimit(t, LX_RLIMIT_SIGPENDING);
	int n = atomic_fetch_add(&user->n_sigpending, 1) + 1;
	struct sigqueue *q = NULL;

	if (must || (uint64_t)n <= limit)
		q = mem_zalloc(sizeof(*q));
	if (q) {
		list_init(&q->node);
		q->user = user_account_get(user);
	} else {
		atomic_fetch_sub(&user->n_sigpending, 1);
	}
	cred_put(c);
	return q;
}

/* Takes @signo out of @p: the oldest entry of it, or its bit alone when there is none. */
static void sigpending_collect(struct sigpending *p, int signo, struct lx_siginfo *info)
{
	struct sigqueue *q, *first = NULL;
	bool more = false;

	list_for_each (q, &p->queue, node) {
		if (q->info.signo != signo)
			continue;
		if (first) {
			more = true;
			break;
		}
		first = q;
	}
	if (!more)
		p->set &= ~LX_SIGMASK(signo);
	if (first) {
		*info = first->info;
		info->pad = first->timer ? SIGINFO_REARM : 0;
		sigqueue_drop(first);
	} else {
		/* The queue was full when it was sent:
		 * nothing is known but the number. */
		memset(info, 0, sizeof(*info));
		info->signo = signo;
		info->code = LX_SI_USER;
	}
}

static int lowest(lx_sigset_t set)
{
	if (set & SIGSET_SYNCHRONOUS)
		set &= SIGSET_SYNCHRONOUS;
	return set ? __builtin_ctzll(set) + 1 : 0;
}

/*
 * A fault of the thread itself, before anything else: its frame must be the outermost, so
 * that it shows the registers at the fault.
 */
static int own_fault(struct task *t, lx_sigset_t blocked)
{
	struct sigqueue *q;

	if (!(t->pending.set & ~blocked & SIGSET_SYNCHRONOUS))
		return 0;
	list_for_each (q, &t->pending.queue, node) {
		if (sig_in(SIGSET_SYNCHRONOUS & ~blocked, q->info.signo) &&
		    q->info.code > LX_SI_USER)
			return q->info.signo;
	}
	return 0;
}

int signal_dequeue_locked(struct task *t, lx_sigset_t blocked, struct lx_siginfo *info)
{
	struct sigpending *p = &t->pending;
	int signo = own_fault(t, blocked);

	if (!signo)
		signo = lowest(p->set & ~blocked);
	if (!signo) {
		p = &t->tg->pending;
		signo = lowest(p->set & ~blocked);
	}
	if (signo)
		sigpending_collect(p, signo, info);
	return signo;
}

lx_sigset_t signal_pending_set(struct task *t)
{
	lx_sigset_t set;

	tg_sighand_lock(t->tg);
	set = t->pending.set | t->tg->pending.set;
	tg_sighand_unlock(t->tg);
	return set;
}

void signal_recalc_locked(struct task *t)
{
	lx_sigset_t set = (t->pending.set | t->tg->pending.set) & ~signal_mask_locked(t);

	if (set || t->tg->cld_notify)
		atomic_fetch_or(&t->work, TASK_WORK_SIGNAL);
	else
		atomic_fetch_and(&t->work, ~(unsigned)TASK_WORK_SIGNAL);
	if (t->stop_me)
		atomic_fetch_or(&t->work, TASK_WORK_STOP);
	else
		atomic_fetch_and(&t->work, ~(unsigned)TASK_WORK_STOP);
}
