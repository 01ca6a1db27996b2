/* SPDX-License-Identifier: Apache-2.0 */
/* readv, writev, preadv, pwritev and the flags of preadv2, pwritev2. */
#include <limits.h>
#include <sys/uio.h>

#include "harness.h"

static int new_file(const char *content)
{
	scratch_cd();
	put_str("f", content);
	return CHECK_OK(open("f", O_RDWR));
}

TEST(gather_and_scatter)
{
	char a[4] = "", b[8] = "";
	struct iovec out[3] = {{(char *)"abc", 3}, {NULL, 0}, {(char *)"defgh", 5}};
	struct iovec in[2] = {{a, 4}, {b, 8}};
	int fd = new_file("");

	CHECK_EQ(writev(fd, out, 3), 8);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(readv(fd, in, 2), 8);
	CHECK_MEM(a, "abcd", 4);
	CHECK_MEM(b, "efgh", 4);
	CHECK_EQ(readv(fd, in, 2), 0);
}

TEST(positioned)
{
	char a[2], b[2];
	struct iovec in[2] = {{a, 2}, {b, 2}};
	int fd = new_file("0123456789");

	CHECK_EQ(preadv(fd, in, 2, 3), 4);
	CHECK_MEM(a, "34", 2);
	CHECK_MEM(b, "56", 2);
	CHECK_EQ(pwritev(fd, in, 2, 8), 4);
	check_file("f", "012345673456");
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_ERRNO(preadv(fd, in, 2, -1), EINVAL);
	CHECK_ERRNO(pwritev(fd, in, 2, -5), EINVAL);
}

TEST(vector_counts)
{
	struct iovec iov[IOV_MAX + 1];
	char c = 'x';
	int fd = new_file("");

	for (int i = 0; i <= IOV_MAX; i++)
		iov[i] = (struct iovec){&c, 1};
	CHECK_EQ(writev(fd, iov, IOV_MAX), IOV_MAX);
	CHECK_ERRNO(writev(fd, iov, IOV_MAX + 1), EINVAL);
	CHECK_ERRNO(writev(fd, iov, -1), EINVAL);
	CHECK_EQ(writev(fd, iov, 0), 0);
	CHECK_EQ(writev(fd, NULL, 0), 0);
	CHECK_EQ(readv(fd, NULL, 0), 0);
}

TEST(vector_lengths)
{
	char c = 'x';
	struct iovec iov[2] = {{&c, 1}, {&c, (size_t)-1}};
	int fd = new_file("abc");

	CHECK_ERRNO(writev(fd, iov, 2), EINVAL);
	CHECK_ERRNO(readv(fd, iov, 2), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 3);
}

TEST(bad_vector_pointer)
{
	char *end = guard_page();
	struct iovec *iov = (void *)(end - sizeof(*iov));
	int fd = new_file("abc");

	CHECK_ERRNO(readv(fd, BAD_PTR, 1), EFAULT);
	CHECK_ERRNO(writev(fd, BAD_PTR, 2), EFAULT);
	iov[0] = (struct iovec){(char *)"x", 1};
	CHECK_EQ(writev(fd, iov, 1), 1);
	CHECK_ERRNO(writev(fd, iov, 2), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1);
}

/* Good parts before a bad one are moved. */
TEST(bad_part)
{
	char a[4];
	struct iovec in[2] = {{a, 4}, {BAD_PTR, 4}};
	struct iovec out[2] = {{(char *)"XY", 2}, {BAD_PTR, 4}};
	struct iovec first[2] = {{BAD_PTR, 4}, {a, 4}};
	int fd = new_file("0123456789");

	CHECK_EQ(readv(fd, in, 2), 4);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_ERRNO(readv(fd, first, 2), EFAULT);
	CHECK_EQ(pwritev(fd, out, 2, 0), 2);
	check_file("f", "XY23456789");
}

TEST(wrong_mode_and_descriptor)
{
	char c;
	struct iovec iov = {&c, 1};

	scratch_cd();
	put_str("f", "x");
	CHECK_ERRNO(readv(CHECK_OK(open("f", O_WRONLY)), &iov, 1), EBADF);
	CHECK_ERRNO(writev(CHECK_OK(open("f", O_RDONLY)), &iov, 1), EBADF);
	CHECK_ERRNO(readv(-1, &iov, 1), EBADF);
	CHECK_ERRNO(readv(CHECK_OK(open(".", O_RDONLY)), &iov, 1), EISDIR);
}

TEST(pipes_take_vectors)
{
	char a[3], b[3];
	struct iovec out[2] = {{(char *)"ab", 2}, {(char *)"cdef", 4}};
	struct iovec in[2] = {{a, 3}, {b, 3}};
	int p[2];

	CHECK_OK(pipe(p));
	CHECK_EQ(writev(p[1], out, 2), 6);
	CHECK_EQ(readv(p[0], in, 2), 6);
	CHECK_MEM(a, "abc", 3);
	CHECK_MEM(b, "def", 3);
	CHECK_ERRNO(preadv(p[0], in, 2, 0), ESPIPE);
	CHECK_ERRNO(pwritev(p[1], out, 2, 0), ESPIPE);
}

/* Offset -1 means the file's own position. */
TEST(v2_at_the_position)
{
	char a[4];
	struct iovec in = {a, 4}, out = {(char *)"WX", 2};
	int fd = new_file("0123456789");

	CHECK_EQ(preadv2(fd, &in, 1, -1, 0), 4);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_EQ(preadv2(fd, &in, 1, 8, 0), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_EQ(pwritev2(fd, &out, 1, -1, 0), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	check_file("f", "0123WX6789");
	CHECK_ERRNO(preadv2(fd, &in, 1, -2, 0), EINVAL);
}

TEST(v2_flags)
{
	struct iovec out = {(char *)"XY", 2};
	int fd = new_file("0123");

	CHECK_EQ(pwritev2(fd, &out, 1, 0, RWF_DSYNC), 2);
	CHECK_EQ(pwritev2(fd, &out, 1, 0, RWF_SYNC), 2);
	CHECK_EQ(pwritev2(fd, &out, 1, 0, RWF_APPEND), 2);
	check_file("f", "XY23XY");
	CHECK_ERRNO(pwritev2(fd, &out, 1, 0, 0x40000000), EOPNOTSUPP);
	CHECK_ERRNO(preadv2(fd, &out, 1, 0, 0x40000000), EOPNOTSUPP);
	/* Nothing to move: nobody looks. */
	CHECK_EQ(pwritev2(fd, &out, 0, 0, 0x40000000), 0);
	CHECK_EQ(preadv2(fd, &out, 0, 0, 0x40000000), 0);
	out.iov_len = 0;
	CHECK_EQ(pwritev2(fd, &out, 1, 0, 0x40000000), 0);
}

/* RWF_APPEND at -1 moves the position to the new end. */
TEST(v2_append_moves_the_position)
{
	struct iovec out = {(char *)"XY", 2};
	int fd = new_file("0123");

	CHECK_EQ(pwritev2(fd, &out, 1, -1, RWF_APPEND), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	check_file("f", "0123XY");
}

TEST(v2_nowait_on_a_pipe)
{
	char c;
	struct iovec in = {&c, 1};
	int p[2];

	CHECK_OK(pipe(p));
	CHECK_ERRNO(preadv2(p[0], &in, 1, -1, RWF_NOWAIT), EAGAIN);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(preadv2(p[0], &in, 1, -1, RWF_NOWAIT), 1);
}

/* RWF_NOAPPEND (6.9) overrides O_APPEND for one write. */
TEST(v2_noappend)
{
	struct iovec out = {(char *)"XY", 2};
	int fd;

	(void)new_file("0123");
	fd = CHECK_OK(open("f", O_RDWR | O_APPEND));
	NEED(pwritev2(fd, &out, 1, 1, 0x20), "RWF_NOAPPEND");
	check_file("f", "0XY3");
}
