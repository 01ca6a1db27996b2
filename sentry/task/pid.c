// SPDX-License-Identifier: Apache-2.0
/*
 * struct pid: an identity that outlives its task. It has one number in its own pid
 * namespace and one in each above; they stay taken while a task, a process group or a
 * session uses them. Who holds a reference longer (pidfds, file owners) sees a pid
 * without a task.
 */
#include "sentry/abi/errno.h"
#include "sentry/task/internal.h"

struct pid *pid_get(struct pid *pid)
{
	refcount_inc(&pid->ref);
	return pid;
}

void pid_put(struct pid *pid)
{
	if (!pid || !refcount_dec(&pid->ref))
		return;
	for (unsigned i = 0; i <= pid->level; i++)
		pid_ns_put(pid->nr[i].ns);
	waitq_destroy(&pid->exit_wait);
	mem_free(pid);
}

int pid_nr_in(const struct pid *pid, const struct pid_ns *ns)
{
	if (!pid || ns->level > pid->level || pid->nr[ns->level].ns != ns)
		return 0;
	return pid->nr[ns->level].nr;
}

int pid_alloc(struct pid_ns *ns, struct pid **out)
{
	struct pid *pid;

	*out = NULL;
	pid = mem_zalloc(sizeof(*pid) + (ns->level + 1) * sizeof(pid->nr[0]));
	if (!pid)
		return -ENOMEM;
	refcount_init(&pid->ref);
	pid->level = ns->level;
	waitq_init(&pid->exit_wait);
	for (int i = 0; i < PIDTYPE_N; i++)
		list_init(&pid->members[i]);
	for (unsigned i = ns->level;; i--, ns = ns->parent) {
		pid->nr[i].ns = pid_ns_get(ns);
		pid->nr[i].pid = pid;
		if (i == 0)
			break;
	}
	*out = pid;
	return 0;
}

static struct upid *upid_find_locked(struct pid_ns *ns, int nr)
{
	struct hnode *n;

	for (n = htab_first(&ns->by_nr, hash_u64((uint64_t)nr)); n; n = htab_next(n)) {
		struct upid *u = container_of(n, struct upid, node);

		if (u->nr == nr)
			return u;
	}
	return NULL;
}

struct pid *pid_find_locked(struct pid_ns *ns, int nr)
{
	struct upid *u;

	mutex_assert_held(&ns->k->tasklist);
	u = nr > 0 ? upid_find_locked(ns, nr) : NULL;
	return u ? u->pid : NULL;
}

struct pid *pid_lookup(struct pid_ns *ns, int nr)
{
	struct pid *pid;

	mutex_lock(&ns->k->tasklist);
	pid = pid_find_locked(ns, nr);
	if (pid)
		pid_get(pid);
	mutex_unlock(&ns->k->tasklist);
	return pid;
}

/* Numbers are given in turn, so that a freed one is not reused soon. */
static int next_free_nr(struct pid_ns *ns)
{
	int nr = ns->last_nr;

	if (ns->n_pids >= PID_MAX - PID_RESERVED)
		return -EAGAIN;
	do {
		if (++nr >= PID_MAX)
			nr = PID_RESERVED;
	} while (upid_find_locked(ns, nr));
	ns->last_nr = nr;
	return nr;
}

static int assign_level(struct upid *u, int wanted)
{
	struct pid_ns *ns = u->ns;
	int r;

	if (ns->dying)
		return -ENOMEM;
	if (wanted) {
		if (wanted < 1 || wanted >= PID_MAX || (wanted != 1 && !ns->reaper))
			return -EINVAL;
		if (upid_find_locked(ns, wanted))
			return -EEXIST;
		u->nr = wanted;
	} else {
		r = next_free_nr(ns);
		if (r < 0)
			return r;
		u->nr = r;
	}
	r = htab_insert(&ns->by_nr, &u->node, hash_u64((uint64_t)u->nr));
	if (r) {
		u->nr = 0;
		return r;
	}
	ns->n_pids++;
	return 0;
}

static void free_numbers_locked(struct pid *pid)
{
	for (unsigned i = 0; i <= pid->level; i++) {
		struct upid *u = &pid->nr[i];

		/* The number itself stays readable for those who still hold the pid. */
		if (!u->pid)
			continue;
		htab_remove(&u->ns->by_nr, &u->node);
		u->pid = NULL;
		u->ns->n_pids--;
		/* Its init waits for the others to go (pid_ns_zap). */
		if (u->ns->reaper)
			waitq_wake(&u->ns->reaper->tg->wait_chld, LX_POLLIN);
		/* Its init was never born: the next one may try. */
		else if (!u->ns->started && !u->ns->n_pids)
			u->ns->last_nr = 0;
	}
}

int pid_assign_locked(struct pid *pid, const int *set_tid, unsigned n_set_tid)
{
	unsigned done = 0;
	int r = 0;

	mutex_assert_held(&pid->nr[0].ns->k->tasklist);
	for (unsigned i = 0; i <= pid->level; i++, done++) {
		struct upid *u = &pid->nr[pid->level - i];

		r = assign_level(u, i < n_set_tid ? set_tid[i] : 0);
		if (r)
			break;
	}
	/* Levels that got no number must not be taken out of the tables. */
	if (r) {
		for (unsigned i = done; i <= pid->level; i++)
			pid->nr[pid->level - i].pid = NULL;
		free_numbers_locked(pid);
	}
	return r;
}

void pid_release_locked(struct pid *pid)
{
	mutex_assert_held(&pid->nr[0].ns->k->tasklist);
	if (pid->task)
		return;
	for (int i = 0; i < PIDTYPE_N; i++)
		if (!list_empty(&pid->members[i]))
			return;
	free_numbers_locked(pid);
}

void pid_attach_locked(struct thread_group *tg, enum pid_type type, struct pid *pid)
{
	mutex_assert_held(&pid->nr[0].ns->k->tasklist);
	tg->pid[type] = pid_get(pid);
	list_add_tail(&pid->members[type], &tg->pid_node[type]);
}

void pid_detach_locked(struct thread_group *tg, enum pid_type type)
{
	struct pid *pid = tg->pid[type];

	if (!pid)
		return;
	list_del(&tg->pid_node[type]);
	tg->pid[type] = NULL;
	pid_release_locked(pid);
	pid_put(pid);
}
