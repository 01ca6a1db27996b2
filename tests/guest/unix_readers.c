/* SPDX-License-Identifier: Apache-2.0 */
/* Several readers of one AF_UNIX socket, and reads into memory that is not there yet. */
#include <poll.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "harness.h"

#define READERS 3

static int s[2];
static atomic_long got, wrong;

static void start(pthread_t th[READERS], void *(*fn)(void *arg))
{
	for (int i = 0; i < READERS; i++)
		th[i] = thread_start(fn, NULL);
}

static void join(pthread_t th[READERS])
{
	for (int i = 0; i < READERS; i++)
		thread_join(th[i]);
}

static void *read_numbers(void *arg)
{
	unsigned v, last = 0;

	(void)arg;
	while (recv(s[1], &v, sizeof(v), 0) == sizeof(v)) {
		if (v < last)
			wrong++;
		last = v;
		got++;
	}
	return NULL;
}

/* Whoever reads: what he gets later was written later. */
TEST(stream_keeps_its_order)
{
	static unsigned data[2048];
	pthread_t th[READERS];
	unsigned next = 0;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	start(th, read_numbers);
	for (int i = 0; i < 20; i++) {
		for (int k = 0; k < 2048; k++)
			data[k] = next++;
		CHECK_EQ(write(s[0], data, sizeof(data)), sizeof(data));
	}
	CHECK_OK(shutdown(s[0], SHUT_WR));
	join(th);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(got, next);
}

static void *read_bytes(void *arg)
{
	char c;

	(void)arg;
	while (recv(s[1], &c, 1, 0) == 1)
		got++;
	/* Each of the others may hold one byte that it has not counted yet. */
	if (got < 3000 - (READERS - 1))
		wrong++;
	return NULL;
}

TEST(stream_ends_when_all_is_read)
{
	static char data[3000];
	pthread_t th[READERS];

	for (int i = 0; i < 20; i++) {
		got = 0;
		CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
		CHECK_EQ(write(s[0], data, sizeof(data)), sizeof(data));
		close(s[0]);
		start(th, read_bytes);
		join(th);
		CHECK_EQ(wrong, 0);
		CHECK_EQ(got, sizeof(data));
		close(s[1]);
	}
}

static void *peek_on(void *arg)
{
	char buf[8];

	(void)arg;
	for (int i = 0; i < 5000; i++)
		if (recv(s[1], buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT) != 3)
			wrong++;
	return NULL;
}

static void peek_together(int type)
{
	pthread_t th[READERS];
	struct pollfd p;
	int queued;

	CHECK_OK(socketpair(AF_UNIX, type, 0, s));
	CHECK_EQ(send(s[0], "abc", 3, 0), 3);
	CHECK_OK(shutdown(s[0], SHUT_WR));
	start(th, peek_on);
	p = (struct pollfd){s[1], POLLIN, 0};
	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(poll(&p, 1, 0), 1);
		CHECK_OK(ioctl(s[1], FIONREAD, &queued));
		CHECK_EQ(queued, 3);
	}
	join(th);
	CHECK_EQ(wrong, 0);
}

/* A message that one looks at is still there for the others. */
TEST(peeks_do_not_hide_a_packet)
{
	peek_together(SOCK_SEQPACKET);
}

TEST(peeks_do_not_hide_a_datagram)
{
	peek_together(SOCK_DGRAM);
}

TEST(peeks_do_not_hide_stream_bytes)
{
	peek_together(SOCK_STREAM);
}

static void *wait_for_one(void *arg)
{
	char c;

	(void)arg;
	if (recv(s[1], &c, 1, 0) == 1)
		got++;
	return NULL;
}

/* One message a reader, all asleep. */
TEST(all_sleepers_are_served)
{
	pthread_t th[READERS];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	start(th, wait_for_one);
	settle();
	CHECK_EQ(write(s[0], "xyz", READERS), READERS);
	join(th);
	CHECK_EQ(got, READERS);
}

/* --- memory that is not there yet ------------------------------------------------ */

#define BIG 150000

static char *fresh(size_t n)
{
	return CHECK_OK((char *)mmap(NULL, n, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/* One read gets all that waits, whatever has to be paged in for it. */
TEST(untouched_buffer)
{
	static char data[BIG];
	char *buf;

	for (size_t i = 0; i < BIG; i++)
		data[i] = (char)(i * 7 + i / 1000);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(write(s[0], data, BIG), BIG);
	buf = fresh(BIG);
	CHECK_EQ(recv(s[1], buf, BIG, MSG_PEEK), BIG);
	CHECK_MEM(buf, data, BIG);
	buf = fresh(BIG);
	CHECK_EQ(read(s[1], buf, BIG), BIG);
	CHECK_MEM(buf, data, BIG);
	CHECK_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	CHECK_EQ(write(s[0], data, BIG), BIG);
	buf = fresh(BIG);
	CHECK_EQ(read(s[1], buf, BIG), BIG);
	CHECK_MEM(buf, data, BIG);
}

/* What was written in one piece is read in one, or not at all. */
TEST(stream_into_half_a_buffer)
{
	char *end = guard_page(), buf[8];

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(write(s[0], "abcd", 4), 4);
	CHECK_ERRNO(recv(s[1], end - 2, 4, 0), EFAULT);
	CHECK_EQ(write(s[0], "efgh", 4), 4);
	CHECK_EQ(recv(s[1], end - 6, 8, 0), 4);
	CHECK_MEM(end - 6, "abcd", 4);
	CHECK_EQ(recv(s[1], buf, 8, 0), 4);
	CHECK_MEM(buf, "efgh", 4);
}

/* A datagram that could not be written is gone, one that was peeked at is not. */
TEST(datagram_into_half_a_buffer)
{
	char *end = guard_page(), buf[8];

	CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	CHECK_EQ(write(s[0], "abcd", 4), 4);
	CHECK_EQ(write(s[0], "efgh", 4), 4);
	CHECK_ERRNO(recv(s[1], end - 2, 4, MSG_PEEK), EFAULT);
	CHECK_ERRNO(recv(s[1], end - 2, 4, 0), EFAULT);
	CHECK_EQ(recv(s[1], buf, 8, 0), 4);
	CHECK_MEM(buf, "efgh", 4);
	CHECK_ERRNO(recv(s[1], buf, 8, MSG_DONTWAIT), EAGAIN);
}
