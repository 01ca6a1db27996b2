// SPDX-License-Identifier: Apache-2.0
#include "sentry/base/park.h"

#include <errno.h>
#include <linux/futex.h>

#include "sentry/base/clock.h"
#include "sentry/base/host.h"

enum { PARK_IDLE, PARK_SLEEPING, PARK_WOKEN };

void park_init(struct park *p)
{
	atomic_init(&p->word, PARK_IDLE);
}

void park_clear(struct park *p)
{
	atomic_store(&p->word, PARK_IDLE);
}

int park_wait(struct park *p, int64_t deadline_ns)
{
	for (;;) {
		unsigned old = PARK_IDLE;

		/* Only the sleeper writes SLEEPING;
		 * a waker that cleared it would lose one. */
		if (!atomic_compare_exchange_strong(&p->word, &old, PARK_SLEEPING) &&
		    old == PARK_WOKEN) {
			atomic_store(&p->word, PARK_IDLE);
			return 0;
		}
		if (host_futex_wait(&p->word, PARK_SLEEPING, deadline_ns) == -ETIMEDOUT) {
			old = PARK_SLEEPING;
			if (atomic_compare_exchange_strong(&p->word, &old, PARK_IDLE))
				return -ETIMEDOUT;
		}
	}
}

bool park_is_woken(const struct park *p)
{
	return atomic_load_explicit(&p->word, memory_order_relaxed) == PARK_WOKEN;
}

void park_wake(struct park *p)
{
	if (atomic_exchange(&p->word, PARK_WOKEN) == PARK_SLEEPING)
		host_futex_wake(&p->word, 1);
}
