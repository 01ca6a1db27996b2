// SPDX-License-Identifier: Apache-2.0
#include "runsc-c/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/base/log.h"

int error_set(struct error *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

void error_print(const struct error *e)
{
	fprintf(stderr, "runsc-c: %s\n", e->text);
}

const char *error_name(int neg_errno)
{
	return strerror(neg_errno < 0 ? -neg_errno : neg_errno);
}

static void *or_die(void *p)
{
	if (!p) {
		fputs("runsc-c: out of memory\n", stderr);
		exit(EXIT_STATUS_OURS);
	}
	return p;
}

void *xalloc(size_t n)
{
	return or_die(calloc(1, n ? n : 1));
}

void *xrealloc(void *p, size_t n)
{
	return or_die(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return or_die(n < 0 ? NULL : s);
}

void strlist_add(struct strlist *l, const char *s)
{
	l->v = xrealloc(l->v, (l->n + 2) * sizeof(*l->v));
	l->v[l->n++] = xstrdup(s);
	l->v[l->n] = NULL;
}
