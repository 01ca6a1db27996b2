/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors through AF_UNIX sockets, one byte with them. */
#pragma once

#include <sys/types.h>

/* sendmsg's answer: 1, or -1 and errno. No SIGPIPE. */
ssize_t send_fds(int s, const int *fds, int n);
/* How many came, with a byte that must. @max: there is room for. @msg_flags: or NULL. */
int recv_fds(int s, int *fds, int max, int flags, int *msg_flags);
