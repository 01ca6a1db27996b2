// SPDX-License-Identifier: Apache-2.0
/*
 * semget(2) and semop(2). A call's operations are tried in order on the values
 * themselves and taken back when one of them cannot be done: under the lock nobody sees
 * that.
 */
#include "sentry/ipc/sem.h"

#include "sentry/base/clock.h"
#include "sentry/task/block.h"

#define SEM_ADJUST_MAX SEM_VALUE_MAX
#define SEMS_TOTAL_MAX ((uint64_t)SEM_SETS_MAX * SEMS_MAX)

/* --- sets --------------------------------------------------------------------- */

void sem_set_free(struct sem_set *s)
{
	for (unsigned i = 0; i < s->n; i++)
		pid_put(s->sem[i].last);
	mem_free(s);
}

static struct sem_set *set_alloc(struct task *t, int key, unsigned n, int flags)
{
	struct sem_set *s = mem_zalloc(sizeof(*s) + n * sizeof(s->sem[0]));

	if (!s)
		return NULL;
	ipc_perm_init(&s->perm, t, key, flags);
	s->ctime = ipc_now();
	s->n = n;
	list_init(&s->waiting_zero);
	list_init(&s->waiting_change);
	list_init(&s->undos);
	return s;
}

/* Takes *s, which is made NULL when the table has it. */
static int add_locked(struct task *t, struct sem_set **s) MUST_HOLD(ipc_of(t)->lock)
{
	struct ipc_ns *ns = t->ns->ipc;
	unsigned n = (*s)->n;
	int id;

	if (ns->n_sems + n > SEMS_TOTAL_MAX)
		return -ENOSPC;
	id = ipc_add_locked(&ns->ids[IPC_SEM], ns, &(*s)->perm);
	if (id < 0)
		return id;
	ns->n_sems += n;
	*s = NULL;
	return id;
}

static int found_locked(struct task *t, struct ipc_perm *p, int n, int flags)
	MUST_HOLD(ipc_of(t)->lock)
{
	int r;

	if ((unsigned)n > to_set(p)->n)
		return -EINVAL;
	r = ipc_may_locked(t, p, (uint32_t)flags & 0777);
	return r ? r : p->id;
}

int sem_get(struct task *t, int key, int n, int flags)
{
	struct sem_set *s = NULL;
	struct ipc_perm *p;
	int r, refused = -EINVAL;

	if (n < 0 || n > SEMS_MAX)
		return -EINVAL;
	if (n) {
		s = set_alloc(t, key, (unsigned)n, flags);
		refused = s ? 0 : -ENOMEM;
	}
	mutex_lock(&ipc_of(t)->lock);
	r = ipc_lookup_key_locked(ids_of(t, IPC_SEM), key, flags, &p);
	if (r == 1)
		r = found_locked(t, p, n, flags);
	else if (!r)
		r = refused ? refused : add_locked(t, &s);
	mutex_unlock(&ipc_of(t)->lock);
	if (s)
		sem_set_free(s);
	return r;
}

/* --- trying ------------------------------------------------------------------- */

static void take_back_locked(struct sem_set *s, struct sem_call *c, unsigned n_done)
{
	while (n_done-- > 0) {
		const struct lx_sembuf *op = &c->ops[n_done];

		s->sem[op->num].value -= op->op;
		if (op->flg & LX_SEM_UNDO)
			c->undo->adjust[op->num] =
				(int16_t)(c->undo->adjust[op->num] + op->op);
	}
}

/* 0, -ERANGE, or SEM_WAITING: not possible now. */
static int try_one_locked(struct sem_set *s, struct sem_call *c,
			  const struct lx_sembuf *op)
{
	struct sem *sem = &s->sem[op->num];
	int value = sem->value + op->op, adjust;

	if (value < 0 || (!op->op && sem->value))
		return SEM_WAITING;
	if (value > SEM_VALUE_MAX)
		return -ERANGE;
	if (op->flg & LX_SEM_UNDO) {
		adjust = c->undo->adjust[op->num] - op->op;
		if (adjust < -SEM_ADJUST_MAX - 1 || adjust > SEM_ADJUST_MAX)
			return -ERANGE;
		c->undo->adjust[op->num] = (int16_t)adjust;
	}
	sem->value = value;
	return 0;
}

/* All of a call's operations or none. 0, -ERANGE, -EAGAIN (IPC_NOWAIT), SEM_WAITING. */
static int try_locked(struct sem_set *s, struct sem_call *c)
{
	unsigned i;
	int r;

	for (i = 0; i < c->n; i++) {
		r = try_one_locked(s, c, &c->ops[i]);
		if (!r)
			continue;
		take_back_locked(s, c, i);
		if (r == SEM_WAITING) {
			c->blocked_by = &c->ops[i];
			if (c->ops[i].flg & LX_IPC_NOWAIT)
				r = -EAGAIN;
		}
		return r;
	}
	for (i = 0; i < c->n; i++)
		ipc_set_pid(&s->sem[c->ops[i].num].last, c->t);
	s->otime = ipc_now();
	return 0;
}

/* --- the queues --------------------------------------------------------------- */

/* The task of @c may go on; from here on @c is its own again. */
static void finish_locked(struct sem_call *c, int result)
{
	list_del(&c->node);
	c->result = result;
	park_wake(&c->t->park);
}

/* True: one of them was done and has changed a value. */
static bool serve_locked(struct sem_set *s, struct list *queue)
{
	struct sem_call *c, *tmp;
	bool changed;
	int r;

	list_for_each_safe (c, tmp, queue, node) {
		r = try_locked(s, c);
		if (r == SEM_WAITING)
			continue;
		changed = !r && c->changes;
		finish_locked(c, r);
		if (changed)
			return true;
	}
	return false;
}

void sem_update_locked(struct sem_set *s)
{
	do
		serve_locked(s, &s->waiting_zero);
	while (serve_locked(s, &s->waiting_change));
}

void sem_unlink_locked(struct sem_set *s)
{
	struct ipc_ns *ns = s->perm.ns;
	struct sem_call *c, *tmp;
	struct sem_undo *u;

	ns->n_sems -= s->n;
	ipc_remove_locked(&ns->ids[IPC_SEM], &s->perm);
	while ((u = list_first(&s->undos, struct sem_undo, of_set)))
		sem_undo_free_locked(u);
	list_splice_tail(&s->waiting_change, &s->waiting_zero);
	list_for_each_safe (c, tmp, &s->waiting_change, node)
		finish_locked(c, -EIDRM);
}

/* --- semop -------------------------------------------------------------------- */

/* What is asked for, before the set is looked at. True: SEM_UNDO is among it. */
static bool examine(struct sem_call *c, unsigned *highest)
{
	bool undo = false;

	*highest = 0;
	for (unsigned i = 0; i < c->n; i++) {
		*highest = max_t(unsigned, *highest, c->ops[i].num);
		undo |= c->ops[i].flg & LX_SEM_UNDO;
		c->changes |= c->ops[i].op != 0;
	}
	return undo;
}

/* At once, or into a queue: SEM_WAITING. */
static int begin_locked(struct task *t, int id, struct sem_call *c, unsigned highest)
	MUST_HOLD(ipc_of(t)->lock)
{
	struct ipc_perm *p = ipc_find_locked(ids_of(t, IPC_SEM), id);
	struct sem_set *s;
	int r;

	if (!p)
		/* Its record was made a moment ago: then the set has gone since. */
		return c->undo ? -EIDRM : -EINVAL;
	s = to_set(p);
	if (highest >= s->n)
		return -EFBIG;
	r = ipc_may_locked(t, p, c->changes ? 0222 : 0444);
	if (!r)
		r = try_locked(s, c);
	if (r == SEM_WAITING)
		list_add_tail(c->changes ? &s->waiting_change : &s->waiting_zero,
			      &c->node);
	else if (!r && c->changes)
		sem_update_locked(s);
	c->result = r;
	return r;
}

static int wait_for(struct task *t, struct sem_call *c, int id, int64_t deadline_ns)
{
	int r = SEM_WAITING, why;

	while (r == SEM_WAITING) {
		why = task_block(t, deadline_ns, "semaphore", (uint64_t)id);
		mutex_lock(&ipc_of(t)->lock);
		if (why && c->result == SEM_WAITING) {
			list_del(&c->node);
			c->result = why == -ETIMEDOUT ? -EAGAIN : -EINTR;
		}
		r = c->result;
		mutex_unlock(&ipc_of(t)->lock);
	}
	return r;
}

int sem_op(struct task *t, int id, const struct lx_sembuf *ops, unsigned n,
	   int64_t deadline_ns)
{
	struct sem_call c = {.t = t, .ops = ops, .n = n};
	unsigned highest;
	int r;

	if (id < 0)
		return -EINVAL;
	if (examine(&c, &highest)) {
		r = sem_undo_get(t, id, &c.undo);
		if (r)
			return r;
	}
	mutex_lock(&ipc_of(t)->lock);
	r = begin_locked(t, id, &c, highest);
	mutex_unlock(&ipc_of(t)->lock);
	return r == SEM_WAITING ? wait_for(t, &c, id, deadline_ns) : r;
}
