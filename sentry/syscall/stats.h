// SPDX-License-Identifier: Apache-2.0
/* Counters of calls for --stats: how often, how long, what was refused and why. */
#pragma once

#include "sentry/base/types.h"

struct stats;
struct strbuf;

int stats_create(struct stats **out);
void stats_free(struct stats *s);
/* One call @nr has ended with @ret after @ns (of
 * which the task may have slept). Any thread. */
void stats_count(struct stats *s, unsigned nr, int64_t ret, int64_t ns);
/* The table, most used first, then what was asked for and is not implemented. */
void stats_print(struct stats *s, struct strbuf *out);
