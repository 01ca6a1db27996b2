// SPDX-License-Identifier: Apache-2.0
/* Resource limits of the first process; children copy their parent's. */
#include "sentry/task/internal.h"

void rlimit_init(struct rlimit64 rlim[LX_RLIMIT_N])
{
	static const struct {
		enum lx_rlimit which;
		uint64_t cur, max;
	} first[] = {
		{LX_RLIMIT_STACK, 8 << 20, LX_RLIM_INFINITY},
		{LX_RLIMIT_CORE, 0, LX_RLIM_INFINITY},
		{LX_RLIMIT_NOFILE, 1024, 1 << 20},
		{LX_RLIMIT_MEMLOCK, 8 << 20, 8 << 20},
		{LX_RLIMIT_SIGPENDING, 31434, 31434},
		{LX_RLIMIT_NPROC, 31434, 31434},
		{LX_RLIMIT_MSGQUEUE, 819200, 819200},
		{LX_RLIMIT_NICE, 0, 0},
		{LX_RLIMIT_RTPRIO, 0, 0},
	};

	for (int i = 0; i < LX_RLIMIT_N; i++)
		rlim[i] = (struct rlimit64){LX_RLIM_INFINITY, LX_RLIM_INFINITY};
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		rlim[first[i].which] = (struct rlimit64){first[i].cur, first[i].max};
}
