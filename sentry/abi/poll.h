// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sentry/base/types.h"

#define LX_POLLIN     0x0001u
#define LX_POLLPRI    0x0002u
#define LX_POLLOUT    0x0004u
#define LX_POLLERR    0x0008u
#define LX_POLLHUP    0x0010u
#define LX_POLLNVAL   0x0020u
#define LX_POLLRDNORM 0x0040u
#define LX_POLLRDBAND 0x0080u
#define LX_POLLWRNORM 0x0100u
#define LX_POLLWRBAND 0x0200u
#define LX_POLLMSG    0x0400u
#define LX_POLLRDHUP  0x2000u
/* Readable, writable: what a file that never blocks answers. */
#define LX_POLL_IN_MASK	 (LX_POLLIN | LX_POLLRDNORM)
#define LX_POLL_OUT_MASK (LX_POLLOUT | LX_POLLWRNORM)

struct lx_pollfd {
	int32_t fd;
	int16_t events, revents;
};
