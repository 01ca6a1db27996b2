// SPDX-License-Identifier: Apache-2.0
/*
 * Is a cached answer still true? (proto.h, Watches)
 *
 * The host's kernel tells changes through the inotify descriptor before the call that
 * made them returns. Reading it dry, then looking into the cache: that is the check. It
 * is done once in five microseconds at most, which is once a call of the guest and not
 * once a layer, so a change is seen by every call that begins so long after the change's
 * own call has returned.
 *
 * A name's answer carries a stamp: the count of changes of its slot, a place in a table
 * by hash of (watch, name). An event counts the slot up, so the stamp is stale; another
 * name in the same slot is then asked for once too often, that is all. Where there is no
 * watch, or an event came while the question was on its way, the stamp is a time: true
 * for the rest of this walk, then asked again.
 *
 * Attributes carry one flag, taken away by an event of the inode's own watch.
 */
#include <string.h>
#include <sys/inotify.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#define NAME_SLOTS   65536u
#define DRAIN_NS     (5 * NSEC_PER_USEC)
#define UNWATCHED_NS (50 * NSEC_PER_USEC)
#define MAX_WATCHES  16384u

/*
 * A stamp: 0 never true; else by the lowest two bits
 *   1  watched: slot << 2, generation << 18, epoch << 48
 *   2  a time: nanoseconds << 2
 */
#define STAMP_WATCHED 1u
#define STAMP_TIMED   2u
#define GEN_MASK      ((1u << 30) - 1)

static unsigned name_slot(int wd, const char *name, size_t len)
{
	return hash_bytes(name, len, (uint64_t)wd) % NAME_SLOTS;
}

static uint64_t watched_stamp(struct gofer_session *s, unsigned slot)
{
	uint64_t gen = atomic_load(&s->gen[slot]) & GEN_MASK;
	uint64_t epoch = atomic_load(&s->epoch) & 0xffff;

	return STAMP_WATCHED | (uint64_t)slot << 2 | gen << 18 | epoch << 48;
}

/* Beside the slot of the name: its attributes change without it. */
static unsigned attr_slot(int wd, const char *name, size_t len)
{
	return hash_bytes(name, len, ~(uint64_t)wd) % NAME_SLOTS;
}

uint64_t stamp_make_attr(struct ginode *dir, const char *name, size_t len, uint64_t asked)
{
	struct gofer_session *s = gsession(&dir->base);
	int wd = atomic_load(&dir->wd);
	uint64_t stamp;

	if (wd == P9_NO_WD || atomic_load(&dir->entries_wd) != wd)
		return 0;
	stamp = watched_stamp(s, attr_slot(wd, name, len));
	return atomic_load(&s->n_events) == asked ? stamp : 0;
}

uint64_t stamp_make(struct ginode *dir, const char *name, size_t len, uint64_t asked)
{
	struct gofer_session *s = gsession(&dir->base);
	int wd = atomic_load(&dir->wd);
	uint64_t stamp = 0;

	if (wd != P9_NO_WD)
		stamp = watched_stamp(s, name_slot(wd, name, len));
	/* In this order: an event is counted before it takes effect. */
	if (wd != P9_NO_WD && atomic_load(&s->n_events) == asked)
		return stamp;
	return STAMP_TIMED | (uint64_t)clock_mono_ns() << 2;
}

bool stamp_valid(struct gofer_session *s, uint64_t stamp)
{
	switch (stamp & 3) {
	case STAMP_WATCHED:
		watch_drain(s);
		return stamp == watched_stamp(s, stamp >> 2 & (NAME_SLOTS - 1));
	case STAMP_TIMED:
		return clock_mono_ns() - (int64_t)(stamp >> 2) < UNWATCHED_NS;
	}
	return false;
}

/* --- events ------------------------------------------------------------------- */

static struct ginode *find(struct gofer_session *s, int wd)
{
	struct hnode *h = htab_first(&s->wds, hash_u64((uint64_t)wd));

	for (; h; h = htab_next(h)) {
		struct ginode *g = container_of(h, struct ginode, by_wd);

		if (atomic_load(&g->wd) == wd)
			return g;
	}
	return NULL;
}

static void forget_locked(struct gofer_session *s, struct ginode *g)
	MUST_HOLD(s->watch_lock)
{
	htab_remove(&s->wds, &g->by_wd);
	atomic_store(&g->wd, P9_NO_WD);
	atomic_store(&g->attr_fresh, false);
	atomic_fetch_sub(&s->n_watches, 1);
}

/* Notices were lost: nothing that was known is known. */
static void lose_all(struct gofer_session *s)
{
	atomic_fetch_add(&s->epoch, 1);
	for (size_t i = 0; i < s->wds.n_slots; i++)
		for (struct hnode *h = s->wds.slot[i]; h; h = h->next)
			atomic_store(&container_of(h, struct ginode, by_wd)->attr_fresh,
				     false);
}

#define NAMES_CHANGE (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

static void take_event(struct gofer_session *s, const struct inotify_event *e,
		       const char *name) MUST_HOLD(s->watch_lock)
{
	struct ginode *g;

	atomic_fetch_add(&s->n_events, 1);
	if (e->mask & IN_Q_OVERFLOW) {
		lose_all(s);
		return;
	}
	/* Also for a wd we have not heard of yet: its stamps may be on their way. */
	if (e->len && e->mask & NAMES_CHANGE)
		atomic_fetch_add(&s->gen[name_slot(e->wd, name, strnlen(name, e->len))],
				 1);
	if (e->len)
		atomic_fetch_add(&s->gen[attr_slot(e->wd, name, strnlen(name, e->len))],
				 1);
	g = find(s, e->wd);
	if (!g)
		return;
	if (!e->len || e->mask & NAMES_CHANGE)
		atomic_store(&g->attr_fresh, false);
	if (e->mask & IN_IGNORED) {
		/* No more events for what is below:
		 * stamps made under this watch are void. */
		if (LX_S_ISDIR(g->base.mode))
			atomic_fetch_add(&s->epoch, 1);
		forget_locked(s, g);
	}
}

/* Events as they lie in @buf. The host's kernel writes them;
 * it is believed, but bounded. */
static void take_events(struct gofer_session *s, const uint8_t *buf, size_t n)
	MUST_HOLD(s->watch_lock)
{
	struct inotify_event e;

	while (n >= sizeof(e)) {
		memcpy(&e, buf, sizeof(e));
		if (e.len > n - sizeof(e)) {
			lose_all(s);
			return;
		}
		take_event(s, &e, (const char *)buf + sizeof(e));
		buf += sizeof(e) + e.len;
		n -= sizeof(e) + e.len;
	}
}

void watch_drain(struct gofer_session *s)
{
	int64_t now = clock_mono_ns();
	uint8_t buf[4096];
	ssize_t n;

	if (s->inotify_hfd < 0 || now - atomic_load(&s->drained_ns) < DRAIN_NS)
		return;
	/* The lock over both: who finds nothing
	 * to read must not overtake who has read. */
	mutex_lock(&s->watch_lock);
	while ((n = host_read(s->inotify_hfd, buf, sizeof(buf))) > 0)
		take_events(s, buf, (size_t)n);
	mutex_unlock(&s->watch_lock);
	atomic_store(&s->drained_ns, now);
}

/* --- watches --------------------------------------------------------------------- */

void watch_set(struct ginode *g, int wd)
{
	struct gofer_session *s = gsession(&g->base);

	if (wd < 0 || atomic_load(&g->wd) == wd)
		return;
	session_keep_watch(s, wd);
	mutex_lock(&s->watch_lock);
	if (atomic_load(&g->wd) == P9_NO_WD && !find(s, wd) &&
	    htab_insert(&s->wds, &g->by_wd, hash_u64((uint64_t)wd)) == 0) {
		atomic_store(&g->wd, wd);
		atomic_fetch_add(&s->n_watches, 1);
	}
	mutex_unlock(&s->watch_lock);
}

void watch_entries(struct ginode *dir, int wd)
{
	watch_set(dir, wd);
	atomic_store(&dir->entries_wd, wd);
}

void watch_forget(struct ginode *g)
{
	struct gofer_session *s = gsession(&g->base);
	int wd;

	mutex_lock(&s->watch_lock);
	wd = atomic_load(&g->wd);
	if (wd != P9_NO_WD)
		forget_locked(s, g);
	mutex_unlock(&s->watch_lock);
	if (wd != P9_NO_WD)
		session_unwatch(s, wd);
}
