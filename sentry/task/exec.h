// SPDX-License-Identifier: Apache-2.0
/* Replacing a task's program. */
#pragma once

#include "sentry/abi/regs.h"
#include "sentry/loader/loader.h"
#include "sentry/task/task.h"

/*
 * task_execve - execve(2) and execveat(2): @name from @base as path_lookup takes it,
 * @args collected (borrowed, changed). @flags: LX_AT_*. @execfn: how the program is told
 * its name. @inaccessible: a script could not be opened by that name (close-on-exec fd).
 *
 * 0: the registers are those of the new program. A negative errno: nothing has happened,
 * or (behind the point of no return) SIGKILL is on its way. Own thread, no lock held.
 */
struct exec_call {
	const struct path *base; /* NULL: the working directory */
	const char *name, *execfn;
	int flags;
	bool inaccessible;
	struct exec_args args;
};
int task_execve(struct task *t, struct exec_call *call);

/*
 * path_search - the program that @name means along @envp's PATH; owned by the caller in
 * *out. -ENOENT, -EACCES (found, but may not be run), -ENOMEM.
 */
int path_search(struct task *t, const char *name, const char *const *envp, char **out);
/* The sandbox's first program, into the empty mm of a task that does not run yet. */
int exec_first(struct task *t, const char *const *argv, const char *const *envp,
	       struct lx_regs *regs, const char **why);

/* The name that PR_GET_NAME and /proc/PID/comm show: at most 15 bytes are kept. */
void task_set_comm(struct task *t, const char *name);
