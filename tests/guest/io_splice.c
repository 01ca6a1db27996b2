/* SPDX-License-Identifier: Apache-2.0 */
/* splice, tee, vmsplice. */
#include <sys/socket.h>
#include <sys/uio.h>

#include "harness.h"

static int p[2], q[2];

static void two_pipes(void)
{
	CHECK_OK(pipe(p));
	CHECK_OK(pipe(q));
}

static void expect_read(int fd, const char *want)
{
	char buf[64];

	CHECK_EQ(read(fd, buf, sizeof(buf)), strlen(want));
	CHECK_MEM(buf, want, strlen(want));
}

TEST(file_to_pipe_and_back)
{
	loff_t off = 2;
	int in, out;

	scratch_cd();
	two_pipes();
	put_str("f", "0123456789");
	put_str("g", "abcdef");
	in = CHECK_OK(open("f", O_RDONLY));
	out = CHECK_OK(open("g", O_RDWR));
	CHECK_EQ(splice(in, &off, p[1], NULL, 4, 0), 4);
	CHECK_EQ(off, 6);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	off = 1;
	CHECK_EQ(splice(p[0], NULL, out, &off, 100, 0), 4);
	CHECK_EQ(off, 5);
	check_file("g", "a2345f");
	CHECK_EQ(splice(in, NULL, p[1], NULL, 3, 0), 3);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 3);
	expect_read(p[0], "012");
	off = 10;
	CHECK_EQ(splice(in, &off, p[1], NULL, 4, 0), 0); /* end of file */
}

TEST(pipe_to_pipe)
{
	two_pipes();
	CHECK_EQ(write(p[1], "0123456789", 10), 10);
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 4, 0), 4);
	expect_read(q[0], "0123");
	expect_read(p[0], "456789");
}

TEST(sockets)
{
	int s[2];

	two_pipes();
	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_EQ(splice(p[0], NULL, s[0], NULL, 5, 0), 5);
	CHECK_EQ(splice(s[1], NULL, q[1], NULL, 100, 0), 5);
	expect_read(q[0], "hello");
}

TEST(splice_ends)
{
	two_pipes();
	CHECK_ERRNO(splice(p[0], NULL, q[1], NULL, 4, SPLICE_F_NONBLOCK), EAGAIN);
	close(p[1]);
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 4, 0), 0);
	CHECK_OK(pipe(p));
	CHECK_EQ(write(p[1], "x", 1), 1);
	close(q[0]);
	catch_signal(SIGPIPE, 0);
	CHECK_ERRNO(splice(p[0], NULL, q[1], NULL, 1, 0), EPIPE);
	CHECK_EQ(sig_count[SIGPIPE], 1);
	expect_read(p[0], "x"); /* not lost */
}

TEST(splice_waits)
{
	pid_t pid;

	two_pipes();
	pid = fork_child();
	if (pid == 0) {
		settle();
		CHECK_EQ(write(p[1], "late", 4), 4);
		_exit(0);
	}
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 100, 0), 4);
	expect_read(q[0], "late");
	wait_ok(pid);
}

TEST(splice_errors)
{
	loff_t off = 0;
	int f, g;

	scratch_cd();
	two_pipes();
	put_str("f", "abc");
	put_str("g", "");
	f = CHECK_OK(open("f", O_RDWR));
	g = CHECK_OK(open("g", O_RDWR));
	CHECK_ERRNO(splice(f, NULL, g, NULL, 3, 0), EINVAL); /* no pipe at all */
	CHECK_ERRNO(splice(-1, NULL, p[1], NULL, 3, 0), EBADF);
	CHECK_ERRNO(splice(p[0], NULL, -1, NULL, 3, 0), EBADF);
	CHECK_ERRNO(splice(p[1], NULL, q[1], NULL, 3, 0), EBADF);
	CHECK_ERRNO(splice(f, NULL, p[0], NULL, 3, 0), EBADF);
	CHECK_ERRNO(splice(p[0], &off, g, NULL, 3, 0), ESPIPE);
	CHECK_ERRNO(splice(f, &off, p[1], &off, 3, 0), ESPIPE);
	CHECK_ERRNO(splice(f, BAD_PTR, p[1], NULL, 3, 0), EFAULT);
	CHECK_ERRNO(splice(f, NULL, p[1], NULL, 3, 0x100), EINVAL);
	CHECK_ERRNO(splice(p[0], NULL, p[1], NULL, 3, 0),
		    EINVAL); /* one pipe with itself */
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_ERRNO(
		splice(p[0], NULL, CHECK_OK(open("g", O_WRONLY | O_APPEND)), NULL, 1, 0),
		EINVAL);
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 0, 0), 0);
}

TEST(tee_copies)
{
	two_pipes();
	CHECK_EQ(write(p[1], "0123456789", 10), 10);
	CHECK_EQ(tee(p[0], q[1], 4, 0), 4);
	expect_read(q[0], "0123");
	expect_read(p[0], "0123456789"); /* nothing was taken */
	CHECK_ERRNO(tee(p[0], q[1], 4, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(tee(p[0], q[1], 0, 0), 0);
	close(p[1]);
	CHECK_EQ(tee(p[0], q[1], 4, 0), 0);
}

TEST(tee_errors)
{
	int f;

	scratch_cd();
	two_pipes();
	put_str("f", "abc");
	f = CHECK_OK(open("f", O_RDWR));
	CHECK_ERRNO(tee(f, q[1], 4, 0), EINVAL);
	CHECK_ERRNO(tee(p[0], f, 4, 0), EINVAL);
	CHECK_ERRNO(tee(p[0], p[1], 4, 0), EINVAL);
	CHECK_ERRNO(tee(p[0], q[1], 4, 0x100), EINVAL);
	CHECK_ERRNO(tee(-1, q[1], 4, 0), EBADF);
	CHECK_ERRNO(tee(p[1], q[1], 4, 0), EBADF);
}

TEST(vmsplice_both_ways)
{
	char a[8] = "abcd", b[8] = "efgh", back[8];
	struct iovec out[2] = {{a, 4}, {b, 4}}, in = {back, 8};

	two_pipes();
	CHECK_EQ(vmsplice(p[1], out, 2, 0), 8);
	CHECK_EQ(vmsplice(p[0], &in, 1, 0), 8);
	CHECK_MEM(back, "abcdefgh", 8);
}

TEST(vmsplice_errors)
{
	struct iovec iov = {BAD_PTR, 8}, ok = {(char *)"x", 1};
	int f;

	scratch_cd();
	two_pipes();
	put_str("f", "abc");
	f = CHECK_OK(open("f", O_RDWR));
	CHECK_ERRNO(vmsplice(p[1], &iov, 1, 0), EFAULT);
	CHECK_ERRNO(vmsplice(p[1], BAD_PTR, 1, 0), EFAULT);
	CHECK_ERRNO(vmsplice(f, &ok, 1, 0), EBADF);
	CHECK_ERRNO(vmsplice(-1, &ok, 1, 0), EBADF);
	CHECK_ERRNO(vmsplice(p[1], &ok, 1, 0x100), EINVAL);
	CHECK_EQ(vmsplice(p[1], &ok, 0, 0), 0);
	CHECK_ERRNO(vmsplice(p[1], &ok, 1025, 0), EINVAL);
}

/* A chain as in a proxy: file, pipe, pipe, file, in odd pieces. */
TEST(chain_keeps_order)
{
	static char data[200000], back[sizeof(data)];
	size_t moved = 0;
	int in, out;

	scratch_cd();
	two_pipes();
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 1000);
	write_file("f", data, sizeof(data));
	in = CHECK_OK(open("f", O_RDONLY));
	out = CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));
	while (moved < sizeof(data)) {
		ssize_t n = CHECK_OK(splice(in, NULL, p[1], NULL, 10007, 0));

		for (ssize_t left = n; left > 0;)
			left -= CHECK_OK(splice(p[0], NULL, q[1], NULL, (size_t)left, 0));
		for (ssize_t left = n; left > 0;)
			left -= CHECK_OK(splice(q[0], NULL, out, NULL, (size_t)left, 0));
		moved += (size_t)n;
	}
	CHECK_EQ(read_file("g", back, sizeof(back)), sizeof(back));
	CHECK_MEM(back, data, sizeof(data));
}
