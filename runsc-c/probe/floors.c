// SPDX-License-Identifier: Apache-2.0
/* The list of floors, and how each is measured. */
#include "runsc-c/probe/floor.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc-c/probe/hand.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#define BATCHES	 5
#define BATCH_NS (3 * NSEC_PER_MSEC)

const struct floor floors[] = {
	{"getppid", "a system call of the host's", NULL, host_getppid_n, false},
	{"trap", "SIGSYS, answered in its handler, return in user mode", hand_begin_trap,
	 hand_local, false},
	{"trap_seccomp", "the same, raised by a seccomp filter", hand_begin_trap_seccomp,
	 hand_local, false},
	{"trap_futex", "SIGSYS, answered by a process on the same CPU", hand_begin_trap,
	 hand_turns, false},
	{"trap_spin", "SIGSYS, answered by a process that spins on another CPU",
	 hand_begin_trap_spin, hand_turns, true},
	{"site", "a patched call site, answered there", hand_begin_site, hand_local,
	 false},
	{"site_futex", "a patched call site, answered on the same CPU", hand_begin_site,
	 hand_turns, false},
	{"site_spin", "a patched call site, the other spins on another CPU",
	 hand_begin_site_spin, hand_turns, true},
	{"futex", "two processes on one CPU, a turn each", hand_begin_plain, hand_turns,
	 false},
	{"futex_apart", "the same on two CPUs", hand_begin_plain_apart, hand_turns, true},
	{"ptrace", "a call stopped by PTRACE_SYSEMU, read and answered",
	 host_begin_traced, host_sysemu, false},
	{"readv_64", "process_vm_readv of 64 bytes", host_begin_child, host_readv_64,
	 false},
	{"readv_4k", "process_vm_readv of 4 KB", host_begin_child, host_readv_4k, false},
	{"mmap_munmap", "4 KB, untouched", NULL, host_map_unmap, false},
	{"fork_exec", "fork, exec of a program with one call, exit, wait",
	 host_begin_tiny, host_fork_exec, false},
	{0},
};

void floor_child_init(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int run_timed(const struct floor *f, struct floor_rig *rig, unsigned n,
		     int64_t *ns)
{
	const int64_t start = clock_mono_ns();
	int r = f->run(rig, n);

	*ns = clock_mono_ns() - start;
	return r;
}

/* Batches as long as the first that takes BATCH_NS. */
static int measure(const struct floor *f, struct floor_rig *rig, struct floor_result *out)
{
	double v[BATCHES];
	unsigned n = 1;
	int64_t ns;
	int r;

	while (!(r = run_timed(f, rig, n, &ns)) && ns < BATCH_NS && n < 1u << 24)
		n *= 2;
	for (int i = 0; !r && i < BATCHES; i++) {
		r = run_timed(f, rig, n, &ns);
		v[i] = (double)ns / n;
	}
	if (r)
		return r;
	qsort(v, BATCHES, sizeof(v[0]), by_value);
	out->median_ns = v[BATCHES / 2];
	out->best_ns = v[0];
	return 0;
}

/* Home is where we are; other any further CPU we may use. */
static void choose_cpus(const cpu_set_t *allowed, struct floor_rig *rig)
{
	rig->home = sched_getcpu();
	rig->other = -1;
	for (int c = 0; c < CPU_SETSIZE && rig->other < 0; c++)
		if (CPU_ISSET(c, allowed) && c != rig->home)
			rig->other = c;
}

static void end(struct floor_rig *rig)
{
	if (rig->child > 0) {
		kill(rig->child, SIGKILL);
		waitpid(rig->child, NULL, __WALL);
	}
	if (rig->area_map)
		munmap(rig->area_map, 2 * HAND_AREA_SIZE);
	if (rig->hfd >= 0)
		close(rig->hfd);
}

void floor_measure(const struct floor *f, struct floor_result *out)
{
	struct floor_rig rig = {.hfd = -1};
	cpu_set_t allowed;

	*out = (struct floor_result){0};
	out->error = (int)host_ret(sched_getaffinity(0, sizeof(allowed), &allowed));
	if (out->error < 0)
		return;
	choose_cpus(&allowed, &rig);
	out->error = f->two_cpus && rig.other < 0 ? -ENXIO : host_set_cpu(0, rig.home);
	if (!out->error && f->begin)
		out->error = f->begin(&rig);
	if (!out->error)
		out->error = measure(f, &rig, out);
	end(&rig);
	sched_setaffinity(0, sizeof(allowed), &allowed);
}
