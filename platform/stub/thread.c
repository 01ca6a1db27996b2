// SPDX-License-Identifier: Apache-2.0
/* Guest threads are made by their process's helper, and contexts mapped for them. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "platform/stub/context.h"
#include "platform/stub/stub.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* Frames that may have stood in a context: the guest's, and one of ours inside each. */
#define FRAMES	   3
#define FRAME_SIZE 1024 /* without the XSAVE image */

int stub_thread_create(struct stub_space *s, const struct stub_slot *slot, int *htid)
{
	struct iovec here,
		there = {(void *)(STUB_SCRATCH + SCRATCH_TID), sizeof(uint32_t)};
	uint32_t tid = 0;
	int r;

	*htid = -1;
	stub_order_add(s, SYS_clone, STUB_CLONE_THREAD, 0, 0, 0, 0,
		       slot ? stub_context_addr(slot->nr) : 0);
	r = stub_order_run(s, NULL);
	if (r)
		return r;
	here = (struct iovec){&tid, sizeof(tid)};
	if (process_vm_readv(s->hpid, &here, 1, &there, 1, 0) != sizeof(tid))
		return -ESRCH;
	/* A guest can write there; a wrong number hurts only itself. */
	if (tid == 0 || tid > INT_MAX || (int)tid == s->hpid ||
	    host_tgkill(s->hpid, (int)tid, 0))
		return -ESRCH;
	*htid = (int)tid;
	atomic_fetch_add_explicit(&s->n_threads, 1, memory_order_relaxed);
	return 0;
}

static int map_context(struct stub_space *s, unsigned nr) MUST_HOLD(s->lock);
static int add_context(struct stub_space *s, struct stub_slot **out) MUST_HOLD(s->lock);

/* Not for children of the process: they would share it. */
static int map_context(struct stub_space *s, unsigned nr)
{
	const uaddr_t at = stub_context_addr(nr);

	stub_order_add(s, SYS_mmap, at, STUB_CTX_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, STUB_FD_PAGES,
		       STUB_CTX_FILE_OFF + nr * STUB_CTX_SIZE);
	stub_order_add(s, SYS_madvise, at, STUB_CTX_SIZE, MADV_DONTFORK, 0, 0, 0);
	return stub_order_run(s, NULL);
}

static int add_context(struct stub_space *s, struct stub_slot **out)
{
	AUTO_FREE struct stub_slot *slot = mem_zalloc(sizeof(*slot));
	int r;

	if (!slot)
		return -ENOMEM;
	r = stub_slot_alloc(&s->host->ctxs, &slot->nr);
	if (r)
		return r;
	r = map_context(s, slot->nr);
	if (r) {
		stub_slot_free(&s->host->ctxs, slot->nr);
		return r;
	}
	slot->ctx = (void *)(s->host->contexts + slot->nr * STUB_CTX_SIZE);
	slot->next = s->slots;
	s->slots = slot;
	*out = TAKE_PTR(slot);
	return 0;
}

/* Nothing of a guest's may be seen by the next. */
static void clear_context(const struct stub_host *host, struct stub_context *ctx)
{
	const size_t frames = FRAMES * (FRAME_SIZE + host->host_xsave_size);

	memset(ctx, 0, sizeof(*ctx));
	memset((char *)ctx + STUB_CTX_SIZE - frames, 0, frames);
}

int stub_context_get(struct stub_space *s, struct stub_slot **out)
{
	struct stub_slot *slot = s->slots;
	int r = 0;

	*out = NULL;
	/* The last thread there may have been told to end, and not have got round to it. */
	while (slot && (slot->live || !(atomic_load(&slot->ctx->state) & CTX_DIED)))
		slot = slot->next;
	if (!slot)
		r = add_context(s, &slot);
	if (r)
		return r;
	slot->live = true;
	clear_context(s->host, slot->ctx);
	*out = slot;
	return 0;
}
