// SPDX-License-Identifier: Apache-2.0
/*
 * IPC namespaces: each has its own numbers and keys. What is left in one when its last
 * task has gone is removed; segments that are still attached live on without a number.
 */
#include "fs/mqueue/mqueue.h"
#include "sentry/ipc/internal.h"
#include "sentry/ipc/shm.h"
#include "sentry/task/kernel.h"
#include "sentry/task/lifecycle.h"

int ipc_create(struct kernel *k, struct ipc_state **out)
{
	struct ipc_state *ipc = mem_zalloc(sizeof(*ipc));
	int r;

	*out = NULL;
	if (!ipc)
		return -ENOMEM;
	mutex_init(&ipc->lock, LOCK_IPC);
	r = shm_super_create(k, &ipc->super);
	if (r) {
		ipc_free(ipc);
		return r;
	}
	*out = ipc;
	return 0;
}

void ipc_free(struct ipc_state *ipc)
{
	if (!ipc)
		return;
	if (ipc->super)
		super_put(ipc->super);
	mutex_destroy(&ipc->lock);
	mem_free(ipc);
}

/* --- namespaces --------------------------------------------------------------- */

static void ns_free(struct ipc_ns *ns)
{
	for (int i = 0; i < IPC_KINDS; i++)
		ipc_ids_free(&ns->ids[i]);
	if (ns->mqueues)
		super_put(ns->mqueues);
	user_ns_put(ns->owner);
	mem_free(ns);
}

int ipc_ns_create(struct kernel *k, struct user_ns *owner, uint64_t ino,
		  struct ipc_ns **out)
{
	struct ipc_ns *ns = mem_zalloc(sizeof(*ns));
	int r;

	*out = NULL;
	if (!ns)
		return -ENOMEM;
	refcount_init(&ns->ref);
	ns->k = k;
	ns->owner = user_ns_get(owner);
	ns->ino = ino;
	r = ipc_ids_init(&ns->ids[IPC_SHM], SHM_COUNT_MAX);
	if (!r)
		r = ipc_ids_init(&ns->ids[IPC_SEM], SEM_SETS_MAX);
	if (!r)
		r = ipc_ids_init(&ns->ids[IPC_MSG], MSG_QUEUES_MAX);
	if (!r)
		r = mqueue_super_create(k, owner, &ns->mqueues);
	if (r) {
		ns_free(ns);
		return r;
	}
	*out = ns;
	return 0;
}

struct ipc_ns *ipc_ns_get(struct ipc_ns *ns)
{
	refcount_inc(&ns->ref);
	return ns;
}

void ipc_ns_put(struct ipc_ns *ns)
{
	if (!ns || !refcount_dec(&ns->ref))
		return;
	shm_ns_exit(ns);
	sem_ns_exit(ns);
	msg_ns_exit(ns);
	ns_free(ns);
}

struct super *mqueue_super_of(struct task *t)
{
	return super_get(t->ns->ipc->mqueues);
}

uint64_t ipc_ns_ino(const struct ipc_ns *ns)
{
	return ns->ino;
}

struct user_ns *ipc_ns_owner(const struct ipc_ns *ns)
{
	return ns->owner;
}
