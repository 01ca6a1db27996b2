// SPDX-License-Identifier: Apache-2.0
/* Sets of CPUs as /proc and /sys print them. */
#pragma once

#include "sentry/base/types.h"

struct strbuf;

/* "0-2,5" of the first @n bits. */
void cpumask_put_list(struct strbuf *out, const uint64_t *mask, unsigned n);
/* Hexadecimal, as many digits as @n bits have, in groups of 32 bits: "f,ffffffff". */
void cpumask_put_hex(struct strbuf *out, const uint64_t *mask, unsigned n);
