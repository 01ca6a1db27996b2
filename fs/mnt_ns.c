// SPDX-License-Identifier: Apache-2.0
/* Mount namespaces: a tree of mounts and who owns it; and its text for /proc. */
#include <string.h>

#include "fs/internal.h"
#include "fs/mount.h"
#include "sentry/base/strbuf.h"

static struct mnt_ns *new_ns(struct vfs *v, struct user_ns *owner)
{
	struct mnt_ns *ns = mem_zalloc(sizeof(*ns));

	if (!ns)
		return NULL;
	refcount_init(&ns->ref);
	ns->v = v;
	ns->owner = owner ? user_ns_get(owner) : NULL;
	ns->ino = kernel_new_ns_ino(v->k);
	waitq_init(&ns->waitq);
	list_init(&ns->ended);
	atomic_init(&ns->event, 1);
	return ns;
}

struct mnt_ns *mnt_ns_get(struct mnt_ns *ns)
{
	refcount_inc(&ns->ref);
	return ns;
}

static void free_ns(struct mnt_ns *ns)
{
	if (ns->owner)
		user_ns_put(ns->owner);
	waitq_destroy(&ns->waitq);
	mem_free(ns);
}

static void end_ns(struct mnt_ns *ns)
{
	struct list dead;

	list_init(&dead);
	mutex_lock(&ns->v->mount_lock);
	if (ns->root)
		mount_tree_detach(ns->v, ns->root, &dead);
	mutex_unlock(&ns->v->mount_lock);
	mounts_put(&dead);
	free_ns(ns);
}

/*
 * Its tree may hold the last mount of another namespace's file, and so on: one thread
 * ends them one after the other, nobody recurses.
 */
void mnt_ns_put(struct mnt_ns *ns)
{
	struct vfs *v = ns->v;

	if (!refcount_dec(&ns->ref))
		return;
	mutex_lock(&v->supers_lock);
	list_add_tail(&v->ended_ns, &ns->ended);
	if (v->ending_ns) {
		mutex_unlock(&v->supers_lock);
		return;
	}
	v->ending_ns = true;
	while ((ns = list_first(&v->ended_ns, struct mnt_ns, ended))) {
		list_del(&ns->ended);
		mutex_unlock(&v->supers_lock);
		end_ns(ns);
		mutex_lock(&v->supers_lock);
	}
	v->ending_ns = false;
	mutex_unlock(&v->supers_lock);
}

int mnt_ns_create(struct kernel *k, struct super *sb, struct user_ns *owner,
		  struct mnt_ns **out)
{
	struct vfs *v = kernel_vfs(k);
	struct mnt_ns *ns = new_ns(v, owner);

	*out = NULL;
	if (!ns)
		return -ENOMEM;
	ns->root = mount_alloc(v, sb, sb->root, sb->source);
	if (!ns->root) {
		free_ns(ns);
		return -ENOMEM;
	}
	ns->root->ns = ns;
	ns->n_mounts = 1;
	*out = ns;
	return 0;
}

/* Moves a path over to the copy of its mount. */
static bool move_path(struct path *p, struct mount *from, struct mount *to,
		      struct mount **old)
{
	if (!p || p->mnt != from)
		return false;
	*old = p->mnt;
	p->mnt = mount_get(to);
	return true;
}

int mnt_ns_copy(struct mnt_ns *old, struct user_ns *owner, struct path *root,
		struct path *cwd, struct mnt_ns **out)
{
	struct vfs *v = old->v;
	struct mount *m, *copy, *drop[2] = {NULL, NULL};
	struct mnt_ns *ns = new_ns(v, owner);
	bool foreign = owner != old->owner, root_done = false, cwd_done = false;
	int r;

	*out = NULL;
	if (!ns)
		return -ENOMEM;
	mutex_lock(&v->mount_lock);
	r = mount_tree_copy(v, old->root, old->root->root,
			    COPY_RECURSIVE | COPY_UNBINDABLE |
				    (foreign ? COPY_TO_SLAVE : 0),
			    &ns->root);
	if (r) {
		mutex_unlock(&v->mount_lock);
		free_ns(ns);
		return r;
	}
	mount_tree_own(v, ns);
	/* Both trees have the same shape, but for what the copy left out. */
	for (m = old->root, copy = ns->root; copy;
	     m = mount_next(m, old->root), copy = mount_next(copy, ns->root)) {
		while (mount_of_mnt_ns(m))
			m = mount_next_beside(m, old->root);
		if (foreign)
			atomic_fetch_or(&copy->flags,
					MNT_LOCK_FLAGS |
						(copy != ns->root ? MNT_LOCKED : 0));
		root_done = root_done || move_path(root, m, copy, &drop[0]);
		cwd_done = cwd_done || move_path(cwd, m, copy, &drop[1]);
	}
	mutex_unlock(&v->mount_lock);
	for (int i = 0; i < 2; i++)
		if (drop[i])
			mount_put(drop[i]);
	*out = ns;
	return 0;
}

struct path mnt_ns_root(struct mnt_ns *ns)
{
	struct path p;

	mutex_lock(&ns->v->mount_lock);
	p = (struct path){mount_get(ns->root), dentry_get(ns->root->root)};
	mutex_unlock(&ns->v->mount_lock);
	path_follow_mounts(&p);
	return p;
}

struct user_ns *mnt_ns_owner(struct mnt_ns *ns)
{
	return ns->owner;
}

uint64_t mnt_ns_ino(struct mnt_ns *ns)
{
	return ns->ino;
}

struct waitq *mnt_ns_waitq(struct mnt_ns *ns)
{
	return &ns->waitq;
}

uint64_t mnt_ns_event(struct mnt_ns *ns)
{
	return atomic_load(&ns->event);
}

/* --- text ---------------------------------------------------------------------- */

/* Octal escapes for what would break the fields apart, as the kernel's mangle(). */
static void put_escaped(struct strbuf *out, const char *s, const char *special)
{
	for (; *s; s++) {
		if (strchr(special, *s))
			sb_printf(out, "\\%03o", (unsigned char)*s);
		else
			sb_append(out, s, 1);
	}
}

static void put_path(struct strbuf *out, const struct strbuf *path)
{
	put_escaped(out, path->data ? path->data : "/", " \t\n\\");
}

static void put_mount_options(struct strbuf *out, unsigned flags)
{
	static const struct {
		unsigned flag;
		const char *text;
	} names[] = {
		{MNT_NOSUID, ",nosuid"},	   {MNT_NODEV, ",nodev"},
		{MNT_NOEXEC, ",noexec"},	   {MNT_NOATIME, ",noatime"},
		{MNT_NODIRATIME, ",nodiratime"},   {MNT_RELATIME, ",relatime"},
		{MNT_NOSYMFOLLOW, ",nosymfollow"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			sb_puts(out, names[i].text);
}

static void put_super_options(struct strbuf *out, struct super *sb)
{
	if (sb->ops->show_options)
		sb->ops->show_options(sb, out);
}

static void show_mountinfo(struct mount *m, const struct strbuf *where,
			   struct strbuf *out)
{
	const struct dentry_ops *ops = atomic_load(&m->root->dops);
	struct strbuf root = STRBUF_INIT;

	if (ops && ops->dname)
		ops->dname(m->root, &root);
	else
		path_print_within(m->root, m->sb->root, &root);
	sb_printf(out, "%d %d %u:%u ", m->id, m->parent ? m->parent->id : m->id,
		  lx_major(m->sb->dev), lx_minor(m->sb->dev));
	put_path(out, &root);
	sb_free(&root);
	sb_puts(out, " ");
	put_path(out, where);
	sb_puts(out, atomic_load(&m->flags) & MNT_RDONLY ? " ro" : " rw");
	put_mount_options(out, atomic_load(&m->flags));
	if (m->peer_group)
		sb_printf(out, " shared:%d", m->peer_group);
	if (m->master_group)
		sb_printf(out, " master:%d", m->master_group);
	if (atomic_load(&m->flags) & MNT_UNBINDABLE)
		sb_puts(out, " unbindable");
	sb_printf(out, " - %s ", m->sb->type->name);
	put_escaped(out, m->devname, " \t\n\\#");
	sb_puts(out, super_rdonly(m->sb) ? " ro" : " rw");
	put_super_options(out, m->sb);
	sb_puts(out, "\n");
}

static void show_mounts(struct mount *m, const struct strbuf *where, struct strbuf *out)
{
	put_escaped(out, m->devname, " \t\n\\#");
	sb_puts(out, " ");
	put_path(out, where);
	sb_printf(out, " %s %s", m->sb->type->name, mnt_want_write(m) ? "ro" : "rw");
	put_mount_options(out, atomic_load(&m->flags));
	put_super_options(out, m->sb);
	sb_puts(out, " 0 0\n");
}

static void show_mountstats(struct mount *m, const struct strbuf *where,
			    struct strbuf *out)
{
	sb_puts(out, "device ");
	put_escaped(out, m->devname, " \t\n\\#");
	sb_puts(out, " mounted on ");
	put_path(out, where);
	sb_printf(out, " with fstype %s\n", m->sb->type->name);
}

int mnt_ns_show(struct mnt_ns *ns, struct path root, enum mounts_format how,
		struct strbuf *out)
{
	static void (*const show[])(struct mount *, const struct strbuf *,
				    struct strbuf *) = {
		[MOUNTS_MOUNTINFO] = show_mountinfo,
		[MOUNTS_MOUNTS] = show_mounts,
		[MOUNTS_MOUNTSTATS] = show_mountstats,
	};

	mutex_lock(&ns->v->mount_lock);
	for (struct mount *m = ns->root; m; m = mount_next(m, ns->root)) {
		struct strbuf where = STRBUF_INIT;

		if (path_print_reachable((struct path){m, m->root}, root, &where) > 0)
			show[how](m, &where, out);
		sb_free(&where);
	}
	mutex_unlock(&ns->v->mount_lock);
	return sb_failed(out) ? -ENOMEM : 0;
}
