// SPDX-License-Identifier: Apache-2.0
#include "sentry/base/cpumask.h"

#include "sentry/base/strbuf.h"

static bool has(const uint64_t *mask, unsigned n, unsigned i)
{
	return i < n && mask[i / 64] >> i % 64 & 1;
}

void cpumask_put_list(struct strbuf *out, const uint64_t *mask, unsigned n)
{
	const char *comma = "";

	for (unsigned i = 0, end; i < n; i = end + 1) {
		end = i;
		if (!has(mask, n, i))
			continue;
		while (has(mask, n, end + 1))
			end++;
		sb_printf(out, "%s%u", comma, i);
		if (end > i)
			sb_printf(out, "-%u", end);
		comma = ",";
	}
}

void cpumask_put_hex(struct strbuf *out, const uint64_t *mask, unsigned n)
{
	unsigned groups = n ? (n + 31) / 32 : 1;

	for (unsigned g = groups; g-- > 0;) {
		unsigned bits = g + 1 == groups && n % 32 ? n % 32 : 32;
		uint32_t word = (uint32_t)(mask[g / 2] >> g % 2 * 32);

		if (bits < 32)
			word &= (1u << bits) - 1;
		sb_printf(out, "%0*x%s", (int)(bits + 3) / 4, word, g ? "," : "");
	}
}
