// SPDX-License-Identifier: Apache-2.0
/*
 * AF_UNIX data: what comes out of a socket's queue.
 *
 * A read is one pass over the queue under rcv_lock: it copies first and takes off after,
 * so no other reader ever misses what is queued, or gets it out of order. A page of the
 * guest that is not there ends the pass with nothing taken; the lock is dropped, the page
 * brought, and the pass starts over (unix_recvmsg).
 */
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/socket/unix_internal.h"

/* What one pass leaves to be done without the lock. */
struct pass {
	struct list gone; /* messages that were read up: to be freed */
	struct scm lost;  /* descriptors nobody has room for: to be closed */
	bool final;	  /* pages that are not there will not come */
	bool fault;	  /* out: it ended at one; nothing was taken */
	bool took;	  /* out: there is room for senders */
};

/* Files go with the first byte of their message; whoever has no room loses them. */
static void take_files(struct skb *b, struct scm *out, struct pass *p)
{
	flight_take(b->scm, out ? out : &p->lost);
}

/* Who sent it, for SCM_CREDENTIALS. MSG_WAITALL comes here again with the next piece. */
static void take_cred(const struct skb *b, struct scm *out)
{
	if (!out)
		return;
	if (out->pid)
		pid_put(out->pid);
	out->pid = pid_get(b->scm->pid);
	out->uid = b->scm->uid;
	out->gid = b->scm->gid;
}

/* Why there is nothing to read. */
static int no_data(struct unix_sock *us)
{
	bool some;
	int r = 0;

	mutex_lock(&us->sk.lock);
	/* A byte out of band and its mark are nothing to read. */
	some = us->sk.type == LX_SOCK_STREAM ? us->queued > (us->oob && !us->sk.oobinline)
					     : !list_empty(&us->queue);
	if (us->sk.type != LX_SOCK_DGRAM && !us->connected) {
		r = us->sk.type == LX_SOCK_STREAM ? -EINVAL : -ENOTCONN;
	} else if (some) {
		r = -EAGAIN; /* it came since: the caller is woken */
	} else if (us->sk.error) {
		r = -us->sk.error;
		us->sk.error = 0;
	} else if (!us->rcv_shut) {
		r = -EAGAIN;
	}
	mutex_unlock(&us->sk.lock);
	return r;
}

/* --- packets ----------------------------------------------------------------------- */

/* Whatever was read of it. */
static void drop_packet(struct unix_sock *us, struct skb *b, struct pass *p)
	MUST_HOLD(us->rcv_lock)
{
	mutex_lock(&us->sk.lock);
	skb_unqueue(us, b, &p->gone);
	mutex_unlock(&us->sk.lock);
	p->took = true;
}

static ssize_t recv_packet(struct unix_sock *us, struct sock_msg *m, struct pass *p)
	MUST_HOLD(us->rcv_lock)
{
	bool peek = m->flags & LX_MSG_PEEK;
	size_t len, want;
	struct skb *b;

	/* Under rcv_lock it stays where it is. */
	mutex_lock(&us->sk.lock);
	b = list_first(&us->queue, struct skb, node);
	mutex_unlock(&us->sk.lock);
	if (!b)
		return no_data(us);
	len = b->len;
	want = min_t(size_t, len, m->data->left);
	if (want &&
	    uio_copy_to_nofault(m->data, b->data + b->off, want) != (ssize_t)want) {
		/* As on Linux the message is gone: there is no half of one. */
		p->fault = !p->final;
		if (p->final && !peek)
			drop_packet(us, b, p);
		return -EFAULT;
	}
	m->addr = b->from;
	take_cred(b, m->scm);
	if (want < len)
		m->out_flags |= LX_MSG_TRUNC;
	if (peek) {
		if (m->scm)
			flight_peek(b->scm, m->scm);
	} else {
		take_files(b, m->scm, p);
		drop_packet(us, b, p);
	}
	return (ssize_t)(m->flags & LX_MSG_TRUNC ? len : want);
}

/* --- streams ----------------------------------------------------------------------- */

/* What the same read may go on with behind @b, or NULL. It stays under rcv_lock. */
static struct skb *next_of_stream(struct unix_sock *us, const struct skb *b)
	MUST_HOLD(us->rcv_lock)
{
	struct skb *next = NULL;

	mutex_lock(&us->sk.lock);
	if (b->node.next != &us->queue)
		next = container_of(b->node.next, struct skb, node);
	if (next && is_mark_locked(us, next))
		next = NULL;
	mutex_unlock(&us->sk.lock);
	return next;
}

/* The first @n bytes were read. */
static void consume(struct unix_sock *us, size_t n, struct pass *p)
	MUST_HOLD(us->rcv_lock)
{
	struct skb *b;

	mutex_lock(&us->sk.lock);
	while (n && (b = list_first(&us->queue, struct skb, node))) {
		size_t step = min_t(size_t, b->len, n);

		us->queued -= step;
		b->off += step;
		b->len -= step;
		n -= step;
		if (!b->len)
			skb_unqueue(us, b, &p->gone);
	}
	mutex_unlock(&us->sk.lock);
	p->took = true;
}

/*
 * The message a stream's read starts with, or NULL. Marks in front of it are left behind,
 * and with them a byte out of band that nobody asked for; SO_OOBINLINE makes it plain data.
 */
static struct skb *first_of_stream(struct unix_sock *us, bool peek, struct pass *p)
	MUST_HOLD(us->rcv_lock)
{
	struct skb *b, *next, *first = NULL;

	mutex_lock(&us->sk.lock);
	list_for_each_safe (b, next, &us->queue, node) {
		if (!is_mark_locked(us, b) || (b->len && us->sk.oobinline)) {
			first = b;
			break;
		}
		if (!peek) {
			skb_unqueue(us, b, &p->gone);
			p->took = true;
		}
	}
	if (!peek && first && us->oob == first)
		us->oob = NULL;
	mutex_unlock(&us->sk.lock);
	return first;
}

/* MSG_OOB: the one byte. Where it stood, a mark stays in the queue. */
static ssize_t recv_oob(struct unix_sock *us, struct sock_msg *m, struct pass *p)
	MUST_HOLD(us->rcv_lock)
{
	struct skb *b;

	mutex_lock(&us->sk.lock);
	b = us->sk.oobinline ? NULL : us->oob;
	mutex_unlock(&us->sk.lock);
	if (!b)
		return -EINVAL;
	if (m->data->left && uio_copy_to_nofault(m->data, b->data + b->off, 1) != 1) {
		p->fault = !p->final;
		return -EFAULT;
	}
	m->out_flags |= LX_MSG_OOB;
	if (m->flags & LX_MSG_PEEK)
		return 1;
	mutex_lock(&us->sk.lock);
	us->queued -= b->len;
	b->len = 0;
	if (us->oob == b)
		us->oob = NULL;
	mutex_unlock(&us->sk.lock);
	p->took = true;
	return 1;
}

static bool same_sender(const struct scm *a, const struct scm *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/*
 * Copies from the queue what one read gets: up to a full buffer, a message with files, or
 * another sender's when the receiver wants to know who. A message's share counts only
 * when all of it could be written. *last: the message that ended it.
 */
static size_t copy_stream(struct unix_sock *us, struct sock_msg *m, struct skb *first,
			  struct pass *p, struct skb **last) MUST_HOLD(us->rcv_lock)
{
	struct skb *b;
	size_t done = 0;
	bool passcred;

	mutex_lock(&us->sk.lock);
	passcred = us->sk.passcred;
	mutex_unlock(&us->sk.lock);
	for (b = first; b && m->data->left; b = next_of_stream(us, b)) {
		size_t want = min_t(size_t, b->len, m->data->left);

		if (passcred && !same_sender(b->scm, first->scm))
			break;
		if (uio_copy_to_nofault(m->data, b->data + b->off, want) !=
		    (ssize_t)want) {
			p->fault = true;
			break;
		}
		done += want;
		*last = b;
		if (b->scm->n_files)
			break;
	}
	return done;
}

static ssize_t recv_stream(struct unix_sock *us, struct sock_msg *m, struct pass *p)
	MUST_HOLD(us->rcv_lock)
{
	bool peek = m->flags & LX_MSG_PEEK;
	struct skb *first = first_of_stream(us, peek, p), *last = NULL;
	struct uio before = *m->data;
	size_t n;

	if (!first)
		return no_data(us);
	n = copy_stream(us, m, first, p, &last);
	if (p->fault && !p->final)
		return -EFAULT;
	if (p->fault) {
		p->fault = false;
		*m->data = before;
		uio_advance(m->data, n);
	}
	if (!n)
		return -EFAULT;
	m->addr = first->from;
	take_cred(first, m->scm);
	if (peek) {
		if (m->scm)
			flight_peek(last->scm, m->scm);
		return (ssize_t)n;
	}
	if (last->scm->n_files)
		take_files(last, m->scm, p);
	consume(us, n, p);
	return (ssize_t)n;
}

/* What was read up is freed, and whoever waits for room hears of it. No lock is held. */
static void finish(struct unix_sock *us, struct pass *p)
{
	struct unix_sock *peer;

	skb_free_all(&p->gone);
	while (p->lost.n_files)
		file_put(p->lost.file[--p->lost.n_files]);
	mem_free(p->lost.file);
	if (!p->took)
		return;
	peer = unix_peer_get(us);
	if (peer) {
		waitq_wake(&peer->sk.queue, LX_POLL_OUT_MASK);
		unix_put(peer);
	}
	unix_wake_senders(us);
}

ssize_t unix_recvmsg(struct socket *sk, struct task *t, struct sock_msg *m)
{
	struct unix_sock *us = to_unix(sk);
	bool stream = sk->type == LX_SOCK_STREAM, oob = m->flags & LX_MSG_OOB;
	struct uio before = *m->data;
	struct pass p = {.final = false};
	ssize_t n;

	(void)t;
	if (oob && !stream)
		return -EOPNOTSUPP;
	if (stream && !oob && !m->data->left)
		return 0;
	list_init(&p.gone);
	for (;;) {
		mutex_lock(&us->rcv_lock);
		n = oob	     ? recv_oob(us, m, &p)
		    : stream ? recv_stream(us, m, &p)
			     : recv_packet(us, m, &p);
		mutex_unlock(&us->rcv_lock);
		if (!p.fault)
			break;
		/* The page is where the copy stopped; what was copied is copied again. */
		p.final = uio_fault_in(m->data, m->data->left, true) != 0;
		p.fault = false;
		*m->data = before;
	}
	finish(us, &p);
	return n;
}
