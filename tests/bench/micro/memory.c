/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping, touching, protecting. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "micro.h"

#define PAGE	4096
#define N_FAULT 12288

static char *region;

static char *map(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* A page: mapped with 255 others, touched, unmapped. */
static void do_map_touch(int n)
{
	size_t len = 256 * PAGE;

	for (; n > 0; n -= 256) {
		char *p = map(len);

		for (size_t off = 0; off < len; off += PAGE)
			p[off] = 1;
		munmap(p, len);
	}
}

/* One page alone. */
static void do_map_one(int n)
{
	while (n--) {
		char *p = map(PAGE);

		*p = 1;
		munmap(p, PAGE);
	}
}

/* Small pages everywhere: a fault a page. */
static void map_many(void)
{
	region = map((size_t)N_FAULT * PAGE);
	madvise(region, (size_t)N_FAULT * PAGE, MADV_NOHUGEPAGE);
}

static void do_fault(int n)
{
	for (; n--; region += PAGE)
		*region = 1;
}

static void map_few(void)
{
	region = map(3 * PAGE);
	region[PAGE] = 1;
}

static void do_mprotect(int n)
{
	for (; n > 0; n--)
		if (mprotect(region + PAGE, PAGE,
			     n % 2 ? PROT_READ : PROT_READ | PROT_WRITE))
			die("mprotect");
}

const struct bench memory_benches[] = {
	ROW("mmap_touch_munmap", do_map_one),
	ROW("mmap_touch_256", do_map_touch, .step = 256),
	ROW("page_fault", do_fault, .setup = map_many, .max = N_FAULT),
	ROW("mprotect", do_mprotect, .setup = map_few, .step = 2),
	{0},
};
