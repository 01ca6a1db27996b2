/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd: what it takes, what it tells, who reads it. */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include "harness.h"

static sigset_t set_of(int a, int b)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, a);
	if (b)
		sigaddset(&s, b);
	return s;
}

static int blocked_fd(int a, int b, int flags)
{
	sigset_t s = set_of(a, b);

	CHECK_OK(sigprocmask(SIG_BLOCK, &s, NULL));
	return CHECK_OK(signalfd(-1, &s, flags));
}

static struct signalfd_siginfo get(int fd)
{
	struct signalfd_siginfo si;

	CHECK_EQ(read(fd, &si, sizeof(si)), sizeof(si));
	return si;
}

TEST(takes_pending_signals)
{
	struct signalfd_siginfo si;
	int fd = blocked_fd(SIGUSR1, SIGUSR2, SFD_NONBLOCK);

	CHECK_EQ(sizeof(si), 128);
	CHECK_ERRNO(read(fd, &si, sizeof(si)), EAGAIN);
	CHECK_OK(kill(getpid(), SIGUSR2));
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_OK(kill(getpid(), SIGUSR1)); /* one of each kind waits */
	si = get(fd);
	CHECK_EQ(si.ssi_signo, SIGUSR1); /* lowest first */
	CHECK_EQ(si.ssi_code, SI_USER);
	CHECK_EQ(si.ssi_pid, getpid());
	CHECK_EQ(si.ssi_uid, getuid());
	CHECK_EQ(get(fd).ssi_signo, SIGUSR2);
	CHECK_ERRNO(read(fd, &si, sizeof(si)), EAGAIN);
}

TEST(several_at_once)
{
	struct signalfd_siginfo si[4];
	int fd = blocked_fd(SIGUSR1, SIGUSR2, SFD_NONBLOCK);

	raise(SIGUSR1);
	raise(SIGUSR2);
	CHECK_EQ(read(fd, si, sizeof(si)), 2 * sizeof(si[0]));
	raise(SIGUSR1);
	CHECK_EQ(read(fd, si, sizeof(si[0]) + 5), sizeof(si[0]));
	CHECK_ERRNO(read(fd, si, sizeof(si[0]) - 1), EINVAL);
}

TEST(queued_values)
{
	union sigval v = {.sival_int = 4711};
	struct signalfd_siginfo si;
	int fd = blocked_fd(SIGRTMIN, 0, 0);

	CHECK_OK(sigqueue(getpid(), SIGRTMIN, v));
	v.sival_int = 4712;
	CHECK_OK(sigqueue(getpid(), SIGRTMIN, v));
	si = get(fd);
	CHECK_EQ(si.ssi_code, SI_QUEUE);
	CHECK_EQ(si.ssi_int, 4711);
	CHECK_EQ(si.ssi_pid, getpid());
	CHECK_EQ(get(fd).ssi_int, 4712);
}

TEST(child_status)
{
	struct signalfd_siginfo si;
	int fd = blocked_fd(SIGCHLD, 0, 0);
	pid_t pid = fork_child();

	if (pid == 0)
		_exit(23);
	si = get(fd);
	CHECK_EQ(si.ssi_signo, SIGCHLD);
	CHECK_EQ(si.ssi_code, CLD_EXITED);
	CHECK_EQ(si.ssi_pid, pid);
	CHECK_EQ(si.ssi_status, 23);
	CHECK_EQ(wait_exit(pid), 23);
}

/* Unblocked signals go to their handler before anybody can read them. */
TEST(unblocked_signals_are_delivered)
{
	struct signalfd_siginfo si;
	sigset_t s = set_of(SIGUSR1, 0);
	int fd = CHECK_OK(signalfd(-1, &s, SFD_NONBLOCK));

	catch_signal(SIGUSR1, 0);
	raise(SIGUSR1);
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_ERRNO(read(fd, &si, sizeof(si)), EAGAIN);
}

TEST(mask_can_be_changed)
{
	struct signalfd_siginfo si;
	int fd = blocked_fd(SIGUSR1, SIGUSR2, SFD_NONBLOCK);
	sigset_t s = set_of(SIGUSR2, 0);

	CHECK_EQ(signalfd(fd, &s, 0), fd);
	raise(SIGUSR1);
	CHECK_ERRNO(read(fd, &si, sizeof(si)), EAGAIN);
	raise(SIGUSR2);
	CHECK_EQ(get(fd).ssi_signo, SIGUSR2);
	s = set_of(SIGUSR1, 0);
	CHECK_EQ(signalfd(fd, &s, 0), fd);
	CHECK_EQ(get(fd).ssi_signo, SIGUSR1); /* it has been pending */
}

TEST(flags_and_errors)
{
	sigset_t s = set_of(SIGUSR1, 0);
	int p[2], fd = CHECK_OK(signalfd(-1, &s, SFD_CLOEXEC | SFD_NONBLOCK));
	char c[128];

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERRNO(signalfd(-1, &s, 0x40), EINVAL);
	CHECK_ERRNO(signalfd(7777, &s, 0), EBADF);
	CHECK_OK(pipe(p));
	CHECK_ERRNO(signalfd(p[0], &s, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_signalfd4, -1, &s, 4, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_signalfd4, -1, BAD_PTR, 8, 0), EFAULT);
	CHECK_OK(syscall(SYS_signalfd, -1, &s, 8));
	CHECK_ERRNO(write(fd, c, 128), EINVAL);
	block_signal(SIGUSR1);
	raise(SIGUSR1);
	CHECK_ERRNO(read(fd, BAD_PTR, 128), EFAULT);
}

/* SIGKILL and SIGSTOP in the mask are ignored. */
TEST(unblockable_signals)
{
	sigset_t s = set_of(SIGKILL, SIGSTOP);

	CHECK_OK(signalfd(-1, &s, 0));
}

/* The reader's own signals are read, whoever made the descriptor. */
TEST(belongs_to_the_reader)
{
	int fd = blocked_fd(SIGUSR1, 0, SFD_NONBLOCK);
	pid_t pid = fork_child();
	struct signalfd_siginfo si;

	if (pid == 0) {
		CHECK_OK(kill(getpid(), SIGUSR1));
		CHECK_EQ(get(fd).ssi_signo, SIGUSR1);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_ERRNO(read(fd, &si, sizeof(si)), EAGAIN);
}

TEST(read_blocks_and_poll_wakes)
{
	int fd = blocked_fd(SIGUSR1, SIGCHLD, 0);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	pid_t parent = getpid(), pid = fork_child();

	if (pid == 0) {
		settle();
		CHECK_OK(kill(parent, SIGUSR1));
		settle();
		_exit(0);
	}
	CHECK_EQ(poll(&pfd, 1, 5000), 1);
	CHECK_EQ(get(fd).ssi_signo, SIGUSR1);
	CHECK_EQ(get(fd).ssi_signo, SIGCHLD); /* blocks until the child ends */
	wait_ok(pid);
}

static void *signal_thread(void *arg)
{
	CHECK_OK(syscall(SYS_tgkill, getpid(), *(pid_t *)arg, SIGUSR1));
	return NULL;
}

/* A signal to one thread is read by that thread only. */
TEST(thread_directed)
{
	int fd = blocked_fd(SIGUSR1, 0, SFD_NONBLOCK);
	pid_t self = thread_id();
	struct signalfd_siginfo si;

	thread_join(thread_start(signal_thread, &self));
	si = get(fd);
	CHECK_EQ(si.ssi_code, SI_TKILL);
}

/* Its child registers a signalfd in an epoll of both and ends: nothing dangles. */
TEST(epoll_outlives_who_registered)
{
	struct epoll_event e = {.events = EPOLLIN};
	int fd = blocked_fd(SIGUSR1, 0, SFD_NONBLOCK), ep = CHECK_OK(epoll_create1(0));
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
		_exit(0);
	}
	wait_ok(pid);
	/* The end of the child made it look again: here, now. */
	CHECK_OK(raise(SIGUSR1));
	CHECK_EQ(epoll_wait(ep, &e, 1, 5000), 1);
	CHECK_EQ(get(fd).ssi_signo, SIGUSR1);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
	CHECK_OK(raise(SIGUSR1));
	CHECK_EQ(epoll_wait(ep, &e, 1, 5000), 1);
}

/* A signalfd never sends SIGIO; O_ASYNC does not stick. */
TEST(not_asynchronous)
{
	int fd = blocked_fd(SIGUSR1, 0, SFD_NONBLOCK), on = 1;
	pid_t pid, parent = getpid();

	catch_signal(SIGIO, 0);
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(fcntl(fd, F_SETOWN, parent));
		CHECK_OK(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
		CHECK_EQ(fcntl(fd, F_GETFL) & O_ASYNC, 0);
		CHECK_ERRNO(ioctl(fd, FIOASYNC, &on), ENOTTY);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(raise(SIGUSR1));
	CHECK_EQ(get(fd).ssi_signo, SIGUSR1);
	CHECK_EQ(sig_count[SIGIO], 0);
}
