// SPDX-License-Identifier: Apache-2.0
/*
 * CPU features as the auxiliary vector tells them. Guest code runs on the host's CPU and
 * executes CPUID itself, so these are the host's words.
 */
#include <sys/auxv.h>

#include "sentry/arch/x86_64/arch.h"

uint64_t cpu_hwcap(void)
{
	return getauxval(AT_HWCAP);
}

uint64_t cpu_hwcap2(void)
{
	return getauxval(AT_HWCAP2);
}

const char *cpu_platform(void)
{
	return "x86_64";
}
