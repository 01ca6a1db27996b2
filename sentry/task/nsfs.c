// SPDX-License-Identifier: Apache-2.0
/*
 * nsfs: an inode for each look at a namespace. Linux has one inode a namespace; here two
 * looks make two inodes that show the same device and number, which is all that can be
 * seen of them.
 */
#include "sentry/task/nsfs.h"

#include <string.h>

#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/simple.h"
#include "fs/vfs.h"
#include "sentry/abi/errno.h"
#include "sentry/base/strbuf.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/lifecycle.h"

#define NSFS_MAGIC 0x6e736673

enum { NS_GET_USERNS = 0xb701, NS_GET_PARENT, NS_GET_NSTYPE, NS_GET_OWNER_UID };

struct ns_inode {
	struct inode inode;
	struct ns_ref ref; /* a reference */
};

static const struct {
	const char *name;
	uint64_t kind;
	bool for_children;
} names[] = {
	{"cgroup", LX_CLONE_NEWCGROUP, false},
	{"ipc", LX_CLONE_NEWIPC, false},
	{"mnt", LX_CLONE_NEWNS, false},
	{"net", LX_CLONE_NEWNET, false},
	{"pid", LX_CLONE_NEWPID, false},
	{"pid_for_children", LX_CLONE_NEWPID, true},
	{"user", LX_CLONE_NEWUSER, false},
	{"uts", LX_CLONE_NEWUTS, false},
};

/* --- references ---------------------------------------------------------- */

void ns_ref_put(struct ns_ref *r)
{
	if (!r->any)
		return;
	switch (r->kind) {
	case LX_CLONE_NEWUSER:
		user_ns_put(r->user);
		break;
	case LX_CLONE_NEWNS:
		mnt_ns_put(r->mnt);
		break;
	case LX_CLONE_NEWUTS:
		uts_ns_put(r->uts);
		break;
	case LX_CLONE_NEWIPC:
		ipc_ns_put(r->ipc);
		break;
	case LX_CLONE_NEWNET:
		net_ns_put(r->net);
		break;
	case LX_CLONE_NEWCGROUP:
		cgroup_ns_put(r->cgroup);
		break;
	case LX_CLONE_NEWPID:
		pid_ns_put(r->pid);
		break;
	}
	r->any = NULL;
}

static void ns_ref_get(struct ns_ref *r)
{
	switch (r->kind) {
	case LX_CLONE_NEWUSER:
		user_ns_get(r->user);
		break;
	case LX_CLONE_NEWNS:
		mnt_ns_get(r->mnt);
		break;
	case LX_CLONE_NEWUTS:
		uts_ns_get(r->uts);
		break;
	case LX_CLONE_NEWIPC:
		ipc_ns_get(r->ipc);
		break;
	case LX_CLONE_NEWNET:
		net_ns_get(r->net);
		break;
	case LX_CLONE_NEWCGROUP:
		cgroup_ns_get(r->cgroup);
		break;
	case LX_CLONE_NEWPID:
		pid_ns_get(r->pid);
		break;
	}
}

static uint64_t ns_ref_ino(const struct ns_ref *r)
{
	switch (r->kind) {
	case LX_CLONE_NEWUSER:
		return user_ns_ino(r->user);
	case LX_CLONE_NEWNS:
		return mnt_ns_ino(r->mnt);
	case LX_CLONE_NEWUTS:
		return r->uts->ino;
	case LX_CLONE_NEWIPC:
		return ipc_ns_ino(r->ipc);
	case LX_CLONE_NEWNET:
		return net_ns_ino(r->net);
	case LX_CLONE_NEWCGROUP:
		return cgroup_ns_ino(r->cgroup);
	default:
		return r->pid->ino;
	}
}

struct user_ns *ns_ref_owner(const struct ns_ref *r)
{
	switch (r->kind) {
	case LX_CLONE_NEWUSER:
		return user_ns_parent(r->user);
	case LX_CLONE_NEWNS:
		return mnt_ns_owner(r->mnt);
	case LX_CLONE_NEWUTS:
		return r->uts->owner;
	case LX_CLONE_NEWIPC:
		return ipc_ns_owner(r->ipc);
	case LX_CLONE_NEWNET:
		return net_ns_owner(r->net);
	case LX_CLONE_NEWCGROUP:
		return cgroup_ns_owner(r->cgroup);
	default:
		return r->pid->owner;
	}
}

static void from_nsproxy(const struct nsproxy *ns, struct ns_ref *r, bool for_children)
{
	switch (r->kind) {
	case LX_CLONE_NEWNS:
		r->mnt = ns->mnt;
		break;
	case LX_CLONE_NEWUTS:
		r->uts = ns->uts;
		break;
	case LX_CLONE_NEWIPC:
		r->ipc = ns->ipc;
		break;
	case LX_CLONE_NEWNET:
		r->net = ns->net;
		break;
	case LX_CLONE_NEWCGROUP:
		r->cgroup = ns->cgroup;
		break;
	case LX_CLONE_NEWPID:
		if (for_children)
			r->pid = ns->pid_for_children;
		break;
	}
}

static int get_ref(struct task *t, uint64_t kind, bool for_children, struct ns_ref *out)
{
	*out = (struct ns_ref){.kind = kind};
	mutex_lock(&t->lock);
	if (kind == LX_CLONE_NEWUSER)
		out->user = t->cred->user_ns;
	else if (kind == LX_CLONE_NEWPID && !for_children)
		out->pid = task_pid_ns(t);
	else if (t->ns)
		from_nsproxy(t->ns, out, for_children);
	if (out->any)
		ns_ref_get(out);
	mutex_unlock(&t->lock);
	return out->any ? 0 : -ESRCH;
}

int task_ns_ref(struct task *t, uint64_t kind, struct ns_ref *out)
{
	return get_ref(t, kind, false, out);
}

static const char *kind_name(uint64_t flag)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].kind == flag && !names[i].for_children)
			return names[i].name;
	return NULL;
}

/* --- inodes -------------------------------------------------------------- */

static void nsfs_free_inode(struct inode *inode)
{
	struct ns_inode *ni = container_of(inode, struct ns_inode, inode);

	ns_ref_put(&ni->ref);
	mem_free(ni);
}

/*
 * A mount keeps its namespace. One of a mount namespace only in an older one, or they
 * could keep each other: numbers only grow.
 */
static int nsfs_bindable(struct inode *inode, struct mnt_ns *ns)
{
	const struct ns_ref *ref = &container_of(inode, struct ns_inode, inode)->ref;

	if (ref->kind != LX_CLONE_NEWNS)
		return 0;
	return ns && mnt_ns_ino(ns) < mnt_ns_ino(ref->mnt) ? 0 : -EINVAL;
}

static const struct super_ops nsfs_super_ops = {
	.statfs = simple_statfs,
	.free_inode = nsfs_free_inode,
	.bindable = nsfs_bindable,
	.release = simple_release,
};
static const struct fs_type nsfs_type = {.name = "nsfs", .flags = FS_NODEV | FS_INTERNAL};

int nsfs_create(struct kernel *k, struct super **out)
{
	struct super *sb = *out = mem_zalloc(sizeof(*sb));

	if (!sb)
		return -ENOMEM;
	super_init(sb, &nsfs_type, &nsfs_super_ops, k, NSFS_MAGIC);
	return 0;
}

static void nsfs_dname(struct dentry *d, struct strbuf *out)
{
	struct ns_inode *ni = container_of(d->inode, struct ns_inode, inode);

	sb_printf(out, "%s:[%llu]", kind_name(ni->ref.kind),
		  (unsigned long long)ns_ref_ino(&ni->ref));
}

static const struct dentry_ops nsfs_dentry_ops = {.dname = nsfs_dname};
static const struct inode_ops nsfs_inode_ops = {.setattr = NULL};
static const struct file_ops nsfs_file_ops;

/* Takes the reference in @ref. */
static int make_path(struct kernel *k, struct ns_ref ref, struct path *out)
{
	struct ns_inode *ni = mem_zalloc(sizeof(*ni));

	*out = (struct path){0};
	if (!ni) {
		ns_ref_put(&ref);
		return -ENOMEM;
	}
	inode_init(&ni->inode, k->nsfs, &nsfs_inode_ops, &nsfs_file_ops,
		   LX_S_IFREG | 0444, 0, 0);
	ni->inode.ino = ns_ref_ino(&ref);
	ni->ref = ref;
	out->dentry = dentry_new_anon(k->nsfs, &ni->inode, kind_name(ref.kind),
				      &nsfs_dentry_ops);
	if (out->dentry)
		return 0;
	inode_put(&ni->inode);
	return -ENOMEM;
}

static int ref_by_name(struct task *target, const char *name, struct ns_ref *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].name, name))
			return get_ref(target, names[i].kind, names[i].for_children, out)
				       ? -ENOENT
				       : 0;
	return -ENOENT;
}

int nsfs_path(struct task *target, const char *name, struct path *out)
{
	struct ns_ref ref;
	int r = ref_by_name(target, name, &ref);

	*out = (struct path){0};
	return r ? r : make_path(target->k, ref, out);
}

int nsfs_text(struct task *target, const char *name, struct strbuf *out)
{
	struct ns_ref ref;
	int r = ref_by_name(target, name, &ref);

	if (r)
		return r;
	sb_printf(out, "%s:[%llu]", kind_name(ref.kind),
		  (unsigned long long)ns_ref_ino(&ref));
	ns_ref_put(&ref);
	return 0;
}

const struct ns_ref *nsfs_file_ref(const struct file *f)
{
	if (f->ops != &nsfs_file_ops)
		return NULL;
	return &container_of(f->inode, struct ns_inode, inode)->ref;
}

/* --- ioctl_ns(2) --------------------------------------------------------- */

static int64_t open_ref(struct task *t, struct ns_ref ref)
{
	AUTO_VFS_CTX struct vfs_ctx c;
	AUTO_PATH struct path p = {0};
	struct file *f;
	int r;

	ns_ref_get(&ref);
	r = make_path(t->k, ref, &p);
	if (r)
		return r;
	task_vfs_ctx(t, &c);
	r = vfs_open_path(&c, p, LX_O_RDONLY, &f);
	if (r)
		return r;
	r = fd_install(t, f, 0, LX_FD_CLOEXEC);
	if (r < 0)
		file_put(f);
	return r;
}

static int64_t open_parent(struct task *t, const struct ns_ref *ref)
{
	struct ns_ref parent = {.kind = ref->kind};

	if (ref->kind == LX_CLONE_NEWUSER) {
		/* Only down to the caller's own. */
		if (ref->user == t->cred->user_ns)
			return -EPERM;
		parent.user = user_ns_parent(ref->user);
	} else if (ref->kind == LX_CLONE_NEWPID) {
		if (ref->pid == task_pid_ns(t))
			return -EPERM;
		parent.pid = ref->pid->parent;
	} else {
		return -EINVAL;
	}
	return parent.any ? open_ref(t, parent) : -EPERM;
}

static int64_t open_owner(struct task *t, const struct ns_ref *ref)
{
	struct ns_ref owner = {.kind = LX_CLONE_NEWUSER, .user = ns_ref_owner(ref)};

	if (!owner.user ||
	    (ref->kind == LX_CLONE_NEWUSER && ref->user == t->cred->user_ns))
		return -EPERM;
	return open_ref(t, owner);
}

static int64_t nsfs_ioctl(struct file *f, struct task *t, const struct umem *u,
			  unsigned cmd, uint64_t arg)
{
	const struct ns_ref *ref = nsfs_file_ref(f);
	uint32_t uid;

	switch (cmd) {
	case NS_GET_USERNS:
		return open_owner(t, ref);
	case NS_GET_PARENT:
		return open_parent(t, ref);
	case NS_GET_NSTYPE:
		return (int64_t)ref->kind;
	case NS_GET_OWNER_UID:
		if (ref->kind != LX_CLONE_NEWUSER)
			return -EINVAL;
		uid = user_ns_unmap_uid(t->cred->user_ns, user_ns_owner_uid(ref->user));
		return put_user(u, arg, uid);
	default:
		return -ENOTTY;
	}
}

static const struct file_ops nsfs_file_ops = {.ioctl = nsfs_ioctl};
