// SPDX-License-Identifier: Apache-2.0
/* AF_UNIX data: what goes into the receiver's queue. Out of one's own: unix_recv.c. */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/socket/unix_internal.h"

/* A stream's write is cut into pieces of at most this size. */
#define STREAM_CHUNK 32768

static void skb_free(struct skb *b)
{
	flight_drop(b->scm);
	scm_free(b->scm);
	mem_free(b);
}

void skb_free_all(struct list *gone)
{
	struct skb *b;

	while ((b = list_first(gone, struct skb, node))) {
		list_del(&b->node);
		skb_free(b);
	}
}

void skb_unqueue(struct unix_sock *us, struct skb *b, struct list *gone)
{
	us->queued -= b->len;
	us->n_queued--;
	if (us->oob == b)
		us->oob = NULL;
	list_del(&b->node);
	list_add_tail(gone, &b->node);
}

void unix_flush(struct unix_sock *us)
{
	struct list gone = LIST_INIT(gone);
	struct skb *b;

	mutex_lock(&us->sk.lock);
	while ((b = list_first(&us->queue, struct skb, node)))
		skb_unqueue(us, b, &gone);
	mutex_unlock(&us->sk.lock);
	skb_free_all(&gone);
}

/* --- sending ----------------------------------------------------------------------- */

static int new_skb(struct task *t, size_t n, struct skb **out)
{
	struct skb *b = mem_alloc(sizeof(*b) + n);

	*out = NULL;
	if (!b)
		return -ENOBUFS;
	*b = (struct skb){.len = n};
	list_init(&b->node);
	b->scm = mem_zalloc(sizeof(*b->scm));
	if (!b->scm) {
		mem_free(b);
		return -ENOBUFS;
	}
	b->scm->pid = pid_get(t->tg->pid_self);
	b->scm->uid = t->cred->uid;
	b->scm->gid = t->cred->gid;
	*out = b;
	return 0;
}

/* Files move from the call to the message. Credentials, if the sender named some, are
 * told with each piece of a long write. */
static void attach_scm(struct skb *b, struct scm *from)
{
	if (!from)
		return;
	b->scm->file = TAKE_PTR(from->file);
	b->scm->n_files = from->n_files;
	from->n_files = 0;
	if (from->has_cred) {
		pid_put(b->scm->pid);
		b->scm->pid = pid_get(from->pid);
		b->scm->uid = from->uid;
		b->scm->gid = from->gid;
	}
}

/* Why @to takes no message of @us, or 0. */
static int refusal_locked(const struct unix_sock *us, const struct unix_sock *to,
			  uint32_t sndbuf) MUST_HOLD(to->sk.lock)
{
	if (to->closed)
		return us->sk.type == LX_SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
	if (to->rcv_shut)
		return -EPIPE;
	return unix_has_room(to, sndbuf, us->sk.type) ? 0 : -EAGAIN;
}

/* Puts @b into @to's queue: taken on 0. */
static int deliver(struct unix_sock *us, struct unix_sock *to, struct skb *b,
		   uint32_t sndbuf, bool oob)
{
	int r;

	mutex_lock(&to->sk.lock);
	r = refusal_locked(us, to, sndbuf);
	if (!r) {
		list_add_tail(&to->queue, &b->node);
		to->queued += b->len;
		to->n_queued++;
		if (oob)
			to->oob = b;
	}
	mutex_unlock(&to->sk.lock);
	if (!r)
		waitq_wake(&to->sk.queue,
			   oob ? LX_POLL_IN_MASK | LX_POLLPRI : LX_POLL_IN_MASK);
	if (!r && oob)
		socket_send_urgent(&to->sk);
	return r;
}

/* Where this message goes: a reference in *to. */
static int find_target(struct unix_sock *us, struct task *t, struct sock_msg *m,
		       struct unix_sock **to)
{
	bool stream = us->sk.type == LX_SOCK_STREAM, dgram = us->sk.type == LX_SOCK_DGRAM;
	int r = 0;

	*to = NULL;
	mutex_lock(&us->sk.lock);
	if (us->sk.error && !dgram) {
		r = -us->sk.error;
		us->sk.error = 0;
	} else if (us->snd_shut) {
		r = -EPIPE;
	} else if (!dgram && !us->connected) {
		r = m->addr.len ? (stream ? -EOPNOTSUPP : -ENOTCONN) : -ENOTCONN;
	} else if (stream && m->addr.len) {
		r = -EISCONN;
	} else if (!m->addr.len || !dgram) {
		*to = us->peer ? unix_get(us->peer) : NULL;
		r = *to ? 0 : dgram ? -ENOTCONN : -EPIPE;
	}
	mutex_unlock(&us->sk.lock);
	return r || *to ? r : unix_find_receiver(us, t, &m->addr, to);
}

/* A connected datagram socket whose target is gone has none any more. */
static void forget_peer(struct unix_sock *us, struct unix_sock *peer)
{
	struct unix_sock *old = NULL;

	mutex_lock(&us->sk.lock);
	if (us->peer == peer)
		old = TAKE_PTR(us->peer);
	mutex_unlock(&us->sk.lock);
	if (old)
		unix_put(old);
}

static ssize_t send_piece(struct unix_sock *us, struct unix_sock *to, struct task *t,
			  struct sock_msg *m, size_t n, uint32_t sndbuf, bool oob)
{
	struct uio before = *m->data;
	struct skb *b;
	bool files;
	ssize_t got;
	int r;

	/* Look before copying: a full queue costs nothing. */
	mutex_lock(&to->sk.lock);
	r = refusal_locked(us, to, sndbuf);
	mutex_unlock(&to->sk.lock);
	if (r == -EAGAIN)
		return r;
	r = new_skb(t, n, &b);
	if (r)
		return r;
	got = n ? uio_copy_from(m->data, b->data, n) : 0;
	if (got < 0 || (us->sk.type != LX_SOCK_STREAM && (size_t)got < n)) {
		skb_free(b);
		*m->data = before;
		return -EFAULT;
	}
	b->len = (size_t)got;
	mutex_lock(&us->sk.lock);
	b->from = us->addr;
	mutex_unlock(&us->sk.lock);
	attach_scm(b, m->scm);
	files = b->scm->n_files;
	r = files ? flight_add(t, b->scm) : 0;
	if (!r)
		r = deliver(us, to, b, sndbuf, oob);
	if (!r) {
		if (files)
			flight_collect(t->k, false);
		return got;
	}
	/* Given back, so that a blocked call can try again with the same. */
	if (m->scm) {
		flight_drop(b->scm);
		m->scm->file = TAKE_PTR(b->scm->file);
		m->scm->n_files = b->scm->n_files;
		b->scm->n_files = 0;
	}
	*m->data = before;
	skb_free(b);
	return r;
}

ssize_t unix_sendmsg(struct socket *sk, struct task *t, struct sock_msg *m)
{
	struct unix_sock *us = to_unix(sk), *to;
	bool stream = sk->type == LX_SOCK_STREAM, oob = m->flags & LX_MSG_OOB;
	ssize_t n = 0, done = 0;
	uint32_t sndbuf;
	int r;

	if (oob && (!stream || !m->data->left))
		return -EOPNOTSUPP;
	mutex_lock(&sk->lock);
	sndbuf = sk->sndbuf;
	mutex_unlock(&sk->lock);
	if (!stream && m->data->left > sndbuf - 32)
		return -EMSGSIZE;
	/* What cannot be read is told before what cannot be reached. */
	if (!stream && m->data->left && uio_fault_in(m->data, 1, false))
		return -EFAULT;
	r = find_target(us, t, m, &to);
	if (r)
		return r;
	do {
		size_t len = stream ? min_t(size_t, m->data->left, STREAM_CHUNK)
				    : m->data->left;
		bool last = oob && m->data->left == 1;

		if (stream && !len)
			break;
		/* The last byte goes out of band, in a message of its own. */
		if (oob && !last && len == m->data->left)
			len--;
		n = send_piece(us, to, t, m, len, sndbuf, last);
		if (n < 0)
			break;
		done += n;
	} while (stream && m->data->left);
	if (n == -EAGAIN && !done)
		unix_join_senders(us, to);
	if (n == -ECONNREFUSED && sk->type == LX_SOCK_DGRAM && !m->addr.len)
		forget_peer(us, to);
	unix_put(to);
	return done || n >= 0 ? done : n;
}
