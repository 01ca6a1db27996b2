/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: dup family, fcntl commands, close_range, limits, async owner signals. */
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "harness.h"

#define CLOSE_RANGE_UNSHARE_ 2
#define CLOSE_RANGE_CLOEXEC_ 4

static int null(void)
{
	return CHECK_OK(open("/dev/zero", O_RDWR));
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

TEST(dup_basics)
{
	int a = null(), b;

	CHECK_OK(fcntl(a, F_SETFD, FD_CLOEXEC));
	b = CHECK_OK(dup(a));
	CHECK(b > a);
	CHECK_EQ(fcntl(b, F_GETFD), 0); /* the flag is the descriptor's */
	CHECK_OK(fcntl(a, F_SETFL, O_NONBLOCK));
	CHECK_EQ(fcntl(b, F_GETFL) & O_NONBLOCK, O_NONBLOCK); /* status is the file's */
	CHECK_ERRNO(dup(-1), EBADF);
	CHECK_ERRNO(dup(777), EBADF);
}

TEST(dup2_and_dup3)
{
	int a = null(), b = null();

	CHECK_EQ(dup2(a, b), b);
	CHECK_EQ(dup2(a, a), a);
	CHECK_ERRNO(dup2(-1, b), EBADF);
	CHECK(is_open(b));
	CHECK_ERRNO(dup2(777, 777), EBADF);
	CHECK_ERRNO(dup2(a, -1), EBADF);
	CHECK_ERRNO(dup2(a, 1 << 30), EBADF);
	CHECK_EQ(dup3(a, 100, O_CLOEXEC), 100);
	CHECK_EQ(fcntl(100, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(dup2(a, 100), 100);
	CHECK_EQ(fcntl(100, F_GETFD), 0);
	CHECK_ERRNO(dup3(a, a, 0), EINVAL);
	CHECK_ERRNO(dup3(a, 101, O_NONBLOCK), EINVAL);
	CHECK_ERRNO(dup3(777, 101, 0), EBADF);
	CHECK(!is_open(101));
}

/* dup2 closes what it replaces. */
TEST(dup2_closes_the_target)
{
	int p[2], a = null();
	char c;

	CHECK_OK(pipe(p));
	CHECK_OK(dup2(a, p[1]));
	CHECK_EQ(read(p[0], &c, 1), 0);
}

TEST(dupfd)
{
	int a = null();

	CHECK_EQ(fcntl(a, F_DUPFD, 50), 50);
	CHECK_EQ(fcntl(a, F_DUPFD, 50), 51);
	CHECK_EQ(fcntl(a, F_DUPFD_CLOEXEC, 50), 52);
	CHECK_EQ(fcntl(52, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(51, F_GETFD), 0);
	CHECK_ERRNO(fcntl(a, F_DUPFD, -1), EINVAL);
	CHECK_ERRNO(fcntl(a, F_DUPFD, 1 << 30), EINVAL);
	CHECK_ERRNO(fcntl(777, F_DUPFD, 0), EBADF);
}

TEST(fcntl_flags)
{
	int p[2], a = null();

	CHECK_OK(pipe(p));
	CHECK_OK(fcntl(a, F_SETFD, 0xff));
	CHECK_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
	CHECK_OK(fcntl(a, F_SETFD, 0));
	CHECK_EQ(fcntl(a, F_GETFD), 0);
	/* Mode and creation flags cannot be changed and are ignored. */
	CHECK_OK(fcntl(p[0], F_SETFL,
		       O_WRONLY | O_TRUNC | O_CREAT | O_APPEND | O_NONBLOCK));
	CHECK_EQ(fcntl(p[0], F_GETFL), O_RDONLY | O_APPEND | O_NONBLOCK);
	CHECK_OK(fcntl(p[0], F_SETFL, 0));
	CHECK_EQ(fcntl(p[0], F_GETFL), O_RDONLY);
	CHECK_ERRNO(fcntl(a, 9999, 0), EINVAL);
	CHECK_ERRNO(fcntl(-1, F_GETFL), EBADF);
}

TEST(dupfd_query)
{
	int a = null(), b = CHECK_OK(dup(a)), c = null();
	int r = fcntl(a, 1024 + 3, b); /* F_DUPFD_QUERY, 6.10 */

	NEED(r, "F_DUPFD_QUERY");
	CHECK_EQ(r, 1);
	CHECK_EQ(fcntl(a, 1024 + 3, c), 0);
	CHECK_ERRNO(fcntl(a, 1024 + 3, 777), EBADF);
}

TEST(ioctl_flags)
{
	int on = 1, off = 0, p[2];

	CHECK_OK(pipe(p));
	CHECK_OK(ioctl(p[0], FIOCLEX));
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_OK(ioctl(p[0], FIONCLEX));
	CHECK_EQ(fcntl(p[0], F_GETFD), 0);
	CHECK_OK(ioctl(p[0], FIONBIO, &on));
	CHECK(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	CHECK_OK(ioctl(p[0], FIONBIO, &off));
	CHECK(!(fcntl(p[0], F_GETFL) & O_NONBLOCK));
	CHECK_ERRNO(ioctl(p[0], FIONBIO, BAD_PTR), EFAULT);
	CHECK_ERRNO(ioctl(-1, FIOCLEX), EBADF);
	CHECK_ERRNO(ioctl(p[0], 0xdeadbeef, 0), ENOTTY);
}

TEST(number_limit)
{
	struct rlimit lim;
	int fds[32], n = 0, p[2];

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &lim));
	lim.rlim_cur = 20;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
	while (n < 32 && (fds[n] = open("/dev/zero", O_RDONLY)) >= 0)
		CHECK(fds[n++] < 20);
	CHECK_EQ(errno, EMFILE);
	CHECK_ERRNO(dup(fds[0]), EMFILE);
	CHECK_ERRNO(fcntl(fds[0], F_DUPFD, 0), EMFILE);
	CHECK_ERRNO(fcntl(fds[0], F_DUPFD, 20), EINVAL);
	CHECK_ERRNO(dup2(fds[0], 20), EBADF);
	CHECK_ERRNO(pipe(p), EMFILE);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 0), EMFILE);
	CHECK_ERRNO((int)syscall(SYS_eventfd2, 0, 0), EMFILE);
	CHECK_OK(dup2(fds[0], fds[1])); /* replacing needs no new one */
	close(fds[0]);
	CHECK_ERRNO(pipe(p), EMFILE); /* one is not two, and none is taken */
	CHECK_EQ(open("/dev/zero", O_RDONLY), fds[0]);
}

/* Descriptors above a lowered limit stay usable. */
TEST(lowered_limit)
{
	struct rlimit lim;
	int a = null();

	CHECK_OK(dup2(a, 200));
	CHECK_OK(getrlimit(RLIMIT_NOFILE, &lim));
	lim.rlim_cur = 100;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
	CHECK_EQ(write(200, "x", 1), 1);
	CHECK_OK(close(200));
	CHECK_ERRNO(dup2(a, 200), EBADF);
}

TEST(close_twice)
{
	int a = null();

	CHECK_OK(close(a));
	CHECK_ERRNO(close(a), EBADF);
}

TEST(close_range_basics)
{
	int a = null();

	for (int i = 300; i < 320; i++)
		CHECK_OK(dup2(a, i));
	CHECK_OK(syscall(SYS_close_range, 305, 310, 0));
	CHECK(is_open(304) && !is_open(305) && !is_open(310) && is_open(311));
	CHECK_OK(syscall(SYS_close_range, 312, 315, CLOSE_RANGE_CLOEXEC_));
	CHECK_EQ(fcntl(312, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(315, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(316, F_GETFD), 0);
	CHECK_OK(syscall(SYS_close_range, 311, ~0U, 0));
	CHECK(!is_open(319) && is_open(300));
	CHECK_OK(syscall(SYS_close_range, 5000, 6000, 0)); /* nothing there */
	CHECK_ERRNO(syscall(SYS_close_range, 310, 305, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_close_range, 1, 2, 0x100), EINVAL);
}

static void *closes_own_copy(void *arg)
{
	int fd = *(int *)arg;

	CHECK_OK(syscall(SYS_close_range, fd, fd, CLOSE_RANGE_UNSHARE_));
	CHECK(!is_open(fd));
	return NULL;
}

TEST(close_range_unshare)
{
	int a = null();

	thread_join(thread_start(closes_own_copy, &a));
	CHECK(is_open(a));
}

static void *opens_one(void *arg)
{
	*(int *)arg = null();
	return NULL;
}

static void *opens_one_alone(void *arg)
{
	CHECK_OK(unshare(CLONE_FILES));
	*(int *)arg = null();
	return NULL;
}

TEST(table_is_shared_by_threads)
{
	int fd;

	thread_join(thread_start(opens_one, &fd));
	CHECK(is_open(fd));
	thread_join(thread_start(opens_one_alone, &fd));
	CHECK(!is_open(fd));
}

TEST(table_is_copied_by_fork)
{
	int a = null();
	pid_t pid = fork_child();

	if (pid == 0) {
		close(a);
		_exit(dup2(0, 400) == 400 || errno == EBADF ? 0 : 1);
	}
	wait_ok(pid);
	CHECK(is_open(a) && !is_open(400));
}

TEST(owner)
{
	struct f_owner_ex ex = {F_OWNER_TID, 0};
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(fcntl(s[0], F_GETOWN), 0);
	CHECK_OK(fcntl(s[0], F_SETOWN, getpid()));
	CHECK_EQ(fcntl(s[0], F_GETOWN), getpid());
	CHECK_OK(fcntl(s[0], F_SETOWN, -getpgrp()));
	CHECK_OK(fcntl(s[0], F_GETOWN_EX, &ex));
	CHECK_EQ(ex.type, F_OWNER_PGRP);
	CHECK_EQ(ex.pid, getpgrp());
	ex = (struct f_owner_ex){F_OWNER_TID, thread_id()};
	CHECK_OK(fcntl(s[0], F_SETOWN_EX, &ex));
	CHECK_EQ(fcntl(s[0], F_GETOWN), getpid());
	CHECK_ERRNO(fcntl(s[0], F_SETOWN, 0x3fffffff), ESRCH);
	ex.type = 77;
	CHECK_ERRNO(fcntl(s[0], F_SETOWN_EX, &ex), EINVAL);
	CHECK_ERRNO(fcntl(s[0], F_SETOWN_EX, BAD_PTR), EFAULT);
	CHECK_OK(fcntl(s[0], F_SETOWN, 0));
	CHECK_EQ(fcntl(s[0], F_GETOWN), 0);
}

/* O_ASYNC: a signal when the descriptor becomes ready. */
TEST(async_signals)
{
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	catch_signal(SIGIO, 0);
	catch_signal(SIGRTMIN, 0);
	CHECK_EQ(fcntl(s[0], F_GETSIG), 0);
	CHECK_OK(fcntl(s[0], F_SETOWN, getpid()));
	CHECK_OK(fcntl(s[0], F_SETFL, O_ASYNC));
	CHECK_EQ(write(s[1], "x", 1), 1);
	CHECK_EQ(sig_count[SIGIO], 1);
	CHECK_OK(fcntl(s[0], F_SETSIG, SIGRTMIN));
	CHECK_EQ(fcntl(s[0], F_GETSIG), SIGRTMIN);
	CHECK_EQ(write(s[1], "x", 1), 1);
	CHECK_EQ(sig_count[SIGRTMIN], 1);
	CHECK_EQ(sig_info.si_fd, s[0]);
	CHECK_EQ(sig_info.si_code, POLL_IN);
	CHECK(sig_info.si_band & POLLIN);
	CHECK_OK(fcntl(s[0], F_SETFL, 0));
	CHECK_EQ(write(s[1], "x", 1), 1);
	CHECK_EQ(sig_count[SIGRTMIN], 1);
	CHECK_ERRNO(fcntl(s[0], F_SETSIG, 65), EINVAL);
	CHECK_ERRNO(fcntl(s[0], F_SETSIG, -1), EINVAL);
}

TEST(kcmp_like_sharing_of_offsets)
{
	int a, b;

	scratch_cd();
	put_str("f", "0123456789");
	a = CHECK_OK(open("f", O_RDONLY));
	b = CHECK_OK(fcntl(a, F_DUPFD, 0));
	CHECK_EQ(lseek(a, 5, SEEK_SET), 5);
	CHECK_EQ(lseek(b, 0, SEEK_CUR), 5);
	CHECK_OK(close(a));
	CHECK_EQ(lseek(b, 0, SEEK_CUR), 5);
}

static void *churn(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		int fd = CHECK_OK(open("/dev/zero", O_RDONLY));

		CHECK_OK(close(fd));
	}
	return NULL;
}

/* Every open gets a number nobody else has. */
TEST(threads_open_and_close)
{
	pthread_t a = thread_start(churn, NULL), b = thread_start(churn, NULL);

	thread_join(a);
	thread_join(b);
}

/* A descriptor closed under a blocked reader: the read goes on with its file. */
static void *reads_one(void *arg)
{
	static char c;

	CHECK_EQ(read(*(int *)arg, &c, 1), 1);
	return &c;
}

TEST(close_under_a_reader)
{
	int p[2], r;
	pthread_t th;

	CHECK_OK(pipe(p));
	r = p[0];
	th = thread_start(reads_one, &r);
	settle();
	CHECK_OK(close(p[0]));
	CHECK_EQ(write(p[1], "k", 1), 1);
	CHECK_EQ(*(char *)thread_join(th), 'k');
}
