// SPDX-License-Identifier: Apache-2.0
/* Between the vDSO image and vdso.c, which fills it in: 0 means that there is none. */
#pragma once

#include <stdint.h>

#define VDSO_TABLE_MAGIC 0x6f736476u

struct vdso_table {
	uint64_t magic;
	uint64_t clock_gettime, gettimeofday, time, clock_getres, getcpu;
};
