/* SPDX-License-Identifier: Apache-2.0 */
/* Character devices that every program expects:
 * null, zero, full, random, urandom, tty. */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "harness.h"

static int dev(const char *path, int flags)
{
	return CHECK_OK(open(path, flags));
}

static void check_numbers(const char *path, unsigned major_no, unsigned minor_no)
{
	struct stat st;

	CHECK_OK(stat(path, &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(major(st.st_rdev), major_no);
	CHECK_EQ(minor(st.st_rdev), minor_no);
}

TEST(device_numbers)
{
	check_numbers("/dev/null", 1, 3);
	check_numbers("/dev/zero", 1, 5);
	check_numbers("/dev/full", 1, 7);
	check_numbers("/dev/random", 1, 8);
	check_numbers("/dev/urandom", 1, 9);
	check_numbers("/dev/tty", 5, 0);
}

TEST(null_reads_nothing_and_takes_all)
{
	char buf[64];
	int fd = dev("/dev/null", O_RDWR);

	CHECK_EQ(read(fd, buf, sizeof(buf)), 0);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 12345), 0);
	CHECK_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(pwrite(fd, buf, 10, 1LL << 40), 10);
	CHECK_EQ(write(fd, buf, 0), 0);
}

/* null never looks at the data: even a bad pointer is taken. */
TEST(null_ignores_the_buffer)
{
	struct iovec iov[2] = {{BAD_PTR, 5}, {BAD_PTR, 6}};
	int fd = dev("/dev/null", O_RDWR);

	CHECK_EQ(write(fd, BAD_PTR, 100), 100);
	CHECK_EQ(writev(fd, iov, 2), 11);
	CHECK_EQ(read(fd, BAD_PTR, 100), 0);
}

TEST(null_seeks_to_zero)
{
	int fd = dev("/dev/null", O_RDWR);

	CHECK_EQ(lseek(fd, 1000, SEEK_SET), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
}

TEST(zero_reads_zeroes)
{
	char buf[5000];
	int fd = dev("/dev/zero", O_RDWR);

	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		CHECK(buf[i] == 0);
	CHECK_EQ(write(fd, buf, 100), 100);
	CHECK_EQ(write(fd, BAD_PTR, 100), 100);
	CHECK_ERRNO(read(fd, BAD_PTR, 100), EFAULT);
}

TEST(zero_stops_at_a_bad_page)
{
	char *end = guard_page();
	int fd = dev("/dev/zero", O_RDONLY);

	memset(end - 100, 'x', 100);
	CHECK_EQ(read(fd, end - 100, 200), 100);
	CHECK_EQ(end[-1], 0);
	CHECK_EQ(end[-100], 0);
	CHECK_EQ(end[-101], 0);
}

TEST(zero_private_mapping_is_anonymous_memory)
{
	int fd = dev("/dev/zero", O_RDWR);
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	CHECK(p != MAP_FAILED && q != MAP_FAILED);
	CHECK_EQ(p[PAGE], 0);
	p[0] = 1;
	CHECK_EQ(q[0], 0);
}

/* A shared mapping is shared with children, not with another mapping of the device. */
TEST(zero_shared_mapping_reaches_children)
{
	int fd = dev("/dev/zero", O_RDWR);
	volatile char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	volatile char *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t pid;

	CHECK(p != MAP_FAILED && q != MAP_FAILED);
	pid = fork_child();
	if (pid == 0) {
		p[10] = 42;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[10], 42);
	CHECK_EQ(q[10], 0);
}

TEST(full_has_no_space)
{
	char buf[32] = "xxxxxxxx";
	int fd = dev("/dev/full", O_RDWR);

	CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(buf[0], 0);
	CHECK_ERRNO(write(fd, buf, 1), ENOSPC);
	CHECK_ERRNO(pwrite(fd, buf, 1, 100), ENOSPC);
	CHECK_EQ(lseek(fd, 77, SEEK_SET), 0);
}

TEST(random_devices_differ_each_time)
{
	static const char *const path[] = {"/dev/random", "/dev/urandom"};
	char a[64], b[64];

	for (int i = 0; i < 2; i++) {
		int fd = dev(path[i], O_RDONLY);

		CHECK_EQ(read(fd, a, sizeof(a)), sizeof(a));
		CHECK_EQ(read(fd, b, sizeof(b)), sizeof(b));
		CHECK(memcmp(a, b, sizeof(a)) != 0);
		CHECK_EQ(read(fd, a, 0), 0);
		CHECK_ERRNO(read(fd, BAD_PTR, 16), EFAULT);
	}
}

TEST(random_takes_writes)
{
	int fd = dev("/dev/urandom", O_WRONLY);

	CHECK_EQ(write(fd, "seed", 4), 4);
	CHECK_ERRNO(write(fd, BAD_PTR, 4), EFAULT);
}

TEST(random_stops_at_a_bad_page)
{
	char *end = guard_page();
	int fd = dev("/dev/urandom", O_RDONLY);

	CHECK_EQ(read(fd, end - 50, 100), 50);
}

TEST(getrandom_flags)
{
	char buf[300] = {0}, zero[300] = {0};

	CHECK_EQ(getrandom(buf, 256, 0), 256);
	CHECK(memcmp(buf, zero, 256) != 0);
	CHECK_EQ(getrandom(buf, 16, GRND_NONBLOCK), 16);
	CHECK_EQ(getrandom(buf, 16, GRND_RANDOM), 16);
	CHECK_EQ(getrandom(buf, 16, GRND_INSECURE), 16);
	CHECK_ERRNO(getrandom(buf, 16, GRND_INSECURE | GRND_RANDOM), EINVAL);
	CHECK_ERRNO(getrandom(buf, 16, 0x100), EINVAL);
	CHECK_ERRNO(syscall(SYS_getrandom, BAD_PTR, 16, 0), EFAULT);
	CHECK_EQ(getrandom(buf, 0, 0), 0);
}

TEST(devices_are_always_ready)
{
	static const char *const path[] = {"/dev/null", "/dev/zero", "/dev/full",
					   "/dev/urandom"};

	for (int i = 0; i < 4; i++) {
		struct pollfd p = {.fd = dev(path[i], O_RDWR),
				   .events = POLLIN | POLLOUT};

		CHECK_EQ(poll(&p, 1, 0), 1);
		CHECK_EQ(p.revents, POLLIN | POLLOUT);
	}
}

TEST(devices_are_not_terminals)
{
	static const char *const path[] = {"/dev/null", "/dev/zero", "/dev/full"};
	char buf[64];

	for (int i = 0; i < 3; i++) {
		int fd = dev(path[i], O_RDWR);

		CHECK_ERRNO(ioctl(fd, TCGETS, buf), ENOTTY);
		CHECK_EQ(isatty(fd), 0);
	}
}

TEST(devices_ignore_truncation_and_create)
{
	int fd = dev("/dev/null", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);

	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_ERRNO(open("/dev/null", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERRNO(open("/dev/null", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
}

/* Without a controlling terminal /dev/tty cannot be opened. */
TEST(tty_without_a_terminal)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_OK(setsid());
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(dev_fd_links)
{
	char buf[64] = "";
	int p[2], fd;

	CHECK_OK(pipe(p));
	snprintf(buf, sizeof(buf), "/dev/fd/%d", p[1]);
	fd = CHECK_OK(open(buf, O_WRONLY));
	CHECK_EQ(write(fd, "via", 3), 3);
	CHECK_EQ(read(p[0], buf, 3), 3);
	CHECK_MEM(buf, "via", 3);
	CHECK_ERRNO(open("/dev/fd/877", O_RDONLY), ENOENT);
	CHECK(exists("/dev/stdin") && exists("/dev/stdout") && exists("/dev/stderr"));
}
