// SPDX-License-Identifier: Apache-2.0
// LINK: fs/devpts/ldisc.c fs/devpts/ldisc_edit.c fs/devpts/ldisc_out.c
/*
 * The line discipline by itself: what is typed against what a program reads and what the
 * screen shows. The rules are termios(3)'s; the guest tests compare with the host's
 * kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fs/devpts/ldisc.h"
#include "sentry/abi/signal.h"

static struct ring out;
static struct ldisc l;

static int setup(void **state)
{
	(void)state;
	memset(&out, 0, sizeof(out));
	ldisc_init(&l, &out);
	return 0;
}

static void type(const char *s)
{
	assert_int_equal(ldisc_receive(&l, (const uint8_t *)s, strlen(s)), strlen(s));
}

static void reads(const char *want)
{
	char buf[LDISC_SIZE + 1];
	size_t n;

	assert_true(ldisc_readable(&l, 1));
	n = ldisc_read(&l, (uint8_t *)buf, LDISC_SIZE);
	buf[n] = '\0';
	assert_string_equal(buf, want);
}

static void shows(const char *want)
{
	char buf[RING_SIZE + 1];
	size_t n = ring_read(&out, (uint8_t *)buf, RING_SIZE);

	buf[n] = '\0';
	assert_string_equal(buf, want);
}

static void prints(const char *s)
{
	assert_int_equal(ldisc_write(&l, (const uint8_t *)s, strlen(s)), strlen(s));
}

static void mode(uint32_t i_on, uint32_t i_off, uint32_t l_on, uint32_t l_off)
{
	struct lx_termios t = l.t;

	t.iflag = (t.iflag & ~i_off) | i_on;
	t.lflag = (t.lflag & ~l_off) | l_on;
	ldisc_set_termios(&l, &t);
}

static void output_mode(uint32_t oflag)
{
	struct lx_termios t = l.t;

	t.oflag = oflag;
	ldisc_set_termios(&l, &t);
}

static void character(int index, uint8_t c)
{
	struct lx_termios t = l.t;

	t.cc[index] = c;
	ldisc_set_termios(&l, &t);
}

static void lines_and_echo(void **state)
{
	(void)state;
	type("abc");
	assert_false(ldisc_readable(&l, 1));
	type("\ndef\r");
	reads("abc\n");
	reads("def\n");
	assert_false(ldisc_readable(&l, 1));
	shows("abc\r\ndef\r\n");
	type("\x01\t\x1b");
	shows("^A\t^[");
}

static void end_of_file(void **state)
{
	uint8_t buf[8];

	(void)state;
	type("\x04");
	assert_true(ldisc_readable(&l, 1));
	assert_int_equal(ldisc_read(&l, buf, 8), 0);
	type("ab\x04");
	assert_int_equal(ldisc_available(&l), 2);
	/* A buffer that is just full takes the end with it. */
	assert_int_equal(ldisc_read(&l, buf, 2), 2);
	assert_false(ldisc_readable(&l, 1));
}

static void other_line_ends(void **state)
{
	(void)state;
	character(LX_VEOL, ';');
	character(LX_VEOL2, '!');
	type("a;b!c\n");
	reads("a;");
	reads("b!");
	reads("c\n");
	mode(0, 0, 0, LX_IEXTEN);
	type("d!e;");
	reads("d!e;");
}

static void erasing(void **state)
{
	(void)state;
	type("ab\x7f\x7f\x7f");
	shows("ab\b \b\b \b");
	type("a\x01\x7f");
	shows("a^A\b \b\b \b");
	type("\n");
	reads("a\n");
	shows("\r\n");
	type("one two_3 \x17X\n");
	reads("one X\n");
	(void)setup(NULL);
	type("gone\x15"
	     "x\n");
	reads("x\n");
	shows("gone\b \b\b \b\b \b\b \bx\r\n");
}

static void erasing_a_tab(void **state)
{
	(void)state;
	prints("> ");
	type("a\t\x7f");
	shows("> a\t\b\b\b\b\b"); /* from column 8 back to 3 */
	type("\t\x01\t\x7f");
	shows("\t^A\t\b\b\b\b\b\b"); /* behind a tab: 16 back to 10 */
}

static void erasing_utf8(void **state)
{
	(void)state;
	mode(LX_IUTF8, 0, 0, 0);
	type("x\xc3\xa4\x7f");
	shows("x\xc3\xa4\b \b");
	type("\n");
	reads("x\n");
}

static void erasing_on_paper(void **state)
{
	(void)state;
	mode(0, 0, LX_ECHOPRT, 0);
	type("abc\x7f\x7fx\n");
	shows("abc\\cb/x\r\n");
	reads("ax\n");
}

static void kill_without_wiping(void **state)
{
	(void)state;
	mode(0, 0, 0, LX_ECHOKE);
	type("abc\x15");
	shows("abc^U\r\n");
	mode(0, 0, 0, LX_ECHOE);
	type("ab\x7f");
	shows("ab^?");
}

static void literal_next(void **state)
{
	(void)state;
	type("a\x16\x03\x16\n\n");
	reads("a\x03\n\n");
	assert_int_equal(l.fx.signals, 0);
	shows("a^\b^C^\b^J\r\n");
}

static void reprint(void **state)
{
	(void)state;
	type("ab\x12"
	     "c\n");
	shows("ab^R\r\nabc\r\n");
	reads("abc\n");
}

static void signals(void **state)
{
	(void)state;
	type("lost\x03");
	assert_int_equal(l.fx.signals, 1 << LX_SIGINT);
	assert_true(l.fx.flush_output);
	type("x\n");
	reads("x\n");
	l.fx = (struct ldisc_effects){0};
	mode(0, 0, LX_NOFLSH, 0);
	type("kept\x1a\x1c\n");
	assert_int_equal(l.fx.signals, 1 << LX_SIGTSTP | 1 << LX_SIGQUIT);
	assert_false(l.fx.flush_output);
	reads("kept\n");
	l.fx = (struct ldisc_effects){0};
	mode(0, 0, 0, LX_ISIG);
	type("\x03\n");
	assert_int_equal(l.fx.signals, 0);
	reads("\x03\n");
}

static void input_mapping(void **state)
{
	(void)state;
	mode(LX_IGNCR, 0, 0, 0);
	type("a\rb\n");
	reads("ab\n");
	mode(LX_INLCR, LX_IGNCR | LX_ICRNL, 0, 0);
	type("a\nb");
	assert_false(ldisc_readable(&l, 1));
	mode(LX_ICRNL | LX_ISTRIP | LX_IUCLC, LX_INLCR, 0, 0);
	type("\xc1"
	     "BC\r");
	reads("a\rbabc\n");
}

static void marked_errors(void **state)
{
	(void)state;
	mode(LX_PARMRK, 0, 0, LX_ICANON);
	type("a\xff");
	reads("a\xff\xff");
	mode(LX_ISTRIP, 0, 0, 0);
	type("\xff");
	reads("\x7f");
}

static void raw_and_back(void **state)
{
	(void)state;
	mode(0, ~0u, 0, ~0u);
	assert_true(l.raw);
	type("a\x03\r\x04");
	assert_true(ldisc_readable(&l, 4));
	assert_false(ldisc_readable(&l, 5));
	reads("a\x03\r\x04");
	type("left");
	mode(0, 0, LX_ICANON, 0);
	reads("left"); /* without an end, a line all the same */
	type("half");
	assert_false(ldisc_readable(&l, 1));
	mode(0, 0, 0, LX_ICANON);
	reads("half");
}

static void output(void **state)
{
	(void)state;
	output_mode(LX_OPOST | LX_XTABS);
	prints("a\tb\n\tc");
	shows("a       b\n       c"); /* the column goes on without ONLRET */
	output_mode(LX_OPOST | LX_ONLRET | LX_XTABS);
	prints("\n\tx");
	shows("\n        x");
	output_mode(LX_OPOST | LX_OCRNL);
	prints("a\rb");
	shows("a\nb");
	output_mode(LX_OPOST | LX_ONOCR);
	prints("\r\rx\r");
	shows("\rx\r");
	output_mode(LX_OPOST | LX_OLCUC);
	prints("abc1");
	shows("ABC1");
	output_mode(LX_ONLCR);
	prints("a\n");
	shows("a\n");
}

static void output_without_room(void **state)
{
	char fill[RING_SIZE - 1];

	(void)state;
	memset(fill, '.', sizeof(fill));
	assert_int_equal(ldisc_write(&l, (uint8_t *)fill, sizeof(fill)), sizeof(fill));
	/* One place: not for CR LF, and the newline is not half written. */
	assert_int_equal(ldisc_write(&l, (const uint8_t *)"\n", 1), 0);
	assert_int_equal(ldisc_write(&l, (const uint8_t *)"xy", 2), 1);
	assert_false(ldisc_writable(&l));
	/* Echo waits, ahead of later output. */
	type("echo\n");
	out.tail += 100;
	assert_false(ldisc_writable(&l));
	ldisc_push_echo(&l);
	prints("later");
	out.tail = out.head - 11;
	shows("echo\r\nlater");
}

static void flow(void **state)
{
	(void)state;
	type("\x13");
	assert_int_equal(l.fx.packet, LX_TIOCPKT_STOP);
	assert_int_equal(ldisc_write(&l, (const uint8_t *)"x", 1), 0);
	type("ab");
	shows("");
	type("\x11");
	assert_int_equal(l.fx.packet, LX_TIOCPKT_START);
	shows("ab");
	mode(LX_IXANY, 0, 0, 0);
	type("\x13"
	     "c");
	shows("c");
	ldisc_stop(&l, true);
	type("\x11"
	     "d"); /* neither helps against TCOOFF */
	assert_false(ldisc_writable(&l));
	ldisc_start(&l, true);
	shows("d");
	type("\x13");
	mode(0, LX_IXON, 0, 0); /* nobody could type ^Q any more */
	assert_true(ldisc_writable(&l));
}

static void full(void **state)
{
	static char line[LDISC_SIZE * 2];
	uint8_t buf[LDISC_SIZE];

	(void)state;
	mode(0, 0, 0, LX_ECHO);
	/* A line without end is cut, its end is kept. */
	memset(line, 'x', sizeof(line) - 1);
	type(line);
	type("\n");
	assert_int_equal(ldisc_read(&l, buf, sizeof(buf)), LDISC_SIZE);
	assert_int_equal(buf[LDISC_SIZE - 1], '\n');
	/* Lines that nobody reads are not. */
	type("short\n");
	memset(line, 'y', LDISC_SIZE);
	line[LDISC_SIZE] = '\0';
	assert_true(ldisc_receive(&l, (uint8_t *)line, LDISC_SIZE) < LDISC_SIZE);
	reads("short\n");
	/* PARMRK takes two places a byte and stays inside. */
	ldisc_flush_input(&l);
	mode(LX_PARMRK, 0, 0, 0);
	memset(line, 0xff, sizeof(line) - 1);
	ldisc_receive(&l, (uint8_t *)line, sizeof(line) - 1);
	assert_true(l.head - l.tail <= LDISC_SIZE);
}

/* Whatever comes in whatever mode, counts stay in order and inside the buffers. */
static void anything(void **state)
{
	uint8_t buf[300];

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		struct lx_termios t = l.t;
		size_t n = (size_t)rand() % sizeof(buf);

		for (size_t j = 0; j < n; j++)
			buf[j] = (uint8_t)(rand() % 4 ? rand() % 32 : rand());
		switch (rand() % 5) {
		case 0:
			t.iflag = (uint32_t)rand();
			t.oflag = (uint32_t)rand();
			t.lflag = (uint32_t)rand();
			t.cc[rand() % LX_NCCS] = (uint8_t)rand();
			ldisc_set_termios(&l, &t);
			break;
		case 1:
			ldisc_read(&l, buf, n);
			break;
		case 2:
			ldisc_write(&l, buf, n);
			break;
		case 3:
			ring_read(&out, buf, n);
			ldisc_push_echo(&l);
			break;
		default:
			ldisc_receive(&l, buf, n);
		}
		assert_true(l.head - l.tail <= LDISC_SIZE);
		assert_true(l.canon - l.tail <= l.head - l.tail);
		assert_true(ring_used(&out) <= RING_SIZE);
		assert_true(l.echo_n <= ECHO_SIZE);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(lines_and_echo),
		T(end_of_file),
		T(other_line_ends),
		T(erasing),
		T(erasing_a_tab),
		T(erasing_utf8),
		T(erasing_on_paper),
		T(kill_without_wiping),
		T(literal_next),
		T(reprint),
		T(signals),
		T(input_mapping),
		T(marked_errors),
		T(raw_and_back),
		T(output),
		T(output_without_room),
		T(flow),
		T(full),
		T(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
