/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executing this very program in another role (see test_role_main) and reading what it
 * prints: for tests of exec and of whatever exec keeps or drops.
 */
#pragma once

#include <sys/types.h>

#define SELF "/proc/self/exe"

/* Argument lists: `--role NAME...` for this program, or any. */
#define ARGV(...)   ((const char *[]){__VA_ARGS__, NULL})
#define ROLE(...)   ((const char *[]){"self", "--role", __VA_ARGS__, NULL})
#define FAILED(err) (200 + (err)) /* of the run functions: execve failed with ERR */

/* What the last run printed on standard output, with a NUL. */
extern char run_out[1 << 16];

/* A copy of this program in the current folder, mode 0755. */
void copy_self(const char *name);
/* Waits for PID, whose standard output is the pipe FD; its exit code as wait_exit(). */
int run_collect(pid_t pid, int fd);
/* Executes PATH in a child: its exit code, or FAILED(errno) if execve failed. */
int run_env(const char *path, const char **argv, const char **envp);
int run(const char *path, const char **argv); /* with an empty environment */
