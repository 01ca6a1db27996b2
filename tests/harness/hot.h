/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that calls the kernel again and again, in a file of its own, which is mapped afresh for
 * each case: for the calls_hot* tests. A kernel that rewrites such code to be faster must not be
 * noticed.
 */
#pragma once

#define HOT_SIZE 8192 /* bytes of its mapping */
#define HOT	 200  /* calls, by which it has happened if it does */

/*
 * hot_call(nr, a, b, c)
 * hot_behind(x, y): jumps behind its system call unless they are equal; returns x + 7
 * hot_at(), hot_ret(): getppid; by a jump to the instruction itself; just before a return
 * hot_next(x, y): the same; the code to jump to stands right behind a return
 * hot_store(nr, to): what follows the call writes its result through the pointer
 * hot_step(nr): sets TF around it
 * hot_regs(in, out): all registers before it, and after
 */
extern const char hot_start[], hot_end[], hot_call[], hot_behind[], hot_next[], hot_at[],
	hot_store[], hot_stored[], hot_ret[], hot_step[], hot_regs[], hot_regs_behind[];

typedef long hot_fn(long a, long b, long c, long d);

extern char *hot_code; /* where it is */

/* Of hot_regs: rbx rbp r8 r9 r10 r12-r15 rdx rdi rsi, and then */
enum { FLAGS = 12, RAX, RCX, R11, RED_ZONE, RED_ZONE_END, N_REGS };

/* A label's place in it. */
char *hot_label(const char *label);
#define FN(label) ((hot_fn *)(void *)hot_label(label))

/* Maps it from a file of that name in the current folder, anew. */
void *hot_map(const char *name);
/* From an empty file. */
void *hot_map_fd(int fd);
/* In a folder of this case's own. */
void hot_set_up(void);
/* Calls it until it is hot. */
void hot_heat(void);
