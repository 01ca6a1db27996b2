/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call sites of a space: sites.c knows them, patch.c rewrites them.
 *
 *	rip - 2:  0f 05		syscall			e9 ...	jmp trampoline
 *	rip:	  48 3d ...	the next instruction	(its first three bytes are part of that)
 *
 * The third byte of the jump, where guest code may jump to the next instruction, is chosen by the
 * place of the trampoline to be an instruction that no program may execute; the fault is
 * answered by going on with that instruction's copy. A jump to the `syscall` meets the jump.
 */
#pragma once

#include "platform/stub/stub.h"

enum site_state {
	SITE_COUNTED,
	SITE_UNFIT,   /* cannot be patched */
	SITE_PATCHED, /* from here on all is constant but for the state */
	SITE_GONE,    /* was; threads in a call of it still come back to its trampoline */
};

struct stub_site {
	_Atomic uaddr_t rip; /* behind the call; 0: free; then constant */
	atomic_uint hits; /* trapped calls that could be patched, about; until they are */
	atomic_uchar state; /* enum site_state; written under the space's lock */
	uint8_t moved_size; /* of the next instruction */
	uaddr_t trampoline;
	uint8_t code[PATCH_SPAN]; /* the program's, from rip - PATCH_BEFORE on */
};

struct stub_sites {
	struct stub_site site[AS_SITES];
	/* under the space's lock */
	unsigned n_patched;
	uaddr_t low, high;	    /* patched code lies in [low, high) */
	uint16_t pages[STUB_ZONES]; /* bitmaps of their mapped pages */
};

/* In a trampoline. */
#define TRAMPOLINE_SITE	 14 /* rip, 8 bytes */
#define TRAMPOLINE_CALL	 22 /* a syscall instruction, for who has no context in GS */
#define TRAMPOLINE_MOVED 24 /* the next instruction, and a jump behind where it was */
#define TRAMPOLINE_SIZE	 40

/*
 * insn.c: bytes of the instruction at @p (@n of them are there), if it can run anywhere, and the
 * jump takes away no other's: it has three bytes at least, or is a return before padding. Else 0.
 */
unsigned stub_insn_movable(const uint8_t *p, unsigned n);

/* patch.c: both under the space's lock. */
/*
 * Fill in @site, whose code was read, and rewrite it. The trampoline comes into a zone there
 * is, or into a new one at @zone. -ENOSYS: it cannot be done there.
 */
int stub_patch_write(struct stub_space *s, struct stub_sites *sites,
		     struct stub_site *site, uaddr_t zone) MUST_HOLD(s->lock);
/* The program's code again, or the process is killed. The trampoline stays. */
void stub_patch_undo(struct stub_space *s, const struct stub_site *site)
	MUST_HOLD(s->lock);
