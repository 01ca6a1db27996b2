// SPDX-License-Identifier: Apache-2.0
/*
 * Room in an AF_UNIX receiver's queue or backlog, and the sockets that wait for it.
 *
 * An entry stands in two lists: the receiver's, to be woken from, and the sender's own, to
 * be taken back when that is closed. Each list has a reference to the entry; who unlinks
 * it from one drops that, and unlinks it from the other. One lock at a time.
 */
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/socket/unix_internal.h"

/* What a message costs beside its bytes: small ones must not fill the memory. */
#define SKB_OVERHEAD 512

struct unix_sender {
	refcount_t ref;
	struct unix_sock *us, *to; /* references: who waits, for whom */
	struct list in_us;	   /* us->waits; protected by us->sk.lock */
	struct list in_to;	   /* to->senders; protected by to->sk.lock */
};

bool unix_has_room(const struct unix_sock *to, uint32_t sndbuf, int type)
{
	if (type == LX_SOCK_DGRAM && to->n_queued > UNIX_MAX_DGRAM)
		return false;
	return to->queued + (size_t)to->n_queued * SKB_OVERHEAD < sndbuf;
}

static void sender_put(struct unix_sender *s)
{
	if (!refcount_dec(&s->ref))
		return;
	unix_put(s->us);
	unix_put(s->to);
	mem_free(s);
}

/* From the other list; then both references go. */
static void unlink_sender(struct unix_sender *s, struct unix_sock *other,
			  struct list *node)
{
	bool linked;

	mutex_lock(&other->sk.lock);
	linked = !list_empty(node);
	list_del(node);
	mutex_unlock(&other->sk.lock);
	if (linked)
		sender_put(s);
	sender_put(s);
}

void unix_wake_senders(struct unix_sock *us)
{
	struct unix_sender *s;
	struct unix_sock *from;
	unsigned n = 0;

	mutex_lock(&us->sk.lock);
	list_for_each (s, &us->senders, in_to)
		n++;
	mutex_unlock(&us->sk.lock);
	/* Those there are now: who is woken may come again. */
	for (; n; n--) {
		mutex_lock(&us->sk.lock);
		s = list_first(&us->senders, struct unix_sender, in_to);
		if (s)
			list_del(&s->in_to);
		mutex_unlock(&us->sk.lock);
		if (!s)
			return;
		from = unix_get(s->us);
		unlink_sender(s, from, &s->in_us);
		waitq_wake(&from->sk.queue, LX_POLL_OUT_MASK);
		unix_put(from);
	}
}

void unix_leave_receivers(struct unix_sock *us)
{
	struct unix_sender *s;
	struct unix_sock *to;

	for (;;) {
		mutex_lock(&us->sk.lock);
		s = list_first(&us->waits, struct unix_sender, in_us);
		if (s)
			list_del(&s->in_us);
		mutex_unlock(&us->sk.lock);
		if (!s)
			return;
		to = unix_get(s->to);
		unlink_sender(s, to, &s->in_to);
		unix_put(to);
	}
}

/* In both lists, once a receiver. */
static void link_sender(struct unix_sock *us, struct unix_sock *to)
{
	struct unix_sender *s = mem_zalloc(sizeof(*s)), *other;
	bool there = false;

	if (!s)
		return;
	refcount_init(&s->ref);
	refcount_inc(&s->ref);
	mutex_lock(&us->sk.lock);
	list_for_each (other, &us->waits, in_us)
		there = there || other->to == to;
	if (!there) {
		s->us = unix_get(us);
		s->to = unix_get(to);
		list_add_tail(&us->waits, &s->in_us);
	}
	mutex_unlock(&us->sk.lock);
	if (there) {
		mem_free(s);
		return;
	}
	mutex_lock(&to->sk.lock);
	list_add_tail(&to->senders, &s->in_to);
	mutex_unlock(&to->sk.lock);
}

void unix_join_senders(struct unix_sock *us, struct unix_sock *to)
{
	uint32_t sndbuf;
	bool room, closed;

	link_sender(us, to);
	mutex_lock(&us->sk.lock);
	sndbuf = us->sk.sndbuf;
	mutex_unlock(&us->sk.lock);
	/* It may have come since the caller looked: then nobody else would wake us. */
	mutex_lock(&to->sk.lock);
	closed = to->closed;
	room = to->listening ? to->n_embryos <= to->backlog
			     : unix_has_room(to, sndbuf, us->sk.type);
	mutex_unlock(&to->sk.lock);
	if (closed)
		unix_wake_senders(to);
	else if (room)
		waitq_wake(&us->sk.queue, LX_POLL_OUT_MASK);
}
