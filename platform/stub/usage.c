// SPDX-License-Identifier: Apache-2.0
/*
 * What a guest process uses, by the host's own books: memory and page faults from
 * procfs, processor time from its clock. Without a procfs only the latter is known.
 * Of procfs' files statm and stat are the cheap ones: status would also tell shared
 * memory from files, but takes as long as four system calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "platform/stub/stub.h"
#include "sentry/base/alloc.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

/* All of a small file below /proc, as a string. */
static int slurp(const struct stub_host *host, const char *path, char *buf, size_t size)
{
	AUTO_CLOSE int hfd = -1;
	ssize_t n;

	if (host->procfs < 0)
		return -EOPNOTSUPP;
	hfd = (int)host_ret(openat(host->procfs, path, O_RDONLY | O_CLOEXEC));
	if (hfd < 0)
		return hfd;
	n = host_read(hfd, buf, size - 1);
	if (n < 0)
		return (int)n;
	buf[n] = 0;
	return 0;
}

/* Field @n of /proc/PID/stat, counted from 1 as in proc(5); n > 2. */
static uint64_t stat_field(const char *text, int n)
{
	const char *p = strrchr(text, ')');

	for (int i = 2; p && i < n; i++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

int64_t stub_process_cpu_ns(const struct stub_space *s)
{
	const clockid_t process_clock = (clockid_t)(~(unsigned)s->hpid << 3 | 2);
	struct timespec ts;

	if (clock_gettime(process_clock, &ts))
		return 0;
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int stub_space_usage(struct addr_space *as, struct as_usage *out)
{
	struct stub_space *s = stub_space_of(as);
	uint64_t resident, shared;
	char path[32], buf[1024];
	int r;

	*out = (struct as_usage){.cpu_ns = stub_process_cpu_ns(s)};
	snprintf(path, sizeof(path), "%d/statm", s->hpid);
	r = slurp(s->host, path, buf, sizeof(buf));
	if (r)
		return r;
	if (sscanf(buf, "%*u %lu %lu", &resident, &shared) == 2 && resident >= shared) {
		out->rss_anon = (resident - shared) * PAGE_SIZE;
		out->rss_file = shared * PAGE_SIZE;
	}
	snprintf(path, sizeof(path), "%d/stat", s->hpid);
	r = slurp(s->host, path, buf, sizeof(buf));
	if (r)
		return r;
	out->min_flt = stat_field(buf, 10);
	out->maj_flt = stat_field(buf, 12);
	return 0;
}

uint64_t stub_space_rss_peak(struct addr_space *as)
{
	struct stub_space *s = stub_space_of(as);
	char path[32], buf[4096];
	const char *p;

	snprintf(path, sizeof(path), "%d/status", s->hpid);
	if (slurp(s->host, path, buf, sizeof(buf)))
		return 0;
	p = strstr(buf, "\nVmHWM:");
	return p ? strtoull(p + strlen("\nVmHWM:"), NULL, 10) << 10 : 0;
}

/*
 * The host tells a thread's clock to its own process only, so the helper reads it. What
 * it finds passes through memory that guests can write: the caller keeps it within
 * reason. (procfs would tell too, but each look leaves entries behind that the end of the
 * thread and the end of the process then fight over, for milliseconds.)
 */
static int thread_cpu_ns(struct stub_space *s, int htid, int64_t *ns)
{
	const clockid_t thread_clock = (clockid_t)(~(unsigned)htid << 3 | 6);
	struct timespec ts = {0};
	struct iovec here = {&ts, sizeof(ts)};
	struct iovec there = {(void *)(STUB_SCRATCH + SCRATCH_TIME), sizeof(ts)};
	int r;

	mutex_lock(&s->lock);
	stub_order_flush(s);
	stub_order_add(s, SYS_clock_gettime, (uint32_t)thread_clock,
		       STUB_SCRATCH + SCRATCH_TIME, 0, 0, 0, 0);
	r = stub_order_run(s, NULL);
	if (!r && process_vm_readv(s->hpid, &here, 1, &there, 1, 0) != sizeof(ts))
		r = -ESRCH;
	mutex_unlock(&s->lock);
	if (!r && (ts.tv_sec < 0 || ts.tv_sec > UINT32_MAX || ts.tv_nsec < 0 ||
		   ts.tv_nsec >= NSEC_PER_SEC))
		r = -EINVAL;
	if (!r)
		*ns = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	return r;
}

static int64_t clock_add(struct stub_clock *clock, int64_t ns, int64_t most)
{
	ns = clock->before + max_t(int64_t, min_t(int64_t, ns, most) - clock->start, 0);
	clock->last = max_t(int64_t, ns, clock->last);
	return clock->last;
}

int64_t stub_clock_told(struct stub_clock *clock, const struct stub_space *s, int64_t ns)
{
	return clock_add(clock, ns, stub_process_cpu_ns(s));
}

/* The only thread its process ever had is told by the clock of the process. */
int64_t stub_clock_read(struct stub_clock *clock, struct stub_space *s, int htid)
{
	int64_t most = stub_process_cpu_ns(s), ns = most;

	if (atomic_load_explicit(&s->n_threads, memory_order_relaxed) > 1 &&
	    (htid < 0 || thread_cpu_ns(s, htid, &ns)))
		return clock->last;
	return clock_add(clock, ns, most);
}
