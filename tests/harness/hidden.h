/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a process has and that /proc/self/maps does not own up to, and attacks on
 * it: for the escape_* tests. A kernel that runs its programs in processes of another
 * kernel may keep pages of its own there (ours: platform/stub/layout.h). On Linux there
 * are none, so what these tests do to each of them is done to none.
 *
 * An attack runs in a child. It may end as it likes, killed by a signal for instance; what
 * must hold is said by the attack itself, by the hidden pages, and by the other processes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* platform/stub/layout.h */
#define HIDDEN_FROM    0x7ffef8000000ul
#define HIDDEN_CTX     0x7ffef8000000ul /* a context each HIDDEN_CTX_SIZE bytes */
#define HIDDEN_FIXED   0x7ffff8000000ul
#define HIDDEN_TEXT    0x7ffff8000000ul
#define HIDDEN_CODE    0x7ffff8001000ul
#define HIDDEN_ORDER   0x7ffff8010000ul
#define HIDDEN_SCRATCH 0x7ffff8020000ul
#define HIDDEN_FRAME   0x7ffff8021000ul
#define HIDDEN_VDSO    0x7ffff8100000ul
#define HIDDEN_END     0x7ffffffff000ul

#define HIDDEN_CTX_SIZE 0x20000ul
#define HIDDEN_CTXS	256 /* looked at; the lowest free one is taken first */

/* platform/stub/context.h: offsets in a context */
#define HIDDEN_CTX_FRAME  192
#define HIDDEN_CTX_KIND	  200
#define HIDDEN_CTX_ROBUST 256
#define HIDDEN_CTX_STACK  0x14000

/* Addresses in each kind of hidden page, for calls that are given one. */
#define N_HIDDEN_PLACES 11
extern const uintptr_t hidden_place[N_HIDDEN_PLACES];

/*
 * In a file of such tests, once: natively the stack or the vdso may lie in that area by
 * chance. Then the program is executed again, and gets other addresses. Where it never
 * does (no randomisation), hidden_need() skips.
 */
#define HIDDEN_AREA                                                                      \
	__attribute__((constructor)) static void hidden_area(int argc, char **argv)      \
	{                                                                                \
		(void)argc;                                                              \
		hidden_make_room(argv);                                                  \
	}
void hidden_make_room(char **argv);
void hidden_need(void);

struct hidden_page {
	char *at;
	bool writable;
};

#define HIDDEN_MAX 2048
extern struct hidden_page hidden[HIDDEN_MAX];
extern size_t n_hidden;

/*
 * Fills hidden[]: of each context the first page, and two of its signal stack; all of the
 * fixed pages. One thread only may run. Skips like hidden_need().
 */
void hidden_scan(void);
bool hidden_at(const void *p); /* the page is there now; for the same callers */

/*
 * Where these bytes are in the hidden code that guest threads run: NULL where there is no
 * such page. Fails when the page is there and does not hold them: the attack on them would
 * be none.
 */
char *hidden_code(const void *bytes, size_t n);

/* Fails unless each page in hidden[] is there with the rights it had. */
void hidden_check(void);

/*
 * attack - run @fn in a child of its own, which is killed after @ms. One thread only may
 * run at the first, which scans if nobody has.
 * Returns its exit code, 128 + signal, or 128 + SIGKILL when it had to be killed. Fails
 * when it does not die of that, or when processes cannot be had or do not run any more.
 */
int attack(void (*fn)(void *arg), void *arg, int ms);
/* Processes, threads, pipes, memory, signals, and the case's own hidden pages still work. */
void sandbox_lives(void);

/* A page of hidden memory that is found by a wild number: for scribblers. */
uint64_t wild(uint64_t *state);
