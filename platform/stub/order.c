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
#include <sys/syscall.h>
#include <sys/uio.h>

#include "platform/stub/stub.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#define LOOK_AFTER_NS (100 * NSEC_PER_MSEC)

void stub_order_add(struct stub_space *s, long nr, uint64_t a0, uint64_t a1, uint64_t a2,
		    uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct stub_order *o = s->order;

	BUG_ON(o->n >= ORDER_MAX_OPS);
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

bool stub_order_later(struct stub_space *s)
{
	const bool later = s->batch && s->order->n < ORDER_MAX_OPS;

	atomic_store_explicit(&s->put_off, later, memory_order_relaxed);
	return later;
}

void stub_order_flush(struct stub_space *s)
{
	int r;

	if (!s->order->n)
		return;
	r = stub_order_run(s, NULL);
	if (!s->batch_error)
		s->batch_error = r;
}
