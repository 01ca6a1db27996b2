// SPDX-License-Identifier: Apache-2.0
/* Guest threads are made by their process's helper, and contexts mapped for them. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "platform/stub/context.h"
#include "platform/stub/stub.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* Frames that may have stood in a context: the guest's, and one of ours inside each. */
#define FRAMES	   3
#define FRAME_SIZE 1024 /* without the XSAVE image */

static void add_context(struct stub_space *s, unsigned nr) MUST_HOLD(s->lock);
static int read_tid(struct stub_space *s, const struct stub_slot *slot, uint32_t *tid);

/* Not for children of the process: they would share it. */
static void add_context(struct stub_space *s, unsigned nr)
{
	const uaddr_t at = stub_context_addr(nr);

	stub_order_add(s, SYS_mmap, at, STUB_CTX_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, STUB_FD_PAGES,
		       STUB_CTX_FILE_OFF + nr * STUB_CTX_SIZE);
	stub_order_add(s, SYS_madvise, at, STUB_CTX_SIZE, MADV_DONTFORK, 0, 0, 0);
}

static int read_tid(struct stub_space *s, const struct stub_slot *slot, uint32_t *tid)
{
	struct iovec here = {tid, sizeof(*tid)};
	struct iovec there = {(void *)(STUB_SCRATCH + SCRATCH_TID), sizeof(*tid)};

	if (slot)
		*tid = *(const volatile uint32_t *)&slot->ctx->tid;
	else if (process_vm_readv(s->hpid, &here, 1, &there, 1, 0) != sizeof(*tid))
		return -ESRCH;
	return 0;
}

int stub_thread_create(struct stub_space *s, struct stub_slot *slot, int *htid)
{
	const uaddr_t at = slot ? stub_context_addr(slot->nr) : 0;
	unsigned failed_at = 0, clone_index;
	uint32_t tid = 0;
	int r;

	*htid = -1;
	stub_order_flush(s);
	if (slot && !slot->mapped)
		add_context(s, slot->nr);
	clone_index = s->order->n;
	stub_order_add(s, SYS_clone, STUB_CLONE_THREAD | (slot ? CLONE_PARENT_SETTID : 0),
		       0, at + CTX_TID, 0, 0, at);
	r = stub_order_run(s, &failed_at);
	if (slot && (!r || failed_at == clone_index))
		slot->mapped = true;
	if (slot) /* it has its helper's CPU */
		slot->cpu = stub_cpu_at(s->host, s->cpu);
	if (!r)
		r = read_tid(s, slot, &tid);
	if (r)
		return r;
	/* A guest can write there; what it would be believed about is only its own thread. */
	if (tid == 0 || tid > INT_MAX || (int)tid == s->hpid ||
	    host_tgkill(s->hpid, (int)tid, 0)) {
		stub_space_kill(s); /* there is a thread of which nobody knows */
		return -ESRCH;
	}
	*htid = (int)tid;
	atomic_fetch_add_explicit(&s->n_threads, 1, memory_order_relaxed);
	return 0;
}

static size_t frames_size(const struct stub_host *host)
{
	return (FRAMES * (FRAME_SIZE + host->host_xsave_size) + PAGE_SIZE - 1) &
	       ~(PAGE_SIZE - 1);
}

/*
 * Of what thread after thread uses. One that stands by sleeps on the state word and may,
 * for an interrupt that came late, stand in a frame; what it leaves there, its own process
 * may see.
 */
static void clear_context(const struct stub_host *host, const struct stub_slot *slot)
{
	const size_t frames = frames_size(host);
	struct stub_context *ctx = slot->ctx;

	if (slot->htid) {
		memset(&ctx->cmd, 0, sizeof(*ctx) - offsetof(struct stub_context, cmd));
		return;
	}
	memset(ctx, 0, PAGE_SIZE);
	memset((char *)ctx + STUB_CTX_SIZE - frames, 0, frames);
}

/*
 * Nothing of a guest's may be seen by the next. What lies between head and frames is
 * seldom touched, so it is cleared where the file has pages: to give them back would have
 * all CPUs forget their translations, and is done after a peak only.
 */
void stub_context_scrub(const struct stub_host *host, const struct stub_slot *slot)
{
	const int64_t base = (int64_t)(STUB_CTX_FILE_OFF + slot->nr * STUB_CTX_SIZE);
	const int64_t end = base + (int64_t)(STUB_CTX_SIZE - frames_size(host));
	int64_t at = base + PAGE_SIZE;

	if (stub_pages_give_back(host, slot->nr, base, STUB_CTX_SIZE))
		return;
	while (at < end) {
		int64_t data = host_ret(lseek(host->pages, at, SEEK_DATA));

		if (data == -ENXIO || data >= end)
			break;
		at = data < at ? at : data & ~(int64_t)(PAGE_SIZE - 1);
		memset((char *)slot->ctx + (at - base), 0, PAGE_SIZE);
		at += PAGE_SIZE;
	}
}

static int new_slot(struct stub_space *s, struct stub_slot **out) MUST_HOLD(s->lock);

static int new_slot(struct stub_space *s, struct stub_slot **out)
{
	AUTO_FREE struct stub_slot *slot = mem_zalloc(sizeof(*slot));
	int r;

	if (!slot)
		return -ENOMEM;
	r = stub_slot_alloc(&s->host->ctxs, &slot->nr);
	if (r)
		return r;
	slot->ctx = (void *)(s->host->contexts + slot->nr * STUB_CTX_SIZE);
	slot->next = s->slots;
	s->slots = slot;
	*out = TAKE_PTR(slot);
	return 0;
}

/*
 * One where a thread stands by is best. Without one: the last thread there may have been
 * told to end, and not have got round to it.
 */
static struct stub_slot *find_slot(struct stub_space *s) MUST_HOLD(s->lock);

static struct stub_slot *find_slot(struct stub_space *s)
{
	struct stub_slot *vacant = NULL;

	for (struct stub_slot *slot = s->slots; slot; slot = slot->next) {
		const unsigned state =
			slot->live ? 0
				   : atomic_load_explicit(&slot->ctx->state,
							  memory_order_acquire);

		if (slot->live)
			continue;
		if (state & CTX_DIED) {
			s->n_standby -= slot->htid != 0;
			slot->htid = 0;
			vacant = slot;
		} else if (slot->htid && (state & CTX_TID_MASK) != (unsigned)slot->htid) {
			s->n_standby--;
			return slot;
		}
	}
	return vacant;
}

int stub_context_get(struct stub_space *s, struct stub_slot **out)
{
	struct stub_slot *slot = find_slot(s);
	int r = 0;

	*out = NULL;
	if (!slot)
		r = new_slot(s, &slot);
	if (r)
		return r;
	slot->live = true;
	slot->n_calls = 0;
	slot->reused = slot->starts = slot->htid;
	if (slot->reused)
		atomic_fetch_add_explicit(&s->n_threads, 1, memory_order_relaxed);
	s->n_live++;
	clear_context(s->host, slot);
	*out = slot;
	return 0;
}

void stub_context_put(struct stub_space *s, struct stub_slot *slot, bool vacant)
{
	if (vacant)
		atomic_store(&slot->ctx->state, CTX_DIED);
	slot->live = false;
	slot->htid = 0;
	s->n_live--;
}

bool stub_context_keep(struct stub_space *s, struct stub_slot *slot, int htid)
{
	if (s->n_standby >= STUB_MAX_STANDBY)
		return false;
	slot->live = false;
	slot->htid = htid;
	s->n_standby++;
	s->n_live--;
	return true;
}
