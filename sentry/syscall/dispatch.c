// SPDX-License-Identifier: Apache-2.0
/*
 * System call entry: number check, tracing, the table. This is where guests' own seccomp
 * filters and tracers will look at a call before it happens.
 */
#include "sentry/syscall/dispatch.h"

#include <stdio.h>

#include "fs/fasync.h"
#include "sentry/syscall/stats.h"
#include "sentry/syscall/strace.h"
#include "sentry/syscall/table.h"

const char *syscall_name(uint64_t nr, char buf[32])
{
	if (nr < SYSCALL_MAX && syscall_table[nr].name)
		return syscall_table[nr].name;
	snprintf(buf, 32, "syscall_%llu", (unsigned long long)nr);
	return buf;
}

static int64_t call(struct task *t, const struct ctx_syscall *sc)
{
	/*
	 * As Linux: the low 32 bits are the number. Those with the x32 bit are beyond the
	 * table, which is what a kernel without that ABI says to them.
	 */
	uint32_t nr = (uint32_t)sc->nr;

	if (unlikely(nr >= SYSCALL_MAX || !syscall_table[nr].fn))
		return -ENOSYS;
	return syscall_table[nr].fn(t, sc->args);
}

static int64_t call_observed(struct task *t, const struct ctx_syscall *sc)
{
	struct kernel *k = t->k;
	int64_t start = clock_mono_ns(), ret;
	struct strace_line line;

	if (k->strace)
		strace_enter(t, &line);
	ret = call(t, sc);
	if (k->strace)
		strace_exit(t, &line, ret);
	if (k->stats)
		stats_count(k->stats, (uint32_t)sc->nr, ret, clock_mono_ns() - start);
	return ret;
}

int64_t syscall_constant(struct task *t, int64_t ret)
{
	if (!t->k->strace && !t->k->stats)
		ctx_know(t->mem.ctx, (uint64_t)ret);
	return ret;
}

int64_t syscall_dispatch(struct task *t)
{
	const struct ctx_syscall *sc = &t->mem.ctx->sc;
	int64_t ret;

	atomic_store_explicit(&t->sc, &t->mem.ctx->sc, memory_order_release);
	t->sc_nr = (uint32_t)sc->nr;
	t->sc_no_return = false;
	atomic_fetch_add_explicit(&t->n_syscalls, 1, memory_order_relaxed);
	if (unlikely(t->k->strace || t->k->stats))
		ret = call_observed(t, sc);
	else
		ret = call(t, sc);
	atomic_store_explicit(&t->sc, NULL, memory_order_release);
	fasync_run(t->k);
	return ret;
}
