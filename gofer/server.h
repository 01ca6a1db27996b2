// SPDX-License-Identifier: Apache-2.0
/* Between session.c (requests) and channel.c (sockets and threads). Private to gofer/. */
#pragma once

#include "gofer/internal.h"

struct session *session_create(struct gofer *g);
void session_free(struct session *s);

/* Handles one message and sends the reply. Negative: the connection is of no more use. */
int request_serve(struct request *rq, const uint8_t *msg, size_t size);

/* One whole message; @hfds (@n_hfds, borrowed) ride along. */
int channel_send(struct channel *ch, const void *buf, size_t size, const int *hfds,
		 unsigned n_hfds);
