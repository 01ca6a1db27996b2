// SPDX-License-Identifier: Apache-2.0
/*
 * A running sandbox as runsc-c sees it: the Sentry, the Gofer, the control socket.
 *
 *	sandbox_start()   both programs run and have their configuration
 *	sandbox_wait()    relays signals, terminal and resizes until the guest's init ends
 */
#pragma once

#include "runsc-c/options.h"
#include "runsc-c/spawn.h"
#include "runsc-c/terminal.h"

struct sandbox {
	struct child sentry, gofer;
	int control;	   /* owned */
	int gofer_control; /* owned */
	int debug;	   /* owned: who asks what the tasks do connects here; or -1 */
	struct terminal tty;
	unsigned tty_streams; /* bits 0..2 */
	bool strict;
	uint64_t memory;    /* its limit; 0: none */
	bool gofer_refused; /* it cannot serve, or --strict and a wall is missing */
};

int sandbox_start(const struct do_options *o, struct sandbox *s, struct error *e);
/* Returns the exit status that a shell user expects. */
int sandbox_wait(struct sandbox *s);
/* Ends and reaps what is left. Nothing of the sandbox remains. */
void sandbox_end(struct sandbox *s);
