// SPDX-License-Identifier: Apache-2.0
/*
 * What a guest process uses, by the host's own books: memory and page faults from
 * procfs, processor time from its clock. Without a procfs only the latter is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* kB of a line of /proc/PID/status, as bytes. */
static uint64_t status_kb(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p ? strtoull(p + strlen(key), NULL, 10) << 10 : 0;
}

/* Field @n of /proc/PID/stat, counted from 1 as in proc(5); n > 2. */
static uint64_t stat_field(const char *text, int n)
{
	const char *p = strrchr(text, ')');

	for (int i = 2; p && i < n; i++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

static int64_t process_cpu_ns(int hpid)
{
	const clockid_t process_clock = (clockid_t)(~(unsigned)hpid << 3 | 2);
	struct timespec ts;

	if (clock_gettime(process_clock, &ts))
		return 0;
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int stub_space_usage(struct addr_space *as, struct as_usage *out)
{
	struct stub_space *s = stub_space_of(as);
	char path[32], buf[4096];
	int r;

	*out = (struct as_usage){.cpu_ns = process_cpu_ns(s->hpid)};
	snprintf(path, sizeof(path), "%d/status", s->hpid);
	r = slurp(s->host, path, buf, sizeof(buf));
	if (r)
		return r;
	out->rss_anon = status_kb(buf, "\nRssAnon:");
	out->rss_file = status_kb(buf, "\nRssFile:");
	out->rss_shmem = status_kb(buf, "\nRssShmem:");
	out->swap = status_kb(buf, "\nVmSwap:");
	out->rss_peak = status_kb(buf, "\nVmHWM:");
	snprintf(path, sizeof(path), "%d/stat", s->hpid);
	r = slurp(s->host, path, buf, sizeof(buf));
	if (r)
		return r;
	out->min_flt = stat_field(buf, 10);
	out->maj_flt = stat_field(buf, 12);
	return 0;
}

/* schedstat: time on a CPU, time waiting for one, timeslices. */
int64_t stub_thread_cpu_ns(struct stub_space *s, int htid)
{
	char path[48], buf[128];

	snprintf(path, sizeof(path), "%d/task/%d/schedstat", s->hpid, htid);
	return slurp(s->host, path, buf, sizeof(buf)) ? 0 : strtoll(buf, NULL, 10);
}
