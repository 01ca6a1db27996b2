/* SPDX-License-Identifier: Apache-2.0 */
/* splice where it sleeps, stops short or is not alone: every byte arrives once. */
#include <sys/socket.h>

#include "harness.h"

static int p[2], s[2];
static char big[1 << 18];

static void set_up(int pipe_flags)
{
	CHECK_OK(pipe2(p, pipe_flags));
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
}

/* What can be read of @fd without sleeping. */
static size_t drain(int fd)
{
	size_t all = 0;
	ssize_t n;

	CHECK_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	while ((n = read(fd, big, sizeof(big))) > 0)
		all += (size_t)n;
	return all;
}

static void fill_socket(int fd)
{
	memset(big, '.', sizeof(big));
	while (send(fd, big, sizeof(big), MSG_DONTWAIT) > 0)
		;
	while (send(fd, big, 1, MSG_DONTWAIT) > 0)
		;
}

static void stream_into_little_room(int pipe_flags)
{
	ssize_t n;

	set_up(pipe_flags);
	CHECK_EQ(write(p[1], big, 65536 - PAGE), 65536 - PAGE);
	CHECK_EQ(write(s[0], big, 60000), 60000);
	n = CHECK_OK(splice(s[1], NULL, p[1], NULL, 60000, SPLICE_F_NONBLOCK));
	CHECK(n > 0 && n <= PAGE);
	CHECK_EQ(drain(p[0]), 65536 - PAGE + n);
	CHECK_EQ(drain(s[1]), 60000 - n); /* the rest was not taken */
}

TEST(stream_into_little_room_of_a_nonblocking_pipe)
{
	stream_into_little_room(O_NONBLOCK);
}

TEST(stream_into_little_room_of_a_pipe)
{
	stream_into_little_room(0);
}

TEST(empty_socket_does_not_wait)
{
	set_up(0);
	CHECK_ERRNO(splice(s[1], NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_OK(fcntl(p[1], F_SETFL, O_NONBLOCK));
	CHECK_ERRNO(splice(s[1], NULL, p[1], NULL, 100, 0), EAGAIN);
	CHECK_EQ(write(s[0], "abc", 3), 3);
	CHECK_EQ(splice(s[1], NULL, p[1], NULL, 100, 0), 3);
}

static void *splice_from_socket(void *arg)
{
	(void)arg;
	return (void *)splice(s[1], NULL, p[1], NULL, 100, 0);
}

TEST(empty_socket_waits)
{
	pthread_t th;

	set_up(0);
	th = thread_start(splice_from_socket, NULL);
	settle();
	CHECK_EQ(write(s[0], "late", 4), 4);
	CHECK_EQ((long)thread_join(th), 4);
	CHECK_EQ(drain(p[0]), 4);
}

static void *splice_four(void *arg)
{
	(void)arg;
	return (void *)splice(p[0], NULL, s[0], NULL, 4, 0);
}

static void *read_four(void *arg)
{
	return (void *)read(p[0], arg, 4);
}

/* A splice asleep on a full socket has its bytes: another reader gets those behind. */
TEST(sleeping_splice_keeps_its_bytes)
{
	pthread_t a, b;
	char buf[4], last[4] = "";
	size_t all;

	set_up(0);
	fill_socket(s[0]);
	CHECK_EQ(write(p[1], "ABCDEFGH", 8), 8);
	a = thread_start(splice_four, NULL);
	settle();
	b = thread_start(read_four, buf);
	settle();
	for (all = 0; memcmp(last, "ABCD", 4);) {
		ssize_t n = CHECK_OK(read(s[1], big, sizeof(big)));

		CHECK(n > 0);
		for (ssize_t i = 0; i < n; i++) {
			memmove(last, last + 1, 3);
			last[3] = big[i];
		}
		all += (size_t)n;
	}
	CHECK_EQ((long)thread_join(a), 4);
	CHECK_EQ((long)thread_join(b), 4);
	CHECK_MEM(buf, "EFGH", 4);
	CHECK_EQ(drain(p[0]), 0);
}

static void *interrupted_splice(void *arg)
{
	ssize_t n = splice(p[0], NULL, s[0], NULL, 4, 0);

	(void)arg;
	CHECK(n == -1 && errno == EINTR);
	return NULL;
}

TEST(interrupted_splice_leaves_its_bytes)
{
	char buf[8];
	pthread_t th;

	set_up(0);
	fill_socket(s[0]);
	catch_signal(SIGUSR1, 0);
	CHECK_EQ(write(p[1], "ABCD", 4), 4);
	th = thread_start(interrupted_splice, NULL);
	settle();
	CHECK_EQ(pthread_kill(th, SIGUSR1), 0);
	thread_join(th);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 4);
	CHECK_MEM(buf, "ABCD", 4);
}

/* --- numbers in, numbers out: each once ------------------------------------------- */

#define NUMBERS 24000
#define MOVERS	3

static unsigned char seen[NUMBERS];

static void *write_numbers(void *arg)
{
	int fd = *(int *)arg;

	for (unsigned i = 0; i < NUMBERS; i++)
		CHECK_EQ(write(fd, &i, sizeof(i)), sizeof(i));
	close(fd);
	return NULL;
}

static void read_numbers(int fd)
{
	unsigned v;

	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < NUMBERS; i++) {
		size_t have = 0;

		while (have < sizeof(v)) {
			ssize_t n =
				CHECK_OK(read(fd, (char *)&v + have, sizeof(v) - have));

			CHECK(n > 0);
			have += (size_t)n;
		}
		CHECK(v < NUMBERS && !seen[v]);
		seen[v] = 1;
	}
}

struct move {
	int from, to;
};

static void *mover(void *arg)
{
	struct move *m = arg;

	/* Full numbers only: the pieces of two movers must not mix. */
	while (CHECK_OK(splice(m->from, NULL, m->to, NULL, 4, 0)))
		;
	return NULL;
}

static void move_numbers(int in, struct move m, int out)
{
	pthread_t w = thread_start(write_numbers, &in), th[MOVERS];

	for (int i = 0; i < MOVERS; i++)
		th[i] = thread_start(mover, &m);
	read_numbers(out);
	thread_join(w);
	for (int i = 0; i < MOVERS; i++)
		thread_join(th[i]);
}

TEST(many_splices_from_one_pipe)
{
	int size = 1;

	set_up(0);
	CHECK_OK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	move_numbers(p[1], (struct move){p[0], s[0]}, s[1]);
}

TEST(many_splices_from_one_socket)
{
	set_up(0);
	CHECK_OK(fcntl(p[1], F_SETPIPE_SZ, PAGE));
	move_numbers(s[0], (struct move){s[1], p[1]}, p[0]);
}

TEST(many_splices_between_pipes)
{
	int q[2];

	set_up(0);
	CHECK_OK(pipe(q));
	CHECK_OK(fcntl(q[1], F_SETPIPE_SZ, PAGE));
	move_numbers(p[1], (struct move){p[0], q[1]}, q[0]);
}
