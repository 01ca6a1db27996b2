// SPDX-License-Identifier: Apache-2.0
/*
 * runsc-gofer: started by runsc-c with a control socket as descriptor 3, serves one
 * sandbox's 9P channel, and ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gofer/boot.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

/* Cached descriptors are half of what we may have: have as many as the host lets us. */
static void raise_nofile(void)
{
	struct rlimit rl;
	int hfd;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	/*
	 * Once there are threads, the host's kernel waits for an RCU period each time it
	 * doubles the descriptor table, some 10 ms: make room now.
	 */
	hfd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC,
		    (int)min_t(rlim_t, rl.rlim_cur, 4096) - 1);
	if (hfd >= 0)
		close(hfd);
}

/* Everything up to the lock-down. @reason: for the user, if it fails. */
static int set_up(struct boot *b, struct gofer **g, const char **reason)
{
	struct gofer_config config = {0};
	int r;

	raise_nofile();
	/* Another arena would make the C library
	 * count CPUs in /sys, after the lock-down. */
	mallopt(M_ARENA_MAX, 1);
	gofer_find_dev(&config);
	r = jail_enter(b, reason);
	if (r < 0)
		return r;
	config.exports = b->exports;
	config.n_exports = b->config->n_exports;
	*reason = "a path to hide is not absolute";
	r = gofer_create(&config, g);
	if (r < 0)
		return r;
#ifdef RUNSC_ASAN
	boot_missing_wall(b, "a seccomp filter for the Gofer: built with sanitizers");
#else
	*reason = "the seccomp filter cannot be installed";
	r = filter_install();
#endif
	return r;
}

int main(int argc, char **argv)
{
	struct boot b = {.channel_hfd = -1};
	const char *reason = "the configuration is not valid";
	struct gofer *g = NULL;
	int r;

	if (argc == 2 && !strcmp(argv[1], "--host-syscalls"))
		return print_rules(false) ? EXIT_STATUS_OURS : 0;
	if (argc == 2 && !strcmp(argv[1], "--host-syscalls-json"))
		return print_rules(true) ? EXIT_STATUS_OURS : 0;
	if (argc != 1) {
		fprintf(stderr, "runsc-gofer is started by runsc-c\n");
		return EXIT_STATUS_OURS;
	}
	log_init("runsc-gofer", LOG_WARN, STDERR_FILENO);
	r = config_recv(&b);
	if (r == 0)
		r = set_up(&b, &g, &reason);
	if (r < 0) {
		config_reply(&b, r, reason);
		return EXIT_STATUS_OURS;
	}
	r = config_reply(&b, 0, "");
	close(CONTROL_HFD);
	if (r < 0)
		return EXIT_STATUS_OURS;
	r = gofer_serve(g, b.channel_hfd);
	/* The kernel takes the rest faster than we could. */
	_exit(r < 0 ? EXIT_STATUS_OURS : 0);
}
