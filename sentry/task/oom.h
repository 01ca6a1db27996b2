// SPDX-License-Identifier: Apache-2.0
/* Which process has to end when the sandbox's memory is used up. */
#pragma once

#include "sentry/base/types.h"

struct task;

/*
 * OOM_INIT: the sandbox's init while it is small: all others go before it, since they all
 * go with it. OOM_SPARED: oom_score_adj -1000, which a hostile root can give to all of
 * his: they go when nobody else is left.
 */
enum oom_rank { OOM_FIRST, OOM_INIT, OOM_SPARED };

struct oom_score {
	enum oom_rank rank;
	int64_t points; /* bytes, moved by oom_score_adj */
	uint64_t bytes;
};

/*
 * oom_judge - @t leads a process with @resident bytes. @heap: the Sentry's own, which is
 * the most that what stands in pipes and sockets can be. Takes tasklist, LOCK_TASK and
 * those of descriptor tables and files.
 */
void oom_judge(struct task *t, uint64_t resident, uint64_t heap, uint64_t limit,
	       struct oom_score *out);
/* Does @a go before @b? */
bool oom_worse(const struct oom_score *a, const struct oom_score *b);
