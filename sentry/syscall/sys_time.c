// SPDX-License-Identifier: Apache-2.0
/*
 * Reading clocks and sleeping by them. Most readings never get here: the vDSO answers
 * them in the guest. Nobody in the sandbox may set a clock: it is the host's.
 */
#include <string.h>

#include "sentry/syscall/syscall.h"
#include "sentry/task/block.h"
#include "sentry/task/clock_id.h"
#include "sentry/task/timespec.h"

struct lx_timezone {
	int32_t minutes_west, dst_time;
};

/* --- reading ------------------------------------------------------------------------ */

SYSCALL2(clock_gettime, int id, uaddr_t uts)
{
	struct guest_clock c;
	struct lx_timespec ts;

	if (guest_clock_get(t, id, &c))
		return -EINVAL;
	ts = ns_timespec(guest_clock_read(t, &c));
	guest_clock_put(&c);
	return put_user(&t->mem, uts, ts);
}

SYSCALL2(clock_getres, int id, uaddr_t uts)
{
	struct lx_timespec ts = {.nsec = 1};
	struct guest_clock c;
	struct timespec host;

	if (guest_clock_get(t, id, &c))
		return -EINVAL;
	if (id == LX_CLOCK_REALTIME_COARSE || id == LX_CLOCK_MONOTONIC_COARSE) {
		clock_getres(CLOCK_MONOTONIC_COARSE, &host);
		ts = (struct lx_timespec){host.tv_sec, host.tv_nsec};
	}
	guest_clock_put(&c);
	return uts ? put_user(&t->mem, uts, ts) : 0;
}

SYSCALL2(gettimeofday, uaddr_t utv, uaddr_t utz)
{
	static const struct lx_timezone utc;
	struct lx_timeval tv = ns_timeval(clock_real_ns());

	if (utv && put_user(&t->mem, utv, tv))
		return -EFAULT;
	return utz ? put_user(&t->mem, utz, utc) : 0;
}

SYSCALL1(time, uaddr_t utime)
{
	int64_t sec = clock_ns(CLOCK_REALTIME_COARSE) / NSEC_PER_SEC;

	if (utime && put_user(&t->mem, utime, sec))
		return -EFAULT;
	return sec;
}

/* --- not setting ------------------------------------------------------------- */

SYSCALL2(clock_settime, int id, uaddr_t uts)
{
	struct lx_timespec ts;
	struct guest_clock c;

	if (guest_clock_get(t, id, &c))
		return -EINVAL;
	guest_clock_put(&c);
	/* The others have no way to be set at all; CPU clocks named by pid refuse it. */
	if (id > LX_CLOCK_REALTIME)
		return -EINVAL;
	if (get_user(&t->mem, ts, uts))
		return -EFAULT;
	return id == LX_CLOCK_REALTIME && !timespec_valid(&ts) ? -EINVAL : -EPERM;
}

SYSCALL2(settimeofday, uaddr_t utv, uaddr_t utz)
{
	struct lx_timezone tz;
	struct lx_timeval tv;

	if (utv) {
		if (get_user(&t->mem, tv, utv))
			return -EFAULT;
		if (!timeval_valid(&tv))
			return -EINVAL;
	}
	if (utz && get_user(&t->mem, tz, utz))
		return -EFAULT;
	return -EPERM;
}

/* struct timex: what ntp daemons read and tune. */
struct lx_timex {
	uint32_t modes, pad0;
	int64_t offset, freq, maxerror, esterror;
	int32_t status, pad1;
	int64_t constant, precision, tolerance;
	struct lx_timeval time;
	int64_t tick, ppsfreq, jitter;
	int32_t shift, pad2;
	int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
	int32_t tai, pad3[11];
};
_Static_assert(sizeof(struct lx_timex) == 208, "struct timex");

#define LX_ADJ_OFFSET_SS_READ 0xa001u
#define LX_STA_UNSYNC	      0x40
#define LX_TIME_ERROR	      5

/* An unsynchronised clock that runs at its nominal rate: what is known from in here. */
static int64_t adjust_clock(struct task *t, uaddr_t utx)
{
	struct lx_timex tx;

	if (get_user(&t->mem, tx, utx))
		return -EFAULT;
	if (tx.modes && tx.modes != LX_ADJ_OFFSET_SS_READ)
		return -EPERM;
	tx = (struct lx_timex){
		.modes = tx.modes,
		.maxerror = 16000000,
		.esterror = 16000000,
		.status = LX_STA_UNSYNC,
		.constant = 2,
		.precision = 1,
		.tolerance = 32768000,
		.time = ns_timeval(clock_real_ns()),
		.tick = 10000,
	};
	if (put_user(&t->mem, utx, tx))
		return -EFAULT;
	return LX_TIME_ERROR;
}

SYSCALL1(adjtimex, uaddr_t utx)
{
	return adjust_clock(t, utx);
}

SYSCALL2(clock_adjtime, int id, uaddr_t utx)
{
	struct guest_clock c;

	if (guest_clock_get(t, id, &c))
		return -EINVAL;
	guest_clock_put(&c);
	return id == LX_CLOCK_REALTIME ? adjust_clock(t, utx) : -EOPNOTSUPP;
}

/* --- sleeping ----------------------------------------------------------------- */

static int sleep_until(struct task *t, int64_t deadline_ns)
{
	int r;

	do
		r = task_block(t, deadline_ns, "nanosleep", 0);
	while (r == 0);
	return r == -ETIMEDOUT ? 0 : r;
}

/*
 * CPU time passes no faster than the wall's, times the threads: sleep for what it takes
 * at least, and look again.
 */
static int sleep_cpu_until(struct task *t, const struct guest_clock *c, int64_t ns)
{
	int64_t left;
	int r;

	for (;;) {
		left = ns - guest_clock_read(t, c);
		if (left <= 0)
			return 0;
		left /= max_t(unsigned, c->target->tg->n_threads, 1);
		r = task_block(t, deadline_after(max_t(int64_t, left, NSEC_PER_MSEC)),
			       "nanosleep", 0);
		if (r && r != -ETIMEDOUT)
			return r;
	}
}

static int64_t relative_restart(struct task *t);

/* a[0]: the clock, a[1]: where to tell what is left, or 0. */
static int64_t relative_sleep(struct task *t, const struct guest_clock *c,
			      int64_t until_ns, uaddr_t urem)
{
	struct lx_timespec rem;
	int64_t left;
	int r = guest_clock_is_cpu(c) ? sleep_cpu_until(t, c, until_ns)
				      : sleep_until(t, until_ns);

	if (!r)
		return 0;
	left = until_ns -
	       (guest_clock_is_cpu(c) ? guest_clock_read(t, c) : clock_mono_ns());
	if (left <= 0)
		return 0;
	rem = ns_timespec(left);
	if (urem && put_user(&t->mem, urem, rem))
		return -EFAULT;
	t->restart = (struct restart_block){.fn = relative_restart,
					    .deadline_ns = until_ns,
					    .a = {(uint64_t)c->nr, urem}};
	return -ERESTART_RESTARTBLOCK;
}

static int64_t relative_restart(struct task *t)
{
	struct guest_clock c;
	int64_t r;

	if (guest_clock_get(t, (int)t->restart.a[0], &c))
		return -EINVAL;
	r = relative_sleep(t, &c, t->restart.deadline_ns, t->restart.a[1]);
	guest_clock_put(&c);
	return r;
}

/* By a CPU clock or the wall's: its time for absolute ones, else @ns from now. */
static int64_t sleep_by_clock(struct task *t, const struct guest_clock *c, bool absolute,
			      int64_t ns, uaddr_t urem)
{
	int64_t now;
	int r;

	if (absolute) {
		r = guest_clock_is_cpu(c) ? sleep_cpu_until(t, c, ns)
					  : sleep_until(t, guest_clock_deadline(c, ns));
		return r == -EINTR ? -ERESTARTNOHAND : r;
	}
	now = guest_clock_is_cpu(c) ? guest_clock_read(t, c) : clock_mono_ns();
	if (!add_ok(now, ns, &ns))
		ns = NO_DEADLINE;
	return relative_sleep(t, c, ns, urem);
}

static bool can_sleep_by(int id)
{
	return id < 0 || id == LX_CLOCK_REALTIME || id == LX_CLOCK_MONOTONIC ||
	       id == LX_CLOCK_BOOTTIME || id == LX_CLOCK_TAI ||
	       id == LX_CLOCK_PROCESS_CPUTIME_ID;
}

SYSCALL4(clock_nanosleep, int id, int flags, uaddr_t uts, uaddr_t urem)
{
	struct lx_timespec ts;
	struct guest_clock c;
	int64_t r;

	if (guest_clock_get(t, id, &c))
		return -EINVAL;
	if (!can_sleep_by(id))
		r = -EOPNOTSUPP;
	else if (get_user(&t->mem, ts, uts))
		r = -EFAULT;
	else if (!timespec_valid(&ts) ||
		 /* A thread that waits for its own CPU time would wait for ever. */
		 (c.id == LX_CLOCK_THREAD_CPUTIME_ID && c.target == t))
		r = -EINVAL;
	else
		r = sleep_by_clock(t, &c, flags & LX_TIMER_ABSTIME, timespec_ns(&ts),
				   urem);
	guest_clock_put(&c);
	return r;
}

SYSCALL2(nanosleep, uaddr_t uts, uaddr_t urem)
{
	struct guest_clock c = {.id = LX_CLOCK_MONOTONIC};
	struct lx_timespec ts;

	if (get_user(&t->mem, ts, uts))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	return sleep_by_clock(t, &c, false, timespec_ns(&ts), urem);
}
