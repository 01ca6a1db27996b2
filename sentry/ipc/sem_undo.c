// SPDX-License-Identifier: Apache-2.0
/*
 * SEM_UNDO: what a process did to semaphores is taken back at its end. The threads of a
 * process share one list (CLONE_SYSVSEM); a forked child begins without.
 */
#include "sentry/ipc/sem.h"
#include "sentry/task/lifecycle.h"

/* --- the list of a task ------------------------------------------------------- */

static struct sem_undo_list *list_of(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;

	if (l)
		return l;
	l = mem_zalloc(sizeof(*l));
	if (!l)
		return NULL;
	refcount_init(&l->ref);
	list_init(&l->undos);
	t->sem_undo = l;
	return l;
}

int sem_undo_share(struct task *t, struct task *child)
{
	struct sem_undo_list *l = list_of(t);

	if (!l)
		return -ENOMEM;
	refcount_inc(&l->ref);
	child->sem_undo = l;
	return 0;
}

/* --- records ------------------------------------------------------------------ */

void sem_undo_free_locked(struct sem_undo *u)
{
	list_del(&u->of_set);
	list_del(&u->of_list);
	mem_free(u);
}

void sem_undo_forget_locked(struct sem_set *s, int num)
{
	struct sem_undo *u;

	list_for_each (u, &s->undos, of_set)
		for (unsigned i = 0; i < s->n; i++)
			if (num < 0 || (unsigned)num == i)
				u->adjust[i] = 0;
}

static struct sem_undo *find_locked(struct sem_undo_list *l, const struct sem_set *s)
{
	struct sem_undo *u;

	list_for_each (u, &l->undos, of_list)
		if (u->set == s)
			return u;
	return NULL;
}

int sem_undo_get(struct task *t, int id, struct sem_undo **out)
{
	struct sem_undo_list *l = list_of(t);
	struct sem_undo *u;
	struct ipc_perm *p;
	struct sem_set *s;

	*out = NULL;
	if (!l)
		return -ENOMEM;
	mutex_lock(&ipc_of(t)->lock);
	p = ipc_find_locked(ids_of(t, IPC_SEM), id);
	if (!p) {
		mutex_unlock(&ipc_of(t)->lock);
		return -EINVAL;
	}
	s = to_set(p);
	*out = u = find_locked(l, s);
	if (!u) {
		*out = u = mem_zalloc(sizeof(*u) + s->n * sizeof(u->adjust[0]));
		if (u) {
			u->set = s;
			list_add_tail(&s->undos, &u->of_set);
			list_add_tail(&l->undos, &u->of_list);
		}
	}
	mutex_unlock(&ipc_of(t)->lock);
	return u ? 0 : -ENOMEM;
}

/* --- the end ------------------------------------------------------------------ */

static void undo_locked(struct task *t, struct sem_undo *u) MUST_HOLD(ipc_of(t)->lock)
{
	struct sem_set *s = u->set;

	for (unsigned i = 0; i < s->n; i++) {
		int value = s->sem[i].value + u->adjust[i];

		if (!u->adjust[i])
			continue;
		/* Others have used it meanwhile: as far as it goes. */
		s->sem[i].value = value < 0		  ? 0
				  : value > SEM_VALUE_MAX ? SEM_VALUE_MAX
							  : value;
		ipc_set_pid(&s->sem[i].last, t);
	}
	sem_undo_free_locked(u);
	s->otime = ipc_now();
	sem_update_locked(s);
}

void sem_undo_leave(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;
	struct sem_undo *u;

	t->sem_undo = NULL;
	if (!l || !refcount_dec(&l->ref))
		return;
	mutex_lock(&ipc_of(t)->lock);
	while ((u = list_first(&l->undos, struct sem_undo, of_list)))
		undo_locked(t, u);
	mutex_unlock(&ipc_of(t)->lock);
	mem_free(l);
}

void ipc_task_exit(struct task *t)
{
	sem_undo_leave(t);
}
