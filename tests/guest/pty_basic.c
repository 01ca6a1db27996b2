/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-terminals: pairs, the line discipline, packet mode, hang-up. Jobs: pty_jobs. */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "harness.h"

static int m, s; /* master, slave */

static void open_pty(void)
{
	char path[64];
	int n, unlock = 0;

	m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (m < 0)
		SKIP("/dev/ptmx: %s", errno_name(errno));
	CHECK_OK(ioctl(m, TIOCGPTN, &n));
	CHECK_OK(ioctl(m, TIOCSPTLCK, &unlock));
	snprintf(path, sizeof(path), "/dev/pts/%d", n);
	s = CHECK_OK(open(path, O_RDWR | O_NOCTTY));
}

static struct termios attrs(void)
{
	struct termios t;

	CHECK_OK(tcgetattr(s, &t));
	return t;
}

/* Sets and clears bits of c_lflag. */
static void local(tcflag_t set, tcflag_t clear)
{
	struct termios t = attrs();

	t.c_lflag = (t.c_lflag & ~clear) | set;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
}

static void raw(int vmin, int vtime)
{
	struct termios t = attrs();

	cfmakeraw(&t);
	t.c_cc[VMIN] = (cc_t)vmin;
	t.c_cc[VTIME] = (cc_t)vtime;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
}

static void type(const char *text)
{
	CHECK_EQ(write(m, text, strlen(text)), strlen(text));
}

static void expect_at(int fd, const char *want)
{
	char buf[512];
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&pfd, 1, 2000) != 1)
		FAIL("nothing to read, want \"%s\"", want);
	n = CHECK_OK(read(fd, buf, sizeof(buf) - 1));
	buf[n] = 0;
	CHECK_STR(buf, want);
}

static bool readable(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	settle(); /* input is processed by a worker of the kernel */
	return poll(&pfd, 1, 0) == 1;
}

TEST(numbers_and_names)
{
	struct stat st;
	char path[64];
	int n;

	open_pty();
	CHECK_OK(ioctl(m, TIOCGPTN, &n));
	snprintf(path, sizeof(path), "/dev/pts/%d", n);
	CHECK_STR(ptsname(m), path);
	CHECK_STR(ttyname(s), path);
	CHECK_OK(fstat(s, &st));
	CHECK_EQ(st.st_mode & S_IFMT, S_IFCHR);
	CHECK_EQ(st.st_rdev, makedev(136, n));
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_OK(fstat(m, &st));
	CHECK_EQ(st.st_rdev, makedev(5, 2));
	CHECK(isatty(m) && isatty(s));
	close(s);
	close(m);
	CHECK(!exists(path)); /* gone with the master */
}

TEST(lock)
{
	char path[64];
	int n, locked = -1;

	m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	NEED(m, "/dev/ptmx");
	CHECK_OK(ioctl(m, TIOCGPTN, &n));
	snprintf(path, sizeof(path), "/dev/pts/%d", n);
	CHECK_OK(ioctl(m, TIOCGPTLCK, &locked));
	CHECK_EQ(locked, 1);
	CHECK_ERRNO(open(path, O_RDWR | O_NOCTTY), EIO);
	locked = 0;
	CHECK_OK(ioctl(m, TIOCSPTLCK, &locked));
	CHECK_OK(open(path, O_RDWR | O_NOCTTY));
}

TEST(get_the_peer_directly)
{
	open_pty();
	int fd = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	NEED(fd, "TIOCGPTPEER");
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_STR(ttyname(fd), ptsname(m));
	CHECK_EQ(write(fd, "x", 1), 1);
	expect_at(m, "x");
	CHECK_ERRNO(ioctl(s, TIOCGPTPEER, O_RDWR), EIO);
}

TEST(defaults)
{
	struct termios t;

	open_pty();
	t = attrs();
	CHECK_EQ(t.c_iflag, ICRNL | IXON);
	CHECK_EQ(t.c_oflag, OPOST | ONLCR);
	CHECK_EQ(t.c_cflag & (CSIZE | CREAD), CS8 | CREAD);
	CHECK_EQ(t.c_lflag,
		 ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	CHECK_EQ(t.c_cc[VINTR], 3);
	CHECK_EQ(t.c_cc[VQUIT], 28);
	CHECK_EQ(t.c_cc[VERASE], 127);
	CHECK_EQ(t.c_cc[VKILL], 21);
	CHECK_EQ(t.c_cc[VEOF], 4);
	CHECK_EQ(t.c_cc[VMIN], 1);
	CHECK_EQ(t.c_cc[VSUSP], 26);
	CHECK_EQ(cfgetospeed(&t), B38400);
}

TEST(line_by_line)
{
	open_pty();
	local(0, ECHO);
	type("hel");
	CHECK(!readable(s));
	type("lo\nnext\n");
	expect_at(s, "hello\n"); /* one line a read */
	expect_at(s, "next\n");
	type("cr\r"); /* ICRNL */
	expect_at(s, "cr\n");
}

TEST(line_in_small_reads)
{
	char buf[4] = "";

	open_pty();
	local(0, ECHO);
	type("abcdef\n");
	CHECK_EQ(read(s, buf, 3), 3);
	CHECK_MEM(buf, "abc", 3);
	expect_at(s, "def\n");
}

TEST(output_processing)
{
	struct termios t;

	open_pty();
	CHECK_EQ(write(s, "a\nb\n", 4), 4);
	expect_at(m, "a\r\nb\r\n");
	t = attrs();
	t.c_oflag &= ~(tcflag_t)OPOST;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	CHECK_EQ(write(s, "a\nb\n", 4), 4);
	expect_at(m, "a\nb\n");
	t.c_oflag = OPOST | OCRNL | ONLRET;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	CHECK_EQ(write(s, "a\rb", 3), 3);
	expect_at(m, "a\nb");
	t.c_oflag = OPOST | OLCUC;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	CHECK_EQ(write(s, "abc", 3), 3);
	expect_at(m, "ABC");
}

TEST(echo)
{
	open_pty();
	type("hi\n");
	expect_at(m, "hi\r\n");
	type("\x01"); /* ECHOCTL */
	expect_at(m, "^A");
	local(0, ECHO);
	type("quiet\n");
	CHECK(!readable(m));
	local(ECHONL, ECHO);
	type("x\n");
	expect_at(m, "\r\n");
}

TEST(erase_and_kill)
{
	open_pty();
	type("abc\x7f\x7f"
	     "d\n");
	expect_at(s, "ad\n");
	expect_at(m, "abc\b \b\b \bd\r\n");
	type("wrong\x15right\n");
	expect_at(s, "right\n");
	(void)!read(m, (char[256]){0}, 256);
	type("two words\x17x\n"); /* VWERASE */
	expect_at(s, "two x\n");
	type("\x7f\x7fz\n"); /* nothing to erase */
	expect_at(s, "z\n");
	type("a\x16\x7f"
	     "b\n"); /* VLNEXT takes the next one literally */
	expect_at(s, "a\x7f"
		     "b\n");
}

TEST(end_of_file_character)
{
	char buf[16];

	open_pty();
	local(0, ECHO);
	type("part\x04");
	expect_at(s, "part"); /* a line without its end */
	type("\x04");
	CHECK(readable(s));
	CHECK_EQ(read(s, buf, 16), 0);
	type("more\n");
	expect_at(s, "more\n");
}

TEST(raw_mode)
{
	open_pty();
	raw(1, 0);
	type("a\r\x03\x04");
	expect_at(s, "a\r\x03\x04");
	CHECK(!readable(m));
	CHECK_EQ(write(s, "x\n", 2), 2);
	expect_at(m, "x\n");
}

TEST(vmin_and_vtime)
{
	char buf[16];
	long long t0;
	pid_t pid;

	open_pty();
	raw(0, 0);
	CHECK_EQ(read(s, buf, 16), 0); /* polls */
	raw(0, 1);
	t0 = now_ms();
	CHECK_EQ(read(s, buf, 16), 0); /* a tenth of a second */
	CHECK(now_ms() - t0 >= 90);
	raw(3, 0);
	pid = fork_child();
	if (pid == 0) {
		type("a");
		sleep_ms(20);
		type("bc");
		_exit(0);
	}
	CHECK_EQ(read(s, buf, 16), 3);
	wait_ok(pid);
	raw(5, 1); /* the timer runs from the first byte on */
	type("xy");
	t0 = now_ms();
	CHECK_EQ(read(s, buf, 16), 2);
	CHECK(now_ms() - t0 >= 80);
	raw(1, 0);
	CHECK_OK(fcntl(s, F_SETFL, O_NONBLOCK));
	CHECK_ERRNO(read(s, buf, 16), EAGAIN);
}

TEST(tcset_variants)
{
	struct termios t;
	char buf[16];

	open_pty();
	local(0, ECHO);
	type("pending\n");
	CHECK(readable(s));
	t = attrs();
	CHECK_OK(tcsetattr(s, TCSADRAIN, &t));
	CHECK(readable(s));
	CHECK_OK(tcsetattr(s, TCSAFLUSH, &t)); /* throws input away */
	CHECK(!readable(s));
	CHECK_OK(ioctl(s, TCGETS, &t));
	CHECK_ERRNO(ioctl(s, TCGETS, BAD_PTR), EFAULT);
	CHECK_ERRNO(ioctl(s, TCSETS, BAD_PTR), EFAULT);
	type("a\nb\n");
	CHECK(readable(s));
	CHECK_OK(ioctl(s, TCFLSH, TCIFLUSH));
	CHECK(!readable(s));
	CHECK_ERRNO(ioctl(s, TCFLSH, 77), EINVAL);
	CHECK_OK(tcdrain(s));
	CHECK_OK(tcsendbreak(s, 0));
	CHECK_OK(fcntl(s, F_SETFL, O_NONBLOCK));
	CHECK_ERRNO(read(s, buf, 16), EAGAIN);
}

TEST(attributes_through_the_master)
{
	struct termios t, u;

	open_pty();
	CHECK_OK(tcgetattr(m, &t)); /* the slave's */
	t.c_lflag &= ~(tcflag_t)ECHO;
	t.c_cc[VINTR] = 7;
	CHECK_OK(tcsetattr(m, TCSANOW, &t));
	u = attrs();
	CHECK_EQ(u.c_lflag & ECHO, 0);
	CHECK_EQ(u.c_cc[VINTR], 7);
}

TEST(termios2)
{
	struct {
		unsigned c_iflag, c_oflag, c_cflag, c_lflag;
		unsigned char c_line, c_cc[19];
		unsigned c_ispeed, c_ospeed;
	} t2;

	open_pty();
	CHECK_OK(ioctl(s, 0x802c542a /* TCGETS2 */, &t2));
	CHECK_EQ(t2.c_ospeed, 38400);
	t2.c_ospeed = t2.c_ispeed = 115200;
	t2.c_cflag = (t2.c_cflag & ~0x100fU) | 0x1002; /* B115200 */
	CHECK_OK(ioctl(s, 0x402c542b /* TCSETS2 */, &t2));
	struct termios t = attrs();
	CHECK_EQ(cfgetospeed(&t), B115200);
}

TEST(queue_sizes)
{
	int n;

	open_pty();
	local(0, ECHO);
	type("abc");
	settle();
	CHECK_OK(ioctl(s, FIONREAD, &n));
	CHECK_EQ(n, 0); /* no complete line */
	type("\n");
	settle();
	CHECK_OK(ioctl(s, FIONREAD, &n));
	CHECK_EQ(n, 4);
	CHECK_EQ(write(s, "xy\n", 3), 3);
	settle();
	CHECK_OK(ioctl(m, FIONREAD, &n));
	CHECK_EQ(n, 4);
	CHECK_OK(ioctl(s, TIOCOUTQ, &n));
}

TEST(window_size)
{
	struct winsize w = {24, 80, 1, 2}, v;

	open_pty();
	CHECK_OK(ioctl(s, TIOCGWINSZ, &v));
	CHECK_EQ(v.ws_row + v.ws_col, 0);
	CHECK_OK(ioctl(m, TIOCSWINSZ, &w));
	CHECK_OK(ioctl(s, TIOCGWINSZ, &v));
	CHECK_EQ(memcmp(&v, &w, sizeof(w)), 0);
	w.ws_row = 50;
	CHECK_OK(ioctl(s, TIOCSWINSZ, &w));
	CHECK_OK(ioctl(m, TIOCGWINSZ, &v));
	CHECK_EQ(v.ws_row, 50);
	CHECK_ERRNO(ioctl(s, TIOCSWINSZ, BAD_PTR), EFAULT);
}

/* TIOCPKT: a status byte before the data, or instead of it. */
TEST(packet_mode)
{
	char buf[16];
	int on = 1;

	open_pty();
	CHECK_OK(ioctl(m, TIOCPKT, &on));
	CHECK_EQ(write(s, "data", 4), 4);
	settle();
	CHECK_EQ(read(m, buf, 16), 5);
	CHECK_EQ(buf[0], TIOCPKT_DATA);
	CHECK_MEM(buf + 1, "data", 4);
	CHECK_OK(ioctl(s, TCFLSH, TCIFLUSH));
	struct pollfd pfd = {.fd = m, .events = POLLIN | POLLPRI};
	CHECK_EQ(poll(&pfd, 1, 1000), 1);
	CHECK(pfd.revents & POLLPRI);
	CHECK_EQ(read(m, buf, 16), 1);
	CHECK_EQ(buf[0], TIOCPKT_FLUSHREAD);
	on = 0;
	CHECK_OK(ioctl(m, TIOCPKT, &on));
	CHECK_EQ(write(s, "x", 1), 1);
	expect_at(m, "x");
}

TEST(flow_control)
{
	char buf[16];

	open_pty();
	local(0, ECHO);
	type("\x13"); /* stop */
	settle();
	CHECK_OK(fcntl(s, F_SETFL, O_NONBLOCK));
	CHECK_ERRNO(write(s, "held", 4), EAGAIN);
	type("\x11");
	settle();
	CHECK_EQ(write(s, "free", 4), 4);
	expect_at(m, "free");
	CHECK_OK(tcflow(s, TCOOFF));
	CHECK_ERRNO(write(s, "held", 4), EAGAIN);
	CHECK_OK(tcflow(s, TCOON));
	CHECK_EQ(write(s, "go", 2), 2);
	CHECK_EQ(read(m, buf, 16), 2);
}

TEST(master_closes)
{
	struct pollfd pfd;
	char buf[16];

	open_pty();
	local(0, ECHO);
	close(m);
	CHECK_EQ(read(s, buf, 16), 0);
	CHECK_ERRNO(write(s, "x", 1), EIO);
	pfd = (struct pollfd){.fd = s, .events = POLLIN};
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK(pfd.revents & POLLHUP);
	struct termios t;
	CHECK_ERRNO(tcgetattr(s, &t), EIO);
}

TEST(slave_closes)
{
	struct pollfd pfd;
	char path[64], buf[16];

	open_pty();
	snprintf(path, sizeof(path), "%s", ptsname(m));
	CHECK_EQ(write(s, "last words", 10), 10);
	close(s);
	expect_at(m, "last words"); /* delivered before the hang-up */
	CHECK_ERRNO(read(m, buf, 16), EIO);
	pfd = (struct pollfd){.fd = m, .events = POLLIN | POLLOUT};
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK(pfd.revents & POLLHUP);
	s = CHECK_OK(open(path, O_RDWR | O_NOCTTY)); /* and back */
	CHECK_EQ(write(s, "again", 5), 5);
	expect_at(m, "again");
}

TEST(ready_states)
{
	struct pollfd pfd;

	open_pty();
	pfd = (struct pollfd){.fd = s, .events = POLLIN | POLLOUT};
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(pfd.revents, POLLOUT);
	type("no line yet");
	settle();
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(pfd.revents, POLLOUT);
	type("\n");
	settle();
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(pfd.revents, POLLIN | POLLOUT);
}

TEST(long_lines)
{
	static char line[6000], buf[8192];
	ssize_t n;

	open_pty();
	local(0, ECHO);
	memset(line, 'x', sizeof(line));
	line[4094] = '\n';
	CHECK_EQ(write(m, line, 4095), 4095);
	CHECK(readable(s));
	n = CHECK_OK(read(s, buf, sizeof(buf)));
	CHECK_EQ(n, 4095);
	/* More than 4095 bytes in a line: the rest is dropped, the end is kept. */
	line[4094] = 'x';
	CHECK_EQ(write(m, line, 4500), 4500);
	type("\n");
	CHECK(readable(s));
	n = CHECK_OK(read(s, buf, sizeof(buf)));
	CHECK(n <= 4096 && buf[n - 1] == '\n');
}

/* Bulk data in raw mode passes unchanged in both directions. */
TEST(bulk)
{
	static char data[50000], buf[4096];
	size_t got = 0;
	pid_t pid;

	open_pty();
	raw(1, 0);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 250);
	pid = fork_child();
	if (pid == 0) {
		for (size_t done = 0; done < sizeof(data);)
			done += (size_t)CHECK_OK(
				write(s, data + done, sizeof(data) - done));
		_exit(0);
	}
	while (got < sizeof(data)) {
		ssize_t n = CHECK_OK(read(m, buf, sizeof(buf)));

		CHECK_MEM(buf, data + got, (size_t)n);
		got += (size_t)n;
	}
	wait_ok(pid);
}

TEST(ioctl_errors)
{
	open_pty();
	CHECK_ERRNO(ioctl(s, TIOCGPTN, BAD_PTR), ENOTTY); /* a question for masters */
	CHECK_ERRNO(ioctl(m, TIOCGPTN, BAD_PTR), EFAULT);
	CHECK_ERRNO(ioctl(s, 0x54ff, 0), ENOTTY);
	CHECK_ERRNO(lseek(s, 0, SEEK_SET), ESPIPE);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, s, 0), ENODEV);
}
