// SPDX-License-Identifier: Apache-2.0
/* Editing of the line that is not yet complete, and how the screen shows it. */
#include "fs/devpts/ldisc_internal.h"

enum erase_kind { ERASE, WERASE, KILL };

static uint8_t at(const struct ldisc *l, uint32_t i)
{
	return l->buf[i % LDISC_SIZE];
}

/* What makes a word for VWERASE: letters (Latin-1), digits, underscore. */
static bool in_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

void edit_finish_erasing(struct ldisc *l)
{
	if (!l->erasing)
		return;
	echo_raw(l, '/');
	l->erasing = false;
}

/*
 * A tab was erased: go back by its width, which depends on what stands before it in the
 * line, up to the tab before, or to the column where the line began.
 */
static void erase_tab(struct ldisc *l)
{
	unsigned width = 0;
	uint32_t i = l->head;

	for (;;) {
		uint8_t c;

		if (i == l->canon) {
			width += l->canon_column;
			break;
		}
		c = at(l, --i);
		if (c == '\t')
			break;
		if (is_control(c))
			width += l->t.lflag & LX_ECHOCTL ? 2 : 0;
		else if (!is_continuation(l, c))
			width++;
	}
	echo_back(l, 8 - (width & 7));
}

/* ECHOPRT: what was erased is printed, backwards, between \ and /. */
static void print_erased(struct ldisc *l, uint32_t first, uint32_t end)
{
	if (!l->erasing) {
		echo_raw(l, '\\');
		l->erasing = true;
	}
	echo_char(l, at(l, first));
	/* The rest of a character of several bytes takes no column. */
	while (++first != end)
		echo_raw(l, at(l, first));
}

static void show_erased(struct ldisc *l, enum erase_kind kind, uint32_t first,
			uint32_t end)
{
	uint32_t lf = l->t.lflag;
	uint8_t c = at(l, first);

	if (lf & LX_ECHOPRT) {
		print_erased(l, first, end);
	} else if (kind == ERASE && !(lf & LX_ECHOE)) {
		echo_char(l, l->t.cc[LX_VERASE]);
	} else if (c == '\t') {
		erase_tab(l);
	} else {
		if (is_control(c) && lf & LX_ECHOCTL)
			echo_text(l, "\b \b");
		if (!is_control(c) || lf & LX_ECHOCTL)
			echo_text(l, "\b \b");
	}
}

/* The line goes as a whole, without being wiped from the screen. */
static void kill_line(struct ldisc *l)
{
	uint32_t lf = l->t.lflag;

	l->head = l->canon;
	if (!(lf & LX_ECHO))
		return;
	edit_finish_erasing(l);
	echo_char(l, l->t.cc[LX_VKILL]);
	if (lf & LX_ECHOK)
		echo_raw(l, '\n');
}

/* The start of the last character; false when only a part of one is there. */
static bool last_char(const struct ldisc *l, uint32_t *first)
{
	uint32_t i = l->head;

	do
		i--;
	while (is_continuation(l, at(l, i)) && i != l->canon);
	*first = i;
	return !is_continuation(l, at(l, i));
}

void edit_erase(struct ldisc *l, uint8_t c)
{
	const uint32_t wipes = LX_ECHO | LX_ECHOE | LX_ECHOK | LX_ECHOKE;
	enum erase_kind kind = ERASE;
	bool seen_word = false;

	if (l->head == l->canon)
		return;
	if (c != l->t.cc[LX_VERASE])
		kind = c == l->t.cc[LX_VWERASE] && l->t.lflag & LX_IEXTEN ? WERASE : KILL;
	if (kind == KILL && (l->t.lflag & wipes) != wipes) {
		kill_line(l);
		return;
	}
	while (l->head != l->canon) {
		uint32_t first, end = l->head;

		if (!last_char(l, &first))
			break;
		if (kind == WERASE) {
			if (in_word(at(l, first)))
				seen_word = true;
			else if (seen_word)
				break;
		}
		l->head = first;
		if (l->t.lflag & LX_ECHO)
			show_erased(l, kind, first, end);
		if (kind == ERASE)
			break;
	}
	if (l->head == l->canon && l->t.lflag & LX_ECHO)
		edit_finish_erasing(l);
}

void edit_reprint(struct ldisc *l, uint8_t c)
{
	edit_finish_erasing(l);
	echo_char(l, c);
	echo_raw(l, '\n');
	for (uint32_t i = l->canon; i != l->head; i++)
		echo_char(l, at(l, i));
}
