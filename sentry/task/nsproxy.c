// SPDX-License-Identifier: Apache-2.0
/*
 * The set of namespaces a task lives in: immutable and shared between tasks; leaving or
 * joining a namespace makes a new set.
 */
#include <string.h>

#include "fs/mount.h"
#include "sentry/abi/errno.h"
#include "fs/vfs.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/ns.h"
#include "sentry/task/nsfs.h"

#define INO_IPC	   0xefffffffu
#define INO_UTS	   0xeffffffeu
#define INO_CGROUP 0xeffffffbu
#define INO_NET	   0xeffffff8u

struct net_ns {
	struct plain_ns base;
};
struct cgroup_ns {
	struct plain_ns base;
};

/* --- plain ones ---------------------------------------------------------- */

static int plain_ns_create(struct user_ns *owner, uint64_t ino, struct plain_ns **out)
{
	struct plain_ns *ns = mem_zalloc(sizeof(*ns));

	*out = ns;
	if (!ns)
		return -ENOMEM;
	refcount_init(&ns->ref);
	ns->owner = user_ns_get(owner);
	ns->ino = ino;
	return 0;
}

static struct plain_ns *plain_ns_get(struct plain_ns *ns)
{
	refcount_inc(&ns->ref);
	return ns;
}

static void plain_ns_put(struct plain_ns *ns)
{
	if (!ns || !refcount_dec(&ns->ref))
		return;
	user_ns_put(ns->owner);
	mem_free(ns);
}

struct net_ns *net_ns_get(struct net_ns *ns)
{
	plain_ns_get(&ns->base);
	return ns;
}

void net_ns_put(struct net_ns *ns)
{
	if (ns)
		plain_ns_put(&ns->base);
}

uint64_t net_ns_ino(const struct net_ns *ns)
{
	return ns->base.ino;
}

struct user_ns *net_ns_owner(const struct net_ns *ns)
{
	return ns->base.owner;
}

struct cgroup_ns *cgroup_ns_get(struct cgroup_ns *ns)
{
	plain_ns_get(&ns->base);
	return ns;
}

void cgroup_ns_put(struct cgroup_ns *ns)
{
	if (ns)
		plain_ns_put(&ns->base);
}

uint64_t cgroup_ns_ino(const struct cgroup_ns *ns)
{
	return ns->base.ino;
}

struct user_ns *cgroup_ns_owner(const struct cgroup_ns *ns)
{
	return ns->base.owner;
}

static int make_net(struct nsproxy *set, struct user_ns *owner, uint64_t ino)
{
	struct plain_ns *ns;
	int r = plain_ns_create(owner, ino, &ns);

	if (!r)
		set->net = container_of(ns, struct net_ns, base);
	return r;
}

static int make_cgroup(struct nsproxy *set, struct user_ns *owner, uint64_t ino)
{
	struct plain_ns *ns;
	int r = plain_ns_create(owner, ino, &ns);

	if (!r)
		set->cgroup = container_of(ns, struct cgroup_ns, base);
	return r;
}

/* --- uts ----------------------------------------------------------------- */

static int uts_ns_create(struct user_ns *owner, uint64_t ino, const char *node,
			 const char *domain, struct uts_ns **out)
{
	struct uts_ns *ns = mem_zalloc(sizeof(*ns));

	*out = ns;
	if (!ns)
		return -ENOMEM;
	refcount_init(&ns->ref);
	ns->owner = user_ns_get(owner);
	ns->ino = ino;
	mutex_init(&ns->lock, LOCK_LEAF);
	memcpy(ns->nodename, node, strnlen(node, sizeof(ns->nodename) - 1));
	memcpy(ns->domainname, domain, strnlen(domain, sizeof(ns->domainname) - 1));
	return 0;
}

struct uts_ns *uts_ns_get(struct uts_ns *ns)
{
	refcount_inc(&ns->ref);
	return ns;
}

void uts_ns_put(struct uts_ns *ns)
{
	if (!ns || !refcount_dec(&ns->ref))
		return;
	user_ns_put(ns->owner);
	mutex_destroy(&ns->lock);
	mem_free(ns);
}

void uts_ns_names(struct uts_ns *ns, char node[65], char domain[65])
{
	mutex_lock(&ns->lock);
	memcpy(node, ns->nodename, sizeof(ns->nodename));
	memcpy(domain, ns->domainname, sizeof(ns->domainname));
	mutex_unlock(&ns->lock);
}

/* --- the set ------------------------------------------------------------- */

struct nsproxy *nsproxy_get(struct nsproxy *ns)
{
	refcount_inc(&ns->ref);
	return ns;
}

void nsproxy_put(struct nsproxy *ns)
{
	if (!ns || !refcount_dec(&ns->ref))
		return;
	uts_ns_put(ns->uts);
	ipc_ns_put(ns->ipc);
	net_ns_put(ns->net);
	cgroup_ns_put(ns->cgroup);
	if (ns->mnt)
		mnt_ns_put(ns->mnt);
	if (ns->pid_for_children)
		pid_ns_put(ns->pid_for_children);
	mem_free(ns);
}

static struct nsproxy *nsproxy_alloc(void)
{
	struct nsproxy *ns = mem_zalloc(sizeof(*ns));

	if (ns)
		refcount_init(&ns->ref);
	return ns;
}

int nsproxy_create_init(struct kernel *k, struct mnt_ns *mnt, const char *hostname,
			struct nsproxy **out)
{
	struct user_ns *owner = k->init_user_ns;
	struct nsproxy *ns = nsproxy_alloc();
	int r;

	*out = NULL;
	if (!ns)
		return -ENOMEM;
	ns->mnt = mnt;
	ns->pid_for_children = pid_ns_get(k->init_pid_ns);
	r = uts_ns_create(owner, INO_UTS, hostname ? hostname : "localhost", "(none)",
			  &ns->uts);
	if (!r)
		r = ipc_ns_create(k, owner, INO_IPC, &ns->ipc);
	if (!r)
		r = make_net(ns, owner, INO_NET);
	if (!r)
		r = make_cgroup(ns, owner, INO_CGROUP);
	if (r) {
		nsproxy_put(ns);
		return r;
	}
	*out = ns;
	return 0;
}

/* --- a set with new ones in it ------------------------------------------- */

/* The old ones, by reference, for all that is not made new. */
static void share_rest(struct nsproxy *ns, const struct nsproxy *old)
{
	if (!ns->uts)
		ns->uts = uts_ns_get(old->uts);
	if (!ns->ipc)
		ns->ipc = ipc_ns_get(old->ipc);
	if (!ns->net)
		ns->net = net_ns_get(old->net);
	if (!ns->cgroup)
		ns->cgroup = cgroup_ns_get(old->cgroup);
	if (!ns->mnt)
		ns->mnt = mnt_ns_get(old->mnt);
	if (!ns->pid_for_children)
		ns->pid_for_children = pid_ns_get(old->pid_for_children);
}

static int copy_uts(struct nsproxy *ns, const struct nsproxy *old, struct user_ns *owner,
		    uint64_t ino)
{
	char node[65], domain[65];

	uts_ns_names(old->uts, node, domain);
	return uts_ns_create(owner, ino, node, domain, &ns->uts);
}

/* The last step: it changes @fs. */
static int copy_mounts(struct nsproxy *ns, const struct nsproxy *old,
		       struct user_ns *owner, struct fs_struct *fs)
{
	struct path root, cwd;
	int r;

	mutex_lock(&fs->lock);
	root = path_get(fs->root);
	cwd = path_get(fs->cwd);
	mutex_unlock(&fs->lock);
	r = mnt_ns_copy(old->mnt, owner, &root, &cwd, &ns->mnt);
	if (r) {
		path_put(root);
		path_put(cwd);
		return r;
	}
	fs_set_root(fs, root);
	fs_set_cwd(fs, cwd);
	return 0;
}

static int make_new(struct task *t, struct nsproxy *ns, uint64_t flags,
		    struct user_ns *owner)
{
	struct nsproxy *old = t->ns;
	struct kernel *k = t->k;
	int r = 0;

	if (flags & LX_CLONE_NEWUTS)
		r = copy_uts(ns, old, owner, kernel_new_ns_ino(k));
	if (!r && (flags & LX_CLONE_NEWIPC))
		r = ipc_ns_create(k, owner, kernel_new_ns_ino(k), &ns->ipc);
	if (!r && (flags & LX_CLONE_NEWNET))
		r = make_net(ns, owner, kernel_new_ns_ino(k));
	if (!r && (flags & LX_CLONE_NEWCGROUP))
		r = make_cgroup(ns, owner, kernel_new_ns_ino(k));
	if (!r && (flags & LX_CLONE_NEWPID))
		r = pid_ns_create(k, old->pid_for_children, owner, &ns->pid_for_children);
	return r;
}

int nsproxy_unshare(struct task *t, uint64_t flags, const struct cred *c,
		    struct fs_struct *fs, struct nsproxy **out)
{
	struct nsproxy *ns;
	int r;

	*out = NULL;
	if (!cred_capable(c, c->user_ns, LX_CAP_SYS_ADMIN))
		return -EPERM;
	/* One step down at a time: children would be
	 * in a namespace their parent is not below. */
	if ((flags & LX_CLONE_NEWPID) && t->ns->pid_for_children != task_pid_ns(t))
		return -EINVAL;
	ns = nsproxy_alloc();
	if (!ns)
		return -ENOMEM;
	r = make_new(t, ns, flags, c->user_ns);
	if (!r && (flags & LX_CLONE_NEWNS))
		r = copy_mounts(ns, t->ns, c->user_ns, fs);
	if (r) {
		nsproxy_put(ns);
		return r;
	}
	share_rest(ns, t->ns);
	*out = ns;
	return 0;
}

int nsproxy_copy(struct nsproxy *old, struct nsproxy **out)
{
	struct nsproxy *ns = *out = nsproxy_alloc();

	if (!ns)
		return -ENOMEM;
	share_rest(ns, old);
	return 0;
}

void nsproxy_replace(struct nsproxy *ns, const struct ns_ref *ref)
{
	switch (ref->kind) {
	case LX_CLONE_NEWNS:
		mnt_ns_get(ref->mnt);
		mnt_ns_put(ns->mnt);
		ns->mnt = ref->mnt;
		break;
	case LX_CLONE_NEWUTS:
		uts_ns_get(ref->uts);
		uts_ns_put(ns->uts);
		ns->uts = ref->uts;
		break;
	case LX_CLONE_NEWIPC:
		ipc_ns_get(ref->ipc);
		ipc_ns_put(ns->ipc);
		ns->ipc = ref->ipc;
		break;
	case LX_CLONE_NEWNET:
		net_ns_get(ref->net);
		net_ns_put(ns->net);
		ns->net = ref->net;
		break;
	case LX_CLONE_NEWCGROUP:
		cgroup_ns_get(ref->cgroup);
		cgroup_ns_put(ns->cgroup);
		ns->cgroup = ref->cgroup;
		break;
	case LX_CLONE_NEWPID:
		pid_ns_get(ref->pid);
		pid_ns_put(ns->pid_for_children);
		ns->pid_for_children = ref->pid;
		break;
	}
}
