/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks that grow: the main thread's, MAP_GROWSDOWN areas, the gap to the area below,
 * the limit. Source: mmap(2) (MAP_GROWSDOWN), getrlimit(2) (RLIMIT_STACK).
 */
#include <sys/resource.h>

#include "fault.h"
#include "harness.h"
#include "self.h"

#define RW (PROT_READ | PROT_WRITE)

/* Start of the area in which P lies, from maps. */
static unsigned long area_start(const void *p)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[512];

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 &&
		    (unsigned long)p >= from && (unsigned long)p < to) {
			fclose(f);
			return from;
		}
	}
	FAIL("%p is not in maps", p);
}

/* Touches N bytes of stack, one page at a time. */
static int use_stack(size_t n)
{
	char *here = __builtin_frame_address(0);

	for (size_t off = 0; off < n; off += PAGE)
		((volatile char *)here)[-(long)off] = 1;
	return 0;
}

int test_role_main(int argc, char **argv)
{
	(void)argc;
	return use_stack((size_t)atol(argv[3]));
}

TEST(main_stack_grows)
{
	char here = 0;
	unsigned long before = area_start(&here);

	use_stack(4 << 20);
	CHECK((unsigned long)&here - area_start(&here) >= (4 << 20) - PAGE);
	CHECK(area_start(&here) < before);
}

/* A far jump below the end is fine too: only the limit counts. */
TEST(first_touch_far_below)
{
	char here = 0;

	((volatile char *)&here)[-(6 << 20)] = 1;
	CHECK((unsigned long)&here - area_start(&here) >= 6 << 20);
}

TEST(stack_limit)
{
	struct rlimit lim;

	CHECK_OK(getrlimit(RLIMIT_STACK, &lim));
	lim.rlim_cur = 1 << 20;
	CHECK_OK(setrlimit(RLIMIT_STACK, &lim));
	CHECK_EQ(run(SELF, ROLE("x", "700000")), 0);
	CHECK_EQ(run(SELF, ROLE("x", "1200000")), 128 + SIGSEGV);
	lim.rlim_cur = 4 << 20;
	CHECK_OK(setrlimit(RLIMIT_STACK, &lim));
	CHECK_EQ(run(SELF, ROLE("x", "3800000")), 0);
}

/* An area that grows down, with room below it. */
static char *growing(size_t room)
{
	char *p = mmap(NULL, (room + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_OK(munmap(p, (room + 2) * PAGE));
	p = mmap(p + room * PAGE, 2 * PAGE, RW,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1,
		 0);
	CHECK(p != MAP_FAILED);
	return p;
}

TEST(growsdown_area)
{
	char *p = growing(1000);

	p[0] = 1;
	CHECK_EQ(fault_write(p - 1), 0);
	CHECK_EQ(fault_write(p - 5 * PAGE), 0);
	CHECK_EQ(p[-3 * PAGE], 0);
	CHECK_EQ(area_start(p), (unsigned long)(p - 5 * PAGE));
}

/* 256 pages stay free between a growing area and what lies below. */
TEST(guard_gap)
{
	char *p = growing(1000);
	char *below = mmap(p - 300 * PAGE, PAGE, RW,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(below == p - 300 * PAGE);
	CHECK_EQ(fault_write(p - 40 * PAGE), 0); /* 258 pages left */
	CHECK_EQ(fault_write(p - 60 * PAGE), SIGSEGV);
	/* An inaccessible area below needs no gap. */
	CHECK_OK(mprotect(below, PAGE, PROT_NONE));
	CHECK_EQ(fault_write(p - 60 * PAGE), 0);
}

/* A system call grows it as well. */
TEST(grown_by_a_system_call)
{
	char *p = growing(1000);
	int fd = CHECK_OK(open("/dev/zero", O_RDONLY));

	CHECK_EQ(read(fd, p - 3 * PAGE, 3 * PAGE), 3 * PAGE);
	CHECK_EQ(area_start(p), (unsigned long)(p - 3 * PAGE));
}

/* Below an area that does not grow there is nothing. */
TEST(ordinary_areas_do_not_grow)
{
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_OK(munmap(p, 2 * PAGE));
	CHECK_EQ(fault_write(p + 2 * PAGE - 1), SIGSEGV);
}

static void *deep_thread(void *arg)
{
	use_stack(6 << 20);
	return arg;
}

TEST(thread_stack)
{
	thread_join(thread_start(deep_thread, NULL));
}
