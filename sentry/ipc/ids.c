// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers and keys of System V objects, and who may do what to them.
 *
 * Indexes are given out in turn, not the lowest free one first, and the sequence number
 * grows each time the search wraps: an old id is not soon another object's.
 */
#include "sentry/base/clock.h"
#include "sentry/ipc/internal.h"
#include "sentry/task/user_ns.h"

#define IPC_SEQ_MAX	(INT32_MAX >> IPC_INDEX_BITS)
#define IPC_MIN_CYCLE	64u /* indexes that are used before one is used again */
#define IPC_MODE_MASK	0777u
#define IPC_ACCESS_MASK 0007u

int ipc_ids_init(struct ipc_ids *ids, unsigned limit)
{
	*ids = (struct ipc_ids){.limit = limit, .last_index = -1};
	return htab_prepare(&ids->keys);
}

void ipc_ids_free(struct ipc_ids *ids)
{
	htab_free(&ids->keys);
	mem_free(ids->slot);
}

void ipc_perm_init(struct ipc_perm *p, struct task *t, int key, int flags)
{
	*p = (struct ipc_perm){
		.id = -1,
		.key = key,
		.uid = t->cred->euid,
		.gid = t->cred->egid,
		.cuid = t->cred->euid,
		.cgid = t->cred->egid,
		.mode = (uint32_t)flags & IPC_MODE_MASK,
	};
}

/* --- numbers ------------------------------------------------------------------ */

static int grow(struct ipc_ids *ids, unsigned n)
{
	struct ipc_perm **slot = mem_realloc(ids->slot, n * sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (unsigned i = ids->n_slots; i < n; i++)
		slot[i] = NULL;
	ids->slot = slot;
	ids->n_slots = n;
	return 0;
}

/* A free one is there: there are more indexes in the cycle than objects. */
static int take_index(struct ipc_ids *ids, unsigned *index)
{
	unsigned cycle = max_t(unsigned, IPC_MIN_CYCLE, (ids->n + 1) / 2 * 3),
		 i = ids->next;
	int r;

	cycle = min_t(unsigned, cycle, IPC_INDEX_MAX);
	if (ids->n_slots < cycle) {
		r = grow(ids, cycle);
		if (r)
			return r;
	}
	for (;; i++) {
		if (i >= cycle)
			i = 0;
		if (!ids->slot[i])
			break;
	}
	ids->next = i + 1;
	*index = i;
	return 0;
}

int ipc_add_locked(struct ipc_ids *ids, struct ipc_ns *ns, struct ipc_perm *p)
{
	unsigned index;
	int r;

	mutex_assert_held(&ns->k->ipc->lock);
	if (ids->n >= ids->limit)
		return -ENOSPC;
	r = take_index(ids, &index);
	if (!r && p->key != LX_IPC_PRIVATE)
		r = htab_insert(&ids->keys, &p->by_key, hash_u64((uint32_t)p->key));
	if (r)
		return r;
	if ((int)index <= ids->last_index)
		ids->seq = ids->seq + 1 < IPC_SEQ_MAX ? ids->seq + 1 : 0;
	ids->last_index = (int)index;
	ids->slot[index] = p;
	ids->n++;
	p->ns = ns;
	p->id = (int)(ids->seq << IPC_INDEX_BITS | index);
	return p->id;
}

void ipc_forget_key_locked(struct ipc_ids *ids, struct ipc_perm *p)
{
	if (p->key != LX_IPC_PRIVATE)
		htab_remove(&ids->keys, &p->by_key);
	p->key = LX_IPC_PRIVATE;
}

void ipc_remove_locked(struct ipc_ids *ids, struct ipc_perm *p)
{
	mutex_assert_held(&p->ns->k->ipc->lock);
	ipc_forget_key_locked(ids, p);
	ids->slot[(unsigned)p->id % IPC_INDEX_MAX] = NULL;
	ids->n--;
	p->id = -1;
	p->ns = NULL;
}

int ipc_lookup_key_locked(struct ipc_ids *ids, int key, int flags, struct ipc_perm **out)
{
	struct hnode *n;

	*out = NULL;
	if (key == LX_IPC_PRIVATE)
		return 0;
	for (n = htab_first(&ids->keys, hash_u64((uint32_t)key)); n; n = htab_next(n)) {
		struct ipc_perm *p = container_of(n, struct ipc_perm, by_key);

		if (p->key != key)
			continue;
		if (flags & LX_IPC_CREAT && flags & LX_IPC_EXCL)
			return -EEXIST;
		*out = p;
		return 1;
	}
	return flags & LX_IPC_CREAT ? 0 : -ENOENT;
}

/* By index alone, as *_STAT does. */
static struct ipc_perm *ipc_at_locked(struct ipc_ids *ids, int index)
{
	return index >= 0 && (unsigned)index < ids->n_slots ? ids->slot[index] : NULL;
}

struct ipc_perm *ipc_find_locked(struct ipc_ids *ids, int id)
{
	struct ipc_perm *p;

	if (id < 0)
		return NULL;
	p = ipc_at_locked(ids, (int)((unsigned)id % IPC_INDEX_MAX));
	return p && p->id == id ? p : NULL;
}

int ipc_highest_locked(const struct ipc_ids *ids)
{
	for (unsigned i = ids->n_slots; i-- > 0;)
		if (ids->slot[i])
			return (int)i;
	return 0;
}

/* --- rights ------------------------------------------------------------------- */

int ipc_may_locked(struct task *t, const struct ipc_perm *p, uint32_t want)
{
	uint32_t granted = p->mode,
		 asked = (want >> 6 | want >> 3 | want) & IPC_ACCESS_MASK;
	const struct cred *c = t->cred;

	if (c->euid == p->cuid || c->euid == p->uid)
		granted >>= 6;
	else if (cred_in_egroup(c, p->cgid) || cred_in_egroup(c, p->gid))
		granted >>= 3;
	if (!(asked & ~granted) || cred_capable(c, p->ns->owner, LX_CAP_IPC_OWNER))
		return 0;
	return -EACCES;
}

int ipc_find_may_locked(struct task *t, enum ipc_kind kind, int id, uint32_t want,
			struct ipc_perm **out)
{
	*out = ipc_find_locked(ids_of(t, kind), id);
	return *out ? ipc_may_locked(t, *out, want) : -EINVAL;
}

int ipc_find_owned_locked(struct task *t, enum ipc_kind kind, int id,
			  struct ipc_perm **out)
{
	struct ipc_perm *p = ipc_find_locked(ids_of(t, kind), id);
	const struct cred *c = t->cred;

	*out = p;
	if (!p)
		return -EINVAL;
	if (c->euid == p->cuid || c->euid == p->uid ||
	    cred_capable(c, p->ns->owner, LX_CAP_SYS_ADMIN))
		return 0;
	return -EPERM;
}

int ipc_find_stat_locked(struct task *t, enum ipc_kind kind, int id,
			 enum ipc_stat_how how, struct ipc_perm **out)
{
	if (how == IPC_BY_ID)
		return ipc_find_may_locked(t, kind, id, 0444, out);
	*out = ipc_at_locked(ids_of(t, kind), id);
	if (!*out)
		return -EINVAL;
	return how == IPC_BY_INDEX_ANY ? 0 : ipc_may_locked(t, *out, 0444);
}

void ipc_perm_stat_locked(struct task *t, const struct ipc_perm *p,
			  struct lx_ipc_perm *out)
{
	const struct user_ns *ns = t->cred->user_ns;

	*out = (struct lx_ipc_perm){
		.key = p->key,
		.uid = user_ns_unmap_uid(ns, p->uid),
		.gid = user_ns_unmap_gid(ns, p->gid),
		.cuid = user_ns_unmap_uid(ns, p->cuid),
		.cgid = user_ns_unmap_gid(ns, p->cgid),
		.mode = p->mode,
		.seq = (uint16_t)((unsigned)p->id >> IPC_INDEX_BITS),
	};
}

int ipc_perm_set_locked(struct task *t, struct ipc_perm *p, const struct lx_ipc_perm *in)
{
	const struct user_ns *ns = t->cred->user_ns;
	uint32_t uid, gid;

	if (!user_ns_map_uid(ns, in->uid, &uid) || !user_ns_map_gid(ns, in->gid, &gid))
		return -EINVAL;
	p->uid = uid;
	p->gid = gid;
	p->mode = (p->mode & ~IPC_MODE_MASK) | (in->mode & IPC_MODE_MASK);
	return 0;
}

/* --- small change ------------------------------------------------------------- */

int64_t ipc_now(void)
{
	return clock_real_ns() / NSEC_PER_SEC;
}

void ipc_set_pid(struct pid **p, struct task *t)
{
	struct pid *now = t->tg->pid_self;

	if (*p == now)
		return;
	pid_put(*p);
	*p = pid_get(now);
}
