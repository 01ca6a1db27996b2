/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data that travels with a call's hand-over (design D3): entry.S copies in user mode what
 * the table of carry.c names. Read by C and by the assembler.
 *
 * The table has four bytes a call: two arguments to copy in, one to copy out, and where in
 * CTX_KNOWN its answer may stand, from 1 on, or CARRY_MASK: it may change CTX_MASK; or
 * CARRY_FPU: the FPU registers are saved as well, for it often ends in a signal handler; or
 * CARRY_CLOCK: the thread notes its CPU time, as another may take its place. One of the first
 * three is 0, or CARRY_STACK, or the number of the argument that is the pointer, and above it
 * (<< 3) how much: a size of CARRY_SIZES by its index from 1, or CARRY_BY_ARG + 8 * i + n for
 * argument n times 1, 8 or 16.
 */
#pragma once

#define CARRY_TABLE 0x1800 /* offset in the text */
#define CARRY_CALLS 512

#define CARRY_SIZES  8, 16, 32, 144, 256, 256, 4
#define CARRY_8	     1
#define CARRY_16     2
#define CARRY_32     3
#define CARRY_144    4
#define CARRY_256    5
#define CARRY_STRING 6 /* a path: up to the end of its page */
#define CARRY_4	     7 /* in one access when it comes in */
#define CARRY_BY_ARG 8
#define CARRY_STACK  (6 | 1 << 3) /* not an argument: what the stack pointer points at */
#define CARRY_MASK   7		  /* above CTX_KNOWN_N */
#define CARRY_FPU    0x80
#define CARRY_CLOCK  0x81

#ifndef __ASSEMBLER__
#include "platform/platform.h"

struct systrap_ctx;

/* The text for guest processes: entry.S with the table; STUB_GUEST_TEXT_SIZE bytes. */
void systrap_text_init(char *text);
/* A call has come: find out what came with it. */
void systrap_carry_begin(struct systrap_ctx *c);
/* The thread is about to run on, or another takes its place: it takes along what is to go out. */
void systrap_carry_end(struct systrap_ctx *c);
/* It was stopped before it did. */
void systrap_carry_again(struct systrap_ctx *c);
/* It could not, whatever guest code has made of that: what the last carry_end() sent. */
void systrap_undelivered(const struct systrap_ctx *c, struct exit_info *info);

/* ctx_ops, see platform.h */
void systrap_know(struct exec_ctx *ctx, uint64_t value);
void systrap_forget(struct exec_ctx *ctx);
bool systrap_lend_mask(struct exec_ctx *ctx, uint64_t mask, bool always);
uint64_t systrap_take_mask(struct exec_ctx *ctx, bool keep);
const void *systrap_carried_in(struct exec_ctx *ctx, uaddr_t addr, size_t *n);
void *systrap_carry_room(struct exec_ctx *ctx, uaddr_t addr, size_t *n);
bool systrap_carry_out(struct exec_ctx *ctx, uaddr_t addr, const void *src, size_t n);
bool systrap_carry_blind(struct exec_ctx *ctx, uaddr_t addr, const void *src, size_t n);
#endif
