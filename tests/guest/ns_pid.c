/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID namespaces: numbering, init's special standing, what the outside sees, /proc.
 * Source: pid_namespaces(7).
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "harness.h"

/* A child that is init of a new pid namespace; skips if that is not allowed. */
static pid_t new_init(void)
{
	need_root();
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);

	NEED(pid, "clone(CLONE_NEWPID)");
	return pid;
}

TEST(init_is_one)
{
	pid_t init = new_init();

	if (init == 0) {
		CHECK_EQ(getpid(), 1);
		CHECK_EQ(getppid(), 0); /* the parent lives outside */
		CHECK_EQ(thread_id(), 1);
		pid_t kid = fork();
		if (kid == 0) {
			CHECK_EQ(getpid(), 2);
			CHECK_EQ(getppid(), 1);
			_exit(4);
		}
		CHECK_EQ(kid, 2);
		CHECK_EQ(wait_exit(kid), 4);
		_exit(5);
	}
	CHECK(init > 1);
	CHECK_EQ(wait_exit(init), 5);
}

TEST(unshare_applies_to_children)
{
	pid_t me = getpid();

	need_root();
	NEED(unshare(CLONE_NEWPID), "unshare(CLONE_NEWPID)");
	CHECK_EQ(getpid(), me); /* not to the caller */
	pid_t init = fork();
	if (init == 0) {
		CHECK_EQ(getpid(), 1);
		_exit(6);
	}
	CHECK_EQ(wait_exit(init), 6);
	/* Without init nobody can be born there. */
	CHECK_ERRNO(fork(), ENOMEM);
}

TEST(links_tell)
{
	char own[64] = "", children[64] = "";

	need_root();
	NEED(unshare(CLONE_NEWPID), "unshare(CLONE_NEWPID)");
	CHECK(readlink("/proc/self/ns/pid", own, 63) > 0);
	ssize_t n = readlink("/proc/self/ns/pid_for_children", children, 63);
	/* It has no link before its init was born. */
	if (n < 0)
		CHECK_EQ(errno, ENOENT);
	pid_t init = fork();
	if (init == 0) {
		pause();
		_exit(0);
	}
	CHECK(readlink("/proc/self/ns/pid_for_children", children, 63) > 0);
	CHECK(strcmp(own, children) != 0);
	kill(init, SIGKILL);
	wait_status(init);
}

/* init's end takes everyone along. */
TEST(end_of_init_kills_the_rest)
{
	int p[2];
	char c;

	CHECK_OK(pipe(p));
	pid_t init = new_init();
	if (init == 0) {
		for (int i = 0; i < 5; i++)
			if (fork() == 0)
				for (;;)
					pause(); /* holds the pipe's write end */
		_exit(3);
	}
	close(p[1]);
	CHECK_EQ(wait_exit(init), 3);
	CHECK_EQ(read(p[0], &c, 1), 0); /* all are gone */
}

/* Orphans inside go to init, not to the outside. */
TEST(init_inherits_orphans)
{
	pid_t init = new_init();

	if (init == 0) {
		pid_t mid = fork();

		if (mid == 0) {
			if (fork() == 0) {
				while (getppid() == 2)
					sleep_ms(1);
				_exit(getppid() == 1 ? 8 : 9);
			}
			_exit(0);
		}
		CHECK_EQ(wait_exit(mid), 0);
		CHECK_EQ(wait_exit(3), 8);
		_exit(0);
	}
	wait_ok(init);
}

/* Signals to init from inside: only those it handles.
 * From outside KILL and STOP as well. */
TEST(init_and_signals)
{
	int status;
	pid_t init = new_init();

	if (init == 0) {
		pid_t kid = fork();

		if (kid == 0) {
			CHECK_OK(kill(1, SIGKILL));
			CHECK_OK(kill(1, SIGTERM));
			CHECK_OK(kill(1, SIGSTOP));
			_exit(0);
		}
		CHECK_EQ(wait_exit(kid), 0);
		CHECK_OK(kill(getpid(), SIGTERM)); /* by itself neither */
		catch_signal(SIGUSR1, 0);
		raise(SIGUSR1);
		CHECK_EQ(sig_count[SIGUSR1], 1);
		raise(SIGSTOP);
		for (;;)
			pause();
	}
	settle();
	CHECK_EQ(waitpid(init, &status, WNOHANG | WUNTRACED), 0);
	CHECK_OK(kill(init, SIGTERM)); /* no handler: nothing, even from outside */
	settle();
	CHECK_EQ(waitpid(init, &status, WNOHANG), 0);
	CHECK_OK(kill(init, SIGKILL));
	CHECK_EQ(wait_exit(init), 128 + SIGKILL);
}

/* A sender from outside has pid 0 in siginfo. */
TEST(sender_outside_is_zero)
{
	int p[2], got;

	CHECK_OK(pipe(p));
	pid_t init = new_init();
	if (init == 0) {
		siginfo_t si;
		sigset_t set;

		block_signal(SIGUSR1);
		CHECK_EQ(write(p[1], "rdy", 4), 4);
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		CHECK_EQ(sigwaitinfo(&set, &si), SIGUSR1);
		_exit(si.si_pid == 0 ? 0 : 1);
	}
	CHECK_EQ(read(p[0], &got, 4), 4);
	CHECK_OK(kill(init, SIGUSR1));
	wait_ok(init);
}

TEST(nested)
{
	pid_t outer = new_init();

	if (outer == 0) {
		pid_t inner =
			(pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);

		CHECK_OK(inner);
		if (inner == 0) {
			CHECK_EQ(getpid(), 1);
			CHECK_ERRNO(kill(2, 0), ESRCH);
			_exit(7);
		}
		CHECK_EQ(inner, 2);
		CHECK_EQ(wait_exit(inner), 7);
		_exit(0);
	}
	wait_ok(outer);
}

/* A /proc mounted inside shows its own processes, by their inner numbers. */
TEST(proc_inside)
{
	pid_t init = new_init();

	if (init == 0) {
		char text[8192];
		struct stat st;

		CHECK_OK(unshare(CLONE_NEWNS));
		CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
		CHECK_OK(mount("proc", "/proc", "proc", 0, NULL));
		CHECK_EQ(file_field("/proc/self/status", "Pid"), 1);
		CHECK_EQ(file_field("/proc/1/status", "PPid"), 0);
		CHECK_ERRNO(stat("/proc/2", &st), ENOENT);
		size_t n = read_file("/proc/self/status", text, sizeof(text) - 1);
		text[n] = 0;
		CHECK(strstr(text, "\nNSpid:\t1\n") != NULL);
		_exit(0);
	}
	wait_ok(init);
}

/* From outside the same process has both numbers. */
TEST(nspid_seen_from_outside)
{
	char path[64], text[8192], want[64];
	pid_t init = new_init();

	if (init == 0) {
		for (;;)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d/status", init);
	size_t n = read_file(path, text, sizeof(text) - 1);
	text[n] = 0;
	snprintf(want, sizeof(want), "%d\t1\n", init);
	char *line = strstr(text, "NSpid:");
	CHECK(line != NULL);
	CHECK(strstr(line, want) != NULL);
	kill(init, SIGKILL);
	wait_status(init);
}

TEST(setns_into_it)
{
	char path[64];
	pid_t init = new_init();

	if (init == 0) {
		for (;;)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", init);
	int fd = CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
	pid_t me = getpid();
	CHECK_OK(setns(fd, CLONE_NEWPID));
	CHECK_EQ(getpid(), me);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK_EQ(getpid(), 2);
		CHECK_EQ(getppid(), 0);
		_exit(0);
	}
	CHECK_OK(pid);
	wait_ok(pid);
	kill(init, SIGKILL);
	wait_status(init);
}

/* PR_SET_CHILD_SUBREAPER works within the namespace as well. */
TEST(subreaper_inside)
{
	pid_t init = new_init();

	if (init == 0) {
		pid_t reaper = fork();

		if (reaper == 0) {
			CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
			if (fork() == 0) {
				if (fork() == 0) {
					while (getppid() == 3)
						sleep_ms(1);
					_exit(getppid() == 2 ? 0 : 1);
				}
				_exit(0);
			}
			CHECK_EQ(wait_exit(3), 0);
			_exit(wait_exit(4));
		}
		_exit(wait_exit(reaper));
	}
	wait_ok(init);
}
