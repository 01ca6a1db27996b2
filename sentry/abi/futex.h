// SPDX-License-Identifier: Apache-2.0
/* Futexes of Linux (include/uapi/linux/futex.h). Source: futex(2), futex_waitv(2). */
#pragma once

#include "sentry/base/types.h"

/* futex(2): one operation, with flags. */
enum {
	LX_FUTEX_WAIT,
	LX_FUTEX_WAKE,
	LX_FUTEX_FD, /* gone since Linux 2.6.26 */
	LX_FUTEX_REQUEUE,
	LX_FUTEX_CMP_REQUEUE,
	LX_FUTEX_WAKE_OP,
	LX_FUTEX_LOCK_PI,
	LX_FUTEX_UNLOCK_PI,
	LX_FUTEX_TRYLOCK_PI,
	LX_FUTEX_WAIT_BITSET,
	LX_FUTEX_WAKE_BITSET,
	LX_FUTEX_WAIT_REQUEUE_PI,
	LX_FUTEX_CMP_REQUEUE_PI,
	LX_FUTEX_LOCK_PI2,
};
#define LX_FUTEX_PRIVATE_FLAG	128u
#define LX_FUTEX_CLOCK_REALTIME 256u

#define LX_FUTEX_BITSET_MATCH_ANY UINT32_MAX

/* The word of a lock that knows its owner: PI and robust. */
#define LX_FUTEX_WAITERS    0x80000000u
#define LX_FUTEX_OWNER_DIED 0x40000000u
#define LX_FUTEX_TID_MASK   0x3fffffffu

/* The newer calls: size of the word, and privacy, as flags of each. */
#define LX_FUTEX2_SIZE_MASK 0x03u
#define LX_FUTEX2_SIZE_U32  0x02u
#define LX_FUTEX2_PRIVATE   0x80u
#define LX_FUTEX_WAITV_MAX  128

struct lx_futex_waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};
_Static_assert(sizeof(struct lx_futex_waitv) == 24, "struct futex_waitv");

#define LX_ROBUST_LIST_HEAD_SIZE 24
