// SPDX-License-Identifier: Apache-2.0
/*
 * Mount propagation: mounts of one peer group see each other's changes, slaves see their
 * master group's. All under mount_lock. Source: mount_namespaces(7).
 *
 * Groups are numbers; who is in one is found by looking through v->peers. Trees of
 * mounts are small and changes rare.
 */
#include "fs/internal.h"
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

void mount_make_shared(struct vfs *v, struct mount *m)
{
	if (!m->peer_group)
		mount_set_group(v, m, ++v->next_group, m->master_group);
}

void mount_change_type(struct vfs *v, struct mount *m, unsigned long type)
{
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

/* Groups that a change reaches, in order, and what to copy for each one. */
struct reach {
	struct {
		int group;
		struct mount *source;
	} * step;
	size_t n, cap;
};

static int reach_add(struct reach *r, int group, struct mount *source)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->step[i].group == group)
			return 0;
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 8;
		void *p = mem_realloc(r->step, cap * sizeof(*r->step));

		if (!p)
			return -ENOMEM;
		r->step = p;
		r->cap = cap;
	}
	r->step[r->n].group = group;
	r->step[r->n++].source = source;
	return 0;
}

static int copy_to(struct vfs *v, struct mount *source, struct mount *target,
		   struct dentry *mountpoint, bool slave, struct mount **out)
{
	struct path where = {mount_get(target), dentry_get(mountpoint)};
	struct mount *copy = NULL;
	int r;

	r = mount_tree_copy(
		v, source, source->root,
		COPY_RECURSIVE | COPY_UNBINDABLE | (slave ? COPY_TO_SLAVE : 0), &copy);
	if (!r) {
		path_follow_mounts(&where);
		if (slave && target->peer_group)
			for (struct mount *m = copy; m; m = mount_next(m, copy))
				mount_make_shared(v, m);
		if (target->ns->owner != where.mnt->ns->owner)
			atomic_fetch_or(&copy->flags, MNT_LOCKED);
		mount_tree_attach(copy, where.mnt, dentry_get(where.dentry));
		*out = copy;
	}
	path_put(where);
	return r;
}

/* Mounts made by a propagation that failed half-way: all since number @first. */
static void undo(struct vfs *v, int first, struct list *dead)
{
	struct mount *m;
again:
	list_for_each (m, &v->peers, peers)
		if (m->id >= first && m->ns) {
			mount_tree_detach(v, m, dead);
			goto again;
		}
}

int propagate_mount(struct vfs *v, struct mount *top, struct mount *parent,
		    struct dentry *mountpoint, struct list *dead)
{
	struct reach reach = {0};
	struct mount *m, *copy;
	int first = v->next_mnt_id, r;

	if (!parent->peer_group)
		return 0;
	for (m = top; m; m = mount_next(m, top))
		mount_make_shared(v, m);
	r = reach_add(&reach, parent->peer_group, top);
	for (size_t i = 0; i < reach.n && !r; i++) {
		int group = reach.step[i].group;
		struct mount *source = reach.step[i].source;

		/* Copies join the list behind, but have numbers from @first on. */
		list_for_each (m, &v->peers, peers) {
			bool slave = m->master_group == group;

			if (m == parent || !m->ns || m->id >= first ||
			    (m->peer_group != group && !slave) ||
			    !dentry_below(v, mountpoint, m->root))
				continue;
			r = mount_tree_fits(source, m->ns);
			if (!r)
				r = copy_to(v, source, m, mountpoint, slave, &copy);
			if (!r && slave && m->peer_group)
				r = reach_add(&reach, m->peer_group, copy);
			if (r)
				break;
		}
	}
	if (r)
		undo(v, first, dead);
	mem_free(reach.step);
	return r;
}

void propagate_umount(struct vfs *v, struct mount *m, struct list *dead)
{
	struct mount *parent = m->parent, *p, *child;
	struct reach reach = {0};
	int r;

	if (!parent || !parent->peer_group)
		return;
	r = reach_add(&reach, parent->peer_group, NULL);
	for (size_t i = 0; i < reach.n && !r; i++) {
		list_for_each (p, &v->peers, peers) {
			int group = reach.step[i].group;

			if (p->master_group == group && p->peer_group)
				r = reach_add(&reach, p->peer_group, NULL);
			if (r || p == parent || !p->ns ||
			    (p->peer_group != group && p->master_group != group))
				continue;
			list_for_each (child, &p->children, sibling)
				if (child->mountpoint == m->mountpoint)
					break;
			if (&child->sibling == &p->children || child == m ||
			    !list_empty(&child->children) ||
			    refcount_read(&child->ref) > 1)
				continue;
			/* Leaves the list of peers, maybe others too: start over. */
			mount_tree_detach(v, child, dead);
			p = list_entry(&v->peers, struct mount, peers);
		}
	}
	mem_free(reach.step);
}
