// SPDX-License-Identifier: Apache-2.0
/* Reference counts. Taking one needs another to be held;
 * x_tryget() is for tables that hold none. */
#pragma once

#include <stdatomic.h>

#include "sentry/base/log.h"

typedef struct {
	atomic_uint n;
} refcount_t;

static inline void refcount_init(refcount_t *r)
{
	atomic_init(&r->n, 1);
}

static inline void refcount_inc(refcount_t *r)
{
	unsigned old = atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);

	BUG_ON(old == 0 || old > 1u << 30);
}

/* False when the count has already fallen to zero: the object is being freed. */
static inline bool refcount_inc_not_zero(refcount_t *r)
{
	unsigned n = atomic_load_explicit(&r->n, memory_order_relaxed);

	while (n && !atomic_compare_exchange_weak_explicit(
			    &r->n, &n, n + 1, memory_order_acquire, memory_order_relaxed))
		;
	return n != 0;
}

/* True for the caller that dropped the last reference. */
static inline bool refcount_dec(refcount_t *r)
{
	unsigned old = atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel);

	BUG_ON(old == 0);
	return old == 1;
}

static inline unsigned refcount_read(refcount_t *r)
{
	return atomic_load_explicit(&r->n, memory_order_relaxed);
}
