/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduling: affinity, policies and their parameters, nice values, yield.
 * Source: sched_setaffinity(2), sched_setscheduler(2), sched_setattr(2), getpriority(2).
 */
#include <sched.h>
#include <sys/resource.h>

#include "harness.h"

/* The first published size; libc has none,
 * and the kernel's header clashes with libc's. */
struct sched_attr {
	uint32_t size, sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_priority;
	uint64_t sched_runtime, sched_deadline, sched_period;
};

static long get_affinity(pid_t pid, size_t size, void *mask)
{
	return syscall(SYS_sched_getaffinity, pid, size, mask);
}

static long set_affinity(pid_t pid, size_t size, const void *mask)
{
	return syscall(SYS_sched_setaffinity, pid, size, mask);
}

TEST(affinity_sizes)
{
	unsigned long mask[1024] = {0};
	long n = get_affinity(0, sizeof(mask), mask);

	CHECK(n > 0 && n % 8 == 0); /* the number of bytes written */
	CHECK(mask[0] != 0);
	CHECK_ERRNO(get_affinity(0, 0, mask), EINVAL);
	CHECK_ERRNO(get_affinity(0, 7, mask), EINVAL); /* a multiple of 8 */
	CHECK_ERRNO(get_affinity(0, sizeof(mask), BAD_PTR), EFAULT);
	CHECK_ERRNO(get_affinity(0x7ffffff0, sizeof(mask), mask), ESRCH);
	CHECK_EQ(get_affinity(getpid(), sizeof(mask), mask), n);
}

TEST(affinity_is_set_and_inherited)
{
	unsigned long all[128] = {0}, one[128] = {0}, got[128] = {0};

	CHECK_OK(get_affinity(0, sizeof(all), all));
	int cpu = __builtin_ctzl(all[0]);
	one[0] = 1UL << cpu;
	CHECK_OK(set_affinity(0, sizeof(one), one));
	CHECK_OK(get_affinity(0, sizeof(got), got));
	CHECK_EQ(got[0], one[0]);
	CHECK_EQ(sched_getcpu(), cpu);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(get_affinity(0, sizeof(got), got));
		CHECK_EQ(got[0], one[0]);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(set_affinity(0, sizeof(all), all));
}

TEST(affinity_errors)
{
	unsigned long none[128] = {0};

	CHECK_ERRNO(set_affinity(0, sizeof(none), none), EINVAL); /* no processor left */
	none[127] = 1UL << 63;
	CHECK_ERRNO(set_affinity(0, sizeof(none), none), EINVAL);
	CHECK_ERRNO(set_affinity(0, sizeof(none), BAD_PTR), EFAULT);
	none[0] = ~0UL;
	CHECK_ERRNO(set_affinity(0x7ffffff0, sizeof(none), none), ESRCH);
	CHECK_OK(set_affinity(0, 8, none)); /* more than exist is fine */
}

static void affinity_of_others(void *arg)
{
	unsigned long mask[128] = {1};

	CHECK_ERRNO(set_affinity(*(pid_t *)arg, sizeof(mask), mask), EPERM);
	CHECK_OK(get_affinity(*(pid_t *)arg, sizeof(mask), mask));
}

TEST(affinity_permission)
{
	need_root();
	pid_t me = getpid();
	as_nobody(affinity_of_others, &me);
}

TEST(priority_ranges)
{
	CHECK_EQ(sched_get_priority_min(SCHED_OTHER), 0);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_RR), 99);
	CHECK_EQ(sched_get_priority_max(SCHED_BATCH), 0);
	CHECK_EQ(sched_get_priority_max(SCHED_IDLE), 0);
	CHECK_ERRNO(sched_get_priority_min(77), EINVAL);
	CHECK_ERRNO(sched_get_priority_max(-1), EINVAL);
}

TEST(policies)
{
	struct sched_param p = {0};

	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_OK(sched_setscheduler(0, SCHED_BATCH, &p));
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
	CHECK_EQ(sched_getscheduler(getpid()), SCHED_BATCH);
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(sched_getscheduler(0) != SCHED_BATCH);
	wait_ok(pid);
	CHECK_OK(sched_setscheduler(0, SCHED_IDLE, &p));
	CHECK_EQ(sched_getscheduler(0), SCHED_IDLE);
	p.sched_priority = 1;
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &p), EINVAL);
	p.sched_priority = 0;
	CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &p), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, 77, &p), EINVAL);
	CHECK_ERRNO(sched_setscheduler(-1, SCHED_OTHER, &p), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0x7ffffff0, SCHED_OTHER, &p), ESRCH);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, BAD_PTR), EFAULT);
	CHECK_ERRNO(sched_getscheduler(-1), EINVAL);
	CHECK_ERRNO(sched_getscheduler(0x7ffffff0), ESRCH);
}

TEST(parameters)
{
	struct sched_param p = {77};

	CHECK_OK(sched_getparam(0, &p));
	CHECK_EQ(p.sched_priority, 0);
	CHECK_OK(sched_setparam(0, &p));
	CHECK_ERRNO(sched_getparam(0, BAD_PTR), EFAULT);
	CHECK_ERRNO(sched_getparam(-1, &p), EINVAL);
	CHECK_ERRNO(sched_getparam(0x7ffffff0, &p), ESRCH);
	struct timespec ts = {9, 9};
	CHECK_OK(sched_rr_get_interval(0, &ts));
	CHECK(ts.tv_sec == 0);
}

static void fifo_as_nobody(void *arg)
{
	struct sched_param p = {5};

	(void)arg;
	CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &p), EPERM);
}

TEST(real_time_needs_privilege)
{
	need_root();
	as_nobody(fifo_as_nobody, NULL);
}

/* SCHED_RESET_ON_FORK: children start as ordinary ones. */
TEST(reset_on_fork)
{
	struct sched_param p = {0};

	CHECK_OK(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &p));
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH | SCHED_RESET_ON_FORK);
	pid_t pid = fork_child();
	if (pid == 0)
		_exit(sched_getscheduler(0) & SCHED_RESET_ON_FORK);
	wait_ok(pid);
}

TEST(attributes)
{
	struct sched_attr a = {.size = 77};

	CHECK_OK(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0));
	CHECK_EQ(a.size, sizeof(a));
	CHECK_EQ(a.sched_policy, SCHED_OTHER);
	a.sched_nice = 3;
	a.size = sizeof(a);
	CHECK_OK(syscall(SYS_sched_setattr, 0, &a, 0));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, BAD_PTR, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &a, 10, 0), EINVAL);
	a.size = 1;
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
	CHECK(a.size >= 48); /* the size that would do */
}

TEST(yield)
{
	for (int i = 0; i < 1000; i++)
		CHECK_OK(sched_yield());
}

/* --- nice --------------------------------------------------------------------- */
TEST(priorities)
{
	/* The call itself returns 20 - nice, so that errors can be told apart. */
	CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 20);
	CHECK_OK(setpriority(PRIO_PROCESS, 0, 5));
	CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 15);
	CHECK_OK(setpriority(PRIO_PROCESS, 0, 100)); /* clamped */
	CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 1);
	CHECK_ERRNO(syscall(SYS_getpriority, 3, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_setpriority, -1, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_getpriority, PRIO_PROCESS, 0x7ffffff0), ESRCH);
	CHECK_ERRNO(syscall(SYS_setpriority, PRIO_PROCESS, 0x7ffffff0, 1), ESRCH);
	CHECK_ERRNO(syscall(SYS_getpriority, PRIO_USER, 987654), ESRCH);
}

TEST(priority_of_a_group)
{
	pid_t a = pausing();
	pid_t b = pausing();
	CHECK_OK(setpgid(a, a));
	CHECK_OK(setpgid(b, a));
	CHECK_OK(setpriority(PRIO_PROCESS, b, 2));
	CHECK_OK(setpriority(PRIO_PROCESS, a, 9));
	CHECK_EQ(getpriority(PRIO_PGRP, (id_t)a), 2); /* the best of them */
	CHECK_OK(setpriority(PRIO_PGRP, (id_t)a, 11));
	CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)b), 11);
	kill(-a, SIGKILL);
	wait_status(a);
	wait_status(b);
}

static void nice_as_nobody(void *arg)
{
	CHECK_OK(setpriority(PRIO_PROCESS, 0, 4));
	CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 3), EACCES);
	CHECK_ERRNO(setpriority(PRIO_PROCESS, (id_t) * (pid_t *)arg, 19), EPERM);
}

TEST(priority_permission)
{
	need_root();
	pid_t me = getpid();
	as_nobody(nice_as_nobody, &me);
}

static void *thread_nice(void *arg)
{
	CHECK_OK(setpriority(PRIO_PROCESS, 0, 7)); /* 0 is the calling thread */
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 7);
	return arg;
}

TEST(nice_is_per_thread)
{
	thread_join(thread_start(thread_nice, NULL));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
}

/* --- I/O priority ------------------------------------------------------------- */
TEST(io_priority)
{
	enum { WHO_PROCESS = 1, BEST_EFFORT = 2 << 13 };

	CHECK_OK(syscall(SYS_ioprio_set, WHO_PROCESS, 0, BEST_EFFORT | 5));
	CHECK_EQ(syscall(SYS_ioprio_get, WHO_PROCESS, 0), BEST_EFFORT | 5);
	CHECK_ERRNO(syscall(SYS_ioprio_set, WHO_PROCESS, 0, 7 << 13), EINVAL);
	CHECK_ERRNO(syscall(SYS_ioprio_get, 9, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_ioprio_get, WHO_PROCESS, 0x7ffffff0), ESRCH);
}
