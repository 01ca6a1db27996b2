// SPDX-License-Identifier: Apache-2.0
/*
 * Host calls of the sanitizers' own: in builds with V=asan only, where one wall less is
 * the price of finding what is wrong behind it.
 */
#include <sys/syscall.h>

#include "sentry/base/host_rules.h"
#include "sentry/boot/boot.h"

/*
 * The environment is empty. Leaks are looked for by a process that traces this one, which
 * the filter does not permit; no signal is the sanitizer's but those of real faults.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:use_sigaltstack=0:symbolize=0:abort_on_error=0:exitcode="
	       "125";
}

static const struct host_rule san_rules[] = {
	{SYS_madvise, "madvise", {{0}}, "", "shadow memory"},
	{SYS_sigaltstack, "sigaltstack", {{0}}, "", "thread start"},
	{SYS_prlimit64, "prlimit64", {{0}}, "", "bounds of a thread's stack"},
	{SYS_sched_getaffinity,
	 "sched_getaffinity",
	 {{0}},
	 "",
	 "bounds of a thread's stack"},
	{SYS_getpid, "getpid", {{0}}, "", "reports"},
	{SYS_openat, "openat", {{0}}, "", "reports"},
	{SYS_readlink, "readlink", {{0}}, "", "reports"},
	{SYS_newfstatat, "newfstatat", {{0}}, "", "reports"},
	{SYS_pipe2, "pipe2", {{0}}, "", "whether memory can be read"},
	{.nr = -1},
};

const struct host_rules san_host_rules = {"sanitizers", san_rules};
