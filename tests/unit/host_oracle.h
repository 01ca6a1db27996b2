// SPDX-License-Identifier: Apache-2.0
/*
 * For tests that have the host's kernel as their oracle: a child that has an empty tmpfs
 * as its root, in a mount namespace of its own, answers requests over two pipes. Nothing
 * of it is left on the host, whatever happens.
 *
 * The test defines host_side(), the child's loop; it may look at /proc with
 * oracle_proc_fd.
 */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static void host_side(int in, int out);

static int to_host[2], from_host[2], oracle_proc_fd;

/* All of it; the other side gone is the end of this one. */
static void full_io(int fd, void *buf, size_t n, bool write_it)
{
	while (n) {
		ssize_t r = write_it ? write(fd, buf, n) : read(fd, buf, n);

		if (r <= 0)
			_exit(1);
		buf = (char *)buf + r;
		n -= (size_t)r;
	}
}

static void ask_host(const void *request, size_t request_size, void *answer,
		     size_t answer_size)
{
	full_io(to_host[1], (void *)request, request_size, true);
	full_io(from_host[0], answer, answer_size, false);
}

/* Texts: their size, then themselves. ask_host_text()'s is to be freed. */
static void answer_text(int out, char *text)
{
	size_t n = strlen(text);

	full_io(out, &n, sizeof(n), true);
	full_io(out, text, n, true);
}

static char *ask_host_text(const void *request, size_t request_size)
{
	char *text;
	size_t n;

	ask_host(request, request_size, &n, sizeof(n));
	text = calloc(1, n + 1);
	full_io(from_host[0], text, n, false);
	return text;
}

/* The tmpfs covers /tmp, in this namespace only: no directory need be made for it. */
static bool oracle_root(void)
{
	oracle_proc_fd = open("/proc", O_RDONLY | O_DIRECTORY);
	return oracle_proc_fd >= 0 &&
	       (!unshare(CLONE_NEWNS) || !unshare(CLONE_NEWUSER | CLONE_NEWNS)) &&
	       !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", "/tmp", "tmpfs", 0, "mode=755") && !chdir("/tmp") &&
	       !chroot(".") && !chdir("/");
}

static unsigned oracle_setting(const char *name, unsigned otherwise)
{
	const char *value = getenv(name);

	return value ? (unsigned)atoi(value) : otherwise;
}

/* main() of such a test. */
static int oracle_main(const struct CMUnitTest *tests, size_t n)
{
	char ready = 0;
	pid_t pid;
	int r;

	if (pipe(to_host) || pipe(from_host))
		return 1;
	pid = fork();
	if (pid == 0) {
		close(to_host[1]);
		close(from_host[0]);
		ready = oracle_root();
		full_io(from_host[1], &ready, 1, true);
		if (ready)
			host_side(to_host[0], from_host[1]);
		_exit(0);
	}
	close(to_host[0]);
	close(from_host[1]);
	full_io(from_host[0], &ready, 1, false);
	if (!ready) {
		printf("no mount namespace with a tmpfs of its own can be had from the "
		       "host\n");
		return 77;
	}
	r = _cmocka_run_group_tests("oracle", tests, n, NULL, NULL);
	close(to_host[1]);
	waitpid(pid, NULL, 0);
	return r;
}
