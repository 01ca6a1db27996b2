// SPDX-License-Identifier: Apache-2.0
/* Waiting for children: what wait4(2) and waitid(2) share. */
#pragma once

#include "sentry/task/task.h"

#define LX_WNOHANG    0x00000001
#define LX_WSTOPPED   0x00000002 /* WUNTRACED */
#define LX_WEXITED    0x00000004
#define LX_WCONTINUED 0x00000008
#define LX_WNOWAIT    0x01000000
#define LX_WNOTHREAD  0x20000000
#define LX_WALL	      0x40000000
#define LX_WCLONE     0x80000000u

struct wait_args {
	enum { WAIT_ANY, WAIT_PID, WAIT_PGRP } which;
	struct pid *pid;  /* borrowed; NULL with WAIT_PID, WAIT_PGRP: no such one */
	unsigned options; /* LX_W*, WEXITED always explicit */
};

struct wait_result {
	int pid;	  /* as the caller sees it; 0: nothing yet (WNOHANG) */
	uint32_t uid;	  /* in the caller's user namespace */
	int code, status; /* si_code and si_status */
	int wstatus;	  /* as wait4 packs it */
	struct rusage_sum usage;
};

/*
 * task_wait - 0 with *r filled (r->pid 0: WNOHANG and nothing to report), -ECHILD,
 * -ERESTARTSYS. Own thread, no lock; sleeps.
 */
int task_wait(struct task *t, const struct wait_args *a, struct wait_result *r);
