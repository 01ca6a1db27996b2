// SPDX-License-Identifier: Apache-2.0
/* Which Linux this kernel is: uname(2), /proc/version, /proc/sys/kernel. */
#pragma once

#define LX_UTS_SYSNAME	  "Linux"
#define LX_UTS_RELEASE	  "6.12.0"
#define LX_UTS_RELEASE_26 "2.6.72" /* the same under personality UNAME26 */
#define LX_UTS_VERSION	  "#1 SMP PREEMPT_DYNAMIC runsc-c"
#define LX_UTS_MACHINE	  "x86_64"

struct lx_utsname {
	char sysname[65], nodename[65], release[65], version[65], machine[65],
		domainname[65];
};
_Static_assert(sizeof(struct lx_utsname) == 390, "struct new_utsname");
