// SPDX-License-Identifier: Apache-2.0
/*
 * timerfd: expirations are computed from the clock when somebody looks. The kernel timer
 * only wakes waiters, once: read() and gettime() catch up and re-arm, so an unread
 * periodic timer costs one wake-up, not many.
 */
#include "fs/anon/anon.h"
#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/kernel.h"
#include "sentry/base/strbuf.h"
#include "sentry/wait/timer.h"

struct timerfd {
	struct mutex lock; /* LOCK_PIPE; protects all below but the queue */
	struct waitq queue;
	struct ktimer timer;
	int clock; /* immutable */
	bool armed;
	uint64_t ticks;
	int64_t next_ns;     /* CLOCK_MONOTONIC, of the next expiry not yet counted */
	int64_t interval_ns; /* 0: one shot */
	int settime_flags;   /* for fdinfo */
};

static bool is_realtime(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM;
}

static void timerfd_fire(struct ktimer *t)
{
	struct timerfd *tf = container_of(t, struct timerfd, timer);

	/* Whoever looks counts: see catch_up_locked(). */
	waitq_wake(&tf->queue, LX_POLL_IN_MASK);
}

/* Count what has expired by now. Returns the deadline to arm, or NO_DEADLINE. */
static int64_t catch_up_locked(struct timerfd *tf) MUST_HOLD(tf->lock)
{
	int64_t now = clock_mono_ns(), n;

	if (!tf->armed || now < tf->next_ns)
		return tf->armed ? tf->next_ns : NO_DEADLINE;
	if (!tf->interval_ns) {
		tf->ticks++;
		tf->armed = false;
		return NO_DEADLINE;
	}
	n = (now - tf->next_ns) / tf->interval_ns + 1;
	tf->ticks += (uint64_t)n;
	tf->next_ns += n * tf->interval_ns;
	return tf->next_ns;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct timerfd *tf = f->priv;
	int64_t deadline;
	uint64_t ticks;

	(void)pos;
	(void)flags;
	if (u->left < sizeof(ticks))
		return -EINVAL;
	mutex_lock(&tf->lock);
	deadline = catch_up_locked(tf);
	ticks = tf->ticks;
	tf->ticks = 0;
	mutex_unlock(&tf->lock);
	if (deadline != NO_DEADLINE)
		ktimer_arm(&tf->timer, deadline);
	if (!ticks)
		return -EAGAIN;
	return uio_copy_to(u, &ticks, sizeof(ticks)) == sizeof(ticks)
		       ? (ssize_t)sizeof(ticks)
		       : -EFAULT;
}

static uint32_t timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *tf = f->priv;
	bool ready;

	poll_wait(pt, &tf->queue);
	mutex_lock(&tf->lock);
	ready = tf->ticks || (tf->armed && clock_mono_ns() >= tf->next_ns);
	mutex_unlock(&tf->lock);
	return ready ? LX_POLLIN : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *tf = f->priv;

	ktimer_cancel_sync(&tf->timer);
	waitq_destroy(&tf->queue);
	mutex_destroy(&tf->lock);
	mem_free(tf);
}

static void remaining_locked(struct timerfd *tf, struct lx_itimerspec *out)
	MUST_HOLD(tf->lock)
{
	int64_t left = tf->armed ? tf->next_ns - clock_mono_ns() : 0;

	/* An armed timer never shows zero: that would mean disarmed. */
	if (tf->armed && left <= 0)
		left = 1;
	out->value = (struct lx_timespec){left / NSEC_PER_SEC, left % NSEC_PER_SEC};
	out->interval = (struct lx_timespec){tf->interval_ns / NSEC_PER_SEC,
					     tf->interval_ns % NSEC_PER_SEC};
}

void timerfd_get(struct file *f, struct lx_itimerspec *now)
{
	struct timerfd *tf = f->priv;
	int64_t deadline;

	mutex_lock(&tf->lock);
	deadline = catch_up_locked(tf);
	remaining_locked(tf, now);
	mutex_unlock(&tf->lock);
	if (deadline != NO_DEADLINE)
		ktimer_arm(&tf->timer, deadline);
}

/* Monotonic nanoseconds of the first expiry; saturates. */
static int64_t first_expiry(const struct timerfd *tf, bool absolute, int64_t value)
{
	int64_t d, offset = 0;

	if (!absolute)
		return deadline_after(value);
	if (is_realtime(tf->clock))
		offset = clock_mono_ns() - clock_real_ns();
	else if (tf->clock == CLOCK_BOOTTIME || tf->clock == CLOCK_BOOTTIME_ALARM)
		offset = clock_mono_ns() - clock_ns(CLOCK_BOOTTIME);
	return add_ok(value, offset, &d) ? d : NO_DEADLINE - 1;
}

static int64_t spec_ns(const struct lx_timespec *ts)
{
	int64_t ns;

	return mul_ok(ts->sec, NSEC_PER_SEC, &ns) && add_ok(ns, ts->nsec, &ns)
		       ? ns
		       : NO_DEADLINE - 1;
}

static bool spec_valid(const struct lx_timespec *ts)
{
	return ts->sec >= 0 && ts->nsec >= 0 && ts->nsec < NSEC_PER_SEC;
}

int timerfd_set(struct file *f, bool absolute, bool cancel_on_set,
		const struct lx_itimerspec *value, struct lx_itimerspec *old)
{
	struct timerfd *tf = f->priv;
	int64_t deadline = NO_DEADLINE;

	if (!spec_valid(&value->value) || !spec_valid(&value->interval))
		return -EINVAL;
	ktimer_cancel_sync(&tf->timer);
	mutex_lock(&tf->lock);
	catch_up_locked(tf);
	remaining_locked(tf, old);
	tf->ticks = 0;
	tf->interval_ns = spec_ns(&value->interval);
	tf->armed = value->value.sec || value->value.nsec;
	tf->settime_flags = (absolute ? 1 : 0) | (cancel_on_set ? 2 : 0);
	if (tf->armed)
		deadline = tf->next_ns =
			first_expiry(tf, absolute, spec_ns(&value->value));
	mutex_unlock(&tf->lock);
	if (deadline != NO_DEADLINE)
		ktimer_arm(&tf->timer, deadline);
	return 0;
}

static void timerfd_show_fdinfo(struct file *f, struct strbuf *out)
{
	struct timerfd *tf = f->priv;
	struct lx_itimerspec now;

	timerfd_get(f, &now);
	mutex_lock(&tf->lock);
	sb_printf(out,
		  "clockid: %d\nticks: %llu\nsettime flags: 0%o\nit_value: (%lld, %lld)\n"
		  "it_interval: (%lld, %lld)\n",
		  tf->clock, (unsigned long long)tf->ticks, (unsigned)tf->settime_flags,
		  (long long)now.value.sec, (long long)now.value.nsec,
		  (long long)now.interval.sec, (long long)now.interval.nsec);
	mutex_unlock(&tf->lock);
}

static const struct file_ops timerfd_ops = {
	.lseek = simple_noop_lseek,
	.read = timerfd_read,
	.poll = timerfd_poll,
	.no_async = true,
	.release = timerfd_release,
	.show_fdinfo = timerfd_show_fdinfo,
};

bool file_is_timerfd(struct file *f)
{
	return f->ops == &timerfd_ops;
}

int timerfd_create_file(struct kernel *k, int clock, int flags, const struct cred *cred,
			struct file **out)
{
	struct timerfd *tf = mem_zalloc(sizeof(*tf));
	int r;

	*out = NULL;
	if (!tf)
		return -ENOMEM;
	mutex_init(&tf->lock, LOCK_PIPE);
	waitq_init(&tf->queue);
	ktimer_init(&tf->timer, kernel_timers(k), timerfd_fire);
	tf->clock = clock;
	r = anon_file_create(k, "[timerfd]", &timerfd_ops, tf, flags | LX_O_RDWR, cred,
			     out);
	if (r)
		mem_free(tf);
	return r;
}
