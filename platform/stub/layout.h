/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things lie in a guest process, and the order page. Read by C and by the
 * assembler. Everything of ours stands above STUB_BASE, the end of guest memory.
 *
 *	STUB_CTX	rw-  contexts: what guest threads that trap their own calls share
 *			     with the Sentry, STUB_CTX_SIZE each (platform/systrap)
 *	STUB_TEXT	r-x  code of stub.S, a private copy (never written again)
 *	STUB_GUEST_TEXT	r-x  code that guest threads run, of the platform that has any
 *	STUB_ORDER	r--  this address space's order page, shared with the Sentry
 *	STUB_SCRATCH	rw-  private; out-parameters of the helper's calls
 *	STUB_FRAME	rw-  private; the host builds signal frames here (fault.c)
 *	STUB_VDSO	     the host's vvar and vdso pages
 *
 * The scratch and frame pages can be written by guest threads: nothing read from
 * them is trusted. What must be trusted (that an order was done, its errno, a new
 * process's id) the helper writes with pwrite() through STUB_FD_PAGES into the
 * order page, which guest code can only read.
 */
#pragma once

#define STUB_BASE	0x7ffef8000000
#define STUB_CTX	0x7ffef8000000
#define STUB_FIXED	0x7ffff8000000 /* from here on every stub has the same pages */
#define STUB_TEXT	0x7ffff8000000
#define STUB_GUEST_TEXT 0x7ffff8001000
#define STUB_ORDER	0x7ffff8010000
#define STUB_SCRATCH	0x7ffff8020000
#define STUB_FRAME	0x7ffff8021000
#define STUB_VDSO	0x7ffff8100000
#define STUB_END	0x7ffffffff000 /* of user space */

/* In the helper's text: the second filter of guest threads that trap by seccomp. */
#define STUB_GUEST_FILTER (STUB_TEXT + 0xf80)

#define STUB_CTX_SIZE	     0x20000
#define STUB_TEXT_SIZE	     0x1000
#define STUB_GUEST_TEXT_SIZE 0x2000
#define STUB_SCRATCH_SIZE    0x1000
#define STUB_FRAME_SIZE	     0x8000 /* AVX-512 state takes 3.5 KB, AMX 11 KB */

/* Descriptors of every stub: the order pages, and the end of the socket pair. */
#define STUB_FD_PAGES  0
#define STUB_FD_SOCKET 1
#define STUB_FD_FIRST  2 /* donated descriptors start here */

/* Offsets in struct stub_order. */
#define ORDER_SEQ	0
#define ORDER_N		4
#define ORDER_DONE	8
#define ORDER_ERR	12
#define ORDER_ERR_AT	16
#define ORDER_PID	20
#define ORDER_PPID	24
#define ORDER_FILTERED	28
#define ORDER_PAGE_OFF	32
#define ORDER_XFEATURES 40
#define ORDER_DATA	64
#define ORDER_DATA_SIZE 448
#define ORDER_OPS	512
#define ORDER_MAX_OPS	16
#define ORDER_OP_SIZE	64

/* Not a system call: copy args[2] bytes from args[1] to args[0]. */
#define STUB_OP_COPY 0x10000

/* In the scratch page. */
#define SCRATCH_PID  0	  /* child's tid, by CLONE_CHILD_SETTID */
#define SCRATCH_TID  8	  /* what clone() returned */
#define SCRATCH_TIME 16	  /* clock_gettime() result */
#define SCRATCH_MSG  64	  /* msghdr and buffers of recvmsg */
#define SCRATCH_VEC  1024 /* mincore() result */

/*
 * Memory calls that guest threads make themselves: anonymous memory, and no more of it at a
 * time than lies between the last address they may name and STUB_BASE.
 */
#define STUB_MAX_CALLS	4
#define STUB_CALL_SIZE	0x4000000
#define STUB_CALL_LAST	(STUB_BASE - 2 * STUB_CALL_SIZE)
#define STUB_CALL_FLAGS 0x32 /* of mmap: private, fixed, anonymous */

#define STUB_MAX_ERRNO 133 /* larger ones are reported as this */

#ifndef __ASSEMBLER__
#include <stdatomic.h>

#define STUB_MAX_SPACES 32768
#define STUB_MAX_CTX	32768ul
/* Contexts stand behind the order pages in the file. */
#define STUB_CTX_FILE_OFF (STUB_MAX_SPACES * PAGE_SIZE)

#include "sentry/base/types.h"

struct stub_op {
	uint64_t nr, args[6];
	uint64_t spare;
};

/*
 * One page. The Sentry writes it, but for done, err, err_at and pid, which are the
 * helper's. An order stands here while seq != done; the helper sleeps on seq, the
 * Sentry on done.
 */
struct stub_order {
	atomic_uint seq;
	uint32_t n;	  /* operations: they run in turn until one fails */
	atomic_uint done; /* seq of the last order done */
	uint32_t err;	  /* errno of the operation that failed, 0: none */
	uint32_t err_at;  /* its index */
	uint32_t pid;	  /* of this process, written at birth */
	uint32_t ppid;	  /* the Sentry: any other parent means it has died */
	/* guest threads trap by seccomp */
	uint32_t filtered;
	uint64_t page_off;  /* of this page in the file */
	uint64_t xfeatures; /* which parts of an XSAVE image guests have */
	uint64_t spare2[2];
	uint8_t data[ORDER_DATA_SIZE]; /* constant operands: msghdr ... */
	struct stub_op ops[ORDER_MAX_OPS];
};

_Static_assert(offsetof(struct stub_order, done) == ORDER_DONE, "order page");
_Static_assert(offsetof(struct stub_order, ppid) == ORDER_PPID, "order page");
_Static_assert(offsetof(struct stub_order, filtered) == ORDER_FILTERED, "order page");
_Static_assert(offsetof(struct stub_order, page_off) == ORDER_PAGE_OFF, "order page");
_Static_assert(offsetof(struct stub_order, xfeatures) == ORDER_XFEATURES, "order page");
_Static_assert(offsetof(struct stub_order, data) == ORDER_DATA, "order page");
_Static_assert(offsetof(struct stub_order, ops) == ORDER_OPS, "order page");
_Static_assert(sizeof(struct stub_order) <= PAGE_SIZE, "order page");
#endif
