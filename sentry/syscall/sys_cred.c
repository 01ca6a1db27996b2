// SPDX-License-Identifier: Apache-2.0
/*
 * User and group ids. Ids go through the caller's user namespace both ways; the pattern
 * is the same everywhere: copy the cred, check, change, commit.
 *
 * Source: credentials(7), setuid(2), setreuid(2), setresuid(2), setfsuid(2),
 * setgroups(2).
 */
#include "sentry/syscall/dispatch.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/caps.h"
#include "sentry/task/groups.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/user_ns.h"

#define NGROUPS_MAX 65536
#define NO_ID	    UINT32_MAX /* -1: leave it as it is */

/* --- what users and groups have in common ------------------------------------------ */

enum id_kind { UIDS, GIDS };

struct ids { /* sandbox-wide */
	uint32_t real, effective, saved, fs;
};

static struct ids get_ids(const struct cred *c, enum id_kind kind)
{
	return kind == UIDS ? (struct ids){c->uid, c->euid, c->suid, c->fsuid}
			    : (struct ids){c->gid, c->egid, c->sgid, c->fsgid};
}

static void put_ids(struct cred *c, enum id_kind kind, const struct ids *ids)
{
	if (kind == UIDS) {
		c->uid = ids->real;
		c->euid = ids->effective;
		c->suid = ids->saved;
		c->fsuid = ids->fs;
	} else {
		c->gid = ids->real;
		c->egid = ids->effective;
		c->sgid = ids->saved;
		c->fsgid = ids->fs;
	}
}

static uint32_t out_id(struct task *t, enum id_kind kind, uint32_t kid)
{
	return kind == UIDS ? user_ns_unmap_uid(t->cred->user_ns, kid)
			    : user_ns_unmap_gid(t->cred->user_ns, kid);
}

static bool in_id(struct task *t, enum id_kind kind, uint32_t id, uint32_t *kid)
{
	return kind == UIDS ? user_ns_map_uid(t->cred->user_ns, id, kid)
			    : user_ns_map_gid(t->cred->user_ns, id, kid);
}

/* As in_id(), but NO_ID leaves *kid as it is. */
static bool in_id_or_none(struct task *t, enum id_kind kind, uint32_t id, uint32_t *kid)
{
	return id == NO_ID || in_id(t, kind, id, kid);
}

/* To any id whatever, not just to another of one's own. */
static bool may_set_any(struct task *t, enum id_kind kind)
{
	return cred_ns_capable(t->cred, kind == UIDS ? LX_CAP_SETUID : LX_CAP_SETGID);
}

static bool is_one_of(const struct ids *own, uint32_t kid)
{
	return kid == own->real || kid == own->effective || kid == own->saved;
}

/* The account follows the real uid, capabilities follow root. Takes @c. */
static int commit_uids(struct task *t, struct cred *c)
{
	int r = cred_set_uid(c, t->k, c->uid);

	if (r) {
		cred_put(c);
		return r;
	}
	/* Becoming another user never fails for its many tasks; the next exec does. */
	if (c->user != t->cred->user)
		t->nproc_exceeded = task_over_nproc(t, c);
	cap_fix_setuid(c, t->cred);
	task_commit_cred(t, c);
	return 0;
}

static int set_ids(struct task *t, enum id_kind kind, const struct ids *ids)
{
	struct cred *c = cred_dup(t->cred);

	if (!c)
		return -ENOMEM;
	put_ids(c, kind, ids);
	if (kind == UIDS)
		return commit_uids(t, c);
	task_commit_cred(t, c);
	return 0;
}

/* --- the calls ----------------------------------------------------------------------- */

static int64_t set_id(struct task *t, enum id_kind kind, uint32_t id)
{
	struct ids ids = get_ids(t->cred, kind);
	uint32_t kid;

	if (!in_id(t, kind, id, &kid))
		return -EINVAL;
	if (may_set_any(t, kind))
		ids.real = ids.saved = kid;
	else if (kid != ids.real && kid != ids.saved)
		return -EPERM;
	ids.effective = ids.fs = kid;
	return set_ids(t, kind, &ids);
}

static int64_t set_re_ids(struct task *t, enum id_kind kind, uint32_t real,
			  uint32_t effective)
{
	const struct ids old = get_ids(t->cred, kind);
	struct ids new = old;

	if (!in_id_or_none(t, kind, real, &new.real) ||
	    !in_id_or_none(t, kind, effective, &new.effective))
		return -EINVAL;
	if (!may_set_any(t, kind) &&
	    (!(new.real == old.real || new.real == old.effective) ||
	     !is_one_of(&old, new.effective)))
		return -EPERM;
	new.fs = new.effective;
	if (real != NO_ID || (effective != NO_ID && new.effective != old.real))
		new.saved = new.effective;
	return set_ids(t, kind, &new);
}

static int64_t set_res_ids(struct task *t, enum id_kind kind, uint32_t real,
			   uint32_t effective, uint32_t saved)
{
	const struct ids old = get_ids(t->cred, kind);
	struct ids new = old;

	if (!in_id_or_none(t, kind, real, &new.real) ||
	    !in_id_or_none(t, kind, effective, &new.effective) ||
	    !in_id_or_none(t, kind, saved, &new.saved))
		return -EINVAL;
	if (!may_set_any(t, kind) &&
	    !(is_one_of(&old, new.real) && is_one_of(&old, new.effective) &&
	      is_one_of(&old, new.saved)))
		return -EPERM;
	new.fs = new.effective;
	return set_ids(t, kind, &new);
}

/* Returns the old one whatever happens. */
static int64_t set_fs_id(struct task *t, enum id_kind kind, uint32_t id)
{
	struct ids ids = get_ids(t->cred, kind);
	uint32_t before = out_id(t, kind, ids.fs), kid;
	struct cred *c;

	if (!in_id(t, kind, id, &kid) || kid == ids.fs)
		return before;
	if (!is_one_of(&ids, kid) && !may_set_any(t, kind))
		return before;
	c = cred_dup(t->cred);
	if (c) {
		ids.fs = kid;
		put_ids(c, kind, &ids);
		if (kind == UIDS)
			cap_fix_setfsuid(c, t->cred);
		task_commit_cred(t, c);
	}
	return before;
}

static int64_t get_res_ids(struct task *t, enum id_kind kind, const uaddr_t to[3])
{
	const struct ids ids = get_ids(t->cred, kind);
	const uint32_t id[3] = {ids.real, ids.effective, ids.saved};

	for (int i = 0; i < 3; i++) {
		uint32_t out = out_id(t, kind, id[i]);

		if (put_user(&t->mem, to[i], out))
			return -EFAULT;
	}
	return 0;
}

/* The maps of other user namespaces may yet be written. */
static int64_t own_id(struct task *t, enum id_kind kind, uint32_t kid)
{
	const uint32_t id = out_id(t, kind, kid);

	return t->cred->user_ns == t->k->init_user_ns ? syscall_constant(t, id) : id;
}

SYSCALL0(getuid)
{
	return own_id(t, UIDS, t->cred->uid);
}

SYSCALL0(geteuid)
{
	return own_id(t, UIDS, t->cred->euid);
}

SYSCALL0(getgid)
{
	return own_id(t, GIDS, t->cred->gid);
}

SYSCALL0(getegid)
{
	return own_id(t, GIDS, t->cred->egid);
}

SYSCALL3(getresuid, uaddr_t ruid, uaddr_t euid, uaddr_t suid)
{
	return get_res_ids(t, UIDS, (uaddr_t[]){ruid, euid, suid});
}

SYSCALL3(getresgid, uaddr_t rgid, uaddr_t egid, uaddr_t sgid)
{
	return get_res_ids(t, GIDS, (uaddr_t[]){rgid, egid, sgid});
}

SYSCALL1(setuid, uint32_t uid)
{
	return set_id(t, UIDS, uid);
}

SYSCALL1(setgid, uint32_t gid)
{
	return set_id(t, GIDS, gid);
}

SYSCALL2(setreuid, uint32_t ruid, uint32_t euid)
{
	return set_re_ids(t, UIDS, ruid, euid);
}

SYSCALL2(setregid, uint32_t rgid, uint32_t egid)
{
	return set_re_ids(t, GIDS, rgid, egid);
}

SYSCALL3(setresuid, uint32_t ruid, uint32_t euid, uint32_t suid)
{
	return set_res_ids(t, UIDS, ruid, euid, suid);
}

SYSCALL3(setresgid, uint32_t rgid, uint32_t egid, uint32_t sgid)
{
	return set_res_ids(t, GIDS, rgid, egid, sgid);
}

SYSCALL1(setfsuid, uint32_t uid)
{
	return set_fs_id(t, UIDS, uid);
}

SYSCALL1(setfsgid, uint32_t gid)
{
	return set_fs_id(t, GIDS, gid);
}

/* --- supplementary groups ------------------------------------------------------------ */

SYSCALL2(getgroups, int size, uaddr_t list)
{
	const struct group_list *g = t->cred->groups;
	AUTO_FREE uint32_t *gids = NULL;

	if (size < 0)
		return -EINVAL;
	if (size == 0 || g->n == 0)
		return g->n;
	if (g->n > (unsigned)size)
		return -EINVAL;
	gids = mem_calloc(g->n, sizeof(*gids));
	if (!gids)
		return -ENOMEM;
	for (unsigned i = 0; i < g->n; i++)
		gids[i] = out_id(t, GIDS, g->gid[i]);
	if (copy_to_user(&t->mem, list, gids, g->n * sizeof(*gids)))
		return -EFAULT;
	return g->n;
}

SYSCALL2(setgroups, int n, uaddr_t list)
{
	const struct cred *old = t->cred;
	AUTO_FREE uint32_t *gids = NULL;
	struct group_list *g;
	struct cred *c;

	if (!cred_ns_capable(old, LX_CAP_SETGID) || !user_ns_may_setgroups(old->user_ns))
		return -EPERM;
	if (n < 0 || n > NGROUPS_MAX)
		return -EINVAL;
	gids = mem_calloc((size_t)n + 1, sizeof(*gids));
	if (!gids)
		return -ENOMEM;
	if (n && copy_from_user(&t->mem, gids, list, (size_t)n * sizeof(*gids)))
		return -EFAULT;
	for (int i = 0; i < n; i++) {
		if (!user_ns_map_gid(old->user_ns, gids[i], &gids[i]))
			return -EINVAL;
	}
	g = group_list_create(gids, (unsigned)n);
	c = g ? cred_dup(old) : NULL;
	if (!c) {
		group_list_put(g);
		return -ENOMEM;
	}
	cred_set_groups(c, g);
	task_commit_cred(t, c);
	return 0;
}
