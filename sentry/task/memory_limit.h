// SPDX-License-Identifier: Apache-2.0
/*
 * --memory without a cgroup: what guests use together is looked at now and then, by the
 * host's own books, and the biggest process ends when it is too much.
 */
#pragma once

#include "sentry/base/types.h"

struct kernel;
struct memory_limit;

/* Watches @k->config.memory_limit; *out is NULL if there is none. -ENOMEM. */
int memory_limit_create(struct kernel *k, struct memory_limit **out);
void memory_limit_free(struct memory_limit *ml);
/* A task that slept runs again: if nobody looks any more, somebody must. @ml may be
 * NULL. */
void memory_limit_task_runs(struct memory_limit *ml);
/*
 * A killed process has dropped its files. Where memory is short others can have what
 * stood in them at once, before anybody hears of its end. @ml may be NULL.
 */
void memory_limit_process_ends(struct memory_limit *ml);
