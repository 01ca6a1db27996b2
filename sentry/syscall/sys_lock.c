// SPDX-License-Identifier: Apache-2.0
/* flock(2). Record locks are in sys_fd.c. */
#include "fs/lock.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/io_wait.h"

SYSCALL2(flock, int fd, int op)
{
	AUTO_PUT(file) struct file *f = NULL;
	int type = op & ~LX_LOCK_NB;
	int r = fd_lookup(t->files, fd, &f);

	if (r)
		return r;
	if (type != LX_LOCK_SH && type != LX_LOCK_EX && type != LX_LOCK_UN)
		return -EINVAL;
	/* Opened with access mode 3: neither reading nor writing. */
	if (type != LX_LOCK_UN && !(f->mode & (FMODE_READ | FMODE_WRITE)))
		return -EBADF;
	return op & LX_LOCK_NB ? flock_set(f, task_tgid_for(t, t), type, NULL)
			       : flock_wait(t, f, type);
}
