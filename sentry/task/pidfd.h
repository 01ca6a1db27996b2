// SPDX-License-Identifier: Apache-2.0
/* Descriptors that name a process: pidfd_open(2), clone(CLONE_PIDFD). */
#pragma once

#include "sentry/task/task.h"

struct file;

/*
 * pidfd_create - a close-on-exec descriptor of @pid in the caller's table. @flags:
 * LX_O_NONBLOCK or 0. The number, -EMFILE, -ENFILE, -ENOMEM.
 */
int pidfd_create(struct task *t, struct pid *pid, int flags);
/* The pid a file names, borrowed as long as @f is; NULL: no pidfd. */
struct pid *pidfd_pid(const struct file *f);
/* By number: a reference in *out, the file's flags in *flags (may be NULL). -EBADF. */
int pidfd_lookup(struct task *t, int fd, struct pid **out, unsigned *flags);
/* The process of @pid: its leader, a reference, or NULL when it is reaped. */
struct task *pid_process_get(struct kernel *k, struct pid *pid);
