// SPDX-License-Identifier: Apache-2.0
/* What `runsc-c debug` and a BUG print about tasks. */
#pragma once

#include "sentry/task/task.h"

struct strbuf;

/*
 * kernel_debug_dump - one line a task: ids, name, state, current call and its arguments,
 * what it waits for. Takes tasklist only if it can be had at once; values are snapshots.
 * False: it could not.
 */
bool kernel_debug_dump(struct kernel *k, struct strbuf *out);
