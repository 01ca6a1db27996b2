// SPDX-License-Identifier: Apache-2.0
/* From a trapped system call to its handler. */
#pragma once

#include "sentry/task/task.h"

/*
 * syscall_dispatch - the call in t->mem.ctx->sc. Returns its result or a negative errno
 * (-ERESTART* included); t->sc_no_return says that the registers are already as they
 * must be. Own thread, no lock held; may sleep for as long as the call does.
 */
int64_t syscall_dispatch(struct task *t);

/*
 * syscall_constant - returns @ret, which is what this call returns until the task's
 * credentials change or it executes another program: the platform need not ask again.
 */
int64_t syscall_constant(struct task *t, int64_t ret);

/* The name of a call, or "syscall_NR" through @buf. */
const char *syscall_name(uint64_t nr, char buf[32]);
