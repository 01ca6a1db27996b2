// SPDX-License-Identifier: Apache-2.0
/* RLIMIT_NPROC when a process becomes another user: setuid works, exec tells. */
#include <sys/resource.h>

#include "harness.h"

#define USER 61234

static pid_t user_process(void)
{
	int p[2];
	char c;

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		CHECK_OK(setuid(USER));
		CHECK_EQ(write(p[1], "x", 1), 1);
		pause();
		_exit(0);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	return pid;
}

static void try_exec(void *arg)
{
	struct rlimit r = {1, 1};
	char *argv[] = {(char *)"true", NULL};

	(void)arg;
	CHECK_OK(setrlimit(RLIMIT_NPROC, &r));
	CHECK_OK(setuid(USER));
	CHECK_ERRNO(execv("/bin/true", argv), EAGAIN);
	CHECK_ERRNO(fork(), EAGAIN);
}

TEST(exec_after_setuid)
{
	need_root();
	pid_t a = user_process(), b = user_process();

	CHECK_EQ(run_child(try_exec, NULL), 0);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	wait_status(a);
	wait_status(b);
}

static void exec_again(void *arg)
{
	struct rlimit r = {1, 1};
	char *argv[] = {(char *)"true", NULL};
	pid_t *pid = arg;

	CHECK_OK(setrlimit(RLIMIT_NPROC, &r));
	CHECK_OK(setuid(USER));
	kill(*pid, SIGKILL);
	/* Its own last process but itself goes: then exec works. */
	for (int i = 0; i < 1000; i++) {
		execv("/bin/true", argv);
		CHECK_EQ(errno, EAGAIN);
		sleep_ms(5);
	}
	_exit(1);
}

TEST(exec_once_there_is_room)
{
	need_root();
	pid_t a = user_process(), b = user_process();
	pid_t c = spawn(exec_again, &a);

	wait_status(a);
	kill(b, SIGKILL);
	wait_status(b);
	CHECK_EQ(wait_exit(c), 0);
}
