// SPDX-License-Identifier: Apache-2.0
/*
 * A thread's parking place: one futex word with a wake-up that is remembered.
 * Usual sequence: park_clear(), look whether there is something to do, park_wait().
 * A park_wake() after the clear makes the wait return at once, so none is lost.
 */
#pragma once

#include <stdatomic.h>

#include "sentry/base/types.h"

struct park {
	atomic_uint
		word; /* PARK_IDLE, PARK_SLEEPING (written by the owner), PARK_WOKEN */
};

void park_init(struct park *p);
/* Owner only: forget earlier wake-ups. */
void park_clear(struct park *p);
/*
 * park_wait - owner only: sleep until woken or @deadline_ns (CLOCK_MONOTONIC,
 * NO_DEADLINE for none). Returns 0 when woken (the wake-up is consumed), -ETIMEDOUT.
 */
int park_wait(struct park *p, int64_t deadline_ns);
/* Would a park_wait() return at once? Owner only. */
bool park_is_woken(const struct park *p);
/* Any thread, under any lock. */
void park_wake(struct park *p);
