/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX stream sockets: names, connection life, data, shutdown, options. */
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "harness.h"

#define SIOCINQ_  0x541B
#define SIOCOUTQ_ 0x5411

static struct sockaddr_un addr;
static socklen_t addr_len;

/* A path name (with its zero) or, if it starts with '@', an abstract one. */
static void name(const char *s)
{
	addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(addr.sun_path, s, strlen(s));
	addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(s) + 1);
	if (s[0] == '@') {
		addr.sun_path[0] = 0;
		addr_len--;
	}
}

static int sock(void)
{
	return CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int listener(const char *s, int backlog)
{
	int fd = sock();

	name(s);
	CHECK_OK(bind(fd, (void *)&addr, addr_len));
	CHECK_OK(listen(fd, backlog));
	return fd;
}

static int connected(const char *s)
{
	int fd = sock();

	name(s);
	CHECK_OK(connect(fd, (void *)&addr, addr_len));
	return fd;
}

static void pair(int s[2])
{
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
}

TEST(socket_arguments)
{
	int s[2];

	CHECK_ERRNO(socket(AF_UNIX, 77, 0), EINVAL);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 5), EPROTONOSUPPORT);
	CHECK_OK(socket(AF_UNIX, SOCK_STREAM, PF_UNIX));
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM | 0x100000, 0), EINVAL);
	CHECK_ERRNO(socket(500, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, BAD_PTR), EFAULT);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s));
	CHECK_EQ(fcntl(s[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(s[1], F_GETFL), O_RDWR | O_NONBLOCK);
}

TEST(pair_both_ways)
{
	char buf[16];
	int s[2];

	pair(s);
	CHECK_EQ(write(s[0], "ping", 4), 4);
	CHECK_EQ(write(s[1], "pong!", 5), 5);
	CHECK_EQ(read(s[1], buf, 16), 4);
	CHECK_MEM(buf, "ping", 4);
	CHECK_EQ(read(s[0], buf, 16), 5);
	CHECK_MEM(buf, "pong!", 5);
	CHECK_EQ(write(s[0], "ab", 2), 2);
	CHECK_EQ(write(s[0], "cd", 2), 2);
	CHECK_EQ(read(s[1], buf, 3), 3); /* a stream: no borders */
	CHECK_MEM(buf, "abc", 3);
	CHECK_EQ(read(s[1], buf, 16), 1);
}

TEST(connect_and_accept)
{
	char buf[8];
	int l, c, a;

	scratch_cd();
	l = listener("sock", 5);
	c = connected("sock"); /* done before anybody accepts */
	CHECK_EQ(write(c, "early", 5), 5);
	a = CHECK_OK(accept(l, NULL, NULL));
	CHECK_EQ(read(a, buf, 8), 5);
	CHECK_EQ(write(a, "reply", 5), 5);
	CHECK_EQ(read(c, buf, 8), 5);
	close(a);
	CHECK_EQ(read(c, buf, 8), 0);
}

TEST(names_of_both_ends)
{
	struct sockaddr_un who;
	socklen_t len = sizeof(who);
	int l, c, a;

	scratch_cd();
	l = listener("sock", 5);
	c = connected("sock");
	a = CHECK_OK(accept(l, (void *)&who, &len));
	CHECK_EQ(len, 2); /* the client has no name */
	CHECK_EQ(who.sun_family, AF_UNIX);
	len = sizeof(who);
	CHECK_OK(getsockname(a, (void *)&who, &len));
	CHECK_STR(who.sun_path, "sock");
	CHECK_EQ(len, 2 + 5);
	len = sizeof(who);
	CHECK_OK(getpeername(c, (void *)&who, &len));
	CHECK_STR(who.sun_path, "sock");
	len = 4; /* cut, with the true length told */
	memset(&who, '#', sizeof(who));
	CHECK_OK(getpeername(c, (void *)&who, &len));
	CHECK_EQ(len, 7);
	CHECK_MEM(who.sun_path, "so#", 3);
	len = sizeof(who);
	CHECK_OK(getsockname(c, (void *)&who, &len));
	CHECK_EQ(len, 2);
	CHECK_ERRNO(getpeername(l, (void *)&who, &len), ENOTCONN);
	CHECK_ERRNO(getsockname(0, (void *)&who, &len), ENOTSOCK);
	len = (socklen_t)-1;
	CHECK_ERRNO(getsockname(a, (void *)&who, &len), EINVAL);
	CHECK_ERRNO(getsockname(a, (void *)&who, BAD_PTR), EFAULT);
}

TEST(bind_rules)
{
	struct stat st;
	int a = sock(), b = sock();

	scratch_cd();
	umask(022);
	name("sock");
	CHECK_OK(bind(a, (void *)&addr, addr_len));
	CHECK_OK(stat("sock", &st));
	CHECK_EQ(st.st_mode, S_IFSOCK | 0755);
	CHECK_ERRNO(bind(b, (void *)&addr, addr_len), EADDRINUSE);
	/* The name is looked at first, and one that was made is taken back. */
	CHECK_ERRNO(bind(a, (void *)&addr, addr_len), EADDRINUSE);
	name("none/sock");
	CHECK_ERRNO(bind(a, (void *)&addr, addr_len), ENOENT);
	name("other");
	CHECK_ERRNO(bind(a, (void *)&addr, addr_len), EINVAL); /* has a name already */
	CHECK(!exists("other"));
	close(a);
	CHECK(exists("sock")); /* the name stays behind */
	name("sock");
	CHECK_ERRNO(bind(b, (void *)&addr, addr_len), EADDRINUSE);
	CHECK_OK(unlink("sock"));
	CHECK_OK(bind(b, (void *)&addr, addr_len));
}

TEST(bind_errors)
{
	int a = sock();

	scratch_cd();
	put_str("f", "");
	name("none/sock");
	CHECK_ERRNO(bind(a, (void *)&addr, addr_len), ENOENT);
	name("f/sock");
	CHECK_ERRNO(bind(a, (void *)&addr, addr_len), ENOTDIR);
	name("sock");
	CHECK_ERRNO(bind(a, (void *)&addr, 1), EINVAL);
	CHECK_ERRNO(bind(a, (void *)&addr, sizeof(addr) + 1), EINVAL);
	CHECK_ERRNO(bind(a, BAD_PTR, sizeof(addr)), EFAULT);
	CHECK_ERRNO(bind(-1, (void *)&addr, addr_len), EBADF);
	CHECK_ERRNO(bind(CHECK_OK(open("f", O_RDONLY)), (void *)&addr, addr_len),
		    ENOTSOCK);
	addr.sun_family = AF_INET;
	CHECK_ERRNO(bind(a, (void *)&addr, addr_len), EINVAL);
	/* 108 bytes without a zero are a name too. */
	addr.sun_family = AF_UNIX;
	memset(addr.sun_path, 'n', sizeof(addr.sun_path));
	CHECK_OK(bind(a, (void *)&addr, sizeof(addr)));
}

TEST(abstract_names)
{
	struct sockaddr_un who;
	socklen_t len = sizeof(who);
	char unique[64];
	int l, c;

	snprintf(unique, sizeof(unique), "@runsc-test-%d", (int)getpid());
	l = listener(unique, 1);
	c = connected(unique);
	CHECK_OK(getpeername(c, (void *)&who, &len));
	CHECK_EQ(len, addr_len);
	CHECK_EQ(who.sun_path[0], 0);
	CHECK_MEM(who.sun_path + 1, unique + 1, strlen(unique) - 1);
	CHECK_ERRNO(bind(sock(), (void *)&addr, addr_len), EADDRINUSE);
	addr.sun_path[addr_len - 2] = 0; /* one zero more is another name */
	CHECK_ERRNO(connect(sock(), (void *)&addr, addr_len + 1), ECONNREFUSED);
	close(l);
	name(unique);
	CHECK_ERRNO(connect(sock(), (void *)&addr, addr_len), ECONNREFUSED);
	CHECK_OK(bind(sock(), (void *)&addr,
		      addr_len)); /* free again with the last close */
}

TEST(autobind)
{
	struct sockaddr_un who = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(who);
	int a = sock();

	CHECK_OK(bind(a, (void *)&who, 2));
	CHECK_OK(getsockname(a, (void *)&who, &len));
	CHECK_EQ(len, 2 + 6);
	CHECK_EQ(who.sun_path[0], 0);
	for (int i = 1; i < 6; i++)
		CHECK(strchr("0123456789abcdef", who.sun_path[i]) && who.sun_path[i]);
	CHECK_OK(listen(a, 1));
	CHECK_OK(connect(sock(), (void *)&who, len));
}

TEST(connect_errors)
{
	int dgram = CHECK_OK(socket(AF_UNIX, SOCK_DGRAM, 0)), c, l;

	scratch_cd();
	put_str("f", "");
	name("none");
	CHECK_ERRNO(connect(sock(), (void *)&addr, addr_len), ENOENT);
	name("f");
	CHECK_ERRNO(connect(sock(), (void *)&addr, addr_len), ECONNREFUSED);
	name("d");
	CHECK_OK(bind(dgram, (void *)&addr, addr_len));
	CHECK_ERRNO(connect(sock(), (void *)&addr, addr_len), EPROTOTYPE);
	name("bound");
	CHECK_OK(bind(sock(), (void *)&addr, addr_len)); /* not listening */
	CHECK_ERRNO(connect(sock(), (void *)&addr, addr_len), ECONNREFUSED);
	l = listener("sock", 5);
	c = connected("sock");
	CHECK_ERRNO(connect(c, (void *)&addr, addr_len), EISCONN);
	CHECK_ERRNO(connect(l, (void *)&addr, addr_len), EINVAL);
	CHECK_ERRNO(connect(sock(), BAD_PTR, addr_len), EFAULT);
	addr.sun_family = 77;
	CHECK_ERRNO(connect(sock(), (void *)&addr, addr_len), EINVAL);
	close(l);
	name("sock");
	CHECK_ERRNO(connect(sock(), (void *)&addr, addr_len), ECONNREFUSED);
}

TEST(listen_and_accept_errors)
{
	struct sockaddr_un who;
	socklen_t len = sizeof(who);
	int s[2], l;

	scratch_cd();
	pair(s);
	CHECK_ERRNO(listen(sock(), 1), EINVAL); /* no name */
	CHECK_ERRNO(listen(s[0], 1), EINVAL);
	CHECK_ERRNO(listen(-1, 1), EBADF);
	CHECK_ERRNO(accept(s[0], NULL, NULL), EINVAL);
	CHECK_ERRNO(accept(sock(), NULL, NULL), EINVAL);
	CHECK_ERRNO(accept(0, NULL, NULL), ENOTSOCK);
	CHECK_ERRNO(accept(-1, NULL, NULL), EBADF);
	l = listener("sock", 5);
	CHECK_OK(listen(l, 7));
	CHECK_ERRNO(accept4(l, NULL, NULL, 0x40), EINVAL);
	CHECK_OK(fcntl(l, F_SETFL, O_NONBLOCK));
	CHECK_ERRNO(accept(l, NULL, NULL), EAGAIN);
	(void)connected("sock");
	CHECK_ERRNO(accept(l, (void *)&who, BAD_PTR), EFAULT);
	(void)connected("sock");
	l = CHECK_OK(accept4(l, (void *)&who, &len, SOCK_CLOEXEC | SOCK_NONBLOCK));
	CHECK_EQ(fcntl(l, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(l, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

/* The queue holds backlog + 1; then a blocking connect waits, another gets EAGAIN. */
TEST(backlog)
{
	int l, c[4];
	pid_t pid;

	scratch_cd();
	l = listener("sock", 1);
	for (int i = 0; i < 2; i++)
		CHECK_OK(c[i] = connected("sock"));
	c[2] = CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	CHECK_ERRNO(connect(c[2], (void *)&addr, addr_len), EAGAIN);
	pid = fork_child();
	if (pid == 0) {
		(void)connected("sock");
		_exit(0);
	}
	settle();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_OK(accept(l, NULL, NULL));
	wait_ok(pid);
	/* Closing the listener resets whoever still waits in the queue. */
	char ch;
	close(l);
	CHECK_ERRNO(read(c[1], &ch, 1), ECONNRESET);
}

TEST(accept_waits)
{
	int l;
	pid_t pid;

	scratch_cd();
	l = listener("sock", 1);
	pid = fork_child();
	if (pid == 0) {
		settle();
		(void)connected("sock");
		_exit(0);
	}
	CHECK_OK(accept(l, NULL, NULL));
	wait_ok(pid);
	catch_signal(SIGALRM, 0);
	ualarm(20000, 0);
	CHECK_ERRNO(accept(l, NULL, NULL), EINTR);
}

TEST(end_of_connection)
{
	char c;
	int s[2];

	pair(s);
	CHECK_EQ(write(s[0], "x", 1), 1);
	close(s[0]);
	CHECK_EQ(read(s[1], &c, 1), 1);
	CHECK_EQ(read(s[1], &c, 1), 0);
	catch_signal(SIGPIPE, 0);
	CHECK_ERRNO(write(s[1], "y", 1), EPIPE);
	CHECK_EQ(sig_count[SIGPIPE], 1);
	CHECK_ERRNO(send(s[1], "y", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(sig_count[SIGPIPE], 1);
}

/* Closing with unread data resets the other side. */
TEST(unread_data_resets)
{
	char c;
	int s[2];

	pair(s);
	CHECK_EQ(write(s[0], "unread", 6), 6);
	close(s[1]);
	CHECK_ERRNO(read(s[0], &c, 1), ECONNRESET);
	CHECK_EQ(read(s[0], &c, 1), 0);
}

TEST(shutdown_directions)
{
	char c;
	int s[2];

	signal(SIGPIPE, SIG_IGN);
	pair(s);
	CHECK_EQ(write(s[0], "x", 1), 1);
	CHECK_OK(shutdown(s[0], SHUT_WR));
	CHECK_ERRNO(write(s[0], "y", 1), EPIPE);
	CHECK_EQ(read(s[1], &c, 1), 1);
	CHECK_EQ(read(s[1], &c, 1), 0);
	CHECK_EQ(write(s[1], "z", 1), 1); /* the other direction lives */
	CHECK_EQ(read(s[0], &c, 1), 1);
	CHECK_OK(shutdown(s[0], SHUT_RD));
	CHECK_EQ(read(s[0], &c, 1), 0);
	CHECK_ERRNO(write(s[1], "z", 1), EPIPE);
	CHECK_OK(shutdown(s[0], SHUT_RDWR));
	CHECK_ERRNO(shutdown(s[0], 3), EINVAL);
	CHECK_OK(shutdown(sock(), SHUT_RD)); /* unlike TCP, connected or not */
	CHECK_ERRNO(shutdown(0, SHUT_RD), ENOTSOCK);
}

TEST(message_flags)
{
	char buf[16];
	int s[2];

	pair(s);
	CHECK_ERRNO(recv(s[0], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(s[1], "abcdef", 6, 0), 6);
	CHECK_EQ(recv(s[0], buf, 3, MSG_PEEK), 3);
	CHECK_EQ(recv(s[0], buf, 16, MSG_PEEK), 6);
	CHECK_MEM(buf, "abcdef", 6);
	CHECK_EQ(recv(s[0], buf, 2, MSG_TRUNC), 2);
	CHECK_EQ(recv(s[0], buf, 16, 0), 4);
	CHECK_MEM(buf, "cdef", 4);
	CHECK_ERRNO(recv(s[0], BAD_PTR, 4, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(s[1], "q", 1, 0), 1);
	CHECK_ERRNO(recv(s[0], BAD_PTR, 4, MSG_DONTWAIT), EFAULT);
	CHECK_ERRNO(sendto(s[0], "x", 1, 0, (void *)&addr, sizeof(addr)), EISCONN);
	CHECK_ERRNO(send(sock(), "x", 1, MSG_NOSIGNAL), ENOTCONN);
	CHECK_ERRNO(recv(sock(), buf, 1, 0), EINVAL);
}

TEST(waitall)
{
	char buf[8];
	int s[2];
	pid_t pid;

	pair(s);
	pid = fork_child();
	if (pid == 0) {
		for (int i = 0; i < 4; i++) {
			CHECK_EQ(write(s[1], "ab", 2), 2);
			sleep_ms(5);
		}
		_exit(0);
	}
	CHECK_EQ(recv(s[0], buf, 8, MSG_WAITALL), 8);
	CHECK_MEM(buf, "abababab", 8);
	wait_ok(pid);
	CHECK_EQ(write(s[1], "xy", 2), 2);
	close(s[1]);
	CHECK_EQ(recv(s[0], buf, 8, MSG_WAITALL), 2); /* less at the end only */
}

TEST(queue_sizes)
{
	int n, s[2];

	pair(s);
	CHECK_EQ(write(s[0], "abcde", 5), 5);
	CHECK_OK(ioctl(s[1], SIOCINQ_, &n));
	CHECK_EQ(n, 5);
	CHECK_OK(ioctl(s[0], SIOCOUTQ_, &n));
	CHECK(n >= 5); /* counts buffers, not bytes */
	CHECK_OK(ioctl(s[1], SIOCOUTQ_, &n));
	CHECK_EQ(n, 0);
	CHECK_ERRNO(ioctl(s[0], SIOCINQ_, BAD_PTR), EFAULT);
}

TEST(options)
{
	struct ucred cred;
	struct timeval tv = {0, 30000};
	int v, s[2];
	socklen_t len = sizeof(v);
	char c;

	pair(s);
	CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, &len));
	CHECK_EQ(v, SOCK_STREAM);
	CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &v, &len));
	CHECK_EQ(v, AF_UNIX);
	CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_ACCEPTCONN, &v, &len));
	CHECK_EQ(v, 0);
	CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_ERROR, &v, &len));
	CHECK_EQ(v, 0);
	len = sizeof(cred);
	CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len));
	CHECK_EQ(cred.pid, getpid());
	CHECK_EQ(cred.uid, geteuid());
	CHECK_EQ(cred.gid, getegid());
	v = 1 << 14;
	CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)));
	len = sizeof(v);
	CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, &len));
	CHECK_EQ(v, 1 << 15); /* doubled */
	CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	long long t0 = now_ms();
	CHECK_ERRNO(read(s[0], &c, 1), EAGAIN);
	CHECK(now_ms() - t0 >= 29);
	CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, 9999, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(s[0], SOL_SOCKET, 9999, &v, &len), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, 1), EINVAL);
	CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, BAD_PTR, 4), EFAULT);
	CHECK_ERRNO(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, BAD_PTR), EFAULT);
}

/* SO_PEERCRED of a listener's connection: who connected, who listened. */
TEST(peer_credentials)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int l, a;
	pid_t pid;

	scratch_cd();
	l = listener("sock", 5);
	pid = fork_child();
	if (pid == 0) {
		int c = connected("sock");

		CHECK_OK(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cred, &len));
		CHECK_EQ(cred.pid, getppid());
		pause();
	}
	a = CHECK_OK(accept(l, NULL, NULL));
	CHECK_OK(getsockopt(a, SOL_SOCKET, SO_PEERCRED, &cred, &len));
	CHECK_EQ(cred.pid, pid);
	kill(pid, SIGKILL);
	wait_status(pid);
}

TEST(full_buffer)
{
	static char buf[1 << 20];
	struct pollfd pfd;
	ssize_t total = 0, n;
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
	while ((n = write(s[0], buf, 4096)) > 0)
		total += n;
	CHECK_EQ(errno, EAGAIN);
	CHECK(total >= 65536);
	pfd = (struct pollfd){.fd = s[0], .events = POLLOUT};
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	while (total > 0)
		total -= CHECK_OK(read(s[1], buf, sizeof(buf)));
	CHECK_EQ(poll(&pfd, 1, 0), 1);
}

TEST(large_transfer)
{
	static char data[1 << 20], buf[1 << 16];
	size_t got = 0;
	int s[2];
	pid_t pid;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 17 + i / 999);
	pair(s);
	pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(write(s[0], data, sizeof(data)), sizeof(data));
		_exit(0);
	}
	close(s[0]);
	for (ssize_t n; (n = CHECK_OK(read(s[1], buf, sizeof(buf)))) > 0;
	     got += (size_t)n)
		CHECK_MEM(buf, data + got, (size_t)n);
	CHECK_EQ(got, sizeof(data));
	wait_ok(pid);
}

static void connects(void *arg)
{
	(void)arg;
	name("sock");
	CHECK_ERRNO(connect(sock(), (void *)&addr, addr_len), EACCES);
}

TEST(write_permission_decides)
{
	need_root();
	scratch_cd();
	(void)listener("sock", 5);
	CHECK_OK(chmod("sock", 0700));
	as_nobody(connects, NULL);
}
