// SPDX-License-Identifier: Apache-2.0
/*
 * Sorting in place, without allocation: the C library's qsort asks the host how much
 * memory there is, a call that has no place in the filters.
 */
#pragma once

#include "sentry/base/types.h"

/* Heap sort; not stable. @cmp as for qsort(3). */
void sort_array(void *base, size_t n, size_t size,
		int (*cmp)(const void *, const void *));
