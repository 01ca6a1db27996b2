// SPDX-License-Identifier: Apache-2.0
/* User namespaces: creation, translation of ids, and the files that write their maps. */
#include "sentry/task/user_ns.h"

#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/base/strbuf.h"
#include "sentry/task/kernel.h"
#include "sentry/task/lifecycle.h"

/* /proc/self/ns/user of the initial namespace, as on Linux. */
#define USER_NS_INIT_INO 0xeffffffdull

static struct user_ns *user_ns_alloc(struct kernel *k, struct user_ns *parent)
{
	struct user_ns *ns = mem_zalloc(sizeof(*ns));

	if (!ns)
		return NULL;
	refcount_init(&ns->ref);
	ns->k = k;
	mutex_init(&ns->lock, LOCK_LEAF);
	ns->level = parent ? parent->level + 1 : 0;
	ns->parent = parent ? user_ns_get(parent) : NULL;
	atomic_init(&ns->setgroups_allowed,
		    parent ? atomic_load(&parent->setgroups_allowed) : true);
	return ns;
}

static struct id_map *id_map_identity(void)
{
	struct id_map *m = mem_alloc(sizeof(*m) + sizeof(m->extent[0]));

	if (m) {
		m->n = 1;
		m->extent[0] = (struct id_extent){.count = UINT32_MAX};
	}
	return m;
}

int user_ns_create_init(struct kernel *k, struct user_ns **out)
{
	struct user_ns *ns = user_ns_alloc(k, NULL);

	*out = NULL;
	if (!ns)
		return -ENOMEM;
	ns->ino = USER_NS_INIT_INO;
	atomic_init(&ns->uid_map, id_map_identity());
	atomic_init(&ns->gid_map, id_map_identity());
	if (!ns->uid_map || !ns->gid_map) {
		user_ns_put(ns);
		return -ENOMEM;
	}
	*out = ns;
	return 0;
}

struct user_ns *user_ns_get(struct user_ns *ns)
{
	refcount_inc(&ns->ref);
	return ns;
}

void user_ns_put(struct user_ns *ns)
{
	while (ns && refcount_dec(&ns->ref)) {
		struct user_ns *parent = ns->parent;

		mem_free(atomic_load(&ns->uid_map));
		mem_free(atomic_load(&ns->gid_map));
		mutex_destroy(&ns->lock);
		mem_free(ns);
		ns = parent;
	}
}

uint64_t user_ns_ino(const struct user_ns *ns)
{
	return ns->ino;
}

struct user_ns *user_ns_parent(const struct user_ns *ns)
{
	return ns->parent;
}

uint32_t user_ns_owner_uid(const struct user_ns *ns)
{
	return ns->owner;
}

/* --- translation ------------------------------------------------------------ */

static bool map_down(const struct id_map *m, uint32_t id, uint32_t count, uint32_t *lower)
{
	for (unsigned i = 0; m && i < m->n; i++) {
		const struct id_extent *e = &m->extent[i];

		if (id >= e->first && id - e->first < e->count &&
		    count <= e->count - (id - e->first)) {
			*lower = e->lower + (id - e->first);
			return true;
		}
	}
	return false;
}

static bool map_up(const struct id_map *m, uint32_t lower, uint32_t *id)
{
	for (unsigned i = 0; m && i < m->n; i++) {
		const struct id_extent *e = &m->extent[i];

		if (lower >= e->lower && lower - e->lower < e->count) {
			*id = e->first + (lower - e->lower);
			return true;
		}
	}
	return false;
}

static const struct id_map *uid_map(const struct user_ns *ns)
{
	return atomic_load_explicit(&((struct user_ns *)ns)->uid_map,
				    memory_order_acquire);
}

static const struct id_map *gid_map(const struct user_ns *ns)
{
	return atomic_load_explicit(&((struct user_ns *)ns)->gid_map,
				    memory_order_acquire);
}

uint32_t user_ns_unmap_uid(const struct user_ns *ns, uint32_t kuid)
{
	uint32_t id;

	return map_up(uid_map(ns), kuid, &id) ? id : LX_OVERFLOW_ID;
}

uint32_t user_ns_unmap_gid(const struct user_ns *ns, uint32_t kgid)
{
	uint32_t id;

	return map_up(gid_map(ns), kgid, &id) ? id : LX_OVERFLOW_ID;
}

bool user_ns_map_uid(const struct user_ns *ns, uint32_t uid, uint32_t *kuid)
{
	return map_down(uid_map(ns), uid, 1, kuid);
}

bool user_ns_map_gid(const struct user_ns *ns, uint32_t gid, uint32_t *kgid)
{
	return map_down(gid_map(ns), gid, 1, kgid);
}

bool user_ns_has_uid(const struct user_ns *ns, uint32_t kuid)
{
	uint32_t id;

	return map_up(uid_map(ns), kuid, &id);
}

bool user_ns_has_gid(const struct user_ns *ns, uint32_t kgid)
{
	uint32_t id;

	return map_up(gid_map(ns), kgid, &id);
}

bool user_ns_may_setgroups(const struct user_ns *ns)
{
	return gid_map(ns) && atomic_load(&((struct user_ns *)ns)->setgroups_allowed);
}

/* --- joining ----------------------------------------------------------------- */

static void cred_become_ns_root(struct cred *c, struct user_ns *ns)
{
	user_ns_put(c->user_ns);
	c->user_ns = user_ns_get(ns);
	c->securebits = 0;
	c->cap_inheritable = 0;
	c->cap_ambient = 0;
	c->cap_permitted = c->cap_effective = c->cap_bset = LX_CAP_ALL;
}

int user_ns_create(struct kernel *k, struct cred *c)
{
	struct user_ns *parent = c->user_ns, *ns;

	if (parent->level > USER_NS_LEVEL_MAX)
		return -ENOSPC;
	if (!user_ns_has_uid(parent, c->euid) || !user_ns_has_gid(parent, c->egid))
		return -EPERM;
	ns = user_ns_alloc(k, parent);
	if (!ns)
		return -ENOMEM;
	ns->owner = c->euid;
	ns->group = c->egid;
	ns->ino = kernel_new_ns_ino(k);
	cred_become_ns_root(c, ns);
	user_ns_put(ns);
	return 0;
}

int user_ns_join(struct cred *c, struct user_ns *ns)
{
	/* Joining one's own again would give back what was dropped. */
	if (ns == c->user_ns)
		return -EINVAL;
	if (!cred_capable(c, ns, LX_CAP_SYS_ADMIN))
		return -EPERM;
	cred_become_ns_root(c, ns);
	return 0;
}

/* --- uid_map, gid_map, setgroups ------------------------------------------------ */

static bool parse_id(const char **p, const char *end, uint32_t *out)
{
	uint64_t v = 0;
	const char *start;

	while (*p < end && (**p == ' ' || **p == '\t'))
		(*p)++;
	for (start = *p; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		v = v * 10 + (uint64_t)(**p - '0');
		if (v > UINT32_MAX)
			return false;
	}
	*out = (uint32_t)v;
	return *p > start;
}

static bool ranges_overlap(uint32_t a, uint32_t n, uint32_t b, uint32_t m)
{
	return a <= b + (m - 1) && b <= a + (n - 1);
}

/* One line: "inside outside count". False: malformed, empty, wrapping or overlapping. */
static bool parse_extent(const char **p, const char *end, struct id_map *m)
{
	struct id_extent *e = &m->extent[m->n];
	uint32_t sum;

	if (!parse_id(p, end, &e->first) || !parse_id(p, end, &e->lower) ||
	    !parse_id(p, end, &e->count))
		return false;
	while (*p < end && (**p == ' ' || **p == '\t' || **p == '\r'))
		(*p)++;
	if (*p < end && *(*p)++ != '\n')
		return false;
	if (e->count == 0 || e->first == LX_INVALID_ID || e->lower == LX_INVALID_ID ||
	    !add_ok(e->first, e->count, &sum) || !add_ok(e->lower, e->count, &sum))
		return false;
	for (unsigned i = 0; i < m->n; i++) {
		const struct id_extent *o = &m->extent[i];

		if (ranges_overlap(o->first, o->count, e->first, e->count) ||
		    ranges_overlap(o->lower, o->count, e->lower, e->count))
			return false;
	}
	m->n++;
	return true;
}

static int parse_map(const char *text, size_t len, struct id_map **out)
{
	const char *p = text, *end = text + strnlen(text, len);
	struct id_map *m;

	*out = NULL;
	m = mem_alloc(sizeof(*m) + ID_EXTENTS_MAX * sizeof(m->extent[0]));
	if (!m)
		return -ENOMEM;
	m->n = 0;
	while (p < end) {
		if (m->n == ID_EXTENTS_MAX || !parse_extent(&p, end, m)) {
			mem_free(m);
			return -EINVAL;
		}
	}
	if (m->n == 0) {
		mem_free(m);
		return -EINVAL;
	}
	*out = m;
	return 0;
}

/*
 * A map that includes the parent's root could be used to gain file capabilities there:
 * who writes it must have had CAP_SETFCAP in the parent.
 */
static bool root_map_allowed(const struct user_ns *ns, const struct cred *opener,
			     const struct id_map *m)
{
	bool maps_root = false;

	for (unsigned i = 0; i < m->n; i++)
		maps_root |= m->extent[i].lower == 0;
	if (!maps_root || opener->user_ns == ns)
		return true;
	return cred_capable(opener, ns->parent, LX_CAP_SETFCAP);
}

static bool map_allowed(const struct user_ns *ns, bool gid, const struct cred *opener,
			const struct cred *writer, const struct id_map *m)
{
	enum lx_cap cap = gid ? LX_CAP_SETGID : LX_CAP_SETUID;
	uint32_t id;

	if (!gid && !root_map_allowed(ns, opener, m))
		return false;
	/* The owner may map itself, and its group once setgroups can't drop any. */
	if (m->n == 1 && m->extent[0].count == 1 && ns->owner == opener->euid) {
		if (!gid && user_ns_map_uid(ns->parent, m->extent[0].lower, &id) &&
		    id == opener->euid)
			return true;
		if (gid && !atomic_load(&((struct user_ns *)ns)->setgroups_allowed) &&
		    user_ns_map_gid(ns->parent, m->extent[0].lower, &id) &&
		    id == opener->egid)
			return true;
	}
	return cred_capable(writer, ns->parent, cap) &&
	       cred_capable(opener, ns->parent, cap);
}

/* Outer ids, given as the parent names them, become sandbox-wide. */
static bool map_translate(struct id_map *m, const struct id_map *parent)
{
	for (unsigned i = 0; i < m->n; i++) {
		if (!map_down(parent, m->extent[i].lower, m->extent[i].count,
			      &m->extent[i].lower))
			return false;
	}
	return true;
}

ssize_t user_ns_write_map(struct user_ns *ns, bool gid, const struct cred *opener,
			  const struct cred *writer, const char *text, size_t len)
{
	_Atomic(struct id_map *) *slot = gid ? &ns->gid_map : &ns->uid_map;
	AUTO_FREE struct id_map *m = NULL;
	ssize_t r;

	if (!ns->parent || (opener->user_ns != ns && opener->user_ns != ns->parent))
		return -EPERM;
	if (atomic_load(slot) || !cred_capable(opener, ns, LX_CAP_SYS_ADMIN))
		return -EPERM;
	r = parse_map(text, len, &m);
	if (r)
		return r;

	/* setgroups may not be changed between the check and the map's publication. */
	mutex_lock(&ns->lock);
	if (atomic_load(slot) || !map_allowed(ns, gid, opener, writer, m) ||
	    !map_translate(m, gid ? gid_map(ns->parent) : uid_map(ns->parent))) {
		r = -EPERM;
	} else {
		atomic_store_explicit(slot, TAKE_PTR(m), memory_order_release);
		r = (ssize_t)len;
	}
	mutex_unlock(&ns->lock);
	return r;
}

ssize_t user_ns_write_setgroups(struct user_ns *ns, const char *text, size_t len)
{
	size_t n = strnlen(text, len), word;
	bool allow;
	ssize_t r = (ssize_t)len;

	if (len >= 8)
		return -EINVAL;
	if (n >= 5 && !memcmp(text, "allow", 5)) {
		allow = true;
		word = 5;
	} else if (n >= 4 && !memcmp(text, "deny", 4)) {
		allow = false;
		word = 4;
	} else {
		return -EINVAL;
	}
	for (; word < n; word++) {
		if (!memchr(" \t\n\v\f\r", text[word], 6))
			return -EINVAL;
	}
	mutex_lock(&ns->lock);
	if (allow) {
		if (!atomic_load(&ns->setgroups_allowed))
			r = -EPERM;
	} else if (gid_map(ns)) {
		r = -EPERM;
	} else {
		atomic_store(&ns->setgroups_allowed, false);
	}
	mutex_unlock(&ns->lock);
	return r;
}

void user_ns_show_map(const struct user_ns *ns, bool gid, const struct user_ns *viewer,
		      struct strbuf *out)
{
	const struct id_map *m = gid ? gid_map(ns) : uid_map(ns), *outer;

	/* Seen from inside, the outer ids are the parent's. */
	if (viewer == ns && ns->parent)
		viewer = ns->parent;
	outer = gid ? gid_map(viewer) : uid_map(viewer);
	for (unsigned i = 0; m && i < m->n; i++) {
		uint32_t lower;

		if (!map_up(outer, m->extent[i].lower, &lower))
			lower = LX_INVALID_ID;
		sb_printf(out, "%10u %10u %10u\n", m->extent[i].first, lower,
			  m->extent[i].count);
	}
}

void user_ns_show_setgroups(const struct user_ns *ns, struct strbuf *out)
{
	sb_puts(out, atomic_load(&((struct user_ns *)ns)->setgroups_allowed) ? "allow\n"
									     : "deny\n");
}
