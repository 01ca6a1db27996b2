// SPDX-License-Identifier: Apache-2.0
/* Clocks. Guest and Sentry share the host's clocks (design D19). */
#include "sentry/task/clock_id.h"

#include <time.h>

#include "sentry/abi/errno.h"
#include "sentry/base/clock.h"
#include "sentry/task/rusage.h"

/* Dynamic CPU clocks: ~pid << 3 | thread << 2 | kind. */
#define CPUCLOCK_PERTHREAD 4
#define CPUCLOCK_KIND	   3
#define CPUCLOCK_FD	   3 /* a clock device: there are none */

/* --- clocks ------------------------------------------------------------------------ */

static int dynamic_clock(struct task *t, int id, struct guest_clock *out)
{
	bool thread = id & CPUCLOCK_PERTHREAD;
	int pid = ~(id >> 3);

	if ((id & CPUCLOCK_KIND) == CPUCLOCK_FD || pid < 0)
		return -EINVAL;
	out->id = thread ? LX_CLOCK_THREAD_CPUTIME_ID : LX_CLOCK_PROCESS_CPUTIME_ID;
	if (!pid)
		out->target = task_get(t);
	else if (thread)
		out->target = task_lookup(t, pid);
	else
		out->target = process_lookup(t, pid);
	/* Threads of other processes are none of the caller's business. */
	if (out->target && thread && out->target->tg != t->tg)
		guest_clock_put(out);
	return out->target ? 0 : -EINVAL;
}

int guest_clock_get(struct task *t, int id, struct guest_clock *out)
{
	*out = (struct guest_clock){.nr = id, .id = id};
	if (id < 0)
		return dynamic_clock(t, id, out);
	if (id == LX_CLOCK_PROCESS_CPUTIME_ID || id == LX_CLOCK_THREAD_CPUTIME_ID)
		out->target = task_get(t);
	return id <= LX_CLOCK_BOOTTIME_ALARM || id == LX_CLOCK_TAI ? 0 : -EINVAL;
}

void guest_clock_put(struct guest_clock *c)
{
	if (c->target)
		task_put(c->target);
	c->target = NULL;
}

int64_t guest_clock_read(struct task *t, const struct guest_clock *c)
{
	struct rusage_sum u;

	switch (c->id) {
	case LX_CLOCK_PROCESS_CPUTIME_ID:
		usage_process(c->target->tg, t, &u);
		return u.utime_ns + u.stime_ns;
	case LX_CLOCK_THREAD_CPUTIME_ID:
		if (c->target == t)
			usage_self_thread(t, &u);
		else
			usage_thread(c->target, &u);
		return u.utime_ns + u.stime_ns;
	case LX_CLOCK_REALTIME_ALARM:
		return clock_ns(CLOCK_REALTIME);
	case LX_CLOCK_BOOTTIME_ALARM:
		return clock_ns(CLOCK_BOOTTIME);
	default:
		return clock_ns(c->id);
	}
}

void guest_clock_nudge(const struct guest_clock *c)
{
	if (c->id == LX_CLOCK_THREAD_CPUTIME_ID)
		task_kick(c->target, TASK_WORK_NOTIFY);
}

int64_t guest_clock_deadline(const struct guest_clock *c, int64_t ns)
{
	if (c->id == LX_CLOCK_MONOTONIC)
		return ns;
	return deadline_after(ns - guest_clock_read(NULL, c));
}
