// SPDX-License-Identifier: Apache-2.0
/*
 * PID namespaces. The first process in one is its init: orphans of the namespace fall to
 * it, and with it everything in the namespace ends. The sandbox's own init is that of the
 * outermost namespace.
 */
#include "sentry/abi/errno.h"
#include "sentry/task/block.h"
#include "sentry/task/internal.h"
#include "sentry/task/signal.h"

int pid_ns_create(struct kernel *k, struct pid_ns *parent, struct user_ns *owner,
		  struct pid_ns **out)
{
	struct pid_ns *ns;

	*out = NULL;
	if (parent && parent->level + 1 > PID_NS_MAX_LEVEL)
		return -ENOSPC;
	ns = mem_zalloc(sizeof(*ns));
	if (!ns)
		return -ENOMEM;
	refcount_init(&ns->ref);
	ns->k = k;
	ns->ino = parent ? kernel_new_ns_ino(k) : 0xeffffffcu;
	ns->owner = user_ns_get(owner);
	if (parent) {
		ns->parent = pid_ns_get(parent);
		ns->level = parent->level + 1;
	}
	*out = ns;
	return 0;
}

struct pid_ns *pid_ns_get(struct pid_ns *ns)
{
	refcount_inc(&ns->ref);
	return ns;
}

void pid_ns_put(struct pid_ns *ns)
{
	while (ns && refcount_dec(&ns->ref)) {
		struct pid_ns *parent = ns->parent;

		htab_free(&ns->by_nr);
		user_ns_put(ns->owner);
		mem_free(ns);
		ns = parent;
	}
}

static struct task *live_thread_locked(struct thread_group *tg)
{
	struct task *t;

	list_for_each (t, &tg->threads, group_node)
		if (!t->exited)
			return t;
	return NULL;
}

struct task *find_new_reaper_locked(struct thread_group *tg)
{
	struct pid_ns *ns = task_pid_ns(tg->leader);
	struct thread_group *p;
	struct task *t;

	mutex_assert_held(&tg->k->tasklist);
	for (p = tg->parent; p; p = p->parent) {
		if (task_pid_ns(p->leader) != ns || (ns->reaper && p == ns->reaper->tg))
			break;
		if (!p->child_subreaper)
			continue;
		t = live_thread_locked(p);
		if (t)
			return t;
	}
	if (!ns->reaper)
		return NULL;
	t = live_thread_locked(ns->reaper->tg);
	return t ? t : ns->reaper;
}

/* SIGKILL to every process of the namespace and those below but @init's. */
static void kill_all_locked(struct pid_ns *ns, struct task *init)
	MUST_HOLD(ns->k->tasklist)
{
	for (size_t i = 0; i < ns->by_nr.n_slots; i++) {
		for (struct hnode *n = ns->by_nr.slot[i]; n; n = n->next) {
			struct upid *u = container_of(n, struct upid, node);
			struct task *t = u->pid->task;

			if (t && t->tg != init->tg && t == t->tg->leader)
				group_exit(t->tg, LX_SIGKILL);
		}
	}
}

static bool reap_children(struct task *init)
{
	struct thread_group *c, *tmp;
	struct task *dead[16];
	unsigned n = 0;
	bool more = false;

	mutex_lock(&init->k->tasklist);
	list_for_each_safe (c, tmp, &init->tg->children, sibling) {
		if (!c->zombie)
			continue;
		if (n == ARRAY_SIZE(dead)) {
			more = true;
			break;
		}
		dead[n++] = reap_locked(c, init->tg);
	}
	mutex_unlock(&init->k->tasklist);
	for (unsigned i = 0; i < n; i++)
		task_put(dead[i]);
	return more;
}

void pid_ns_zap(struct pid_ns *ns, struct task *init)
{
	/* Its own numbers: the leader's, which stays, and that of the thread that zaps. */
	unsigned own = init == init->tg->leader ? 1 : 2;
	struct task_waiter w;
	bool alone;

	task_waiter_init(&w, init, LX_POLLIN);
	waitq_add(&init->tg->wait_chld, &w.entry);
	mutex_lock(&ns->k->tasklist);
	ns->dying = true;
	kill_all_locked(ns, init);
	mutex_unlock(&ns->k->tasklist);
	for (;;) {
		while (reap_children(init))
			;
		mutex_lock(&ns->k->tasklist);
		alone = ns->n_pids <= own;
		mutex_unlock(&ns->k->tasklist);
		if (alone)
			break;
		/* Not task_block(): this task is dead already,
		 * what it waits for is, too. */
		park_wait(&init->park, NO_DEADLINE);
	}
	waitq_remove(&w.entry);
}

/* --- all of it ----------------------------------------------------------- */

/* Every process in the table, as far as @list has room; how many there are. */
static unsigned take_leaders_locked(struct pid_ns *ns, struct task **list, unsigned room)
	MUST_HOLD(ns->k->tasklist)
{
	unsigned n = 0;

	for (size_t i = 0; i < ns->by_nr.n_slots; i++) {
		for (struct hnode *h = ns->by_nr.slot[i]; h; h = h->next) {
			struct task *t = container_of(h, struct upid, node)->pid->task;

			if (!t || t->tg->leader != t)
				continue;
			if (n < room)
				list[n] = task_get(t);
			n++;
		}
	}
	return n;
}

int pid_ns_processes(struct pid_ns *ns, struct task ***out, unsigned *n)
{
	unsigned room = 0;

	*out = NULL;
	*n = 0;
	do {
		struct task **list;

		/* More may have come since they were counted: some room to spare. */
		task_list_put(*out, min_t(unsigned, *n, room));
		*out = NULL;
		*n = 0;
		mutex_lock(&ns->k->tasklist);
		room = ns->n_pids + 16;
		mutex_unlock(&ns->k->tasklist);
		list = mem_calloc(room, sizeof(*list));
		if (!list)
			return -ENOMEM;
		mutex_lock(&ns->k->tasklist);
		*n = take_leaders_locked(ns, list, room);
		mutex_unlock(&ns->k->tasklist);
		*out = list;
	} while (*n > room);
	return 0;
}

void task_list_put(struct task **list, unsigned n)
{
	for (unsigned i = 0; list && i < n; i++)
		task_put(list[i]);
	mem_free(list);
}
