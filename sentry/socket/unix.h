// SPDX-License-Identifier: Apache-2.0
/* AF_UNIX. Source: unix(7). */
#pragma once

#include "sentry/socket/socket.h"

extern const struct sock_family unix_family;
