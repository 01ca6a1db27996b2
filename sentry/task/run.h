// SPDX-License-Identifier: Apache-2.0
/* Between the loop in run.c and what the architecture adds to it. */
#pragma once

#include "sentry/task/task.h"

/*
 * vsyscall_emulate (arch/x86_64/vsyscall.c) - the guest jumped to @addr, which is not
 * mapped. True: it was one of the three legacy entries, and the call is answered.
 */
bool vsyscall_emulate(struct task *t, uaddr_t addr);
