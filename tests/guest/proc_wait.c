/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait4 and waitid: which children they see, what they report, what they leave behind.
 * Source: wait(2), wait4(2), sigaction(2) (SIG_IGN, SA_NOCLDWAIT).
 */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "harness.h"

static pid_t exiting(int code)
{
	pid_t pid = fork_child();

	if (pid == 0)
		_exit(code);
	return pid;
}

/* Waits until the child is a zombie, without reaping it. */
static void until_dead(pid_t pid)
{
	siginfo_t si;

	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
}

TEST(exit_codes_are_eight_bits)
{
	int status;
	pid_t pid = exiting(0x1234);

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0x3400);
	pid = exiting(-1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0xff00);
}

TEST(killed_status)
{
	static const int sigs[] = {SIGKILL, SIGTERM, SIGHUP, SIGPIPE, SIGALRM, SIGUSR1};

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
		pid_t pid = pausing();

		kill(pid, sigs[i]);
		CHECK_EQ(wait_status(pid), sigs[i]);
	}
}

/* Signals that dump core: the 0x80 bit only when one was written (RLIMIT_CORE). */
TEST(core_signals)
{
	struct rlimit none = {0, 0};

	CHECK_OK(setrlimit(RLIMIT_CORE, &none));
	pid_t pid = pausing();
	kill(pid, SIGABRT);
	CHECK_EQ(WTERMSIG(wait_status(pid)), SIGABRT);
}

TEST(no_children)
{
	siginfo_t si;

	CHECK_ERRNO(wait(NULL), ECHILD);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
	CHECK_ERRNO(waitpid(getpid(), NULL, 0), ECHILD);
	CHECK_ERRNO(waitpid(getppid(), NULL, 0), ECHILD);
	CHECK_ERRNO(waitpid(0, NULL, 0), ECHILD);
	CHECK_ERRNO(waitpid(-12345, NULL, 0), ECHILD);
	CHECK_ERRNO(waitid(P_ALL, 0, &si, WEXITED), ECHILD);
	CHECK_ERRNO(waitid(P_PID, 1, &si, WEXITED), ECHILD);
}

TEST(bad_arguments)
{
	siginfo_t si;
	int status;
	pid_t pid = pausing();

	CHECK_ERRNO(wait4(pid, &status, 0x10000000 >> 4, NULL), EINVAL);
	CHECK_ERRNO(wait4(INT32_MIN, &status, 0, NULL), ESRCH);
	CHECK_ERRNO(waitid(P_ALL, 0, &si, 0), EINVAL); /* nothing to wait for */
	CHECK_ERRNO(waitid(P_ALL, 0, &si, WNOHANG), EINVAL);
	CHECK_ERRNO(waitid(P_ALL, 0, &si, WEXITED | 0x100), EINVAL);
	CHECK_ERRNO(waitid((idtype_t)77, 0, &si, WEXITED), EINVAL);
	CHECK_ERRNO(waitid(P_PID, 0, &si, WEXITED), EINVAL);
	CHECK_ERRNO(waitid(P_PID, (id_t)-5, &si, WEXITED), EINVAL);
	CHECK_ERRNO(waitid(P_PGID, (id_t)-5, &si, WEXITED), EINVAL);
	CHECK_ERRNO(waitid(P_PIDFD, (id_t)-1, &si, WEXITED), EINVAL);
	CHECK_ERRNO(waitid(P_PIDFD, 999, &si, WEXITED), EBADF);
	CHECK_ERRNO(waitid(P_PIDFD, (id_t)CHECK_OK(open("/", O_RDONLY)), &si, WEXITED),
		    EBADF);
	kill_child(pid);
}

TEST(bad_pointers)
{
	/* The child is reaped although its status cannot be stored. */
	pid_t pid = exiting(3);
	CHECK_ERRNO(wait4(pid, BAD_PTR, 0, NULL), EFAULT);
	CHECK_ERRNO(wait4(pid, NULL, 0, NULL), ECHILD);
	pid = exiting(3);
	CHECK_ERRNO(wait4(pid, NULL, 0, BAD_PTR), EFAULT);
	CHECK_ERRNO(wait4(pid, NULL, 0, NULL), ECHILD);
	pid = exiting(3);
	CHECK_ERRNO(syscall(SYS_waitid, P_PID, pid, BAD_PTR, WEXITED, NULL), EFAULT);
	CHECK_ERRNO(wait4(pid, NULL, 0, NULL), ECHILD);
}

TEST(wnohang)
{
	siginfo_t si;
	int status = 77;
	pid_t pid = pausing();

	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(status, 77); /* not touched */
	memset(&si, 0x55, sizeof(si));
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG));
	CHECK_EQ(si.si_pid, 0);
	CHECK_EQ(si.si_signo, 0);
	CHECK_EQ(si.si_code, 0);
	kill_child(pid);
}

TEST(wait_by_group)
{
	pid_t a = exiting(1);
	until_dead(a);
	pid_t b = pausing();
	CHECK_OK(setpgid(b, b));
	kill(b, SIGTERM);
	until_dead(b);
	CHECK_EQ(waitpid(-b, NULL, 0), b);
	CHECK_EQ(waitpid(0, NULL, 0), a); /* our own group */
	CHECK_ERRNO(waitpid(-getpgrp(), NULL, 0), ECHILD);
}

TEST(waitid_by_group)
{
	siginfo_t si;
	pid_t pid = exiting(9);

	CHECK_OK(waitid(P_PGID, (id_t)getpgrp(), &si, WEXITED | WNOWAIT));
	CHECK_EQ(si.si_pid, pid);
	CHECK_OK(waitid(P_PGID, 0, &si, WEXITED)); /* 0: the caller's group */
	CHECK_EQ(si.si_pid, pid);
}

TEST(waitid_siginfo)
{
	siginfo_t si;
	pid_t pid = exiting(0x1ff);

	memset(&si, 0x55, sizeof(si));
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WEXITED));
	CHECK_EQ(si.si_signo, SIGCHLD);
	CHECK_EQ(si.si_errno, 0);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_uid, getuid());
	CHECK_EQ(si.si_status, 0xff);

	pid = pausing();
	kill(pid, SIGUSR2);
	CHECK_OK(waitid(P_ALL, 0, &si, WEXITED));
	CHECK_EQ(si.si_code, CLD_KILLED);
	CHECK_EQ(si.si_status, SIGUSR2);
	/* A NULL siginfo is allowed. */
	pid = exiting(0);
	CHECK_OK(waitid(P_PID, (id_t)pid, NULL, WEXITED));
}

TEST(wnowait_leaves_the_child)
{
	siginfo_t si;
	pid_t pid = exiting(5);

	for (int i = 0; i < 3; i++) {
		CHECK_OK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
		CHECK_EQ(si.si_status, 5);
	}
	CHECK_EQ(wait_exit(pid), 5);
	CHECK_ERRNO(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), ECHILD);
}

TEST(stopped_and_continued)
{
	siginfo_t si;
	int status;
	pid_t pid = pausing();

	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	/* Reported once. */
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK_EQ(status, 0xffff);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);

	kill(pid, SIGTSTP);
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT));
	CHECK_EQ(si.si_code, CLD_STOPPED);
	CHECK_EQ(si.si_status, SIGTSTP);
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WSTOPPED));
	kill(pid, SIGCONT);
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WCONTINUED | WNOWAIT));
	CHECK_EQ(si.si_code, CLD_CONTINUED);
	CHECK_EQ(si.si_status, SIGCONT);
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WCONTINUED));
	kill_child(pid);
}

TEST(without_wuntraced_stops_are_not_seen)
{
	pid_t pid = pausing();

	kill(pid, SIGSTOP);
	siginfo_t si;
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT));
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	kill_child(pid); /* SIGKILL ends a stopped process */
}

TEST(sigcont_takes_back_an_unreported_stop)
{
	int status;
	pid_t pid = pausing();

	kill(pid, SIGSTOP);
	siginfo_t si;
	CHECK_OK(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT));
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	kill_child(pid);
}

static void *wait_in_thread(void *arg)
{
	return (void *)(intptr_t)wait_exit(*(pid_t *)arg);
}

TEST(any_thread_may_wait)
{
	pid_t pid = exiting(21);

	CHECK_EQ((intptr_t)thread_join(thread_start(wait_in_thread, &pid)), 21);
}

static void *fork_in_thread(void *arg)
{
	*(pid_t *)arg = exiting(22);
	return NULL;
}

/* __WNOTHREAD: only children of the calling thread. */
TEST(wnothread)
{
	pid_t pid, got;

	thread_join(thread_start(fork_in_thread, &pid));
	until_dead(pid);
	/*
	 * The forking thread is gone: its children went to another thread of the group.
	 * They do so a moment after its end is announced to who joins it.
	 */
	for (int i = 0; (got = waitpid(pid, NULL, __WNOTHREAD)) < 0 && i < 1000; i++)
		sleep_ms(1);
	CHECK_EQ(got, pid);
	pid = exiting(1);
	CHECK_EQ(waitpid(pid, NULL, __WNOTHREAD), pid);
}

TEST(wclone_and_wall)
{
	pid_t normal = exiting(1);
	until_dead(normal);
	CHECK_ERRNO(waitpid(normal, NULL, __WCLONE), ECHILD);
	CHECK_EQ(waitpid(normal, NULL, __WALL), normal);
	pid_t special = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (special == 0)
		_exit(2);
	CHECK_OK(special);
	CHECK_EQ(waitpid(special, NULL, __WCLONE), special);
	special = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (special == 0)
		_exit(2);
	CHECK_ERRNO(waitpid(special, NULL, 0), ECHILD);
	CHECK_EQ(waitpid(-1, NULL, __WALL), special);
}

static void dies_at_once(void)
{
	pid_t pid = exiting(0);

	/* wait blocks until the child is gone and then finds none. */
	CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
	CHECK_ERRNO(kill(pid, 0), ESRCH);
}

TEST(sigchld_ignored_reaps)
{
	signal(SIGCHLD, SIG_IGN);
	dies_at_once();
	CHECK_ERRNO(wait(NULL), ECHILD);
}

TEST(sa_nocldwait_reaps_but_signals)
{
	struct sigaction sa;

	catch_signal(SIGCHLD, 0);
	CHECK_OK(sigaction(SIGCHLD, NULL, &sa));
	sa.sa_flags |= SA_NOCLDWAIT;
	CHECK_OK(sigaction(SIGCHLD, &sa, NULL));
	pid_t pid = exiting(0);
	while (!sig_count[SIGCHLD])
		sleep_ms(1);
	CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
}

/* The default action of SIGCHLD is to do nothing, which is not the same as SIG_IGN. */
TEST(sigchld_default_keeps_zombies)
{
	signal(SIGCHLD, SIG_DFL);
	pid_t pid = exiting(8);
	until_dead(pid);
	CHECK_OK(kill(pid, 0)); /* a zombie still has its pid */
	CHECK_EQ(wait_exit(pid), 8);
	CHECK_ERRNO(kill(pid, 0), ESRCH);
}

TEST(sigchld_siginfo)
{
	catch_signal(SIGCHLD, SA_SIGINFO);
	pid_t pid = exiting(17);
	while (!sig_count[SIGCHLD])
		sleep_ms(1);
	CHECK_EQ(sig_info.si_code, CLD_EXITED);
	CHECK_EQ(sig_info.si_pid, pid);
	CHECK_EQ(sig_info.si_uid, getuid());
	CHECK_EQ(sig_info.si_status, 17);
	CHECK_EQ(wait_exit(pid), 17);
}

TEST(interrupted_by_a_handler)
{
	pid_t pid = pausing();

	catch_signal(SIGALRM, 0);
	alarm(1);
	CHECK_ERRNO(waitpid(pid, NULL, 0), EINTR);
	kill_child(pid);
}

TEST(restarted_with_sa_restart)
{
	struct timespec ts = {0, 250000000};

	catch_signal(SIGUSR1, SA_RESTART);
	pid_t me = getpid(), pid = fork_child();
	if (pid == 0) {
		sleep_ms(60);
		kill(me, SIGUSR1);
		nanosleep(&ts, NULL);
		_exit(6);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 6);
	CHECK_EQ(sig_count[SIGUSR1], 1);
}

TEST(rusage_of_the_child)
{
	struct rusage ru;
	int status;

	memset(&ru, 0x55, sizeof(ru));
	pid_t pid = fork_child();
	if (pid == 0) {
		long long until = now_ms() + 60;

		while (now_ms() < until)
			;
		_exit(0);
	}
	CHECK_EQ(wait4(pid, &status, 0, &ru), pid);
	long long us = (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000LL +
		       ru.ru_utime.tv_usec + ru.ru_stime.tv_usec;
	CHECK(us > 5000);
	CHECK(us < 5000000);
	CHECK(ru.ru_maxrss > 0);
	/* The call itself takes a rusage too, waitid's fifth argument. */
	pid = exiting(0);
	memset(&ru, 0x55, sizeof(ru));
	CHECK_OK(syscall(SYS_waitid, P_PID, pid, NULL, WEXITED, &ru));
	CHECK(ru.ru_utime.tv_sec < 5);
}

TEST(children_of_others_are_not_ours)
{
	int p[2], kid;

	CHECK_OK(pipe(p));
	pid_t mid = fork_child();
	if (mid == 0) {
		kid = pausing();
		CHECK_EQ(write(p[1], &kid, sizeof(kid)), sizeof(kid));
		pause();
	}
	CHECK_EQ(read(p[0], &kid, sizeof(kid)), sizeof(kid));
	CHECK_ERRNO(waitpid(kid, NULL, 0), ECHILD);
	kill_child(mid);
}

/* A dead main thread with living threads is no zombie yet for wait. */
static void *outlives(void *arg)
{
	sleep_ms(80);
	_exit((int)(intptr_t)arg);
}

TEST(group_ends_with_its_last_thread)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		thread_start(outlives, (void *)31);
		syscall(SYS_exit, 7); /* this thread only */
	}
	sleep_ms(30);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_EQ(wait_exit(pid), 31);
}

/* Without exit_group the code of a group is that of the thread that ended last. */
static void *ends_quietly(void *arg)
{
	sleep_ms(30);
	syscall(SYS_exit, 9);
	return arg;
}

TEST(exit_code_is_the_last_threads)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		thread_start(ends_quietly, NULL);
		syscall(SYS_exit, 7);
	}
	CHECK_EQ(wait_exit(pid), 9);
}
