// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace platform/systrap sentry/base sentry/mm tests/unit/fakes/fake_as.c tests/unit/fakes/fake_file.c
// CFLAGS: -static-libgcc
/* test_mm_oracle with address spaces of the real platform. No sanitizers: ptrace. */
#define MM_PLATFORM "ptrace"
#include "tests/unit/test_mm_oracle.c"
