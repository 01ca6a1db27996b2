/* SPDX-License-Identifier: Apache-2.0 */
// LOWER
/*
 * Blocks of files that existed before the program started (harness/lower.h): writes here
 * and there, and such that end in a block; mappings, holes, zeroes, ranges taken out.
 */
#include "harness.h"
#include "lower.h"

LOWER_MAIN

TEST(write_into_the_middle)
{
	int fd;

	ENTER();
	fd = CHECK_OK(open("big", O_RDWR));
	for (off_t at = 65530; at < BIG - 20; at += 65536) { /* across block borders */
		CHECK_EQ(pwrite(fd, "<<patched>>", 11, at), 11);
		memcpy(big_data + at, "<<patched>>", 11);
	}
	expect_big("big");
}

TEST(truncate_and_grow)
{
	static char back[BIG];

	ENTER();
	CHECK_OK(truncate("big", 100000));
	CHECK_OK(truncate("big", BIG));
	memset(big_data + 100000, 0, BIG - 100000);
	CHECK_EQ(read_file("big", back, BIG), BIG);
	CHECK_MEM(back, big_data, BIG);
	CHECK_OK(close(CHECK_OK(open("f", O_WRONLY | O_TRUNC))));
	check_file("f", "");
}

TEST(shared_mapping_made_before)
{
	volatile char *p;
	int fd;

	ENTER();
	p = mmap(NULL, BIG, PROT_READ, MAP_SHARED, CHECK_OK(open("big", O_RDONLY)), 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ((unsigned char)p[100], big_byte(100));
	CHECK_EQ((unsigned char)p[200000], big_byte(200000));
	fd = CHECK_OK(open("big", O_RDWR));
	CHECK_EQ(pwrite(fd, "!", 1, 100), 1);
	CHECK_EQ(pwrite(fd, "?", 1, 200000), 1);
	CHECK_EQ(p[100], '!');
	CHECK_EQ(p[200000], '?');
	CHECK_EQ((unsigned char)p[101], big_byte(101));
}

TEST(write_through_a_mapping)
{
	char c;
	char *p;
	int fd;

	ENTER();
	fd = CHECK_OK(open("big", O_RDWR));
	p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[70000] = 'm';
	CHECK_EQ(pread(CHECK_OK(open("big", O_RDONLY)), &c, 1, 70000), 1);
	CHECK_EQ(c, 'm');
	big_data[70000] = 'm';
	expect_big("big");
}

TEST(holes_and_copies)
{
	static char back[BIG];
	off_t off = 1000;
	int fd, out;

	ENTER();
	fd = CHECK_OK(open("big", O_RDWR));
	out = CHECK_OK(open("g", O_RDWR | O_TRUNC));
	CHECK_EQ(syscall(SYS_copy_file_range, fd, &off, out, NULL, 5000, 0), 5000);
	CHECK_EQ(read_file("g", back, BIG), 5000);
	CHECK_MEM(back, big_data + 1000, 5000);
	NEED(fallocate(fd, 3 /* KEEP_SIZE | PUNCH_HOLE */, 65536, 65536), "PUNCH_HOLE");
	memset(big_data + 65536, 0, 65536);
	expect_big("big");
	CHECK_EQ(pwrite(fd, "end", 3, BIG + 100000), 3);
	CHECK_EQ(st_of("big").st_size, BIG + 100003);
	CHECK_EQ(pread(fd, back, 10, BIG), 10);
	CHECK_EQ(back[0] | back[9], 0);
}

TEST(two_writers)
{
	pid_t pid;
	int fd;

	ENTER();
	fd = CHECK_OK(open("big", O_RDWR)); /* before the fork, and once more after it */
	pid = fork_child();
	if (pid == 0)
		fd = CHECK_OK(open("big", O_RDWR));
	for (off_t at = pid == 0 ? 0 : 500; at < BIG - 500; at += 1000)
		CHECK_EQ(pwrite(fd, pid == 0 ? "child" : "paren", 5, at), 5);
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
	for (off_t at = 0; at < BIG - 500; at += 500)
		memcpy(big_data + at, at % 1000 ? "paren" : "child", 5);
	expect_big("big");
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
