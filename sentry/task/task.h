// SPDX-License-Identifier: Apache-2.0
/*
 * Tasks: one guest thread, run by one host thread of the Sentry (task/run.c).
 *
 * States of the loop in run.c:
 *
 *	run guest -> syscall or fault -> signals, stops -> run guest ... -> exit
 *
 * A thread_group is a process; a sighand its handlers and the lock of its signals;
 * a pid an identity that outlives its task (pidfds, process groups, sessions).
 *
 * Locks: k->tasklist for the tree and pids; tg->sighand->lock for signals, group stop and
 * exit state; task->lock for the rest marked so. Fields without a mark are only used by
 * the task's own thread ("own").
 */
#pragma once

#include "platform/platform.h"
#include "sentry/abi/signal.h"
#include "sentry/abi/time.h"
#include "sentry/base/clock.h"
#include "sentry/base/htab.h"
#include "sentry/base/list.h"
#include "sentry/base/lock.h"
#include "sentry/base/park.h"
#include "sentry/base/refcount.h"
#include "sentry/mm/umem.h"
#include "sentry/task/cred.h"
#include "sentry/task/kernel.h"
#include "sentry/wait/waitq.h"

struct fdtable;
struct fs_struct;
struct file;
struct ktimer;
struct mm;
struct posix_timer;
struct sem_undo_list;
struct tty;
struct futex_waiter;

/* --- identities ----------------------------------------------------------- */

struct pid_ns {
	refcount_t ref;
	struct pid_ns *parent; /* a reference; NULL: the initial one */
	unsigned level;
	struct user_ns *owner;
	struct kernel *k;
	uint64_t ino; /* /proc/PID/ns/pid */
	/* protected by k->tasklist */
	struct htab by_nr; /* struct upid.node */
	int last_nr;
	unsigned n_pids;
	struct task *reaper; /* its init; NULL: not started, or dead */
	bool started, dying; /* it had an init; that one ends: no more forks */
};

struct upid {
	struct hnode node; /* in ns->by_nr */
	struct pid_ns *ns; /* a reference */
	int nr;
	struct pid *pid;
};

#define PID_MAX 32768 /* numbers are below it, as kernel.pid_max has it by default */

enum pid_type { PIDTYPE_TID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_N };

struct pid {
	refcount_t ref;
	unsigned level;
	struct waitq exit_wait; /* pidfd poll */
	/* protected by k->tasklist */
	struct task *task; /* the task with this tid; NULL once reaped */
	struct list
		members[PIDTYPE_N]; /* thread_group.pid_node[type] (TGID, PGID, SID) */
	struct upid nr[];	    /* level + 1 entries, outermost first */
};

struct pid *pid_get(struct pid *pid);
void pid_put(struct pid *pid);
/* Its number as seen from @ns; 0 when it has none there. */
int pid_nr_in(const struct pid *pid, const struct pid_ns *ns);
/* k->tasklist held; borrowed. */
struct pid *pid_find_locked(struct pid_ns *ns, int nr);
/* A reference or NULL; takes tasklist. */
struct pid *pid_lookup(struct pid_ns *ns, int nr);
struct pid_ns *pid_ns_get(struct pid_ns *ns);
void pid_ns_put(struct pid_ns *ns);

/* --- namespaces ----------------------------------------------------------- */

struct uts_ns {
	refcount_t ref;
	struct user_ns *owner;
	uint64_t ino;
	struct mutex lock; /* LOCK_LEAF */
	char nodename[65], domainname[65];
};

/* All but the user namespace (in cred) and the task's own pid namespace (in its pid). */
struct nsproxy {
	refcount_t ref;
	struct uts_ns *uts;
	struct ipc_ns *ipc;
	struct mnt_ns *mnt;
	struct net_ns *net;
	struct cgroup_ns *cgroup;
	struct pid_ns *pid_for_children;
};
struct nsproxy *nsproxy_get(struct nsproxy *ns);
void nsproxy_put(struct nsproxy *ns);

/* --- signals --------------------------------------------------------------- */

struct sigqueue {
	struct list node;
	struct lx_siginfo info;
	struct user_account *user; /* charged; a reference */
	struct posix_timer *timer; /* its preallocated entry, or NULL */
};

struct sigpending {
	lx_sigset_t set;
	struct list queue; /* struct sigqueue */
};

struct sighand {
	refcount_t ref; /* CLONE_SIGHAND shares it */
	/*
	 * What exec left for this one when it was shared: kept (a reference) so that who
	 * has just loaded tg->sighand may still lock it; tg_sighand_lock() then looks
	 * again.
	 */
	struct sighand *replaced;
	struct mutex lock; /* LOCK_SIGHAND: all below and every group's signal state */
	struct lx_sigaction action[LX_NSIG];
};

/* --- processes --------------------------------------------------------------- */

struct rlimit64 {
	uint64_t cur, max;
};
#define LX_RLIM_INFINITY UINT64_MAX
/* clang-format off */
enum lx_rlimit {
	LX_RLIMIT_CPU, LX_RLIMIT_FSIZE, LX_RLIMIT_DATA, LX_RLIMIT_STACK, LX_RLIMIT_CORE,
	LX_RLIMIT_RSS, LX_RLIMIT_NPROC, LX_RLIMIT_NOFILE, LX_RLIMIT_MEMLOCK, LX_RLIMIT_AS,
	LX_RLIMIT_LOCKS, LX_RLIMIT_SIGPENDING, LX_RLIMIT_MSGQUEUE, LX_RLIMIT_NICE,
	LX_RLIMIT_RTPRIO, LX_RLIMIT_RTTIME, LX_RLIMIT_N,
};
/* clang-format on */

/* Resources used, as getrusage wants them; summed into the parent at wait. */
struct rusage_sum {
	int64_t utime_ns, stime_ns;
	uint64_t minflt, majflt, nvcsw, nivcsw, inblock, oublock;
	uint64_t maxrss;		     /* bytes */
	uint64_t rchar, wchar, syscr, syscw; /* bytes and calls of read and write */
};

enum group_stop { GROUP_RUNNING, GROUP_STOPPING, GROUP_STOPPED };

struct thread_group {
	refcount_t ref;
	struct kernel *k;
	/* protected by k->tasklist */
	struct list threads;	     /* struct task.group_node: changed under tasklist and
					sighand->lock together, read under either */
	struct task *leader;	     /* stays until reaped */
	struct thread_group *parent; /* its process; NULL: none (init) */
	struct task *parent_task; /* the thread that forked it: __WNOTHREAD, PDEATHSIG */
	struct list children, sibling;
	struct pid *pid[PIDTYPE_N]; /* TGID, PGID, SID: references */
	struct list pid_node[PIDTYPE_N];
	unsigned n_threads; /* not yet exited */
	unsigned n_live;    /* not yet exiting: the last one cleans up for the process */
	bool child_subreaper, is_init;
	bool did_exec;		/* setpgid of a child after exec: EACCES */
	int exit_signal;	/* to the parent; -1: none (a thread) */
	bool reaped, zombie;	/* zombie: every thread exited, waiting for wait4 */
	int exit_code;		/* wait status */
	struct waitq wait_chld; /* wait4 of this process's threads sleeps here */
	struct rusage_sum dead_threads, dead_children;
	bool untold; /* a thread has exited whose user time is only in its address space's */

	/* protected by sighand->lock */
	_Atomic(struct sighand *) sighand; /* see tg_sighand_lock() */
	struct sigpending pending;
	bool group_exit; /* exit_group or a fatal signal: every thread leaves */
	int group_exit_code;
	struct task *exec_task; /* this thread is replacing all others */
	enum group_stop stop;
	int stop_signo;
	unsigned stop_pending; /* threads that have yet to stop */
	unsigned n_continues;  /* counts SIGCONTs: a stop that began before one is off */
	int cld_notify; /* LX_CLD_* the next thread that runs tells the parent; 0 */
	/*
	 * init of a pid namespace: signals without a handler do nothing, but SIGKILL and
	 * SIGSTOP from outside. Set by who makes it; a fault of its own clears it.
	 */
	bool unkillable;
	/* what waitid reports, cleared by wait without WNOWAIT */
	bool report_stopped, report_continued;
	/*
	 * Immutable. A signalfd is registered where its poller's signals come; in an epoll
	 * that stays when the process has ended.
	 */
	struct shared_waitq *signalfd_wait;

	struct mutex lock; /* LOCK_TASK; protects the next group */
	struct rlimit64 rlim[LX_RLIMIT_N];
	struct tty
		*tty; /* controlling terminal of the session; fs/devpts owns the type */
	struct pid *tty_old_pgrp; /* in front of one that was hung up; a reference */
	int oom_score_adj;
	int oom_score_adj_min; /* as low as the unprivileged may go */
	struct itimers *itimers;
	struct cpu_limit *cpu_limit; /* once RLIMIT_CPU was finite; freed at exit */
	struct list posix_timers;
	int next_timer_id;

	int64_t start_ns;     /* CLOCK_MONOTONIC; immutable */
	struct pid *pid_self; /* == pid[PIDTYPE_TGID], immutable, safe without the lock */
};

/* --- tasks ------------------------------------------------------------------- */

/* What /proc and `debug` show. */
enum task_state {
	TASK_RUNNING,
	TASK_SLEEPING,
	TASK_UNINTERRUPTIBLE,
	TASK_STOPPED,
	TASK_ZOMBIE,
	TASK_DEAD,
};

/* How to go on after a signal interrupted a call that restarts by restart_syscall(2). */
struct restart_block {
	int64_t (*fn)(struct task *t); /* NULL: -EINTR */
	int64_t deadline_ns;
	uint64_t a[6];
};

struct task {
	/* immutable */
	refcount_t ref;
	struct kernel *k;
	struct thread_group *tg;    /* a reference */
	int htid;		    /* of its Sentry thread */
	int64_t stime_base_ns;	    /* CPU time of that thread before it had this task */
	struct cpu_overlap overlap; /* of it, what the guest thread's clock has counted */
	int64_t start_ns;	    /* CLOCK_MONOTONIC */

	/* own: written by its thread only, and read by others where nothing hangs on it */
	_Atomic(struct ctx_syscall *) sc; /* the current call, or NULL */
	uint64_t sc_nr;			  /* for restart */
	bool sc_no_return; /* the call replaced the registers: do not set rax */
	struct restart_block restart;
	uaddr_t clear_child_tid;
	_Atomic(uaddr_t) robust_list;
	uint64_t fs_base, gs_base;
	uaddr_t frame_at; /* a signal frame that the guest thread is to put there, or 0 */
	struct exit_fault fault; /* the last: err, trapno, cr2 of signal frames */
	struct lx_stack altstack;
	lx_sigset_t saved_mask; /* to restore when no handler ran */
	bool restore_mask;
	uint64_t personality;
	_Atomic(struct sem_undo_list *) sem_undo; /* sentry/ipc: a reference, or NULL */
	unsigned mempolicy; /* MPOL_* as set, and whether node 0 was named */
	bool mempolicy_nodes;
	struct vfork_done *vfork; /* tells the waiting parent */
	uint64_t timer_slack_ns;
	_Atomic(uint32_t) loginuid,
		sessionid; /* /proc/PID/; UINT32_MAX: never logged in */
	bool no_new_privs, keep_caps;
	bool nproc_exceeded; /* its new user has too many tasks for an exec */

	/* atomic */
	atomic_uint work;     /* TASK_WORK_*: look before going back to the guest */
	atomic_uint state;    /* enum task_state */
	atomic_bool killed;   /* a fatal signal was seen: only exit's own waits go on */
	atomic_int born;      /* 0: being born, 1: runs, -1: never will */
	atomic_bool in_guest; /* a kick has to interrupt the ctx */
	atomic_bool futex_exited; /* past futex_task_exit(): owns no PI futex any more */
	atomic_bool affinity_changed;	 /* sched_task_work() has to tell the ctx */
	_Atomic(const char *) wait_what; /* static text: "futex", "pipe read"; or NULL */
	uint64_t wait_arg;		 /* written before wait_what */
	uint64_t futex_looks;		 /* own thread; see futex_guest_runs() */
	_Atomic(int64_t) utime_ns, stime_ns; /* as of its last look at the clocks */
	_Atomic(uint64_t) n_syscalls, n_switches;
	_Atomic(uint64_t) rchar, wchar, syscr, syscw; /* /proc/PID/io */

	struct park park; /* where it sleeps */

	/*
	 * kick_lock: LOCK_PARK. mem.ctx is set and cleared under it, so that a kick finds
	 * it alive. mem is all that user copies want to know; mem.mm is in the next group.
	 */
	struct mutex kick_lock;
	struct umem mem;

	/*
	 * lock: LOCK_TASK. The first five, all references, are changed by the task's own
	 * thread, which therefore reads them without the lock.
	 */
	struct mutex lock; /* and mem.mm */
	struct fdtable *files;
	struct fs_struct *fs;
	const struct cred *cred; /* task_cred() for others */
	struct nsproxy *ns;
	char comm[16];
	int nice, policy, rt_priority;
	bool sched_reset_on_fork; /* sched_fork() */
	int ioprio;		  /* class << 13 | level */
	uint64_t cpuset[16];	  /* 1024 CPUs; empty: all there are */

	/* protected by tg->sighand->lock */
	lx_sigset_t blocked, real_blocked; /* real_blocked: while in sigtimedwait */
	bool mask_lent; /* not blocked counts, but what the guest thread has: signal_mask() */
	struct sigpending pending;
	bool stop_me; /* group stop asks this thread */
	bool jobctl_stopped;
	bool sig_exiting; /* past signal_thread_exit(): takes no more signals */

	/* protected by k->tasklist */
	struct pid *pid; /* its tid; a reference. Changed only by exec of a thread that is
			    not the leader: it takes the leader's number */
	struct pid *pid_before_exec; /* the number it gave up then; a reference or NULL */
	struct list group_node;	     /* in tg->threads: see there */
	bool exited;		     /* see sig_exiting for the signals' view */
	int exit_code;
	int pdeath_signal; /* own writes, parent's exit reads */

	/* protected by the futex table's pi_lock */
	struct futex_waiter *pi_waiting;
	struct list pi_owned;
};

enum {
	TASK_WORK_SIGNAL = 1, /* a signal may be deliverable */
	TASK_WORK_STOP = 2,   /* a group stop */
	TASK_WORK_EXIT = 4,   /* the group is exiting */
	TASK_WORK_NOTIFY = 8, /* something else (exec of a sibling, membarrier) */
};

struct task *task_get(struct task *t);
void task_put(struct task *t);
DEFINE_AUTO_PUT(task);

/* Numbers as seen by @viewer (its own pid namespace). */
int task_tid_for(const struct task *t, const struct task *viewer);
int task_tgid_for(const struct task *t, const struct task *viewer);
/* The pid namespace a task is in: of its own pid. */
struct pid_ns *task_pid_ns(const struct task *t);
/* A reference to another task's cred. */
const struct cred *task_cred(struct task *t);
/* A reference (user) to another task's mm; NULL for exiting ones. */
struct mm *task_mm_get(struct task *t);
/* The same of a process, whose first thread may have ended before the others. */
struct mm *process_mm_get(struct thread_group *tg);
/* Make a prepared private copy the task's own credentials: takes @c. Own thread. */
void task_set_cred(struct task *t, struct cred *c);
/* By tid in the caller's namespace: a reference or NULL. */
struct task *task_lookup(struct task *viewer, int tid);
/* The process (thread group leader's task) with this tgid: a reference or NULL. */
struct task *process_lookup(struct task *viewer, int tgid);
/*
 * pid_ns_processes - the leaders of all processes of @ns, in no order: references in a
 * list that task_list_put() gives back. -ENOMEM.
 */
int pid_ns_processes(struct pid_ns *ns, struct task ***out, unsigned *n);
void task_list_put(struct task **list, unsigned n);

uint64_t task_rlimit(struct task *t, enum lx_rlimit which); /* soft limit */
bool task_capable(struct task *t, enum lx_cap cap);	    /* in its user namespace */

/*
 * task_kick - make the task's thread look at its work: ends task_block() and leaves
 * guest mode. Any thread, under any lock before LOCK_PARK.
 */
void task_kick(struct task *t, unsigned work);

/*
 * tg_sighand_lock - lock the handlers of a group that may be exec'ing now. The caller
 * keeps the group alive. Own thread and holders of tasklist may lock tg->sighand->lock
 * themselves: exec replaces it under both.
 */
void tg_sighand_lock(struct thread_group *tg) ACQUIRES(tg->sighand->lock);

static inline void tg_sighand_unlock(struct thread_group *tg) RELEASES(tg->sighand->lock)
{
	mutex_unlock(&tg->sighand->lock);
}

/* may @t inspect or control @target as ptrace(2) describes (/proc, process_vm_readv)? */
int task_may_ptrace(struct task *t, struct task *target, bool attach);
