// SPDX-License-Identifier: Apache-2.0
/* pipe, eventfd, timerfd, signalfd: calls that make files out of nothing. */
#include "fs/anon/anon.h"
#include "fs/anon/memfd.h"
#include "fs/pipe.h"
#include "sentry/syscall/syscall.h"
#include "sentry/syscall/time_args.h"
#include "sentry/task/fdtable.h"

/* Takes @f: installed, or put again. */
static int install(struct task *t, struct file *f, int flags)
{
	int fd = fd_install(t, f, 0, flags & LX_O_CLOEXEC ? LX_FD_CLOEXEC : 0);

	if (fd < 0)
		file_put(f);
	return fd;
}

/* --- pipes ------------------------------------------------------------------------- */

SYSCALL2(pipe2, uaddr_t ufds, int flags)
{
	struct file *f[2];
	int fds[2], r;

	if (flags & ~(LX_O_CLOEXEC | LX_O_NONBLOCK | LX_O_DIRECT))
		return -EINVAL;
	r = pipe_create(t->k, flags & ~LX_O_CLOEXEC, t->cred, f);
	if (r)
		return r;
	fds[0] = install(t, f[0], flags);
	if (fds[0] < 0) {
		file_put(f[1]);
		return fds[0];
	}
	fds[1] = install(t, f[1], flags);
	if (fds[1] < 0) {
		fd_close(t, fds[0]);
		return fds[1];
	}
	if (copy_to_user(&t->mem, ufds, fds, sizeof(fds))) {
		fd_close(t, fds[0]);
		fd_close(t, fds[1]);
		return -EFAULT;
	}
	return 0;
}

SYSCALL1(pipe, uaddr_t ufds)
{
	return do_pipe2(t, ufds, 0);
}

/* --- eventfd ----------------------------------------------------------------------- */

#define LX_EFD_SEMAPHORE 1

SYSCALL2(eventfd2, unsigned count, int flags)
{
	struct file *f;
	int r;

	if (flags & ~(LX_EFD_SEMAPHORE | LX_O_CLOEXEC | LX_O_NONBLOCK))
		return -EINVAL;
	r = eventfd_create(t->k, count, flags & LX_EFD_SEMAPHORE, flags & LX_O_NONBLOCK,
			   t->cred, &f);
	return r ? r : install(t, f, flags);
}

SYSCALL1(eventfd, unsigned count)
{
	return do_eventfd2(t, count, 0);
}

/* --- timerfd ----------------------------------------------------------------------- */

#define LX_TFD_TIMER_ABSTIME	   1
#define LX_TFD_TIMER_CANCEL_ON_SET 2

SYSCALL2(timerfd_create, int clock, int flags)
{
	struct file *f;
	int r;

	if (flags & ~(LX_O_CLOEXEC | LX_O_NONBLOCK))
		return -EINVAL;
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		break;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (!task_capable(t, LX_CAP_WAKE_ALARM))
			return -EPERM;
		break;
	default:
		return -EINVAL;
	}
	r = timerfd_create_file(t->k, clock, flags & LX_O_NONBLOCK, t->cred, &f);
	return r ? r : install(t, f, flags);
}

static int timerfd_lookup(struct task *t, int fd, struct file **out)
{
	int r = fd_lookup(t->files, fd, out);

	if (r || file_is_timerfd(*out))
		return r;
	file_put(*out);
	*out = NULL;
	return -EINVAL;
}

SYSCALL4(timerfd_settime, int fd, int flags, uaddr_t uvalue, uaddr_t uold)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct lx_itimerspec value, old;
	int r;

	if (get_user(&t->mem, value, uvalue))
		return -EFAULT;
	if (flags & ~(LX_TFD_TIMER_ABSTIME | LX_TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	r = timerfd_lookup(t, fd, &f);
	if (!r)
		r = timerfd_set(f, flags & LX_TFD_TIMER_ABSTIME,
				flags & LX_TFD_TIMER_CANCEL_ON_SET, &value, &old);
	if (!r && uold && put_user(&t->mem, uold, old))
		r = -EFAULT;
	return r;
}

SYSCALL2(timerfd_gettime, int fd, uaddr_t unow)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct lx_itimerspec now;
	int r = timerfd_lookup(t, fd, &f);

	if (r)
		return r;
	timerfd_get(f, &now);
	return put_user(&t->mem, unow, now);
}

/* --- signalfd ---------------------------------------------------------------------- */

SYSCALL4(signalfd4, int fd, uaddr_t umask, size_t size, int flags)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct file *fresh;
	lx_sigset_t mask;
	int r;

	if (size != sizeof(mask))
		return -EINVAL;
	if (get_user(&t->mem, mask, umask))
		return -EFAULT;
	if (flags & ~(LX_O_CLOEXEC | LX_O_NONBLOCK))
		return -EINVAL;
	if (fd == -1) {
		r = signalfd_create(t->k, mask, flags & LX_O_NONBLOCK, t->cred, &fresh);
		return r ? r : install(t, fresh, flags);
	}
	r = fd_lookup(t->files, fd, &f);
	if (r)
		return r;
	if (!file_is_signalfd(f))
		return -EINVAL;
	signalfd_set_mask(f, mask);
	return fd;
}

SYSCALL3(signalfd, int fd, uaddr_t umask, size_t size)
{
	return do_signalfd4(t, fd, umask, size, 0);
}

/* --- memfd -------------------------------------------------------------------- */

#define MEMFD_NAME_MAX 249

SYSCALL2(memfd_create, uaddr_t uname, unsigned flags)
{
	char name[MEMFD_NAME_MAX + 1];
	struct file *f;
	ssize_t n;
	int r;

	if (flags & ~(LX_MFD_CLOEXEC | LX_MFD_ALLOW_SEALING | LX_MFD_NOEXEC_SEAL |
		      LX_MFD_EXEC) ||
	    (flags & LX_MFD_EXEC && flags & LX_MFD_NOEXEC_SEAL))
		return -EINVAL; /* also MFD_HUGETLB: a kernel without huge pages */
	n = copy_string_from_user(&t->mem, name, uname, sizeof(name));
	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	r = memfd_create_file(t->k, name, flags, t->cred, &f);
	return r ? r : install(t, f, flags & LX_MFD_CLOEXEC ? LX_O_CLOEXEC : 0);
}
