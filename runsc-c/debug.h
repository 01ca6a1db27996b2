// SPDX-License-Identifier: Apache-2.0
/*
 * How `runsc-c debug PID` reaches the `runsc-c do` of that number: by a name in the
 * abstract space of AF_UNIX sockets. Each asks the kernel who the other is.
 *
 *	debug_listen()   `do`, at its start
 *	debug_connect()  `debug`; then it reads until the end
 *	debug_serve()    `do`: hands it to the Sentry, who writes and closes it
 */
#pragma once

/* The listening socket, owned by the caller; -1: no such sockets here, nobody can ask. */
int debug_listen(void);
/*
 * Takes one connection and passes it on over the control socket @control, if it comes
 * from our own user or from root. Never blocks.
 */
void debug_serve(int listen_hfd, int control);
/* The connection to @hpid, owned by the caller, or -1: it is no sandbox, or not ours. */
int debug_connect(int hpid);
