// SPDX-License-Identifier: Apache-2.0
#include "sentry/base/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sentry/base/clock.h"

int64_t host_ret(int64_t r)
{
	return r == -1 ? -errno : r;
}

static int futex_wait(atomic_uint *word, int op, unsigned expected, int64_t deadline_ns)
{
	struct timespec ts, *tp = NULL;

	if (deadline_ns != NO_DEADLINE) {
		ts.tv_sec = deadline_ns / NSEC_PER_SEC;
		ts.tv_nsec = deadline_ns % NSEC_PER_SEC;
		if (deadline_ns < 0)
			ts = (struct timespec){0};
		tp = &ts;
	}
	return (int)host_ret(
		syscall(SYS_futex, word, op, expected, tp, NULL, FUTEX_BITSET_MATCH_ANY));
}

int host_futex_wait(atomic_uint *word, unsigned expected, int64_t deadline_ns)
{
	return futex_wait(word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
			  deadline_ns);
}

int host_futex_wake(atomic_uint *word, int n)
{
	return (int)host_ret(syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n,
				     NULL, NULL, 0));
}

int host_futex_wait_shared(atomic_uint *word, unsigned expected, int64_t deadline_ns)
{
	return futex_wait(word, FUTEX_WAIT_BITSET, expected, deadline_ns);
}

int host_futex_wake_shared(atomic_uint *word, int n)
{
	return (int)host_ret(syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0));
}

ssize_t host_read(int hfd, void *buf, size_t n)
{
	return host_ret(read(hfd, buf, n));
}

ssize_t host_write(int hfd, const void *buf, size_t n)
{
	return host_ret(write(hfd, buf, n));
}

ssize_t host_pread(int hfd, void *buf, size_t n, int64_t off)
{
	return host_ret(pread(hfd, buf, n, off));
}

ssize_t host_pwrite(int hfd, const void *buf, size_t n, int64_t off)
{
	return host_ret(pwrite(hfd, buf, n, off));
}

int host_close(int hfd)
{
	return (int)host_ret(close(hfd));
}

int host_fstat(int hfd, struct stat *st)
{
	return (int)host_ret(fstat(hfd, st));
}

int host_ftruncate(int hfd, int64_t size)
{
	return (int)host_ret(ftruncate(hfd, size));
}

int host_fallocate(int hfd, int mode, int64_t off, int64_t len)
{
	return (int)host_ret(fallocate(hfd, mode, off, len));
}

int host_memfd(const char *name, unsigned flags)
{
	return (int)host_ret(memfd_create(name, flags | MFD_CLOEXEC));
}

int host_socketpair(int type, int hfds[2])
{
	return (int)host_ret(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, hfds));
}

int host_mmap(void *addr, size_t size, int prot, int flags, int hfd, int64_t off,
	      void **out)
{
	void *p = mmap(addr, size, prot, flags | (addr ? MAP_FIXED : 0), hfd, off);

	*out = NULL;
	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	return 0;
}

int host_munmap(void *addr, size_t size)
{
	return (int)host_ret(munmap(addr, size));
}

#define MAX_FDS 16

ssize_t host_send_fds(int sock, const void *buf, size_t n, const int *hfds, size_t n_hfds)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = (void *)buf, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_hfds > MAX_FDS)
		return -EINVAL;
	if (n_hfds) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_hfds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_hfds);
		memcpy(CMSG_DATA(c), hfds, sizeof(int) * n_hfds);
	}
	return host_ret(sendmsg(sock, &msg, MSG_NOSIGNAL));
}

ssize_t host_recv_fds(int sock, void *buf, size_t n, int *hfds, size_t *n_hfds, int flags)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control)};
	size_t room = *n_hfds;
	ssize_t r;

	*n_hfds = 0;
	r = host_ret(recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC));
	if (r < 0)
		return r;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		size_t got;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < got; i++) {
			int hfd;

			memcpy(&hfd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*n_hfds < room)
				hfds[(*n_hfds)++] = hfd;
			else
				close(hfd);
		}
	}
	return r;
}

int host_gettid(void)
{
	return (int)syscall(SYS_gettid);
}

int host_tgkill(int hpid, int htid, int sig)
{
	return (int)host_ret(syscall(SYS_tgkill, hpid, htid, sig));
}

int host_set_cpu(int htid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return (int)host_ret(sched_setaffinity(htid, sizeof(set), &set));
}

int host_getrandom(void *buf, size_t n)
{
	while (n) {
		ssize_t r = host_ret(getrandom(buf, n, 0));

		if (r == -EINTR)
			continue;
		if (r < 0)
			return (int)r;
		buf = (char *)buf + r;
		n -= (size_t)r;
	}
	return 0;
}
