// SPDX-License-Identifier: Apache-2.0
/*
 * `syscalls` and `host-syscalls`: the tables stand in runsc-sentry and runsc-gofer,
 * beside the code they describe; those programs print them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc-c/commands.h"
#include "runsc-c/spawn.h"
#include "sentry/base/log.h"

static int ask(const char *program, const char *arg, struct error *e)
{
	struct spawn_args a = {.program = program, .arg = arg, .stdout_hfd = -1};
	struct child c;
	int status;

	if (spawn_program(&a, &c, e))
		return -1;
	status = child_wait(&c);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return error_set(e, "%s could not print its table", program);
	return 0;
}

static int parse_json(int argc, char **argv, bool *json, struct error *e)
{
	*json = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json"))
			return error_set(e, "%s: unknown option '%s'", argv[0], argv[i]);
		*json = true;
	}
	return 0;
}

int cmd_syscalls(int argc, char **argv)
{
	struct error e;
	bool json;

	if (parse_json(argc, argv, &json, &e) ||
	    ask("runsc-sentry", json ? "--syscalls-json" : "--syscalls", &e)) {
		error_print(&e);
		return EXIT_STATUS_OURS;
	}
	return 0;
}

/* The pieces come from two programs; each prints members of the one JSON object. */
int cmd_host_syscalls(int argc, char **argv)
{
	struct error e;
	bool json;

	if (parse_json(argc, argv, &json, &e))
		goto fail;
	if (json)
		printf("{");
	fflush(stdout);
	if (ask("runsc-sentry", json ? "--host-syscalls-json" : "--host-syscalls", &e))
		goto fail;
	if (json)
		printf(",");
	fflush(stdout);
	if (ask("runsc-gofer", json ? "--host-syscalls-json" : "--host-syscalls", &e))
		goto fail;
	if (json)
		printf("}\n");
	return 0;
fail:
	error_print(&e);
	return EXIT_STATUS_OURS;
}
