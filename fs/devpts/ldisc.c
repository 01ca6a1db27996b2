// SPDX-License-Identifier: Apache-2.0
/* Typed bytes: from the other side of the pair to what a program reads. */
#include "fs/devpts/ldisc_internal.h"

#include "sentry/abi/signal.h"

/* As Linux's tty_std_termios. */
static const struct lx_termios default_termios = {
	.iflag = LX_ICRNL | LX_IXON,
	.oflag = LX_OPOST | LX_ONLCR,
	.cflag = LX_B38400 | LX_CS8 | LX_CREAD,
	.lflag = LX_ISIG | LX_ICANON | LX_ECHO | LX_ECHOE | LX_ECHOK | LX_ECHOCTL |
		 LX_ECHOKE | LX_IEXTEN,
	.cc =
		{
			[LX_VINTR] = 3,
			[LX_VQUIT] = 28,
			[LX_VERASE] = 127,
			[LX_VKILL] = 21,
			[LX_VEOF] = 4,
			[LX_VMIN] = 1,
			[LX_VSTART] = 17,
			[LX_VSTOP] = 19,
			[LX_VSUSP] = 26,
			[LX_VREPRINT] = 18,
			[LX_VDISCARD] = 15,
			[LX_VWERASE] = 23,
			[LX_VLNEXT] = 22,
		},
};

static void bit_set(uint8_t *map, uint32_t i)
{
	map[i / 8] |= (uint8_t)(1u << i % 8);
}

static void bit_clear(uint8_t *map, uint32_t i)
{
	map[i / 8] &= (uint8_t) ~(1u << i % 8);
}

static bool bit_test(const uint8_t *map, uint32_t i)
{
	return map[i / 8] >> i % 8 & 1;
}

/* --- the mode ---------------------------------------------------------------------- */

/* Which bytes mean something in this mode. */
static void find_special(struct ldisc *l)
{
	static const struct {
		uint8_t index;
		uint32_t lflag; /* all of them must be on */
	} by_local[] = {
		{LX_VERASE, LX_ICANON},
		{LX_VKILL, LX_ICANON},
		{LX_VEOF, LX_ICANON},
		{LX_VEOL, LX_ICANON},
		{LX_VWERASE, LX_ICANON | LX_IEXTEN},
		{LX_VLNEXT, LX_ICANON | LX_IEXTEN},
		{LX_VEOL2, LX_ICANON | LX_IEXTEN},
		{LX_VREPRINT, LX_ICANON | LX_IEXTEN | LX_ECHO},
		{LX_VINTR, LX_ISIG},
		{LX_VQUIT, LX_ISIG},
		{LX_VSUSP, LX_ISIG},
	};
	const struct lx_termios *t = &l->t;

	memset(l->special, 0, sizeof(l->special));
	if (t->iflag & (LX_IGNCR | LX_ICRNL))
		bit_set(l->special, '\r');
	if (t->iflag & LX_INLCR || t->lflag & LX_ICANON)
		bit_set(l->special, '\n');
	if (t->iflag & LX_IXON) {
		bit_set(l->special, t->cc[LX_VSTART]);
		bit_set(l->special, t->cc[LX_VSTOP]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(by_local); i++)
		if ((t->lflag & by_local[i].lflag) == by_local[i].lflag)
			bit_set(l->special, t->cc[by_local[i].index]);
	bit_clear(l->special, LX_VDISABLE);
	l->raw = !(t->iflag & (LX_ISTRIP | LX_IUCLC | LX_IGNCR | LX_ICRNL | LX_INLCR |
			       LX_IXON | LX_PARMRK)) &&
		 !(t->lflag & (LX_ICANON | LX_ISIG | LX_ECHO));
}

void ldisc_init(struct ldisc *l, struct ring *out)
{
	memset(l, 0, sizeof(*l));
	l->out = out;
	l->t = default_termios;
	find_special(l);
}

/* What stands in the buffer changes its meaning with the mode. */
static void change_mode(struct ldisc *l)
{
	memset(l->ends, 0, sizeof(l->ends));
	if (!(l->t.lflag & LX_ICANON) || l->head == l->tail) {
		l->canon = l->tail;
	} else {
		/* All of it becomes a line that has no end character. */
		bit_set(l->ends, (l->head - 1) % LDISC_SIZE);
		l->canon = l->head;
	}
	l->erasing = l->lnext = false;
}

void ldisc_set_termios(struct ldisc *l, const struct lx_termios *t)
{
	struct lx_termios old = l->t;

	l->t = *t;
	if ((old.lflag ^ t->lflag) & (LX_ICANON | LX_EXTPROC))
		change_mode(l);
	find_special(l);
	/* Nobody could type the character that ends a stop any more. */
	if (old.iflag & LX_IXON && !(t->iflag & LX_IXON))
		ldisc_start(l, false);
}

void ldisc_flush_input(struct ldisc *l)
{
	l->tail = l->canon = l->head = 0;
	memset(l->ends, 0, sizeof(l->ends));
	l->erasing = l->lnext = false;
	l->fx.packet |= LX_TIOCPKT_FLUSHREAD;
}

/* --- receiving --------------------------------------------------------------------- */

static void put(struct ldisc *l, uint8_t c)
{
	l->buf[l->head++ % LDISC_SIZE] = c;
}

/* PARMRK: 0377 announces an error, so a true one is doubled. */
static void put_marked(struct ldisc *l, uint8_t c)
{
	if (c == 0xff && l->t.iflag & LX_PARMRK)
		put(l, c);
	put(l, c);
}

static void end_line(struct ldisc *l, uint8_t c)
{
	bit_set(l->ends, l->head % LDISC_SIZE);
	put(l, c);
	l->canon = l->head;
}

static void echo_typed(struct ldisc *l, uint8_t c)
{
	if (!(l->t.lflag & LX_ECHO))
		return;
	edit_finish_erasing(l);
	if (l->canon == l->head)
		l->canon_column = l->column;
	echo_char(l, c);
}

static void any_restarts(struct ldisc *l)
{
	if (l->stopped && !l->tco_stopped &&
	    (l->t.iflag & (LX_IXON | LX_IXANY)) == (LX_IXON | LX_IXANY))
		ldisc_start(l, false);
}

static void receive_plain(struct ldisc *l, uint8_t c)
{
	any_restarts(l);
	echo_typed(l, c);
	put_marked(l, c);
}

static void receive_signal(struct ldisc *l, int signo, uint8_t c)
{
	l->fx.signals |= 1ull << signo;
	if (!(l->t.lflag & LX_NOFLSH)) {
		l->echo_n = 0;
		l->fx.flush_output = true;
		ldisc_flush_input(l);
	}
	if (l->t.iflag & LX_IXON)
		ldisc_start(l, false);
	if (l->t.lflag & LX_ECHO)
		echo_char(l, c);
}

/* In canonical mode: true when that was all. */
static bool receive_canon(struct ldisc *l, uint8_t c)
{
	const uint8_t *cc = l->t.cc;
	uint32_t lf = l->t.lflag;
	bool ext = lf & LX_IEXTEN;

	if (c == cc[LX_VERASE] || c == cc[LX_VKILL] || (c == cc[LX_VWERASE] && ext)) {
		edit_erase(l, c);
	} else if (c == cc[LX_VLNEXT] && ext) {
		l->lnext = true;
		if (lf & LX_ECHO) {
			edit_finish_erasing(l);
			if (lf & LX_ECHOCTL)
				echo_text(l, "^\b");
		}
	} else if (c == cc[LX_VREPRINT] && ext && lf & LX_ECHO) {
		edit_reprint(l, c);
	} else if (c == '\n') {
		if (lf & (LX_ECHO | LX_ECHONL))
			echo_raw(l, '\n');
		end_line(l, c);
	} else if (c == cc[LX_VEOF]) {
		end_line(l, LX_VDISABLE);
	} else if (c == cc[LX_VEOL] || (c == cc[LX_VEOL2] && ext)) {
		echo_typed(l, c);
		if (c == 0xff && l->t.iflag & LX_PARMRK)
			put(l, c);
		end_line(l, c);
	} else {
		return false;
	}
	return true;
}

/* A byte that is special in this mode. */
static void receive_special(struct ldisc *l, uint8_t c)
{
	const uint8_t *cc = l->t.cc;
	uint32_t i = l->t.iflag, lf = l->t.lflag;

	if (i & LX_IXON && (c == cc[LX_VSTART] || c == cc[LX_VSTOP])) {
		if (c == cc[LX_VSTART])
			ldisc_start(l, false);
		else
			ldisc_stop(l, false);
		return;
	}
	if (lf & LX_ISIG) {
		int signo = c == cc[LX_VINTR]	? LX_SIGINT
			    : c == cc[LX_VQUIT] ? LX_SIGQUIT
			    : c == cc[LX_VSUSP] ? LX_SIGTSTP
						: 0;

		if (signo) {
			receive_signal(l, signo, c);
			return;
		}
	}
	any_restarts(l);
	if (c == '\r') {
		if (i & LX_IGNCR)
			return;
		if (i & LX_ICRNL)
			c = '\n';
	} else if (c == '\n' && i & LX_INLCR) {
		c = '\r';
	}
	if (lf & LX_ICANON && receive_canon(l, c))
		return;
	if (c == '\n' && lf & LX_ECHO) {
		edit_finish_erasing(l);
		echo_raw(l, c);
	} else {
		echo_typed(l, c);
	}
	put_marked(l, c);
}

static void receive(struct ldisc *l, uint8_t c)
{
	uint32_t i = l->t.iflag;

	if (l->raw) {
		put(l, c);
		return;
	}
	if (i & LX_ISTRIP)
		c &= 0x7f;
	if (i & LX_IUCLC && l->t.lflag & LX_IEXTEN &&
	    ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7)))
		c += 0x20;
	if (l->lnext) {
		l->lnext = false;
		receive_plain(l, c);
	} else if (l->t.lflag & LX_EXTPROC) {
		/* The other side did all that. */
		put(l, c);
	} else if (bit_test(l->special, c)) {
		receive_special(l, c);
	} else {
		receive_plain(l, c);
	}
}

/* Bytes that may be received now; one byte may take two places with PARMRK. */
static size_t room(const struct ldisc *l)
{
	size_t n = LDISC_SIZE - (l->head - l->tail);

	if (l->t.iflag & LX_PARMRK)
		n = (n + 2) / 3;
	return n ? n - 1 : 0;
}

/* Nothing ends the line: what is typed now
 * overwrites its last place until something does. */
static void cut_line(struct ldisc *l)
{
	uint32_t max = LDISC_SIZE - (l->t.iflag & LX_PARMRK ? 2 : 1);

	if (l->head - l->tail > max)
		l->head = l->tail + max;
}

size_t ldisc_receive(struct ldisc *l, const uint8_t *src, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!room(l)) {
			/* A reader makes room;
			 * only a line without an end would stay for ever. */
			if (!(l->t.lflag & LX_ICANON) || l->canon != l->tail)
				break;
			cut_line(l);
		}
		receive(l, src[i]);
	}
	ldisc_push_echo(l);
	return i;
}

/* --- reading ----------------------------------------------------------------------- */

static bool by_line(const struct ldisc *l)
{
	return l->t.lflag & LX_ICANON && !(l->t.lflag & LX_EXTPROC);
}

bool ldisc_readable(const struct ldisc *l, size_t min)
{
	if (by_line(l))
		return l->canon != l->tail;
	return l->head - l->tail >= (min ? min : 1);
}

size_t ldisc_available(const struct ldisc *l)
{
	size_t n;

	if (!by_line(l))
		return l->head - l->tail;
	n = l->canon - l->tail;
	for (uint32_t i = l->tail; i != l->canon; i++)
		if (bit_test(l->ends, i % LDISC_SIZE) &&
		    l->buf[i % LDISC_SIZE] == LX_VDISABLE)
			n--;
	return n;
}

static bool take_line_end(struct ldisc *l)
{
	uint32_t i = l->tail % LDISC_SIZE;

	if (!bit_test(l->ends, i))
		return false;
	bit_clear(l->ends, i);
	return true;
}

static size_t read_line(struct ldisc *l, uint8_t *dst, size_t n)
{
	size_t done = 0;

	while (l->tail != l->canon) {
		uint8_t c = l->buf[l->tail % LDISC_SIZE];
		bool eof = c == LX_VDISABLE && bit_test(l->ends, l->tail % LDISC_SIZE);
		bool end;

		/* VEOF right behind a full buffer goes with it:
		 * the next read is no end of file. */
		if (done == n && !eof)
			break;
		end = take_line_end(l);
		l->tail++;
		if (!eof)
			dst[done++] = c;
		if (end)
			break;
	}
	return done;
}

size_t ldisc_read(struct ldisc *l, uint8_t *dst, size_t n)
{
	size_t done;

	if (by_line(l))
		return read_line(l, dst, n);
	for (done = 0; done < n && l->tail != l->head; done++)
		dst[done] = l->buf[l->tail++ % LDISC_SIZE];
	l->canon = l->tail;
	return done;
}
