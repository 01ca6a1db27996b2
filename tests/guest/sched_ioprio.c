// SPDX-License-Identifier: Apache-2.0
/* I/O priorities: kept per thread, inherited, checked. */
#include "harness.h"

enum { WHO_PROCESS = 1, WHO_PGRP, WHO_USER };
enum { NONE, RT, BE, IDLE };
#define PRIO(class, level) ((class) << 13 | (level))

static long get(int which, int who)
{
	return syscall(SYS_ioprio_get, which, who);
}

static long set(int which, int who, int prio)
{
	return syscall(SYS_ioprio_set, which, who, prio);
}

TEST(set_and_get)
{
	CHECK_OK(set(WHO_PROCESS, 0, PRIO(BE, 6)));
	CHECK_EQ(get(WHO_PROCESS, 0), PRIO(BE, 6));
	CHECK_EQ(get(WHO_PROCESS, getpid()), PRIO(BE, 6));
	CHECK_OK(set(WHO_PROCESS, getpid(), PRIO(IDLE, 0)));
	CHECK_EQ(get(WHO_PROCESS, 0), PRIO(IDLE, 0));
}

TEST(a_child_inherits)
{
	CHECK_OK(set(WHO_PROCESS, 0, PRIO(BE, 2)));
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_EQ(get(WHO_PROCESS, 0), PRIO(BE, 2));
		_exit(0);
	}
	wait_ok(pid);
}

TEST(the_strongest_of_a_group)
{
	CHECK_OK(setpgid(0, 0));
	CHECK_OK(set(WHO_PROCESS, 0, PRIO(BE, 7)));
	int p[2];

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(set(WHO_PROCESS, 0, PRIO(BE, 1)));
		CHECK_EQ(write(p[1], "x", 1), 1);
		pause();
		_exit(0);
	}
	char c;
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(get(WHO_PGRP, 0), PRIO(BE, 1));
	CHECK_OK(set(WHO_PGRP, 0, PRIO(BE, 5)));
	CHECK_EQ(get(WHO_PROCESS, pid), PRIO(BE, 5));
	kill(pid, SIGKILL);
	wait_status(pid);
}

TEST(errors)
{
	CHECK_ERRNO(get(0, 0), EINVAL);
	CHECK_ERRNO(get(4, 0), EINVAL);
	CHECK_ERRNO(set(WHO_PROCESS, 0, PRIO(NONE, 1)), EINVAL);
	CHECK_ERRNO(set(WHO_PROCESS, 0, PRIO(4, 0)), EINVAL);
	CHECK_ERRNO(get(WHO_PROCESS, 1 << 22), ESRCH);
	CHECK_ERRNO(set(WHO_PROCESS, 1 << 22, PRIO(BE, 4)), ESRCH);
}

static void as_user(void *arg)
{
	CHECK_ERRNO(set(WHO_PROCESS, 0, PRIO(RT, 0)), EPERM);
	CHECK_ERRNO(set(WHO_PROCESS, *(pid_t *)arg, PRIO(BE, 4)), EPERM);
	CHECK_OK(set(WHO_PROCESS, 0, PRIO(IDLE, 0)));
}

TEST(permissions)
{
	need_root();
	pid_t me = getpid();
	as_nobody(as_user, &me);
}
