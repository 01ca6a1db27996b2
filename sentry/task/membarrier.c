// SPDX-License-Identifier: Apache-2.0
/*
 * A guest thread that leaves guest mode executes a full barrier on the way (the host
 * switches context). So the barrier is: kick every running thread of the address space
 * and wait until each has been seen outside.
 */
#include "sentry/task/membarrier.h"

#include "sentry/abi/errno.h"
#include "sentry/mm/mm.h"
#include "sentry/task/block.h"
#include "sentry/task/internal.h"

enum {
	MEMBARRIER_QUERY = 0,
	MEMBARRIER_GLOBAL = 1,
	MEMBARRIER_GLOBAL_EXPEDITED = 2,
	MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 4,
	MEMBARRIER_PRIVATE_EXPEDITED = 8,
	MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 0x10,
};
#define SUPPORTED                                                                        \
	(MEMBARRIER_GLOBAL | MEMBARRIER_GLOBAL_EXPEDITED |                               \
	 MEMBARRIER_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_PRIVATE_EXPEDITED |           \
	 MEMBARRIER_REGISTER_PRIVATE_EXPEDITED)

#define POLL_NS (50 * NSEC_PER_USEC)

/* A kicked thread clears NOTIFY only outside of guest mode (run.c). */
static bool still_inside(struct task *o)
{
	return atomic_load(&o->in_guest) && (atomic_load(&o->work) & TASK_WORK_NOTIFY);
}

struct barrier {
	struct task *caller;
	const struct mm *mm; /* NULL: everybody's */
	bool kick, waiting;
};

static void visit(struct task *o, struct barrier *b)
{
	if (o == b->caller || o->exited || (b->mm && o->mem.mm != b->mm))
		return;
	if (b->kick && atomic_load(&o->in_guest))
		task_kick(o, TASK_WORK_NOTIFY);
	if (still_inside(o))
		b->waiting = true;
}

static bool pass(struct kernel *k, struct barrier *b)
{
	struct htab *h = &k->init_pid_ns->by_nr;

	b->waiting = false;
	mutex_lock(&k->tasklist);
	for (size_t i = 0; i < h->n_slots; i++)
		for (struct hnode *n = h->slot[i]; n; n = n->next) {
			struct task *o = container_of(n, struct upid, node)->pid->task;

			if (o)
				visit(o, b);
		}
	mutex_unlock(&k->tasklist);
	return !b->waiting;
}

static int barrier(struct task *t, const struct mm *mm)
{
	struct barrier b = {.caller = t, .mm = mm, .kick = true};

	/* Bounded by the time a thread needs to leave the guest: a look now and then. */
	while (!pass(t->k, &b)) {
		b.kick = false;
		if (task_block_killable(t, deadline_after(POLL_NS), "membarrier", 0) ==
		    -EINTR)
			break;
	}
	return 0;
}

int task_membarrier(struct task *t, int cmd, unsigned flags)
{
	if (flags)
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_QUERY:
		return SUPPORTED;
	case MEMBARRIER_GLOBAL:
	case MEMBARRIER_GLOBAL_EXPEDITED:
		return barrier(t, NULL);
	case MEMBARRIER_PRIVATE_EXPEDITED:
		if (!t->mem.mm->membarrier)
			return -EPERM;
		return barrier(t, t->mem.mm);
	case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
		return 0;
	case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
		t->mem.mm->membarrier = true;
		return 0;
	default:
		return -EINVAL;
	}
}
