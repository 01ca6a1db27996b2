/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd: counter, semaphore mode, limits, blocking. */
#include <poll.h>
#include <sys/eventfd.h>

#include "harness.h"

static uint64_t get(int fd)
{
	uint64_t v = 0;

	CHECK_EQ(read(fd, &v, 8), 8);
	return v;
}

static ssize_t put(int fd, uint64_t v)
{
	return write(fd, &v, 8);
}

TEST(counter)
{
	int fd = CHECK_OK(eventfd(5, EFD_NONBLOCK));
	uint64_t v;

	CHECK_EQ(get(fd), 5);
	CHECK_ERRNO(read(fd, &v, 8), EAGAIN);
	CHECK_EQ(put(fd, 1), 8);
	CHECK_EQ(put(fd, 2), 8);
	CHECK_EQ(put(fd, 0), 8);
	CHECK_EQ(get(fd), 3);
	CHECK_ERRNO(read(fd, &v, 8), EAGAIN);
}

TEST(semaphore)
{
	int fd = CHECK_OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
	uint64_t v;

	CHECK_EQ(get(fd), 1);
	CHECK_EQ(put(fd, 1), 8);
	CHECK_EQ(get(fd), 1);
	CHECK_EQ(get(fd), 1);
	CHECK_ERRNO(read(fd, &v, 8), EAGAIN);
}

TEST(limits)
{
	int fd = CHECK_OK(eventfd(0, EFD_NONBLOCK));

	CHECK_ERRNO(put(fd, UINT64_MAX), EINVAL);
	CHECK_EQ(put(fd, UINT64_MAX - 1), 8);
	CHECK_ERRNO(put(fd, 1), EAGAIN);
	CHECK_EQ(put(fd, 0), 8);
	CHECK_EQ(get(fd), UINT64_MAX - 1);
}

TEST(sizes)
{
	char buf[16] = {1};
	int fd = CHECK_OK(eventfd(1, EFD_NONBLOCK));

	CHECK_ERRNO(read(fd, buf, 7), EINVAL);
	CHECK_ERRNO(write(fd, buf, 7), EINVAL);
	CHECK_ERRNO(write(fd, buf, 16), EINVAL); /* exactly 8, unlike read */
	CHECK_EQ(read(fd, buf, 16), 8);
	CHECK_ERRNO(write(fd, BAD_PTR, 8), EFAULT);
	CHECK_EQ(lseek(fd, 100, SEEK_SET), 0); /* there is no position to move */
}

TEST(flags)
{
	CHECK_ERRNO(eventfd(0, 0x40000), EINVAL);
	CHECK_EQ(fcntl(CHECK_OK(eventfd(0, EFD_CLOEXEC)), F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(CHECK_OK(eventfd(0, EFD_NONBLOCK)), F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_OK(syscall(SYS_eventfd, 3));
}

TEST(read_blocks)
{
	int fd = CHECK_OK(eventfd(0, 0));
	pid_t pid = fork_child();

	if (pid == 0) {
		settle();
		CHECK_EQ(put(fd, 42), 8);
		_exit(0);
	}
	CHECK_EQ(get(fd), 42);
	wait_ok(pid);
}

TEST(write_blocks)
{
	int fd = CHECK_OK(eventfd(0, 0));
	pid_t pid;

	CHECK_EQ(put(fd, UINT64_MAX - 1), 8);
	pid = fork_child();
	if (pid == 0) {
		settle();
		CHECK_EQ(get(fd), UINT64_MAX - 1);
		_exit(0);
	}
	CHECK_EQ(put(fd, 7), 8);
	CHECK_EQ(get(fd), 7);
	wait_ok(pid);
}

TEST(interrupted)
{
	int fd = CHECK_OK(eventfd(0, 0));
	uint64_t v;

	catch_signal(SIGALRM, 0);
	ualarm(20000, 0);
	CHECK_ERRNO(read(fd, &v, 8), EINTR);
}

TEST(fdinfo)
{
	char path[64], buf[1024];
	int fd = CHECK_OK(eventfd(26, 0));

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	buf[read_file(path, buf, sizeof(buf) - 1)] = 0;
	CHECK(strstr(buf, "eventfd-count:               1a") != NULL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = CHECK_OK(readlink(path, buf, sizeof(buf) - 1));
	buf[n] = 0;
	CHECK_STR(buf, "anon_inode:[eventfd]");
}

static void *add_many(void *arg)
{
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(put(*(int *)arg, 1), 8);
	return NULL;
}

TEST(concurrent_writers)
{
	int fd = CHECK_OK(eventfd(0, 0));
	pthread_t a = thread_start(add_many, &fd), b = thread_start(add_many, &fd);
	uint64_t sum = 0;

	while (sum < 2000)
		sum += get(fd);
	CHECK_EQ(sum, 2000);
	thread_join(a);
	thread_join(b);
}
