/* SPDX-License-Identifier: Apache-2.0 */
/* Ancillary data of AF_UNIX sockets: SCM_RIGHTS. */
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "harness.h"
#include "rights.h"

static char control[4096];

static void pair(int s[2])
{
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
}

TEST(pass_a_pipe)
{
	char c;
	int s[2], p[2], got;

	pair(s);
	CHECK_OK(pipe(p));
	CHECK_EQ(send_fds(s[0], &p[1], 1), 1);
	CHECK_EQ(recv_fds(s[1], &got, 1, 0, NULL), 1);
	CHECK(got != p[1]);
	CHECK_EQ(fcntl(got, F_GETFD), 0);
	CHECK_EQ(write(got, "x", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
}

/* The description is passed: offset and status flags are shared. */
TEST(shares_the_description)
{
	int s[2], fd, got;

	scratch_cd();
	put_str("f", "0123456789");
	fd = CHECK_OK(open("f", O_RDONLY));
	pair(s);
	CHECK_EQ(send_fds(s[0], &fd, 1), 1);
	close(fd); /* in flight it lives on */
	CHECK_EQ(recv_fds(s[1], &got, 1, MSG_CMSG_CLOEXEC, NULL), 1);
	CHECK_EQ(fcntl(got, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(lseek(got, 0, SEEK_END), 10);
}

TEST(to_a_child)
{
	int s[2], fd;
	pid_t pid;

	scratch_cd();
	pair(s);
	pid = fork_child();
	if (pid == 0) {
		char buf[8];
		int got;

		CHECK_EQ(recv_fds(s[1], &got, 1, 0, NULL), 1);
		CHECK_EQ(read(got, buf, 8), 6);
		CHECK_MEM(buf, "secret", 6);
		_exit(0);
	}
	put_str("f", "secret");
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(unlink("f"));
	CHECK_EQ(send_fds(s[0], &fd, 1), 1);
	wait_ok(pid);
}

TEST(many)
{
	int s[2], p[2], out[253], in[253];

	pair(s);
	CHECK_OK(pipe(p));
	for (int i = 0; i < 253; i++)
		out[i] = p[i % 2];
	CHECK_EQ(send_fds(s[0], out, 253), 1);
	CHECK_EQ(recv_fds(s[1], in, 253, 0, NULL), 253);
	for (int i = 1; i < 253; i++)
		CHECK(in[i] > in[i - 1]);
	CHECK_EQ(fcntl(in[252], F_GETFL), fcntl(p[0], F_GETFL));
	int more[254];
	for (int i = 0; i < 254; i++)
		more[i] = p[0];
	CHECK_ERRNO(send_fds(s[0], more, 254), EINVAL);
}

TEST(send_errors)
{
	int s[2], bad = 777;
	struct iovec iov = {(char *)"x", 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = CMSG_SPACE(sizeof(int))};
	struct cmsghdr *c = (void *)control;

	pair(s);
	CHECK_ERRNO(send_fds(s[0], &bad, 1), EBADF);
	bad = -1;
	CHECK_ERRNO(send_fds(s[0], &bad, 1), EBADF);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = 5; /* shorter than its own head */
	CHECK_ERRNO(sendmsg(s[0], &msg, 0), EINVAL);
	c->cmsg_len = 1000; /* longer than the whole */
	CHECK_ERRNO(sendmsg(s[0], &msg, 0), EINVAL);
	c->cmsg_len = CMSG_LEN(sizeof(int));
	c->cmsg_type = 77;
	CHECK_ERRNO(sendmsg(s[0], &msg, 0), EINVAL);
	msg.msg_control = BAD_PTR;
	CHECK_ERRNO(sendmsg(s[0], &msg, 0), EFAULT);
	CHECK_ERRNO(sendmsg(s[0], BAD_PTR, 0), EFAULT);
}

/* Room for fewer: the rest is closed and MSG_CTRUNC says so. */
TEST(too_little_room)
{
	int s[2], p[2], got[4], flags;
	char c;

	pair(s);
	CHECK_OK(pipe(p));
	CHECK_EQ(send_fds(s[0], p, 2), 1);
	close(p[1]);
	CHECK_EQ(recv_fds(s[1], got, 1, 0, &flags), 1);
	CHECK(flags & MSG_CTRUNC);
	CHECK_EQ(read(p[0], &c, 1), 0); /* the writer was in the lost part */
	CHECK_OK(pipe(p));
	CHECK_EQ(send_fds(s[0], p, 2), 1);
	CHECK_EQ(recv_fds(s[1], got, 0, 0, &flags), 0);
	CHECK(flags & MSG_CTRUNC);
}

TEST(plain_read_drops_them)
{
	int s[2], p[2];
	char c;

	pair(s);
	CHECK_OK(pipe(p));
	CHECK_EQ(send_fds(s[0], &p[1], 1), 1);
	close(p[1]);
	CHECK_EQ(read(s[1], &c, 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 0);
}

TEST(closed_socket_drops_them)
{
	int s[2], p[2];
	char c;

	pair(s);
	CHECK_OK(pipe(p));
	CHECK_EQ(send_fds(s[0], &p[1], 1), 1);
	close(p[1]);
	close(s[0]);
	close(s[1]);
	CHECK_EQ(read(p[0], &c, 1), 0);
}

/* On a stream, a message with descriptors is not joined with the one before it. */
TEST(stream_stops_at_descriptors)
{
	char buf[16];
	int s[2], p[2], got;

	pair(s);
	CHECK_OK(pipe(p));
	CHECK_EQ(write(s[0], "aa", 2), 2);
	CHECK_EQ(send_fds(s[0], &p[0], 1), 1);
	CHECK_EQ(write(s[0], "cc", 2), 2);
	CHECK_EQ(recv(s[1], buf, 16, MSG_PEEK | MSG_DONTWAIT) >= 2, 1);
	CHECK_EQ(recv_fds(s[1], &got, 1, 0, NULL), 0); /* first byte of "aa" */
	CHECK_EQ(recv_fds(s[1], &got, 1, 0, NULL), 0);
	CHECK_EQ(recv_fds(s[1], &got, 1, 0, NULL), 1);
	CHECK_EQ(read(s[1], buf, 16), 2);
}

/* Data before and with the files is one read, MSG_WAITALL or not; what follows is not. */
TEST(files_end_a_read)
{
	for (int all = 0; all < 2; all++) {
		char buf[16];
		struct iovec iov = {buf, sizeof(buf)};
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
		int s[2], p[2];

		pair(s);
		CHECK_OK(pipe(p));
		CHECK_EQ(write(s[0], "aa", 2), 2);
		CHECK_EQ(send_fds(s[0], &p[0], 1), 1);
		CHECK_EQ(write(s[0], "cc", 2), 2);
		CHECK_EQ(recv(s[1], buf, 16, MSG_PEEK), 3);
		msg.msg_controllen = CMSG_SPACE(sizeof(int));
		CHECK_EQ(recvmsg(s[1], &msg, MSG_DONTWAIT | (all ? MSG_WAITALL : 0)), 3);
		CHECK_EQ(msg.msg_controllen, CMSG_SPACE(sizeof(int)));
		CHECK_EQ(read(s[1], buf, 16), 2);
	}
}

TEST(peek_duplicates)
{
	int s[2], p[2], a, b;

	pair(s);
	CHECK_OK(pipe(p));
	CHECK_EQ(send_fds(s[0], &p[0], 1), 1);
	CHECK_EQ(recv_fds(s[1], &a, 1, MSG_PEEK, NULL), 1);
	CHECK_EQ(recv_fds(s[1], &b, 1, 0, NULL), 1);
	CHECK(a != b);
}

/* Sockets may travel through sockets, even through themselves. */
TEST(pass_sockets)
{
	int s[2], t[2], got;
	char c;

	pair(s);
	pair(t);
	CHECK_EQ(send_fds(s[0], &t[1], 1), 1);
	CHECK_EQ(recv_fds(s[1], &got, 1, 0, NULL), 1);
	CHECK_EQ(write(t[0], "x", 1), 1);
	CHECK_EQ(read(got, &c, 1), 1);
	CHECK_EQ(send_fds(t[0], &got, 1), 1); /* into its own queue */
	close(got);
	close(t[0]);
	close(t[1]); /* a cycle, only garbage collection ends it */
}

TEST(datagrams_carry_them)
{
	int s[2], p[2], got;
	char c;

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_OK(pipe(p));
	CHECK_EQ(send_fds(s[0], &p[1], 1), 1);
	CHECK_EQ(recv_fds(s[1], &got, 1, 0, NULL), 1);
	CHECK_EQ(write(got, "x", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
}

TEST(descriptor_limit_of_the_receiver)
{
	struct rlimit lim;
	int s[2], p[2], out[8], in[8], flags;

	pair(s);
	CHECK_OK(pipe(p));
	for (int i = 0; i < 8; i++)
		out[i] = p[0];
	CHECK_EQ(send_fds(s[0], out, 8), 1);
	CHECK_OK(getrlimit(RLIMIT_NOFILE, &lim));
	lim.rlim_cur = (rlim_t)p[1] + 4;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
	CHECK_EQ(recv_fds(s[1], in, 8, 0, &flags), 3); /* as many as there are numbers */
	CHECK(flags & MSG_CTRUNC);
}

/* The kind of passing that a service manager does: three descriptors and a name. */
TEST(data_and_descriptors_together)
{
	char data[] = "LISTEN_FDNAMES", buf[64];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = CMSG_SPACE(3 * sizeof(int))};
	struct cmsghdr *c = (void *)control;
	int s[2], fds[3];

	CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	for (int i = 0; i < 3; i++)
		fds[i] = CHECK_OK((int)syscall(SYS_eventfd2, i + 1, 0));
	memset(control, 0, sizeof(control));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	CHECK_EQ(sendmsg(s[0], &msg, 0), sizeof(data));
	iov = (struct iovec){buf, sizeof(buf)};
	msg.msg_controllen = sizeof(control);
	CHECK_EQ(recvmsg(s[1], &msg, 0), sizeof(data));
	CHECK_STR(buf, data);
	CHECK_EQ(msg.msg_flags, 0);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fds));
	for (int i = 0; i < 3; i++) {
		uint64_t v;

		CHECK_EQ(read(fds[i], &v, 8), 8);
		CHECK_EQ(v, i + 1);
	}
}
