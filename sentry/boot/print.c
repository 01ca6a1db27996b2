// SPDX-License-Identifier: Apache-2.0
/* The tables behind `runsc-c syscalls`, `runsc-c host-syscalls` and `runsc-c probe`. */
#include <stdio.h>
#include <string.h>

#include "platform/platform.h"
#include "sentry/base/host_rules.h"
#include "sentry/base/log.h"
#include "sentry/boot/boot.h"
#include "sentry/syscall/table.h"

/* Notes are ours and hold neither quotes nor backslashes; a lint test says so. */
static const char *const level_names[] = {"NONE", "PARTIAL", "FULL"};

static void print_syscalls(bool json)
{
	unsigned count[3] = {0};
	bool first = true;

	if (json)
		printf("[");
	for (unsigned nr = 0; nr < SYSCALL_MAX; nr++) {
		const struct syscall_entry *e = &syscall_table[nr];

		if (!e->name)
			continue;
		count[e->level]++;
		if (json)
			printf("%s{\"number\":%u,\"name\":\"%s\",\"level\":\"%s\","
			       "\"note\":\"%s\"}",
			       first ? "" : ",\n", nr, e->name, level_names[e->level],
			       e->note);
		else
			printf("%3u %-24s %-8s %s\n", nr, e->name, level_names[e->level],
			       e->note);
		first = false;
	}
	if (json)
		printf("]\n");
	else
		printf("%u full, %u partial, %u not implemented\n", count[SYSCALL_FULL],
		       count[SYSCALL_PARTIAL], count[SYSCALL_NONE]);
}

/*
 * A condition that another module's rule makes idle is a mistake of ours, and the table
 * would lie. A platform says what it needs, whatever the kernel beside it may do anyway:
 * its row is shown as what the filter makes of it.
 */
static const char *real_args(const struct host_rules *const *all,
			     const struct host_rules *m, const struct host_rule *r,
			     int *bad)
{
	/* Sanitizers need more than any of us. */
	if (&san_host_rules || !host_rule_shadow(all, r))
		return r->args;
	if (!strncmp(m->module, "platform/", strlen("platform/")))
		return "";
	fprintf(stderr, "runsc-sentry: %s: the filter has no condition for %s (%s)\n",
		m->module, r->name, r->args);
	*bad = 1;
	return r->args;
}

static void print_rules(const struct host_rules *const *all, const struct host_rules *m,
			bool json, bool *first, int *bad)
{
	for (const struct host_rule *r = m->rule; r->nr >= 0; r++) {
		const char *args = real_args(all, m, r, bad);

		if (json)
			printf("%s{\"name\":\"%s\",\"args\":\"%s\",\"module\":\"%s\","
			       "\"why\":\"%s\"}",
			       *first ? "" : ",\n", r->name, args, m->module, r->why);
		else
			printf("  %-24s %-40s %-18s %s\n", r->name, *args ? args : "any",
			       m->module, r->why);
		*first = false;
	}
}

/* Different calls, however many rows each has. */
static unsigned count_calls(const struct host_rules *const *all)
{
	bool seen[1024] = {false};
	unsigned n = 0;

	for (; *all; all++)
		for (const struct host_rule *r = (*all)->rule; r->nr >= 0; r++) {
			n += !seen[r->nr & 1023];
			seen[r->nr & 1023] = true;
		}
	return n;
}

/* 0, or 1 if a row was no true one. */
static int print_list(const char *name, const struct host_rules *const *all, bool json)
{
	bool first = true;
	int bad = 0;

	if (json)
		printf("\"%s\":[", name);
	else
		printf("%s: %u host calls\n", name, count_calls(all));
	for (const struct host_rules *const *m = all; *m; m++)
		print_rules(all, *m, json, &first, &bad);
	if (json)
		printf("]");
	return bad;
}

static int print_host_syscalls(bool json)
{
	static const struct host_rules *stubs[8];
	size_t n = 0;
	int bad;

	for (const struct platform_ops *const *p = platform_all(); *p; p++)
		if ((*p)->stub_rules && n < ARRAY_SIZE(stubs) - 1)
			stubs[n++] = (*p)->stub_rules;
	bad = print_list("sentry", sentry_host_rules(), json);
	printf(json ? "," : "\n");
	bad |= print_list("stub", stubs, json);
	if (!json)
		printf("\n");
	return bad;
}

/*
 * What `runsc-c probe` shows: which platforms work here, or why not. Returns the exit
 * status: 1 when none does.
 */
static int print_platforms(bool json)
{
	bool found = false;
	const char *why;

	if (json)
		printf("\"platforms\":[");
	for (const struct platform_ops *const *p = platform_all(); *p; p++) {
		const bool ok = (*p)->probe(&why) == 0;

		if (json)
			printf("%s{\"name\":\"%s\",\"ok\":%s,\"why\":\"%s\"}",
			       p == platform_all() ? "" : ",", (*p)->name,
			       ok ? "true" : "false", ok ? "" : why);
		else
			printf("  %-26s %-4s %s\n", (*p)->name, ok ? "yes" : "no",
			       !ok	? why
			       : !found ? "(what --platform auto takes)"
					: "");
		found |= ok;
	}
	if (json)
		printf("]");
	return !found;
}

int print_tables(const char *mode)
{
	int status = 0;

	if (!strcmp(mode, "--syscalls") || !strcmp(mode, "--syscalls-json"))
		print_syscalls(strstr(mode, "json") != NULL);
	else if (!strcmp(mode, "--host-syscalls") ||
		 !strcmp(mode, "--host-syscalls-json"))
		status = print_host_syscalls(strstr(mode, "json") != NULL)
				 ? EXIT_STATUS_OURS
				 : 0;
	else if (!strcmp(mode, "--platforms") || !strcmp(mode, "--platforms-json"))
		status = print_platforms(strstr(mode, "json") != NULL);
	else
		return EXIT_STATUS_OURS;
	return fflush(stdout) ? EXIT_STATUS_OURS : status;
}
