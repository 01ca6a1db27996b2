/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX datagram and sequenced-packet sockets: borders, addresses, truncation. */
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "harness.h"

#define SIOCINQ_ 0x541B

static struct sockaddr_un addr;
static socklen_t addr_len;

static void name(const char *s)
{
	addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	strcpy(addr.sun_path, s);
	addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(s) + 1);
}

static int sock(int type)
{
	return CHECK_OK(socket(AF_UNIX, type, 0));
}

static int bound(const char *s)
{
	int fd = sock(SOCK_DGRAM);

	name(s);
	CHECK_OK(bind(fd, (void *)&addr, addr_len));
	return fd;
}

TEST(borders_are_kept)
{
	char buf[16];
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_EQ(send(s[0], "one", 3, 0), 3);
	CHECK_EQ(send(s[0], "", 0, 0), 0);
	CHECK_EQ(send(s[0], "three", 5, 0), 5);
	CHECK_EQ(recv(s[1], buf, 16, 0), 3);
	CHECK_EQ(recv(s[1], buf, 16, 0), 0); /* an empty datagram, not an end */
	CHECK_EQ(recv(s[1], buf, 16, 0), 5);
	CHECK_MEM(buf, "three", 5);
}

TEST(truncation)
{
	char buf[16];
	struct iovec iov = {buf, 4};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_EQ(send(s[0], "0123456789", 10, 0), 10);
	CHECK_EQ(recv(s[1], buf, 4, MSG_PEEK | MSG_TRUNC), 10); /* the true length */
	CHECK_EQ(recvmsg(s[1], &msg, 0), 4);
	CHECK_EQ(msg.msg_flags, MSG_TRUNC);
	CHECK_ERRNO(recv(s[1], buf, 4, MSG_DONTWAIT), EAGAIN); /* the rest is gone */
	CHECK_EQ(send(s[0], "ab", 2, 0), 2);
	CHECK_EQ(recvmsg(s[1], &msg, 0), 2);
	CHECK_EQ(msg.msg_flags, 0);
}

TEST(addresses)
{
	struct sockaddr_un who;
	socklen_t len = sizeof(who);
	char buf[16];
	int a, b;

	scratch_cd();
	a = bound("a");
	b = bound("b");
	name("a");
	CHECK_EQ(sendto(b, "hi", 2, 0, (void *)&addr, addr_len), 2);
	CHECK_EQ(recvfrom(a, buf, 16, 0, (void *)&who, &len), 2);
	CHECK_STR(who.sun_path, "b");
	CHECK_EQ(len, 2 + 2);
	CHECK_EQ(sendto(a, "back", 4, 0, (void *)&who, len), 4);
	CHECK_EQ(recv(b, buf, 16, 0), 4);
	/* A sender without a name. */
	CHECK_EQ(sendto(sock(SOCK_DGRAM), "x", 1, 0, (void *)&addr, addr_len), 1);
	len = sizeof(who);
	CHECK_EQ(recvfrom(a, buf, 16, 0, (void *)&who, &len), 1);
	CHECK_EQ(len, 0);
}

TEST(connected_datagrams)
{
	struct sockaddr_un who;
	socklen_t len = sizeof(who);
	char buf[16];
	int a, b, c;

	scratch_cd();
	a = bound("a");
	b = bound("b");
	c = bound("c");
	name("a");
	CHECK_OK(connect(b, (void *)&addr, addr_len));
	CHECK_OK(getpeername(b, (void *)&who, &len));
	CHECK_STR(who.sun_path, "a");
	CHECK_EQ(send(b, "x", 1, 0), 1);
	CHECK_EQ(recv(a, buf, 16, 0), 1);
	/* A connected socket takes datagrams from its peer only. */
	name("b");
	CHECK_ERRNO(sendto(c, "y", 1, 0, (void *)&addr, addr_len), EPERM);
	CHECK_EQ(sendto(a, "z", 1, 0, (void *)&addr, addr_len), 1);
	/* It may be pointed elsewhere, or at nobody. */
	name("c");
	CHECK_OK(connect(b, (void *)&addr, addr_len));
	CHECK_EQ(send(b, "x", 1, 0), 1);
	CHECK_EQ(recv(c, buf, 16, 0), 1);
	CHECK_ERRNO(connect(b, (void *)&addr, 1), EINVAL); /* half a family is none */
	addr.sun_family = AF_UNSPEC;
	CHECK_OK(connect(b, (void *)&addr, sizeof(addr)));
	CHECK_ERRNO(send(b, "x", 1, 0), ENOTCONN);
}

TEST(send_errors)
{
	int a;

	scratch_cd();
	a = bound("a");
	CHECK_ERRNO(send(sock(SOCK_DGRAM), "x", 1, 0), ENOTCONN);
	name("none");
	CHECK_ERRNO(sendto(a, "x", 1, 0, (void *)&addr, addr_len), ENOENT);
	put_str("f", "");
	name("f");
	CHECK_ERRNO(sendto(a, "x", 1, 0, (void *)&addr, addr_len), ECONNREFUSED);
	name("stream");
	int l = sock(SOCK_STREAM);
	CHECK_OK(bind(l, (void *)&addr, addr_len));
	CHECK_OK(listen(l, 1));
	CHECK_ERRNO(sendto(a, "x", 1, 0, (void *)&addr, addr_len), EPROTOTYPE);
	close(bound("gone"));
	CHECK_ERRNO(sendto(a, "x", 1, 0, (void *)&addr, addr_len), ECONNREFUSED);
	CHECK_ERRNO(listen(a, 1), EOPNOTSUPP);
	CHECK_ERRNO(accept(a, NULL, NULL), EOPNOTSUPP);
	CHECK_ERRNO(sendto(a, BAD_PTR, 5, 0, (void *)&addr, addr_len), EFAULT);
}

TEST(peer_closes)
{
	char c;
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_EQ(send(s[0], "x", 1, 0), 1);
	close(s[0]);
	CHECK_EQ(recv(s[1], &c, 1, 0), 1);		      /* what was sent is there */
	CHECK_ERRNO(recv(s[1], &c, 1, MSG_DONTWAIT), EAGAIN); /* no end of file */
	CHECK_ERRNO(send(s[1], "y", 1, MSG_NOSIGNAL), ECONNREFUSED);
}

TEST(too_large)
{
	static char big[1 << 22];
	int v = 4096, s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)));
	CHECK_ERRNO(send(s[0], big, sizeof(big), 0), EMSGSIZE);
	CHECK_EQ(send(s[0], big, 2000, 0), 2000);
}

/* The receiver's queue is limited (net.unix.max_dgram_qlen): then senders wait. */
TEST(queue_limit)
{
	char c = 'x';
	int s[2], n = 0;
	struct pollfd pfd;

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s));
	while (send(s[0], &c, 1, 0) == 1)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(n >= 10 && n <= 2000);
	pfd = (struct pollfd){.fd = s[0], .events = POLLOUT};
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	while (recv(s[1], &c, 1, 0) == 1)
		n--;
	CHECK_EQ(n, 0);
	CHECK_EQ(poll(&pfd, 1, 0), 1);
}

/* Those asleep for room: one goes, the others are woken all the same. */
TEST(waiting_senders)
{
	struct pollfd pfd[3];
	int from[3], to;
	char c;

	scratch_cd();
	to = bound("full");
	for (int i = 0; i < 3; i++) {
		from[i] = sock(SOCK_DGRAM | SOCK_NONBLOCK);
		CHECK_OK(connect(from[i], (void *)&addr, addr_len));
		pfd[i] = (struct pollfd){from[i], POLLOUT, 0};
	}
	while (send(from[0], "x", 1, 0) == 1)
		;
	CHECK_EQ(poll(pfd, 3, 0), 0);
	CHECK_EQ(poll(pfd, 3, 0), 0); /* once more: still one place each */
	close(from[1]);
	pid_t pid = fork_child();
	if (pid == 0) {
		settle();
		while (recv(to, &c, 1, MSG_DONTWAIT) == 1)
			;
		_exit(0);
	}
	pfd[1].fd = -1;
	CHECK(poll(pfd, 3, 5000) > 0);
	wait_ok(pid);
	CHECK_EQ(poll(pfd, 3, 5000), 2);
	for (int i = 0; i < 3; i += 2)
		CHECK_EQ(send(from[i], "y", 1, 0), 1);
	/* The receiver goes while they wait. */
	while (send(from[0], "x", 1, 0) == 1)
		;
	CHECK_EQ(poll(pfd, 3, 0), 0);
	close(to);
	CHECK_EQ(poll(pfd, 3, 5000), 2);
	CHECK_ERRNO(send(from[2], "x", 1, 0), ECONNREFUSED);
}

TEST(inq_is_the_next_datagram)
{
	int n, s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_OK(ioctl(s[1], SIOCINQ_, &n));
	CHECK_EQ(n, 0);
	CHECK_EQ(send(s[0], "abc", 3, 0), 3);
	CHECK_EQ(send(s[0], "defgh", 5, 0), 5);
	CHECK_OK(ioctl(s[1], SIOCINQ_, &n));
	CHECK_EQ(n, 3);
}

TEST(many_messages_in_one_call)
{
	char a[8], b[8];
	struct iovec out[3] = {
		{(char *)"one", 3}, {(char *)"two", 3}, {(char *)"three", 5}};
	struct iovec in[2] = {{a, 8}, {b, 8}};
	struct mmsghdr send_msg[3] = {{.msg_hdr = {.msg_iov = &out[0], .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_iov = &out[1], .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_iov = &out[2], .msg_iovlen = 1}}};
	struct mmsghdr recv_msg[2] = {{.msg_hdr = {.msg_iov = &in[0], .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_iov = &in[1], .msg_iovlen = 1}}};
	struct timespec ts = {5, 0};
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_EQ(sendmmsg(s[0], send_msg, 3, 0), 3);
	CHECK_EQ(send_msg[2].msg_len, 5);
	CHECK_EQ(recvmmsg(s[1], recv_msg, 2, 0, &ts), 2);
	CHECK_EQ(recv_msg[0].msg_len, 3);
	CHECK_MEM(b, "two", 3);
	CHECK_EQ(recvmmsg(s[1], recv_msg, 2, MSG_WAITFORONE, NULL), 1);
	CHECK_EQ(recv_msg[0].msg_len, 5);
	CHECK_ERRNO(recvmmsg(s[1], recv_msg, 2, MSG_DONTWAIT, NULL), EAGAIN);
	CHECK_ERRNO(sendmmsg(s[0], BAD_PTR, 1, 0), EFAULT);
	CHECK_EQ(sendmmsg(s[0], send_msg, 0, 0), 0);
}

/* --- SOCK_SEQPACKET: connections with borders -------------------------------------- */
TEST(seqpacket_borders_and_end)
{
	char buf[16];
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	CHECK_EQ(send(s[0], "0123456789", 10, 0), 10);
	CHECK_EQ(write(s[0], "second", 6), 6);
	CHECK_EQ(read(s[1], buf, 4), 4);
	CHECK_EQ(recv(s[1], buf, 16, MSG_TRUNC), 6);
	CHECK_MEM(buf, "second", 6);
	close(s[0]);
	CHECK_EQ(read(s[1], buf, 16), 0);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERRNO(write(s[1], "x", 1), EPIPE);
}

TEST(seqpacket_connection)
{
	char buf[8];
	int l = sock(SOCK_SEQPACKET), c = sock(SOCK_SEQPACKET), a;

	scratch_cd();
	name("sock");
	CHECK_OK(bind(l, (void *)&addr, addr_len));
	CHECK_OK(listen(l, 2));
	CHECK_ERRNO(connect(sock(SOCK_STREAM), (void *)&addr, addr_len), EPROTOTYPE);
	CHECK_OK(connect(c, (void *)&addr, addr_len));
	a = CHECK_OK(accept(l, NULL, NULL));
	CHECK_EQ(write(c, "abc", 3), 3);
	CHECK_EQ(write(c, "de", 2), 2);
	CHECK_EQ(read(a, buf, 8), 3);
	CHECK_EQ(read(a, buf, 8), 2);
	CHECK_ERRNO(send(sock(SOCK_SEQPACKET), "x", 1, MSG_NOSIGNAL), ENOTCONN);
	CHECK_ERRNO(recv(sock(SOCK_SEQPACKET), buf, 1, 0), ENOTCONN);
}

TEST(seqpacket_peek)
{
	char buf[8];
	int s[2];

	CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	CHECK_EQ(write(s[0], "abc", 3), 3);
	CHECK_EQ(recv(s[1], buf, 2, MSG_PEEK), 2);
	CHECK_EQ(recv(s[1], buf, 8, 0), 3);
	CHECK_MEM(buf, "abc", 3);
}
