/* SPDX-License-Identifier: Apache-2.0 */
/* poll, ppoll, select, pselect6:
 * readiness of each kind of descriptor, masks, timeouts. */
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "harness.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif
#define ALL                                                                              \
	(POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLRDBAND)

/* What poll says at once about FD, asked for EVENTS. */
static short ready(int fd, short events)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	int n = CHECK_OK(poll(&pfd, 1, 0));

	CHECK_EQ(n, pfd.revents != 0);
	return pfd.revents;
}

TEST(pipes)
{
	char c;
	int p[2];

	CHECK_OK(pipe(p));
	CHECK_EQ(ready(p[0], ALL), 0);
	CHECK_EQ(ready(p[1], ALL), POLLOUT | POLLWRNORM);
	CHECK_EQ(ready(p[1], POLLOUT), POLLOUT);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(ready(p[0], ALL), POLLIN | POLLRDNORM);
	close(p[1]);
	CHECK_EQ(ready(p[0], POLLIN), POLLIN | POLLHUP);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(ready(p[0], POLLIN), POLLHUP);
	CHECK_EQ(ready(p[0], 0), POLLHUP); /* comes unasked */
	CHECK_OK(pipe(p));
	close(p[0]);
	CHECK_EQ(ready(p[1], POLLOUT), POLLOUT | POLLERR);
	CHECK_EQ(ready(p[1], 0), POLLERR);
}

TEST(regular_files_are_always_ready)
{
	scratch_cd();
	put_str("f", "");
	CHECK_EQ(ready(CHECK_OK(open("f", O_RDONLY)), POLLIN | POLLOUT),
		 POLLIN | POLLOUT);
	CHECK_EQ(ready(CHECK_OK(open(".", O_RDONLY)), POLLIN | POLLOUT),
		 POLLIN | POLLOUT);
	CHECK_EQ(ready(CHECK_OK(open("f", O_PATH)), POLLIN), POLLNVAL);
}

TEST(sockets)
{
	char c;
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(ready(s[0], POLLIN | POLLOUT | POLLRDHUP), POLLOUT);
	CHECK_EQ(write(s[1], "x", 1), 1);
	CHECK_EQ(ready(s[0], POLLIN | POLLOUT), POLLIN | POLLOUT);
	CHECK_EQ(read(s[0], &c, 1), 1);
	CHECK_OK(shutdown(s[1], SHUT_WR));
	CHECK_EQ(ready(s[0], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
	close(s[1]);
	CHECK_EQ(ready(s[0], POLLIN | POLLOUT | POLLRDHUP),
		 POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	/* An unconnected stream socket. */
	CHECK_EQ(ready((int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0),
		       POLLIN | POLLOUT),
		 POLLOUT | POLLHUP);
}

TEST(counters_and_timers)
{
	struct itimerspec its = {.it_value = {.tv_nsec = 1}};
	uint64_t v;
	sigset_t set;
	int fd;

	fd = CHECK_OK(eventfd(0, 0));
	CHECK_EQ(ready(fd, POLLIN | POLLOUT), POLLOUT);
	CHECK_OK(eventfd_write(fd, 1));
	CHECK_EQ(ready(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	v = UINT64_MAX - 2;
	CHECK_EQ(write(fd, &v, 8), 8);
	CHECK_EQ(ready(fd, POLLIN | POLLOUT), POLLIN); /* full */
	fd = CHECK_OK(timerfd_create(CLOCK_MONOTONIC, 0));
	CHECK_EQ(ready(fd, POLLIN | POLLOUT), 0);
	CHECK_OK(timerfd_settime(fd, 0, &its, NULL));
	sleep_ms(2);
	CHECK_EQ(ready(fd, POLLIN), POLLIN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	block_signal(SIGUSR1);
	fd = CHECK_OK(signalfd(-1, &set, 0));
	CHECK_EQ(ready(fd, POLLIN), 0);
	raise(SIGUSR1);
	CHECK_EQ(ready(fd, POLLIN), POLLIN);
}

TEST(pidfd_is_readable_at_the_end)
{
	pid_t pid = fork_child();
	struct pollfd pfd;

	if (pid == 0)
		pause();
	pfd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	NEED(pfd.fd, "pidfd_open");
	CHECK_EQ(ready(pfd.fd, POLLIN), 0);
	kill(pid, SIGKILL);
	pfd.events = POLLIN;
	CHECK_EQ(poll(&pfd, 1, 5000), 1);
	CHECK_EQ(pfd.revents, POLLIN);
	wait_status(pid);
}

TEST(bad_descriptors)
{
	struct pollfd pfd[3] = {{.fd = -1, .events = POLLIN, .revents = 77},
				{.fd = 7777, .events = POLLIN},
				{.fd = -500, .events = ALL, .revents = 1}};

	CHECK_EQ(poll(pfd, 3, 1000), 1);
	CHECK_EQ(pfd[0].revents, 0); /* negative: ignored, revents cleared */
	CHECK_EQ(pfd[1].revents, POLLNVAL);
	CHECK_EQ(pfd[2].revents, 0);
}

TEST(poll_errors)
{
	struct rlimit lim;
	struct pollfd pfd = {.fd = 0};

	CHECK_ERRNO(poll(BAD_PTR, 1, 0), EFAULT);
	CHECK_OK(getrlimit(RLIMIT_NOFILE, &lim));
	lim.rlim_cur = 20;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
	CHECK_ERRNO(poll(&pfd, 21, 0), EINVAL);
	CHECK_EQ(poll(NULL, 0, 0), 0);
}

TEST(counts_all_ready_ones)
{
	struct pollfd pfd[4];
	int p[2];

	CHECK_OK(pipe(p));
	CHECK_EQ(write(p[1], "x", 1), 1);
	pfd[0] = (struct pollfd){.fd = p[0], .events = POLLIN};
	pfd[1] = (struct pollfd){.fd = p[1], .events = POLLOUT};
	pfd[2] = (struct pollfd){.fd = p[0], .events = POLLIN}; /* twice is fine */
	pfd[3] = (struct pollfd){.fd = p[1], .events = POLLIN};
	CHECK_EQ(poll(pfd, 4, -1), 3);
	CHECK_EQ(pfd[3].revents, 0);
}

TEST(timeouts)
{
	struct timespec ts = {0, 20000000};
	long long t0 = now_ms();

	CHECK_EQ(poll(NULL, 0, 20), 0);
	CHECK(now_ms() - t0 >= 20);
	t0 = now_ms();
	CHECK_EQ(ppoll(NULL, 0, &ts, NULL), 0);
	CHECK(now_ms() - t0 >= 20);
	ts = (struct timespec){0, 1000000000};
	CHECK_ERRNO(ppoll(NULL, 0, &ts, NULL), EINVAL);
	ts = (struct timespec){-1, 0};
	CHECK_ERRNO(ppoll(NULL, 0, &ts, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_ppoll, NULL, 0, BAD_PTR, NULL, 8), EFAULT);
}

TEST(woken_by_data_and_by_hang_up)
{
	struct pollfd pfd;
	int p[2];
	pid_t pid;
	char c;

	CHECK_OK(pipe(p));
	pfd = (struct pollfd){.fd = p[0], .events = POLLIN};
	pid = fork_child();
	if (pid == 0) {
		close(p[0]);
		settle();
		CHECK_EQ(write(p[1], "x", 1), 1);
		sleep_ms(30);
		_exit(0);
	}
	close(p[1]);
	CHECK_EQ(poll(&pfd, 1, 5000), 1);
	CHECK_EQ(pfd.revents, POLLIN);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(poll(&pfd, 1, 5000), 1);
	CHECK_EQ(pfd.revents, POLLHUP);
	wait_ok(pid);
}

TEST(poll_is_interrupted_never_restarted)
{
	catch_signal(SIGALRM, SA_RESTART);
	ualarm(20000, 0);
	CHECK_ERRNO(poll(NULL, 0, -1), EINTR);
}

/* ppoll changes the mask for its duration only, and atomically. */
TEST(ppoll_mask)
{
	sigset_t none, now;

	sigemptyset(&none);
	catch_signal(SIGUSR1, 0);
	block_signal(SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(sig_count[SIGUSR1], 0);
	CHECK_ERRNO(ppoll(NULL, 0, NULL, &none), EINTR);
	CHECK_EQ(sig_count[SIGUSR1], 1);
	CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, SIGUSR1));
	CHECK_ERRNO(syscall(SYS_ppoll, NULL, 0, NULL, &none, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_ppoll, NULL, 0, NULL, BAD_PTR, 8), EFAULT);
}

/* The raw call writes the time left back; libc hides that. */
TEST(ppoll_writes_the_time_left)
{
	struct timespec ts = {10, 0};
	struct pollfd pfd;
	int p[2];

	CHECK_OK(pipe(p));
	CHECK_EQ(write(p[1], "x", 1), 1);
	pfd = (struct pollfd){.fd = p[0], .events = POLLIN};
	CHECK_EQ(syscall(SYS_ppoll, &pfd, 1, &ts, NULL, 8), 1);
	CHECK(ts.tv_sec == 9 || ts.tv_sec == 10);
	ts = (struct timespec){0, 5000000};
	CHECK_EQ(syscall(SYS_ppoll, NULL, 0, &ts, NULL, 8), 0);
	CHECK_EQ(ts.tv_sec, 0);
	CHECK_EQ(ts.tv_nsec, 0);
}

TEST(select_sets)
{
	fd_set r, w, e;
	struct timeval tv = {0, 0};
	int p[2], q[2], n;

	CHECK_OK(pipe(p));
	CHECK_OK(pipe(q));
	CHECK_EQ(write(p[1], "x", 1), 1);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(p[0], &r);
	FD_SET(q[0], &r);
	FD_SET(p[1], &w);
	FD_SET(p[0], &e);
	n = select(q[1] + 1, &r, &w, &e, &tv);
	CHECK_EQ(n, 2);
	CHECK(FD_ISSET(p[0], &r) && !FD_ISSET(q[0], &r));
	CHECK(FD_ISSET(p[1], &w) && !FD_ISSET(p[0], &e));
	/* A descriptor ready in two sets counts twice. */
	FD_ZERO(&r);
	FD_ZERO(&w);
	int fd = CHECK_OK(open("/dev/zero", O_RDWR));
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	CHECK_EQ(select(fd + 1, &r, &w, NULL, NULL), 2);
}

TEST(select_ends_of_pipes)
{
	fd_set r, w;
	struct timeval tv = {0, 0};
	int p[2];

	CHECK_OK(pipe(p));
	close(p[1]);
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	CHECK_EQ(select(p[0] + 1, &r, NULL, NULL, &tv), 1); /* end of file is readable */
	CHECK_OK(pipe(p));
	close(p[0]);
	FD_ZERO(&w);
	FD_SET(p[1], &w);
	CHECK_EQ(select(p[1] + 1, NULL, &w, NULL, &tv), 1); /* so is EPIPE */
}

TEST(select_errors)
{
	fd_set r;
	struct timeval tv = {0, 0};

	FD_ZERO(&r);
	FD_SET(500, &r);
	CHECK_ERRNO(select(501, &r, NULL, NULL, &tv), EBADF);
	CHECK_EQ(select(500, &r, NULL, NULL, &tv), 0); /* not below nfds */
	CHECK_ERRNO(select(-1, NULL, NULL, NULL, &tv), EINVAL);
	tv.tv_usec = -1;
	CHECK_ERRNO(select(0, NULL, NULL, NULL, &tv), EINVAL);
	CHECK_ERRNO(syscall(SYS_select, 1, BAD_PTR, NULL, NULL, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_select, 0, NULL, NULL, NULL, BAD_PTR), EFAULT);
}

TEST(select_writes_the_time_left)
{
	struct timeval tv = {10, 0};
	fd_set w;
	int p[2];

	CHECK_OK(pipe(p));
	FD_ZERO(&w);
	FD_SET(p[1], &w);
	CHECK_EQ(select(p[1] + 1, NULL, &w, NULL, &tv), 1);
	CHECK(tv.tv_sec == 9 || (tv.tv_sec == 10 && tv.tv_usec == 0));
	tv = (struct timeval){0, 20000};
	long long t0 = now_ms();
	CHECK_EQ(select(0, NULL, NULL, NULL, &tv), 0);
	CHECK(now_ms() - t0 >= 20);
	CHECK_EQ(tv.tv_sec + tv.tv_usec, 0);
}

TEST(pselect_mask)
{
	struct timespec ts = {5, 0};
	sigset_t none;

	sigemptyset(&none);
	catch_signal(SIGUSR1, 0);
	block_signal(SIGUSR1);
	raise(SIGUSR1);
	CHECK_ERRNO(pselect(0, NULL, NULL, NULL, &ts, &none), EINTR);
	CHECK_EQ(sig_count[SIGUSR1], 1);
	/* With something ready the signal stays pending. */
	raise(SIGUSR1);
	fd_set r;
	int fd = CHECK_OK(open("/dev/zero", O_RDONLY));
	FD_ZERO(&r);
	FD_SET(fd, &r);
	CHECK_EQ(pselect(fd + 1, &r, NULL, NULL, &ts, &none), 1);
	CHECK(sig_count[SIGUSR1] <= 2);
}

TEST(many_descriptors)
{
	enum { N = 300 };
	static struct pollfd pfd[N];
	int p[2];

	CHECK_OK(pipe(p));
	for (int i = 0; i < N; i++)
		pfd[i] = (struct pollfd){.fd = CHECK_OK(eventfd(0, 0)), .events = POLLIN};
	CHECK_EQ(poll(pfd, N, 0), 0);
	CHECK_OK(eventfd_write(pfd[7].fd, 1));
	CHECK_OK(eventfd_write(pfd[N - 1].fd, 1));
	CHECK_EQ(poll(pfd, N, -1), 2);
	CHECK_EQ(pfd[7].revents, POLLIN);
	CHECK_EQ(pfd[N - 1].revents, POLLIN);
}
