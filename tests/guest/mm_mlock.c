/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mlock, mlock2, munlock, mlockall: accounting, limits, errors, inheritance.
 * Source: mlock(2), getrlimit(2) (RLIMIT_MEMLOCK).
 */
#include <sys/resource.h>

#include "harness.h"

#define RW (PROT_READ | PROT_WRITE)

static char *map(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static unsigned long long locked_kb(void)
{
	return file_field("/proc/self/status", "VmLck");
}

TEST(mlock_counts_pages)
{
	char *p = map(8);
	unsigned long long before = locked_kb();
	unsigned char vec[8];

	NEED(mlock(p + 1, PAGE), "mlock"); /* touches two pages */
	CHECK_EQ(locked_kb() - before, 8);
	CHECK_OK(mlock(p, 4 * PAGE)); /* locks do not add up */
	CHECK_EQ(locked_kb() - before, 16);
	CHECK_OK(mincore(p, 8 * PAGE, vec));
	CHECK(vec[3] & 1); /* faulted in */
	CHECK_OK(munlock(p, PAGE));
	CHECK_EQ(locked_kb() - before, 12);
	CHECK_OK(munmap(p, 8 * PAGE));
	CHECK_EQ(locked_kb(), before);
}

TEST(errors)
{
	char *p = map(3);

	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERRNO(mlock(p, 3 * PAGE), ENOMEM);
	CHECK_ERRNO(munlock(p, 3 * PAGE), ENOMEM);
	CHECK_ERRNO(mlock((void *)-PAGE, 2 * PAGE), EINVAL); /* wraps around */
	CHECK_OK(mlock(p, 0));
	CHECK_ERRNO(syscall(SYS_mlock2, p, PAGE, 2), EINVAL);
	CHECK_ERRNO(mlockall(0), EINVAL);
	CHECK_ERRNO(mlockall(8), EINVAL);
	CHECK_ERRNO(mlockall(MCL_ONFAULT), EINVAL); /* alone it says nothing */
	char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_ERRNO(mlock(none, PAGE), ENOMEM); /* locked, but cannot be faulted in */
}

TEST(mlock2_onfault)
{
	char *p = map(4);
	unsigned char vec[4];

	NEED(syscall(SYS_mlock2, p, 4 * PAGE, 1 /* MLOCK_ONFAULT */), "mlock2");
	CHECK_OK(mincore(p, 4 * PAGE, vec));
	CHECK_EQ(vec[0] & 1, 0);
	CHECK_EQ(locked_kb(), 16);
	CHECK_OK(syscall(SYS_mlock2, p, 4 * PAGE, 0));
}

static void unprivileged(void *arg)
{
	struct rlimit lim = {64 << 10, 64 << 10}, none = {0, 0};
	char *p = map(64);

	(void)arg;
	CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &lim));
	CHECK_OK(mlock(p, 16 * PAGE));
	CHECK_ERRNO(mlock(p + 16 * PAGE, PAGE), ENOMEM);
	CHECK_OK(mlock(p, 16 * PAGE)); /* again: not more */
	CHECK_OK(munlock(p, PAGE));
	CHECK_OK(mlock(p + 16 * PAGE, PAGE));
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0),
		    EAGAIN);
	CHECK_ERRNO(mlockall(MCL_CURRENT), ENOMEM);
	CHECK_OK(munlockall());
	CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &none));
	CHECK_ERRNO(mlock(p, PAGE), EPERM);
	CHECK_ERRNO(mlockall(MCL_FUTURE), EPERM);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0),
		    EPERM);
}

TEST(limit_for_ordinary_users)
{
	need_root();
	as_nobody(unprivileged, NULL);
}

TEST(map_locked)
{
	unsigned long long before = locked_kb();
	char *p =
		mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

	if (p == MAP_FAILED)
		SKIP("MAP_LOCKED: %s", errno_name(errno));
	CHECK_EQ(locked_kb() - before, 16);
}

TEST(mlockall_future)
{
	need_root();
	CHECK_OK(mlockall(MCL_FUTURE));
	unsigned long long before = locked_kb();
	map(4);
	CHECK_EQ(locked_kb() - before, 16);
	CHECK_OK(munlockall());
	CHECK_EQ(locked_kb(), 0);
	map(4);
	CHECK_EQ(locked_kb(), 0);
}

/* Locks belong to the process: a child starts without. */
TEST(fork_drops_locks)
{
	char *p = map(4);

	NEED(mlock(p, 4 * PAGE), "mlock");
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(locked_kb(), 0);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(locked_kb(), 16);
}
