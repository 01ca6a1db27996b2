// SPDX-License-Identifier: Apache-2.0
/* getrandom(2). */
#include <sys/random.h>

#include "harness.h"

TEST(fills_what_was_asked)
{
	static unsigned char buf[100000];
	size_t zeroes = 0;

	memset(buf, 0, sizeof(buf));
	CHECK_EQ(getrandom(buf, 256, 0), 256);
	CHECK_EQ(getrandom(buf, sizeof(buf), 0), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		zeroes += buf[i] == 0;
	/* One in 256, give or take much more than chance does. */
	CHECK(zeroes > 200 && zeroes < 700);
	CHECK_EQ(getrandom(buf, 0, 0), 0);
}

TEST(differs)
{
	uint64_t a, b;

	CHECK_EQ(getrandom(&a, sizeof(a), GRND_NONBLOCK), sizeof(a));
	CHECK_EQ(getrandom(&b, sizeof(b), GRND_RANDOM), sizeof(b));
	CHECK(a != b);
}

TEST(errors)
{
	char c;

	CHECK_ERRNO(syscall(SYS_getrandom, &c, 1, 0x80), EINVAL);
	CHECK_ERRNO(syscall(SYS_getrandom, &c, 1, GRND_RANDOM | 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_getrandom, BAD_PTR, 16, 0), EFAULT);
}

TEST(ends_at_a_bad_page)
{
	char *end = guard_page();

	CHECK_EQ(getrandom(end - 100, 100, 0), 100);
	/* What did not fit is not an error as long as something did. */
	long n = syscall(SYS_getrandom, end - PAGE, 3 * PAGE, 0);
	CHECK(n == PAGE || (n == -1 && errno == EFAULT));
}
