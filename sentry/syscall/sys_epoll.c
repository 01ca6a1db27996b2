// SPDX-License-Identifier: Apache-2.0
/* epoll_create, epoll_ctl, epoll_wait and its kin. Source: epoll_wait(2). */
#include "fs/epoll.h"
#include "sentry/mm/uio.h"
#include "sentry/syscall/syscall.h"
#include "sentry/syscall/time_args.h"
#include "sentry/task/block.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/signal.h"

SYSCALL1(epoll_create1, int flags)
{
	struct file *f;
	int r;

	if (flags & ~LX_EPOLL_CLOEXEC)
		return -EINVAL;
	r = epoll_create_file(t->k, t->cred, &f);
	if (r)
		return r;
	r = fd_install(t, f, 0, flags ? LX_FD_CLOEXEC : 0);
	if (r < 0)
		file_put(f);
	return r;
}

SYSCALL1(epoll_create, int size)
{
	return size <= 0 ? -EINVAL : do_epoll_create1(t, 0);
}

SYSCALL4(epoll_ctl, int epfd, int op, int fd, uaddr_t uevent)
{
	AUTO_PUT(file) struct file *epf = NULL;
	AUTO_PUT(file) struct file *f = NULL;
	struct lx_epoll_event event = {0};
	int r;

	if (op != LX_EPOLL_CTL_DEL && get_user(&t->mem, event, uevent))
		return -EFAULT;
	r = fd_lookup(t->files, epfd, &epf);
	if (!r)
		r = fd_lookup(t->files, fd, &f);
	if (r)
		return r;
	if (!f->ops->poll)
		return -EPERM;
	if (!file_epoll(epf))
		return -EINVAL;
	return epoll_change(file_epoll(epf), op, fd, f, &event, t->cred);
}

/* Events waited for are bounded by what one guest buffer can hold. */
#define EPOLL_MAX_EVENTS (INT32_MAX / (int)sizeof(struct lx_epoll_event))
#define EVENT_SIZE	 sizeof(struct lx_epoll_event)

#define MAX_FAULTS 4

/* The next event may stand on two pages. */
static int fault_in_event(const struct uio *to)
{
	struct uio first = *to, last = *to;

	uio_advance(&last, EVENT_SIZE - 1);
	return uio_fault_in(&first, 1, true) || uio_fault_in(&last, 1, true) ? -EFAULT
									     : 0;
}

/* What is ready, written to the guest. 0: nothing; -EFAULT: not one could be. */
static int give_events(struct epoll *ep, struct uio *to, int max)
{
	int n = epoll_collect(ep, to, max);

	for (int i = 0; n == -EFAULT && i < MAX_FAULTS && !fault_in_event(to); i++)
		n = epoll_collect(ep, to, max);
	return n;
}

static int wait_for_events(struct task *t, struct epoll *ep, struct uio *to, int max,
			   int64_t deadline)
{
	struct task_waiter w;
	int n = give_events(ep, to, max), r;

	if (n || deadline == 0)
		return n;
	task_waiter_init(&w, t, LX_POLL_IN_MASK);
	w.entry.exclusive = true;
	waitq_add(epoll_waitq(ep), &w.entry);
	for (;;) {
		n = give_events(ep, to, max);
		if (n)
			break;
		r = task_block(t, deadline, "epoll_wait", 0);
		if (r) {
			/* The wake-up may have come together
			 * with the signal or deadline. */
			n = give_events(ep, to, max);
			n = n ? n : r == -ETIMEDOUT ? 0 : r;
			break;
		}
	}
	waitq_remove(&w.entry);
	return n;
}

static int64_t epoll_wait_until(struct task *t, int epfd, uaddr_t uevents, int max,
				int64_t deadline)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct uio to;
	uaddr_t end;
	int r;

	if (max <= 0 || max > EPOLL_MAX_EVENTS)
		return -EINVAL;
	/* An array that no guest can have is refused
	 * before there is anything to write. */
	if (!add_ok(uevents, (uint64_t)max * EVENT_SIZE, &end) ||
	    end > t->k->platform->limits.max_addr)
		return -EFAULT;
	r = fd_lookup(t->files, epfd, &f);
	if (r)
		return r;
	if (!file_epoll(f))
		return -EINVAL;
	uio_init_user(&to, &t->mem, uevents, (size_t)max * EVENT_SIZE);
	return wait_for_events(t, file_epoll(f), &to, max, deadline);
}

static int64_t ms_deadline(int timeout_ms)
{
	return timeout_ms < 0	 ? NO_DEADLINE
	       : timeout_ms == 0 ? 0
				 : deadline_after(timeout_ms * NSEC_PER_MSEC);
}

SYSCALL4(epoll_wait, int epfd, uaddr_t events, int max, int timeout_ms)
{
	return epoll_wait_until(t, epfd, events, max, ms_deadline(timeout_ms));
}

static int64_t epoll_pwait_until(struct task *t, int epfd, uaddr_t events, int max,
				 int64_t deadline, uaddr_t umask, size_t mask_size)
{
	lx_sigset_t mask;
	int64_t r;

	if (umask) {
		if (mask_size != sizeof(mask))
			return -EINVAL;
		if (get_user(&t->mem, mask, umask))
			return -EFAULT;
		signal_set_temp_mask(t, mask);
	}
	r = epoll_wait_until(t, epfd, events, max, deadline);
	if (umask)
		signal_end_temp_mask(t, r == -EINTR);
	return r;
}

SYSCALL6(epoll_pwait, int epfd, uaddr_t events, int max, int timeout_ms, uaddr_t mask,
	 size_t mask_size)
{
	return epoll_pwait_until(t, epfd, events, max, ms_deadline(timeout_ms), mask,
				 mask_size);
}

SYSCALL6(epoll_pwait2, int epfd, uaddr_t events, int max, uaddr_t timeout, uaddr_t mask,
	 size_t mask_size)
{
	int64_t deadline;
	int r = deadline_from_user(&t->mem, timeout, &deadline);

	return r ? r : epoll_pwait_until(t, epfd, events, max, deadline, mask, mask_size);
}
