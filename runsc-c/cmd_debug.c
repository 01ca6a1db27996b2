// SPDX-License-Identifier: Apache-2.0
/*
 * `debug PID`: PID is that of a running `runsc-c do`. Its Sentry answers with a line for
 * every task: state, current call, what it waits for; and with the places in each process's code
 * where system calls are made.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runsc-c/commands.h"
#include "runsc-c/debug.h"
#include "sentry/base/alloc.h"
#include "sentry/base/log.h"

#define ANSWER_MS 10000

static void usage(FILE *to)
{
	fputs("usage: runsc-c debug PID\n\n"
	      "Prints what every task of a sandbox is doing, and where each process\n"
	      "makes its calls: how many trapped there, how many came by a patch of\n"
	      "that place, and why it is not patched. PID is the process id of a\n"
	      "`runsc-c do`; `pgrep -fa 'runsc-c do'` lists them.\n",
	      to);
}

static int parse_pid(const char *s)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(s, &end, 10);
	return isdigit((unsigned char)*s) && !*end && !errno && v <= INT_MAX ? (int)v : 0;
}

/* Names of tasks are the guest's choice: nothing that a terminal obeys gets through. */
static void print_plain(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)text[i]) && text[i] != '\n' &&
		    text[i] != '\t')
			text[i] = '?';
	fwrite(text, 1, n, stdout);
}

/* Returns whether anything came before the end. */
static bool relay(int hfd)
{
	struct pollfd p = {hfd, POLLIN, 0};
	bool any = false;
	char buf[4096];
	ssize_t n;

	while (poll(&p, 1, ANSWER_MS) > 0 && (n = read(hfd, buf, sizeof(buf))) > 0) {
		print_plain(buf, (size_t)n);
		any = true;
	}
	return any;
}

int cmd_debug(int argc, char **argv)
{
	int hpid = argc == 2 ? parse_pid(argv[1]) : 0;
	AUTO_CLOSE int hfd = -1;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		usage(stdout);
		return 0;
	}
	if (hpid <= 0) {
		usage(stderr);
		return EXIT_STATUS_OURS;
	}
	hfd = debug_connect(hpid);
	if (hfd < 0) {
		fprintf(stderr,
			"runsc-c: %d is no running sandbox (`pgrep -fa 'runsc-c do'` "
			"lists them)\n",
			hpid);
		return EXIT_STATUS_OURS;
	}
	if (!relay(hfd)) {
		fprintf(stderr,
			"runsc-c: %d did not answer: it belongs to another user, is "
			"stopped or ends\n",
			hpid);
		return EXIT_STATUS_OURS;
	}
	return fflush(stdout) ? EXIT_STATUS_OURS : 0;
}
