/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and FIFOs: capacity, atomic writes, ends, packets, opening rules. */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "harness.h"

static int p[2];

static void new_pipe(int flags)
{
	CHECK_OK(pipe2(p, flags));
}

/* Writes until EAGAIN; the bytes written. */
static long fill(int fd, size_t chunk)
{
	static char buf[1 << 16];
	long total = 0;
	ssize_t n;

	CHECK_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	while ((n = write(fd, buf, chunk)) > 0)
		total += n;
	CHECK_EQ(errno, EAGAIN);
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	return total;
}

TEST(order_and_counts)
{
	char buf[16];

	new_pipe(0);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(write(p[1], "defg", 4), 4);
	CHECK_EQ(read(p[0], buf, 5), 5);
	CHECK_MEM(buf, "abcde", 5);
	CHECK_EQ(read(p[0], buf, 16), 2);
	CHECK_MEM(buf, "fg", 2);
	CHECK_EQ(write(p[1], NULL, 0), 0);
	CHECK_EQ(read(p[0], NULL, 0), 0);
}

TEST(wrong_ends_and_flags)
{
	char c = 0;

	new_pipe(O_CLOEXEC | O_NONBLOCK);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(p[0], F_GETFL), O_RDONLY | O_NONBLOCK);
	CHECK_EQ(fcntl(p[1], F_GETFL), O_WRONLY | O_NONBLOCK);
	CHECK_ERRNO(write(p[0], &c, 1), EBADF);
	CHECK_ERRNO(read(p[1], &c, 1), EBADF);
	CHECK_ERRNO(pipe2(p, O_APPEND), EINVAL);
	CHECK_ERRNO(pipe2(p, 0x40000), EINVAL);
	CHECK_ERRNO(syscall(SYS_pipe, BAD_PTR), EFAULT);
	CHECK_ERRNO(read(p[0], &c, 1), EAGAIN);
}

/* A failed pipe leaves no descriptor behind. */
TEST(failed_pipe_takes_no_descriptors)
{
	int a = CHECK_OK(dup(0));

	close(a);
	CHECK_ERRNO(syscall(SYS_pipe2, BAD_PTR, 0), EFAULT);
	CHECK_EQ(dup(0), a);
}

TEST(end_of_file_and_epipe)
{
	char c;

	new_pipe(0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 0);
	CHECK_EQ(read(p[0], &c, 1), 0);
	new_pipe(0);
	close(p[0]);
	catch_signal(SIGPIPE, 0);
	CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(sig_count[SIGPIPE], 1);
	CHECK_EQ(sig_info.si_pid, getpid());
	CHECK_EQ(write(p[1], "", 0), 0);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
}

TEST(sigpipe_kills)
{
	pid_t pid;

	new_pipe(0);
	close(p[0]);
	pid = fork_child();
	if (pid == 0) {
		(void)!write(p[1], "x", 1);
		_exit(0);
	}
	CHECK_EQ(wait_exit(pid), 128 + SIGPIPE);
}

TEST(capacity)
{
	new_pipe(0);
	CHECK_EQ(fcntl(p[1], F_GETPIPE_SZ), 65536);
	CHECK_EQ(fill(p[1], 4096), 65536);
	CHECK_EQ(fill(p[1], 1), 0);
}

/* A page's worth must be free before the pipe is writable again. */
TEST(full_pipe_becomes_writable)
{
	static char buf[8192];
	struct pollfd pfd;

	new_pipe(0);
	pfd = (struct pollfd){.fd = p[1], .events = POLLOUT};
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	fill(p[1], 4096);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	CHECK_EQ(read(p[0], buf, 4096), 4096);
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(fill(p[1], 4096), 4096);
}

TEST(set_size)
{
	new_pipe(0);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096);
	CHECK_EQ(fill(p[1], 4096), 4096);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 5000), 8192); /* a power of two of pages */
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 8192);
	CHECK_EQ(fill(p[1], 4096), 4096);
	CHECK_ERRNO(fcntl(p[1], F_SETPIPE_SZ, 4096),
		    EBUSY); /* the content would not fit */
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 100000), 131072);
}

TEST(set_size_errors)
{
	long r;

	new_pipe(0);
	/* The largest that is a size: positive, for who has the right and the memory. */
	errno = 0;
	r = syscall(SYS_fcntl, p[1], F_SETPIPE_SZ, 1u << 31);
	CHECK(r == 1L << 31 || (r == -1 && (errno == EPERM || errno == ENOMEM)));
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 1), 4096);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 0), 4096);
	CHECK_ERRNO(fcntl(p[1], F_SETPIPE_SZ, -1), EINVAL);
	CHECK_ERRNO(fcntl(CHECK_OK(open("/dev/null", O_RDWR)), F_GETPIPE_SZ), EBADF);
	if (geteuid() != 0)
		CHECK_ERRNO(fcntl(p[1], F_SETPIPE_SZ, 1 << 21), EPERM);
}

/* A write of at most PIPE_BUF goes in whole or not at all. */
TEST(small_writes_are_atomic)
{
	static char buf[65536];

	new_pipe(O_NONBLOCK);
	CHECK_EQ(write(p[1], buf, 65536 - 100), 65536 - 100);
	CHECK_ERRNO(write(p[1], buf, 4096), EAGAIN);
	CHECK_EQ(write(p[1], buf, 100), 100);
	CHECK_ERRNO(write(p[1], buf, 1), EAGAIN);
}

/* A longer one goes in partly. */
TEST(large_writes_may_be_cut)
{
	static char buf[200000];

	new_pipe(O_NONBLOCK);
	CHECK_EQ(write(p[1], buf, sizeof(buf)), 65536);
	CHECK_ERRNO(write(p[1], buf, sizeof(buf)), EAGAIN);
}

TEST(writers_do_not_mix)
{
	enum { WRITERS = 4, EACH = 40, LEN = 3000 };
	static char buf[LEN];
	pid_t pid[WRITERS];
	int got = 0;

	new_pipe(0);
	for (int w = 0; w < WRITERS; w++) {
		pid[w] = fork_child();
		if (pid[w] == 0) {
			memset(buf, 'A' + w, LEN);
			for (int i = 0; i < EACH; i++)
				CHECK_EQ(write(p[1], buf, LEN), LEN);
			_exit(0);
		}
	}
	close(p[1]);
	for (;;) {
		size_t have = 0;
		ssize_t n = 0;

		while (have < LEN &&
		       (n = CHECK_OK(read(p[0], buf + have, LEN - have))) > 0)
			have += (size_t)n;
		if (have == 0)
			break;
		CHECK_EQ(have, LEN);
		for (int i = 1; i < LEN; i++)
			CHECK_EQ(buf[i], buf[0]);
		got++;
	}
	CHECK_EQ(got, WRITERS * EACH);
	for (int w = 0; w < WRITERS; w++)
		wait_ok(pid[w]);
}

TEST(blocking_write_of_much_data)
{
	static char data[300000], buf[10000];
	size_t got = 0;
	pid_t pid;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 13 + i / 777);
	new_pipe(0);
	pid = fork_child();
	if (pid == 0) {
		close(p[0]);
		CHECK_EQ(write(p[1], data, sizeof(data)), sizeof(data));
		_exit(0);
	}
	close(p[1]);
	for (ssize_t n; (n = CHECK_OK(read(p[0], buf, sizeof(buf)))) > 0;) {
		CHECK_MEM(buf, data + got, (size_t)n);
		got += (size_t)n;
	}
	CHECK_EQ(got, sizeof(data));
	wait_ok(pid);
}

/* A signal ends a blocked write with what is already in, a blocked read with EINTR. */
TEST(interrupted)
{
	static char buf[100000];
	char c;

	new_pipe(0);
	catch_signal(SIGALRM, 0);
	ualarm(20000, 0);
	CHECK_ERRNO(read(p[0], &c, 1), EINTR);
	ualarm(20000, 0);
	CHECK_EQ(write(p[1], buf, sizeof(buf)), 65536);
	ualarm(20000, 0);
	CHECK_ERRNO(write(p[1], buf, 10), EINTR);
}

TEST(restarted)
{
	char c;
	pid_t pid;

	new_pipe(0);
	catch_signal(SIGALRM, SA_RESTART);
	pid = fork_child();
	if (pid == 0) {
		sleep_ms(60);
		CHECK_EQ(write(p[1], "x", 1), 1);
		_exit(0);
	}
	ualarm(20000, 0);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(sig_count[SIGALRM], 1);
	wait_ok(pid);
}

TEST(fionread)
{
	int n = -1;

	new_pipe(0);
	CHECK_OK(ioctl(p[0], FIONREAD, &n));
	CHECK_EQ(n, 0);
	CHECK_EQ(write(p[1], "abcde", 5), 5);
	CHECK_OK(ioctl(p[0], FIONREAD, &n));
	CHECK_EQ(n, 5);
	CHECK_OK(ioctl(p[1], FIONREAD, &n)); /* either end */
	CHECK_EQ(n, 5);
	CHECK_ERRNO(ioctl(p[0], FIONREAD, BAD_PTR), EFAULT);
	CHECK_ERRNO(ioctl(p[0], TCGETS, &n), ENOTTY);
	n = 1;
	CHECK_OK(ioctl(p[0], FIONBIO, &n));
	CHECK_EQ(fcntl(p[0], F_GETFL), O_RDONLY | O_NONBLOCK);
}

/* Reads from a pipe into a buffer with a bad tail: what fits is delivered. */
TEST(bad_buffers)
{
	char *end = guard_page(), buf[16];

	new_pipe(O_NONBLOCK);
	CHECK_ERRNO(write(p[1], BAD_PTR, 10), EFAULT);
	CHECK_ERRNO(read(p[0], BAD_PTR, 10), EAGAIN); /* empty: not even looked at */
	CHECK_EQ(write(p[1], "0123456789", 10), 10);
	CHECK_ERRNO(read(p[0], BAD_PTR, 10), EFAULT);
	CHECK_EQ(read(p[0], buf, 16), 10);
	CHECK_MEM(buf, "0123456789", 10);
	memset(end - 5, 'z', 5);
	CHECK_EQ(write(p[1], end - 5, 5), 5);
}

/* O_DIRECT: each write is a packet, cut if the reader's buffer is smaller. */
TEST(packets)
{
	char buf[8192];

	new_pipe(O_DIRECT | O_NONBLOCK);
	CHECK_EQ(write(p[1], "one", 3), 3);
	CHECK_EQ(write(p[1], "second", 6), 6);
	CHECK_EQ(write(p[1], "3", 1), 1);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 3);
	CHECK_EQ(read(p[0], buf, 2), 2); /* the rest of the packet is gone */
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 1);
	CHECK_MEM(buf, "3", 1);
	CHECK_ERRNO(read(p[0], buf, 1), EAGAIN);
	CHECK_EQ(write(p[1], buf, 5000), 5000); /* cut into packets of PIPE_BUF */
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 4096);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 904);
}

TEST(reopened_through_proc)
{
	char path[64], c;
	int again;

	new_pipe(0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	again = CHECK_OK(open(path, O_WRONLY)); /* the other end, even */
	CHECK_EQ(write(again, "x", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	ssize_t n = CHECK_OK(readlink(path, path, sizeof(path) - 1));
	path[n] = 0;
	CHECK(!strncmp(path, "pipe:[", 6) && path[n - 1] == ']');
}

/* --- FIFOs ------------------------------------------------------------------------- */
static void new_fifo(void)
{
	scratch_cd();
	CHECK_OK(mkfifo("fifo", 0600));
}

TEST(fifo_open_rules)
{
	int r, w;

	new_fifo();
	CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	r = CHECK_OK(open("fifo", O_RDONLY | O_NONBLOCK));
	w = CHECK_OK(open("fifo", O_WRONLY | O_NONBLOCK));
	CHECK_OK(open("fifo", O_WRONLY)); /* there is a reader */
	CHECK_EQ(write(w, "x", 1), 1);
	close(r);
	CHECK_OK(open("fifo", O_RDWR)); /* both ends at once never block */
}

TEST(fifo_open_waits_for_the_other_end)
{
	char buf[4];
	pid_t pid;
	int fd;

	new_fifo();
	pid = fork_child();
	if (pid == 0) {
		settle();
		CHECK_EQ(write(CHECK_OK(open("fifo", O_WRONLY)), "abc", 3), 3);
		_exit(0);
	}
	fd = CHECK_OK(open("fifo", O_RDONLY));
	CHECK_EQ(read(fd, buf, 4), 3);
	wait_ok(pid);
	CHECK_EQ(read(fd, buf, 4), 0);
}

TEST(fifo_open_is_interrupted)
{
	new_fifo();
	catch_signal(SIGALRM, 0);
	ualarm(20000, 0);
	CHECK_ERRNO(open("fifo", O_RDONLY), EINTR);
	ualarm(20000, 0);
	CHECK_ERRNO(open("fifo", O_WRONLY), EINTR);
}

TEST(fifo_reader_before_any_writer)
{
	struct pollfd pfd;
	char c;
	int r, w;

	new_fifo();
	r = CHECK_OK(open("fifo", O_RDONLY | O_NONBLOCK));
	CHECK_EQ(read(r, &c, 1), 0); /* no writer: end of file, not EAGAIN */
	pfd = (struct pollfd){.fd = r, .events = POLLIN};
	CHECK_EQ(poll(&pfd, 1, 0), 0); /* no hang-up before the first writer */
	w = CHECK_OK(open("fifo", O_WRONLY));
	CHECK_ERRNO(read(r, &c, 1), EAGAIN);
	close(w);
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(pfd.revents, POLLHUP);
	CHECK_EQ(read(r, &c, 1), 0);
	w = CHECK_OK(open("fifo", O_WRONLY)); /* and alive again */
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	CHECK_EQ(write(w, "y", 1), 1);
	CHECK_EQ(read(r, &c, 1), 1);
}

TEST(fifo_has_no_memory)
{
	char c;
	int fd;

	new_fifo();
	fd = CHECK_OK(open("fifo", O_RDWR | O_NONBLOCK));
	CHECK_EQ(write(fd, "lost", 4), 4);
	close(fd);
	fd = CHECK_OK(open("fifo", O_RDWR | O_NONBLOCK));
	CHECK_ERRNO(read(fd, &c, 1), EAGAIN);
}

TEST(fifo_links_share_the_pipe)
{
	char c;
	int a, b;

	new_fifo();
	CHECK_OK(link("fifo", "other"));
	a = CHECK_OK(open("fifo", O_RDWR));
	b = CHECK_OK(open("other", O_RDWR));
	CHECK_EQ(write(a, "x", 1), 1);
	CHECK_EQ(read(b, &c, 1), 1);
}
