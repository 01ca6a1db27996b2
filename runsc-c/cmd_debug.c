// SPDX-License-Identifier: Apache-2.0
/*
 * `debug PID`: PID is that of a running `runsc-c do`. Its Sentry answers SIGQUIT with
 * every task's state, call and what it waits for, on its log.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runsc-c/commands.h"
#include "runsc-c/error.h"
#include "sentry/base/log.h"

static bool is_sentry(int hpid)
{
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", hpid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	fclose(f);
	return !strcmp(comm, "runsc-sentry\n");
}

static int find_sentry(int hpid)
{
	char path[64];
	int child, found = 0;
	FILE *f;

	if (is_sentry(hpid))
		return hpid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", hpid, hpid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!found && fscanf(f, "%d", &child) == 1)
		if (is_sentry(child))
			found = child;
	fclose(f);
	return found;
}

int cmd_debug(int argc, char **argv)
{
	int hpid = argc == 2 ? atoi(argv[1]) : 0, sentry;

	if (hpid <= 0) {
		fprintf(stderr, "usage: runsc-c debug PID   (the process id of a "
				"`runsc-c do`)\n");
		return EXIT_STATUS_OURS;
	}
	sentry = find_sentry(hpid);
	if (!sentry) {
		fprintf(stderr, "runsc-c: %d is no running sandbox\n", hpid);
		return EXIT_STATUS_OURS;
	}
	if (kill(sentry, SIGQUIT)) {
		fprintf(stderr, "runsc-c: cannot signal the Sentry (%d): %s\n", sentry,
			error_name(errno));
		return EXIT_STATUS_OURS;
	}
	return 0;
}
