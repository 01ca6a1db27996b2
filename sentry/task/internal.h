// SPDX-License-Identifier: Apache-2.0
/* Between the files of sentry/task. */
#pragma once

#include "sentry/task/task.h"

#define PID_RESERVED	 300 /* where numbers go on after the first round */
#define PID_NS_MAX_LEVEL 32

/* --- task.c --- */
/*
 * task_alloc - a bare task of no process: one reference, nothing attached. Freed by the
 * last task_put(), which drops whatever is attached by then.
 */
int task_alloc(struct kernel *k, struct task **out);
/* A process without threads; takes a reference of @sh. */
int thread_group_alloc(struct kernel *k, struct sighand *sh, struct thread_group **out);
struct thread_group *thread_group_get(struct thread_group *tg);
void thread_group_put(struct thread_group *tg);
/* Threads that have not exited. Takes tasklist. */
unsigned thread_group_size(struct thread_group *tg);

/*
 * task_start_thread - the Sentry thread of @t (mm, files... are attached; not yet in the
 * tree): makes the ctx there with @regs and @xsave (NULL: of a fresh program). Returns
 * when that has succeeded or failed. On success the thread, which owns a reference, waits
 * for task_let_go().
 */
int task_start_thread(struct task *t, const struct lx_regs *regs, const void *xsave);
/* Ends the guest thread. Own thread. */
void task_drop_ctx(struct task *t);
/* Run, or (@run false: the birth failed after all) take everything back and end. */
void task_let_go(struct task *t, bool run);

/* --- the tree: k->tasklist held --- */
/* Put a complete task into its group, and for a leader the group under @parent. */
void task_link_locked(struct task *t, struct thread_group *parent,
		      struct task *parent_task);
/* Take it out again; the caller drops the tree's reference after unlocking. */
void task_unlink_locked(struct task *t);

/* --- pid.c --- */
/* Memory for a pid of @ns; numbers are given by pid_assign_locked(). */
int pid_alloc(struct pid_ns *ns, struct pid **out);
/*
 * Numbers in @pid's namespace and all above it. @set_tid: wanted numbers, innermost
 * first. -EAGAIN none free, -ENOMEM (also: the namespace's init is dead), -EEXIST,
 * -EINVAL.
 */
int pid_assign_locked(struct pid *pid, const int *set_tid, unsigned n_set_tid);
/* Frees the numbers if neither task nor group nor session uses them any more. */
void pid_release_locked(struct pid *pid);
void pid_attach_locked(struct thread_group *tg, enum pid_type type, struct pid *pid);
void pid_detach_locked(struct thread_group *tg, enum pid_type type);
/* In its innermost namespace. */
static inline int pid_own_nr(const struct pid *pid)
{
	return pid->nr[pid->level].nr;
}

/* --- pid_ns.c --- */
int pid_ns_create(struct kernel *k, struct pid_ns *parent, struct user_ns *owner,
		  struct pid_ns **out);
/* The namespace's init ends: kill and reap everything else in it. Own thread, no lock. */
void pid_ns_zap(struct pid_ns *ns, struct task *init);
/* The process that children of @tg fall to: the nearest subreaper or the reaper. */
struct task *find_new_reaper_locked(struct thread_group *tg);

/* --- exit.c --- */
/* Everything that leaves with the task itself;
 * then it is a zombie or gone. Own thread. */
void task_do_exit(struct task *t, int code);
/* What others wait for in its address space: futexes, the vfork parent. Exit and exec. */
void task_leave_mm(struct task *t);
/* Is @pgrp orphaned: has no member a parent in
 * another group of its session? @but: not counted. */
bool pgrp_orphaned_locked(struct pid *pgrp, struct thread_group *but);
/*
 * reap_locked - a zombie process is waited for: adds its usage to @parent (NULL: nobody
 * waited, SIGCHLD is ignored) and takes it out of the tree. The caller drops the tree's
 * reference of the returned leader after unlocking.
 */
struct task *reap_locked(struct thread_group *tg, struct thread_group *parent);

/* --- notify.c --- */
/*
 * notify_parent_locked - SIGCHLD (CLD_STOPPED, CLD_CONTINUED with the signal as @status)
 * to the parent of @tg, unless it has SA_NOCLDSTOP, and a wake-up of its waits. tasklist
 * held, no sighand lock.
 */
void notify_parent_locked(struct thread_group *tg, int si_code, int status);
/* The end of @tg, which is a zombie. True: nobody will wait for it, reap it now. */
bool notify_exit_locked(struct thread_group *tg);

/* --- clone.c --- */
/* vfork: the child tells its parent that the mm is free again. */
struct vfork_done {
	refcount_t ref;
	atomic_bool done;
	struct task *parent; /* a reference */
};
void vfork_release(struct task *t);

/* --- rlimit.c --- */
/* Those of the sandbox's first process. */
void rlimit_init(struct rlimit64 rlim[LX_RLIMIT_N]);

/* --- nsproxy.c --- */
int nsproxy_create_init(struct kernel *k, struct mnt_ns *mnt, const char *hostname,
			struct nsproxy **out);

/* --- rusage.c --- */
/* Own thread: look at the clocks of ctx and Sentry thread;
 * keeps utime_ns and stime_ns. */
void task_sample_times(struct task *t);
/* Own thread, before its ctx and mm go: what it used joins the process's dead threads. */
void task_final_usage(struct task *t, struct rusage_sum *out);
/* What the process's address space has used in all, by who has ended it. */
void usage_add_last(struct thread_group *tg, const struct as_usage *last,
		    struct rusage_sum *out);
void rusage_add(struct rusage_sum *to, const struct rusage_sum *from);
