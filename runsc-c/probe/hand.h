/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hand.c and guest.S share: the area where a guest and its host take turns. A word says
 * whose turn it is; who waits for it spins or sleeps on it (a futex). As in
 * platform/stub/context.h, without all that a real context needs besides.
 */
#pragma once

#define HAND_AREA_SIZE 0x10000 /* and its alignment: the guest finds it by its stack */

#define HAND_TURN  0  /* bit 0: the guest's; bit 31: somebody sleeps on it */
#define HAND_LOCAL 64 /* calls that the guest answers itself before it hands over */
#define HAND_SPIN  68 /* the guest spins for its turn */
#define HAND_REGS  128
#define HAND_STACK 0x1000 /* the signal stack, to the area's end */

#define HAND_GUESTS_TURN 1
#define HAND_SLEEPER	 0x80000000

#ifndef __ASSEMBLER__
#include <stdatomic.h>

#include "sentry/base/types.h"

struct hand_area {
	atomic_uint turn;
	uint32_t pad[15];
	/* written by the host while it is its turn */
	int32_t local;
	uint32_t spin;
};

_Static_assert(offsetof(struct hand_area, local) == HAND_LOCAL, "local");
_Static_assert(offsetof(struct hand_area, spin) == HAND_SPIN, "spin");

/*
 * The loops that guests run, and the handler; from hand_text on calls are not dispatched. The
 * loops never return, but are not said to: sanitizers would make calls before them.
 */
extern const char hand_text[], hand_text_end[], hand_handler[];
void hand_loop_plain(struct hand_area *area);
void hand_loop_trap(struct hand_area *area);
void hand_loop_site(struct hand_area *area);
#endif
