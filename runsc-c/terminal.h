// SPDX-License-Identifier: Apache-2.0
/*
 * The caller's terminal while a sandbox uses it (design D18): raw, bytes relayed to
 * the guest's own pty over the console socket, restored whatever dies first.
 */
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include "runsc-c/error.h"

struct terminal {
	int hfd;		/* the terminal; borrowed; -1: none */
	struct termios saved;
	bool raw;
	int sock;		/* console socket; owned */
	char in[4096], out[4096]; /* keyboard to guest, guest to screen */
	size_t in_len, out_len;
	bool in_eof, out_eof;
};

/* Finds the terminal among streams 0..2: bits of those that are it. */
unsigned terminal_streams(int *hfd);
void terminal_raw(struct terminal *t);
void terminal_restore(struct terminal *t);
struct winsize terminal_winsize(const struct terminal *t);

/* For poll(2): which events each side wants now. */
short terminal_want(const struct terminal *t);
short terminal_sock_want(const struct terminal *t);
/* Move what can be moved without blocking. */
void terminal_relay(struct terminal *t, short tty_events, short sock_events);
/* Everything the guest wrote is on the screen. */
bool terminal_drained(const struct terminal *t);
