// SPDX-License-Identifier: Apache-2.0
/* The newer futex calls: several at once, one operation a call. */
#include <linux/futex.h>
#include <time.h>

#include "harness.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define NR_FUTEX_WAKE	 454
#define NR_FUTEX_WAIT	 455
#define NR_FUTEX_REQUEUE 456
#define F2_U32		 2
#define F2_PRIVATE	 128

struct item {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

static uint32_t word[3];
static int result;

static struct item item(uint32_t *w, uint32_t val)
{
	return (struct item){val, (uintptr_t)w, F2_U32 | F2_PRIVATE, 0};
}

static long waitv(struct item *v, unsigned n, struct timespec *ts)
{
	return syscall(SYS_futex_waitv, v, n, 0, ts, CLOCK_MONOTONIC);
}

static struct timespec in_ms(int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += ms * 1000000l;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

static void need_waitv(void)
{
	struct item v = item(word, 1);

	if (waitv(&v, 1, NULL) == -1 && errno == ENOSYS)
		SKIP("no futex_waitv");
	if (syscall(NR_FUTEX_WAKE, word, 1, 0, F2_U32) == -1 && errno == ENOSYS)
		SKIP("no futex_wake");
}

static void *wait_for_any(void *arg)
{
	struct item v[3] = {item(&word[0], 0), item(&word[1], 0), item(&word[2], 0)};

	(void)arg;
	result = (int)waitv(v, 3, NULL);
	return NULL;
}

TEST(any_of_three)
{
	need_waitv();
	for (int i = 0; i < 3; i++) {
		pthread_t th = thread_start(wait_for_any, NULL);

		while (syscall(NR_FUTEX_WAKE, &word[i], 0xffffffff, 1,
			       F2_U32 | F2_PRIVATE) != 1)
			sleep_ms(1);
		thread_join(th);
		CHECK_EQ(result, i);
	}
}

TEST(value_differs)
{
	struct item v[2] = {item(&word[0], 0), item(&word[1], 5)};

	need_waitv();
	CHECK_ERRNO(waitv(v, 2, NULL), EAGAIN);
}

TEST(time_limit)
{
	struct item v = item(word, 0);
	struct timespec ts = in_ms(30), bad = {0, 1000000000};
	long long t0 = now_ms();

	need_waitv();
	CHECK_ERRNO(waitv(&v, 1, &ts), ETIMEDOUT);
	CHECK(now_ms() - t0 >= 29);
	CHECK_ERRNO(waitv(&v, 1, &bad), EINVAL);
	CHECK_ERRNO(syscall(SYS_futex_waitv, &v, 1, 0, &ts, CLOCK_BOOTTIME), EINVAL);
}

TEST(waitv_errors)
{
	struct item v[2] = {item(word, 0), item(word, 0)};

	need_waitv();
	CHECK_ERRNO(waitv(v, 0, NULL), EINVAL);
	CHECK_ERRNO(waitv(v, 129, NULL), EINVAL);
	CHECK_ERRNO(waitv(NULL, 1, NULL), EINVAL);
	CHECK_ERRNO(waitv(BAD_PTR, 1, NULL), EFAULT);
	CHECK_ERRNO(syscall(SYS_futex_waitv, v, 1, 1, NULL, CLOCK_MONOTONIC), EINVAL);
	v[1].reserved = 1;
	CHECK_ERRNO(waitv(v, 2, NULL), EINVAL);
	v[1] = item(word, 0);
	v[1].flags = F2_PRIVATE; /* 8 bits */
	CHECK_ERRNO(waitv(v, 2, NULL), EINVAL);
	v[1] = item((uint32_t *)((char *)word + 2), 0);
	CHECK_ERRNO(waitv(v, 2, NULL), EINVAL);
}

TEST(single_calls)
{
	struct timespec ts = in_ms(20);

	need_waitv();
	CHECK_EQ(syscall(NR_FUTEX_WAKE, word, 1, 0, F2_U32 | F2_PRIVATE), 0);
	CHECK_ERRNO(syscall(NR_FUTEX_WAKE, word, 0, 1, F2_U32), EINVAL);
	CHECK_ERRNO(syscall(NR_FUTEX_WAIT, word, 1, 0xffffffff, F2_U32, NULL, 0), EAGAIN);
	CHECK_ERRNO(syscall(NR_FUTEX_WAIT, word, 0, 0, F2_U32, NULL, 0), EINVAL);
	CHECK_ERRNO(syscall(NR_FUTEX_WAIT, word, 0, 1, F2_U32, &ts, CLOCK_MONOTONIC),
		    ETIMEDOUT);
}

static void *wait_at_first(void *arg)
{
	(void)arg;
	result = (int)syscall(NR_FUTEX_WAIT, &word[0], 0, 0xffffffff, F2_U32 | F2_PRIVATE,
			      NULL, 0);
	return NULL;
}

TEST(requeue)
{
	struct item v[2] = {item(&word[0], 0), item(&word[1], 0)};
	pthread_t th;

	need_waitv();
	result = -1;
	th = thread_start(wait_at_first, NULL);
	while (syscall(NR_FUTEX_REQUEUE, v, 0, 0, 1) != 1)
		sleep_ms(1);
	CHECK_EQ(syscall(NR_FUTEX_WAKE, &word[0], 1, 1, F2_U32 | F2_PRIVATE), 0);
	CHECK_EQ(syscall(NR_FUTEX_WAKE, &word[1], 1, 1, F2_U32 | F2_PRIVATE), 1);
	thread_join(th);
	CHECK_EQ(result, 0);
	v[0].val = 1;
	CHECK_ERRNO(syscall(NR_FUTEX_REQUEUE, v, 0, 0, 1), EAGAIN);
}
