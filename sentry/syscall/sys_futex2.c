// SPDX-License-Identifier: Apache-2.0
/* The newer calls on futexes: one operation each,
 * sizes in flags, times by a named clock. */
#include "sentry/syscall/syscall.h"
#include "sentry/task/clock_id.h"
#include "sentry/task/futex.h"
#include "sentry/task/timespec.h"

/* 32-bit words only, as on Linux so far; no NUMA. */
static bool flags_valid(unsigned flags)
{
	return (flags & LX_FUTEX2_SIZE_MASK) == LX_FUTEX2_SIZE_U32 &&
	       !(flags & ~(LX_FUTEX2_SIZE_MASK | LX_FUTEX2_PRIVATE));
}

static int get_deadline(struct task *t, uaddr_t uts, int clock, int64_t *deadline_ns)
{
	struct guest_clock c = {.nr = clock, .id = clock};
	struct lx_timespec ts;

	*deadline_ns = NO_DEADLINE;
	if (!uts)
		return 0;
	if (clock != LX_CLOCK_MONOTONIC && clock != LX_CLOCK_REALTIME)
		return -EINVAL;
	if (get_user(&t->mem, ts, uts))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	*deadline_ns = guest_clock_deadline(&c, timespec_ns(&ts));
	return 0;
}

static int get_items(struct task *t, uaddr_t uwaiters, unsigned n,
		     struct futex_wait_item *item)
{
	struct lx_futex_waitv w;

	for (unsigned i = 0; i < n; i++) {
		if (get_user(&t->mem, w, uwaiters + i * sizeof(w)))
			return -EFAULT;
		if (!flags_valid(w.flags) || w.reserved || w.val > UINT32_MAX)
			return -EINVAL;
		item[i] = (struct futex_wait_item){
			.addr = w.uaddr,
			.value = (uint32_t)w.val,
			.shared = !(w.flags & LX_FUTEX2_PRIVATE),
		};
	}
	return 0;
}

SYSCALL5(futex_waitv, uaddr_t uwaiters, unsigned n, unsigned flags, uaddr_t uts,
	 int clock)
{
	struct futex_wait_item item[LX_FUTEX_WAITV_MAX];
	int64_t deadline_ns;
	int r;

	if (flags || !n || n > LX_FUTEX_WAITV_MAX || !uwaiters)
		return -EINVAL;
	r = get_deadline(t, uts, clock, &deadline_ns);
	if (!r)
		r = get_items(t, uwaiters, n, item);
	return r ? r : futex_waitv(t, item, n, deadline_ns);
}

SYSCALL4(futex_wake, uaddr_t addr, uint64_t mask, int n, unsigned flags)
{
	if (!flags_valid(flags) || mask > UINT32_MAX || !mask)
		return -EINVAL;
	if (!n)
		return 0;
	return futex_wake(t, addr, !(flags & LX_FUTEX2_PRIVATE), n, (uint32_t)mask);
}

SYSCALL6(futex_wait, uaddr_t addr, uint64_t value, uint64_t mask, unsigned flags,
	 uaddr_t uts, int clock)
{
	int64_t deadline_ns;
	int r;

	if (!flags_valid(flags) || value > UINT32_MAX || mask > UINT32_MAX || !mask)
		return -EINVAL;
	r = get_deadline(t, uts, clock, &deadline_ns);
	if (r)
		return r;
	return futex_wait(t, addr, !(flags & LX_FUTEX2_PRIVATE), (uint32_t)value,
			  (uint32_t)mask, deadline_ns);
}

SYSCALL4(futex_requeue, uaddr_t uwaiters, unsigned flags, int n_wake, int n_requeue)
{
	struct futex_wait_item item[2];
	int r;

	if (flags || !uwaiters)
		return -EINVAL;
	r = get_items(t, uwaiters, 2, item);
	if (r)
		return r;
	return futex_requeue(t, item[0].addr, item[0].shared, item[1].addr,
			     item[1].shared, n_wake, n_requeue, &item[0].value);
}
