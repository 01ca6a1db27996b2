// SPDX-License-Identifier: Apache-2.0
#include "sentry/syscall/stats.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "sentry/abi/errno.h"
#include "sentry/base/sort.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"
#include "sentry/syscall/table.h"

struct call_stats {
	_Atomic uint64_t n, errors, ns;
};

struct stats {
	struct call_stats call[SYSCALL_MAX];
	_Atomic uint64_t n_beyond; /* numbers that no table has */
};

int stats_create(struct stats **out)
{
	*out = mem_zalloc(sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void stats_free(struct stats *s)
{
	mem_free(s);
}

void stats_count(struct stats *s, unsigned nr, int64_t ret, int64_t ns)
{
	struct call_stats *c;

	if (nr >= SYSCALL_MAX) {
		atomic_fetch_add_explicit(&s->n_beyond, 1, memory_order_relaxed);
		return;
	}
	c = &s->call[nr];
	atomic_fetch_add_explicit(&c->n, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->ns, (uint64_t)ns, memory_order_relaxed);
	if (ret < 0 && ret >= -4095)
		atomic_fetch_add_explicit(&c->errors, 1, memory_order_relaxed);
}

struct row {
	unsigned nr;
	uint64_t n, errors, ns;
};

static int more_calls_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return x->nr < y->nr ? -1 : 1;
}

void stats_print(struct stats *s, struct strbuf *out)
{
	struct row *rows = mem_calloc(SYSCALL_MAX, sizeof(*rows));
	unsigned n = 0;

	if (!rows) {
		out->failed = true;
		return;
	}
	for (unsigned nr = 0; nr < SYSCALL_MAX; nr++) {
		struct call_stats *c = &s->call[nr];

		if (c->n)
			rows[n++] = (struct row){nr, c->n, c->errors, c->ns};
	}
	sort_array(rows, n, sizeof(*rows), more_calls_first);
	sb_printf(out, "%10s %8s %12s  %s\n", "calls", "errors", "usec/call", "syscall");
	for (unsigned i = 0; i < n; i++) {
		const struct syscall_entry *e = &syscall_table[rows[i].nr];

		sb_printf(out, "%10llu %8llu %12.2f  %s", (unsigned long long)rows[i].n,
			  (unsigned long long)rows[i].errors,
			  (double)rows[i].ns / 1e3 / (double)rows[i].n,
			  e->name ? e->name : "(no such call)");
		if (!e->fn)
			sb_printf(out, "  (%s)", e->note ? e->note : "not implemented");
		sb_puts(out, "\n");
	}
	if (s->n_beyond)
		sb_printf(out, "%10llu calls with numbers beyond the table\n",
			  (unsigned long long)s->n_beyond);
	mem_free(rows);
}
