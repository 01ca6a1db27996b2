/* SPDX-License-Identifier: Apache-2.0 */
/* read, write, pread, pwrite, lseek: counts, offsets, limits, bad buffers. */
#include <sys/resource.h>

#include "harness.h"

static int new_file(const char *content)
{
	int fd;

	scratch_cd();
	put_str("f", content);
	fd = CHECK_OK(open("f", O_RDWR));
	return fd;
}

TEST(position_advances)
{
	char buf[16];
	int fd = new_file("0123456789");

	CHECK_EQ(read(fd, buf, 3), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	CHECK_EQ(read(fd, buf, 16), 4);
	CHECK_MEM(buf, "6789", 4);
	CHECK_EQ(read(fd, buf, 16), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	check_file("f", "012abc6789");
}

TEST(positioned_calls_leave_the_position)
{
	char buf[16];
	int fd = new_file("0123456789");

	CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
	CHECK_EQ(pread(fd, buf, 3, 5), 3);
	CHECK_MEM(buf, "567", 3);
	CHECK_EQ(pwrite(fd, "XY", 2, 8), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
	CHECK_EQ(pread(fd, buf, 16, 8), 2);
	CHECK_EQ(pread(fd, buf, 16, 10), 0);
	CHECK_EQ(pread(fd, buf, 16, 1LL << 50), 0);
	CHECK_ERRNO(pread(fd, buf, 1, -1), EINVAL);
	CHECK_ERRNO(pwrite(fd, buf, 1, -1), EINVAL);
}

TEST(zero_counts)
{
	int fd = new_file("abc");

	CHECK_EQ(read(fd, NULL, 0), 0);
	CHECK_EQ(read(fd, BAD_PTR, 0), 0);
	CHECK_EQ(write(fd, NULL, 0), 0);
	CHECK_EQ(pread(fd, NULL, 0, 0), 0);
	CHECK_EQ(pwrite(fd, NULL, 0, 100), 0);
	check_file("f", "abc"); /* a write of nothing does not extend */
	CHECK_ERRNO(read(-1, NULL, 0), EBADF);
	CHECK_ERRNO(write(CHECK_OK(open("f", O_RDONLY)), "", 0), EBADF);
}

TEST(bad_descriptors)
{
	char c = 0;

	CHECK_ERRNO(read(-1, &c, 1), EBADF);
	CHECK_ERRNO(read(70000, &c, 1), EBADF);
	CHECK_ERRNO(write(-1, &c, 1), EBADF);
	CHECK_ERRNO(pread(-1, &c, 1, 0), EBADF);
	CHECK_ERRNO(pwrite(-1, &c, 1, 0), EBADF);
	CHECK_ERRNO(lseek(-1, 0, SEEK_SET), EBADF);
	CHECK_ERRNO(close(-1), EBADF);
	CHECK_ERRNO(fsync(-1), EBADF);
}

TEST(bad_buffers)
{
	int fd = new_file("abc");

	CHECK_ERRNO(read(fd, BAD_PTR, 3), EFAULT);
	CHECK_ERRNO(read(fd, (void *)-4096L, 3), EFAULT);
	CHECK_ERRNO(write(fd, BAD_PTR, 3), EFAULT);
	CHECK_ERRNO(pwrite(fd, (void *)(1UL << 63), 3, 0), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	check_file("f", "abc");
	/* At end of file nothing is copied, so nothing can be wrong. */
	CHECK_EQ(pread(fd, BAD_PTR, 3, 3), 0);
}

TEST(read_only_buffer)
{
	int fd = new_file("abc");
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(read(fd, p, 3), EFAULT);
	CHECK_EQ(write(fd, p, 3), 3);
	CHECK_ERRNO(read(CHECK_OK(open("f", O_RDONLY)), (void *)(uintptr_t)&new_file, 3),
		    EFAULT);
}

/* A buffer that runs into a bad page: what fits is moved. */
TEST(partial_copies)
{
	char *end = guard_page();
	int fd;

	scratch_cd();
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	memset(end - PAGE, 'a', PAGE);
	CHECK_EQ(write(fd, end - PAGE, PAGE), PAGE);
	CHECK_EQ(write(fd, end - PAGE, PAGE), PAGE);
	memset(end - PAGE, 0, PAGE);
	CHECK_EQ(pread(fd, end - 100, 200, 0), 100);
	CHECK_EQ(end[-1], 'a');
	CHECK_EQ(end[-100], 'a');
	CHECK_EQ(end[-101], 0);
	memset(end - 50, 'b', 50);
	CHECK_EQ(pwrite(fd, end - 50, 200, 0), 50);
	CHECK_EQ(pread(fd, end - PAGE, 51, 0), 51);
	CHECK_EQ(end[-PAGE + 49], 'b');
	CHECK_EQ(end[-PAGE + 50], 'a');
}

/* Counts are clamped to 2 GiB less a page, then the buffer's end decides. */
TEST(huge_counts)
{
	/* Far below the end of the address space: a range past it is refused at once. */
	char *buf = mmap((void *)0x200000000, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	int fd = new_file("0123456789");

	CHECK(buf != MAP_FAILED);
	CHECK_EQ(read(fd, buf, 0x7fffffffUL), 10);
	CHECK_EQ(pread(fd, buf + PAGE - 4, 1UL << 40, 0), 4);
	CHECK_EQ(write(CHECK_OK(open("/dev/null", O_WRONLY)), buf, 1UL << 40),
		 0x7ffff000);
	CHECK_ERRNO(pread(fd, buf + PAGE - 4, SIZE_MAX / 2, 0), EFAULT);
	CHECK_ERRNO(read(fd, buf, SIZE_MAX), EFAULT);
	CHECK_ERRNO(write(fd, buf, (size_t)1 << 63), EFAULT);
}

TEST(seek_whence)
{
	int fd = new_file("0123456789");

	CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
	CHECK_EQ(lseek(fd, -1, SEEK_CUR), 3);
	CHECK_EQ(lseek(fd, -2, SEEK_END), 8);
	CHECK_EQ(lseek(fd, 100, SEEK_END), 110);
	CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERRNO(lseek(fd, -111, SEEK_CUR), EINVAL);
	CHECK_ERRNO(lseek(fd, -11, SEEK_END), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 110);
	CHECK_ERRNO(lseek(fd, 0, 77), EINVAL);
	CHECK_ERRNO(lseek(fd, 0, -1), EINVAL);
	CHECK_ERRNO(lseek(fd, INT64_MAX, SEEK_CUR), EINVAL);
	CHECK_ERRNO(lseek(fd, INT64_MIN, SEEK_SET), EINVAL);
}

TEST(seek_on_pipes_and_sockets)
{
	int p[2];
	char c;

	CHECK_OK(pipe(p));
	CHECK_ERRNO(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(pread(p[0], &c, 1, 0), ESPIPE);
	CHECK_ERRNO(pwrite(p[1], &c, 1, 0), ESPIPE);
	CHECK_ERRNO(lseek((int)syscall(SYS_socket, 1, 1, 0), 0, SEEK_SET), ESPIPE);
}

TEST(hole_by_seeking)
{
	char buf[16];
	int fd = new_file("abc");

	CHECK_EQ(lseek(fd, 10000, SEEK_SET), 10000);
	CHECK_EQ(write(fd, "x", 1), 1);
	memset(buf, 'z', sizeof(buf));
	CHECK_EQ(pread(fd, buf, 16, 9990), 11);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(buf[i], 0);
	CHECK_EQ(buf[10], 'x');
}

TEST(seek_data_and_hole)
{
	int fd = new_file("");

	CHECK_ERRNO(lseek(fd, 0, SEEK_DATA), ENXIO);
	CHECK_ERRNO(lseek(fd, 0, SEEK_HOLE), ENXIO);
	CHECK_EQ(pwrite(fd, "abc", 3, 1 << 20), 3);
	CHECK_OK(ftruncate(fd, 2 << 20));
	off_t data = CHECK_OK(lseek(fd, 0, SEEK_DATA));
	off_t hole = CHECK_OK(lseek(fd, 1 << 20, SEEK_HOLE));
	/* A file system may see no holes but the end. */
	CHECK(data == 0 || (data > 0 && data <= 1 << 20));
	CHECK(hole > 1 << 20 && hole <= 2 << 20);
	CHECK_EQ(lseek(fd, 1 << 20, SEEK_DATA), 1 << 20);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1 << 20);
	CHECK_ERRNO(lseek(fd, 2 << 20, SEEK_DATA), ENXIO);
	CHECK_ERRNO(lseek(fd, 2 << 20, SEEK_HOLE), ENXIO);
	CHECK_ERRNO(lseek(fd, -1, SEEK_HOLE), ENXIO);
	CHECK_ERRNO(lseek(fd, INT64_MAX, SEEK_DATA), ENXIO);
}

TEST(offset_limit)
{
	int fd = new_file("");
	char c;

	CHECK_ERRNO(pwrite(fd, "x", 1, INT64_MAX), EINVAL);
	CHECK_ERRNO(pwrite(fd, "xx", 2, INT64_MAX - 1), EINVAL);
	CHECK_ERRNO(pread(fd, &c, 1, INT64_MAX), EINVAL);
	CHECK_EQ(pread(fd, &c, 1, INT64_MAX - 4), 0);
	CHECK_ERRNO(pwrite(fd, "x", 1, INT64_MIN), EINVAL);
}

/* Descriptors from dup and fork share one position; separate opens do not. */
TEST(shared_positions)
{
	char buf[4];
	int fd = new_file("0123456789");
	int other = CHECK_OK(open("f", O_RDONLY));
	int copy = CHECK_OK(dup(fd));
	pid_t pid;

	CHECK_EQ(read(fd, buf, 3), 3);
	CHECK_EQ(lseek(copy, 0, SEEK_CUR), 3);
	CHECK_EQ(lseek(other, 0, SEEK_CUR), 0);
	pid = fork_child();
	if (pid == 0)
		_exit(read(fd, buf, 2) == 2 ? 0 : 1);
	wait_ok(pid);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
}

TEST(file_size_limit)
{
	struct rlimit lim = {10, RLIM_INFINITY};
	int fd = new_file("01234");

	catch_signal(SIGXFSZ, 0);
	CHECK_OK(setrlimit(RLIMIT_FSIZE, &lim));
	CHECK_EQ(pwrite(fd, "abcdefgh", 8, 5), 5); /* up to the limit */
	CHECK_EQ(sig_count[SIGXFSZ], 0);
	CHECK_ERRNO(pwrite(fd, "x", 1, 10), EFBIG);
	CHECK_EQ(sig_count[SIGXFSZ], 1);
	CHECK_ERRNO(ftruncate(fd, 11), EFBIG);
	CHECK_EQ(sig_count[SIGXFSZ], 2);
	CHECK_OK(ftruncate(fd, 10));
	CHECK_EQ(pwrite(fd, "x", 1, 9), 1);
}

TEST(write_of_one_file_from_two_threads_appends_whole)
{
	enum { N = 200 };
	char line[] = "................................\n", buf[8192];
	int fd;
	pid_t pid;

	scratch_cd();
	fd = CHECK_OK(open("f", O_RDWR | O_CREAT | O_APPEND, 0600));
	pid = fork_child();
	if (pid == 0)
		memset(line, '#', sizeof(line) - 2);
	for (int i = 0; i < N / 2; i++)
		CHECK_EQ(write(fd, line, sizeof(line) - 1), sizeof(line) - 1);
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
	CHECK_EQ(read_file("f", buf, sizeof(buf)), N * (sizeof(line) - 1));
	for (size_t i = 0; i < N * (sizeof(line) - 1); i += sizeof(line) - 1) {
		for (size_t k = 1; k < sizeof(line) - 2; k++)
			CHECK_EQ(buf[i + k], buf[i]);
	}
}

TEST(large_file_content)
{
	enum { N = 3 << 20 };
	unsigned char *a = malloc(N), *b = malloc(N);

	scratch_cd();
	CHECK(a && b);
	for (size_t i = 0; i < N; i++)
		a[i] = (unsigned char)(i * 2654435761u >> 13);
	write_file("f", a, N);
	CHECK_EQ(read_file("f", b, N), N);
	CHECK_MEM(b, a, N);
	int fd = CHECK_OK(open("f", O_RDWR));
	for (off_t at = 4000; at < N - 200; at += 65521) {
		CHECK_EQ(pread(fd, b, 200, at), 200);
		CHECK_MEM(b, a + at, 200);
	}
}
