// SPDX-License-Identifier: Apache-2.0
/*
 * Mount propagation: mounts of one peer group see each other's changes, slaves see their
 * master group's. All under mount_lock. Source: mount_namespaces(7).
 *
 * Groups are numbers; who is in one is found by looking through v->peers. Trees of
 * mounts are small and changes rare.
 */
#include "fs/internal.h"
#include "fs/mount.h"
#include "sentry/abi/mount.h"

static bool group_empty(struct vfs *v, int group)
{
	struct mount *m;

	list_for_each (m, &v->peers, peers)
		if (m->peer_group == group)
			return false;
	return true;
}

static void join(struct vfs *v, struct mount *m, int peer_group, int master_group)
{
	m->peer_group = peer_group;
	m->master_group = master_group;
	list_del(&m->peers);
	if (peer_group || master_group)
		list_add_tail(&v->peers, &m->peers);
}

void mount_set_group(struct vfs *v, struct mount *m, int peer_group, int master_group)
{
	int old = m->peer_group, old_master = m->master_group;
	struct mount *s, *tmp;

	join(v, m, peer_group, master_group);
	if (!old || old == peer_group || !group_empty(v, old))
		return;
	/* The last of a group is gone: its slaves go to the group's own master. */
	list_for_each_safe (s, tmp, &v->peers, peers)
		if (s->master_group == old)
			join(v, s, s->peer_group, old_master);
}

static void mount_make_shared(struct vfs *v, struct mount *m)
{
	if (!m->peer_group)
		mount_set_group(v, m, ++v->next_group, m->master_group);
}

void mount_change_type(struct vfs *v, struct mount *m, unsigned long type)
{
	/* A slave may be unbindable as well. */
	if (type != LX_MS_SLAVE)
		atomic_fetch_and(&m->flags, ~(unsigned)MNT_UNBINDABLE);
	switch (type) {
	case LX_MS_SHARED:
		mount_make_shared(v, m);
		break;
	case LX_MS_SLAVE:
		/* Without a peer left there is no master to follow. */
		if (m->peer_group) {
			int group = m->peer_group, master = m->master_group;

			join(v, m, 0, 0);
			if (group_empty(v, group)) {
				join(v, m, group, master);
				mount_set_group(v, m, 0, master);
			} else {
				join(v, m, 0, group);
			}
		}
		break;
	default:
		if (type == LX_MS_UNBINDABLE)
			atomic_fetch_or(&m->flags, MNT_UNBINDABLE);
		mount_set_group(v, m, 0, 0);
	}
}

/* Groups that a change reaches, in order: which member has it, and what to copy. */
struct reach_step {
	int group;
	struct mount *origin, *source;
};
struct reach {
	struct reach_step *step;
	size_t n, cap;
};

static bool reach_has(const struct reach *r, int group)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->step[i].group == group)
			return true;
	return false;
}

static int reach_add(struct reach *r, int group, struct mount *origin,
		     struct mount *source)
{
	if (reach_has(r, group))
		return 0;
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 8;
		void *p = mem_realloc(r->step, cap * sizeof(*r->step));

		if (!p)
			return -ENOMEM;
		r->step = p;
		r->cap = cap;
	}
	r->step[r->n++] = (struct reach_step){group, origin, source};
	return 0;
}

/*
 * A copy of @source at @mountpoint of @target. What is mounted there already stays on
 * top: it is hung onto the copy's root.
 */
static int copy_to(struct vfs *v, struct mount *source, struct mount *target,
		   struct dentry *mountpoint, bool slave, bool shares,
		   const struct user_ns *owner, struct mount **out)
{
	struct mount *above = mount_child_at(target, mountpoint), *top, *copy;
	int r;

	r = mount_tree_copy(
		v, source, source->root,
		COPY_RECURSIVE | COPY_UNBINDABLE | (slave ? COPY_TO_SLAVE : 0), &copy);
	if (r)
		return r;
	if (slave && shares)
		for (struct mount *m = copy; m; m = mount_next(m, copy))
			mount_make_shared(v, m);
	/* Who got it from a more privileged namespace may not take it off. */
	if (target->ns->owner != owner)
		atomic_fetch_or(&copy->flags, MNT_LOCKED);
	top = mount_topmost(copy);
	mount_tree_attach(copy, target, dentry_get(mountpoint));
	/* The copy holds the mountpoint now, so this is never the last reference. */
	if (above)
		dentry_put(mount_tree_move(above, top, dentry_get(top->root)));
	*out = copy;
	return 0;
}

/* Mounts made by a propagation that failed half-way: all since number @first. */
static void undo(struct vfs *v, int first, struct list *dead)
{
	struct mount *m, *top;
again:
	list_for_each (m, &v->peers, peers) {
		if (m->id < first || !m->ns || m->parent->id >= first)
			continue;
		for (top = m; mount_over(top); top = mount_over(top))
			if (mount_over(top)->id < first) {
				dentry_put(mount_tree_move(mount_over(top), m->parent,
							   dentry_get(m->mountpoint)));
				break;
			}
		mount_tree_detach(v, m, dead);
		goto again;
	}
}

int propagate_mount(struct vfs *v, struct mount *top, struct mount *parent,
		    struct dentry *mountpoint, struct list *dead)
{
	struct reach reach = {0};
	struct mount *m, *copy;
	int first = v->next_mnt_id, last_group = v->next_group, r;

	if (!parent->peer_group)
		return 0;
	for (m = top; m; m = mount_next(m, top))
		mount_make_shared(v, m);
	r = reach_add(&reach, parent->peer_group, parent, top);
	for (size_t i = 0; i < reach.n && !r; i++) {
		struct reach_step at = reach.step[i];

		/* Copies join the list behind, but have numbers from @first on. */
		list_for_each (m, &v->peers, peers) {
			bool slave = m->master_group == at.group;
			/* A part of the tree itself shares only from now on. */
			bool shares = m->peer_group && m->peer_group <= last_group;

			if (m == at.origin || !m->ns || m->id >= first ||
			    (m->peer_group != at.group && !slave) ||
			    !dentry_below(v, mountpoint, m->root))
				continue;
			/* Of slaves that are peers the first
			 * gets a slave, the others its peers. */
			if (slave && shares && reach_has(&reach, m->peer_group))
				continue;
			r = mount_tree_fits(at.source, m->ns);
			if (!r)
				r = copy_to(v, at.source, m, mountpoint, slave, shares,
					    parent->ns->owner, &copy);
			if (!r && slave && shares)
				r = reach_add(&reach, m->peer_group, m, copy);
			if (r)
				break;
		}
	}
	if (r)
		undo(v, first, dead);
	mem_free(reach.step);
	return r;
}

/* --- umount ------------------------------------------------------------------- */

/* Mounts that go with an umount:
 * the tree itself is marked, these are copies elsewhere. */
struct mount_set {
	struct mount **m;
	size_t n, cap;
};

static int set_add(struct mount_set *set, struct mount *m)
{
	if (m->umounting)
		return 0;
	if (set->n == set->cap) {
		size_t cap = set->cap ? 2 * set->cap : 16;
		void *p = mem_realloc(set->m, cap * sizeof(*set->m));

		if (!p)
			return -ENOMEM;
		set->m = p;
		set->cap = cap;
	}
	m->umounting = true;
	set->m[set->n++] = m;
	return 0;
}

/* What stands where @m stands, in the mounts that its parent propagates to. */
static int add_copies_of(struct vfs *v, struct mount *m, struct mount_set *set)
{
	struct mount *parent = m->parent, *p, *child;
	struct reach reach = {0};
	int r;

	if (!parent || !parent->peer_group)
		return 0;
	r = reach_add(&reach, parent->peer_group, parent, NULL);
	for (size_t i = 0; i < reach.n && !r; i++) {
		int group = reach.step[i].group;

		list_for_each (p, &v->peers, peers) {
			if (p == parent || !p->ns ||
			    (p->peer_group != group && p->master_group != group))
				continue;
			child = mount_child_at(p, m->mountpoint);
			r = child ? set_add(set, child) : 0;
			if (!r && p->master_group == group && p->peer_group)
				r = reach_add(&reach, p->peer_group, p, NULL);
			if (r)
				break;
		}
	}
	mem_free(reach.step);
	return r;
}

/*
 * Can @m go? Not if anything below it stays, other than what is mounted over its very
 * root: that sinks down to @m's place.
 */
static bool can_go(struct mount *m)
{
	struct mount *child, *stays;

	if (atomic_load(&m->flags) & MNT_LOCKED && !m->parent->umounting)
		return false;
	list_for_each (child, &m->children, sibling) {
		for (stays = child; stays && stays->umounting; stays = mount_over(stays))
			;
		if (stays && child->mountpoint != m->root)
			return false;
	}
	return true;
}

/* Take those out again that cannot go; one that stays may hold others back. */
static void trim(struct mount_set *set)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < set->n; i++) {
			struct mount *m = set->m[i];

			if (!m->umounting || can_go(m))
				continue;
			m->umounting = false;
			again = true;
		}
	}
}

/* What stays over @m's root goes down to the first place that stays. */
static void sink(struct mount *m)
{
	struct mount *above = mount_over(m);

	if (!above || above->umounting)
		return;
	while (m->parent->umounting && m->mountpoint == m->parent->root)
		m = m->parent;
	/* Its old mountpoint is a mount's root, which that mount holds too. */
	dentry_put(mount_tree_move(above, m->parent, dentry_get(m->mountpoint)));
}

bool propagate_busy(struct vfs *v, struct mount *m)
{
	struct mount_set set = {0};
	bool busy = add_copies_of(v, m, &set);

	for (size_t i = 0; i < set.n; i++) {
		struct mount *copy = set.m[i];

		copy->umounting = false;
		/* One with mounts of its own stays anyway. */
		if ((list_empty(&copy->children) || mount_over(copy)) &&
		    refcount_read(&copy->ref) > 1)
			busy = true;
	}
	mem_free(set.m);
	return busy;
}

int propagate_umount(struct vfs *v, struct mount *top, struct list *dead)
{
	struct mount_set set = {0};
	int r = 0;

	for (struct mount *m = top; m; m = mount_next(m, top))
		m->umounting = true;
	for (struct mount *m = top; m && !r; m = mount_next(m, top))
		r = add_copies_of(v, m, &set);
	if (!r)
		trim(&set);
	for (struct mount *m = top; m; m = mount_next(m, top))
		m->umounting = false;
	for (size_t i = 0; i < set.n && !r; i++)
		if (set.m[i]->umounting)
			sink(set.m[i]);
	for (size_t i = 0; i < set.n; i++) {
		struct mount *m = set.m[i];

		/* With its tree, of which others may be in the set as well. */
		if (m->umounting && m->ns && !r)
			mount_tree_detach(v, m, dead);
		m->umounting = false;
	}
	mem_free(set.m);
	return r;
}
