// SPDX-License-Identifier: Apache-2.0
/* Host clocks in nanoseconds. Deadlines are absolute CLOCK_MONOTONIC nanoseconds. */
#pragma once

#include <time.h>

#include "sentry/base/types.h"

#define NSEC_PER_SEC  1000000000ll
#define NSEC_PER_MSEC 1000000ll
#define NSEC_PER_USEC 1000ll

#define NO_DEADLINE INT64_MAX

int64_t clock_ns(clockid_t id);

static inline int64_t clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline int64_t clock_real_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* now + delta, saturating at NO_DEADLINE. */
static inline int64_t deadline_after(int64_t delta_ns)
{
	int64_t d;

	return add_ok(clock_mono_ns(), delta_ns, &d) ? d : NO_DEADLINE;
}
