/* SPDX-License-Identifier: Apache-2.0 */
/* Who sent it: SCM_CREDENTIALS, and the peer's pidfd. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "harness.h"

static char control[4096];

static struct ucred recv_cred_with(int s, void *buf, size_t size, ssize_t want)
{
	struct iovec iov = {buf, size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct ucred cred = {-1, (uid_t)-1, (gid_t)-1};

	CHECK_EQ(recvmsg(s, &msg, 0), want);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_type == SCM_CREDENTIALS) {
			CHECK_EQ(c->cmsg_len, CMSG_LEN(sizeof(cred)));
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
		}
	}
	return cred;
}

static struct ucred recv_cred(int s)
{
	char byte;

	return recv_cred_with(s, &byte, 1, 1);
}

static ssize_t send_cred_with(int s, struct ucred cred, void *data, size_t n)
{
	struct iovec iov = {data, n};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = CMSG_SPACE(sizeof(cred))};
	struct cmsghdr *c = (void *)control;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(cred));
	memcpy(CMSG_DATA(c), &cred, sizeof(cred));
	return sendmsg(s, &msg, 0);
}

static ssize_t send_cred(int s, struct ucred cred)
{
	return send_cred_with(s, cred, (char *)"c", 1);
}

static void passcred(int s)
{
	int one = 1;

	CHECK_OK(setsockopt(s, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
}

TEST(credentials_come_by_themselves)
{
	struct ucred cred;
	int s[2];
	pid_t pid;

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_EQ(write(s[0], "x", 1), 1);
	CHECK_EQ(recv_cred(s[1]).pid, -1); /* nobody asked */
	passcred(s[1]);
	pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(write(s[0], "x", 1), 1);
		_exit(0);
	}
	cred = recv_cred(s[1]);
	CHECK_EQ(cred.pid, pid);
	CHECK_EQ(cred.uid, geteuid());
	CHECK_EQ(cred.gid, getegid());
	wait_ok(pid);
}

TEST(explicit_credentials)
{
	struct ucred cred = {getpid(), geteuid(), getegid()};
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	passcred(s[1]);
	CHECK_EQ(send_cred(s[0], cred), 1);
	CHECK_EQ(recv_cred(s[1]).pid, getpid());
	if (geteuid() == 0) { /* root may say anything that exists */
		cred.uid = 1234;
		CHECK_EQ(send_cred(s[0], cred), 1);
		CHECK_EQ(recv_cred(s[1]).uid, 1234);
		cred.pid = 0x3ffffff0;
		CHECK_ERRNO(send_cred(s[0], cred), ESRCH);
	} else {
		cred.uid++;
		CHECK_ERRNO(send_cred(s[0], cred), EPERM);
		cred.uid--, cred.pid = getppid();
		CHECK_ERRNO(send_cred(s[0], cred), EPERM);
	}
}

/* A long write may travel in pieces: each has them. */
TEST(credentials_of_a_long_write)
{
	static char data[100000], back[sizeof(data)];
	struct ucred cred = {getpid(), geteuid(), getegid()};
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	passcred(s[1]);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 1000);
	CHECK_EQ(send_cred_with(s[0], cred, data, sizeof(data)), sizeof(data));
	for (size_t at = 0, step; at < sizeof(data); at += step) {
		step = at + 20000 < sizeof(data) ? 20000 : sizeof(data) - at;
		CHECK_EQ(recv_cred_with(s[1], back + at, step, (ssize_t)step).pid,
			 getpid());
	}
	CHECK_MEM(back, data, sizeof(data));
}

static void *send_long(void *arg)
{
	static char data[1000000];
	struct ucred cred = {getpid(), geteuid(), getegid()};

	CHECK_EQ(send_cred_with(*(int *)arg, cred, data, sizeof(data)), sizeof(data));
	return NULL;
}

/* The sender sleeps for room between two pieces, and goes on with the same. */
TEST(credentials_of_a_blocked_write)
{
	static char buf[3000];
	pthread_t th;
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	passcred(s[1]);
	th = thread_start(send_long, &s[0]);
	settle();
	for (size_t left = 1000000; left;) {
		size_t n = left < sizeof(buf) ? left : sizeof(buf);

		CHECK_EQ(recv(s[1], buf, n, MSG_WAITALL), n);
		left -= n;
		if (left < 1000)
			break;
		CHECK_EQ(recv_cred(s[1]).pid, getpid());
		left--;
	}
	thread_join(th);
}

static void lies(void *arg)
{
	struct ucred cred = {getpid(), 0, 65534};
	int *s = arg;

	CHECK_ERRNO(send_cred(s[0], cred), EPERM);
	cred.uid = 65534, cred.gid = 0;
	CHECK_ERRNO(send_cred(s[0], cred), EPERM);
	cred.gid = 65534, cred.pid = 1;
	CHECK_ERRNO(send_cred(s[0], cred), EPERM);
	cred.pid = getpid();
	CHECK_EQ(send_cred(s[0], cred), 1);
}

TEST(only_root_may_lie)
{
	int s[2];

	need_root();
	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	as_nobody(lies, s);
}

#define SO_PEERPIDFD_ 77

static int pidfd_of_peer(int s)
{
	int fd = -1;
	socklen_t len = sizeof(fd);

	NEED(getsockopt(s, SOL_SOCKET, SO_PEERPIDFD_, &fd, &len), "SO_PEERPIDFD");
	CHECK_EQ(len, sizeof(fd));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	return fd;
}

/* SO_PEERPIDFD (6.5): the peer as a process descriptor. */
TEST(peer_pidfd)
{
	char path[64];
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd_of_peer(s[0]));
	CHECK_EQ(file_field(path, "Pid"), getpid());
}

/* Whoever connected, and whoever listened; alone there is no peer. */
TEST(peer_pidfd_of_a_connection)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int l = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0)), a, fd = -1;
	struct pollfd pfd;
	socklen_t len = sizeof(fd);
	char path[64];
	pid_t pid;

	scratch_cd();
	if (getsockopt(l, SOL_SOCKET, SO_PEERPIDFD_, &fd, &len) == -1 &&
	    errno == ENOPROTOOPT)
		SKIP("no SO_PEERPIDFD");
	CHECK_ERRNO(getsockopt(l, SOL_SOCKET, SO_PEERPIDFD_, &fd, &len), ENODATA);
	CHECK_OK(bind(l, (void *)&addr, sizeof(addr)));
	CHECK_OK(listen(l, 1));
	pid = fork_child();
	if (pid == 0) {
		int c = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));

		CHECK_OK(connect(c, (void *)&addr, sizeof(addr)));
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd_of_peer(c));
		CHECK_EQ(file_field(path, "Pid"), getppid());
		CHECK_EQ(read(c, path, 1), 0);
		_exit(0);
	}
	a = CHECK_OK(accept(l, NULL, NULL));
	fd = pidfd_of_peer(a);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(file_field(path, "Pid"), pid);
	CHECK_OK(shutdown(a, SHUT_WR));
	pfd = (struct pollfd){fd, POLLIN, 0};
	CHECK_EQ(poll(&pfd, 1, 5000), 1); /* it ended */
	wait_ok(pid);
}

/* A number that cannot be told is none. */
TEST(peer_pidfd_into_bad_memory)
{
	int s[2], next;
	socklen_t len = sizeof(int);

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	close(pidfd_of_peer(s[0]));
	next = CHECK_OK(dup(0));
	close(next);
	CHECK_ERRNO(getsockopt(s[0], SOL_SOCKET, SO_PEERPIDFD_, BAD_PTR, &len), EFAULT);
	CHECK_EQ(dup(0), next);
}
