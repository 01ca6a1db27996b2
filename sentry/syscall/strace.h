// SPDX-License-Identifier: Apache-2.0
/* One line a call for --strace: written in one piece when the call ends. */
#pragma once

#include "sentry/task/task.h"

struct strace;

int strace_create(int hfd, bool with_time, struct strace **out);
void strace_free(struct strace *s);
/* Before the call: what it reads is decoded now (t->sc is set). */
void strace_enter(struct task *t);
/* After it. @ret as the guest sees it; @no_return: the call replaced the registers. */
void strace_exit(struct task *t, int64_t ret);
/* A call that does not return to its caller: exit, a successful exec. */
void strace_gone(struct task *t);
