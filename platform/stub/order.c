// SPDX-License-Identifier: Apache-2.0
/*
 * The order channel: a page, two futex words. The Sentry's thread and the helper
 * share a CPU, so a hand-off is two switches without waking another CPU.
 *
 *	Sentry				helper
 *	ops, n; seq++; wake(seq)
 *	wait(done)			runs the operations
 *					pwrite(done = seq); wake(done)
 *
 * A process that died never answers. Nobody tells us, so a wait that lasts looks
 * whether the helper is still there.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "platform/stub/stub.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#define LOOK_AFTER_NS (100 * NSEC_PER_MSEC)

/* Mappings with which the host is far from refusing one more, by its default limit of 65530. */
#define FEW_MAPS    32768
#define COUNT_AFTER 4096 /* operations at least */

void stub_order_add(struct stub_space *s, long nr, uint64_t a0, uint64_t a1, uint64_t a2,
		    uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct stub_order *o = s->order;

	BUG_ON(o->n >= ORDER_MAX_OPS);
	s->n_ops++;
	o->ops[o->n++] = (struct stub_op){(uint64_t)nr, {a0, a1, a2, a3, a4, a5}, 0};
}

/*
 * The helper has no memory left. (Its exit status would tell too, but not before the
 * tracers of its fellow threads have reaped these.)
 */
bool stub_has_exited(int hpid)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {(void *)STUB_TEXT, 1};

	return host_ret(process_vm_readv(hpid, &here, 1, &there, 1, 0)) == -ESRCH;
}

int stub_order_look(struct stub_order *o, unsigned seq)
{
	const int64_t deadline = deadline_after(LOOK_AFTER_NS);
	unsigned done;

	while ((done = atomic_load_explicit(&o->done, memory_order_acquire)) != seq)
		if (host_futex_wait_shared(&o->done, done, deadline) == -ETIMEDOUT)
			return -ETIMEDOUT;
	return 0;
}

int stub_order_wait(struct stub_order *o, unsigned seq, int hpid)
{
	while (stub_order_look(o, seq))
		if (stub_has_exited(hpid))
			return atomic_load(&o->done) == seq ? 0 : -ESRCH;
	return 0;
}

int stub_order_run(struct stub_space *s, unsigned *failed_at)
{
	struct stub_order *o = s->order;
	int r;

	if (s->dead) {
		o->n = 0;
		return -ESRCH;
	}
	stub_cpu_follow(s);
	o->err = 0;
	atomic_store_explicit(&o->seq, ++s->seq, memory_order_release);
	host_futex_wake_shared(&o->seq, INT_MAX); /* guest threads can wait there, too */
	r = stub_order_wait(o, s->seq, s->hpid);
	if (r)
		s->dead = true;
	else if (o->err) {
		r = -(int)o->err;
		if (failed_at)
			*failed_at = o->err_at;
	}
	o->n = 0;
	atomic_store_explicit(&s->put_off, false, memory_order_relaxed);
	return r;
}

static bool guest_may_do(const struct stub_space *s, const struct stub_op *op)
{
	return (op->nr != SYS_mmap || op->args[3] == STUB_CALL_FLAGS) &&
	       (op->nr != SYS_mprotect || op->args[2] <= PROT_READ) &&
	       op->args[0] <= STUB_CALL_LAST && op->args[1] <= STUB_CALL_SIZE &&
	       s->order->n <= STUB_MAX_CALLS;
}

bool stub_order_later(struct stub_space *s)
{
	const struct stub_op *op = &s->order->ops[s->order->n - 1];
	bool later = s->order->n < ORDER_MAX_OPS;

	if (!s->batch)
		later = s->later && guest_may_do(s, op);
	atomic_store_explicit(&s->put_off, later, memory_order_relaxed);
	return later;
}

void stub_order_flush(struct stub_space *s)
{
	int r;

	if (!s->order->n)
		return;
	r = stub_order_run(s, NULL);
	if (r && !s->batch)
		stub_space_kill(s);
	else if (!s->batch_error)
		s->batch_error = r;
}

/* --- calls that travel with the answer ------------------------------------- */

/* Its address names the thread. */
static _Thread_local char this_thread;

/*
 * Nobody takes an answer back, so a call whose answer has been given may not fail. The kernel's
 * areas tell too little: neighbours that are one for it need not be one for the host.
 */
static bool has_few_maps(struct stub_space *s) MUST_HOLD(s->lock);

static bool has_few_maps(struct stub_space *s)
{
	/* Each operation may cut two. */
	if (likely(s->n_maps + 2ull * s->n_ops < FEW_MAPS))
		return true;
	if (s->n_ops < COUNT_AFTER)
		return false;
	s->n_maps = stub_space_n_maps(s);
	s->n_ops = 0;
	return s->n_maps < FEW_MAPS;
}

void stub_order_offer(struct addr_space *as, bool on)
{
	struct stub_space *s = stub_space_of(as);

	if (!s->host->guest || !s->host->overcommits)
		return;
	mutex_lock(&s->lock);
	if (on && s->owner != &this_thread && !s->batch)
		stub_order_flush(s);
	on = on && has_few_maps(s);
	s->later = on ? &this_thread : NULL;
	s->owner = &this_thread;
	mutex_unlock(&s->lock);
}

void stub_order_take(struct stub_space *s, struct stub_slot *slot)
{
	struct stub_order *o = s->order;

	mutex_lock(&s->lock);
	if (s->owner == &this_thread && !s->batch && o->n <= STUB_MAX_CALLS) {
		memcpy(slot->calls, o->ops, o->n * sizeof(o->ops[0]));
		slot->n_calls = o->n;
		o->n = 0;
		atomic_store_explicit(&s->put_off, false, memory_order_relaxed);
	}
	mutex_unlock(&s->lock);
}

int stub_order_redo(struct stub_space *s, struct stub_slot *slot)
{
	int r = slot->n_calls ? 0 : -ESRCH;

	mutex_lock(&s->lock);
	stub_order_flush(s);
	for (unsigned i = 0; i < slot->n_calls && !r; i++) {
		const struct stub_op *op = &slot->calls[i];

		stub_order_add(s, (long)op->nr, op->args[0], op->args[1], op->args[2],
			       op->args[3], op->args[4], op->args[5]);
		r = stub_order_run(s, NULL);
	}
	mutex_unlock(&s->lock);
	return r;
}
