// SPDX-License-Identifier: Apache-2.0
/* Interval timers and POSIX timers. */
#include "sentry/syscall/syscall.h"
#include "sentry/task/itimer.h"
#include "sentry/task/posix_timer.h"
#include "sentry/task/timespec.h"

/* --- setitimer ------------------------------------------------------------------- */

static struct lx_itimerval setting_out(const struct itimer_setting *s)
{
	return (struct lx_itimerval){.interval = ns_timeval(s->interval_ns),
				     .value = ns_timeval(s->value_ns)};
}

SYSCALL2(getitimer, unsigned which, uaddr_t uvalue)
{
	struct itimer_setting s;
	struct lx_itimerval v;

	if (which >= LX_ITIMER_N)
		return -EINVAL;
	itimer_get(t, (enum lx_itimer)which, &s);
	v = setting_out(&s);
	return put_user(&t->mem, uvalue, v);
}

SYSCALL3(setitimer, unsigned which, uaddr_t unew, uaddr_t uold)
{
	struct itimer_setting new, old;
	/* No new value stops the timer: an old habit that Linux keeps. */
	struct lx_itimerval v = {0};
	int r;

	if (unew && get_user(&t->mem, v, unew))
		return -EFAULT;
	if (which >= LX_ITIMER_N || !timeval_valid(&v.value) ||
	    !timeval_valid(&v.interval))
		return -EINVAL;
	new.value_ns = timeval_ns(&v.value);
	new.interval_ns = timeval_ns(&v.interval);
	r = itimer_set(t, (enum lx_itimer)which, &new, &old);
	if (r)
		return r;
	v = setting_out(&old);
	return uold ? put_user(&t->mem, uold, v) : 0;
}

SYSCALL1(alarm, unsigned seconds)
{
	struct itimer_setting new = {.value_ns = seconds * NSEC_PER_SEC}, old;
	int64_t left;
	int r;

	r = itimer_set(t, LX_ITIMER_REAL, &new, &old);
	if (r)
		return r;
	/* Rounded, but never 0 for one that was set. */
	left = (old.value_ns + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
	return old.value_ns && !left ? 1 : left;
}

/* --- timer_create ------------------------------------------------------------------ */

SYSCALL3(timer_create, int clock, uaddr_t uevent, uaddr_t uid)
{
	struct lx_sigevent ev;
	int r, id;

	if (uevent && get_user(&t->mem, ev, uevent))
		return -EFAULT;
	r = posix_timer_create(t, clock, uevent ? &ev : NULL, &id);
	if (r)
		return r;
	if (put_user(&t->mem, uid, id)) {
		posix_timer_delete(t, id);
		return -EFAULT;
	}
	return 0;
}

SYSCALL4(timer_settime, int id, int flags, uaddr_t unew, uaddr_t uold)
{
	AUTO_PUT(posix_timer) struct posix_timer *pt = NULL;
	struct lx_itimerspec new, old;

	if (!unew)
		return -EINVAL;
	if (get_user(&t->mem, new, unew))
		return -EFAULT;
	if (!timespec_valid(&new.value) || !timespec_valid(&new.interval))
		return -EINVAL;
	pt = posix_timer_lookup(t->tg, id);
	if (!pt)
		return -EINVAL;
	posix_timer_set(t, pt, flags & LX_TIMER_ABSTIME, &new, &old);
	return uold ? put_user(&t->mem, uold, old) : 0;
}

SYSCALL2(timer_gettime, int id, uaddr_t uvalue)
{
	AUTO_PUT(posix_timer) struct posix_timer *pt = posix_timer_lookup(t->tg, id);
	struct lx_itimerspec v;

	if (!pt)
		return -EINVAL;
	posix_timer_get(t, pt, &v);
	return put_user(&t->mem, uvalue, v);
}

SYSCALL1(timer_getoverrun, int id)
{
	AUTO_PUT(posix_timer) struct posix_timer *pt = posix_timer_lookup(t->tg, id);

	return pt ? posix_timer_overrun(pt) : -EINVAL;
}

SYSCALL1(timer_delete, int id)
{
	return posix_timer_delete(t, id);
}
