// SPDX-License-Identifier: Apache-2.0
/*
 * `syscalls` and `host-syscalls`: the tables stand in runsc-sentry and runsc-gofer,
 * beside the code they describe; those programs print them.
 */
#include <stdio.h>
#include <string.h>

#include "runsc-c/commands.h"
#include "runsc-c/spawn.h"
#include "sentry/base/log.h"

static int ask(const char *program, const char *arg, struct error *e)
{
	struct spawn_args a = {.program = program, .arg = arg, .stdout_hfd = -1};
	int status = spawn_to_end(&a, NULL, e);

	if (status > 0)
		return error_set(e, "%s could not print its table: exit status %d",
				 program, status);
	return status;
}

/* The options of both commands. False: there is nothing more to do, *status says how. */
static bool parse(int argc, char **argv, const char *what, bool *json, int *status)
{
	*json = false;
	*status = 0;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			*json = true;
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			printf("usage: runsc-c %s [--json]\n\n%s\n", argv[0], what);
			return false;
		} else {
			fprintf(stderr,
				"runsc-c: unknown option '%s' (see runsc-c %s --help)\n",
				argv[i], argv[0]);
			*status = EXIT_STATUS_OURS;
			return false;
		}
	}
	return true;
}

int cmd_syscalls(int argc, char **argv)
{
	struct error e;
	bool json;
	int status;

	if (!parse(argc, argv,
		   "Prints each guest system call, how far it is implemented (FULL, "
		   "PARTIAL, NONE)\nand what is missing; with --json as an array of "
		   "objects.",
		   &json, &status))
		return status;
	if (ask("runsc-sentry", json ? "--syscalls-json" : "--syscalls", &e)) {
		error_print(&e);
		return EXIT_STATUS_OURS;
	}
	return 0;
}

/* The pieces come from two programs; each prints members of the one JSON object. */
int cmd_host_syscalls(int argc, char **argv)
{
	const char *arg;
	struct error e;
	bool json;
	int status;

	if (!parse(argc, argv,
		   "Prints every call that our processes may make on the host, under "
		   "which condition,\nfor which module and why; with --json as an object "
		   "of arrays.",
		   &json, &status))
		return status;
	arg = json ? "--host-syscalls-json" : "--host-syscalls";
	if (json)
		printf("{");
	if (ask("runsc-sentry", arg, &e))
		goto fail;
	if (json)
		printf(",");
	if (ask("runsc-gofer", arg, &e))
		goto fail;
	if (json)
		printf("}\n");
	return 0;
fail:
	error_print(&e);
	return EXIT_STATUS_OURS;
}
