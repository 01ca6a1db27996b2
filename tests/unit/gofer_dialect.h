// SPDX-License-Identifier: Apache-2.0
/* For tests of the Gofer's dialect: a session of it, attached with fid 1. */
#pragma once

#include "tests/unit/gofer_inproc.h"

/* @type: of the socket; @e, @max_hfds: as client_start(). */
static UNUSED struct client *dialect_start(int type, struct gofer_export e,
					   unsigned max_hfds, uint32_t msize)
{
	struct client *c = client_start(type, e, max_hfds);

	assert_int_equal(client_version(c, P9_VERSION_RUNSC, msize), 0);
	assert_int_equal(client_attach(c, 1, "root"), 0);
	return c;
}

static UNUSED struct client *dialect(struct gofer_export e, unsigned max_hfds)
{
	return dialect_start(SOCK_SEQPACKET, e, max_hfds, P9_MSIZE_MAX);
}

/* Teardown of a test whose state is the client. */
static UNUSED int dialect_stop(void **state)
{
	client_stop(*state);
	return 0;
}
