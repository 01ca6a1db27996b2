// SPDX-License-Identifier: Apache-2.0
/*
 * Leaving namespaces (unshare) and joining others' (setns). Both prepare all that is new
 * on the side and put it in place at the end, when nothing can fail any more.
 */
#include "sentry/task/unshare.h"

#include "fs/mount.h"
#include "fs/vfs.h"
#include "sentry/abi/errno.h"
#include "sentry/ipc/ipc.h"
#include "sentry/mm/mm.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/nsfs.h"
#include "sentry/task/pidfd.h"

/* What the task will have; NULL: what it has now. Owned until committed. */
struct next_state {
	struct cred *cred;
	struct fs_struct *fs;
	struct fdtable *files;
	struct nsproxy *ns;
};

static void drop(struct next_state *n)
{
	if (n->cred)
		cred_put(n->cred);
	if (n->fs)
		fs_struct_put(n->fs);
	if (n->files)
		fdtable_put(n->files, NULL);
	if (n->ns)
		nsproxy_put(n->ns);
}

static void commit(struct task *t, struct next_state *n)
{
	struct fs_struct *fs = NULL;
	struct nsproxy *ns = NULL;

	if (n->cred)
		task_set_cred(t, TAKE_PTR(n->cred));
	if (n->files)
		task_set_files(t, TAKE_PTR(n->files));
	mutex_lock(&t->lock);
	if (n->fs) {
		fs = t->fs;
		t->fs = TAKE_PTR(n->fs);
	}
	if (n->ns) {
		ns = t->ns;
		t->ns = TAKE_PTR(n->ns);
	}
	mutex_unlock(&t->lock);
	if (fs)
		fs_struct_put(fs);
	nsproxy_put(ns);
}

/* --- unshare ------------------------------------------------------------- */

#define UNSHARE_FLAGS                                                                    \
	(NS_ALL_FLAGS | LX_CLONE_THREAD | LX_CLONE_FS | LX_CLONE_SIGHAND | LX_CLONE_VM | \
	 LX_CLONE_FILES | LX_CLONE_SYSVSEM)

/* One kind of sharing given up implies another. */
static uint64_t implied(uint64_t f)
{
	if (f & LX_CLONE_NEWUSER)
		f |= LX_CLONE_THREAD | LX_CLONE_FS;
	if (f & LX_CLONE_VM)
		f |= LX_CLONE_SIGHAND;
	if (f & LX_CLONE_SIGHAND)
		f |= LX_CLONE_THREAD;
	if (f & LX_CLONE_NEWNS)
		f |= LX_CLONE_FS;
	if (f & LX_CLONE_NEWIPC)
		f |= LX_CLONE_SYSVSEM;
	return f;
}

static int check_unshare(struct task *t, uint64_t f)
{
	if (f & ~UNSHARE_FLAGS)
		return -EINVAL;
	if ((f & (LX_CLONE_THREAD | LX_CLONE_SIGHAND | LX_CLONE_VM)) &&
	    thread_group_size(t->tg) > 1)
		return -EINVAL;
	if ((f & (LX_CLONE_SIGHAND | LX_CLONE_VM)) &&
	    refcount_read(&t->tg->sighand->ref) > 1)
		return -EINVAL;
	if ((f & LX_CLONE_VM) && refcount_read(&t->mem.mm->users) > 1)
		return -EINVAL;
	return 0;
}

static int unshare_cred(struct task *t, struct next_state *n)
{
	n->cred = cred_dup(t->cred);
	return n->cred ? user_ns_create(t->k, n->cred) : -ENOMEM;
}

int task_unshare(struct task *t, uint64_t flags)
{
	struct next_state n = {0};
	uint64_t f = implied(flags);
	int r;

	r = check_unshare(t, f);
	if (!r && (f & LX_CLONE_FS) && refcount_read(&t->fs->ref) > 1)
		r = fs_struct_copy(t->fs, &n.fs);
	if (!r && (f & LX_CLONE_FILES) && fdtable_shared(t->files))
		r = fdtable_copy(t->files, &n.files);
	if (!r && (f & LX_CLONE_NEWUSER))
		r = unshare_cred(t, &n);
	/* Last, as it moves root and working directory into the new mount namespace. */
	if (!r && (f & NS_PROXY_FLAGS))
		r = nsproxy_unshare(t, f, n.cred ? n.cred : t->cred, n.fs ? n.fs : t->fs,
				    &n.ns);
	if (!r && (f & LX_CLONE_SYSVSEM))
		sem_undo_leave(t);
	if (!r)
		commit(t, &n);
	drop(&n);
	return r;
}

/* --- setns --------------------------------------------------------------- */

static const struct cred *cred_of(struct task *t, const struct next_state *n)
{
	return n->cred ? n->cred : t->cred;
}

/* CAP_SYS_ADMIN over what is joined and where the caller is. */
static int may_join(const struct cred *c, const struct ns_ref *ref)
{
	return cred_capable(c, ns_ref_owner(ref), LX_CAP_SYS_ADMIN) &&
			       cred_ns_capable(c, LX_CAP_SYS_ADMIN)
		       ? 0
		       : -EPERM;
}

static int join_user(struct task *t, struct next_state *n, const struct ns_ref *ref)
{
	if (thread_group_size(t->tg) > 1 || refcount_read(&t->fs->ref) > 1)
		return -EINVAL;
	n->cred = cred_dup(t->cred);
	return n->cred ? user_ns_join(n->cred, ref->user) : -ENOMEM;
}

static int join_mnt(struct task *t, struct next_state *n, const struct ns_ref *ref)
{
	const struct cred *c = cred_of(t, n);
	struct path root;
	uint32_t umask;
	int r = may_join(c, ref);

	if (!r && !cred_ns_capable(c, LX_CAP_SYS_CHROOT))
		r = -EPERM;
	if (!r && refcount_read(&t->fs->ref) > 1)
		r = -EINVAL;
	if (r)
		return r;
	mutex_lock(&t->fs->lock);
	umask = t->fs->umask;
	mutex_unlock(&t->fs->lock);
	root = mnt_ns_root(ref->mnt);
	r = fs_struct_create(root, path_get(root), umask, &n->fs);
	if (!r)
		nsproxy_replace(n->ns, ref);
	return r;
}

/* Only into one's own namespace or one below it: children go there, the caller stays. */
static int join_pid(struct task *t, struct next_state *n, const struct ns_ref *ref)
{
	struct pid_ns *active = task_pid_ns(t), *ns = ref->pid;
	int r = may_join(cred_of(t, n), ref);

	if (r)
		return r;
	while (ns && ns->level > active->level)
		ns = ns->parent;
	if (ns != active)
		return -EINVAL;
	nsproxy_replace(n->ns, ref);
	return 0;
}

static int join(struct task *t, struct next_state *n, const struct ns_ref *ref)
{
	int r;

	switch (ref->kind) {
	case LX_CLONE_NEWUSER:
		return join_user(t, n, ref);
	case LX_CLONE_NEWNS:
		return join_mnt(t, n, ref);
	case LX_CLONE_NEWPID:
		return join_pid(t, n, ref);
	default:
		r = may_join(cred_of(t, n), ref);
		if (!r)
			nsproxy_replace(n->ns, ref);
		return r;
	}
}

/* All that are asked for of one process:
 * its user namespace first, it decides the rest. */
static int join_process(struct task *t, struct next_state *n, struct pid *pid,
			uint64_t flags)
{
	static const uint64_t order[] = {
		LX_CLONE_NEWUSER, LX_CLONE_NEWNS,  LX_CLONE_NEWUTS,    LX_CLONE_NEWIPC,
		LX_CLONE_NEWPID,  LX_CLONE_NEWNET, LX_CLONE_NEWCGROUP,
	};
	AUTO_PUT(task) struct task *target = NULL;
	int r = 0;

	if (!flags || (flags & ~NS_ALL_FLAGS))
		return -EINVAL;
	target = pid_process_get(t->k, pid);
	if (!target)
		return -ESRCH;
	r = task_may_ptrace(t, target, false);
	for (size_t i = 0; i < ARRAY_SIZE(order) && !r; i++) {
		struct ns_ref ref;

		if (!(flags & order[i]))
			continue;
		r = task_ns_ref(target, order[i], &ref);
		if (!r)
			r = join(t, n, &ref);
		ns_ref_put(&ref);
	}
	return r;
}

int task_setns(struct task *t, int fd, int nstype)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct next_state n = {0};
	const struct ns_ref *ref;
	int r;

	r = fd_lookup(t->files, fd, &f);
	if (r)
		return r;
	ref = nsfs_file_ref(f);
	if (!ref && !pidfd_pid(f))
		return -EINVAL;
	if (ref && nstype && (uint64_t)(unsigned)nstype != ref->kind)
		return -EINVAL;
	r = nsproxy_copy(t->ns, &n.ns);
	if (!r && ref)
		r = join(t, &n, ref);
	else if (!r)
		r = join_process(t, &n, pidfd_pid(f), (unsigned)nstype);
	/* What is to be undone is in the old one. */
	if (!r && n.ns->ipc != t->ns->ipc)
		sem_undo_leave(t);
	if (!r)
		commit(t, &n);
	drop(&n);
	return r;
}
