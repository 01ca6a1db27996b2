// SPDX-License-Identifier: Apache-2.0
/*
 * Call tracing, --strace: one line a call, written in one piece when the call ends, so
 * that the lines of several threads do not mix. What a call reads is decoded before it
 * runs, what it writes afterwards.
 */
#pragma once

#include "sentry/base/strbuf.h"
#include "sentry/task/task.h"

struct strace;

/* A line that is being put together, on the stack of syscall_dispatch(). */
struct strace_line {
	struct strbuf text;
	unsigned next_arg; /* the first that is not decoded yet */
	int64_t start_ns;
};

int strace_create(int hfd, bool with_time, struct strace **out);
void strace_free(struct strace *s);
/* Before the call (t->sc is set), and after it with its result. */
void strace_enter(struct task *t, struct strace_line *l);
void strace_exit(struct task *t, struct strace_line *l, int64_t ret);
