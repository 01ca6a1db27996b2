// SPDX-License-Identifier: Apache-2.0
#include "sentry/base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sentry/base/alloc.h"

static bool reserve(struct strbuf *sb, size_t more)
{
	size_t need = sb->len + more + 1, cap = sb->cap ? sb->cap : 256;
	char *data;

	if (sb->failed)
		return false;
	if (need <= sb->cap)
		return true;
	while (cap < need)
		cap *= 2;
	data = mem_realloc(sb->data, cap);
	if (!data) {
		sb->failed = true;
		return false;
	}
	sb->data = data;
	sb->cap = cap;
	return true;
}

void sb_printf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0 && reserve(sb, (size_t)n)) {
		vsnprintf(sb->data + sb->len, (size_t)n + 1, fmt, again);
		sb->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

void sb_append(struct strbuf *sb, const void *bytes, size_t n)
{
	if (!reserve(sb, n))
		return;
	if (n)
		memcpy(sb->data + sb->len, bytes, n);
	sb->len += n;
	sb->data[sb->len] = '\0';
}

void sb_puts(struct strbuf *sb, const char *s)
{
	sb_append(sb, s, strlen(s));
}

void sb_free(struct strbuf *sb)
{
	mem_free(sb->data);
	*sb = (struct strbuf)STRBUF_INIT;
}
