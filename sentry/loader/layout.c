// SPDX-License-Identifier: Apache-2.0
/*
 * Where stack, areas, program and break of a new address space go: the same places and
 * the same amounts of randomness as Linux on x86-64 (stack 22 bits of pages, areas and
 * PIE 28, break 32 MB).
 */
#include <string.h>

#include "sentry/base/host.h"
#include "sentry/loader/internal.h"

#define MB (1024ull * 1024)
#define GB (1024 * MB)

#define STACK_RND_SIZE	(16 * GB)
#define STACK_GUARD_GAP (256 * PAGE_SIZE)
#define MMAP_RND_BITS	28
#define BRK_RND_SIZE	(32 * MB)

static uint64_t take_bits(uint64_t *rnd, unsigned bits)
{
	uint64_t v = *rnd & ((1ull << bits) - 1);

	*rnd >>= bits;
	return v;
}

void layout_choose(struct layout *l, uaddr_t max_addr, uint64_t stack_limit,
		   bool randomize)
{
	uint64_t rnd[2] = {0}, gap;
	uaddr_t top = page_down(max_addr);

	if (randomize && host_getrandom(rnd, sizeof(rnd)) < 0)
		memset(rnd, 0, sizeof(rnd));
	l->stack_top = top - take_bits(&rnd[0], 22) * PAGE_SIZE;
	l->stack_slide = take_bits(&rnd[0], 13) & ~0xfull;
	l->brk_offset = randomize ? PAGE_SIZE + take_bits(&rnd[0], 25) % BRK_RND_SIZE : 0;
	l->brk_offset = page_down(l->brk_offset);
	/* What the stack may grow to is kept free below it. */
	gap = stack_limit;
	if (gap < 128 * MB)
		gap = 128 * MB;
	if (gap > top / 6 * 5)
		gap = top / 6 * 5;
	gap += STACK_GUARD_GAP + (randomize ? STACK_RND_SIZE : 0);
	if (gap > top / 6 * 5)
		gap = top / 6 * 5;
	l->mmap_base =
		page_down(top - gap - take_bits(&rnd[1], MMAP_RND_BITS) * PAGE_SIZE);
	l->pie_base =
		page_down(top / 3 * 2) + take_bits(&rnd[1], MMAP_RND_BITS) * PAGE_SIZE;
}
