// SPDX-License-Identifier: Apache-2.0
/*
 * Rewriting a call site (sites.h). What jumps there lands in its trampoline:
 *
 *	lea  moved(%rip), %rcx
 *	jmp  *entry(%rip)	to the platform's text; the address stands first in the page
 *	.quad rip
 *	syscall			traps, where the platform's text cannot do better
 *   moved:
 *	the next instruction
 *	jmp  behind it
 *
 * Trampolines lie in zones of 64 KB, which the kernel chooses where nothing is mapped and
 * nothing will be, unless the program asks for just that address.
 *
 * While threads may run that code, what faults stands in the first byte of both instructions
 * until the rest is there (they run it again then: stub_site_changed); each mprotect() that
 * takes away the right to write has all CPUs that run the process look at memory anew.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "platform/stub/sites.h"

#define JMP_SIZE   5
#define JMP	   0xe9
#define PAGES	   (PATCH_ZONE_SIZE / PAGE_SIZE)
#define ENTRY_SIZE 8
#define RX	   (PROT_READ | PROT_EXEC)
#define RW	   (PROT_READ | PROT_WRITE)
#define RWX	   (PROT_READ | PROT_WRITE | PROT_EXEC)

/* One byte that is no instruction whatever follows it. */
static const uint8_t traps[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27,
				0x2f, 0x37, 0x3f, 0x60, 0x61, 0x9a, 0xce, 0xd4};

static int32_t rel32(uaddr_t to, uaddr_t behind)
{
	return (int32_t)(int64_t)(to - behind);
}

/* --- where to put it --------------------------------------------------------- */

static bool is_taken(const struct stub_sites *sites, uaddr_t at)
{
	for (unsigned i = 0; i < AS_SITES; i++)
		if (sites->site[i].trampoline == at)
			return true;
	return false;
}

/* Can a jump at @site lead to @at, and its third byte fault? */
static bool fits(uaddr_t site, uaddr_t at)
{
	const int64_t rel = (int64_t)(at - (site + JMP_SIZE));

	return rel >= INT_MIN && rel <= INT_MAX &&
	       memchr(traps, (uint8_t)(rel >> 8), sizeof(traps));
}

static bool is_mapped(const struct stub_sites *sites, unsigned zone, unsigned page)
{
	return sites->pages[zone] >> page & 1;
}

/* In the zone, if @fresh in a page that is not there yet. 0: nowhere. */
static uaddr_t place_in(const struct stub_space *s, const struct stub_sites *sites,
			uaddr_t site, unsigned zone, bool fresh)
{
	for (unsigned page = 0; page < PAGES; page++) {
		const uaddr_t base = s->zone[zone] + page * PAGE_SIZE;

		if (is_mapped(sites, zone, page) == fresh)
			continue;
		for (uaddr_t at = base + ENTRY_SIZE;
		     at + TRAMPOLINE_SIZE <= base + PAGE_SIZE; at += TRAMPOLINE_SIZE)
			if (fits(site, at) && !is_taken(sites, at))
				return at;
	}
	return 0;
}

/* 0: nowhere. Else in which zone, too; it may be a new one, at @hint. */
static uaddr_t place(struct stub_space *s, const struct stub_sites *sites, uaddr_t site,
		     uaddr_t hint, unsigned *zone)
{
	uaddr_t at = 0;

	for (int fresh = 0; fresh < 2 && !at; fresh++)
		for (*zone = 0; *zone < STUB_ZONES; ++*zone) {
			at = s->zone[*zone] ? place_in(s, sites, site, *zone, fresh) : 0;
			if (at)
				return at;
		}
	if (!hint || stub_in_trampoline(s, hint) ||
	    stub_in_trampoline(s, hint + PATCH_ZONE_SIZE - 1))
		return 0;
	for (*zone = 0; *zone < STUB_ZONES; ++*zone)
		if (!s->zone[*zone]) {
			atomic_store(&s->zone[*zone], hint);
			return place_in(s, sites, site, *zone, true);
		}
	return 0;
}

/* --- orders ------------------------------------------------------------------ */

/* An order that copies to @to; the bytes wait in the order page, from *@used on. */
static void add_copy(struct stub_space *s, unsigned *used, uaddr_t to, const void *p,
		     unsigned n) MUST_HOLD(s->lock);
static void add_protect(struct stub_space *s, uaddr_t at, unsigned n, int prot)
	MUST_HOLD(s->lock);

static void add_copy(struct stub_space *s, unsigned *used, uaddr_t to, const void *p,
		     unsigned n)
{
	BUG_ON(*used + n > ORDER_DATA_SIZE);
	memcpy(s->order->data + *used, p, n);
	stub_order_add(s, STUB_OP_COPY, to, STUB_ORDER + ORDER_DATA + *used, n, 0, 0, 0);
	*used += n;
}

static void add_protect(struct stub_space *s, uaddr_t at, unsigned n, int prot)
{
	const uaddr_t start = at & ~(PAGE_SIZE - 1);
	const uaddr_t end = (at + n + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

	stub_order_add(s, SYS_mprotect, start, end - start, (uint64_t)prot, 0, 0, 0);
}

/* The JMP_SIZE bytes at @code to @site. @alone: no thread can be there now. */
static void add_code(struct stub_space *s, unsigned *used, uaddr_t site,
		     const uint8_t *code, bool alone) MUST_HOLD(s->lock);

static void add_code(struct stub_space *s, unsigned *used, uaddr_t site,
		     const uint8_t *code, bool alone)
{
	const unsigned next = PATCH_BEFORE;
	uint8_t rest[JMP_SIZE];

	memcpy(rest, code, JMP_SIZE);
	rest[next] = traps[0];
	add_protect(s, site, JMP_SIZE, RWX);
	if (!alone) {
		add_copy(s, used, site, traps, 1);
		add_copy(s, used, site + next, traps, 1);
		add_protect(s, site, JMP_SIZE, RX);
		add_protect(s, site, JMP_SIZE, RWX);
		add_copy(s, used, site + 1, rest + 1, JMP_SIZE - 1);
		add_protect(s, site, JMP_SIZE, RX);
		add_protect(s, site, JMP_SIZE, RWX);
		add_copy(s, used, site + next, code + next, 1);
		add_copy(s, used, site, code, 1);
	} else {
		add_copy(s, used, site, code, JMP_SIZE);
	}
	add_protect(s, site, JMP_SIZE, RX);
}

static void add_trampoline(struct stub_space *s, unsigned *used,
			   const struct stub_site *site, bool fresh) MUST_HOLD(s->lock);

static void add_trampoline(struct stub_space *s, unsigned *used,
			   const struct stub_site *site, bool fresh)
{
	const uaddr_t at = site->trampoline, page = at & ~(PAGE_SIZE - 1);
	const uaddr_t entry = s->host->guest->patched;
	const int32_t lea = TRAMPOLINE_MOVED - 7, jmp = rel32(page, at + 13);
	const int32_t back = rel32(site->rip, at + TRAMPOLINE_MOVED + JMP_SIZE);
	uint8_t t[TRAMPOLINE_SIZE] = {
		0x48, 0x8d, 0x0d, [7] = 0xff, 0x25, [TRAMPOLINE_CALL] = 0x0f, 0x05};

	memcpy(t + 3, &lea, sizeof(lea));
	memcpy(t + 9, &jmp, sizeof(jmp));
	memcpy(t + TRAMPOLINE_SITE, (const void *)&site->rip, sizeof(uaddr_t));
	memcpy(t + TRAMPOLINE_MOVED, site->code + PATCH_BEFORE, site->moved_size);
	t[TRAMPOLINE_MOVED + site->moved_size] = JMP;
	memcpy(t + TRAMPOLINE_MOVED + site->moved_size + 1, &back, sizeof(back));
	if (fresh) {
		stub_order_add(s, SYS_mmap, page, PAGE_SIZE, RW,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (uint64_t)-1, 0);
		add_copy(s, used, page, &entry, sizeof(entry));
	} else {
		/* Other threads may run what is there already. */
		add_protect(s, page, PAGE_SIZE, RWX);
	}
	add_copy(s, used, at, t, sizeof(t));
	add_protect(s, page, PAGE_SIZE, RX);
}

/* --- both ways ----------------------------------------------------------------- */

void stub_patch_undo(struct stub_space *s, const struct stub_site *site)
{
	unsigned used = 0;

	stub_order_flush(s);
	add_code(s, &used, site->rip - PATCH_BEFORE, site->code, false);
	if (stub_order_run(s, NULL))
		stub_space_kill(s);
}

int stub_patch_write(struct stub_space *s, struct stub_sites *sites,
		     struct stub_site *site, uaddr_t hint)
{
	const uaddr_t at = site->rip - PATCH_BEFORE;
	uint8_t code[JMP_SIZE] = {JMP};
	unsigned zone, page, used = 0, first, failed_at = 0;
	int32_t rel;
	bool fresh;
	int r;

	site->moved_size = (uint8_t)stub_insn_movable(site->code + PATCH_BEFORE,
						      PATCH_SPAN - PATCH_BEFORE);
	if (site->code[0] != 0x0f || site->code[1] != 0x05 || !site->moved_size ||
	    site->moved_size > TRAMPOLINE_SIZE - TRAMPOLINE_MOVED - JMP_SIZE)
		return -ENOSYS;
	site->trampoline = place(s, sites, at, hint, &zone);
	if (!site->trampoline)
		return -ENOSYS;
	page = (unsigned)((site->trampoline - s->zone[zone]) / PAGE_SIZE);
	fresh = !is_mapped(sites, zone, page);
	rel = rel32(site->trampoline, at + JMP_SIZE);
	memcpy(code + 1, &rel, sizeof(rel));
	add_trampoline(s, &used, site, fresh);
	first = s->order->n;
	add_code(s, &used, at, code, s->n_live <= 1);
	r = stub_order_run(s, &failed_at);
	if (!r || failed_at)
		sites->pages[zone] |= (uint16_t)(1u << page);
	if (r && failed_at > first)
		stub_patch_undo(s, site);
	return r;
}
