/* SPDX-License-Identifier: Apache-2.0 */
/* Executing this program in another role: self.h. */
#include "self.h"

#include <sys/sendfile.h>

#include "harness.h"

char run_out[1 << 16];

void copy_self(const char *name)
{
	struct stat st;
	int from = CHECK_OK(open(SELF, O_RDONLY | O_CLOEXEC));
	int to = CHECK_OK(open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755));

	CHECK_OK(fstat(from, &st));
	for (off_t left = st.st_size; left > 0;)
		left -= CHECK_OK(sendfile(to, from, NULL, (size_t)left));
	CHECK_OK(fchmod(to, 0755));
	close(from);
	close(to);
}

int run_collect(pid_t pid, int fd)
{
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, run_out + n, sizeof(run_out) - 1 - n)) > 0)
		n += (size_t)r;
	run_out[n] = 0;
	close(fd);
	return wait_exit(pid);
}

int run_env(const char *path, const char **argv, const char **envp)
{
	int p[2];

	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execve(path, (char **)argv, (char **)envp);
		_exit(FAILED(errno));
	}
	close(p[1]);
	return run_collect(pid, p[0]);
}

int run(const char *path, const char **argv)
{
	const char *envp[] = {NULL};

	return run_env(path, argv, envp);
}
