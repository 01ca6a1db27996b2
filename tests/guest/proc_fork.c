/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork and vfork: what the child gets and does not get, who waits, who becomes the parent
 * of orphans. Source: fork(2), vfork(2), prctl(2) (PR_SET_CHILD_SUBREAPER).
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "harness.h"

TEST(child_has_own_pid_and_right_parent)
{
	pid_t me = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(getpid() != me);
		CHECK_EQ(getpid(), syscall(SYS_gettid));
		CHECK_EQ(getppid(), me);
		_exit(7);
	}
	CHECK(pid > 0);
	CHECK_EQ(wait_exit(pid), 7);
}

TEST(memory_is_copied)
{
	static int data = 1;
	int *heap = malloc(sizeof(*heap)), stack = 1;
	int p[2];
	char c;

	*heap = 1;
	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(read(p[0], &c, 1)); /* the parent has written by now */
		CHECK_EQ(data, 1);
		CHECK_EQ(*heap, 1);
		data = *heap = stack = 3;
		_exit(0);
	}
	data = *heap = stack = 2;
	CHECK_EQ(write(p[1], "x", 1), 1);
	wait_ok(pid);
	CHECK_EQ(data, 2);
	CHECK_EQ(*heap, 2);
	CHECK_EQ(stack, 2);
}

TEST(descriptors_share_the_offset_not_the_table)
{
	char c;

	scratch_cd();
	put_str("f", "abcdef");
	int fd = CHECK_OK(open("f", O_RDONLY));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(read(fd, &c, 1), 1);
		CHECK_EQ(c, 'a');
		close(fd);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'b');
}

/* What fork(2) lists as not inherited: pending signals, timers, child times. */
TEST(not_inherited)
{
	struct itimerval it = {.it_value.tv_sec = 100}, got;
	sigset_t set;
	struct tms tms;

	block_signal(SIGUSR1);
	raise(SIGUSR1);
	CHECK_OK(setitimer(ITIMER_REAL, &it, NULL));
	CHECK_OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR1));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(sigpending(&set));
		CHECK(!sigismember(&set, SIGUSR1));
		CHECK_OK(getitimer(ITIMER_REAL, &got));
		CHECK_EQ(got.it_value.tv_sec, 0);
		CHECK_EQ(got.it_value.tv_usec, 0);
		CHECK_EQ(alarm(0), 0);
		times(&tms);
		CHECK_EQ(tms.tms_cutime + tms.tms_cstime, 0);
		_exit(0);
	}
	wait_ok(pid);
	CHECK(alarm(0) > 0);
}

static void nothing(int sig)
{
	(void)sig;
}

TEST(inherited)
{
	struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_RESTART}, got;
	stack_t st = {.ss_sp = malloc(65536), .ss_size = 65536}, st_got;
	struct rlimit lim = {100, 200}, lim_got;
	sigset_t set;
	char name[16];

	scratch_cd();
	sigaddset(&sa.sa_mask, SIGUSR2);
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	block_signal(SIGTERM);
	CHECK_OK(sigaltstack(&st, NULL));
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &lim));
	CHECK_OK(prctl(PR_SET_NAME, "forker"));
	umask(0123);
	int old_nice = getpriority(PRIO_PROCESS, 0);
	CHECK_OK(setpriority(PRIO_PROCESS, 0, old_nice + 3));
	pid_t pgid = getpgrp(), sid = getsid(0);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(sigaction(SIGUSR1, NULL, &got));
		CHECK(got.sa_handler == nothing);
		CHECK(got.sa_flags & SA_RESTART);
		CHECK(sigismember(&got.sa_mask, SIGUSR2));
		CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &set));
		CHECK(sigismember(&set, SIGTERM));
		CHECK_OK(sigaltstack(NULL, &st_got));
		CHECK(st_got.ss_sp == st.ss_sp);
		CHECK_EQ(st_got.ss_size, st.ss_size);
		CHECK_OK(getrlimit(RLIMIT_NOFILE, &lim_got));
		CHECK_EQ(lim_got.rlim_cur, 100);
		CHECK_EQ(lim_got.rlim_max, 200);
		CHECK_OK(prctl(PR_GET_NAME, name));
		CHECK_STR(name, "forker");
		CHECK_EQ(umask(0), 0123);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), old_nice + 3);
		CHECK_EQ(getpgrp(), pgid);
		CHECK_EQ(getsid(0), sid);
		_exit(0);
	}
	wait_ok(pid);
}

/* Only the calling thread lives in the child. */
static void *sleeper(void *arg)
{
	pause();
	return arg;
}

TEST(only_the_calling_thread_is_copied)
{
	for (int i = 0; i < 3; i++)
		thread_start(sleeper, NULL);
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_EQ(file_field("/proc/self/status", "Threads"), 1);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(file_field("/proc/self/status", "Threads"), 4);
}

static void *fork_here(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* The thread became a process: its tid is its pid. */
		CHECK_EQ(syscall(SYS_gettid), getpid());
		_exit(5);
	}
	CHECK_EQ(wait_exit(pid), 5);
	return arg;
}

TEST(fork_from_a_thread)
{
	thread_join(thread_start(fork_here, NULL));
}

TEST(vfork_shares_memory_and_stops_the_parent)
{
	volatile int shared = 0;

	long long begin = now_ms();
	pid_t pid = vfork();
	if (pid == 0) {
		struct timespec ts = {0, 60000000};

		syscall(SYS_nanosleep, &ts, NULL);
		shared = 42;
		_exit(3);
	}
	CHECK(now_ms() - begin >= 50);
	CHECK_EQ(shared, 42);
	CHECK_EQ(wait_exit(pid), 3);
}

TEST(vfork_child_killed_releases_the_parent)
{
	volatile int shared = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		shared = 1;
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	CHECK_EQ(shared, 1);
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

TEST(vfork_exec_releases_the_parent)
{
	const char *argv[] = {"self", "--role", "sleep", NULL};
	char *env[] = {NULL};
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/proc/self/exe", (char **)argv, env);
		_exit(1);
	}
	/* The child sleeps for long; we came back all the same. */
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(wait_exit(pid), 128 + SIGKILL);
}

int test_role_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	sleep(100);
	return 0;
}

/* A failed exec in a vfork child leaves the memory and the child as they were. */
TEST(vfork_failed_exec)
{
	const char *argv[] = {"none", NULL};
	volatile int err = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/nonexistent/none", (char **)argv, NULL);
		err = errno;
		_exit(9);
	}
	CHECK_EQ(wait_exit(pid), 9);
	CHECK_EQ(err, ENOENT);
}

TEST(orphan_goes_to_the_subreaper)
{
	int p[2], kid;

	CHECK_OK(pipe(p));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t mid = fork_child();
	if (mid == 0) {
		kid = fork();
		if (kid == 0) {
			sleep_ms(20);
			_exit(33);
		}
		CHECK_EQ(write(p[1], &kid, sizeof(kid)), sizeof(kid));
		_exit(0);
	}
	wait_ok(mid);
	CHECK_EQ(read(p[0], &kid, sizeof(kid)), sizeof(kid));
	CHECK_EQ(wait_exit(kid), 33);
	int on = 0;
	CHECK_OK(prctl(PR_GET_CHILD_SUBREAPER, &on));
	CHECK_EQ(on, 1);
}

TEST(subreaper_is_not_inherited)
{
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t pid = fork_child();
	if (pid == 0) {
		int on = 7;

		CHECK_OK(prctl(PR_GET_CHILD_SUBREAPER, &on));
		CHECK_EQ(on, 0);
		_exit(0);
	}
	wait_ok(pid);
}

static void send_and_exit(int fd, int value)
{
	CHECK_EQ(write(fd, &value, sizeof(value)), sizeof(value));
	_exit(0);
}

/* Reparenting of a dead child too: a zombie moves to the reaper and can be waited for. */
TEST(zombie_grandchild_moves_too)
{
	int p[2], kid;

	CHECK_OK(pipe(p));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t mid = fork_child();
	if (mid == 0) {
		kid = fork();
		if (kid == 0)
			_exit(44);
		siginfo_t si;

		CHECK_OK(waitid(P_PID, (id_t)kid, &si, WEXITED | WNOWAIT));
		send_and_exit(p[1], kid);
	}
	CHECK_EQ(read(p[0], &kid, sizeof(kid)), sizeof(kid));
	wait_ok(mid);
	CHECK_EQ(wait_exit(kid), 44);
}

TEST(pdeathsig)
{
	int p[2], got = 0;

	CHECK_OK(pipe(p));
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t mid = fork_child();
	if (mid == 0) {
		pid_t kid = fork();

		if (kid == 0) {
			sigset_t set;

			block_signal(SIGUSR1);
			CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
			kill(getppid(), SIGKILL);
			sigemptyset(&set);
			sigaddset(&set, SIGUSR1);
			send_and_exit(p[1], sigwaitinfo(&set, NULL));
		}
		pause();
	}
	CHECK_EQ(wait_exit(mid), 128 + SIGKILL);
	CHECK_EQ(read(p[0], &got, sizeof(got)), sizeof(got));
	CHECK_EQ(got, SIGUSR1);
}

TEST(many_children_at_once)
{
	pid_t pids[100];

	for (int i = 0; i < 100; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			_exit(i);
	}
	for (int i = 99; i >= 0; i--)
		CHECK_EQ(wait_exit(pids[i]), i);
	CHECK_ERRNO(wait(NULL), ECHILD);
}

TEST(chain_of_forks)
{
	/* Depth 30: each waits for the next and adds one to its status. */
	int depth = 0;

	for (;;) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			if (++depth == 30)
				_exit(1);
			continue;
		}
		int status = wait_exit(pid);
		if (depth == 0) {
			CHECK_EQ(status, 30);
			return;
		}
		_exit(status + 1);
	}
}
