/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mremap: shrinking, growing in place and by moving, to a fixed place, DONTUNMAP, what
 * cannot be done. Source: mremap(2).
 */
#include <sys/resource.h>

#include "fault.h"
#include "harness.h"

#define RW (PROT_READ | PROT_WRITE)

static char *map_flags(size_t pages, int flags)
{
	char *p = mmap(NULL, pages * PAGE, RW, flags, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static char *map(size_t pages)
{
	return map_flags(pages, MAP_PRIVATE | MAP_ANONYMOUS);
}

/* N pages with free space behind them. */
static char *map_with_room(size_t pages, size_t room)
{
	char *p = map(pages + room);

	CHECK_OK(munmap(p + pages * PAGE, room * PAGE));
	return p;
}

static void fill(char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		memset(p + i * PAGE, (int)i + 1, PAGE);
}

static void check_filled(const char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		CHECK_EQ(p[i * PAGE], (char)(i + 1));
		CHECK_EQ(p[i * PAGE + PAGE - 1], (char)(i + 1));
	}
}

TEST(shrink)
{
	char *p = map(4);

	fill(p, 4);
	CHECK(mremap(p, 4 * PAGE, 2 * PAGE, 0) == p);
	check_filled(p, 2);
	CHECK_EQ(fault_read(p + 2 * PAGE), SIGSEGV);
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, 0) == p); /* same size */
	CHECK(mremap(p, 2 * PAGE, 1, 0) == p);	      /* rounded up to a page */
	CHECK_EQ(fault_read(p + PAGE), SIGSEGV);
}

TEST(grow_in_place)
{
	char *p = map_with_room(2, 4);

	fill(p, 2);
	CHECK(mremap(p, 2 * PAGE, 5 * PAGE, 0) == p);
	check_filled(p, 2);
	CHECK_EQ(p[4 * PAGE], 0);
	p[5 * PAGE - 1] = 1;
}

TEST(grow_needs_room_or_maymove)
{
	char *p = map(4);

	fill(p, 4);
	CHECK_ERRNO(mremap(p, 2 * PAGE, 3 * PAGE, 0), ENOMEM); /* pages behind are ours */
	char *q = mremap(p, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	check_filled(q, 2);
	CHECK_EQ(q[7 * PAGE], 0);
	CHECK_EQ(fault_read(p), SIGSEGV); /* the old place is gone, its neighbours not */
	CHECK_EQ(p[2 * PAGE], 3);
}

TEST(fixed)
{
	char *p = map(3), *to = map(3);

	fill(p, 3);
	memset(to, 0x77, 3 * PAGE);
	CHECK(mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	check_filled(to, 3);
	CHECK_EQ(fault_read(p), SIGSEGV);
	/* Moving and shrinking at once. */
	char *there = map(2);
	CHECK(mremap(to, 3 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there) == there);
	check_filled(there, 1);
	CHECK_EQ(there[PAGE], 0); /* the second page was not touched */
	CHECK_EQ(fault_read(to), SIGSEGV);
	CHECK_EQ(fault_read(to + 2 * PAGE), SIGSEGV);
}

TEST(errors)
{
	char *p = map(4), *q = map(4);

	CHECK_ERRNO(mremap(p + 1, PAGE, PAGE, 0), EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, 0, 0), EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, PAGE, 0x100), EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, PAGE, MREMAP_FIXED, q), EINVAL); /* without MAYMOVE */
	CHECK_ERRNO(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + 1), EINVAL);
	/* Old and new overlap. */
	CHECK_ERRNO(
		mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE),
		EINVAL);
	CHECK_ERRNO(
		mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)(1UL << 47)),
		EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, 0x7ff000000000, MREMAP_MAYMOVE), ENOMEM);
	/* Length 0 copies shared mappings only. */
	CHECK_ERRNO(mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
	CHECK_OK(munmap(p, 4 * PAGE));
	CHECK_ERRNO(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	/* Growing beyond the end of its area. */
	CHECK_ERRNO(mremap(q + 2 * PAGE, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

TEST(across_two_areas)
{
	char *p = map(4);

	CHECK_OK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ));
	CHECK_ERRNO(mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE), EFAULT);
	CHECK(mremap(p, 4 * PAGE, PAGE, 0) == p); /* shrinking may */
}

/* The rights travel with the pages. */
TEST(protection_moves_along)
{
	char *p = map(2);

	fill(p, 2);
	CHECK_OK(mprotect(p, 2 * PAGE, PROT_READ));
	char *q = mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	check_filled(q, 2);
	CHECK_EQ(fault_write(q), SIGSEGV);
	CHECK_EQ(fault_write(q + 3 * PAGE), SIGSEGV);
}

/* Length 0 of a shared mapping: a second view. */
TEST(duplicate_a_shared_mapping)
{
	char *p = map_flags(2, MAP_SHARED | MAP_ANONYMOUS);

	fill(p, 2);
	char *q = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	check_filled(q, 2);
	p[5] = 99;
	CHECK_EQ(q[5], 99);
}

TEST(file_mapping_grows_into_the_file)
{
	scratch_cd();
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	char buf[4 * PAGE];

	fill(buf, 4);
	CHECK_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
	char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE);
	CHECK(p != MAP_FAILED);
	p = mremap(p, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[0], 2);
	CHECK_EQ(p[2 * PAGE], 4);
	p[2 * PAGE] = 55;
	CHECK_EQ(pread(fd, buf, 1, 3 * PAGE), 1);
	CHECK_EQ(buf[0], 55);
}

TEST(dontunmap)
{
	char *p = map(3);

	fill(p, 3);
	char *q = mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (q == MAP_FAILED && errno == EINVAL)
		SKIP("no MREMAP_DONTUNMAP");
	CHECK(q != MAP_FAILED && q != p);
	check_filled(q, 3);
	CHECK_EQ(p[0], 0); /* still mapped, empty */
	CHECK_EQ(p[2 * PAGE], 0);
	p[0] = 1;
	CHECK_ERRNO(
		mremap(p, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL),
		EINVAL);
	CHECK_ERRNO(mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_DONTUNMAP, NULL), EINVAL);
}

TEST(address_space_limit)
{
	char *p = map_with_room(2, 2);
	struct rlimit lim = {0, RLIM_INFINITY};

	lim.rlim_cur = file_field("/proc/self/status", "VmSize") * 1024 + (16UL << 20);
	CHECK_OK(setrlimit(RLIMIT_AS, &lim));
	CHECK_ERRNO(mremap(p, 2 * PAGE, 64UL << 20, MREMAP_MAYMOVE), ENOMEM);
	CHECK(mremap(p, 2 * PAGE, 1UL << 20, MREMAP_MAYMOVE) != MAP_FAILED);
}

/* realloc's way: double it many times, contents intact. */
TEST(repeated_growth)
{
	size_t pages = 1;
	char *p = map(1);

	for (int i = 0; i < 12; i++) {
		p[pages * PAGE - 1] = (char)i;
		p = mremap(p, pages * PAGE, pages * 2 * PAGE, MREMAP_MAYMOVE);
		CHECK(p != MAP_FAILED);
		pages *= 2;
	}
	for (int i = 0; i < 12; i++)
		CHECK_EQ(p[((size_t)PAGE << i) - 1], i);
}

/* Moved pages of a forked process stay private to each side. */
TEST(moved_after_fork)
{
	char *p = map(2);

	fill(p, 2);
	pid_t pid = fork_child();
	if (pid == 0) {
		char *q = mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);

		CHECK(q != MAP_FAILED);
		check_filled(q, 2);
		q[0] = 50;
		_exit(0);
	}
	wait_ok(pid);
	check_filled(p, 2);
}
