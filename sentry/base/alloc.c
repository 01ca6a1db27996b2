// SPDX-License-Identifier: Apache-2.0
#include "sentry/base/alloc.h"

#include <stdatomic.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint fail_after;

void mem_fail_after(unsigned nth)
{
	atomic_store(&fail_after, nth);
}

static bool injected_failure(void)
{
	return unlikely(atomic_load_explicit(&fail_after, memory_order_relaxed)) &&
	       atomic_fetch_sub(&fail_after, 1) == 1;
}

void *mem_alloc(size_t size)
{
	return injected_failure() ? NULL : malloc(size ? size : 1);
}

void *mem_zalloc(size_t size)
{
	return mem_calloc(1, size);
}

void *mem_calloc(size_t n, size_t size)
{
	size_t total;

	if (injected_failure() || !mul_ok(n, size, &total))
		return NULL;
	return calloc(1, total ? total : 1);
}

void *mem_realloc(void *p, size_t size)
{
	return injected_failure() ? NULL : realloc(p, size ? size : 1);
}

void *mem_dup(const void *p, size_t size)
{
	void *q = mem_alloc(size);

	if (q)
		memcpy(q, p, size);
	return q;
}

char *str_dup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

void mem_free(void *p)
{
	free(p);
}

void mem_trim(size_t least)
{
	if (!least || mallinfo2().fordblks > least)
		malloc_trim(0);
}
