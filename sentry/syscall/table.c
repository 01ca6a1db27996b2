// SPDX-License-Identifier: Apache-2.0
/* Builds the table and the handlers' prototypes from table.def. */
#include "sentry/syscall/table.h"

#define S(nr, name, level, note, ...)                                                    \
	int64_t sys_##name(struct task *t, const uint64_t args[6]);
#define U(nr, name, note, ...)
#include "sentry/syscall/table.def"
#undef S
#undef U

#define S(nr, name, level, note, ...)                                                    \
	[nr] = {#name, sys_##name, SYSCALL_##level, note, {__VA_ARGS__}},
#define U(nr, name, note, ...) [nr] = {#name, NULL, SYSCALL_NONE, note, {__VA_ARGS__}},

const struct syscall_entry syscall_table[SYSCALL_MAX] = {
#include "sentry/syscall/table.def"
};
