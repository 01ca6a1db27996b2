/* SPDX-License-Identifier: Apache-2.0 */
/* brk: growing, shrinking, refusals, limits.
 * Source: brk(2) (the call, not the wrapper). */
#include <sys/resource.h>

#include "fault.h"
#include "harness.h"

static char *brk_to(void *p)
{
	return (char *)syscall(SYS_brk, p);
}

static char *page_up(char *p)
{
	return (char *)(((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
}

TEST(grow_and_shrink)
{
	char *start = brk_to(NULL), *base = page_up(start);

	CHECK(start != NULL);
	CHECK(brk_to(base + 8 * PAGE) == base + 8 * PAGE);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(base[i * PAGE + 9], 0);
	memset(base, 5, 8 * PAGE);
	CHECK(brk_to(base + 2 * PAGE) == base + 2 * PAGE);
	CHECK_EQ(base[2 * PAGE - 1], 5);
	CHECK_EQ(fault_read(base + 2 * PAGE), SIGSEGV);
	/* What comes back is zero. */
	CHECK(brk_to(base + 4 * PAGE) == base + 4 * PAGE);
	CHECK_EQ(base[3 * PAGE], 0);
	CHECK_EQ(base[2 * PAGE - 1], 5);
}

/* A failure is the old break as the return value, never an errno. */
TEST(refusals_return_the_old_break)
{
	char *now = brk_to(NULL);

	CHECK(brk_to((void *)1) == now); /* below the start */
	CHECK(brk_to((void *)-1L) == now);
	CHECK(brk_to((void *)(1UL << 46)) == now || brk_to(NULL) == now);
	CHECK(brk_to(NULL) == now);
}

TEST(need_not_be_aligned)
{
	char *base = page_up(brk_to(NULL));

	CHECK(brk_to(base + 100) == base + 100);
	base[PAGE - 1] = 3; /* the whole page is there */
	CHECK(brk_to(base + 200) == base + 200);
	CHECK_EQ(base[PAGE - 1], 3);
	CHECK(brk_to(base) == base);
}

TEST(stops_at_another_mapping)
{
	char *base = page_up(brk_to(NULL));

	CHECK(brk_to(base) == base);
	char *p = mmap(base + 16 * PAGE, PAGE, PROT_READ,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK(p == base + 16 * PAGE);
	CHECK(brk_to(base + 20 * PAGE) == base);
	CHECK(brk_to(base + 8 * PAGE) == base + 8 * PAGE);
}

TEST(data_limit)
{
	struct rlimit lim = {8UL << 20, RLIM_INFINITY};
	char *now = brk_to(NULL);

	CHECK_OK(setrlimit(RLIMIT_DATA, &lim));
	CHECK(brk_to(now + (16UL << 20)) == now);
	CHECK(brk_to(now + (1UL << 20)) == now + (1UL << 20));
}

TEST(address_space_limit)
{
	char *now = brk_to(NULL);
	struct rlimit lim = {0, RLIM_INFINITY};

	lim.rlim_cur = file_field("/proc/self/status", "VmSize") * 1024 + (4UL << 20);
	CHECK_OK(setrlimit(RLIMIT_AS, &lim));
	CHECK(brk_to(now + (16UL << 20)) == now);
}

TEST(fork_copies_the_heap)
{
	char *base = page_up(brk_to(NULL));

	CHECK(brk_to(base + 4 * PAGE) == base + 4 * PAGE);
	base[0] = 1;
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK(brk_to(NULL) == base + 4 * PAGE);
		CHECK_EQ(base[0], 1);
		base[0] = 2;
		CHECK(brk_to(base) == base);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(base[0], 1);
	CHECK(brk_to(NULL) == base + 4 * PAGE);
}

/* maps names the area. */
TEST(maps_says_heap)
{
	char buf[32768], line[64];
	char *base = page_up(brk_to(NULL));
	size_t n;

	CHECK(brk_to(base + 64 * PAGE) == base + 64 * PAGE);
	n = read_file("/proc/self/maps", buf, sizeof(buf) - 1);
	buf[n] = 0;
	snprintf(line, sizeof(line), "-%08lx rw-p 00000000 00:00 0",
		 (unsigned long)(base + 64 * PAGE));
	char *p = strstr(buf, line);
	CHECK(p != NULL);
	char *eol = strchr(p, '\n');
	*eol = 0;
	CHECK(strstr(p, "[heap]") != NULL);
}
