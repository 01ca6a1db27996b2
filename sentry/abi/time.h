// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sentry/base/types.h"

struct lx_timespec {
	int64_t sec, nsec;
};

struct lx_timeval {
	int64_t sec, usec;
};

struct lx_itimerspec {
	struct lx_timespec interval, value;
};

struct lx_itimerval {
	struct lx_timeval interval, value;
};

#define LX_UTIME_NOW	 ((1l << 30) - 1l)
#define LX_UTIME_OMIT	 ((1l << 30) - 2l)
#define LX_TIMER_ABSTIME 1
