// SPDX-License-Identifier: Apache-2.0
/* AF_UNIX. Source: unix(7). */
#pragma once

#include "sentry/socket/socket.h"

extern const struct sock_family unix_family;

/* Frees the name table; k->unix_names may be NULL. */
struct unix_names;
void unix_names_free(struct unix_names *n);
