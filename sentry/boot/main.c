// SPDX-License-Identifier: Apache-2.0
/* runsc-sentry: from an inherited control socket to a running guest. See boot.h. */
#include "sentry/boot/boot.h"

#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sentry/base/clock.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"

void boot_phase_done(struct boot *b, enum boot_phase phase)
{
	b->phase_ns[phase] = clock_mono_ns();
}

void boot_missing_wall(struct boot *b, const char *what)
{
	if (b->n_walls < ARRAY_SIZE(b->walls))
		b->walls[b->n_walls++] = what;
}

/* Descriptors are our scarcest resource: all that the host lets us have. */
static void raise_nofile(struct boot *b)
{
	struct rlimit rl;
	int hfd;

	b->max_hfds = 1024;
	if (!getrlimit(RLIMIT_NOFILE, &rl)) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
		b->max_hfds = (unsigned)min_t(rlim_t, rl.rlim_cur, 1u << 20);
	}
	/*
	 * The host's kernel doubles a descriptor table as it fills, and once there are
	 * threads waits for an RCU period each time, some 10 ms: make room now.
	 */
	hfd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC,
		    (int)min_t(unsigned, b->max_hfds, 8192) - 1);
	if (hfd >= 0)
		close(hfd);
}

/* How the host uses huge pages is how guests get them; later no path can be opened. */
static void read_thp_mode(struct boot *b)
{
	int hfd =
		open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
	ssize_t n = hfd >= 0 ? read(hfd, b->thp_mode, sizeof(b->thp_mode) - 1) : 0;

	b->thp_mode[max_t(ssize_t, n, 0)] = '\0';
	if (hfd >= 0)
		close(hfd);
}

static int make_platform(struct boot *b)
{
	const struct platform_ops *ops;
	struct platform_config pc = {
		.strict = b->config->strict,
		.trap = b->config->trap,
		.no_patch = b->config->no_patch,
		.have_pid_ns = b->config->have_pid_ns,
		.procfs = b->procfs,
	};
	const char *why = NULL;
	int r;

	ops = platform_lookup(b->config->platform, &why);
	if (!ops) {
		control_send_failure(-EOPNOTSUPP, why ? why : "no such platform",
				     EXIT_STATUS_OURS);
		return -EOPNOTSUPP;
	}
	r = ops->init(&pc, &b->platform);
	if (r)
		control_send_failure(r, "the platform cannot start", EXIT_STATUS_OURS);
	return r;
}

/* What files in memory may take: the pool is the host's RAM, and there is no more of it.
 */
static uint64_t pool_size(const struct kernel_config *kc)
{
	return min_t(uint64_t, kc->memory_limit,
		     (uint64_t)sysconf(_SC_PHYS_PAGES) * PAGE_SIZE);
}

static int make_kernel(struct boot *b)
{
	const Runsc__Config *c = b->config;
	struct kernel_config kc = {
		.strict = c->strict,
		.strace = c->strace,
		.strace_time = c->strace_time,
		.stats = c->stats,
		.memory_limit = c->memory_limit ? c->memory_limit : UINT64_MAX,
		.pids_limit = c->pids_limit ? c->pids_limit : UINT64_MAX,
		.files_limit = 1u << 20,
		.n_cpus = b->platform->limits.n_cpus,
		.strace_hfd = b->log_hfd,
		.statm_hfd = b->statm_hfd,
	};
	struct timers *timers;
	struct pool *pool;
	int r;

	memcpy(kc.thp_mode, b->thp_mode, sizeof(kc.thp_mode));
	r = timers_create(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
			  &timers);
	if (!r)
		r = pool_create(pool_size(&kc), &pool);
	if (!r)
		r = loop_init(b, timers);
	if (!r)
		r = kernel_create(&kc, b->platform, timers, pool, &b->kernel);
	if (r)
		control_send_failure(r, "the kernel cannot start", EXIT_STATUS_OURS);
	return r;
}

/* Every missing wall is named; only --strict makes it an error. */
static int tell_walls(struct boot *b)
{
	for (unsigned i = 0; i < b->n_walls; i++)
		control_send_wall(b->walls[i]);
	if (!b->n_walls || !b->config->strict)
		return 0;
	control_send_failure(-EPERM, "--strict: a wall of the sandbox is missing",
			     EXIT_STATUS_OURS);
	return -EPERM;
}

int main(int argc, char **argv)
{
	static struct boot b;

	log_init("runsc-sentry", LOG_WARN, 2);
	/* With more, the C library would count CPUs in /sys, which the filter kills for.
	 */
	mallopt(M_ARENA_MAX, 8);
	if (argc > 1)
		return print_tables(argv[1]);
	boot_phase_done(&b, PHASE_EXEC);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "runsc-sentry");
	if (boot_config_recv(&b)) {
		fputs("runsc-sentry is started by runsc-c; see runsc-c --help\n", stderr);
		return EXIT_STATUS_OURS;
	}
	boot_phase_done(&b, PHASE_CONFIG);
	raise_nofile(&b);
	read_thp_mode(&b);
	b.statm_hfd = b.config->memory_limit
			      ? open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
			      : -1;
	if (jail_enter(&b))
		return EXIT_STATUS_OURS;
	boot_phase_done(&b, PHASE_JAIL);
	if (make_platform(&b))
		return EXIT_STATUS_OURS;
	boot_phase_done(&b, PHASE_PLATFORM);
	if (make_kernel(&b) || jail_seal(&b) || tell_walls(&b))
		return EXIT_STATUS_OURS;
	boot_phase_done(&b, PHASE_SEAL);
	if (boot_guest(&b))
		return EXIT_STATUS_OURS;
	loop_run(&b);
	return 0;
}
