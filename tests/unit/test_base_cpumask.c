// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base
/* Sets of CPUs as text: what Linux prints for the same sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sentry/base/cpumask.h"
#include "sentry/base/strbuf.h"

static void expect(const uint64_t *mask, unsigned n, const char *list, const char *hex)
{
	struct strbuf sb = STRBUF_INIT;

	cpumask_put_list(&sb, mask, n);
	assert_string_equal(sb.data ? sb.data : "", list);
	sb_free(&sb);
	cpumask_put_hex(&sb, mask, n);
	assert_string_equal(sb.data, hex);
	sb_free(&sb);
}

static void test_texts(void **state)
{
	static const struct {
		uint64_t mask[3];
		unsigned n;
		const char *list, *hex;
	} cases[] = {
		{{0}, 1, "", "0"},
		{{1}, 1, "0", "1"},
		{{3}, 2, "0-1", "3"},
		{{0x2d}, 6, "0,2-3,5", "2d"},
		{{0x2d}, 8, "0,2-3,5", "2d"},
		{{0x2d}, 9, "0,2-3,5", "02d"},
		{{0xffffffff}, 32, "0-31", "ffffffff"},
		{{0x1ffffffff}, 33, "0-32", "1,ffffffff"},
		{{1ull << 63, 1}, 65, "63-64", "1,80000000,00000000"},
		{{UINT64_MAX, UINT64_MAX},
		 128,
		 "0-127",
		 "ffffffff,ffffffff,ffffffff,ffffffff"},
		/* What is beyond the end is not there. */
		{{0xff}, 2, "0-1", "3"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i].mask, cases[i].n, cases[i].list, cases[i].hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
