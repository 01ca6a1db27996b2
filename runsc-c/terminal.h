// SPDX-License-Identifier: Apache-2.0
/*
 * The caller's terminal while a sandbox uses it (design D18): raw, bytes relayed to
 * the guest's own pty over the console socket, restored whatever dies first.
 *
 *	terminal_find()    before the sandbox starts: is there one?
 *	terminal_enter()   the guest runs: raw, and a guard that outlives us
 *	terminal_relay()   whenever poll(2) says so
 *	terminal_leave()   on the way to a stop, or at the end
 *
 * In the background (of the shell that started us) the terminal is not ours to change:
 *then it is wanted, but not raw, and terminal_enter() is tried again.
 */
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include "runsc-c/error.h"

struct terminal {
	int hfd;	      /* the terminal; owned; -1: none */
	bool known;	      /* saved holds modes that suit the guest's terminal, too */
	struct termios saved; /* before we changed it */
	struct termios set;   /* what we made of it; all zero: nothing yet */
	bool entered;	      /* once: the screen is not written to before it was raw */
	bool raw;
	bool wanted; /* raw as soon as we are in the foreground */
	int sock;    /* console socket; owned */
	int guard;   /* owned; its reader restores the terminal when we die */
	int guard_hpid;
	char in[4096], out[4096]; /* keyboard to guest, guest to screen */
	size_t in_len, out_len;
	bool in_eof, out_eof;
};

/* Finds the terminal among streams 0..2: returns the bits of those that are it. */
unsigned terminal_find(struct terminal *t);
void terminal_enter(struct terminal *t);
void terminal_leave(struct terminal *t);
/* The end: the guard goes, descriptors are closed. */
void terminal_done(struct terminal *t);
struct winsize terminal_winsize(const struct terminal *t);

/* For poll(2): which events each side wants now. */
short terminal_want(const struct terminal *t);
short terminal_sock_want(const struct terminal *t);
/* Move what can be moved without blocking. */
void terminal_relay(struct terminal *t, short tty_events, short sock_events);
/* Everything the guest wrote is on the screen. */
bool terminal_drained(const struct terminal *t);
