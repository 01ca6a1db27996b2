/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals and processes: sessions, foreground groups, signals, hang-up. */
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "harness.h"

static int m;
static char slave[64];

static void open_master(void)
{
	int n, unlock = 0;

	m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (m < 0)
		SKIP("/dev/ptmx: %s", errno_name(errno));
	CHECK_OK(ioctl(m, TIOCGPTN, &n));
	CHECK_OK(ioctl(m, TIOCSPTLCK, &unlock));
	snprintf(slave, sizeof(slave), "/dev/pts/%d", n);
}

static void type(const char *text)
{
	CHECK_EQ(write(m, text, strlen(text)), strlen(text));
}

/* A child that leads a new session with the slave as its terminal, on fd 0. */
static pid_t leader(void)
{
	pid_t pid;

	open_master();
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setsid());
		close(0);
		CHECK_EQ(open(slave, O_RDWR), 0); /* without O_NOCTTY: becomes ours */
	}
	return pid;
}

/* Waits for the child to say something on the terminal. */
static void hear(const char *want)
{
	char buf[64];
	struct pollfd pfd = {.fd = m, .events = POLLIN};
	ssize_t n;

	CHECK_EQ(poll(&pfd, 1, 3000), 1);
	n = CHECK_OK(read(m, buf, sizeof(buf) - 1));
	buf[n] = 0;
	CHECK_STR(buf, want);
}

static void say(const char *text)
{
	CHECK_EQ(write(0, text, strlen(text)), strlen(text));
}

TEST(open_acquires_the_terminal)
{
	pid_t pid = leader();

	if (pid == 0) {
		int fd = CHECK_OK(open("/dev/tty", O_RDWR));

		CHECK_EQ(tcgetsid(0), getpid());
		CHECK_EQ(tcgetpgrp(0), getpid());
		CHECK_EQ(write(fd, "via tty", 7), 7);
		_exit(0);
	}
	hear("via tty");
	wait_ok(pid);
}

TEST(noctty_does_not)
{
	pid_t pid;

	open_master();
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setsid());
		int s = CHECK_OK(open(slave, O_RDWR | O_NOCTTY));

		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_ERRNO(tcgetpgrp(s), ENOTTY);
		CHECK_OK(ioctl(s, TIOCSCTTY, 0));
		CHECK_OK(open("/dev/tty", O_RDWR));
		CHECK_EQ(tcgetpgrp(s), getpid());
		_exit(0);
	}
	wait_ok(pid);
}

TEST(tiocsctty_rules)
{
	pid_t pid = leader();

	if (pid == 0) {
		int other;

		CHECK_OK(ioctl(0, TIOCSCTTY, 0)); /* has it already: fine */
		pid = fork_child();
		if (pid == 0) { /* no session leader */
			CHECK_ERRNO(ioctl(0, TIOCSCTTY, 0), EPERM);
			CHECK_OK(setsid());
			CHECK_ERRNO(ioctl(0, TIOCSCTTY, 0),
				    EPERM); /* another session's */
			_exit(0);
		}
		wait_ok(pid);
		other = CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
		CHECK_ERRNO(ioctl(other, TIOCSCTTY, 0), EPERM); /* one is enough */
		_exit(0);
	}
	wait_ok(pid);
}

TEST(tiocnotty)
{
	pid_t pid = leader();

	if (pid == 0) {
		signal(SIGHUP, SIG_IGN);
		signal(SIGCONT, SIG_IGN);
		pid = fork_child();
		if (pid == 0) { /* a member gives it up for itself only */
			CHECK_OK(ioctl(0, TIOCNOTTY));
			CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
			_exit(0);
		}
		wait_ok(pid);
		CHECK_OK(open("/dev/tty", O_RDWR));
		CHECK_OK(ioctl(0, TIOCNOTTY));
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_ERRNO(ioctl(0, TIOCNOTTY), ENOTTY);
		_exit(0);
	}
	wait_ok(pid);
}

static void typed_signal(const char *key, int sig, const char *echoed)
{
	pid_t pid = leader();
	char buf[8];

	if (pid == 0) {
		catch_signal(sig, 0);
		say("ready");
		CHECK_ERRNO(read(0, buf, 8), EINTR);
		CHECK_EQ(sig_count[sig], 1);
		_exit(0);
	}
	hear("ready");
	settle();
	type(key);
	wait_ok(pid);
	hear(echoed);
}

TEST(interrupt_character)
{
	typed_signal("\x03", SIGINT, "^C");
}

TEST(quit_character)
{
	typed_signal("\x1c", SIGQUIT, "^\\");
}

TEST(suspend_character)
{
	typed_signal("\x1a", SIGTSTP, "^Z");
}

/* With ISIG off they are characters like others. */
TEST(no_signals_without_isig)
{
	pid_t pid = leader();
	char buf[8];

	if (pid == 0) {
		struct termios t;

		CHECK_OK(tcgetattr(0, &t));
		t.c_lflag &= ~(tcflag_t)(ISIG | ECHO);
		CHECK_OK(tcsetattr(0, TCSANOW, &t));
		say("ready");
		CHECK_EQ(read(0, buf, 8), 3);
		CHECK_MEM(buf, "a\x03\n", 3);
		_exit(0);
	}
	hear("ready");
	type("a\x03\n");
	wait_ok(pid);
}

/* The interrupt flushes what was typed before it. */
TEST(interrupt_flushes_input)
{
	pid_t pid = leader();
	char buf[16];

	if (pid == 0) {
		struct termios t;

		CHECK_OK(tcgetattr(0, &t));
		t.c_lflag &= ~(tcflag_t)ECHO;
		CHECK_OK(tcsetattr(0, TCSANOW, &t));
		catch_signal(SIGINT, 0);
		say("ready");
		while (!sig_count[SIGINT])
			sleep_ms(1);
		CHECK_EQ(read(0, buf, 16), 4);
		CHECK_MEM(buf, "new\n", 4);
		_exit(0);
	}
	hear("ready");
	type("lost\nlost\x03");
	settle();
	type("new\n");
	wait_ok(pid);
}

/* TIOCSIG from the master side. */
TEST(signal_from_the_master)
{
	pid_t pid = leader();

	if (pid == 0) {
		catch_signal(SIGINT, 0);
		say("ready");
		pause();
		_exit(sig_count[SIGINT] == 1 ? 0 : 1);
	}
	hear("ready");
	settle();
	NEED(ioctl(m, TIOCSIG, SIGINT), "TIOCSIG");
	wait_ok(pid);
}

TEST(foreground_group)
{
	pid_t pid = leader();

	if (pid == 0) {
		pid_t job = fork_child();

		if (job == 0) {
			setpgid(0, 0);
			pause();
		}
		setpgid(job, job);
		CHECK_OK(tcsetpgrp(0, job));
		CHECK_EQ(tcgetpgrp(0), job);
		signal(SIGTTOU, SIG_IGN);
		say("go");
		CHECK_EQ(wait_exit(job), 128 + SIGINT); /* it alone was meant */
		CHECK_OK(tcsetpgrp(0, getpid()));
		_exit(0);
	}
	hear("go");
	settle();
	type("\x03");
	wait_ok(pid);
}

TEST(foreground_group_errors)
{
	pid_t pid = leader();

	if (pid == 0) {
		pid_t group = getpid();

		CHECK_ERRNO(tcsetpgrp(0, -5), EINVAL);
		CHECK_ERRNO(tcsetpgrp(0, 0x3ffffff0), ESRCH);
		CHECK_ERRNO(tcsetpgrp(0, getppid()), EPERM); /* of another session */
		CHECK_ERRNO(ioctl(0, TIOCSPGRP, BAD_PTR), EFAULT);
		CHECK_ERRNO(ioctl(0, TIOCGPGRP, BAD_PTR), EFAULT);
		pid = fork_child();
		if (pid == 0) {
			CHECK_OK(setsid());
			CHECK_ERRNO(tcgetpgrp(0), ENOTTY);
			CHECK_ERRNO(ioctl(0, TIOCSPGRP, &group), ENOTTY);
			_exit(0);
		}
		wait_ok(pid);
		_exit(0);
	}
	CHECK_EQ(wait_exit(pid), 0);
}

/* A job in the background: reading stops it with SIGTTIN. */
TEST(background_read)
{
	pid_t pid = leader();

	if (pid == 0) {
		int status;
		char c;
		pid_t job = fork_child();

		if (job == 0) {
			setpgid(0, 0);
			_exit(read(0, &c, 1) == 1 && c == 'k' ? 0 : 1);
		}
		setpgid(job, job);
		CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
		CHECK(WIFSTOPPED(status));
		CHECK_EQ(WSTOPSIG(status), SIGTTIN);
		CHECK_OK(tcsetpgrp(0, job));
		CHECK_OK(kill(-job, SIGCONT)); /* fg: the read goes on */
		wait_ok(job);
		_exit(0);
	}
	type("k\n");
	wait_ok(pid);
}

TEST(background_read_without_the_signal)
{
	pid_t pid = leader();

	if (pid == 0) {
		pid_t job = fork_child();
		char c;

		if (job == 0) {
			setpgid(0, 0);
			signal(SIGTTIN, SIG_IGN);
			CHECK_ERRNO(read(0, &c, 1), EIO);
			_exit(0);
		}
		setpgid(job, job);
		wait_ok(job);
		_exit(0);
	}
	wait_ok(pid);
}

/* Writing is allowed unless TOSTOP; changing the terminal is not. */
TEST(background_write)
{
	pid_t pid = leader();

	if (pid == 0) {
		struct termios t;
		int status;
		pid_t job = fork_child();

		if (job == 0) {
			setpgid(0, 0);
			while (getpgrp() != getpid())
				;
			say("out");
			CHECK_OK(tcgetattr(0, &t));
			tcsetattr(0, TCSANOW, &t); /* stops here */
			signal(SIGTTOU, SIG_IGN);
			CHECK_OK(tcsetattr(0, TCSANOW, &t)); /* ignored: allowed */
			_exit(0);
		}
		setpgid(job, job);
		CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
		CHECK(WIFSTOPPED(status));
		CHECK_EQ(WSTOPSIG(status), SIGTTOU);
		CHECK_OK(tcsetpgrp(0, job));
		kill(-job, SIGCONT);
		wait_ok(job);
		_exit(0);
	}
	hear("out");
	wait_ok(pid);
}

TEST(tostop)
{
	pid_t pid = leader();

	if (pid == 0) {
		struct termios t;
		int status;
		pid_t job;

		CHECK_OK(tcgetattr(0, &t));
		t.c_lflag |= TOSTOP;
		CHECK_OK(tcsetattr(0, TCSANOW, &t));
		job = fork_child();
		if (job == 0) {
			setpgid(0, 0);
			say("x");
			_exit(0);
		}
		setpgid(job, job);
		CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
		CHECK(WIFSTOPPED(status));
		CHECK_EQ(WSTOPSIG(status), SIGTTOU);
		kill(-job, SIGKILL);
		wait_status(job);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(resize_signals_the_foreground)
{
	struct winsize w = {30, 100, 0, 0};
	pid_t pid = leader();

	if (pid == 0) {
		struct winsize v;

		catch_signal(SIGWINCH, 0);
		say("ready");
		pause();
		CHECK_EQ(sig_count[SIGWINCH], 1);
		CHECK_OK(ioctl(0, TIOCGWINSZ, &v));
		CHECK_EQ(v.ws_row, 30);
		_exit(0);
	}
	hear("ready");
	settle();
	CHECK_OK(ioctl(m, TIOCSWINSZ, &w));
	wait_ok(pid);
}

TEST(same_size_is_no_signal)
{
	struct winsize w = {0, 0, 0, 0};
	pid_t pid = leader();

	if (pid == 0) {
		catch_signal(SIGWINCH, 0);
		say("ready");
		CHECK_EQ(read(0, (char[4]){0}, 4), 2);
		_exit(sig_count[SIGWINCH] ? 1 : 0);
	}
	hear("ready");
	CHECK_OK(ioctl(m, TIOCSWINSZ, &w));
	type("a\n");
	wait_ok(pid);
}

/* The master goes: SIGHUP and SIGCONT for the leader and the foreground group. */
TEST(hang_up)
{
	pid_t pid = leader();
	char c;

	if (pid == 0) {
		close(m);
		catch_signal(SIGHUP, 0);
		catch_signal(SIGCONT, 0);
		say("ready");
		while (!sig_count[SIGHUP] || !sig_count[SIGCONT])
			sleep_ms(1);
		CHECK_EQ(read(0, &c, 1), 0);
		CHECK_ERRNO(write(0, "x", 1), EIO);
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	hear("ready");
	close(m);
	wait_ok(pid);
}

TEST(hang_up_kills)
{
	pid_t pid = leader();

	if (pid == 0) {
		close(m);
		say("ready");
		pause();
	}
	hear("ready");
	close(m);
	CHECK_EQ(wait_exit(pid), 128 + SIGHUP);
}

/* The leader exits: the foreground group gets SIGHUP, the terminal is free. */
TEST(leader_exits)
{
	int p[2];
	pid_t pid;
	char c;

	CHECK_OK(pipe(p));
	pid = leader();
	if (pid == 0) {
		pid_t job = fork();

		if (job == 0) {
			catch_signal(SIGHUP, 0);
			say("ready");
			while (!sig_count[SIGHUP])
				sleep_ms(1);
			CHECK_EQ(write(p[1], "h", 1), 1);
			_exit(0);
		}
		sleep_ms(60);
		_exit(0);
	}
	hear("ready");
	wait_ok(pid);
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	/* Another session may take it. */
	pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setsid());
		CHECK_OK(open(slave, O_RDWR));
		CHECK_OK(open("/dev/tty", O_RDWR));
		_exit(0);
	}
	wait_ok(pid);
}
