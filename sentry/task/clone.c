// SPDX-License-Identifier: Apache-2.0
/*
 * Birth of a task. Everything is copied or shared on the side; then the child's Sentry
 * thread makes its guest thread; only when all that has succeeded the child gets its
 * numbers and its place in the tree, in one step under tasklist, and is let go.
 *
 *	check -> task with cred, files, fs, handlers, mm, namespaces, pid
 *	      -> thread and ctx -> publish -> tids, pidfd -> run (-> vfork: wait)
 *
 * A failure before publish is undone by dropping the task's references.
 */
#include "sentry/task/clone.h"

#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/ipc/ipc.h"
#include "sentry/mm/mm.h"
#include "sentry/task/block.h"
#include "sentry/task/cpu_limit.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/ns.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/sched.h"
#include "sentry/task/signal.h"
#include "sentry/task/tty_session.h"

/* --- vfork --------------------------------------------------------------- */

static void vfork_done_put(struct vfork_done *v)
{
	if (!refcount_dec(&v->ref))
		return;
	task_put(v->parent);
	mem_free(v);
}

void vfork_release(struct task *t)
{
	struct vfork_done *v = TAKE_PTR(t->vfork);

	if (!v)
		return;
	atomic_store(&v->done, true);
	park_wake(&v->parent->park);
	vfork_done_put(v);
}

static int vfork_prepare(struct task *t, struct task *child, struct vfork_done **out)
{
	struct vfork_done *v = mem_zalloc(sizeof(*v));

	*out = v;
	if (!v)
		return -ENOMEM;
	refcount_init(&v->ref);
	refcount_inc(&v->ref); /* the child's */
	v->parent = task_get(t);
	child->vfork = v;
	return 0;
}

/* Killed meanwhile: the parent leaves, the child goes on. */
static void vfork_wait(struct task *t, struct vfork_done *v)
{
	while (!atomic_load(&v->done))
		if (task_block_killable(t, NO_DEADLINE, "vfork child", 0))
			break;
	vfork_done_put(v);
}

/* --- checks -------------------------------------------------------------- */

static bool has_all(uint64_t flags, uint64_t want)
{
	return (flags & want) == want;
}

static int check_flags(struct task *t, const struct clone_args *a)
{
	uint64_t f = a->flags;

	if (has_all(f, LX_CLONE_NEWNS | LX_CLONE_FS) ||
	    has_all(f, LX_CLONE_NEWUSER | LX_CLONE_FS) ||
	    has_all(f, LX_CLONE_NEWIPC | LX_CLONE_SYSVSEM))
		return -EINVAL;
	if ((f & LX_CLONE_THREAD) && !(f & LX_CLONE_SIGHAND))
		return -EINVAL;
	if ((f & LX_CLONE_SIGHAND) &&
	    (!(f & LX_CLONE_VM) || (f & LX_CLONE_CLEAR_SIGHAND)))
		return -EINVAL;
	/* Siblings of an init would have no parent in its namespace. */
	if ((f & LX_CLONE_PARENT) && t->tg->is_init)
		return -EINVAL;
	if ((f & LX_CLONE_THREAD) && ((f & (LX_CLONE_NEWUSER | LX_CLONE_NEWPID)) ||
				      t->ns->pid_for_children != task_pid_ns(t)))
		return -EINVAL;
	if (has_all(f, LX_CLONE_PIDFD | LX_CLONE_DETACHED) ||
	    has_all(f, LX_CLONE_PIDFD | LX_CLONE_THREAD))
		return -EINVAL;
	if (has_all(f, LX_CLONE_PIDFD | LX_CLONE_PARENT_SETTID) &&
	    a->pidfd == a->parent_tid)
		return -EINVAL;
	/* No time namespaces, no cgroups: as a kernel without them. */
	if (f & LX_CLONE_NEWTIME)
		return -EINVAL;
	if (f & LX_CLONE_INTO_CGROUP)
		return -EOPNOTSUPP;
	return 0;
}

/* How many tasks there may be, of this user and in all. tasklist held. */
static int check_limits_locked(struct task *t, const struct cred *c)
	MUST_HOLD(t->k->tasklist)
{
	struct kernel *k = t->k;
	uint64_t nproc = task_rlimit(t, LX_RLIMIT_NPROC);

	if (k->dying || k->n_tasks >= k->config.pids_limit)
		return -EAGAIN;
	if ((uint64_t)atomic_load(&c->user->n_tasks) >= nproc && c->user->uid != 0 &&
	    !cred_init_capable(c, LX_CAP_SYS_RESOURCE) &&
	    !cred_init_capable(c, LX_CAP_SYS_ADMIN))
		return -EAGAIN;
	return 0;
}

static int check_limits(struct task *t)
{
	int r;

	mutex_lock(&t->k->tasklist);
	r = check_limits_locked(t, t->cred);
	mutex_unlock(&t->k->tasklist);
	return r;
}

static int check_set_tid(const struct clone_args *a, const struct pid_ns *ns)
{
	if (!a->n_set_tid)
		return 0;
	return a->n_set_tid > ns->level + 1 ? -EINVAL : 0;
}

/* --- what the child gets ------------------------------------------------- */

static int copy_cred(struct task *t, struct task *child, uint64_t flags)
{
	struct cred *c;
	int r;

	if (!(flags & LX_CLONE_NEWUSER)) {
		child->cred = cred_get(t->cred);
		return 0;
	}
	c = cred_dup(t->cred);
	if (!c)
		return -ENOMEM;
	child->cred = c;
	r = user_ns_create(t->k, c);
	return r;
}

static int copy_files(struct task *t, struct task *child, uint64_t flags)
{
	int r = 0;

	if (flags & LX_CLONE_FILES)
		child->files = fdtable_get(t->files);
	else
		r = fdtable_copy(t->files, &child->files);
	if (r)
		return r;
	if (flags & LX_CLONE_FS)
		child->fs = fs_struct_get(t->fs);
	else
		r = fs_struct_copy(t->fs, &child->fs);
	return r;
}

static void clear_handlers(struct sighand *sh)
{
	for (int i = 0; i < LX_NSIG; i++)
		if (sh->action[i].handler != LX_SIG_IGN)
			sh->action[i] = (struct lx_sigaction){0};
}

/* A process of its own: handlers, limits, terminal. */
static int new_group(struct task *t, struct task *child, const struct clone_args *a)
{
	struct thread_group *tg, *own = t->tg;
	struct sighand *sh = own->sighand;
	int r = 0;

	if (a->flags & LX_CLONE_SIGHAND)
		refcount_inc(&sh->ref);
	else
		r = sighand_copy(own->sighand, &sh);
	if (r)
		return r;
	if (a->flags & LX_CLONE_CLEAR_SIGHAND)
		clear_handlers(sh);
	r = thread_group_alloc(t->k, sh, &tg);
	sighand_put(sh);
	if (r)
		return r;
	child->tg = tg;
	tg->leader = child;
	tg->exit_signal = a->flags & LX_CLONE_PARENT ? own->exit_signal : a->exit_signal;
	mutex_lock(&own->lock);
	memcpy(tg->rlim, own->rlim, sizeof(tg->rlim));
	tg->tty = own->tty ? tty_get(own->tty) : NULL;
	tg->oom_score_adj = own->oom_score_adj;
	tg->oom_score_adj_min = own->oom_score_adj_min;
	mutex_unlock(&own->lock);
	return cpu_limit_watch(tg);
}

static int copy_mm(struct task *t, struct task *child, uint64_t flags)
{
	int r;

	if (flags & LX_CLONE_VM) {
		child->mem.mm = mm_get(t->mem.mm);
		return 0;
	}
	r = mm_fork(t->mem.mm, &child->mem.mm);
	if (!r)
		child->mem.mm->membarrier = t->mem.mm->membarrier;
	return r;
}

static int copy_namespaces(struct task *t, struct task *child, uint64_t flags)
{
	if (!(flags & NS_PROXY_FLAGS)) {
		child->ns = nsproxy_get(t->ns);
		return 0;
	}
	/* Who may is judged by the child's rights:
	 * it may be root of a new user namespace. */
	return nsproxy_unshare(t, flags, child->cred, child->fs, &child->ns);
}

static void copy_small_state(struct task *t, struct task *child,
			     const struct clone_args *a)
{
	uint64_t f = a->flags;

	mutex_lock(&t->lock);
	memcpy(child->comm, t->comm, sizeof(child->comm));
	child->nice = t->nice;
	child->policy = t->policy;
	child->rt_priority = t->rt_priority;
	memcpy(child->cpuset, t->cpuset, sizeof(child->cpuset));
	child->sched_reset_on_fork = t->sched_reset_on_fork;
	child->ioprio = t->ioprio;
	mutex_unlock(&t->lock);
	sched_fork(child);
	child->timer_slack_ns = t->timer_slack_ns;
	child->loginuid = t->loginuid;
	child->sessionid = t->sessionid;
	child->no_new_privs = t->no_new_privs;
	child->keep_caps = t->keep_caps;
	child->personality = t->personality;
	child->mempolicy = t->mempolicy;
	child->mempolicy_nodes = t->mempolicy_nodes;
	tg_sighand_lock(t->tg);
	child->blocked = signal_peek_mask_locked(t);
	tg_sighand_unlock(t->tg);
	child->fs_base = f & LX_CLONE_SETTLS ? a->tls : t->fs_base;
	child->gs_base = t->gs_base;
	if (f & LX_CLONE_CHILD_CLEARTID)
		child->clear_child_tid = a->child_tid;
	/* A stack of its own in the same memory: the alternate one is the parent's. */
	if ((f & (LX_CLONE_VM | LX_CLONE_VFORK)) != LX_CLONE_VM)
		child->altstack = t->altstack;
}

static int build_child(struct task *t, const struct clone_args *a, struct task **out)
{
	struct task *child;
	int r;

	r = task_alloc(t->k, out);
	if (r)
		return r;
	child = *out;
	copy_small_state(t, child, a);
	r = copy_cred(t, child, a->flags);
	if (!r)
		r = copy_files(t, child, a->flags);
	if (!r && (a->flags & LX_CLONE_THREAD))
		child->tg = thread_group_get(t->tg);
	else if (!r)
		r = new_group(t, child, a);
	if (!r)
		r = copy_namespaces(t, child, a->flags);
	if (!r && (a->flags & LX_CLONE_SYSVSEM))
		r = sem_undo_share(t, child);
	if (!r)
		r = check_set_tid(a, child->ns->pid_for_children);
	if (!r)
		r = pid_alloc(child->ns->pid_for_children, &child->pid);
	/* The dear part last: what can fail cheaply has not failed. */
	if (!r)
		r = copy_mm(t, child, a->flags);
	return r;
}

/* The child returns 0 from the same call. */
static int start_child(struct task *t, struct task *child, const struct clone_args *a)
{
	size_t size = t->k->platform->limits.xsave_size;
	AUTO_FREE void *xsave = mem_alloc(size);
	struct lx_regs regs;
	int r;

	if (!xsave)
		return -ENOMEM;
	r = ctx_get_regs(t->mem.ctx, &regs);
	if (!r)
		r = t->mem.ctx->ops->get_fpu(t->mem.ctx, xsave);
	if (r)
		return r;
	regs.rax = 0;
	if (a->stack)
		regs.rsp = a->stack;
	if (a->flags & LX_CLONE_SETTLS)
		regs.fs_base = a->tls;
	return task_start_thread(child, &regs, xsave);
}

/* --- into the tree ------------------------------------------------------- */

static void join_groups_locked(struct task *t, struct task *child)
	MUST_HOLD(t->k->tasklist)
{
	struct thread_group *tg = child->tg;

	tg->pid_self = pid_get(child->pid);
	pid_attach_locked(tg, PIDTYPE_TGID, child->pid);
	/* An init starts in its parent's group and session,
	 * which have no number inside. */
	pid_attach_locked(tg, PIDTYPE_PGID, t->tg->pid[PIDTYPE_PGID]);
	pid_attach_locked(tg, PIDTYPE_SID, t->tg->pid[PIDTYPE_SID]);
	if (pid_own_nr(child->pid) == 1) {
		struct pid_ns *ns = task_pid_ns(child);

		ns->reaper = child;
		ns->started = true;
		tg->is_init = true;
		tg->unkillable = true;
	}
}

static int set_tid_allowed(struct task *t, const struct clone_args *a,
			   const struct pid *pid)
{
	for (unsigned i = 0; i < a->n_set_tid; i++)
		if (!cred_capable(t->cred, pid->nr[pid->level - i].ns->owner,
				  LX_CAP_CHECKPOINT_RESTORE) &&
		    !cred_capable(t->cred, pid->nr[pid->level - i].ns->owner,
				  LX_CAP_SYS_ADMIN))
			return -EPERM;
	return 0;
}

static int publish(struct task *t, struct task *child, const struct clone_args *a)
{
	struct thread_group *own = t->tg, *parent;
	struct task *parent_task;
	int r;

	mutex_lock(&t->k->tasklist);
	r = check_limits_locked(t, child->cred);
	/*
	 * What was sent to the group while the child was made is not lost on it: the call
	 * starts again behind the signal. The exiting and exec'ing have no more children.
	 */
	if (!r && task_signal_pending(t))
		r = -ERESTARTNOINTR;
	if (!r && (a->flags & LX_CLONE_THREAD) && own->exec_task)
		r = -EAGAIN;
	if (!r)
		r = pid_assign_locked(child->pid, a->set_tid, a->n_set_tid);
	if (r) {
		mutex_unlock(&t->k->tasklist);
		return r;
	}
	parent = a->flags & LX_CLONE_PARENT ? own->parent : own;
	parent_task = a->flags & LX_CLONE_PARENT ? own->parent_task : t;
	atomic_fetch_add(&child->cred->user->n_tasks, 1);
	if (!(a->flags & LX_CLONE_THREAD))
		join_groups_locked(t, child);
	task_link_locked(child, parent, parent_task);
	signal_join_group(child);
	mutex_unlock(&t->k->tasklist);
	return 0;
}

/* Both ends learn the child's number;
 * an address that is not there is the caller's loss. */
static void tell_tids(struct task *t, struct task *child, const struct clone_args *a)
{
	struct umem cm = {.mm = child->mem.mm};
	int32_t nr = pid_nr_in(child->pid, task_pid_ns(t));
	int32_t own_nr = pid_own_nr(child->pid);

	if (a->flags & LX_CLONE_PARENT_SETTID)
		(void)!put_user(&t->mem, a->parent_tid, nr);
	if (a->flags & LX_CLONE_CHILD_SETTID)
		(void)!put_user(&cm, a->child_tid, own_nr);
}

static int make_pidfd(struct task *t, struct task *child, const struct clone_args *a,
		      int *fd)
{
	int32_t out;
	int r;

	*fd = -1;
	if (!(a->flags & LX_CLONE_PIDFD))
		return 0;
	r = pidfd_create(t, child->pid, 0);
	if (r < 0)
		return r;
	*fd = out = r;
	return put_user(&t->mem, a->pidfd, out);
}

int64_t task_clone(struct task *t, const struct clone_args *a)
{
	struct vfork_done *vfork = NULL;
	struct task *child = NULL;
	int r, fd = -1, nr;

	r = check_flags(t, a);
	if (!r)
		r = check_limits(t);
	if (!r && task_signal_pending(t))
		r = -ERESTARTNOINTR;
	if (!r)
		r = build_child(t, a, &child);
	if (!r)
		r = set_tid_allowed(t, a, child->pid);
	if (!r && (a->flags & LX_CLONE_VFORK))
		r = vfork_prepare(t, child, &vfork);
	if (!r)
		r = make_pidfd(t, child, a, &fd);
	if (!r)
		r = start_child(t, child, a);
	if (!r) {
		r = publish(t, child, a);
		if (!r)
			tell_tids(t, child, a);
		if (!r && a->flags & LX_CLONE_THREAD)
			signal_lend_mask(child, t);
		task_let_go(child, r == 0);
	}
	if (r) {
		if (fd >= 0)
			fd_close(t, fd);
		if (vfork)
			vfork_done_put(vfork);
		task_put(child);
		return r;
	}
	nr = pid_nr_in(child->pid, task_pid_ns(t));
	task_put(child);
	if (vfork)
		vfork_wait(t, vfork);
	return nr;
}
