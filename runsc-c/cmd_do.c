// SPDX-License-Identifier: Apache-2.0
/* `runsc-c do`: start a sandbox, stand in for its program, leave nothing behind. */
#include "runsc-c/commands.h"

#include "runsc-c/sandbox.h"
#include "sentry/base/log.h"

int cmd_do(int argc, char **argv)
{
	struct do_options o;
	struct sandbox s;
	struct error e;
	int status;

	if (do_options_parse(argc, argv, &o, &e)) {
		error_print(&e);
		return EXIT_STATUS_OURS;
	}
	if (o.help) {
		do_usage();
		return 0;
	}
	if (sandbox_start(&o, &s, &e)) {
		sandbox_end(&s);
		error_print(&e);
		return EXIT_STATUS_OURS;
	}
	status = sandbox_wait(&s);
	sandbox_end(&s);
	return status;
}
