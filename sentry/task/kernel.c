// SPDX-License-Identifier: Apache-2.0
/*
 * The root object: made by boot, then the first process is started on it, then boot waits
 * until the last task's thread is gone.
 */
#include "sentry/task/kernel.h"

#include <unistd.h>

#include "fs/mount.h"
#include "fs/namei.h"
#include "sentry/abi/errno.h"
#include "sentry/arch/x86_64/cpuinfo.h"
#include "sentry/arch/x86_64/vdso.h"
#include "sentry/base/host.h"
#include "sentry/base/strbuf.h"
#include "sentry/ipc/ipc.h"
#include "sentry/mm/mm.h"
#include "sentry/syscall/dispatch.h"
#include "sentry/syscall/stats.h"
#include "sentry/syscall/strace.h"
#include "sentry/task/call_sites.h"
#include "sentry/task/debug.h"
#include "sentry/task/exec.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/internal.h"
#include "sentry/task/lifecycle.h"
#include "sentry/task/memory_limit.h"
#include "sentry/task/nsfs.h"
#include "sentry/task/run.h"
#include "sentry/task/signal.h"

#define NS_INO_FIRST 0xf0000000u
#define LX_TIOCSCTTY 0x540e

struct platform *kernel_platform(struct kernel *k)
{
	return k->platform;
}

struct pool *kernel_pool(struct kernel *k)
{
	return k->pool;
}

struct tty **kernel_console(struct kernel *k)
{
	return &k->console;
}

struct timers *kernel_timers(struct kernel *k)
{
	return k->timers;
}

struct vfs *kernel_vfs(struct kernel *k)
{
	return k->vfs;
}

uint64_t kernel_new_ns_ino(struct kernel *k)
{
	return atomic_fetch_add(&k->next_ns_ino, 1);
}

static int create_parts(struct kernel *k)
{
	int r;

	r = user_ns_create_init(k, &k->init_user_ns);
	if (!r)
		r = pid_ns_create(k, NULL, k->init_user_ns, &k->init_pid_ns);
	if (!r)
		r = futex_table_create(&k->futexes);
	if (!r)
		r = vfs_create(k, k->config.files_limit, &k->vfs);
	if (!r)
		r = nsfs_create(k, &k->nsfs);
	if (!r)
		r = ipc_create(k, &k->ipc);
	if (!r)
		r = memory_limit_create(k, &k->memory_limit);
	if (!r && k->config.stats)
		r = stats_create(&k->stats);
	if (!r && k->config.stats)
		r = call_sites_create(&k->call_sites);
	if (!r && k->config.strace)
		r = strace_create(k->config.strace_hfd, k->config.strace_time,
				  &k->strace);
	return r;
}

/* Only of one that was never started: a sandbox's kernel goes with its process. */
static void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	memory_limit_free(k->memory_limit);
	if (k->init_ns)
		nsproxy_put(k->init_ns);
	if (k->init_pid_ns)
		pid_ns_put(k->init_pid_ns);
	ipc_free(k->ipc);
	if (k->nsfs)
		super_put(k->nsfs);
	if (k->vfs)
		vfs_free(k->vfs);
	if (k->futexes)
		futex_table_free(k->futexes);
	vdso_free(k->vdso);
	cpu_text_free(k->cpu_text);
	if (k->init_user_ns)
		user_ns_put(k->init_user_ns);
	stats_free(k->stats);
	call_sites_free(k->call_sites);
	strace_free(k->strace);
	waitq_destroy(&k->idle);
	mutex_destroy(&k->users_lock);
	mutex_destroy(&k->tasklist);
	mem_free(k);
}

int kernel_create(const struct kernel_config *config, struct platform *platform,
		  struct timers *timers, struct pool *pool, struct kernel **out)
{
	struct kernel *k = mem_zalloc(sizeof(*k));
	int r;

	*out = NULL;
	if (!k)
		return -ENOMEM;
	k->config = *config;
	k->platform = platform;
	k->timers = timers;
	k->pool = pool;
	/* Before lock-down: later the host's kernel will not be asked. */
	k->host_memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * PAGE_SIZE;
	k->boot_mono_ns = clock_mono_ns();
	k->boot_tsc = cpu_tsc();
	k->boot_real_ns = clock_real_ns();
	host_getrandom(k->boot_id, sizeof(k->boot_id));
	mutex_init(&k->tasklist, LOCK_TASKLIST);
	mutex_init(&k->users_lock, LOCK_LEAF);
	waitq_init(&k->idle);
	atomic_init(&k->next_ns_ino, NS_INO_FIRST);
	task_install_bug_report();
	r = create_parts(k);
	if (r) {
		kernel_free(k);
		return r;
	}
	*out = k;
	return 0;
}

/* --- the first process --------------------------------------------------- */

/* Takes the streams, also when it fails. */
static int init_files(struct task *t, const struct init_args *args)
{
	int r = fdtable_create(&t->files);

	for (int fd = 0; fd < 3; fd++) {
		if (!args->std[fd])
			continue;
		if (!r)
			r = min_t(int, fd_install_at(t, args->std[fd], fd, 0), 0);
		if (r)
			file_put(args->std[fd]);
	}
	return r;
}

static int init_fs(struct task *t, const struct init_args *args, const char **why)
{
	struct path root = mnt_ns_root(args->mnt_ns), cwd;
	struct vfs_ctx c;
	int r;

	r = fs_struct_create(root, path_get(root), 022, &t->fs);
	if (r)
		return r;
	task_vfs_ctx(t, &c);
	r = path_lookup(&c, NULL, args->cwd ? args->cwd : "/",
			LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &cwd);
	task_vfs_ctx_done(&c);
	if (r) {
		*why = args->cwd ? args->cwd : "/";
		return r;
	}
	fs_set_cwd(t->fs, cwd);
	return 0;
}

/* A task of its own process, session and group, with all it needs but a program. */
static int init_task(struct kernel *k, const struct init_args *args, struct task **out,
		     const char **why)
{
	struct sighand *sh;
	struct cred *cred;
	struct task *t;
	int r;

	r = task_alloc(k, out);
	if (r)
		return r;
	t = *out;
	r = sighand_create(&sh);
	if (r)
		return r;
	r = thread_group_alloc(k, sh, &t->tg);
	sighand_put(sh);
	if (r)
		return r;
	t->tg->leader = t;
	t->tg->is_init = true;
	rlimit_init(t->tg->rlim);
	r = cred_create_init(k, args->uid, args->gid, args->groups, args->n_groups,
			     args->caps, &cred);
	if (r)
		return r;
	t->cred = cred;
	r = nsproxy_create_init(k, args->mnt_ns, args->hostname, &k->init_ns);
	if (r)
		return r;
	t->ns = nsproxy_get(k->init_ns);
	r = pid_alloc(k->init_pid_ns, &t->pid);
	if (r)
		return r;
	r = init_fs(t, args, why);
	if (!r)
		r = init_files(t, args);
	if (!r)
		r = mm_create(k->platform, &t->mem.mm);
	if (!r)
		t->mem.mm->pool = k->pool;
	return r;
}

static int publish_init(struct task *t)
{
	struct kernel *k = t->k;
	int r;

	mutex_lock(&k->tasklist);
	r = pid_assign_locked(t->pid, NULL, 0);
	if (!r) {
		t->tg->pid_self = pid_get(t->pid);
		pid_attach_locked(t->tg, PIDTYPE_TGID, t->pid);
		pid_attach_locked(t->tg, PIDTYPE_PGID, t->pid);
		pid_attach_locked(t->tg, PIDTYPE_SID, t->pid);
		k->init_pid_ns->reaper = t;
		k->init_pid_ns->started = true;
		atomic_fetch_add(&t->cred->user->n_tasks, 1);
		task_link_locked(t, NULL, NULL);
	}
	mutex_unlock(&k->tasklist);
	return r;
}

int kernel_start_init(struct kernel *k, const struct init_args *args, const char **why)
{
	struct task *t = NULL;
	struct lx_regs regs;
	int r;

	*why = NULL;
	r = init_task(k, args, &t, why);
	if (!r)
		r = exec_first(t, args->argv, args->envp, &regs, why);
	if (!r)
		r = task_start_thread(t, &regs, NULL);
	if (!r) {
		r = publish_init(t);
		if (!r && args->ctty)
			file_ioctl(args->ctty, t, &t->mem, LX_TIOCSCTTY, 0);
		task_let_go(t, r == 0);
	}
	task_put(t);
	return r;
}

/* --- its end ------------------------------------------------------------- */

/* Every process, in no order; @fn may take what ranks behind tasklist. */
static void for_each_process_locked(struct kernel *k,
				    void (*fn)(struct thread_group *tg, void *arg),
				    void *arg) MUST_HOLD(k->tasklist)
{
	struct htab *h = &k->init_pid_ns->by_nr;

	for (size_t i = 0; i < h->n_slots; i++) {
		for (struct hnode *n = h->slot[i]; n; n = n->next) {
			struct pid *pid = container_of(n, struct upid, node)->pid;

			if (pid->task && pid->task->tg->leader == pid->task)
				fn(pid->task->tg, arg);
		}
	}
}

static void kill_process(struct thread_group *tg, void *arg)
{
	(void)arg;
	group_exit(tg, LX_SIGKILL);
}

void kernel_kill_all(struct kernel *k)
{
	mutex_lock(&k->tasklist);
	k->dying = true;
	for_each_process_locked(k, kill_process, NULL);
	mutex_unlock(&k->tasklist);
}

void kernel_signal_init(struct kernel *k, int signo)
{
	struct thread_group *tg = NULL;
	struct lx_siginfo info;

	mutex_lock(&k->tasklist);
	if (k->init_pid_ns->reaper)
		tg = thread_group_get(k->init_pid_ns->reaper->tg);
	mutex_unlock(&k->tasklist);
	if (!tg)
		return;
	siginfo_kernel(&info, signo);
	if (signo == LX_SIGCONT) {
		/* They were stopped together. */
		mutex_lock(&k->tasklist);
		signal_send_pgrp_locked(tg->pid[PIDTYPE_PGID], &info);
		mutex_unlock(&k->tasklist);
	} else {
		signal_send_group(tg, &info);
	}
	thread_group_put(tg);
}

/* --- for people ---------------------------------------------------------- */

static const char *const state_name[] = {
	[TASK_RUNNING] = "running",
	[TASK_SLEEPING] = "sleeping",
	[TASK_UNINTERRUPTIBLE] = "uninterruptible",
	[TASK_STOPPED] = "stopped",
	[TASK_ZOMBIE] = "zombie",
	[TASK_DEAD] = "dead",
};

static void dump_process(struct thread_group *tg, void *arg)
{
	struct strbuf *out = arg;
	struct kernel *k = tg->k;
	struct task *t;
	char name[32];

	sb_printf(out, "process %d, parent %d, group %d, session %d%s%s\n",
		  pid_nr_in(tg->pid_self, k->init_pid_ns),
		  tg->parent ? pid_nr_in(tg->parent->pid_self, k->init_pid_ns) : 0,
		  pid_nr_in(tg->pid[PIDTYPE_PGID], k->init_pid_ns),
		  pid_nr_in(tg->pid[PIDTYPE_SID], k->init_pid_ns),
		  tg->group_exit ? ", exiting" : "", tg->zombie ? ", zombie" : "");
	list_for_each (t, &tg->threads, group_node) {
		const char *what =
			atomic_load_explicit(&t->wait_what, memory_order_acquire);
		unsigned state = atomic_load(&t->state);

		sb_printf(out, "  task %d (%.16s) %s%s work %#x",
			  pid_nr_in(t->pid, k->init_pid_ns), t->comm,
			  state_name[state % ARRAY_SIZE(state_name)],
			  atomic_load(&t->in_guest) ? " in guest" : "",
			  atomic_load(&t->work));
		if (atomic_load_explicit(&t->sc, memory_order_relaxed))
			sb_printf(out, " call %s", syscall_name(t->sc_nr, name));
		if (what)
			sb_printf(out, " waits for %s %#llx", what,
				  (unsigned long long)t->wait_arg);
		sb_puts(out, "\n");
	}
}

bool kernel_debug_dump(struct kernel *k, struct strbuf *out)
{
	/* Asked for when something hangs: not to hang with it. */
	if (!mutex_trylock(&k->tasklist)) {
		sb_puts(out, "the task list is locked\n");
		return false;
	}
	sb_printf(out, "%u tasks, %u threads%s\n", k->n_tasks, k->n_threads_live,
		  k->dying ? ", dying" : "");
	for_each_process_locked(k, dump_process, out);
	mutex_unlock(&k->tasklist);
	return true;
}
