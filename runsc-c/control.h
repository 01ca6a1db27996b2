// SPDX-License-Identifier: Apache-2.0
/* Our end of the control socket (proto/control.proto): one message a packet. */
#pragma once

#include "runsc-c/error.h"
#include <sys/ioctl.h>

#include "proto/control.pb-c.h"

#define CONTROL_MAX (4u << 20)

/* 0 or a negative errno. @hfds ride along, borrowed. */
int control_send(int sock, const Runsc__ToSentry *msg, const int *hfds, size_t n_hfds);
int control_send_signal(int sock, int signo);
int control_send_winsize(int sock, const struct winsize *ws);
/* NULL at the end of the connection or when what came is no message; free it with the
 * library. */
Runsc__FromSentry *control_recv(int sock);
