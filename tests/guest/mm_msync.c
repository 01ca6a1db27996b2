/* SPDX-License-Identifier: Apache-2.0 */
/* msync and mincore. Source: msync(2), mincore(2). */
#include "harness.h"

#define RW (PROT_READ | PROT_WRITE)

static char *file_map(size_t pages, int flags)
{
	scratch_cd();
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT | O_TRUNC, 0600));
	CHECK_OK(ftruncate(fd, (off_t)(pages * PAGE)));
	char *p = mmap(NULL, pages * PAGE, RW, flags, fd, 0);
	CHECK(p != MAP_FAILED);
	close(fd);
	return p;
}

TEST(msync_writes_back)
{
	char *p = file_map(3, MAP_SHARED), buf[3 * PAGE];

	memset(p, 'm', 3 * PAGE);
	CHECK_OK(msync(p, 3 * PAGE, MS_SYNC));
	CHECK_EQ(read_file("f", buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(buf[0], 'm');
	CHECK_EQ(buf[3 * PAGE - 1], 'm');
	CHECK_OK(msync(p, 3 * PAGE, MS_ASYNC));
	CHECK_OK(msync(p, 3 * PAGE, MS_INVALIDATE));
	CHECK_OK(msync(p, 3 * PAGE, MS_SYNC | MS_INVALIDATE));
	CHECK_OK(msync(p, 3 * PAGE, 0));
	CHECK_OK(msync(p, 1, MS_SYNC)); /* rounded up */
	CHECK_OK(msync(p, 0, MS_SYNC));
}

TEST(msync_errors)
{
	char *p = file_map(3, MAP_SHARED);

	CHECK_ERRNO(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERRNO(msync(p, PAGE, 0x100), EINVAL);
	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERRNO(msync(p, 3 * PAGE, MS_SYNC), ENOMEM);
	CHECK_OK(msync(p, PAGE, MS_SYNC));
	CHECK_ERRNO(msync((void *)-PAGE, 2 * PAGE, MS_SYNC), ENOMEM);
}

TEST(msync_of_locked_memory)
{
	char *p = file_map(1, MAP_SHARED);

	NEED(mlock(p, PAGE), "mlock");
	CHECK_ERRNO(msync(p, PAGE, MS_INVALIDATE), EBUSY);
	CHECK_OK(msync(p, PAGE, MS_SYNC));
}

TEST(msync_of_private_and_anonymous)
{
	char *p = file_map(1, MAP_PRIVATE);
	char *a = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	p[0] = 'x';
	CHECK_OK(msync(p, PAGE, MS_SYNC));
	CHECK_OK(msync(a, PAGE, MS_SYNC));
	char c;
	CHECK_EQ(read_file("f", &c, 1), 1);
	CHECK_EQ(c, 0);
}

TEST(mincore_of_anonymous_memory)
{
	unsigned char vec[8];
	char *p = mmap(NULL, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(vec, 0xff, sizeof(vec));
	CHECK_OK(mincore(p, 8 * PAGE, vec));
	for (int i = 0; i < 8; i++)
		CHECK_EQ(vec[i] & 1, 0);
	p[0] = p[3 * PAGE] = 1;
	CHECK_OK(mincore(p, 8 * PAGE, vec));
	CHECK(vec[0] & 1);
	CHECK(vec[3] & 1);
	CHECK_OK(madvise(p, 8 * PAGE, MADV_DONTNEED));
	CHECK_OK(mincore(p, 8 * PAGE, vec));
	CHECK_EQ(vec[0] & 1, 0);
}

TEST(mincore_errors)
{
	unsigned char vec[4];
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_ERRNO(mincore(p + 1, PAGE, vec), EINVAL);
	CHECK_ERRNO(mincore(p, 4 * PAGE, BAD_PTR), EFAULT);
	CHECK_ERRNO(mincore((void *)-PAGE, PAGE, vec), ENOMEM);
	CHECK_OK(munmap(p + PAGE, PAGE));
	CHECK_ERRNO(mincore(p, 4 * PAGE, vec), ENOMEM);
	CHECK_OK(mincore(p, PAGE, vec));
	CHECK_OK(mincore(p, 0, vec));
}

TEST(mincore_of_a_file)
{
	unsigned char vec[2];
	char *p = file_map(2, MAP_SHARED);

	p[0] = 1;
	CHECK_OK(mincore(p, 2 * PAGE, vec));
	CHECK(vec[0] & 1);
}
