// SPDX-License-Identifier: Apache-2.0
/* What runsc-c says to the Gofer at its start, and hears from it. */
#pragma once

#include "runsc-c/sandbox.h"

/* Sends the exports (root, volumes) and the 9P @channel (borrowed). */
int gofer_configure(const struct do_options *o, int control, int channel,
		    struct error *e);
/*
 * A message from the Gofer is there: missing walls are named on stderr. False when the
 * connection has ended.
 */
bool gofer_event(struct sandbox *s);
