// SPDX-License-Identifier: Apache-2.0
#include "runsc-c/guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The guard keeps nothing open but the terminal and the pipe: others wait for the ends of
 * what we hold.
 */
static void guard(int pipe_hfd, int tty_hfd, const struct termios *saved)
{
	bool raw = false;
	char c;

	prctl(PR_SET_NAME, "runsc-terminal");
	/* A group of its own: what is sent to our job does not end it. */
	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (dup2(tty_hfd, 0) < 0 || dup2(pipe_hfd, 1) < 0)
		_exit(1);
	close_range(2, ~0u, 0);
	while (read(1, &c, 1) == 1)
		raw = c == 'r';
	if (raw)
		tcsetattr(0, TCSANOW, saved);
	_exit(0);
}

int guard_start(int tty_hfd, const struct termios *saved, int *hpid)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return -1;
	/* It sleeps in read(2) until the end: any standard descriptor may be in the way
	 * of dup2. */
	if (p[0] < 2) {
		close(p[0]);
		close(p[1]);
		return -1;
	}
	*hpid = fork();
	if (*hpid == 0) {
		close(p[1]);
		guard(p[0], tty_hfd, saved);
	}
	close(p[0]);
	if (*hpid > 0)
		return p[1];
	close(p[1]);
	return -1;
}

void guard_tell(int guard_hfd, bool raw)
{
	if (guard_hfd >= 0 && write(guard_hfd, raw ? "r" : "c", 1) != 1)
		return; /* it is gone: nobody guards */
}

void guard_end(int guard_hfd, int hpid)
{
	if (guard_hfd < 0)
		return;
	close(guard_hfd);
	waitpid(hpid, NULL, 0);
}
