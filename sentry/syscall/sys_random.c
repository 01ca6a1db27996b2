// SPDX-License-Identifier: Apache-2.0
/* getrandom(2): the host's generator, which has been seeded long before us. */
#include "sentry/base/host.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/block.h"

#define GRND_NONBLOCK 1u
#define GRND_RANDOM   2u
#define GRND_INSECURE 4u

SYSCALL3(getrandom, uaddr_t buf, size_t n, unsigned flags)
{
	uint8_t bytes[1024];
	size_t done = 0, chunk;
	int r = 0;

	if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	n = min_t(size_t, n, INT32_MAX);
	while (done < n) {
		chunk = min_t(size_t, n - done, sizeof(bytes));
		r = host_getrandom(bytes, chunk);
		if (!r)
			r = copy_to_user(&t->mem, buf + done, bytes, chunk);
		if (r)
			break;
		done += chunk;
		/* Up to 256 bytes are never cut short by a signal;
		 * a page and more may be. */
		if (done >= PAGE_SIZE && done % PAGE_SIZE == 0 && task_signal_pending(t))
			break;
	}
	return done ? (int64_t)done : r;
}
