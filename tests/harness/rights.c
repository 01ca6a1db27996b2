/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors through AF_UNIX sockets: rights.h. */
#include "rights.h"

#include <sys/socket.h>

#include "harness.h"

#define ROOM 4096 /* for more than may be sent */

ssize_t send_fds(int s, const int *fds, int n)
{
	char byte = 'b';
	_Alignas(struct cmsghdr) char control[ROOM] = {0};
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
	struct cmsghdr *c = (void *)control;

	msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
	return sendmsg(s, &msg, MSG_NOSIGNAL);
}

int recv_fds(int s, int *fds, int max, int flags, int *msg_flags)
{
	char byte;
	_Alignas(struct cmsghdr) char control[ROOM];
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
	struct cmsghdr *c;
	int n = 0;

	msg.msg_controllen = max ? CMSG_SPACE((size_t)max * sizeof(int)) : 0;
	if (max && max % 2)
		msg.msg_controllen = CMSG_LEN((size_t)max * sizeof(int));
	CHECK_EQ(recvmsg(s, &msg, flags), 1);
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
	}
	if (msg_flags)
		*msg_flags = msg.msg_flags;
	return n;
}
