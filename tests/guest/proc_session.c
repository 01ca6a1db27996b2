/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions and process groups: setsid, setpgid, getsid, getpgid, and what happens to a
 * group that loses its last parent in the session. Source: setsid(2), setpgid(2),
 * credentials(7), POSIX 3.264 (orphaned process group), _exit (consequences).
 */
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>

#include "harness.h"

TEST(setsid_makes_all_three_ids_equal)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		pid_t old = getsid(0);

		CHECK(old != getpid());
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_EQ(getpgrp(), getpid());
		CHECK_ERRNO(setsid(), EPERM);	   /* already a leader */
		CHECK_ERRNO(setpgid(0, 0), EPERM); /* a session leader stays */
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(group_leader_cannot_setsid)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_OK(setpgid(0, 0));
		CHECK_ERRNO(setsid(), EPERM);
		_exit(0);
	}
	wait_ok(pid);
}

/* A pid that still names a group cannot become a session, even with another leader. */
TEST(setsid_when_the_group_lives_on)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_OK(setpgid(0, 0));
		pid_t other = pausing(); /* stays in our group */
		CHECK_OK(setpgid(0, getppid() == getpgid(getppid()) ? getppid() : 0));
		if (getpgrp() != getpid())
			CHECK_ERRNO(setsid(), EPERM);
		kill_child(other);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(getsid_and_getpgid)
{
	pid_t pid = pausing();

	CHECK_EQ(getsid(pid), getsid(0));
	CHECK_EQ(getpgid(pid), getpgrp());
	CHECK_EQ(getpgid(0), getpgrp());
	kill_child(pid);
	CHECK_ERRNO(getsid(pid), ESRCH);
	CHECK_ERRNO(getpgid(pid), ESRCH);
	CHECK_ERRNO(getpgid(-1), ESRCH);
}

TEST(setpgid_of_a_child)
{
	pid_t a = pausing(), b = pausing();

	CHECK_OK(setpgid(a, 0)); /* 0: the process' own pid */
	CHECK_EQ(getpgid(a), a);
	CHECK_OK(setpgid(b, a));
	CHECK_EQ(getpgid(b), a);
	CHECK_OK(setpgid(b, a)); /* again: no change */
	CHECK_OK(setpgid(b, getpgrp()));
	CHECK_OK(setpgid(a, getpgrp()));
	/* The group a is gone now. */
	CHECK_ERRNO(setpgid(b, a), EPERM);
	CHECK_ERRNO(kill(-a, 0), ESRCH);
	kill_child(a);
	kill_child(b);
}

TEST(setpgid_errors)
{
	pid_t pid = pausing();

	CHECK_ERRNO(setpgid(pid, -1), EINVAL);
	CHECK_ERRNO(setpgid(-1, 0), EINVAL);
	CHECK_ERRNO(setpgid(-1, getpgrp()), ESRCH);
	CHECK_ERRNO(setpgid(getppid(), 0), ESRCH); /* neither me nor a child */
	CHECK_ERRNO(setpgid(pid, 0x7ffffff0), EPERM);
	kill_child(pid);
	CHECK_ERRNO(setpgid(pid, 0), ESRCH);
}

TEST(setpgid_across_sessions)
{
	int p[2];
	char c;

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		setsid();
		CHECK_EQ(write(p[1], "x", 1), 1);
		pause();
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_ERRNO(setpgid(pid, 0), EPERM); /* a child in another session */
	pid_t other = pausing();
	CHECK_ERRNO(setpgid(other, pid), EPERM); /* a group of another session */
	kill_child(other);
	kill_child(pid);
}

int test_role_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	write(3, "x", 1);
	pause();
	return 0;
}

TEST(setpgid_after_exec_is_refused)
{
	const char *argv[] = {"self", "--role", "x", NULL};
	int p[2];
	char c;

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		dup2(p[1], 3);
		execv("/proc/self/exe", (char **)argv);
		_exit(1);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_ERRNO(setpgid(pid, pid), EACCES);
	kill_child(pid);
}

static void *set_group_in_thread(void *arg)
{
	CHECK_OK(setpgid(0, 0));
	CHECK_EQ(getpgrp(), getpid());
	return arg;
}

TEST(a_thread_moves_its_process)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		thread_join(thread_start(set_group_in_thread, NULL));
		CHECK_EQ(getpgrp(), getpid());
		_exit(0);
	}
	wait_ok(pid);
}

TEST(kill_reaches_the_whole_group)
{
	pid_t a = pausing(), b = pausing(), c = pausing();

	CHECK_OK(setpgid(a, a));
	CHECK_OK(setpgid(b, a));
	CHECK_OK(kill(-a, SIGTERM));
	CHECK_EQ(wait_exit(a), 128 + SIGTERM);
	CHECK_EQ(wait_exit(b), 128 + SIGTERM);
	CHECK_EQ(waitpid(c, NULL, WNOHANG), 0);
	kill_child(c);
	CHECK_ERRNO(kill(-a, SIGTERM), ESRCH);
}

/* kill(0) is the caller's group, the caller included. */
TEST(kill_zero)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		CHECK_OK(setpgid(0, 0));
		pid_t kid = pausing();
		catch_signal(SIGUSR1, 0);
		CHECK_OK(kill(0, SIGUSR1));
		CHECK_EQ(sig_count[SIGUSR1], 1);
		CHECK_EQ(wait_exit(kid), 128 + SIGUSR1);
		_exit(0);
	}
	wait_ok(pid);
}

/*
 * Orphaned groups: MID makes a child in a group of its own, stops it and exits. The last
 * link to the session is gone: the kernel sends SIGHUP and SIGCONT to the group.
 */
static volatile sig_atomic_t got_hup, got_cont;

static void note(int sig)
{
	if (sig == SIGHUP)
		got_hup = 1;
	else
		got_cont = 1;
}

static void stop_child_and_exit(int ready, int report)
{
	pid_t kid = fork();

	if (kid == 0) {
		signal(SIGHUP, note);
		signal(SIGCONT, note);
		setpgid(0, 0);
		CHECK_EQ(write(ready, "r", 1), 1);
		raise(SIGSTOP);
		while (!got_hup || !got_cont)
			sleep_ms(2);
		CHECK_EQ(write(report, "h", 1), 1);
		_exit(0);
	}
	CHECK_EQ(waitpid(kid, NULL, WUNTRACED), kid);
	_exit(0);
}

TEST(orphaned_stopped_group_gets_hup_and_cont)
{
	int ready[2], report[2];
	char c;

	CHECK_OK(pipe(ready));
	CHECK_OK(pipe(report));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t pid = fork_child();
	if (pid == 0) {
		/* A session of its own, so that the new parent is outside of it. */
		setsid();
		pid_t mid = fork();
		if (mid == 0)
			stop_child_and_exit(ready[1], report[1]);
		wait_ok(mid);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	CHECK_EQ(read(report[0], &c, 1), 1);
	wait_ok(pid);
}

/* Members of an orphaned group do not stop at the terminal's stop signals. */
TEST(orphaned_group_ignores_tstp)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		setsid(); /* a new session's group is orphaned: its parent is outside */
		raise(SIGTSTP);
		raise(SIGTTIN);
		raise(SIGTTOU);
		_exit(5);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 5);
}

TEST(orphaned_group_does_stop_at_sigstop)
{
	int status;
	pid_t pid = fork_child();

	if (pid == 0) {
		setsid();
		raise(SIGSTOP);
		_exit(5);
	}
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	kill_child(pid);
}

/* The death of a session leader with a terminal hangs up the foreground group. */
TEST(leader_exit_hangs_up)
{
	int pty = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlock = 0, n;
	int report[2];
	char name[32], c;

	NEED(pty, "/dev/ptmx");
	CHECK_OK(ioctl(pty, TIOCSPTLCK, &unlock));
	CHECK_OK(ioctl(pty, TIOCGPTN, &n));
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	CHECK_OK(pipe(report));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t pid = fork_child();
	if (pid == 0) {
		setsid();
		CHECK_OK(open(name, O_RDWR)); /* becomes the controlling terminal */
		CHECK_EQ(tcgetsid(CHECK_OK(open("/dev/tty", O_RDWR))), getpid());
		block_signal(SIGHUP);
		pid_t kid = fork();
		if (kid == 0) {
			sigset_t set;

			sigemptyset(&set);
			sigaddset(&set, SIGHUP);
			CHECK_EQ(sigwaitinfo(&set, NULL), SIGHUP);
			CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
			CHECK_EQ(write(report[1], "h", 1), 1);
			_exit(0);
		}
		sleep_ms(30);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(read(report[0], &c, 1), 1);
}
