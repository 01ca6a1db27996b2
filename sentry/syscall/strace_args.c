// SPDX-License-Identifier: Apache-2.0
/* Arguments that are shown by themselves: numbers, names, strings and buffers. */
#include <ctype.h>
#include <string.h>

#include "sentry/abi/fcntl.h"
#include "sentry/abi/stat.h"
#include "sentry/syscall/strace_internal.h"

#define MAX_STRING 64  /* bytes of a buffer */
#define MAX_PATH   256 /* of a path */
#define MAX_VECTOR 16  /* elements of an array */

void strace_put_pointer(struct strbuf *sb, uint64_t p)
{
	if (p)
		sb_printf(sb, "%#llx", (unsigned long long)p);
	else
		sb_puts(sb, "NULL");
}

static void put_char(struct strbuf *sb, unsigned char c)
{
	switch (c) {
	case '\n':
		sb_puts(sb, "\\n");
		break;
	case '\t':
		sb_puts(sb, "\\t");
		break;
	case '\r':
		sb_puts(sb, "\\r");
		break;
	case '"':
	case '\\':
		sb_printf(sb, "\\%c", c);
		break;
	default:
		sb_printf(sb, isprint(c) ? "%c" : "\\x%02x", c);
		break;
	}
}

void strace_put_quoted(struct strbuf *sb, const void *bytes, size_t n, bool cut)
{
	const unsigned char *p = bytes;

	sb_puts(sb, "\"");
	for (size_t i = 0; i < n; i++)
		put_char(sb, p[i]);
	sb_puts(sb, cut ? "\"..." : "\"");
}

void strace_put_bytes(struct strbuf *sb, struct task *t, uaddr_t from, uint64_t len)
{
	char buf[MAX_STRING];
	size_t n = min_t(uint64_t, len, sizeof(buf));

	if (!from || copy_from_user(&t->mem, buf, from, n))
		strace_put_pointer(sb, from);
	else
		strace_put_quoted(sb, buf, n, n < len);
}

static void put_string(struct strbuf *sb, struct task *t, uaddr_t from, size_t max)
{
	char buf[MAX_PATH + 1];
	ssize_t n;

	if (!from) {
		sb_puts(sb, "NULL");
		return;
	}
	n = copy_string_from_user(&t->mem, buf, from, max + 1);
	if (n == -ENAMETOOLONG)
		strace_put_quoted(sb, buf, max, true);
	else if (n < 0)
		strace_put_pointer(sb, from);
	else
		strace_put_quoted(sb, buf, (size_t)n, false);
}

static void put_strings(struct strbuf *sb, struct task *t, uaddr_t array)
{
	uint64_t p;
	unsigned i;

	if (!array) {
		sb_puts(sb, "NULL");
		return;
	}
	sb_puts(sb, "[");
	for (i = 0; i < MAX_VECTOR; i++) {
		if (get_user(&t->mem, p, array + i * 8) || !p)
			break;
		sb_puts(sb, i ? ", " : "");
		put_string(sb, t, p, MAX_STRING);
	}
	sb_puts(sb, i == MAX_VECTOR ? ", ...]" : "]");
}

static void put_out_buffer(struct strbuf *sb, const struct strace_arg *a)
{
	if (a->ret >= 0)
		strace_put_bytes(sb, a->t, a->value, (uint64_t)a->ret);
	else
		strace_put_pointer(sb, a->value);
}

void strace_put_arg(struct strbuf *sb, enum arg_kind kind, const struct strace_arg *a)
{
	const struct names *names = strace_names(kind);

	if (names) {
		strace_put_names(sb, names, a->value);
		return;
	}
	if (strace_put_struct(sb, kind, a))
		return;
	switch (kind) {
	case A_INT:
	case A_FD:
	case A_PID:
	case A_UID:
	case A_GID:
		sb_printf(sb, "%d", (int)a->value);
		break;
	case A_ATFD:
		if ((int)a->value == LX_AT_FDCWD)
			sb_puts(sb, "AT_FDCWD");
		else
			sb_printf(sb, "%d", (int)a->value);
		break;
	case A_LONG:
	case A_OFF:
		sb_printf(sb, "%lld", (long long)a->value);
		break;
	case A_SIZE:
		sb_printf(sb, "%llu", (unsigned long long)a->value);
		break;
	case A_MODE:
		sb_printf(sb, "%#o", (unsigned)a->value);
		break;
	case A_DEV:
		sb_printf(sb, "makedev(%#x, %#x)", lx_major(a->value),
			  lx_minor(a->value));
		break;
	case A_SIG:
		strace_put_signal(sb, a->value);
		break;
	case A_PATH:
		put_string(sb, a->t, a->value, MAX_PATH);
		break;
	case A_STR:
		put_string(sb, a->t, a->value, MAX_STRING);
		break;
	case A_STRV:
		put_strings(sb, a->t, a->value);
		break;
	case A_BUF_IN:
		strace_put_bytes(sb, a->t, a->value, a->next);
		break;
	case A_BUF_OUT:
		put_out_buffer(sb, a);
		break;
	case A_PTR:
		strace_put_pointer(sb, a->value);
		break;
	default:
		sb_printf(sb, "%#llx", (unsigned long long)a->value);
		break;
	}
}
