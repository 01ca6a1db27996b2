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

/* Into the lowest free number, which is STUB_FD_FIRST + @i. */
static int transfer(struct stub_space *s, int hfd, unsigned i) MUST_HOLD(s->lock);

static int transfer(struct stub_space *s, int hfd, unsigned i)
{
	struct stub_host *host = s->host;
	const uint64_t stub_fd = STUB_FD_FIRST + i;
	int r;

	mutex_lock(&host->transfer);
	r = (int)host_send_fds(host->sock[0], "", 1, &hfd, 1);
	if (r < 0) {
		mutex_unlock(&host->transfer);
		return r;
	}
	put_receive(s->order);
	stub_order_add(s, STUB_OP_COPY, scratch, STUB_ORDER + ORDER_DATA,
		       sizeof(struct receive), 0, 0, 0);
	stub_order_add(s, SYS_recvmsg, STUB_FD_SOCKET, scratch, MSG_CMSG_CLOEXEC, 0, 0,
		       0);
	stub_order_add(s, SYS_fcntl, stub_fd, F_GETFD, 0, 0, 0, 0);
	r = stub_order_run(s, NULL);
	if (r)
		drain(host);
	mutex_unlock(&host->transfer);
	/* Out of host memory, or spoilt by the guest: its table may differ from ours. */
	if (r)
		stub_space_kill(s);
	return r ? -ESRCH : 0;
}

static unsigned oldest(const struct stub_space *s)
{
	unsigned best = 0;

	for (unsigned i = 1; i < STUB_CACHED_FDS; i++)
		if (s->fd[i].used < s->fd[best].used)
			best = i;
	return best;
}

static void close_at(struct stub_space *s, unsigned i) MUST_HOLD(s->lock);

static void close_at(struct stub_space *s, unsigned i)
{
	stub_order_add(s, SYS_close, STUB_FD_FIRST + i, 0, 0, 0, 0, 0);
	stub_order_run(s, NULL);
	s->fd[i] = (struct stub_fd){0};
}

int stub_fd_donate(struct stub_space *s, int hfd, uint64_t key, int *stub_fd)
{
	unsigned free = STUB_CACHED_FDS;
	int r;

	*stub_fd = -1;
	for (unsigned i = STUB_CACHED_FDS; i-- > 0;) {
		if (s->fd[i].used == 0) {
			free = i;
		} else if (key && s->fd[i].key == key) {
			s->fd[i].used = ++s->fd_clock;
			*stub_fd = STUB_FD_FIRST + (int)i;
			return 0;
		}
	}
	if (free == STUB_CACHED_FDS) {
		free = oldest(s);
		close_at(s, free);
	}
	r = transfer(s, hfd, free);
	if (r)
		return r;
	s->fd[free] = (struct stub_fd){key, ++s->fd_clock};
	*stub_fd = STUB_FD_FIRST + (int)free;
	return 0;
}

void stub_fd_done(struct stub_space *s, int stub_fd)
{
	unsigned i = (unsigned)stub_fd - STUB_FD_FIRST;

	if (s->fd[i].key == 0)
		close_at(s, i);
}

void stub_fd_forget(struct stub_space *s, uint64_t key)
{
	for (unsigned i = 0; i < STUB_CACHED_FDS; i++)
		if (s->fd[i].used && s->fd[i].key == key)
			close_at(s, i);
}
