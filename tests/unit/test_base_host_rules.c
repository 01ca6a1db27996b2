// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base
/*
 * A rule without conditions makes the narrow ones of its call idle. Our own tables are
 * looked at by those who print them (`runsc-c host-syscalls`).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sentry/base/host_rules.h"

static const struct host_rule narrow[] = {
	{1, "one", {{0, HOST_EQ, 7, 0}}, "arg is 7", "why"},
	{1, "one", {{0}, {1, HOST_LE, 7, 0}}, "other is 7 at most", "why"},
	{2, "two", {{0}}, "", "why"},
	{.nr = -1},
};
static const struct host_rule wide[] = {
	{3, "three", {{0}}, "", "why"},
	{1, "one", {{0}}, "", "why"},
	{.nr = -1},
};
static const struct host_rules narrow_module = {"narrow", narrow};
static const struct host_rules wide_module = {"wide", wide};

static void test_alternatives_stand_side_by_side(void **state)
{
	const struct host_rules *all[] = {&narrow_module, NULL};

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_null(host_rule_shadow(all, &narrow[i]));
}

static void test_any_shadows_the_same_call(void **state)
{
	const struct host_rules *all[] = {&narrow_module, &wide_module, NULL};

	(void)state;
	assert_ptr_equal(host_rule_shadow(all, &narrow[0]), &wide[1]);
	assert_ptr_equal(host_rule_shadow(all, &narrow[1]), &wide[1]);
	assert_null(host_rule_shadow(all, &narrow[2]));
	assert_null(host_rule_shadow(all, &wide[0]));
	assert_null(host_rule_shadow(all, &wide[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alternatives_stand_side_by_side),
		cmocka_unit_test(test_any_shadows_the_same_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
