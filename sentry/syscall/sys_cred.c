// SPDX-License-Identifier: Apache-2.0
/*
 * User and group ids. Ids go through the caller's user namespace both ways; the pattern
 * is the same everywhere: copy the cred, check, change, commit.
 *
 * Source: credentials(7), setuid(2), setreuid(2), setresuid(2), setfsuid(2),
 * setgroups(2).
 */
#include "sentry/syscall/syscall.h"
#include "sentry/task/caps.h"
#include "sentry/task/groups.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/user_ns.h"

#define NGROUPS_MAX 65536
#define NO_ID	    UINT32_MAX /* -1: leave it as it is */

static uint32_t out_uid(struct task *t, uint32_t kuid)
{
	return user_ns_unmap_uid(t->cred->user_ns, kuid);
}

static uint32_t out_gid(struct task *t, uint32_t kgid)
{
	return user_ns_unmap_gid(t->cred->user_ns, kgid);
}

SYSCALL0(getuid)
{
	return out_uid(t, t->cred->uid);
}

SYSCALL0(geteuid)
{
	return out_uid(t, t->cred->euid);
}

SYSCALL0(getgid)
{
	return out_gid(t, t->cred->gid);
}

SYSCALL0(getegid)
{
	return out_gid(t, t->cred->egid);
}

static int put_three(struct task *t, const uaddr_t addr[3], const uint32_t id[3])
{
	for (int i = 0; i < 3; i++) {
		if (put_user(&t->mem, addr[i], id[i]))
			return -EFAULT;
	}
	return 0;
}

SYSCALL3(getresuid, uaddr_t ruid, uaddr_t euid, uaddr_t suid)
{
	const struct cred *c = t->cred;

	return put_three(t, (uaddr_t[]){ruid, euid, suid},
			 (uint32_t[]){out_uid(t, c->uid), out_uid(t, c->euid),
				      out_uid(t, c->suid)});
}

SYSCALL3(getresgid, uaddr_t rgid, uaddr_t egid, uaddr_t sgid)
{
	const struct cred *c = t->cred;

	return put_three(t, (uaddr_t[]){rgid, egid, sgid},
			 (uint32_t[]){out_gid(t, c->gid), out_gid(t, c->egid),
				      out_gid(t, c->sgid)});
}

/* --- users ------------------------------------------------------------------------- */

/* Finish a change of uids: the account follows the real one, capabilities follow root. */
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

SYSCALL1(setuid, uint32_t uid)
{
	const struct cred *old = t->cred;
	struct cred *c;
	uint32_t kuid;

	if (!user_ns_map_uid(old->user_ns, uid, &kuid))
		return -EINVAL;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (cred_ns_capable(old, LX_CAP_SETUID)) {
		c->uid = c->suid = kuid;
	} else if (kuid != old->uid && kuid != old->suid) {
		cred_put(c);
		return -EPERM;
	}
	c->euid = c->fsuid = kuid;
	return commit_uids(t, c);
}

SYSCALL2(setreuid, uint32_t ruid, uint32_t euid)
{
	const struct cred *old = t->cred;
	bool capable = cred_ns_capable(old, LX_CAP_SETUID);
	uint32_t kruid = old->uid, keuid = old->euid;
	struct cred *c;

	if ((ruid != NO_ID && !user_ns_map_uid(old->user_ns, ruid, &kruid)) ||
	    (euid != NO_ID && !user_ns_map_uid(old->user_ns, euid, &keuid)))
		return -EINVAL;
	if (!capable && kruid != old->uid && kruid != old->euid)
		return -EPERM;
	if (!capable && keuid != old->uid && keuid != old->euid && keuid != old->suid)
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	c->uid = kruid;
	c->euid = c->fsuid = keuid;
	if (ruid != NO_ID || (euid != NO_ID && keuid != old->uid))
		c->suid = keuid;
	return commit_uids(t, c);
}

static bool is_one_of_uids(const struct cred *c, uint32_t kuid)
{
	return kuid == c->uid || kuid == c->euid || kuid == c->suid;
}

SYSCALL3(setresuid, uint32_t ruid, uint32_t euid, uint32_t suid)
{
	const struct cred *old = t->cred;
	uint32_t kruid = old->uid, keuid = old->euid, ksuid = old->suid;
	struct cred *c;

	if ((ruid != NO_ID && !user_ns_map_uid(old->user_ns, ruid, &kruid)) ||
	    (euid != NO_ID && !user_ns_map_uid(old->user_ns, euid, &keuid)) ||
	    (suid != NO_ID && !user_ns_map_uid(old->user_ns, suid, &ksuid)))
		return -EINVAL;
	if (!cred_ns_capable(old, LX_CAP_SETUID) &&
	    !(is_one_of_uids(old, kruid) && is_one_of_uids(old, keuid) &&
	      is_one_of_uids(old, ksuid)))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	c->uid = kruid;
	c->euid = c->fsuid = keuid;
	c->suid = ksuid;
	return commit_uids(t, c);
}

/* Returns the old one whatever happens. */
SYSCALL1(setfsuid, uint32_t uid)
{
	const struct cred *old = t->cred;
	uint32_t before = out_uid(t, old->fsuid), kuid;
	struct cred *c;

	if (!user_ns_map_uid(old->user_ns, uid, &kuid) || kuid == old->fsuid)
		return before;
	if (!is_one_of_uids(old, kuid) && !cred_ns_capable(old, LX_CAP_SETUID))
		return before;
	c = cred_dup(old);
	if (c) {
		c->fsuid = kuid;
		cap_fix_setfsuid(c, old);
		task_commit_cred(t, c);
	}
	return before;
}

/* --- groups ------------------------------------------------------------------ */

SYSCALL1(setgid, uint32_t gid)
{
	const struct cred *old = t->cred;
	struct cred *c;
	uint32_t kgid;

	if (!user_ns_map_gid(old->user_ns, gid, &kgid))
		return -EINVAL;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (cred_ns_capable(old, LX_CAP_SETGID)) {
		c->gid = c->sgid = kgid;
	} else if (kgid != old->gid && kgid != old->sgid) {
		cred_put(c);
		return -EPERM;
	}
	c->egid = c->fsgid = kgid;
	task_commit_cred(t, c);
	return 0;
}

SYSCALL2(setregid, uint32_t rgid, uint32_t egid)
{
	const struct cred *old = t->cred;
	bool capable = cred_ns_capable(old, LX_CAP_SETGID);
	uint32_t krgid = old->gid, kegid = old->egid;
	struct cred *c;

	if ((rgid != NO_ID && !user_ns_map_gid(old->user_ns, rgid, &krgid)) ||
	    (egid != NO_ID && !user_ns_map_gid(old->user_ns, egid, &kegid)))
		return -EINVAL;
	if (!capable && krgid != old->gid && krgid != old->egid)
		return -EPERM;
	if (!capable && kegid != old->gid && kegid != old->egid && kegid != old->sgid)
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	c->gid = krgid;
	c->egid = c->fsgid = kegid;
	if (rgid != NO_ID || (egid != NO_ID && kegid != old->gid))
		c->sgid = kegid;
	task_commit_cred(t, c);
	return 0;
}

static bool is_one_of_gids(const struct cred *c, uint32_t kgid)
{
	return kgid == c->gid || kgid == c->egid || kgid == c->sgid;
}

SYSCALL3(setresgid, uint32_t rgid, uint32_t egid, uint32_t sgid)
{
	const struct cred *old = t->cred;
	uint32_t krgid = old->gid, kegid = old->egid, ksgid = old->sgid;
	struct cred *c;

	if ((rgid != NO_ID && !user_ns_map_gid(old->user_ns, rgid, &krgid)) ||
	    (egid != NO_ID && !user_ns_map_gid(old->user_ns, egid, &kegid)) ||
	    (sgid != NO_ID && !user_ns_map_gid(old->user_ns, sgid, &ksgid)))
		return -EINVAL;
	if (!cred_ns_capable(old, LX_CAP_SETGID) &&
	    !(is_one_of_gids(old, krgid) && is_one_of_gids(old, kegid) &&
	      is_one_of_gids(old, ksgid)))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	c->gid = krgid;
	c->egid = c->fsgid = kegid;
	c->sgid = ksgid;
	task_commit_cred(t, c);
	return 0;
}

SYSCALL1(setfsgid, uint32_t gid)
{
	const struct cred *old = t->cred;
	uint32_t before = out_gid(t, old->fsgid), kgid;
	struct cred *c;

	if (!user_ns_map_gid(old->user_ns, gid, &kgid) || kgid == old->fsgid)
		return before;
	if (!is_one_of_gids(old, kgid) && !cred_ns_capable(old, LX_CAP_SETGID))
		return before;
	c = cred_dup(old);
	if (c) {
		c->fsgid = kgid;
		task_commit_cred(t, c);
	}
	return before;
}

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
		gids[i] = out_gid(t, g->gid[i]);
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
