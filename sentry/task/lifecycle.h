// SPDX-License-Identifier: Apache-2.0
/*
 * What other parts do at the birth, exec and death of tasks, and what boot needs of
 * them: the seams between kernel.c, clone.c, exec.c, exit.c and the files named here.
 */
#pragma once

#include "sentry/task/task.h"

struct mm;

/* futex.c */
int futex_table_create(struct futex_table **out);
void futex_table_free(struct futex_table *ft);
/*
 * futex_task_exit - the task leaves its mm (exit or exec), which is still there, as is
 * its ctx: robust list, then clear_child_tid (written and woken if others share the mm),
 * then owned PI futexes. Own thread, no lock held.
 */
void futex_task_exit(struct task *t);

/* posix_timer.c, which calls itimer.c: the process ends (its last thread), or executes.
 * No lock held. */
void timers_process_exit(struct thread_group *tg);
void timers_process_exec(struct thread_group *tg);

/* user_ns.c, cred.c */
int user_ns_create_init(struct kernel *k, struct user_ns **out);
/*
 * user_ns_create - CLONE_NEWUSER: a child of @c's namespace owned by @c's euid and egid;
 * @c (private, not yet published) moves into it with every capability. -ENOSPC, -EPERM
 * (ids not mapped), -ENOMEM.
 */
int user_ns_create(struct kernel *k, struct cred *c);
/* setns: @c (private) joins @ns with every capability there. -EPERM, -EINVAL. */
int user_ns_join(struct cred *c, struct user_ns *ns);
uint64_t user_ns_ino(const struct user_ns *ns);
struct user_ns *
user_ns_parent(const struct user_ns *ns); /* borrowed; NULL: the initial one */
uint32_t user_ns_owner_uid(const struct user_ns *ns); /* sandbox-wide */
/* The first process's credentials; @groups in any order. */
int cred_create_init(struct kernel *k, uint32_t uid, uint32_t gid, const uint32_t *groups,
		     unsigned n_groups, uint64_t caps, struct cred **out);
/* Another real uid is charged from now on: for exec of setuid programs too. -ENOMEM. */
int cred_set_uid(struct cred *c, struct kernel *k, uint32_t uid);

/* arch/x86_64/vdso.c: map it near the other areas.
 * *base: AT_SYSINFO_EHDR, 0: there is none. */
int vdso_map(struct kernel *k, struct mm *mm, uaddr_t *base);

/* sentry/ipc */
struct ipc_ns;
struct ipc_ns *ipc_ns_get(struct ipc_ns *ns);
void ipc_ns_put(struct ipc_ns *ns); /* no lock held */
int ipc_ns_create(struct kernel *k, struct user_ns *owner, uint64_t ino,
		  struct ipc_ns **out);
uint64_t ipc_ns_ino(const struct ipc_ns *ns);
struct user_ns *ipc_ns_owner(const struct ipc_ns *ns); /* borrowed */
void ipc_task_exit(struct task *t);		       /* semaphore adjustments */
/* shm attachments are the mm's areas; see shm_leave_mm() for what is left to do. */
