/* SPDX-License-Identifier: Apache-2.0 */
/*
 * madvise: which advice changes contents, inheritance or rights, which is only advice.
 * Source: madvise(2), process_madvise(2).
 */
#include <sys/uio.h>

#include "fault.h"
#include "harness.h"

#define RW (PROT_READ | PROT_WRITE)
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

static char *map(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

TEST(dontneed_zeroes_private_memory)
{
	char *p = map(4);

	memset(p, 7, 4 * PAGE);
	CHECK_OK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 7);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[3 * PAGE - 1], 0);
	CHECK_EQ(p[3 * PAGE], 7);
	p[PAGE] = 1;
	CHECK_EQ(p[PAGE], 1);
}

TEST(dontneed_rereads_the_file)
{
	scratch_cd();
	put_str("f", "file");
	int fd = CHECK_OK(open("f", O_RDWR));
	char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	char *s = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);

	p[0] = 'X';
	s[1] = 'Y';
	CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_OK(madvise(s, PAGE, MADV_DONTNEED)); /* shared: the data stays */
	CHECK_EQ(p[0], 'f');
	CHECK_EQ(s[1], 'Y');
	CHECK_EQ(p[1], 'Y');
}

TEST(dontneed_of_shared_anonymous_keeps_data)
{
	char *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	s[0] = 5;
	CHECK_OK(madvise(s, PAGE, MADV_DONTNEED));
	CHECK_EQ(s[0], 5);
}

/* Read-only memory may be thrown away too. */
TEST(dontneed_needs_no_write_right)
{
	char *p = map(1);

	p[0] = 1;
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 0);
}

TEST(dontneed_after_fork)
{
	char *p = map(2);

	memset(p, 3, 2 * PAGE);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
		CHECK_EQ(p[0], 0);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], 3); /* the parent's page is its own */
}

TEST(errors)
{
	char *p = map(3);

	CHECK_ERRNO(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERRNO(madvise(p, PAGE, 999), EINVAL);
	CHECK_OK(madvise(p, 0, MADV_DONTNEED));
	CHECK_ERRNO(madvise(p, 0, 999), EINVAL);
	CHECK_ERRNO(madvise(p, SIZE_MAX, MADV_DONTNEED), EINVAL);
	memset(p, 1, 3 * PAGE);
	CHECK_OK(munmap(p + PAGE, PAGE));
	/* A hole: done for the rest, then ENOMEM. */
	CHECK_ERRNO(madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[2 * PAGE], 0);
}

TEST(free_may_or_may_not_zero)
{
	char *p = map(4);
	char *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memset(p, 9, 4 * PAGE);
	CHECK_OK(madvise(p, 4 * PAGE, MADV_FREE));
	for (int i = 0; i < 4; i++)
		CHECK(p[i * PAGE] == 9 || p[i * PAGE] == 0);
	p[0] = 4; /* written again: kept */
	CHECK_EQ(p[0], 4);
	CHECK_ERRNO(madvise(s, PAGE, MADV_FREE), EINVAL); /* private anonymous only */
}

TEST(dontfork)
{
	char *p = map(3);

	memset(p, 6, 3 * PAGE);
	CHECK_OK(madvise(p + PAGE, PAGE, MADV_DONTFORK));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(p[0], 6);
		CHECK_EQ(fault_read(p + PAGE), SIGSEGV);
		CHECK_EQ(p[2 * PAGE], 6);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[PAGE], 6);
	CHECK_OK(madvise(p + PAGE, PAGE, MADV_DOFORK));
	pid = fork_child();
	if (pid == 0)
		_exit(p[PAGE] != 6);
	wait_ok(pid);
}

TEST(wipeonfork)
{
	char *p = map(2);
	char *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memset(p, 8, 2 * PAGE);
	CHECK_OK(madvise(p, PAGE, MADV_WIPEONFORK));
	CHECK_ERRNO(madvise(s, PAGE, MADV_WIPEONFORK), EINVAL);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(p[0], 0);
		CHECK_EQ(p[PAGE], 8);
		p[0] = 1;
		pid_t grand = fork_child(); /* inherited: wiped again */
		if (grand == 0)
			_exit(p[0]);
		wait_ok(grand);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], 8);
	CHECK_OK(madvise(p, PAGE, MADV_KEEPONFORK));
	pid = fork_child();
	if (pid == 0)
		_exit(p[0] != 8);
	wait_ok(pid);
}

TEST(populate)
{
	char *p = map(8);
	unsigned char vec[8];

	if (madvise(p, 8 * PAGE, MADV_POPULATE_WRITE) < 0 && errno == EINVAL)
		SKIP("no MADV_POPULATE_WRITE");
	CHECK_OK(mincore(p, 8 * PAGE, vec));
	for (int i = 0; i < 8; i++)
		CHECK(vec[i] & 1);
	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_OK(madvise(p, PAGE, MADV_POPULATE_READ));
	CHECK_ERRNO(madvise(p, PAGE, MADV_POPULATE_WRITE), EINVAL);
	CHECK_OK(munmap(p + 4 * PAGE, PAGE));
	CHECK_ERRNO(madvise(p + 3 * PAGE, 3 * PAGE, MADV_POPULATE_READ), ENOMEM);
}

/* Advice that changes nothing a program can see. */
TEST(mere_advice)
{
	static const int advice[] = {MADV_NORMAL,   MADV_RANDOM,   MADV_SEQUENTIAL,
				     MADV_WILLNEED, MADV_DONTDUMP, MADV_DODUMP,
				     MADV_COLD,	    MADV_PAGEOUT};
	char *p = map(4);

	memset(p, 2, 4 * PAGE);
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		CHECK_OK(madvise(p, 4 * PAGE, advice[i]));
		CHECK_EQ(p[PAGE], 2);
	}
	/* Those that a kernel may be built without. */
	if (madvise(p, 4 * PAGE, MADV_HUGEPAGE) < 0)
		CHECK_EQ(errno, EINVAL);
	if (madvise(p, 4 * PAGE, MADV_NOHUGEPAGE) < 0)
		CHECK_EQ(errno, EINVAL);
	CHECK_EQ(p[3 * PAGE], 2);
}

/* MADV_REMOVE punches a hole into the object behind a shared mapping. */
TEST(remove_punches_a_hole)
{
	char *s = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memset(s, 4, 4 * PAGE);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(madvise(s + PAGE, PAGE, MADV_REMOVE));
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(s[0], 4);
	CHECK_EQ(s[PAGE], 0); /* for everyone */
	CHECK_EQ(s[2 * PAGE], 4);
	CHECK_ERRNO(madvise(map(1), PAGE, MADV_REMOVE), EINVAL);
}

TEST(process_madvise_of_oneself)
{
	char *p = map(4);
	struct iovec iov[2] = {{p, PAGE}, {p + 2 * PAGE, PAGE}};
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	NEED(fd, "pidfd_open");
	memset(p, 1, 4 * PAGE);
	long r = syscall(SYS_process_madvise, fd, iov, 2, MADV_COLD, 0);
	if (r < 0 && (errno == ENOSYS || errno == EPERM))
		SKIP("no process_madvise");
	CHECK_EQ(r, 2 * PAGE);
	CHECK_EQ(p[0], 1);
	CHECK_ERRNO(syscall(SYS_process_madvise, fd, iov, 2, MADV_COLD, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_process_madvise, -1, iov, 2, MADV_COLD, 0), EBADF);
}
