// SPDX-License-Identifier: Apache-2.0
/*
 * The line discipline (N_TTY): what a terminal does with the bytes that pass.
 *
 *	typed bytes -> ldisc_receive() -> edited lines -> ldisc_read()
 *	                     | echo
 *	                     v
 *	program -> ldisc_write() -> output processing -> the ring to the other side
 *
 * It knows nothing of files, tasks and locks: the pair's lock is held around every call,
 * and what it wants done outside (signals, packet-mode notices) is left in effects.
 *
 * Source: termios(3), POSIX 11.1; where they leave room, what Linux does.
 */
#pragma once

#include "fs/devpts/ring.h"
#include "sentry/abi/termios.h"

#define LDISC_SIZE 4096u /* room for typed bytes: a line is at most one less */
#define ECHO_SIZE  4096u

/* Notices for the caller; it clears them. */
struct ldisc_effects {
	uint64_t signals; /* 1 << signo, for the foreground group */
	uint8_t packet;	  /* LX_TIOCPKT_* */
	bool flush_output;
};

struct ldisc {
	struct lx_termios t;
	struct ring *out; /* borrowed */
	struct ldisc_effects fx;

	/*
	 * Typed bytes: counts ever, used modulo LDISC_SIZE. tail <= canon <= head: up to
	 * canon are complete lines, behind it the line that is being edited. In raw mode
	 * canon stays where it is and everything up to head may be read.
	 */
	uint32_t tail, canon, head;
	uint8_t buf[LDISC_SIZE];
	uint8_t ends[LDISC_SIZE /
		     8]; /* bit: a line ends with this byte (0: VEOF, not read) */
	uint8_t special[256 / 8]; /* bytes that need a look in the present mode */
	bool raw;		  /* none does: pass everything */
	bool lnext;		  /* VLNEXT came: the next byte is literal */
	bool erasing;		  /* ECHOPRT: inside \.../ */
	int64_t received_ns;	  /* when the last byte came; the caller keeps it */

	/* Output */
	unsigned column, canon_column; /* of the cursor; of the line being edited */
	bool stopped;		       /* by VSTOP or TCOOFF */
	bool tco_stopped;	       /* by TCOOFF: VSTART does not help */
	uint32_t echo_n;
	uint8_t echo[ECHO_SIZE]; /* processed echo on its way to out */
};

void ldisc_init(struct ldisc *l, struct ring *out);

/*
 * ldisc_receive - take typed bytes. Returns how many were taken: fewer when lines that
 * nobody reads fill the buffer (a line that is too long is cut instead).
 */
size_t ldisc_receive(struct ldisc *l, const uint8_t *src, size_t n);

/* ldisc_read - up to @n bytes: at most one line in canonical mode; 0 also for VEOF. */
size_t ldisc_read(struct ldisc *l, uint8_t *dst, size_t n);
/* Is there something to read: a line, or at least @min bytes? */
bool ldisc_readable(const struct ldisc *l, size_t min);
/* What FIONREAD says. */
size_t ldisc_available(const struct ldisc *l);

/* ldisc_write - process output. Returns how many bytes were taken: what has room. */
size_t ldisc_write(struct ldisc *l, const uint8_t *src, size_t n);
/* Could a write take anything now? */
bool ldisc_writable(const struct ldisc *l);
/* Room came free, or output goes on: echo that waits moves first. */
void ldisc_push_echo(struct ldisc *l);

void ldisc_set_termios(struct ldisc *l, const struct lx_termios *t);
/* Forget what was typed and not read. */
void ldisc_flush_input(struct ldisc *l);
/* VSTOP and VSTART, or TCOOFF and TCOON (@tco). */
void ldisc_stop(struct ldisc *l, bool tco);
void ldisc_start(struct ldisc *l, bool tco);
