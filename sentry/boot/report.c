// SPDX-License-Identifier: Apache-2.0
/* --stats at the end, on the log, and the answer to `runsc-c debug`, to who asked. */
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/log.h"
#include "sentry/base/strbuf.h"
#include "sentry/boot/boot.h"
#include "sentry/syscall/stats.h"
#include "sentry/task/call_sites.h"
#include "sentry/task/debug.h"

static void put(int hfd, struct strbuf *sb)
{
	size_t done = 0;

	while (done < sb->len) {
		ssize_t n = host_write(hfd, sb->data + done, sb->len - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	sb_free(sb);
}

static void show_start(struct boot *b, struct strbuf *sb)
{
	static const char *const names[PHASE_N] = {
		[PHASE_EXEC] = "runsc-c, namespaces, exec",
		[PHASE_CONFIG] = "configuration",
		[PHASE_JAIL] = "jail",
		[PHASE_PLATFORM] = "platform",
		[PHASE_SEAL] = "kernel, seccomp filter",
		[PHASE_MOUNTS] = "mounts",
		[PHASE_GUEST] = "first program",
	};
	int64_t last = (int64_t)b->config->start_ns;

	sb_printf(sb, "start-up, microseconds:\n");
	for (int i = 0; i < PHASE_N; i++) {
		if (!b->phase_ns[i])
			continue;
		sb_printf(sb, "  %-28s %8lld\n", names[i],
			  (long long)((b->phase_ns[i] - last) / NSEC_PER_USEC));
		last = b->phase_ns[i];
	}
}

void report_stats(struct boot *b)
{
	struct strbuf sb = STRBUF_INIT;

	if (!b->config->stats)
		return;
	show_start(b, &sb);
	sb_printf(&sb, "memory files and shared memory, peak: %llu KiB\n",
		  (unsigned long long)pool_peak(b->kernel->pool) / 1024);
	sb_printf(&sb, "call sites patched: %u; not, for what stands there: %u\n",
		  atomic_load(&b->platform->n_patched),
		  atomic_load(&b->platform->n_unfit));
	call_sites_print(b->kernel->call_sites, &sb);
	stats_print(b->kernel->stats, &sb);
	put(b->log_hfd, &sb);
}

void report_debug(struct boot *b, int hfd)
{
	struct strbuf sb = STRBUF_INIT;
	const bool listed = kernel_debug_dump(b->kernel, &sb);

	/* Should what follows hang, that is out. */
	put(hfd, &sb);
	if (listed)
		call_sites_debug(b->kernel, &sb);
	put(hfd, &sb);
}
