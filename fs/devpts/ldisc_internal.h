// SPDX-License-Identifier: Apache-2.0
/* What the halves of the line discipline share. */
#pragma once

#include "fs/devpts/ldisc.h"

static inline bool is_control(uint8_t c)
{
	return c < 0x20 || c == 0x7f;
}

/* The second and later bytes of a character in UTF-8. */
static inline bool is_continuation(const struct ldisc *l, uint8_t c)
{
	return l->t.iflag & LX_IUTF8 && (c & 0xc0) == 0x80;
}

/* ldisc_out.c: one byte through output processing;
 * the same with ^X for controls (ECHOCTL) */
void echo_raw(struct ldisc *l, uint8_t c);
void echo_char(struct ldisc *l, uint8_t c);
void echo_text(struct ldisc *l, const char *s);
/* Move the cursor back, whatever output processing says. */
void echo_back(struct ldisc *l, unsigned n);

/* ldisc_edit.c: VERASE, VWERASE, VKILL; the line as it stands; ends ECHOPRT's \.../ */
void edit_erase(struct ldisc *l, uint8_t c);
void edit_reprint(struct ldisc *l, uint8_t c);
void edit_finish_erasing(struct ldisc *l);
