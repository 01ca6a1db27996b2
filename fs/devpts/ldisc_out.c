// SPDX-License-Identifier: Apache-2.0
/* Output processing, flow control, and the echo's way out. */
#include "fs/devpts/ldisc_internal.h"

/* The longest that one byte becomes: a tab. */
#define MAX_EXPANSION 8
/* So much echo is passed on at once, even in the middle of what is typed. */
#define ECHO_BATCH 256

/* Upper case by Latin-1, as Linux's tables have it. */
static uint8_t to_upper(uint8_t c)
{
	bool lower = (c >= 'a' && c <= 'z') || (c >= 0xe0 && c != 0xf7 && c != 0xff);

	return lower ? c - 0x20 : c;
}

/*
 * What @c becomes with OPOST, into @dst; moves the column. Returns its length, and with
 * more than @room of it -1 and nothing changed.
 */
static int process(struct ldisc *l, uint8_t c, uint8_t *dst, size_t room)
{
	uint32_t o = l->t.oflag;
	unsigned spaces;

	switch (c) {
	case '\n':
		if (o & LX_ONLCR) {
			if (room < 2)
				return -1;
			l->canon_column = l->column = 0;
			dst[0] = '\r';
			dst[1] = '\n';
			return 2;
		}
		if (o & LX_ONLRET)
			l->column = 0;
		l->canon_column = l->column;
		break;
	case '\r':
		if (o & LX_ONOCR && !l->column)
			return 0;
		if (o & LX_OCRNL)
			c = '\n';
		if (!(o & LX_OCRNL) || o & LX_ONLRET)
			l->canon_column = l->column = 0;
		break;
	case '\t':
		spaces = 8 - (l->column & 7);
		if ((o & LX_TABDLY) == LX_XTABS) {
			if (room < spaces)
				return -1;
			l->column += spaces;
			memset(dst, ' ', spaces);
			return (int)spaces;
		}
		l->column += spaces;
		break;
	case '\b':
		if (l->column)
			l->column--;
		break;
	default:
		if (is_control(c))
			break;
		if (o & LX_OLCUC)
			c = to_upper(c);
		if (!is_continuation(l, c))
			l->column++;
	}
	if (!room)
		return -1;
	dst[0] = c;
	return 1;
}

bool ldisc_writable(const struct ldisc *l)
{
	return !l->stopped && !l->echo_n && ring_room(l->out);
}

size_t ldisc_write(struct ldisc *l, const uint8_t *src, size_t n)
{
	uint8_t buf[MAX_EXPANSION];
	size_t done;

	if (!ldisc_writable(l))
		return 0;
	if (!(l->t.oflag & LX_OPOST))
		return ring_write(l->out, src, n);
	for (done = 0; done < n; done++) {
		int len;

		/* The column must not move for what is not written. */
		if (!ring_room(l->out))
			break;
		len = process(l, src[done], buf, ring_room(l->out));
		if (len < 0)
			break;
		ring_write(l->out, buf, (size_t)len);
	}
	return done;
}

/* --- echo -------------------------------------------------------------------------- */

void ldisc_push_echo(struct ldisc *l)
{
	size_t n;

	if (!l->echo_n || l->stopped)
		return;
	n = ring_write(l->out, l->echo, l->echo_n);
	l->echo_n -= (uint32_t)n;
	memmove(l->echo, l->echo + n, l->echo_n);
}

/*
 * Echo is passed on when what was typed at once is used up, as on Linux: a VSTOP among it
 * holds the echo before it back, too. A terminal that nobody reads loses echo, not input.
 */
static void put(struct ldisc *l, const uint8_t *src, size_t n)
{
	if (ECHO_SIZE - l->echo_n < n)
		return;
	memcpy(l->echo + l->echo_n, src, n);
	l->echo_n += (uint32_t)n;
	if (l->echo_n >= ECHO_BATCH)
		ldisc_push_echo(l);
}

void echo_raw(struct ldisc *l, uint8_t c)
{
	uint8_t buf[MAX_EXPANSION] = {c};
	int n = 1;

	/* 0377 is an escape in Linux's echo buffer,
	 * whose way out counts it in any mode. */
	if (c == 0xff)
		l->column++;
	else if (l->t.oflag & LX_OPOST)
		n = process(l, c, buf, sizeof(buf));
	put(l, buf, (size_t)n);
}

void echo_char(struct ldisc *l, uint8_t c)
{
	const uint8_t caret[2] = {'^', c ^ 0100};

	if (!(l->t.lflag & LX_ECHOCTL) || !is_control(c) || c == '\t') {
		echo_raw(l, c);
		return;
	}
	put(l, caret, 2);
	l->column += 2;
}

void echo_text(struct ldisc *l, const char *s)
{
	for (; *s; s++)
		echo_raw(l, (uint8_t)*s);
}

void echo_back(struct ldisc *l, unsigned n)
{
	while (n--) {
		put(l, (const uint8_t *)"\b", 1);
		if (l->column)
			l->column--;
	}
}

/* --- flow control ------------------------------------------------------------------ */

void ldisc_stop(struct ldisc *l, bool tco)
{
	if (tco)
		l->tco_stopped = true;
	if (l->stopped)
		return;
	l->stopped = true;
	l->fx.packet = (uint8_t)((l->fx.packet & ~LX_TIOCPKT_START) | LX_TIOCPKT_STOP);
}

void ldisc_start(struct ldisc *l, bool tco)
{
	/* TCOON ends what TCOOFF began, and VSTART what VSTOP did. */
	if (tco != l->tco_stopped)
		return;
	l->tco_stopped = false;
	if (!l->stopped)
		return;
	l->stopped = false;
	l->fx.packet = (uint8_t)((l->fx.packet & ~LX_TIOCPKT_STOP) | LX_TIOCPKT_START);
	ldisc_push_echo(l);
}
