// SPDX-License-Identifier: Apache-2.0
/*
 * Where a guest process makes its system calls. A site that has trapped often is patched
 * (patch.c, sites.h); what the program can see of its own code and registers stays what
 * it wrote, as far as faults, signal frames and debuggers show it.
 *
 * Calls are counted without a lock, by each thread for itself, as threads share most sites;
 * all else is under the space's.
 */
#include "platform/stub/sites.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host.h"
#include "sentry/base/sort.h"

#define HOT    32 /* trapped calls that cost about as much as patching */
#define PROBES 32 /* those of real programs come in clusters */

static struct stub_sites *sites_of(const struct stub_space *s)
{
	return atomic_load_explicit(&s->sites, memory_order_acquire);
}

/* The first of the entries at which @rip may stand. */
static unsigned hash(uaddr_t rip)
{
	return (unsigned)((rip * 0x9e3779b97f4a7c15ull) >> 57) % AS_SITES;
}

static struct stub_site *find(struct stub_sites *sites, uaddr_t rip)
{
	for (unsigned i = 0; i < PROBES; i++) {
		struct stub_site *site = &sites->site[(hash(rip) + i) % AS_SITES];
		const uaddr_t at = atomic_load_explicit(&site->rip, memory_order_relaxed);

		if (at == rip)
			return site;
		if (!at)
			break;
	}
	return NULL;
}

/* -> where it is counted from now on; NULL: no room. */
static struct stub_site *add(struct stub_sites *sites, uaddr_t rip)
{
	for (unsigned i = 0; i < PROBES; i++) {
		struct stub_site *site = &sites->site[(hash(rip) + i) % AS_SITES];
		uaddr_t free = 0;

		if (atomic_compare_exchange_strong(&site->rip, &free, rip) || free == rip)
			return site;
	}
	return NULL;
}

static struct stub_sites *make(struct stub_space *s)
{
	struct stub_sites *none = NULL, *sites = mem_zalloc(sizeof(*sites));

	if (!sites || atomic_compare_exchange_strong(&s->sites, &none, sites))
		return sites;
	mem_free(sites);
	return none;
}

static void count(_Atomic uint64_t *n)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

bool stub_site_hit(struct stub_space *s, struct stub_slot *slot, uaddr_t rip,
		   bool patchable)
{
	struct stub_sites *sites = sites_of(s);
	struct stub_site *site;
	unsigned n;

	if (!s->host->guest->patched)
		return false;
	if (!sites)
		sites = make(s);
	if (!sites)
		return false;
	site = find(sites, rip);
	if (!site)
		site = add(sites, rip);
	count(&slot->from[site ? site - sites->site : AS_SITES].trapped);
	if (!site || !patchable ||
	    atomic_load_explicit(&site->state, memory_order_relaxed))
		return false;
	/* What two threads count at once may count as one. */
	n = atomic_load_explicit(&site->hits, memory_order_relaxed) + 1;
	atomic_store_explicit(&site->hits, n, memory_order_relaxed);
	return n == HOT;
}

void stub_site_count(struct stub_space *s, struct stub_slot *slot, uaddr_t rip)
{
	struct stub_sites *sites = sites_of(s);
	struct stub_site *site = sites ? find(sites, rip) : NULL;

	if (likely(site))
		count(&slot->from[site - sites->site].patched);
}

static ssize_t read_code(struct stub_space *s, uaddr_t rip, uint8_t code[PATCH_SPAN])
{
	struct iovec here = {code, PATCH_SPAN};
	struct iovec there = {(void *)(rip - PATCH_BEFORE), PATCH_SPAN};

	return process_vm_readv(s->hpid, &here, 1, &there, 1, 0);
}

static void note_patched(struct stub_sites *sites, uaddr_t start)
{
	if (!sites->n_patched++) {
		sites->low = start;
		sites->high = start + PATCH_SPAN;
	}
	sites->low = min_t(uaddr_t, sites->low, start);
	sites->high = max_t(uaddr_t, sites->high, start + PATCH_SPAN);
}

void stub_site_patch(struct addr_space *as, uaddr_t rip, uaddr_t zone)
{
	struct stub_space *s = stub_space_of(as);
	struct stub_sites *sites = sites_of(s);
	struct stub_site *site = sites ? find(sites, rip) : NULL;
	int r = -ENOSYS;

	if (!site)
		return;
	mutex_lock(&s->lock);
	stub_order_flush(s);
	if (atomic_load(&site->state) == SITE_COUNTED) {
		if (read_code(s, rip, site->code) == PATCH_SPAN)
			r = stub_patch_write(s, sites, site, zone);
		if (!r)
			note_patched(sites, rip - PATCH_BEFORE);
		atomic_fetch_add(r ? &as->platform->n_unfit : &as->platform->n_patched,
				 1);
		atomic_store(&site->state, r ? SITE_UNFIT : SITE_PATCHED);
	}
	mutex_unlock(&s->lock);
}

/* --- what guest threads meet ----------------------------------------------- */

bool stub_site_moved(struct stub_space *s, uaddr_t *rip)
{
	struct stub_sites *sites = sites_of(s);
	struct stub_site *site;
	bool found;

	if (!sites)
		return false;
	mutex_lock(&s->lock);
	site = find(sites, *rip);
	found = site && atomic_load(&site->state) == SITE_PATCHED;
	if (found)
		*rip = site->trampoline + TRAMPOLINE_MOVED;
	mutex_unlock(&s->lock);
	return found;
}

bool stub_site_changed(struct stub_space *s, uaddr_t rip)
{
	struct stub_sites *sites = sites_of(s);
	uint8_t now[PATCH_SPAN];
	bool changed = false;

	if (!sites)
		return false;
	mutex_lock(&s->lock);
	for (unsigned i = 0; i < 2 && !changed; i++) {
		struct stub_site *site = find(sites, rip + i * PATCH_BEFORE);
		const unsigned state = site ? atomic_load(&site->state) : SITE_COUNTED;

		if (state == SITE_PATCHED)
			changed = true;
		else if (state == SITE_GONE)
			changed =
				read_code(s, site->rip, now) == PATCH_SPAN &&
				!memcmp(now, site->code, PATCH_BEFORE + site->moved_size);
	}
	mutex_unlock(&s->lock);
	return changed;
}

bool stub_site_shown(struct stub_space *s, uaddr_t *rip)
{
	struct stub_sites *sites = sites_of(s);

	if (!stub_in_trampoline(s, *rip))
		return false;
	for (unsigned i = 0; sites && i < AS_SITES; i++) {
		const struct stub_site *site = &sites->site[i];
		const unsigned state = atomic_load(&site->state);
		uint64_t off;

		if (state != SITE_PATCHED && state != SITE_GONE)
			continue;
		off = *rip - site->trampoline;
		if (off >= TRAMPOLINE_SIZE)
			continue;
		*rip = site->rip;
		if (off < TRAMPOLINE_MOVED)
			*rip -= PATCH_BEFORE;
		else if (off > TRAMPOLINE_MOVED)
			*rip += site->moved_size;
		return off <= TRAMPOLINE_MOVED;
	}
	return false;
}

/* --- changes of the code ---------------------------------------------------- */

static bool overlaps(uaddr_t a, uint64_t a_size, uaddr_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* Of all patched sites there. @undo: the pages stay, and show the program's code again. */
static void forget(struct stub_space *s, struct stub_sites *sites, uaddr_t addr,
		   uint64_t size, bool undo) MUST_HOLD(s->lock);
static void give_up_zone(struct stub_space *s, struct stub_sites *sites, unsigned i)
	MUST_HOLD(s->lock);

static void forget(struct stub_space *s, struct stub_sites *sites, uaddr_t addr,
		   uint64_t size, bool undo)
{
	if (!overlaps(sites->low, sites->high - sites->low, addr, size))
		return;
	for (unsigned i = 0; sites->n_patched && i < AS_SITES; i++) {
		struct stub_site *site = &sites->site[i];

		if (atomic_load(&site->state) != SITE_PATCHED ||
		    !overlaps(site->rip - PATCH_BEFORE, PATCH_SPAN, addr, size))
			continue;
		if (undo)
			stub_patch_undo(s, site);
		atomic_store(&site->state, SITE_GONE);
		sites->n_patched--;
	}
}

/* The program wants the zone's memory for itself. */
static void give_up_zone(struct stub_space *s, struct stub_sites *sites, unsigned zone)
{
	const uaddr_t start = s->zone[zone];

	for (unsigned i = 0; i < AS_SITES; i++) {
		struct stub_site *site = &sites->site[i];

		if (!overlaps(site->trampoline, TRAMPOLINE_SIZE, start, PATCH_ZONE_SIZE))
			continue;
		if (atomic_load(&site->state) == SITE_PATCHED)
			forget(s, sites, site->rip, 1, true);
		site->trampoline = 0;
	}
	atomic_store(&s->zone[zone], 0);
	sites->pages[zone] = 0;
}

void stub_sites_replaced(struct stub_space *s, uaddr_t addr, uint64_t size)
{
	struct stub_sites *sites = sites_of(s);

	if (!sites)
		return;
	mutex_lock(&s->lock);
	forget(s, sites, addr, size, false);
	for (unsigned i = 0; i < STUB_ZONES; i++)
		if (s->zone[i] && overlaps(s->zone[i], PATCH_ZONE_SIZE, addr, size))
			give_up_zone(s, sites, i);
	mutex_unlock(&s->lock);
}

void stub_site_unpatch(struct addr_space *as, uaddr_t addr, uint64_t size)
{
	struct stub_space *s = stub_space_of(as);
	struct stub_sites *sites = sites_of(s);

	if (!sites)
		return;
	mutex_lock(&s->lock);
	forget(s, sites, addr, size, true);
	mutex_unlock(&s->lock);
}

void stub_sites_reset(struct stub_space *s)
{
	struct stub_sites *sites = sites_of(s);

	if (!sites)
		return;
	mutex_lock(&s->lock);
	memset(sites, 0, sizeof(*sites));
	for (struct stub_slot *slot = s->slots; slot; slot = slot->next)
		memset(slot->from, 0, sizeof(slot->from));
	for (unsigned i = 0; i < STUB_ZONES; i++)
		atomic_store(&s->zone[i], 0);
	mutex_unlock(&s->lock);
}

int stub_sites_fork(struct stub_space *child, struct stub_space *parent)
{
	struct stub_sites *sites = sites_of(parent), *copy;

	if (!sites || !(parent->zone[0] | parent->zone[1]))
		return 0;
	copy = mem_alloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, sites, sizeof(*copy));
	atomic_store(&child->sites, copy);
	for (unsigned i = 0; i < STUB_ZONES; i++)
		atomic_store(&child->zone[i], parent->zone[i]);
	return 0;
}

void stub_sites_free(struct stub_space *s)
{
	mem_free(sites_of(s));
}

/* --- figures ---------------------------------------------------------------- */

static enum as_site_state told_state(const struct stub_site *site)
{
	static const enum as_site_state state[] = {
		[SITE_UNFIT] = AS_SITE_UNFIT,
		[SITE_PATCHED] = AS_SITE_PATCHED,
		[SITE_GONE] = AS_SITE_UNDONE,
	};
	const unsigned known = atomic_load(&site->state);

	if (known != SITE_COUNTED)
		return state[known];
	return atomic_load(&site->hits) < HOT ? AS_SITE_TRAPS : AS_SITE_KEPT;
}

static void add_up(struct stub_calls *from, struct as_site *site, bool take)
{
	if (take) {
		site->trapped += atomic_exchange(&from->trapped, 0);
		site->patched += atomic_exchange(&from->patched, 0);
	} else {
		site->trapped += atomic_load(&from->trapped);
		site->patched += atomic_load(&from->patched);
	}
}

static int most_used_first(const void *a, const void *b)
{
	const struct as_site *x = a, *y = b;
	const uint64_t n = x->trapped + x->patched, m = y->trapped + y->patched;

	return n != m ? (n < m) - (n > m) : (x->addr > y->addr) - (x->addr < y->addr);
}

int stub_site_list(struct addr_space *as, struct as_site out[AS_SITES + 1], bool take)
{
	struct stub_space *s = stub_space_of(as);
	struct stub_sites *sites = sites_of(s);
	unsigned n = 0;

	if (!sites)
		return 0;
	if (take)
		mutex_lock(&s->lock);
	else if (!mutex_trylock(&s->lock))
		return -EAGAIN;
	for (unsigned i = 0; i <= AS_SITES; i++) {
		struct stub_slot *slot = s->slots;

		out[n] = (struct as_site){.state = AS_SITE_NO_ROOM};
		if (i < AS_SITES) {
			out[n].addr = atomic_load(&sites->site[i].rip) - PATCH_BEFORE;
			out[n].state = told_state(&sites->site[i]);
		}
		for (; slot; slot = slot->next)
			add_up(&slot->from[i], &out[n], take);
		n += out[n].trapped || out[n].patched;
	}
	mutex_unlock(&s->lock);
	sort_array(out, n, sizeof(*out), most_used_first);
	return (int)n;
}
