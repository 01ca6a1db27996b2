// SPDX-License-Identifier: Apache-2.0
/* unshare(2), setns(2). */
#include "sentry/syscall/syscall.h"
#include "sentry/task/unshare.h"

SYSCALL1(unshare, uint64_t flags)
{
	return task_unshare(t, flags);
}

SYSCALL2(setns, int fd, int nstype)
{
	return task_setns(t, fd, nstype);
}
