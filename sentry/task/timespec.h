// SPDX-License-Identifier: Apache-2.0
/* The guest's time structures and our nanoseconds. */
#pragma once

#include "sentry/abi/time.h"
#include "sentry/base/clock.h"

static inline bool timespec_valid(const struct lx_timespec *ts)
{
	return ts->sec >= 0 && (uint64_t)ts->nsec < (uint64_t)NSEC_PER_SEC;
}

static inline bool timeval_valid(const struct lx_timeval *tv)
{
	return tv->sec >= 0 && (uint64_t)tv->usec < 1000000u;
}

/* Of a valid one; what does not fit in 64 bits is NO_DEADLINE: 292 years. */
static inline int64_t timespec_ns(const struct lx_timespec *ts)
{
	int64_t ns;

	return mul_ok(ts->sec, NSEC_PER_SEC, &ns) && add_ok(ns, ts->nsec, &ns)
		       ? ns
		       : NO_DEADLINE;
}

static inline int64_t timeval_ns(const struct lx_timeval *tv)
{
	struct lx_timespec ts = {tv->sec, tv->usec * NSEC_PER_USEC};

	return timespec_ns(&ts);
}

static inline struct lx_timespec ns_timespec(int64_t ns)
{
	return (struct lx_timespec){ns / NSEC_PER_SEC, ns % NSEC_PER_SEC};
}

static inline struct lx_timeval ns_timeval(int64_t ns)
{
	return (struct lx_timeval){ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / NSEC_PER_USEC};
}
