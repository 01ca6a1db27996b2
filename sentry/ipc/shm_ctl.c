// SPDX-License-Identifier: Apache-2.0
/* shmctl(2): what is known about segments, their owners, and their end. */
#include "sentry/ipc/shm.h"
#include "sentry/task/kernel.h"

static void fill_stat_locked(struct task *t, struct shm_segment *s,
			     struct lx_shmid_ds *out) MUST_HOLD(ipc_of(t)->lock)
{
	struct pid_ns *ns = task_pid_ns(t);

	*out = (struct lx_shmid_ds){
		.segsz = s->size,
		.atime = s->atime,
		.dtime = s->dtime,
		.ctime = s->ctime,
		.cpid = pid_nr_in(s->creator, ns),
		.lpid = pid_nr_in(s->last, ns),
		.nattch = s->n_attached,
	};
	ipc_perm_stat_locked(t, &s->perm, &out->perm);
}

int shm_stat(struct task *t, int id, enum ipc_stat_how how, struct lx_shmid_ds *out)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_stat_locked(t, IPC_SHM, id, how, &p);
	if (!r) {
		fill_stat_locked(t, to_segment(p), out);
		r = how == IPC_BY_ID ? 0 : p->id;
	}
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int shm_set(struct task *t, int id, const struct lx_ipc_perm *in)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_owned_locked(t, IPC_SHM, id, &p);
	if (!r)
		r = ipc_perm_set_locked(t, p, in);
	if (!r)
		to_segment(p)->ctime = ipc_now();
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

/* True: out of the table; its reference is the caller's. */
static bool doom_locked(struct shm_segment *s)
{
	ipc_forget_key_locked(&s->perm.ns->ids[IPC_SHM], &s->perm);
	s->perm.mode |= LX_SHM_DEST;
	if (s->n_attached)
		return false;
	shm_unlink_locked(s);
	return true;
}

int shm_remove(struct task *t, int id)
{
	struct ipc_perm *p;
	bool drop = false;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_owned_locked(t, IPC_SHM, id, &p);
	if (!r)
		drop = doom_locked(to_segment(p));
	mutex_unlock(&ipc_of(t)->lock);
	if (drop)
		inode_put(&to_segment(p)->base);
	return r;
}

static int lock_locked(struct task *t, struct ipc_perm *p, bool lock)
	MUST_HOLD(ipc_of(t)->lock)
{
	const struct cred *c = t->cred;

	if (!cred_capable(c, p->ns->owner, LX_CAP_IPC_LOCK)) {
		if (c->euid != p->uid && c->euid != p->cuid)
			return -EPERM;
		if (lock && !task_rlimit(t, LX_RLIMIT_MEMLOCK))
			return -EPERM;
	}
	p->mode = (p->mode & ~(uint32_t)LX_SHM_LOCKED) | (lock ? LX_SHM_LOCKED : 0);
	return 0;
}

int shm_lock(struct task *t, int id, bool lock)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	p = ipc_find_locked(ids_of(t, IPC_SHM), id);
	r = p ? lock_locked(t, p, lock) : -EINVAL;
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int shm_limits(struct task *t, struct lx_shminfo *out)
{
	int r;

	*out = (struct lx_shminfo){
		.shmmax = SHM_SIZE_MAX,
		.shmmin = SHM_SIZE_MIN,
		.shmmni = SHM_COUNT_MAX,
		.shmseg = SHM_COUNT_MAX,
		.shmall = SHM_PAGES_MAX,
	};
	mutex_lock(&ipc_of(t)->lock);
	r = ipc_highest_locked(ids_of(t, IPC_SHM));
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int shm_info(struct task *t, struct lx_shm_info *out)
{
	struct ipc_ids *ids = ids_of(t, IPC_SHM);
	int r;

	mutex_lock(&ipc_of(t)->lock);
	*out = (struct lx_shm_info){.used_ids = (int32_t)ids->n,
				    .shm_tot = t->ns->ipc->shm_pages};
	for (unsigned i = 0; i < ids->n_slots; i++)
		if (ids->slot[i])
			out->shm_rss +=
				shmem_bytes(&to_segment(ids->slot[i])->data) / PAGE_SIZE;
	r = ipc_highest_locked(ids);
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

void shm_ns_exit(struct ipc_ns *ns)
{
	struct ipc_ids *ids = &ns->ids[IPC_SHM];

	for (unsigned i = 0; i < ids->n_slots; i++) {
		struct shm_segment *s;

		mutex_lock(&ns->k->ipc->lock);
		s = ids->slot[i] ? to_segment(ids->slot[i]) : NULL;
		if (s)
			shm_unlink_locked(s);
		mutex_unlock(&ns->k->ipc->lock);
		if (s)
			inode_put(&s->base);
	}
}
