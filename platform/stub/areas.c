// SPDX-License-Identifier: Apache-2.0
/*
 * What is resident of a guest process, area by area: the host's smaps of it. The stub's
 * own areas are among them; the kernel has nothing there and passes over them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/stub/stub.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

static const struct {
	const char *key;
	size_t offset;
} figures[] = {
	{"Rss:", offsetof(struct as_area, rss)},
	{"Pss:", offsetof(struct as_area, pss)},
	{"Shared_Clean:", offsetof(struct as_area, shared_clean)},
	{"Shared_Dirty:", offsetof(struct as_area, shared_dirty)},
	{"Private_Clean:", offsetof(struct as_area, private_clean)},
	{"Private_Dirty:", offsetof(struct as_area, private_dirty)},
	{"Referenced:", offsetof(struct as_area, referenced)},
	{"Anonymous:", offsetof(struct as_area, anonymous)},
	{"LazyFree:", offsetof(struct as_area, lazy_free)},
	{"AnonHugePages:", offsetof(struct as_area, anon_huge)},
	{"Swap:", offsetof(struct as_area, swap)},
	{"SwapPss:", offsetof(struct as_area, swap_pss)},
};

struct parser {
	struct as_area area; /* end 0: none begun */
	int (*fn)(const struct as_area *, void *);
	void *arg;
};

static int finish_area(struct parser *p)
{
	struct as_area done = p->area;

	p->area = (struct as_area){0};
	return done.end ? p->fn(&done, p->arg) : 0;
}

/* One line, without its newline: "start-end ..." begins an area, "Key:  n kB" is one's.
 */
static int parse_line(struct parser *p, const char *line)
{
	char *end;
	uint64_t start = strtoull(line, &end, 16);
	int r;

	if (*end == '-') {
		r = finish_area(p);
		p->area.start = start;
		p->area.end = strtoull(end + 1, NULL, 16);
		return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		size_t len = strlen(figures[i].key);

		if (!strncmp(line, figures[i].key, len)) {
			uint64_t bytes = strtoull(line + len, NULL, 10) << 10;

			memcpy((char *)&p->area + figures[i].offset, &bytes,
			       sizeof(bytes));
			return 0;
		}
	}
	return 0;
}

/* All whole lines of buf[0, *n); what is left of the last one moves to the front. */
static int parse_lines(struct parser *p, char *buf, size_t *n)
{
	char *line = buf, *nl;
	int r = 0;

	buf[*n] = '\0';
	while (!r && (nl = memchr(line, '\n', *n - (size_t)(line - buf)))) {
		*nl = '\0';
		r = parse_line(p, line);
		line = nl + 1;
	}
	*n -= (size_t)(line - buf);
	memmove(buf, line, *n);
	return r;
}

static int open_of(const struct stub_space *s, const char *name)
{
	char path[32];

	if (s->host->procfs < 0)
		return -EOPNOTSUPP;
	snprintf(path, sizeof(path), "%d/%s", s->hpid, name);
	return (int)host_ret(openat(s->host->procfs, path, O_RDONLY | O_CLOEXEC));
}

unsigned stub_space_n_maps(const struct stub_space *s)
{
	AUTO_CLOSE int hfd = open_of(s, "maps");
	char buf[4096];
	unsigned n = 0;
	ssize_t got = hfd;

	while (got >= 0 && (got = host_read(hfd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < got; i++)
			n += buf[i] == '\n';
	return got < 0 ? UINT_MAX : n;
}

int stub_space_areas(struct addr_space *as, int (*fn)(const struct as_area *, void *arg),
		     void *arg)
{
	enum { SIZE = 32768 };
	struct stub_space *s = stub_space_of(as);
	struct parser p = {.fn = fn, .arg = arg};
	AUTO_FREE char *buf = NULL;
	AUTO_CLOSE int hfd = open_of(s, "smaps");
	size_t n = 0;
	ssize_t got;
	int r = 0;

	if (hfd < 0)
		return hfd;
	buf = mem_alloc(SIZE + 1);
	if (!buf)
		return -ENOMEM;
	do {
		/* No line is as long as the buffer; if one were, it would say nothing of
		 * use. */
		if (n == SIZE)
			n = 0;
		got = host_read(hfd, buf + n, SIZE - n);
		if (got < 0)
			return (int)got;
		n += (size_t)got;
		r = parse_lines(&p, buf, &n);
	} while (!r && got);
	return r ? r : finish_area(&p);
}
