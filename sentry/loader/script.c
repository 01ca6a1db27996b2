// SPDX-License-Identifier: Apache-2.0
/* The first line of a script: "#! interpreter [one argument]". */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/loader/loader.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The first of @p..@end that is a blank, or NUL; NULL if there is none. */
static char *word_end(char *p, char *end)
{
	for (; p <= end; p++)
		if (is_blank(*p) || !*p)
			return p;
	return NULL;
}

int script_parse(char head[EXEC_HEAD_SIZE], const char **interp, const char **arg)
{
	char *last = head + EXEC_HEAD_SIZE - 1, *end, *name, *sep;

	*interp = *arg = NULL;
	if (head[0] != '#' || head[1] != '!')
		return 0;
	/* Without a newline the line is cut off here:
	 * fine as long as the name is whole. */
	end = memchr(head, '\n', EXEC_HEAD_SIZE);
	if (!end) {
		for (name = head + 2; name <= last && is_blank(*name); name++)
			;
		if (name > last || !word_end(name, last))
			return -ENOEXEC;
		end = last;
	}
	while (end > head + 2 && is_blank(end[-1]))
		end--;
	*end = 0;
	for (name = head + 2; is_blank(*name); name++)
		;
	if (!*name)
		return -ENOEXEC;
	*interp = name;
	sep = word_end(name, end);
	if (sep && *sep) {
		*sep++ = 0;
		while (is_blank(*sep))
			sep++;
		if (*sep)
			*arg = sep;
	}
	return 1;
}
