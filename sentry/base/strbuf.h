// SPDX-License-Identifier: Apache-2.0
/* A growing text buffer. A failed allocation is remembered; check sb_failed() once. */
#pragma once

#include "sentry/base/types.h"

struct strbuf {
	char *data; /* NUL-terminated, owned; NULL while empty */
	size_t len, cap;
	bool failed;
};

#define STRBUF_INIT                                                                      \
	{                                                                                \
		0                                                                        \
	}

void sb_printf(struct strbuf *sb, const char *fmt, ...) PRINTF_LIKE(2, 3);
void sb_append(struct strbuf *sb, const void *bytes, size_t n);
void sb_puts(struct strbuf *sb, const char *s);
void sb_free(struct strbuf *sb);

static inline bool sb_failed(const struct strbuf *sb)
{
	return sb->failed;
}
