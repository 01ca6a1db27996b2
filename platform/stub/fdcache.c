// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors donated to a guest process, so that its helper can map them. They go
 * by SCM_RIGHTS over one socket pair that all stubs share, one at a time, and the
 * most recent ones stay open in the stub.
 *
 * Which number a descriptor gets there is not asked (the answer would lie in memory
 * that the guest can write) but known: the host takes the lowest free one, and no one
 * but the helper opens or closes any. A guest that spoils the message header while the
 * helper receives makes the check of the number fail, and loses its process.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "platform/stub/stub.h"
#include "sentry/base/host.h"

/* The receiver's operands: written to the scratch page anew each time. */
struct receive {
	struct msghdr msg;
	struct iovec iov;
	char byte[8];
	char control[CMSG_SPACE(sizeof(int))];
};

_Static_assert(sizeof(struct receive) <= ORDER_DATA_SIZE, "fits the order page");

static const uaddr_t scratch = STUB_SCRATCH + SCRATCH_MSG;

static void put_receive(struct stub_order *o)
{
	struct receive rx = {
		.msg = {.msg_iov =
				(struct iovec *)(scratch + offsetof(struct receive, iov)),
			.msg_iovlen = 1,
			.msg_control =
				(void *)(scratch + offsetof(struct receive, control)),
			.msg_controllen = sizeof(rx.control)},
		.iov = {(void *)(scratch + offsetof(struct receive, byte)), 1},
	};

	memcpy(o->data, &rx, sizeof(rx));
}

/* Takes back what a stub that died did not fetch. */
static void drain(struct stub_host *host)
{
	int hfd;
	size_t n = 1;
	char byte;

	while (host_recv_fds(host->sock[1], &byte, 1, &hfd, &n, MSG_DONTWAIT) >= 0) {
		if (n)
			host_close(hfd);
		n = 1;
	}
}

static unsigned find(const struct stub_space *s, uint64_t key)
{
	for (unsigned i = 0; key && i < STUB_CACHED_FDS; i++)
		if (s->fd[i].used && s->fd[i].key == key)
			return i;
	return STUB_CACHED_FDS;
}

/* The lowest free place, or the one longest unused. */
static unsigned find_room(const struct stub_space *s)
{
	unsigned best = 0;

	for (unsigned i = 0; i < STUB_CACHED_FDS; i++)
		if (s->fd[i].used < s->fd[best].used)
			best = i;
	return best;
}

static void add_close(struct stub_space *s, unsigned i) MUST_HOLD(s->lock);
static void add_receive(struct stub_space *s, unsigned i) MUST_HOLD(s->lock);
static int map_new(struct stub_space *s, const struct stub_op *map, int hfd, uint64_t key)
	MUST_HOLD(s->lock);

static void add_close(struct stub_space *s, unsigned i)
{
	stub_order_add(s, SYS_close, STUB_FD_FIRST + i, 0, 0, 0, 0, 0);
	s->fd[i] = (struct stub_fd){0};
}

/* Into the lowest free number, which is that of place @i, or fail. */
static void add_receive(struct stub_space *s, unsigned i)
{
	put_receive(s->order);
	stub_order_add(s, STUB_OP_COPY, scratch, STUB_ORDER + ORDER_DATA,
		       sizeof(struct receive), 0, 0, 0);
	stub_order_add(s, SYS_recvmsg, STUB_FD_SOCKET, scratch, MSG_CMSG_CLOEXEC, 0, 0,
		       0);
	stub_order_add(s, SYS_fcntl, STUB_FD_FIRST + i, F_GETFD, 0, 0, 0, 0);
}

#define MAP_NEW_OPS 6

/* Make room, receive, map and, if it is not to be kept, close: in one order. */
static int map_new(struct stub_space *s, const struct stub_op *map, int hfd, uint64_t key)
{
	const unsigned i = find_room(s);
	const struct stub_fd old = s->fd[i];
	struct stub_host *host = s->host;
	unsigned first, map_index, failed_at = 0;
	int r;

	if (s->order->n > ORDER_MAX_OPS - MAP_NEW_OPS)
		stub_order_flush(s);
	first = s->order->n; /* what was put off comes before */
	mutex_lock(&host->transfer);
	r = (int)host_send_fds(host->sock[0], "", 1, &hfd, 1);
	if (r < 0) {
		mutex_unlock(&host->transfer);
		return r;
	}
	if (s->fd[i].used)
		add_close(s, i);
	add_receive(s, i);
	map_index = s->order->n;
	stub_order_add(s, SYS_mmap, map->args[0], map->args[1], map->args[2],
		       map->args[3], STUB_FD_FIRST + i, map->args[5]);
	if (!key)
		add_close(s, i);
	r = stub_order_run(s, &failed_at);
	if (r && failed_at < map_index)
		drain(host);
	mutex_unlock(&host->transfer);

	if (r && failed_at < first) {
		s->fd[i] = old;
		return r;
	}
	/* Out of host memory, or spoilt by the guest: its table may differ from ours. */
	if (r && failed_at < map_index) {
		stub_space_kill(s);
		return -ESRCH;
	}
	if (key) {
		s->fd[i] = (struct stub_fd){key, ++s->fd_clock};
	} else if (r) { /* the mapping failed, so the closing behind it did not run */
		add_close(s, i);
		stub_order_run(s, NULL);
	}
	return r;
}

int stub_map_file(struct stub_space *s, const struct stub_op *map, int hfd, uint64_t key)
{
	const unsigned i = find(s, key);

	if (!s->batch)
		stub_order_flush(s);
	if (i == STUB_CACHED_FDS)
		return map_new(s, map, hfd, key);
	s->fd[i].used = ++s->fd_clock;
	stub_order_add(s, SYS_mmap, map->args[0], map->args[1], map->args[2],
		       map->args[3], STUB_FD_FIRST + i, map->args[5]);
	return stub_order_later(s) ? 0 : stub_order_run(s, NULL);
}

void stub_fd_forget(struct stub_space *s, uint64_t key)
{
	const unsigned i = find(s, key);

	if (i == STUB_CACHED_FDS)
		return;
	add_close(s, i);
	stub_order_run(s, NULL);
}
