// SPDX-License-Identifier: Apache-2.0
/* Timeouts as calls take them, turned into deadlines. */
#pragma once

#include "sentry/abi/errno.h"
#include "sentry/mm/umem.h"
#include "sentry/task/timespec.h"

/* A relative timespec at @addr (0: none) as a deadline. -EFAULT, -EINVAL. */
static inline int deadline_from_user(const struct umem *u, uaddr_t addr,
				     int64_t *deadline)
{
	struct lx_timespec ts;

	*deadline = NO_DEADLINE;
	if (!addr)
		return 0;
	if (get_user(u, ts, addr))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	*deadline = deadline_after(timespec_ns(&ts));
	return 0;
}

/* What is left until @deadline, written back
 * as select and ppoll do; errors are ignored. */
static inline void remaining_to_user(const struct umem *u, uaddr_t addr, int64_t deadline)
{
	struct lx_timespec ts;
	int64_t left;

	if (!addr || deadline == NO_DEADLINE)
		return;
	left = deadline - clock_mono_ns();
	ts = ns_timespec(left > 0 ? left : 0);
	(void)!put_user(u, addr, ts);
}
