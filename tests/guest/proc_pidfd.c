/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process descriptors: pidfd_open, pidfd_send_signal, pidfd_getfd, poll, waitid(P_PIDFD).
 * Source: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), waitid(2).
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>

#include "harness.h"

static int open_pidfd(pid_t pid, unsigned flags)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, flags);

	if (fd < 0 && errno == ENOSYS)
		SKIP("no pidfd_open");
	return fd;
}

static long send(int fd, int sig, siginfo_t *si, unsigned flags)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, si, flags);
}

static int readable(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

TEST(open_and_close)
{
	int fd = CHECK_OK(open_pidfd(getpid(), 0));

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	fd = CHECK_OK(open_pidfd(getpid(), O_NONBLOCK));
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

TEST(open_errors)
{
	pid_t dead = fork_child();

	if (dead == 0)
		_exit(0);
	wait_ok(dead);
	CHECK_ERRNO(open_pidfd(dead, 0), ESRCH);
	CHECK_ERRNO(open_pidfd(0, 0), EINVAL);
	CHECK_ERRNO(open_pidfd(-1, 0), EINVAL);
	CHECK_ERRNO(open_pidfd(getpid(), 1u << 30), EINVAL);
}

static void *thread_tid(void *arg)
{
	pid_t tid = thread_id();

	*(int *)arg = open_pidfd(tid, 0) < 0 ? errno : 0;
	return NULL;
}

TEST(a_thread_is_not_a_process)
{
	int err = 0;

	thread_join(thread_start(thread_tid, &err));
	/* ENOENT since Linux 6.9, EINVAL before. */
	CHECK(err == ENOENT || err == EINVAL);
}

TEST(no_reading_or_writing)
{
	int fd = CHECK_OK(open_pidfd(getpid(), 0));
	char c = 0;

	CHECK_ERRNO(read(fd, &c, 1), EINVAL);
	CHECK_ERRNO(write(fd, &c, 1), EINVAL);
}

TEST(readable_when_dead)
{
	pid_t pid = pausing();
	int fd = CHECK_OK(open_pidfd(pid, 0));

	CHECK_EQ(readable(fd), 0);
	kill(pid, SIGKILL);
	struct pollfd p = {fd, POLLIN, 0};
	CHECK_EQ(poll(&p, 1, 5000), 1); /* wakes while it is still a zombie */
	CHECK(p.revents & POLLIN);
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
	CHECK(readable(fd) & POLLIN);
}

TEST(epoll_sees_the_end)
{
	pid_t pid = pausing();
	int fd = CHECK_OK(open_pidfd(pid, 0)), ep = CHECK_OK(epoll_create1(0));
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd}, got;

	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	kill(pid, SIGKILL);
	CHECK_EQ(epoll_wait(ep, &got, 1, 5000), 1);
	CHECK_EQ(got.data.fd, fd);
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

TEST(wait_by_pidfd)
{
	pid_t pid = fork_child();

	if (pid == 0)
		_exit(14);
	int fd = CHECK_OK(open_pidfd(pid, 0));
	siginfo_t si = {0};
	CHECK_OK(waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOWAIT));
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, 14);
	CHECK_OK(waitid(P_PIDFD, (id_t)fd, &si, WEXITED));
	CHECK_ERRNO(waitid(P_PIDFD, (id_t)fd, &si, WEXITED), ECHILD);
}

TEST(nonblocking_wait)
{
	pid_t pid = pausing();
	int fd = CHECK_OK(open_pidfd(pid, O_NONBLOCK));
	siginfo_t si;

	CHECK_ERRNO(waitid(P_PIDFD, (id_t)fd, &si, WEXITED), EAGAIN);
	/* WNOHANG keeps its own meaning. */
	CHECK_OK(waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOHANG));
	kill(pid, SIGKILL);
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

TEST(send_signal)
{
	pid_t pid = pausing();
	int fd = CHECK_OK(open_pidfd(pid, 0));

	CHECK_OK(send(fd, 0, NULL, 0));
	CHECK_ERRNO(send(fd, 65, NULL, 0), EINVAL);
	CHECK_ERRNO(send(fd, SIGTERM, NULL, 0x100), EINVAL);
	CHECK_ERRNO(send(CHECK_OK(open("/", O_RDONLY)), SIGTERM, NULL, 0), EBADF);
	CHECK_ERRNO(send(-1, SIGTERM, NULL, 0), EBADF);
	CHECK_OK(send(fd, SIGTERM, NULL, 0));
	CHECK_EQ(wait_exit(pid), 128 + SIGTERM);
	CHECK_ERRNO(send(fd, 0, NULL, 0), ESRCH);
}

TEST(send_signal_with_info)
{
	siginfo_t si = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
	int fd = CHECK_OK(open_pidfd(getpid(), 0));

	si.si_value.sival_int = 4711;
	catch_signal(SIGUSR1, SA_SIGINFO);
	CHECK_OK(send(fd, SIGUSR1, &si, 0));
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_EQ(sig_info.si_code, SI_QUEUE);
	CHECK_EQ(sig_info.si_value.sival_int, 4711);
	/* The number must agree. */
	CHECK_ERRNO(send(fd, SIGUSR2, &si, 0), EINVAL);
	CHECK_ERRNO(send(fd, SIGUSR1, BAD_PTR, 0), EFAULT);
	/* To others nobody may forge what only the kernel says. */
	pid_t pid = pausing();
	fd = CHECK_OK(open_pidfd(pid, 0));
	si.si_code = SI_USER;
	CHECK_ERRNO(send(fd, SIGUSR1, &si, 0), EPERM);
	si.si_code = SI_TKILL;
	CHECK_ERRNO(send(fd, SIGUSR1, &si, 0), EPERM);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

/* Permission is that of kill(2). */
static void signal_fd(void *arg)
{
	CHECK_ERRNO(send(*(int *)arg, 0, NULL, 0), EPERM);
}

TEST(send_signal_permission)
{
	need_root();
	pid_t pid = pausing();
	int fd = CHECK_OK(open_pidfd(pid, 0));

	as_nobody(signal_fd, &fd);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

TEST(getfd)
{
	int p[2], back[2], number;

	CHECK_OK(pipe(p));
	CHECK_OK(pipe(back));
	pid_t pid = fork_child();
	if (pid == 0) {
		int own[2];

		CHECK_OK(pipe(own));
		CHECK_EQ(write(own[1], "q", 1), 1);
		CHECK_EQ(write(p[1], &own[0], sizeof(int)), sizeof(int));
		pause();
	}
	CHECK_EQ(read(p[0], &number, sizeof(number)), sizeof(number));
	int pfd = CHECK_OK(open_pidfd(pid, 0));
	int fd = (int)syscall(SYS_pidfd_getfd, pfd, number, 0);
	NEED(fd, "pidfd_getfd");
	char c;
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'q');
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, pfd, 5555, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, pfd, number, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, p[0], 0, 0), EBADF);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, pfd, number, 0), ESRCH);
}

TEST(fdinfo_shows_the_pid)
{
	int fd = CHECK_OK(open_pidfd(getpid(), 0));
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(file_field(path, "Pid"), getpid());
}
