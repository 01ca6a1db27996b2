// SPDX-License-Identifier: Apache-2.0
#include "sentry/base/sort.h"

static void swap(char *a, char *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = a[i];

		a[i] = b[i];
		b[i] = c;
	}
}

/* Let the element at @i sink to its place among the first @n. */
static void sift(char *v, size_t i, size_t n, size_t size,
		 int (*cmp)(const void *, const void *))
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= n)
			return;
		if (child + 1 < n && cmp(v + child * size, v + (child + 1) * size) < 0)
			child++;
		if (cmp(v + i * size, v + child * size) >= 0)
			return;
		swap(v + i * size, v + child * size, size);
		i = child;
	}
}

void sort_array(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	char *v = base;

	for (size_t i = n / 2; i-- > 0;)
		sift(v, i, n, size, cmp);
	for (size_t end = n; end-- > 1;) {
		swap(v, v + end * size, size);
		sift(v, 0, end, size, cmp);
	}
}
