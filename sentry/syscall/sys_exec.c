// SPDX-License-Identifier: Apache-2.0
/* execve(2), execveat(2): the strings of the guest, and by which name it is told. */
#include <stdio.h>

#include "sentry/syscall/syscall.h"
#include "sentry/task/exec.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"

/* "/dev/fd/N[/name]": what a program run from a descriptor is told. */
static char *name_by_fd(int dirfd, const char *name)
{
	char *s = mem_alloc(LX_PATH_MAX + 32);

	if (s)
		snprintf(s, LX_PATH_MAX + 32, "/dev/fd/%d%s%s", dirfd, name[0] ? "/" : "",
			 name);
	return s;
}

static int64_t do_exec(struct task *t, int dirfd, uaddr_t uname, uaddr_t argv,
		       uaddr_t envp, int flags)
{
	AUTO_PATH struct path base = {0};
	AUTO_FREE char *name = NULL, *by_fd = NULL;
	struct exec_call call = {.flags = flags};
	int r;

	r = path_from_user(t, uname, &name);
	if (r)
		return r;
	if (!name[0] && !(flags & LX_AT_EMPTY_PATH))
		return -ENOENT;
	r = at_base(t, dirfd, name, &base, &call.base);
	if (r)
		return r;
	call.name = call.execfn = name;
	if (call.base) {
		by_fd = name_by_fd(dirfd, name);
		if (!by_fd)
			return -ENOMEM;
		call.execfn = by_fd;
		call.inaccessible = fd_get_flags(t->files, dirfd) & LX_FD_CLOEXEC;
	}
	exec_args_init(&call.args, task_rlimit(t, LX_RLIMIT_STACK));
	r = exec_args_from_user(&call.args, &t->mem, argv, envp);
	if (!r)
		r = task_execve(t, &call);
	exec_args_free(&call.args);
	return r;
}

SYSCALL3(execve, uaddr_t name, uaddr_t argv, uaddr_t envp)
{
	return do_exec(t, LX_AT_FDCWD, name, argv, envp, 0);
}

SYSCALL5(execveat, int dirfd, uaddr_t name, uaddr_t argv, uaddr_t envp, int flags)
{
	if (flags & ~(LX_AT_EMPTY_PATH | LX_AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return do_exec(t, dirfd, name, argv, envp, flags);
}
