// SPDX-License-Identifier: Apache-2.0
/* Starting one of our own programs in namespaces of its own. */
#pragma once

#include "runsc-c/error.h"

/* Which namespaces a child got; what is missing is a wall named to the user. */
enum {
	NS_USER = 1,
	NS_PID = 2,
	NS_NET = 4,
	NS_IPC = 8,
	NS_UTS = 16,
	NS_MNT = 32,
	NS_SENTRY = 63, /* all of them are what the Sentry wants */
};

struct spawn_args {
	const char *program; /* "runsc-sentry": found beside our own executable */
	unsigned
		want_ns; /* NS_*: tried together; without NS_USER, then none on refusal */
	bool nobody;	 /* as root: map the user namespace's root to host uid 65534 */
	const int *hfds; /* placed at 3, 4, ... in the child; borrowed */
	size_t n_hfds;
	const char *arg; /* one argument, or NULL */
	int stdout_hfd;	 /* -1: inherited */
};

struct child {
	int hpid;
	int pidfd;	 /* owned */
	int alive_hfd;	 /* owned: a pipe's end that closes when we are gone */
	unsigned got_ns; /* NS_* */
};

int spawn_program(const struct spawn_args *a, struct child *out, struct error *e);
/*
 * spawn_to_end - for what it prints. Returns its exit status, -1 with the text in @e when
 * it could not be started or a signal ended it. A reader that has seen enough
 * (`| head`) is no failure. *got_ns: NS_* that it had; may be NULL.
 */
int spawn_to_end(const struct spawn_args *a, unsigned *got_ns, struct error *e);
/* The child's exit status as waitpid gives it; reaps. */
int child_wait(struct child *c);
