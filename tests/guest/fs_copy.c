/* SPDX-License-Identifier: Apache-2.0 */
/* sendfile and copy_file_range. splice, tee and vmsplice: io_splice. */
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "harness.h"

static int new_file(const char *name, const char *content)
{
	put_str(name, content);
	return CHECK_OK(open(name, O_RDWR));
}

static ssize_t copy(int in, off_t *in_off, int out, off_t *out_off, size_t len,
		    unsigned flags)
{
	return syscall(SYS_copy_file_range, in, in_off, out, out_off, len, flags);
}

static char big[3 << 20];

static void fill_big(void)
{
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 31 + i / 4096);
}

TEST(sendfile_to_a_pipe)
{
	char buf[16];
	off_t off = 3;
	int p[2], in;

	scratch_cd();
	in = new_file("f", "0123456789");
	CHECK_OK(pipe(p));
	CHECK_EQ(sendfile(p[1], in, &off, 4), 4);
	CHECK_EQ(off, 7);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(read(p[0], buf, 16), 4);
	CHECK_MEM(buf, "3456", 4);
	CHECK_EQ(sendfile(p[1], in, NULL, 5), 5);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 5);
	CHECK_EQ(sendfile(p[1], in, &off, 100), 3);
	CHECK_EQ(sendfile(p[1], in, &off, 100), 0);
	CHECK_EQ(off, 10);
}

TEST(sendfile_to_a_file_and_a_socket)
{
	char buf[16];
	int in, out, s[2];

	scratch_cd();
	in = new_file("f", "0123456789");
	out = new_file("g", "abcdefghijklmnop");
	CHECK_EQ(lseek(out, 2, SEEK_SET), 2);
	CHECK_EQ(sendfile(out, in, NULL, 5), 5);
	check_file("g", "ab01234hijklmnop");
	CHECK_EQ(lseek(out, 0, SEEK_CUR), 7);
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(sendfile(s[0], in, NULL, 100), 5);
	CHECK_EQ(read(s[1], buf, 16), 5);
	CHECK_MEM(buf, "56789", 5);
}

TEST(sendfile_large)
{
	static char back[sizeof(big)];
	off_t off = 0;
	int in, out;

	scratch_cd();
	fill_big();
	write_file("f", big, sizeof(big));
	in = CHECK_OK(open("f", O_RDONLY));
	out = CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));
	while (off < (off_t)sizeof(big))
		CHECK(sendfile(out, in, &off, sizeof(big)) > 0);
	CHECK_EQ(read_file("g", back, sizeof(back)), sizeof(big));
	CHECK_MEM(back, big, sizeof(big));
}

TEST(sendfile_errors)
{
	off_t off = -1;
	int in, p[2];

	scratch_cd();
	in = new_file("f", "abc");
	CHECK_OK(pipe(p));
	CHECK_ERRNO(sendfile(p[1], -1, NULL, 1), EBADF);
	CHECK_ERRNO(sendfile(-1, in, NULL, 1), EBADF);
	CHECK_ERRNO(sendfile(p[1], CHECK_OK(open("f", O_WRONLY)), NULL, 1), EBADF);
	CHECK_ERRNO(sendfile(CHECK_OK(open("f", O_RDONLY)), in, NULL, 1), EBADF);
	CHECK_ERRNO(sendfile(p[1], in, &off, 1), EINVAL);
	CHECK_ERRNO(sendfile(p[1], in, BAD_PTR, 1), EFAULT);
	CHECK_ERRNO(sendfile(CHECK_OK(open("f", O_WRONLY | O_APPEND)), in, NULL, 1),
		    EINVAL);
	CHECK_ERRNO(sendfile(in, p[0], NULL, 1), EINVAL);
	off = 0;
	CHECK_ERRNO(sendfile(p[1], p[0], &off, 1), ESPIPE);
	CHECK_EQ(sendfile(p[1], in, NULL, 0), 0);
}

TEST(sendfile_to_a_full_pipe)
{
	static char buf[65536];
	int in, p[2];

	scratch_cd();
	fill_big();
	write_file("f", big, sizeof(big));
	in = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(pipe2(p, O_NONBLOCK));
	ssize_t n = CHECK_OK(sendfile(p[1], in, NULL, sizeof(big)));
	CHECK(n >= 4096 && n <= 65536);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), n);
	CHECK_ERRNO(sendfile(p[1], in, NULL, sizeof(big)), EAGAIN);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), n);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), n);
	CHECK_MEM(buf, big, (size_t)n);
	close(p[0]);
	catch_signal(SIGPIPE, 0);
	CHECK_ERRNO(sendfile(p[1], in, NULL, 10), EPIPE);
	CHECK_EQ(sig_count[SIGPIPE], 1);
}

TEST(copy_positions)
{
	off_t ioff = 2, ooff = 1;
	int in, out;

	scratch_cd();
	in = new_file("f", "0123456789");
	out = new_file("g", "abcdef");
	CHECK_EQ(copy(in, &ioff, out, &ooff, 3, 0), 3);
	check_file("g", "a234ef");
	CHECK_EQ(ioff, 5);
	CHECK_EQ(ooff, 4);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(copy(in, NULL, out, NULL, 2, 0), 2);
	check_file("g", "0134ef");
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 2);
	CHECK_EQ(lseek(out, 0, SEEK_CUR), 2);
	ioff = 8;
	CHECK_EQ(copy(in, &ioff, out, NULL, 100, 0), 2); /* to the end of the source */
	CHECK_EQ(copy(in, &ioff, out, NULL, 100, 0), 0);
	CHECK_EQ(copy(in, NULL, out, NULL, 0, 0), 0);
}

TEST(copy_beyond_the_end)
{
	off_t ioff = 100, ooff = 8192;
	int in, out;

	scratch_cd();
	in = new_file("f", "0123456789");
	out = new_file("g", "abc");
	CHECK_EQ(copy(in, &ioff, out, NULL, 10, 0), 0);
	ioff = 0;
	CHECK_EQ(copy(in, &ioff, out, &ooff, 10, 0), 10); /* a hole before it */
	CHECK_EQ(lseek(out, 0, SEEK_END), 8202);
}

TEST(copy_large)
{
	static char back[sizeof(big)];
	size_t done = 0;
	int in, out;

	scratch_cd();
	fill_big();
	write_file("f", big, sizeof(big));
	in = CHECK_OK(open("f", O_RDONLY));
	out = CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));
	for (ssize_t n; (n = CHECK_OK(copy(in, NULL, out, NULL, sizeof(big), 0))) > 0;)
		done += (size_t)n;
	CHECK_EQ(done, sizeof(big));
	CHECK_EQ(read_file("g", back, sizeof(back)), sizeof(big));
	CHECK_MEM(back, big, sizeof(big));
}

TEST(copy_within_a_file)
{
	off_t ioff = 0, ooff = 5;
	int fd;

	scratch_cd();
	fd = new_file("f", "0123456789");
	CHECK_EQ(copy(fd, &ioff, fd, &ooff, 5, 0), 5);
	check_file("f", "0123401234");
	ioff = 0, ooff = 4;
	CHECK_ERRNO(copy(fd, &ioff, fd, &ooff, 5, 0), EINVAL); /* overlap */
	ooff = 0;
	CHECK_ERRNO(copy(fd, &ioff, fd, &ooff, 1, 0), EINVAL);
}

TEST(copy_errors)
{
	off_t off = -1;
	int in, out, p[2];

	scratch_cd();
	in = new_file("f", "abc");
	out = new_file("g", "");
	CHECK_OK(pipe(p));
	CHECK_ERRNO(copy(-1, NULL, out, NULL, 1, 0), EBADF);
	CHECK_ERRNO(copy(in, NULL, -1, NULL, 1, 0), EBADF);
	CHECK_ERRNO(copy(in, NULL, out, NULL, 1, 1), EINVAL);
	CHECK_ERRNO(copy(in, NULL, CHECK_OK(open("g", O_RDONLY)), NULL, 1, 0), EBADF);
	CHECK_ERRNO(copy(CHECK_OK(open("f", O_WRONLY)), NULL, out, NULL, 1, 0), EBADF);
	CHECK_ERRNO(copy(in, NULL, CHECK_OK(open("g", O_WRONLY | O_APPEND)), NULL, 1, 0),
		    EBADF);
	CHECK_ERRNO(copy(CHECK_OK(open(".", O_RDONLY)), NULL, out, NULL, 1, 0), EISDIR);
	CHECK_ERRNO(copy(p[0], NULL, out, NULL, 1, 0), EINVAL);
	CHECK_ERRNO(copy(in, NULL, p[1], NULL, 1, 0), EINVAL);
	CHECK_ERRNO(copy(in, &off, out, NULL, 1, 0), EOVERFLOW);
	CHECK_ERRNO(copy(in, BAD_PTR, out, NULL, 1, 0), EFAULT);
}
