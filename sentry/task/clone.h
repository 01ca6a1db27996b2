// SPDX-License-Identifier: Apache-2.0
/* New tasks: fork(2), vfork(2), clone(2), clone3(2). */
#pragma once

#include "sentry/task/task.h"

#define LX_CSIGNAL		0x000000ffull
#define LX_CLONE_NEWTIME	0x00000080ull
#define LX_CLONE_VM		0x00000100ull
#define LX_CLONE_FS		0x00000200ull
#define LX_CLONE_FILES		0x00000400ull
#define LX_CLONE_SIGHAND	0x00000800ull
#define LX_CLONE_PIDFD		0x00001000ull
#define LX_CLONE_PTRACE		0x00002000ull
#define LX_CLONE_VFORK		0x00004000ull
#define LX_CLONE_PARENT		0x00008000ull
#define LX_CLONE_THREAD		0x00010000ull
#define LX_CLONE_NEWNS		0x00020000ull
#define LX_CLONE_SYSVSEM	0x00040000ull
#define LX_CLONE_SETTLS		0x00080000ull
#define LX_CLONE_PARENT_SETTID	0x00100000ull
#define LX_CLONE_CHILD_CLEARTID 0x00200000ull
#define LX_CLONE_DETACHED	0x00400000ull
#define LX_CLONE_UNTRACED	0x00800000ull
#define LX_CLONE_CHILD_SETTID	0x01000000ull
#define LX_CLONE_NEWCGROUP	0x02000000ull
#define LX_CLONE_NEWUTS		0x04000000ull
#define LX_CLONE_NEWIPC		0x08000000ull
#define LX_CLONE_NEWUSER	0x10000000ull
#define LX_CLONE_NEWPID		0x20000000ull
#define LX_CLONE_NEWNET		0x40000000ull
#define LX_CLONE_IO		0x80000000ull
#define LX_CLONE_CLEAR_SIGHAND	0x100000000ull
#define LX_CLONE_INTO_CGROUP	0x200000000ull

struct clone_args {
	uint64_t flags;	 /* LX_CLONE_*, without CSIGNAL */
	int exit_signal; /* 0: none */
	uaddr_t pidfd, parent_tid, child_tid;
	uaddr_t stack; /* the child's rsp; 0: the parent's */
	uint64_t tls;
	int set_tid[32];
	unsigned n_set_tid;
};

/*
 * task_clone - the child's tid as the caller sees it. -EINVAL: flags that do not go
 * together; -EAGAIN: a limit of processes; -ENOMEM; -EPERM: namespaces, set_tid; -EFAULT:
 * pidfd; -ERESTARTNOINTR: a signal comes first. With CLONE_VFORK it sleeps until the
 * child has left the address space. Own thread, no lock held.
 */
int64_t task_clone(struct task *t, const struct clone_args *a);
