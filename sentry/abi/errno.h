// SPDX-License-Identifier: Apache-2.0
/*
 * Error numbers. Linux's x86-64 numbers are those of the host's <errno.h>; the
 * ones below are internal: they never leave sentry/task/run.c.
 */
#pragma once

#include <errno.h>

#define ERESTARTSYS	      512 /* restart if SA_RESTART or no handler, else EINTR */
#define ERESTARTNOINTR	      513 /* always restart */
#define ERESTARTNOHAND	      514 /* restart only if no handler runs, else EINTR */
#define ERESTART_RESTARTBLOCK 516 /* as NOHAND, but through restart_syscall */
#define ENOIOCTLCMD	      515 /* an ioctl slot does not know it: ENOTTY */
