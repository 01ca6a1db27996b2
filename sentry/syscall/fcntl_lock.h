// SPDX-License-Identifier: Apache-2.0
/* The record locks of fcntl(2): sys_fd.c hands their commands on. */
#pragma once

#include "sentry/syscall/syscall.h"

struct file;

/*
 * @cmd: LX_F_GETLK, _SETLK, _SETLKW and the LX_F_OFD_ ones; @arg: the guest's struct flock.
 * -EAGAIN, -EDEADLK, -EBADF, -EINVAL, -EOVERFLOW, -EFAULT, -ENOLCK, -ERESTARTSYS.
 */
int64_t fcntl_lock(struct task *t, struct file *f, int cmd, uaddr_t arg);
