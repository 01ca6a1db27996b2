// SPDX-License-Identifier: Apache-2.0
/* runsc-c: finds the command and runs it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runsc-c/commands.h"
#include "sentry/base/log.h"

#define VERSION "0.1"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
	{"do", cmd_do, "run a program in a sandbox"},
	{"syscalls", cmd_syscalls,
	 "the guest system calls and how far each is implemented"},
	{"host-syscalls", cmd_host_syscalls,
	 "every host call that our processes may make"},
	{"probe", cmd_probe, "what this host can do, and what its mechanisms cost"},
	{"debug", cmd_debug, "print what every task of a sandbox is doing"},
};

static void usage(FILE *to)
{
	fputs("usage: runsc-c COMMAND [options]\n\n", to);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-14s %s\n", commands[i].name, commands[i].what);
	fputs("\nrunsc-c COMMAND --help tells more; runsc-c --version the version.\n",
	      to);
}

/*
 * A standard stream that is closed gets a descriptor that can do nothing: else the next
 * one we open would take its place, here and in the programs we start.
 */
static int occupy_streams(void)
{
	int hfd;

	do {
		hfd = open("/", O_PATH | O_DIRECTORY);
	} while (hfd >= 0 && hfd < 3);
	return hfd < 0 ? -1 : close(hfd);
}

int main(int argc, char **argv)
{
	if (occupy_streams())
		return EXIT_STATUS_OURS;
	if (argc < 2) {
		usage(stderr);
		return EXIT_STATUS_OURS;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("runsc-c " VERSION);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "runsc-c: unknown command '%s' (see runsc-c --help)\n", argv[1]);
	return EXIT_STATUS_OURS;
}
