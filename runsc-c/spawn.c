// SPDX-License-Identifier: Apache-2.0
/*
 * clone(2) with namespace flags, id maps written by the parent, then execveat of a
 * descriptor: the child may have lost the right to reach the program by path.
 */
#include "runsc-c/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sentry/base/alloc.h"
#include "sentry/base/log.h"

#define NOBODY 65534

static int open_program(const char *name, struct error *e)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	int hfd;

	if (n <= 0)
		return error_set(e, "cannot find my own directory: /proc is not mounted");
	self[n] = '\0';
	slash = strrchr(self, '/');
	snprintf(slash + 1, sizeof(self) - (size_t)(slash + 1 - self), "%s", name);
	hfd = open(self, O_PATH | O_CLOEXEC);
	if (hfd < 0)
		return error_set(
			e,
			"cannot open %s: %s; the three programs must stand in one "
			"directory",
			self, error_name(errno));
	return hfd;
}

static unsigned long clone_flags(unsigned ns)
{
	return (ns & NS_USER ? CLONE_NEWUSER : 0) | (ns & NS_PID ? CLONE_NEWPID : 0) |
	       (ns & NS_NET ? CLONE_NEWNET : 0) | (ns & NS_IPC ? CLONE_NEWIPC : 0) |
	       (ns & NS_UTS ? CLONE_NEWUTS : 0) | (ns & NS_MNT ? CLONE_NEWNS : 0);
}

/* Of a child from here on: it dies with us, also if that happened already. */
static void die_with_parent(int sync)
{
	struct pollfd p = {sync, 0, 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	poll(&p, 1, 0);
	if (p.revents & POLLHUP)
		_exit(EXIT_STATUS_OURS);
}

/*
 * Runs in the child between clone and exec: only plain system calls. @sync: the pipe to
 * the parent, who alone holds the writing end after the first close here.
 */
static void child_main(const struct spawn_args *a, int program, const int sync[2],
		       bool become_root) NORETURN;
static void child_main(const struct spawn_args *a, int program, const int sync[2],
		       bool become_root)
{
	char *argv[] = {(char *)a->program, (char *)a->arg, NULL};
	char *envp[] = {NULL};
	int base = 3 + (int)a->n_hfds;
	sigset_t none;
	char c;

	close(sync[1]);
	/* Wait until the parent has written the id maps; nothing read: it gave up, or
	 * died. */
	if (read(sync[0], &c, 1) != 1)
		_exit(EXIT_STATUS_OURS);
	if (become_root && (setresgid(0, 0, 0) || setresuid(0, 0, 0)))
		_exit(EXIT_STATUS_OURS);
	/* Only now: a change of ids would undo it. */
	die_with_parent(sync[0]);
	/* Signal state is inherited through exec: the program starts from a clean one. */
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Out of the way of the places 3.. first, then down to them. */
	program = fcntl(program, F_DUPFD_CLOEXEC, base + 16);
	for (size_t i = 0; i < a->n_hfds; i++) {
		int up = fcntl(a->hfds[i], F_DUPFD_CLOEXEC, base + 17);

		if (up < 0 || dup2(up, 3 + (int)i) < 0)
			_exit(EXIT_STATUS_OURS);
	}
	if (a->stdout_hfd >= 0)
		dup2(a->stdout_hfd, 1);
	syscall(SYS_close_range, base, ~0u, CLOSE_RANGE_CLOEXEC);
	syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
	_exit(EXIT_STATUS_OURS);
}

static int write_file(int hpid, const char *name, const char *text)
{
	char path[64];
	AUTO_CLOSE int hfd = -1;
	size_t n = strlen(text);

	snprintf(path, sizeof(path), "/proc/%d/%s", hpid, name);
	hfd = open(path, O_WRONLY | O_CLOEXEC);
	return hfd >= 0 && write(hfd, text, n) == (ssize_t)n ? 0 : -1;
}

/*
 * Root's sandbox becomes nobody on the host; a user's stays that user. The maps of
 * 0 onto it give the child capabilities inside its own namespaces only.
 */
static int write_maps(int hpid, bool nobody)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", nobody ? NOBODY : geteuid());
	if (write_file(hpid, "uid_map", map))
		return -1;
	if (write_file(hpid, "setgroups", "deny") && !nobody)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", nobody ? NOBODY : getegid());
	return write_file(hpid, "gid_map", map);
}

static int try_spawn(const struct spawn_args *a, int program, unsigned ns,
		     struct child *out)
{
	bool user = ns & NS_USER;
	int sync[2] = {-1, -1}, pidfd = -1;
	long hpid;

	if (pipe2(sync, O_CLOEXEC))
		return -1;
	hpid = syscall(SYS_clone, clone_flags(ns) | CLONE_PIDFD | SIGCHLD, NULL, &pidfd,
		       NULL, 0);
	if (hpid == 0)
		child_main(a, program, sync, user);
	close(sync[0]);
	if (hpid > 0 && (!user || !write_maps((int)hpid, a->nobody)) &&
	    write(sync[1], "", 1) == 1) {
		*out = (struct child){.hpid = (int)hpid,
				      .pidfd = pidfd,
				      .alive_hfd = sync[1],
				      .got_ns = ns};
		return 0;
	}
	close(sync[1]);
	if (hpid > 0) {
		waitpid((pid_t)hpid, NULL, __WALL);
		close(pidfd);
	}
	return -1;
}

int spawn_program(const struct spawn_args *a, struct child *out, struct error *e)
{
	AUTO_CLOSE int program = open_program(a->program, e);
	unsigned tries[] = {a->want_ns, a->want_ns & ~NS_USER, 0};

	if (program < 0)
		return -1;
	/* A user namespace only matters with what it permits; then what root may alone.
	 */
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		if ((i == 0 || tries[i] != tries[i - 1]) &&
		    !try_spawn(a, program, tries[i], out))
			return 0;
	return error_set(e, "cannot start %s: %s", a->program, error_name(errno));
}

int child_wait(struct child *c)
{
	int status = 0;

	if (c->hpid <= 0)
		return 0;
	while (waitpid(c->hpid, &status, __WALL) < 0 && errno == EINTR)
		;
	if (c->pidfd >= 0)
		close(c->pidfd);
	close(c->alive_hfd);
	*c = (struct child){.pidfd = -1};
	return status;
}

int spawn_to_end(const struct spawn_args *a, unsigned *got_ns, struct error *e)
{
	struct child c;
	int status;

	fflush(stdout);
	if (spawn_program(a, &c, e))
		return -1;
	if (got_ns)
		*got_ns = c.got_ns;
	status = child_wait(&c);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGPIPE)
		return error_set(e, "%s could not print its table: signal %d (%s)",
				 a->program, WTERMSIG(status),
				 strsignal(WTERMSIG(status)));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}
