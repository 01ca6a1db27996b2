// SPDX-License-Identifier: Apache-2.0
/* Times and resources used, for getrusage(2), times(2), clocks and /proc. */
#pragma once

#include "sentry/task/task.h"

/* The calling thread's own, exact. */
void usage_self_thread(struct task *t, struct rusage_sum *out);
/*
 * A process's so far, its dead threads included. Exact for the caller's own threads that
 * sleep; a thread that computes right now counts up to what the host accounts to its
 * address space. Takes tasklist.
 */
void usage_process(struct thread_group *tg, struct task *caller, struct rusage_sum *out);
/* Another thread's, as of its last look at the
 * clocks (guest side) and now (Sentry side). */
void usage_thread(struct task *t, struct rusage_sum *out);
/* The caller's high-water mark of resident memory,
 * which the others leave out: it is dear. */
void usage_add_peak(struct task *t, struct rusage_sum *out);
