// SPDX-License-Identifier: Apache-2.0
/* struct rusage, for getrusage(2), wait4(2), waitid(2). */
#pragma once

#include "sentry/abi/time.h"
#include "sentry/task/task.h"

struct lx_rusage {
	struct lx_timeval utime, stime;
	int64_t maxrss; /* KiB */
	int64_t ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd,
		msgrcv, nsignals, nvcsw, nivcsw;
};
_Static_assert(sizeof(struct lx_rusage) == 144, "struct rusage");

static inline struct lx_timeval ns_timeval(int64_t ns)
{
	return (struct lx_timeval){ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / NSEC_PER_USEC};
}

static inline void rusage_to_user(const struct rusage_sum *u, struct lx_rusage *out)
{
	*out = (struct lx_rusage){
		.utime = ns_timeval(u->utime_ns),
		.stime = ns_timeval(u->stime_ns),
		.maxrss = (int64_t)(u->maxrss / 1024),
		.minflt = (int64_t)u->minflt,
		.majflt = (int64_t)u->majflt,
		.inblock = (int64_t)u->inblock,
		.oublock = (int64_t)u->oublock,
		.nvcsw = (int64_t)u->nvcsw,
		.nivcsw = (int64_t)u->nivcsw,
	};
}
