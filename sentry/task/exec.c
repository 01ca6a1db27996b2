// SPDX-License-Identifier: Apache-2.0
/*
 * execve: first everything that can fail is done on the side (open, read headers, collect
 * arguments, compute credentials); then the other threads end, the old address space goes
 * and the new program is mapped.
 *
 *	exec_prepare (exec_prepare.c) -> end_other_threads -> [point of no return]
 *		-> reset_mm or move_to_mm -> exec_commit
 *
 * The address space is emptied in place when the caller is its only user. A vfork child
 * gets a new one, filled before anything of the old is touched.
 */
#include "sentry/task/exec.h"

#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/mm/mm.h"
#include "sentry/task/block.h"
#include "sentry/task/caps.h"
#include "sentry/task/exec_internal.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/limits.h"
#include "sentry/task/personality.h"
#include "sentry/task/signal.h"

void task_set_comm(struct task *t, const char *name)
{
	char comm[sizeof(t->comm)] = {0};

	memcpy(comm, name, strnlen(name, sizeof(comm) - 1));
	mutex_lock(&t->lock);
	memcpy(t->comm, comm, sizeof(comm));
	mutex_unlock(&t->lock);
}

/* A change of user that went beyond RLIMIT_NPROC fails here: execve(2), EAGAIN. */
static int check_nproc(struct task *t)
{
	if (t->nproc_exceeded && task_over_nproc(t, t->cred))
		return -EAGAIN;
	t->nproc_exceeded = false;
	return 0;
}

/* --- the other threads --------------------------------------------------- */

static bool alone_locked(struct task *t) MUST_HOLD(t->k->tasklist)
{
	return t->tg->n_threads == 1;
}

/* A thread that is not the leader goes on under the leader's number. */
static struct task *take_leadership_locked(struct task *t) MUST_HOLD(t->k->tasklist)
{
	struct thread_group *tg = t->tg;
	struct task *old = tg->leader;
	struct pid *tid = t->pid;

	BUG_ON(!old->exited);
	/* Senders of signals look at both under the signals' lock alone. */
	mutex_lock(&tg->sighand->lock);
	tg->leader = t;
	list_del(&old->group_node);
	mutex_unlock(&tg->sighand->lock);
	t->start_ns = old->start_ns;
	t->pid_before_exec = tid;
	t->pid = pid_get(old->pid);
	t->pid->task = t;
	tid->task = NULL;
	pid_release_locked(tid);
	if (task_pid_ns(t)->reaper == old)
		task_pid_ns(t)->reaper = t;
	t->k->n_tasks--;
	atomic_fetch_sub(&old->cred->user->n_tasks, 1);
	atomic_store(&old->state, TASK_DEAD);
	return old;
}

/* -EAGAIN: another thread is at it already, or the process is ending. */
static int end_other_threads(struct task *t)
{
	struct thread_group *tg = t->tg;
	struct task *other, *old = NULL;
	int r = 0;

	mutex_lock(&t->k->tasklist);
	mutex_lock(&tg->sighand->lock);
	if (tg->group_exit || tg->exec_task)
		r = -EAGAIN;
	else
		tg->exec_task = t;
	if (!r)
		list_for_each (other, &tg->threads, group_node)
			if (other != t && !other->exited)
				task_kick(other, TASK_WORK_EXIT);
	mutex_unlock(&tg->sighand->lock);
	/* The last of them to leave wakes us: exit.c. */
	while (!r && !alone_locked(t)) {
		mutex_unlock(&t->k->tasklist);
		r = task_block_killable(t, NO_DEADLINE, "exec: other threads", 0);
		mutex_lock(&t->k->tasklist);
	}
	if (!r && tg->leader != t)
		old = take_leadership_locked(t);
	mutex_lock(&tg->sighand->lock);
	if (r != -EAGAIN)
		tg->exec_task = NULL;
	mutex_unlock(&tg->sighand->lock);
	mutex_unlock(&t->k->tasklist);
	task_put(old);
	return r;
}

/* --- the point of no return ---------------------------------------------- */

static void set_exe(struct mm *mm, struct file *f)
{
	struct file *old;

	mutex_lock(&mm->lock);
	old = mm->exe;
	mm->exe = f;
	mutex_unlock(&mm->lock);
	if (old)
		file_put(old);
}

/* In a fresh address space, while the old one is still in use. */
static int fill_new_mm(struct task *t, struct exec_state *s, struct lx_regs *regs,
		       struct mm **out)
{
	int r;

	r = mm_create(t->k->platform, out);
	if (r)
		return r;
	(*out)->pool = t->k->pool;
	(*out)->dumpable = false; /* until exec_commit() */
	atomic_store(&(*out)->dump_filter, atomic_load(&t->mem.mm->dump_filter));
	r = loader_map(t->k, *out, &s->img, regs);
	if (r)
		mm_put(TAKE_PTR(*out));
	return r;
}

static int move_to_mm(struct task *t, struct mm *mm)
{
	struct mm *old = t->mem.mm;
	int r;

	task_leave_mm(t);
	r = t->mem.ctx->ops->move(t->mem.ctx, mm->as);
	if (r) {
		mm_put(mm);
		return r;
	}
	mutex_lock(&t->lock);
	t->mem.mm = mm;
	mutex_unlock(&t->lock);
	mm_put(old);
	return 0;
}

/* Who may look into the new program: not those who could not read it or lend it ids. */
static bool becomes_dumpable(struct task *t, const struct exec_state *s)
{
	const struct cred *old = t->cred, *new = s->cred;
	AUTO_VFS_CTX struct vfs_ctx c = {0};

	if (new->euid != old->euid || new->egid != old->egid || new->euid != new->uid ||
	    new->egid != new->gid)
		return false;
	task_vfs_ctx(t, &c);
	return inode_permission(&c, s->file->inode, MAY_READ) == 0;
}

/*
 * May the program be replaced in place? Only when nobody else holds the address space:
 * who got hold of it by right must not find the next program in it, which may be a set-id
 * one. From here to exec_commit() nobody gets such a right: the mm is not dumpable, and
 * task_may_ptrace() is asked with the mm in hand (task_mm_get() takes t->lock, too). And
 * only for a program that gets no rights the old one had not: host threads of the old one's
 * may be left in its process, in our code, with registers that guest code chose.
 */
static bool claim_mm(struct task *t, const struct exec_state *s)
{
	bool alone = becomes_dumpable(t, s);

	mutex_lock(&t->lock);
	alone = alone && refcount_read(&t->mem.mm->users) == 1 &&
		refcount_read(&t->mem.mm->ref) == 1;
	if (alone)
		t->mem.mm->dumpable = false;
	mutex_unlock(&t->lock);
	return alone;
}

static int reset_mm(struct task *t, struct exec_state *s, struct lx_regs *regs)
{
	int r;

	task_leave_mm(t);
	r = mm_exec_reset(t->mem.mm);
	return r ? r : loader_map(t->k, t->mem.mm, &s->img, regs);
}

/* Handlers that another process shares
 * (CLONE_SIGHAND without CLONE_THREAD) are copied. */
static int unshare_sighand(struct task *t)
{
	struct thread_group *tg = t->tg;
	struct sighand *old = tg->sighand, *new;
	int r;

	if (refcount_read(&old->ref) == 1)
		return 0;
	r = sighand_copy(old, &new);
	if (r)
		return r;
	mutex_lock(&t->k->tasklist);
	mutex_lock(&old->lock);
	new->replaced = old; /* with our reference: see tg_sighand_lock() */
	atomic_store_explicit(&tg->sighand, new, memory_order_release);
	mutex_unlock(&old->lock);
	mutex_unlock(&t->k->tasklist);
	return 0;
}

static int unshare_files(struct task *t)
{
	struct fdtable *new;
	int r;

	if (!fdtable_shared(t->files))
		return 0;
	r = fdtable_copy(t->files, &new);
	if (!r)
		task_set_files(t, new);
	return r;
}

static void set_program_name(struct task *t, const struct exec_call *call)
{
	const char *slash = strrchr(call->execfn, '/');

	if (call->name[0])
		task_set_comm(t, slash ? slash + 1 : call->execfn);
	else if (call->base)
		task_set_comm(t, call->base->dentry->name);
}

static void exec_commit(struct task *t, struct exec_call *call, struct exec_state *s)
{
	struct thread_group *tg = t->tg;
	bool dumpable = becomes_dumpable(t, s);

	set_exe(t->mem.mm, TAKE_PTR(s->file));
	mutex_lock(&t->k->tasklist);
	tg->did_exec = true;
	if (tg->exit_signal != -1)
		tg->exit_signal = LX_SIGCHLD;
	if (s->img.secure)
		t->pdeath_signal = 0;
	mutex_unlock(&t->k->tasklist);
	t->mem.mm->dumpable = dumpable;
	t->mem.mm->membarrier = false;
	t->keep_caps = false;
	t->fs_base = t->gs_base = 0;
	t->restart.fn = NULL;
	if (s->img.secure)
		t->personality &= ~(uint64_t)LX_PER_CLEAR_ON_SETID;
	set_program_name(t, call);
	task_set_cred(t, TAKE_PTR(s->cred));
	timers_process_exec(tg);
	signal_exec_reset(t);
	fd_close_on_exec(t);
}

static int start_program(struct task *t, const struct lx_regs *regs)
{
	int r = t->mem.ctx->ops->reset_fpu(t->mem.ctx);

	return r ? r : ctx_set_regs(t->mem.ctx, regs);
}

int task_execve(struct task *t, struct exec_call *call)
{
	struct exec_state s = {0};
	struct lx_regs regs;
	struct mm *mm = NULL;
	int r;

	signal_mask(t); /* the guest thread may become another one */
	r = check_nproc(t);
	if (!r)
		r = exec_prepare(t, call, &s);
	/* With its own threads gone this process
	 * may be the only user left: then in place. */
	if (!r && refcount_read(&t->mem.mm->users) > 1 &&
	    refcount_read(&t->mem.mm->users) > thread_group_size(t->tg))
		r = fill_new_mm(t, &s, &regs, &mm);
	if (!r)
		r = end_other_threads(t);
	if (r) {
		if (mm)
			mm_put(mm);
		exec_done(&s);
		return r;
	}
	/* No way back: from here an error kills. */
	r = unshare_sighand(t);
	if (!r)
		r = unshare_files(t);
	if (!r && !mm && !claim_mm(t, &s))
		r = fill_new_mm(t, &s, &regs, &mm);
	if (!r)
		r = mm ? move_to_mm(t, TAKE_PTR(mm)) : reset_mm(t, &s, &regs);
	if (!r) {
		exec_commit(t, call, &s);
		r = start_program(t, &regs);
	}
	if (mm)
		mm_put(mm);
	exec_done(&s);
	t->sc_no_return = true;
	if (r)
		group_exit(t->tg, LX_SIGKILL);
	return 0;
}

int exec_first(struct task *t, const char *const *argv, const char *const *envp,
	       struct lx_regs *regs, const char **why)
{
	AUTO_FREE char *program = NULL;
	struct exec_call call = {0};
	struct exec_state s = {0};
	int r = path_search(t, argv[0] ? argv[0] : "", envp, &program);

	call.name = call.execfn = program;
	exec_args_init(&call.args, task_rlimit(t, LX_RLIMIT_STACK));
	if (!r)
		r = exec_args_from_kernel(&call.args, argv, envp);
	if (!r)
		r = exec_prepare(t, &call, &s);
	if (r && s.img.exe.interp && !s.img.interp.phdr)
		*why = "its program interpreter";
	if (!r)
		r = loader_map(t->k, t->mem.mm, &s.img, regs);
	if (!r) {
		set_exe(t->mem.mm, TAKE_PTR(s.file));
		t->mem.mm->dumpable = true;
		set_program_name(t, &call);
		cred_put(t->cred);
		t->cred = TAKE_PTR(s.cred);
	}
	exec_done(&s);
	exec_args_free(&call.args);
	return r;
}
