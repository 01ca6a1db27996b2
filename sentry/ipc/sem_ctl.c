// SPDX-License-Identifier: Apache-2.0
/*
 * semctl(2): reading and setting values, what is known about a set, its owner, its end.
 */
#include "sentry/ipc/sem.h"

/* --- values ------------------------------------------------------------------- */

/* A call waits for the one semaphore that it could not get past. */
static int count_waiting(const struct list *queue, unsigned num, bool zero)
{
	struct sem_call *c;
	int n = 0;

	list_for_each (c, queue, node)
		if (c->blocked_by->num == num && (c->blocked_by->op == 0) == zero)
			n++;
	return n;
}

static int query_locked(struct task *t, struct sem_set *s, unsigned num, int cmd)
	MUST_HOLD(ipc_of(t)->lock)
{
	switch (cmd) {
	case LX_SEM_GETVAL:
		return s->sem[num].value;
	case LX_SEM_GETPID:
		return pid_nr_in(s->sem[num].last, task_pid_ns(t));
	case LX_SEM_GETNCNT:
	case LX_SEM_GETZCNT:
		return count_waiting(&s->waiting_zero, num, cmd == LX_SEM_GETZCNT) +
		       count_waiting(&s->waiting_change, num, cmd == LX_SEM_GETZCNT);
	default:
		return -EINVAL;
	}
}

int sem_query(struct task *t, int id, int num, int cmd)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_may_locked(t, IPC_SEM, id, 0444, &p);
	if (!r)
		r = num < 0 || (unsigned)num >= to_set(p)->n
			    ? -EINVAL
			    : query_locked(t, to_set(p), (unsigned)num, cmd);
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int sem_set_value(struct task *t, int id, int num, int value)
{
	struct ipc_perm *p;
	struct sem_set *s;
	int r = -EINVAL;

	if (value < 0 || value > SEM_VALUE_MAX)
		return -ERANGE;
	mutex_lock(&ipc_of(t)->lock);
	p = ipc_find_locked(ids_of(t, IPC_SEM), id);
	if (p && num >= 0 && (unsigned)num < to_set(p)->n)
		r = ipc_may_locked(t, p, 0222);
	if (!r) {
		s = to_set(p);
		sem_undo_forget_locked(s, num);
		s->sem[num].value = value;
		ipc_set_pid(&s->sem[num].last, t);
		s->ctime = ipc_now();
		sem_update_locked(s);
	}
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int sem_count(struct task *t, int id, bool write)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_may_locked(t, IPC_SEM, id, write ? 0222 : 0444, &p);
	if (!r)
		r = (int)to_set(p)->n;
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int sem_get_all(struct task *t, int id, uint16_t *values, unsigned n)
{
	struct ipc_perm *p;
	int r = -EIDRM;

	mutex_lock(&ipc_of(t)->lock);
	p = ipc_find_locked(ids_of(t, IPC_SEM), id);
	if (p && to_set(p)->n == n) {
		for (unsigned i = 0; i < n; i++)
			values[i] = (uint16_t)to_set(p)->sem[i].value;
		r = 0;
	}
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int sem_set_all(struct task *t, int id, const uint16_t *values, unsigned n)
{
	struct ipc_perm *p;
	struct sem_set *s;
	int r = -EIDRM;

	for (unsigned i = 0; i < n; i++)
		if (values[i] > SEM_VALUE_MAX)
			return -ERANGE;
	mutex_lock(&ipc_of(t)->lock);
	p = ipc_find_locked(ids_of(t, IPC_SEM), id);
	if (p && to_set(p)->n == n) {
		s = to_set(p);
		for (unsigned i = 0; i < n; i++) {
			s->sem[i].value = values[i];
			ipc_set_pid(&s->sem[i].last, t);
		}
		sem_undo_forget_locked(s, -1);
		s->ctime = ipc_now();
		sem_update_locked(s);
		r = 0;
	}
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

/* --- sets --------------------------------------------------------------------- */

static void fill_stat_locked(struct task *t, const struct sem_set *s,
			     struct lx_semid_ds *out) MUST_HOLD(ipc_of(t)->lock)
{
	*out = (struct lx_semid_ds){.otime = s->otime, .ctime = s->ctime, .nsems = s->n};
	ipc_perm_stat_locked(t, &s->perm, &out->perm);
}

int sem_stat(struct task *t, int id, enum ipc_stat_how how, struct lx_semid_ds *out)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_stat_locked(t, IPC_SEM, id, how, &p);
	if (!r) {
		fill_stat_locked(t, to_set(p), out);
		r = how == IPC_BY_ID ? 0 : p->id;
	}
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int sem_set_perm(struct task *t, int id, const struct lx_ipc_perm *in)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_owned_locked(t, IPC_SEM, id, &p);
	if (!r)
		r = ipc_perm_set_locked(t, p, in);
	if (!r)
		to_set(p)->ctime = ipc_now();
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int sem_remove(struct task *t, int id)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_owned_locked(t, IPC_SEM, id, &p);
	if (!r)
		sem_unlink_locked(to_set(p));
	mutex_unlock(&ipc_of(t)->lock);
	if (!r)
		sem_set_free(to_set(p));
	return r;
}

int sem_info(struct task *t, bool limits, struct lx_seminfo *out)
{
	int r;

	*out = (struct lx_seminfo){
		.semmap = SEM_SETS_MAX * SEMS_MAX,
		.semmni = SEM_SETS_MAX,
		.semmns = SEM_SETS_MAX * SEMS_MAX,
		.semmnu = SEM_SETS_MAX * SEMS_MAX,
		.semmsl = SEMS_MAX,
		.semopm = SEM_OPS_MAX,
		.semume = SEM_OPS_MAX,
		.semusz = 20,
		.semvmx = SEM_VALUE_MAX,
		.semaem = SEM_VALUE_MAX,
	};
	mutex_lock(&ipc_of(t)->lock);
	if (!limits) {
		out->semusz = (int32_t)ids_of(t, IPC_SEM)->n;
		out->semaem = (int32_t)t->ns->ipc->n_sems;
	}
	r = ipc_highest_locked(ids_of(t, IPC_SEM));
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

void sem_ns_exit(struct ipc_ns *ns)
{
	struct ipc_ids *ids = &ns->ids[IPC_SEM];

	for (unsigned i = 0; i < ids->n_slots; i++) {
		struct sem_set *s;

		mutex_lock(&ns->k->ipc->lock);
		s = ids->slot[i] ? to_set(ids->slot[i]) : NULL;
		if (s)
			sem_unlink_locked(s);
		mutex_unlock(&ns->k->ipc->lock);
		if (s)
			sem_set_free(s);
	}
}
