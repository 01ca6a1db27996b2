// SPDX-License-Identifier: Apache-2.0
/* Text for the user: what was wrong and what to do. runsc-c may die for want of memory.
 */
#pragma once

#include "sentry/base/types.h"

struct error {
	char text[512];
};

/* Sets the text; returns -1 so that callers can `return error_set(...)`. */
int error_set(struct error *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Prints "runsc-c: text" on stderr. */
void error_print(const struct error *e);
/* The name of an error number, e.g. "No such file or directory". */
const char *error_name(int neg_errno);

void *xalloc(size_t n);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A growing list of strings, NULL-terminated for convenience. */
struct strlist {
	char **v;
	size_t n;
};
void strlist_add(struct strlist *l, const char *s);
