// SPDX-License-Identifier: Apache-2.0
/*
 * Sleeping and being woken. A task sleeps in its own parking place, which remembers a
 * wake-up; whatever it waits for, a kick (a signal, a stop, a kill) ends the wait.
 */
#include "sentry/task/block.h"

#include "sentry/abi/errno.h"
#include "sentry/task/internal.h"
#include "sentry/task/memory_limit.h"

static bool waiter_wake(struct wait_entry *e, uint32_t events)
{
	struct task_waiter *w = container_of(e, struct task_waiter, entry);

	(void)events;
	park_wake(&w->t->park);
	return true;
}

void task_waiter_init(struct task_waiter *w, struct task *t, uint32_t events)
{
	*w = (struct task_waiter){
		.entry = {.events = events, .wake = waiter_wake},
		.t = t,
	};
	list_init(&w->entry.node);
}

bool task_signal_pending(struct task *t)
{
	unsigned work = atomic_load_explicit(&t->work, memory_order_acquire);

	return work & (TASK_WORK_SIGNAL | TASK_WORK_STOP | TASK_WORK_EXIT);
}

static bool fatal_pending(struct task *t)
{
	return atomic_load_explicit(&t->killed, memory_order_acquire) ||
	       (atomic_load_explicit(&t->work, memory_order_acquire) & TASK_WORK_EXIT);
}

static int block(struct task *t, int64_t deadline_ns, const char *what, uint64_t arg,
		 bool killable)
{
	int r;

	lock_assert_none_held();
	if (killable ? fatal_pending(t) : task_signal_pending(t))
		return -EINTR;
	t->wait_arg = arg;
	atomic_store_explicit(&t->wait_what, what, memory_order_release);
	atomic_store(&t->state, killable ? TASK_UNINTERRUPTIBLE : TASK_SLEEPING);
	if (t->mem.ctx)
		ctx_will_sleep(t->mem.ctx, &t->park);
	r = park_wait(&t->park, deadline_ns);
	atomic_store(&t->state, TASK_RUNNING);
	atomic_store_explicit(&t->wait_what, NULL, memory_order_release);
	atomic_fetch_add_explicit(&t->n_switches, 1, memory_order_relaxed);
	memory_limit_task_runs(t->k->memory_limit);
	return r;
}

int task_block(struct task *t, int64_t deadline_ns, const char *what, uint64_t arg)
{
	return block(t, deadline_ns, what, arg, false);
}

int task_block_killable(struct task *t, int64_t deadline_ns, const char *what,
			uint64_t arg)
{
	return block(t, deadline_ns, what, arg, true);
}

/*
 * The work is published before in_guest is read, and run.c sets in_guest before it reads
 * the work: one of the two sees the other, so no kick is lost and none is sent in vain.
 */
void task_kick(struct task *t, unsigned work)
{
	atomic_fetch_or(&t->work, work);
	park_wake(&t->park);
	if (!atomic_load(&t->in_guest))
		return;
	mutex_lock(&t->kick_lock);
	if (t->mem.ctx)
		ctx_interrupt(t->mem.ctx);
	mutex_unlock(&t->kick_lock);
}

/* --- waiting on a file's queues ------------------------------------------ */

struct more_waiter {
	struct list node; /* in poll_waiter.more */
	struct task_waiter w;
};

static void poll_waiter_queue(struct poll_table *pt, struct waitq *q)
{
	struct poll_waiter *pw = container_of(pt, struct poll_waiter, pt);
	struct task_waiter *w;

	if (pw->n < POLL_WAITER_FAST) {
		w = &pw->fast[pw->n++];
	} else {
		struct more_waiter *m = mem_alloc(sizeof(*m));

		if (!m) {
			pw->failed = true;
			return;
		}
		list_add(&pw->more, &m->node);
		w = &m->w;
	}
	task_waiter_init(w, pw->t, pw->events);
	waitq_add(q, &w->entry);
}

void poll_waiter_init(struct poll_waiter *pw, struct task *t, uint32_t events)
{
	pw->pt.queue = poll_waiter_queue;
	pw->t = t;
	pw->events = events;
	pw->n = 0;
	pw->failed = false;
	list_init(&pw->more);
}

void poll_waiter_done(struct poll_waiter *pw)
{
	struct more_waiter *m, *tmp;

	for (unsigned i = 0; i < pw->n; i++)
		waitq_remove(&pw->fast[i].entry);
	list_for_each_safe (m, tmp, &pw->more, node) {
		waitq_remove(&m->w.entry);
		mem_free(m);
	}
	pw->n = 0;
	list_init(&pw->more);
}
