// SPDX-License-Identifier: Apache-2.0
/* What exec.c and exec_prepare.c share; nobody else includes this. */
#pragma once

#include "sentry/task/exec.h"

/* What prepare finds out; owned here until commit hands it on. */
struct exec_state {
	struct exec_image img;
	struct file *file, *interp_file; /* references */
	struct cred *cred;
	char *interp_name; /* the last script's interpreter: lives as long as needed */
};

/*
 * exec_prepare - open the program, follow scripts, read the headers, compute credentials:
 * all that can fail without a trace. Also on failure: exec_done().
 */
int exec_prepare(struct task *t, struct exec_call *call, struct exec_state *s);
void exec_done(struct exec_state *s);
