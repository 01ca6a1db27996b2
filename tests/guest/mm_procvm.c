/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_vm_readv and process_vm_writev: vectors, partial results, permission, dead
 * processes. Source: process_vm_readv(2).
 */
#include <sys/prctl.h>
#include <sys/uio.h>

#include "harness.h"

#define RW (PROT_READ | PROT_WRITE)

/* A child that waits; memory mapped before the fork has the same addresses in it. */
static pid_t waiting(void (*prepare)(void))
{
	int p[2];
	char c;

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		if (prepare)
			prepare();
		CHECK_EQ(write(p[1], "x", 1), 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	close(p[0]);
	close(p[1]);
	return pid;
}

static char *area;

static void child_fills(void)
{
	memset(area, 'c', 4 * PAGE);
}

static pid_t with_area(void)
{
	area = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area, 'p', 4 * PAGE);
	return waiting(child_fills);
}

TEST(read_and_write)
{
	pid_t pid = with_area();
	char buf[100];
	struct iovec local = {buf, sizeof(buf)}, remote = {area + 10, sizeof(buf)};

	CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 100);
	CHECK_EQ(buf[0], 'c');
	CHECK_EQ(area[10], 'p');
	memset(buf, 'w', sizeof(buf));
	CHECK_EQ(process_vm_writev(pid, &local, 1, &remote, 1, 0), 100);
	memset(buf, 0, sizeof(buf));
	CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 100);
	CHECK_EQ(buf[99], 'w');
	CHECK_EQ(area[10], 'p');
	kill_child(pid);
}

/* The vectors need not match piece by piece. */
TEST(scatter_and_gather)
{
	pid_t pid = with_area();
	char a[30], b[70], c[10] = "untouched";
	struct iovec local[3] = {{a, 30}, {b, 70}, {c, 10}};
	struct iovec remote[2] = {{area + PAGE - 50, 60}, {area, 40}};

	CHECK_EQ(process_vm_readv(pid, local, 3, remote, 2, 0), 100);
	CHECK_EQ(a[0], 'c');
	CHECK_EQ(b[69], 'c');
	CHECK_STR(c, "untouched");
	/* Empty pieces and empty vectors. */
	local[0].iov_len = 0;
	CHECK_EQ(process_vm_readv(pid, local, 2, remote, 2, 0), 70);
	CHECK_EQ(process_vm_readv(pid, local, 0, remote, 2, 0), 0);
	CHECK_EQ(process_vm_readv(pid, local, 2, remote, 0, 0), 0);
	kill_child(pid);
}

TEST(partial)
{
	pid_t pid = with_area();
	char buf[100];
	struct iovec local = {buf, 100};
	struct iovec remote[2] = {{area, 40}, {BAD_PTR, 60}};

	CHECK_EQ(process_vm_readv(pid, &local, 1, remote, 2, 0), 40);
	CHECK_ERRNO(process_vm_readv(pid, &local, 1, remote + 1, 1, 0), EFAULT);
	kill_child(pid);
}

TEST(rights_of_the_other_side)
{
	pid_t pid;
	char buf[10] = "x";
	struct iovec local = {buf, 10}, remote;

	area = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	remote = (struct iovec){area, 10};
	pid = waiting(NULL);
	CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 10);
	CHECK_ERRNO(process_vm_writev(pid, &local, 1, &remote, 1, 0), EFAULT);
	kill_child(pid);
}

TEST(of_oneself)
{
	char from[8] = "source", to[8];
	struct iovec local = {to, 8}, remote = {from, 8};

	CHECK_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), 8);
	CHECK_STR(to, "source");
}

TEST(errors)
{
	pid_t pid = with_area();
	char buf[10];
	struct iovec local = {buf, 10}, remote = {area, 10}, bad = {BAD_PTR, 10};
	struct iovec huge = {buf, SIZE_MAX};

	CHECK_ERRNO(process_vm_readv(pid, &local, 1, &remote, 1, 1), EINVAL);
	CHECK_ERRNO(process_vm_readv(pid, &local, 1025, &remote, 1, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(pid, &local, 1, &remote, 1025, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(pid, &huge, 1, &remote, 1, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(pid, BAD_PTR, 1, &remote, 1, 0), EFAULT);
	CHECK_ERRNO(process_vm_readv(pid, &local, 1, BAD_PTR, 1, 0), EFAULT);
	CHECK_ERRNO(process_vm_readv(pid, &bad, 1, &remote, 1, 0), EFAULT);
	kill_child(pid);
	CHECK_ERRNO(process_vm_readv(pid, &local, 1, &remote, 1, 0), ESRCH);
}

static void peek(void *arg)
{
	char buf[10];
	struct iovec local = {buf, 10}, remote = {area, 10};

	CHECK_ERRNO(process_vm_readv(*(pid_t *)arg, &local, 1, &remote, 1, 0), EPERM);
	CHECK_ERRNO(process_vm_writev(*(pid_t *)arg, &local, 1, &remote, 1, 0), EPERM);
}

TEST(permission)
{
	need_root();
	pid_t pid = with_area();
	as_nobody(peek, &pid);
	kill_child(pid);
}

static void undumpable(void)
{
	become(65534, 65534);
	CHECK_OK(prctl(PR_SET_DUMPABLE, 0));
}

TEST(undumpable_processes_are_private)
{
	need_root();
	area = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid = waiting(undumpable);
	as_nobody(peek, &pid); /* even for the same user */
	kill_child(pid);
}

/* Large transfers cross many pages. */
TEST(large)
{
	enum { N = 300 };
	area = mmap(NULL, N * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < N; i++)
		area[i * PAGE + 7] = (char)i;
	pid_t pid = waiting(NULL);
	char *copy = malloc(N * PAGE);
	struct iovec local = {copy, N * PAGE - 14}, remote = {area + 7, N * PAGE - 14};

	CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), N * PAGE - 14);
	for (int i = 0; i < N; i++)
		CHECK_EQ(copy[i * PAGE], (char)i);
	kill_child(pid);
}
