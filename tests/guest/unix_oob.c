/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSG_OOB on AF_UNIX streams (5.15; the rules here are those of 6.11): one byte that
 * overtakes the others, and a mark where it stood.
 */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "harness.h"

#define SIOCATMARK_ 0x8905

static int s[2];

/* Skips where the kernel was built without. */
static void pair(void)
{
	char c;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	NEED(send(s[0], "x", 1, MSG_OOB), "MSG_OOB");
	CHECK_EQ(recv(s[1], &c, 1, MSG_OOB), 1);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
}

static void put(const char *data, int flags)
{
	CHECK_EQ(send(s[0], data, strlen(data), flags), strlen(data));
}

static void expect(const char *want, int flags)
{
	char buf[32];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	CHECK_EQ(recvmsg(s[1], &msg, flags | MSG_DONTWAIT), strlen(want));
	CHECK_MEM(buf, want, strlen(want));
	CHECK_EQ(msg.msg_flags & MSG_OOB, flags & MSG_OOB);
}

static void expect_nothing(void)
{
	char c;

	CHECK_ERRNO(recv(s[1], &c, 1, MSG_DONTWAIT), EAGAIN);
}

static void expect_no_oob(void)
{
	char c;

	CHECK_ERRNO(recv(s[1], &c, 1, MSG_OOB), EINVAL);
}

static bool at_mark(void)
{
	int r = -1;

	CHECK_OK(ioctl(s[1], SIOCATMARK_, &r));
	return r;
}

static bool urgent(void)
{
	struct pollfd pfd = {s[1], POLLPRI, 0};

	CHECK_OK(poll(&pfd, 1, 0));
	return pfd.revents & POLLPRI;
}

TEST(overtakes)
{
	pair();
	CHECK(!urgent() && !at_mark());
	expect_no_oob();
	put("abc", MSG_OOB);
	CHECK(urgent() && !at_mark());
	expect("c", MSG_OOB | MSG_PEEK);
	expect("c", MSG_OOB);
	CHECK(!urgent());
	expect_no_oob();
	expect("ab", 0);
	expect_nothing();
}

/* A read ends at the mark, and the next goes on behind it. */
TEST(reads_stop_at_the_mark)
{
	pair();
	put("ab", 0);
	put("x", MSG_OOB);
	put("cd", 0);
	expect("ab", 0);
	CHECK(at_mark() && urgent());
	expect("cd", MSG_PEEK);
	expect("x", MSG_OOB);
	CHECK(at_mark() && !urgent());
	expect("cd", 0);
	CHECK(!at_mark());
	put("ab", 0);
	put("x", MSG_OOB);
	put("cd", 0);
	expect("x", MSG_OOB);
	expect("ab", 0);
	CHECK(at_mark());
	expect("cd", 0);
	expect_nothing();
}

/* Whoever reads on without asking for it loses it. */
TEST(passed_over)
{
	pair();
	put("ab", 0);
	put("x", MSG_OOB);
	put("cd", 0);
	expect("ab", 0);
	expect("cd", 0);
	CHECK(!urgent());
	expect_no_oob();
	put("y", MSG_OOB);
	expect_nothing();
	expect_no_oob();
}

/* There is one: the last. Those before are data like any other. */
TEST(the_last_counts)
{
	pair();
	put("ab", MSG_OOB);
	put("cd", MSG_OOB);
	expect("abc", 0);
	CHECK(at_mark());
	expect("d", MSG_OOB);
	expect_nothing();
}

TEST(in_line)
{
	int one = 1;

	pair();
	CHECK_OK(setsockopt(s[1], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)));
	put("ab", 0);
	put("xy", MSG_OOB);
	put("cd", 0);
	CHECK(urgent());
	expect_no_oob();
	expect("abx", 0);
	CHECK(at_mark());
	expect("ycd", 0);
	CHECK(!urgent() && !at_mark());
	expect_nothing();
}

TEST(signal_for_the_owner)
{
	pair();
	catch_signal(SIGURG, 0);
	put("x", MSG_OOB);
	CHECK_EQ(sig_count[SIGURG], 0); /* nobody owns it */
	CHECK_OK(fcntl(s[1], F_SETOWN, getpid()));
	put("y", MSG_OOB);
	CHECK_EQ(sig_count[SIGURG], 1);
	put("z", 0);
	CHECK_EQ(sig_count[SIGURG], 1);
}

TEST(the_end_behind_it)
{
	char c;

	pair();
	put("ab", 0);
	put("x", MSG_OOB);
	close(s[0]);
	expect("ab", 0);
	CHECK_EQ(recv(s[1], &c, 1, 0), 0);
}

/* A byte out of band is unread data too; its mark is not. */
TEST(closing_with_one)
{
	char c;

	pair();
	put("x", MSG_OOB);
	expect("x", MSG_OOB);
	close(s[1]);
	CHECK_EQ(read(s[0], &c, 1), 0);
	pair();
	put("x", MSG_OOB);
	close(s[1]);
	CHECK_ERRNO(read(s[0], &c, 1), ECONNRESET);
}

TEST(errors)
{
	char c;

	pair();
	CHECK_ERRNO(send(s[0], "", 0, MSG_OOB), EOPNOTSUPP);
	put("x", MSG_OOB);
	CHECK_EQ(recv(s[1], &c, 0, MSG_OOB), 1); /* read all the same */
	expect_no_oob();
	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_ERRNO(send(s[0], "x", 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERRNO(recv(s[1], &c, 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(s[1], SIOCATMARK_, &c), EOPNOTSUPP);
}

static void *send_long(void *arg)
{
	static char data[1000000];

	(void)arg;
	data[sizeof(data) - 1] = 'u';
	CHECK_EQ(send(s[0], data, sizeof(data), MSG_OOB), sizeof(data));
	return NULL;
}

/* Of a write that sleeps for room it is the last byte still. */
TEST(at_the_end_of_a_long_write)
{
	static char buf[1000000];
	pthread_t th;

	pair();
	th = thread_start(send_long, NULL);
	CHECK_EQ(recv(s[1], buf, sizeof(buf) - 1, MSG_WAITALL), sizeof(buf) - 1);
	thread_join(th);
	CHECK(at_mark());
	expect("u", MSG_OOB);
	expect_nothing();
}
