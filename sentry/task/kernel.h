// SPDX-License-Identifier: Apache-2.0
/*
 * struct kernel - the root object: everything guest-visible is reachable from here
 * (design D12), and there are no other mutable globals.
 */
#pragma once

#include "sentry/base/kernel.h"
#include "sentry/base/list.h"
#include "sentry/base/lock.h"
#include "sentry/base/park.h"
#include "sentry/mm/pool.h"
#include "sentry/wait/timer.h"
#include "sentry/wait/waitq.h"

struct super;
struct tty;
struct pid_ns;
struct user_ns;
struct nsproxy;
struct user_account;
struct memory_limit;
struct call_sites;
struct stats;
struct strace;
struct ipc_state;
struct unix_flight;
struct unix_names;
struct cpu_text;
struct vdso;
struct futex_table;

/* What runsc-c asked for and may limit; immutable after boot. */
struct kernel_config {
	bool strict, strace, strace_time, stats;
	uint64_t memory_limit; /* bytes; UINT64_MAX: none */
	uint64_t pids_limit;   /* tasks; UINT64_MAX: none */
	uint64_t files_limit;  /* open file descriptions, /proc/sys/fs/file-max */
	unsigned n_cpus;       /* what the guest sees */
	char thp_mode[40];     /* of the host: "always [madvise] never\n", or "" */
	int strace_hfd;	       /* where strace lines go */
	int statm_hfd;	       /* our own /proc/self/statm, for the memory limit; or -1 */
};

/* Load averages as of the last look: task/load.c. */
struct load_state {
	int64_t at_ns, cpu_ns;
	uint64_t avg[3];
};

struct kernel {
	struct kernel_config config;
	struct platform *platform;
	struct timers *timers;
	struct pool *pool;
	struct vfs *vfs;
	struct tty *console; /* a reference, or NULL; set before the first task runs */
	struct super *nsfs;  /* where namespaces are files: task/nsfs.c */
	int64_t boot_mono_ns, boot_real_ns;
	uint64_t boot_tsc;    /* the CPU's counter at boot_mono_ns */
	uint8_t boot_id[16];  /* /proc/sys/kernel/random/boot_id */
	uint64_t host_memory; /* bytes of RAM the host has */

	struct mutex
		tasklist; /* LOCK_TASKLIST: parents, children, pids, groups, sessions */
	struct pid_ns *init_pid_ns;
	struct user_ns *init_user_ns;
	struct nsproxy *init_ns;
	unsigned n_tasks, n_forks; /* protected by tasklist */
	unsigned n_threads_live;   /* Sentry threads of tasks; protected by tasklist */
	struct waitq idle; /* IN: n_threads_live fell to 0; PRI: init was stopped */
	int exit_status;   /* wait status of the sandbox's init, protected by tasklist */
	bool dying;	   /* no new tasks; protected by tasklist */

	struct mutex users_lock; /* LOCK_LEAF */
	struct user_account *users;
	struct load_state load; /* protected by users_lock */

	struct futex_table *futexes;
	_Atomic(struct vdso *) vdso; /* arch/x86_64/vdso.c: made at the first exec */
	_Atomic(struct cpu_text *) cpu_text; /* made at the first look at /proc/cpuinfo */
	struct memory_limit *memory_limit;   /* NULL: none */
	struct stats *stats;	       /* sentry/syscall/stats.h; NULL: not counted */
	struct call_sites *call_sites; /* the same, by place */
	struct strace *strace;	       /* NULL: off */
	struct ipc_state *ipc;
	_Atomic(struct unix_names *)
		unix_names; /* sentry/socket/unix.c; made on first use */
	_Atomic(struct unix_flight *)
		unix_flight;	    /* sentry/socket/unix_flight.c; made on first use */
	atomic_uint last_sessionid; /* /proc/PID/sessionid */
	atomic_uint next_ns_ino;    /* kernel_new_ns_ino() */
};

/* kernel_create - takes platform, timers and pool over. */
int kernel_create(const struct kernel_config *config, struct platform *platform,
		  struct timers *timers, struct pool *pool, struct kernel **out);
struct task;

struct init_args {
	const char *const *argv, *const *envp;
	const char *cwd;
	uint32_t uid, gid;
	const uint32_t *groups;
	unsigned n_groups;
	uint64_t caps;	       /* permitted, effective, bounding */
	struct file *std[3];   /* taken; NULL: closed */
	struct file *ctty;     /* controlling terminal (borrowed), or NULL */
	struct mnt_ns *mnt_ns; /* taken */
	const char *hostname;
};
/*
 * kernel_start_init - start the sandbox's first process.
 * Returns 0 when the program runs, else the negative errno of finding or loading it
 * (-ENOENT, -EACCES, -ENOEXEC ...) with *why set to static text or NULL.
 */
int kernel_start_init(struct kernel *k, const struct init_args *args, const char **why);
/* SIGKILL to everything. Any thread. */
void kernel_kill_all(struct kernel *k);
/* A signal from outside for the sandbox's foreground:
 * to init, or to the terminal's group. */
void kernel_signal_init(struct kernel *k, int signo);
