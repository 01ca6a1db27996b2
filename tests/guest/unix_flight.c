/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors in flight: sent and not received. Sockets that only their own messages
 * still hold are found and ended; the write end of a pipe travels along and tells when.
 */
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "harness.h"
#include "rights.h"

static int p[2];

static void pair(int type, int s[2])
{
	CHECK_OK(socketpair(AF_UNIX, type, 0, s));
}

/* Closing a socket is when the lost ones are looked for. */
static void close_some(void)
{
	int s[2];

	pair(SOCK_STREAM, s);
	close(s[0]);
	close(s[1]);
}

static bool pipe_ended(void)
{
	struct pollfd pfd = {p[0], POLLIN, 0};

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLHUP;
}

static void expect_collected(void)
{
	long long end = now_ms() + 5000;

	close(p[1]);
	while (!pipe_ended()) {
		CHECK(now_ms() < end);
		close_some();
		sleep_ms(1);
	}
}

static void make_pipe(void)
{
	CHECK_OK(pipe(p));
}

TEST(a_socket_in_its_own_queue)
{
	int s[2];

	make_pipe();
	pair(SOCK_STREAM, s);
	CHECK_EQ(send_fds(s[0], (int[]){s[0], s[1], p[1]}, 3), 1);
	close(s[0]);
	close(s[1]);
	expect_collected();
}

TEST(two_pairs_in_each_other)
{
	int a[2], b[2];

	make_pipe();
	pair(SOCK_SEQPACKET, a);
	pair(SOCK_STREAM, b);
	CHECK_EQ(send_fds(a[0], (int[]){b[1]}, 1), 1);
	CHECK_EQ(send_fds(b[0], (int[]){a[1], p[1]}, 2), 1);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	expect_collected();
}

TEST(a_ring_of_datagram_sockets)
{
	int s[6][2];

	make_pipe();
	for (int i = 0; i < 6; i++)
		pair(SOCK_DGRAM, s[i]);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(send_fds(s[i][0], (int[]){s[(i + 1) % 6][1], p[1]}, 2), 1);
	for (int i = 0; i < 6; i++) {
		close(s[i][0]);
		close(s[i][1]);
	}
	expect_collected();
}

static struct sockaddr_un addr;

static int listener(void)
{
	socklen_t len = sizeof(addr.sun_family);
	int l = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));

	addr.sun_family = AF_UNIX;
	CHECK_OK(bind(l, (void *)&addr, len));
	CHECK_OK(listen(l, 5));
	len = sizeof(addr);
	CHECK_OK(getsockname(l, (void *)&addr, &len));
	return l;
}

static int client(void)
{
	int c = CHECK_OK(socket(AF_UNIX, SOCK_STREAM, 0));

	CHECK_OK(connect(c, (void *)&addr, sizeof(addr.sun_family) + 6));
	return c;
}

/* In connections that nobody will accept any more. */
TEST(a_listener_in_its_own_connections)
{
	int l, c;

	make_pipe();
	l = listener();
	for (int i = 0; i < 3; i++) {
		c = client();
		CHECK_EQ(write(c, "data", 4), 4);
		CHECK_EQ(send_fds(c, (int[]){l, c, p[1]}, 3), 1);
		close(c);
	}
	close(l);
	expect_collected();
}

/* Each close pays for a part of the search; so many do not fit in one. */
TEST(many_circles)
{
	int s[2];

	make_pipe();
	for (int i = 0; i < 3000; i++) {
		pair(SOCK_STREAM, s);
		CHECK_EQ(send_fds(s[0], (int[]){s[1], s[0], p[1]}, 3), 1);
		close(s[0]);
		close(s[1]);
	}
	expect_collected();
}

/* The other end of what was collected sees its end. */
TEST(peer_of_the_lost)
{
	int s[2], kept;
	char c;

	make_pipe();
	pair(SOCK_STREAM, s);
	kept = s[0];
	CHECK_EQ(send_fds(s[0], (int[]){s[1], p[1]}, 2), 1);
	close(s[1]);
	expect_collected();
	CHECK(read(kept, &c, 1) <= 0);
	CHECK_ERRNO(send(kept, "x", 1, MSG_NOSIGNAL), EPIPE);
}

/* --- what is not lost ------------------------------------------------------------- */

/* A queue that can be read keeps all that hangs on it, however deep. */
TEST(a_chain_lives)
{
	int chain[5][2], fd, next;

	make_pipe();
	for (int i = 0; i < 5; i++)
		pair(SOCK_STREAM, chain[i]);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(send_fds(chain[i][0], (int[]){chain[i + 1][1]}, 1), 1);
	CHECK_EQ(send_fds(chain[4][0], (int[]){p[1], chain[2][1]}, 2), 1);
	for (int i = 1; i < 5; i++) {
		close(chain[i][0]);
		close(chain[i][1]);
	}
	close(p[1]);
	for (int i = 0; i < 50; i++)
		close_some();
	sleep_ms(20);
	CHECK(!pipe_ended());
	fd = chain[0][1];
	for (int i = 1; i < 5; i++) {
		CHECK_EQ(recv_fds(fd, &next, 8, 0, NULL), 1);
		fd = next;
	}
	int last[8];
	CHECK_EQ(recv_fds(fd, last, 8, 0, NULL), 2);
	CHECK_EQ(write(last[0], "alive", 5), 5);
}

/* A circle with one descriptor outside is none. */
TEST(a_held_circle_lives)
{
	int s[2], got[8];

	make_pipe();
	pair(SOCK_STREAM, s);
	CHECK_EQ(send_fds(s[0], (int[]){s[0], s[1], p[1]}, 3), 1);
	close(s[0]);
	close(p[1]);
	for (int i = 0; i < 50; i++)
		close_some();
	sleep_ms(20);
	CHECK(!pipe_ended());
	CHECK_EQ(recv_fds(s[1], got, 8, MSG_PEEK, NULL), 3);
	CHECK_EQ(recv_fds(s[1], got, 8, 0, NULL), 3);
	CHECK_EQ(write(got[0], "alive", 5), 5);
}

TEST(a_listener_in_flight_lives)
{
	int l, c, s[2], got;

	pair(SOCK_STREAM, s);
	l = listener();
	c = client();
	CHECK_EQ(send_fds(c, (int[]){c}, 1), 1);
	close(c);
	CHECK_EQ(send_fds(s[0], (int[]){l}, 1), 1);
	close(l);
	for (int i = 0; i < 50; i++)
		close_some();
	sleep_ms(20);
	CHECK_EQ(recv_fds(s[1], &got, 8, 0, NULL), 1);
	c = CHECK_OK(accept(got, NULL, NULL));
	CHECK_EQ(recv_fds(c, &got, 8, 0, NULL), 1);
	CHECK_EQ(write(got, "x", 1), 1);
}

static volatile int stop;

static void *make_circles(void *arg)
{
	(void)arg;
	while (!stop) {
		int s[2];

		pair(SOCK_STREAM, s);
		CHECK_EQ(send_fds(s[0], (int[]){s[0], s[1]}, 2), 1);
		close(s[0]);
		close(s[1]);
		close_some();
	}
	return NULL;
}

/* A socket that is passed round has no descriptor for most of its time. */
static void *pass_round(void *arg)
{
	int a[2], b[2], x[2], got;
	char c;

	(void)arg;
	pair(SOCK_STREAM, a);
	pair(SOCK_STREAM, b);
	pair(SOCK_STREAM, x);
	got = x[1];
	for (int i = 0; i < 2000; i++) {
		int *way = i % 2 ? a : b;

		CHECK_EQ(write(x[0], "p", 1), 1);
		CHECK_EQ(send_fds(way[0], (int[]){got}, 1), 1);
		close(got);
		if (i % 3 == 0)
			CHECK_EQ(recv_fds(way[1], &got, 8, MSG_PEEK, NULL), 1);
		if (i % 3 == 0)
			close(got);
		CHECK_EQ(recv_fds(way[1], &got, 8, 0, NULL), 1);
		CHECK_EQ(read(got, &c, 1), 1);
	}
	return NULL;
}

TEST(living_and_lost_together)
{
	pthread_t circles = thread_start(make_circles, NULL);
	pthread_t pass[2];

	for (int i = 0; i < 2; i++)
		pass[i] = thread_start(pass_round, NULL);
	for (int i = 0; i < 2; i++)
		thread_join(pass[i]);
	stop = 1;
	thread_join(circles);
}

/* --- the limit --------------------------------------------------------------------- */

#define LIMIT 40

static void more_than_allowed(void *arg)
{
	struct rlimit lim = {LIMIT, LIMIT};
	int s[2], got;

	(void)arg;
	pair(SOCK_STREAM, s);
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
	for (int i = 0; i <= LIMIT; i++)
		CHECK_EQ(send_fds(s[0], &p[1], 1), 1);
	CHECK_ERRNO(send_fds(s[0], &p[1], 1), ETOOMANYREFS);
	CHECK_EQ(write(s[0], "x", 1), 1); /* bytes alone may go */
	CHECK_EQ(recv_fds(s[1], &got, 8, 0, NULL), 1);
	CHECK_EQ(send_fds(s[0], &p[1], 1), 1);
	CHECK_ERRNO(send_fds(s[0], &p[1], 1), ETOOMANYREFS);
	close(s[1]); /* and none is in flight any more */
	pair(SOCK_STREAM, s);
	CHECK_EQ(send_fds(s[0], &p[1], 1), 1);
}

TEST(limit_of_descriptors_in_flight)
{
	need_root();
	make_pipe();
	as_nobody(more_than_allowed, NULL);
}

TEST(no_limit_for_root)
{
	struct rlimit lim = {LIMIT, LIMIT};
	int s[2];

	need_root();
	make_pipe();
	pair(SOCK_STREAM, s);
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
	for (int i = 0; i < 2 * LIMIT; i++)
		CHECK_EQ(send_fds(s[0], &p[1], 1), 1);
}
