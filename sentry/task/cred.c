// SPDX-License-Identifier: Apache-2.0
/*
 * Credentials and the accounts of users. A cred is built privately (cred_dup, edit,
 * task_set_cred) and never changes once a task shows it.
 *
 * Source: credentials(7), capabilities(7).
 */
#include "sentry/base/sort.h"
#include "sentry/task/cred.h"

#include <stdlib.h>
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/task/caps.h"
#include "sentry/task/groups.h"
#include "sentry/task/kernel.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/user_ns.h"

/* --- accounts ----------------------------------------------------------------- */

static struct user_account *account_find_locked(struct kernel *k, uint32_t uid)
	MUST_HOLD(k->users_lock)
{
	struct user_account *u;

	for (u = k->users; u && u->uid != uid; u = u->next)
		;
	return u;
}

/* The account of @uid, made when there is none: a reference, or NULL for -ENOMEM. */
static struct user_account *account_lookup(struct kernel *k, uint32_t uid)
{
	struct user_account *u, *fresh = NULL;

	for (;;) {
		mutex_lock(&k->users_lock);
		u = account_find_locked(k, uid);
		if (u) {
			refcount_inc(&u->ref);
		} else if (fresh) {
			u = TAKE_PTR(fresh);
			u->next = k->users;
			k->users = u;
		}
		mutex_unlock(&k->users_lock);
		if (u)
			break;
		fresh = mem_zalloc(sizeof(*fresh));
		if (!fresh)
			return NULL;
		refcount_init(&fresh->ref);
		fresh->uid = uid;
		fresh->k = k;
	}
	mem_free(fresh);
	return u;
}

struct user_account *user_account_get(struct user_account *u)
{
	refcount_inc(&u->ref);
	return u;
}

void user_account_put(struct user_account *u)
{
	struct user_account **link;
	bool last;

	if (!u)
		return;
	/* The list holds no reference: the count falls to zero under its lock only. */
	mutex_lock(&u->k->users_lock);
	last = refcount_dec(&u->ref);
	if (last) {
		for (link = &u->k->users; *link != u; link = &(*link)->next)
			;
		*link = u->next;
	}
	mutex_unlock(&u->k->users_lock);
	if (last)
		mem_free(u);
}

/* --- groups -------------------------------------------------------------------- */

static int compare_gid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

struct group_list *group_list_create(const uint32_t *gids, unsigned n)
{
	struct group_list *g = mem_alloc(sizeof(*g) + n * sizeof(g->gid[0]));

	if (!g)
		return NULL;
	refcount_init(&g->ref);
	g->n = n;
	if (n) {
		memcpy(g->gid, gids, n * sizeof(g->gid[0]));
		sort_array(g->gid, n, sizeof(g->gid[0]), compare_gid);
	}
	return g;
}

static struct group_list *group_list_get(struct group_list *g)
{
	refcount_inc(&g->ref);
	return g;
}

void group_list_put(struct group_list *g)
{
	if (g && refcount_dec(&g->ref))
		mem_free(g);
}

static bool group_list_has(const struct group_list *g, uint32_t gid)
{
	return g->n && bsearch(&gid, g->gid, g->n, sizeof(gid), compare_gid);
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	return c->fsgid == gid || group_list_has(c->groups, gid);
}

bool cred_in_egroup(const struct cred *c, uint32_t gid)
{
	return c->egid == gid || group_list_has(c->groups, gid);
}

/* --- creds --------------------------------------------------------------------- */

const struct cred *cred_get(const struct cred *c)
{
	refcount_inc(&((struct cred *)c)->ref);
	return c;
}

void cred_put(const struct cred *c)
{
	struct cred *m = (struct cred *)c;

	if (!m || !refcount_dec(&m->ref))
		return;
	group_list_put(m->groups);
	user_account_put(m->user);
	user_ns_put(m->user_ns);
	mem_free(m);
}

struct cred *cred_dup(const struct cred *c)
{
	const size_t ids = offsetof(struct cred, uid);
	struct cred *n = mem_alloc(sizeof(*n));

	if (!n)
		return NULL;
	refcount_init(&n->ref);
	/* All but the count: that changes meanwhile. */
	memcpy((char *)n + ids, (const char *)c + ids, sizeof(*c) - ids);
	group_list_get(n->groups);
	user_account_get(n->user);
	user_ns_get(n->user_ns);
	return n;
}

int cred_create_init(struct kernel *k, uint32_t uid, uint32_t gid, const uint32_t *groups,
		     unsigned n_groups, uint64_t caps, struct cred **out)
{
	struct cred *c = mem_zalloc(sizeof(*c));

	*out = NULL;
	if (!c)
		return -ENOMEM;
	refcount_init(&c->ref);
	c->uid = c->euid = c->suid = c->fsuid = uid;
	c->gid = c->egid = c->sgid = c->fsgid = gid;
	c->cap_permitted = c->cap_effective = c->cap_bset = caps & LX_CAP_ALL;
	c->user_ns = user_ns_get(k->init_user_ns);
	c->user = account_lookup(k, uid);
	c->groups = group_list_create(groups, n_groups);
	if (!c->user || !c->groups) {
		cred_put(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

int cred_set_uid(struct cred *c, struct kernel *k, uint32_t uid)
{
	struct user_account *u;

	if (uid != c->user->uid) {
		u = account_lookup(k, uid);
		if (!u)
			return -ENOMEM;
		user_account_put(c->user);
		c->user = u;
	}
	c->uid = uid;
	return 0;
}

void cred_set_groups(struct cred *c, struct group_list *g)
{
	group_list_put(c->groups);
	c->groups = g;
}

/* --- capabilities ----------------------------------------------------------------- */

bool cred_capable(const struct cred *c, const struct user_ns *ns, enum lx_cap cap)
{
	for (;; ns = ns->parent) {
		if (ns == c->user_ns)
			return c->cap_effective & CAP_BIT(cap);
		/* Neither in an ancestor nor in a sibling's branch. */
		if (ns->level <= c->user_ns->level)
			return false;
		/* Who made a namespace has every capability in it and below. */
		if (ns->parent == c->user_ns && ns->owner == c->euid)
			return true;
	}
}

bool cred_ns_capable(const struct cred *c, enum lx_cap cap)
{
	return c->cap_effective & CAP_BIT(cap);
}

bool cred_init_capable(const struct cred *c, enum lx_cap cap)
{
	return c->user_ns->level == 0 && (c->cap_effective & CAP_BIT(cap));
}

bool cred_capable_inode(const struct cred *c, uint32_t uid, uint32_t gid, enum lx_cap cap)
{
	return (c->cap_effective & CAP_BIT(cap)) && user_ns_has_uid(c->user_ns, uid) &&
	       user_ns_has_gid(c->user_ns, gid);
}
