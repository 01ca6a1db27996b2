/* SPDX-License-Identifier: Apache-2.0 */
/* O_DIRECT as databases use it, O_SYNC and O_DSYNC writes, O_NOATIME. */
#include <sys/uio.h>

#include "harness.h"

static char *aligned(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static int direct_file(void)
{
	int fd;

	scratch_cd();
	fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0600);
	if (fd < 0 && errno == EINVAL)
		SKIP("no O_DIRECT on this file system");
	return CHECK_OK(fd);
}

TEST(aligned_transfers)
{
	char *buf = aligned(16384);
	int fd = direct_file();

	CHECK(fcntl(fd, F_GETFL) & O_DIRECT);
	memset(buf, 'd', 16384);
	CHECK_EQ(pwrite(fd, buf, 16384, 0), 16384);
	memset(buf, 0, 16384);
	CHECK_EQ(pread(fd, buf, 4096, 8192), 4096);
	CHECK_EQ(buf[0], 'd');
	CHECK_EQ(buf[4096], 0);
	CHECK_EQ(pread(fd, buf, 16384, 12288), 4096); /* to the end */
	CHECK_EQ(pread(fd, buf, 4096, 16384), 0);
}

TEST(agrees_with_cached_io)
{
	char *buf = aligned(8192);
	int fd = direct_file(), cached = CHECK_OK(open("f", O_RDWR));
	volatile char *m;

	CHECK_EQ(pwrite(cached, "0123456789", 10, 0), 10);
	CHECK_EQ(pread(fd, buf, 4096, 0), 10);
	CHECK_MEM(buf, "0123456789", 10);
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, cached, 0);
	CHECK(m != MAP_FAILED);
	m[0] = 'm';
	CHECK_EQ(pread(fd, buf, 4096, 0), 10);
	CHECK_EQ(buf[0], 'm');
	memset(buf, 'z', 4096);
	CHECK_EQ(pwrite(fd, buf, 4096, 0), 4096);
	CHECK_EQ(pread(cached, buf, 5, 4090), 5);
	CHECK_MEM(buf, "zzzzz", 5);
	CHECK_EQ(m[100], 'z');
}

/* Whether crooked requests work is the file system's choice; nothing else may happen. */
TEST(crooked_requests)
{
	char *buf = aligned(8192);
	int fd = direct_file();
	ssize_t n;

	CHECK_EQ(pwrite(fd, buf, 8192, 0), 8192);
	n = pread(fd, buf + 1, 512, 0);
	CHECK(n == 512 || (n == -1 && errno == EINVAL));
	n = pread(fd, buf, 100, 0);
	CHECK(n == 100 || (n == -1 && errno == EINVAL));
	n = pread(fd, buf, 512, 7);
	CHECK(n == 512 || (n == -1 && errno == EINVAL));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 8192);
}

TEST(switched_by_fcntl)
{
	char *buf = aligned(4096);
	int fd = direct_file();

	CHECK_EQ(pwrite(fd, buf, 4096, 0), 4096);
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	CHECK_EQ(pwrite(fd, "odd", 3, 1), 3);
	CHECK_OK(fcntl(fd, F_SETFL, O_DIRECT));
	CHECK_EQ(pread(fd, buf, 4096, 0), 4096);
	CHECK_MEM(buf + 1, "odd", 3);
}

TEST(vectors)
{
	char *buf = aligned(16384);
	struct iovec iov[2] = {{buf, 4096}, {buf + 8192, 4096}};
	int fd = direct_file();

	memset(buf, '1', 4096);
	memset(buf + 8192, '2', 4096);
	CHECK_EQ(pwritev(fd, iov, 2, 0), 8192);
	CHECK_EQ(pread(fd, buf, 8192, 0), 8192);
	CHECK_EQ(buf[4095], '1');
	CHECK_EQ(buf[4096], '2');
}

TEST(synchronous_writes)
{
	scratch_cd();
	for (int i = 0; i < 2; i++) {
		int fd = CHECK_OK(
			open("f", O_RDWR | O_CREAT | (i ? O_SYNC : O_DSYNC), 0600));

		CHECK_EQ(fcntl(fd, F_GETFL) & O_SYNC, i ? O_SYNC : O_DSYNC);
		CHECK_EQ(write(fd, "sync", 4), 4);
		check_file("f", "sync");
	}
}

TEST(noatime)
{
	struct timespec ts[2] = {{1000, 0}, {2000, 0}};
	struct stat st;
	char c;
	int fd;

	scratch_cd();
	put_str("f", "x");
	CHECK_OK(utimensat(AT_FDCWD, "f", ts, 0));
	fd = CHECK_OK(open("f", O_RDONLY | O_NOATIME));
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_atim.tv_sec, 1000);
}
