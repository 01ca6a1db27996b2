// SPDX-License-Identifier: Apache-2.0
/* What the kernel asks of its architecture: the alternate stack. */
#pragma once

#include "sentry/task/task.h"

/*
 * altstack_set - sigaltstack(2) with the stack pointer @sp: -EPERM while running on it,
 * -EINVAL bad flags, -ENOMEM too small. Own thread.
 */
int altstack_set(struct task *t, const struct lx_stack *ss, uaddr_t sp);
/* The current setting as sigaltstack(2) reports it. */
void altstack_get(const struct task *t, uaddr_t sp, struct lx_stack *out);
