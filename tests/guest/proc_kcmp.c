/* SPDX-License-Identifier: Apache-2.0 */
/* kcmp(2): what two tasks share. */
#include <linux/kcmp.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "harness.h"

static int cmp(pid_t a, pid_t b, int type, unsigned long i, unsigned long j)
{
	return (int)syscall(SYS_kcmp, a, b, type, i, j);
}

static void need_kcmp(void)
{
	if (cmp(getpid(), getpid(), KCMP_VM, 0, 0) < 0)
		SKIP("kcmp: %s", errno_name(errno));
}

TEST(self)
{
	need_kcmp();
	for (int type = KCMP_VM; type <= KCMP_SYSVSEM; type++)
		CHECK_EQ(cmp(getpid(), getpid(), type, 0, 0), 0);
}

TEST(files)
{
	int p[2], copy;

	need_kcmp();
	CHECK_OK(pipe(p));
	copy = CHECK_OK(dup(p[0]));
	CHECK_EQ(cmp(getpid(), getpid(), KCMP_FILE, (unsigned)p[0], (unsigned)copy), 0);
	int order = cmp(getpid(), getpid(), KCMP_FILE, (unsigned)p[0], (unsigned)p[1]);
	CHECK(order == 1 || order == 2);
	CHECK_EQ(cmp(getpid(), getpid(), KCMP_FILE, (unsigned)p[1], (unsigned)p[0]),
		 3 - order);
	CHECK_ERRNO(cmp(getpid(), getpid(), KCMP_FILE, (unsigned)p[0], 999), EBADF);
}

TEST(a_child_shares_little)
{
	int p[2];
	pid_t pid;

	need_kcmp();
	CHECK_OK(pipe(p));
	pid = fork_child();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	CHECK_EQ(cmp(getpid(), pid, KCMP_FILE, (unsigned)p[0], (unsigned)p[0]), 0);
	CHECK(cmp(getpid(), pid, KCMP_VM, 0, 0) > 0);
	CHECK(cmp(getpid(), pid, KCMP_FILES, 0, 0) > 0);
	CHECK(cmp(getpid(), pid, KCMP_FS, 0, 0) > 0);
	CHECK(cmp(getpid(), pid, KCMP_SIGHAND, 0, 0) > 0);
	kill(pid, SIGKILL);
	wait_status(pid);
}

static void *thread_shares_all(void *arg)
{
	(void)arg;
	for (int type = KCMP_VM; type <= KCMP_SIGHAND; type++)
		CHECK_EQ(cmp(getpid(), thread_id(), type, 0, 0), 0);
	CHECK_EQ(cmp(getpid(), thread_id(), KCMP_SYSVSEM, 0, 0), 0);
	return NULL;
}

TEST(a_thread_shares_all)
{
	pthread_t th;

	need_kcmp();
	CHECK_EQ(pthread_create(&th, NULL, thread_shares_all, NULL), 0);
	pthread_join(th, NULL);
}

TEST(errors)
{
	need_kcmp();
	CHECK_ERRNO(cmp(getpid(), getpid(), 99, 0, 0), EINVAL);
	CHECK_ERRNO(cmp(getpid(), 0x3ffffff, KCMP_VM, 0, 0), ESRCH);
}
