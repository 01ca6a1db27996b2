/* SPDX-License-Identifier: Apache-2.0 */
// LOWER
/*
 * Blocks of files that existed before the program started: writes that end in them,
 * holes, zeroes, ranges taken out. As fs_lower.c, which has the rest.
 */
#include "harness.h"

#define TREES 8
#define BIG   300000

static char big_data[BIG];

static unsigned char big_byte(size_t i)
{
	return (unsigned char)(i * 7 + i / 1000);
}

static void make_tree(void)
{
	put_str("f", "0123456789");
	write_file("big", big_data, BIG);
}

static void fill(void)
{
	for (size_t i = 0; i < BIG; i++)
		big_data[i] = (char)big_byte(i);
	umask(022);
}

int test_role_main(int argc, char **argv)
{
	char name[16];

	CHECK_EQ(argc, 4); /* --role make DIR */
	CHECK_OK(chdir(argv[3]));
	fill();
	for (int i = 0; i < TREES; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		CHECK_OK(mkdir(name, 0755));
		CHECK_OK(chdir(name));
		make_tree();
		CHECK_OK(chdir(".."));
	}
	return 0;
}

static void enter(int n)
{
	const char *lower = getenv("LOWER");
	char path[512];

	fill();
	if (!lower) {
		scratch_cd();
		make_tree();
		return;
	}
	CHECK(n < TREES);
	snprintf(path, sizeof(path), "%s/t%d", lower, n);
	CHECK_OK(chdir(path));
}
#define ENTER() enter(__COUNTER__) /* a tree of its own for each case */

static void expect_big(const char *path)
{
	static char back[BIG + 10];

	CHECK_EQ(read_file(path, back, sizeof(back)), BIG);
	CHECK_MEM(back, big_data, BIG);
}

/* The program's bytes end inside a block that would be overwritten as a whole. */
TEST(write_that_faults_half_way)
{
	char *p = mmap(NULL, 131072, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	ssize_t n;
	int fd;

	ENTER();
	CHECK(p != MAP_FAILED);
	memset(p, 'n', 131072);
	CHECK_OK(munmap(p + 86016, 131072 - 86016));
	fd = CHECK_OK(open("big", O_RDWR));
	n = CHECK_OK(pwrite(fd, p, 131072, 65536));
	CHECK(n > 0 && n <= 86016);
	memset(big_data + 65536, 'n', (size_t)n);
	CHECK_ERRNO(pwrite(fd, p + 86016, 65536, 131072 + 65536), EFAULT);
	expect_big("big");
}

TEST(written_behind_the_end)
{
	volatile char *p, *q;
	int fd;

	ENTER();
	fd = CHECK_OK(open("f", O_RDWR));
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[9], '9');
	CHECK_EQ(pwrite(fd, "x", 1, 200), 1);
	q = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(q != MAP_FAILED);
	CHECK_EQ(q[200], 'x');
	CHECK_EQ(p[200], 'x');
	CHECK_EQ(p[9], '9');
	CHECK_EQ(p[10], 0);
}

static void holes(int mode)
{
	volatile unsigned char *p;
	int fd = CHECK_OK(open("big", O_RDWR));

	p = mmap(NULL, BIG, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[100000], big_byte(100000));
	NEED(fallocate(fd, mode, 100, 10), "fallocate");
	CHECK_OK(fallocate(fd, mode, 60000, 150000)); /* two blocks whole, two in part */
	CHECK_OK(fallocate(fd, mode, BIG - 10, 10));
	memset(big_data + 100, 0, 10);
	memset(big_data + 60000, 0, 150000);
	memset(big_data + BIG - 10, 0, 10);
	expect_big("big");
	CHECK_EQ(p[105], 0);
	CHECK_EQ(p[100000], 0);
	CHECK_EQ(p[59999], big_byte(59999));
	CHECK_EQ(p[210000], big_byte(210000));
	CHECK_EQ(p[BIG - 1], 0);
}

TEST(punch_holes)
{
	ENTER();
	holes(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

TEST(zero_ranges)
{
	ENTER();
	holes(FALLOC_FL_ZERO_RANGE);
}

TEST(ranges_taken_out_and_put_in)
{
	volatile unsigned char *p;
	static char back[BIG + 8192];
	int fd;

	ENTER();
	fd = CHECK_OK(open("big", O_RDWR));
	p = mmap(NULL, BIG, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[100000], big_byte(100000));
	NEED(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 69632, 12288), "COLLAPSE_RANGE");
	CHECK_EQ(p[100000], big_byte(112288));
	CHECK_EQ(p[69631], big_byte(69631));
	memmove(big_data + 69632, big_data + 81920, BIG - 81920);
	CHECK_OK(fallocate(fd, FALLOC_FL_INSERT_RANGE, 8192, 20480));
	CHECK_EQ(p[8191], big_byte(8191));
	CHECK_EQ(p[8192], 0);
	CHECK_EQ(p[28672], big_byte(8192));
	CHECK_EQ(read_file("big", back, BIG + 8192), BIG + 8192);
	CHECK_MEM(back, big_data, 8192);
	CHECK_MEM(back + 28672, big_data + 8192, BIG - 12288 - 8192);
	for (int i = 0; i < 20480; i++)
		CHECK_EQ(back[8192 + i], 0);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_INSERT_RANGE, 100, 4096), EINVAL);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 303104, 8192), EINVAL);
}
