// SPDX-License-Identifier: Apache-2.0
/*
 * AF_UNIX: what the family is made of; how its sockets begin and end. Names: unix_name.c;
 * connecting and accepting: unix_connect.c; data: unix_io.c, unix_recv.c, unix_room.c;
 * poll, ioctl and options: unix_state.c; descriptors in messages: unix_flight.c.
 */
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/socket/unix_internal.h"

struct unix_sock *unix_get(struct unix_sock *us)
{
	socket_get(&us->sk);
	return us;
}

void unix_put(struct unix_sock *us)
{
	socket_put(&us->sk);
}

struct unix_sock *unix_peer_get(struct unix_sock *us)
{
	struct unix_sock *peer;

	mutex_lock(&us->sk.lock);
	peer = us->peer ? unix_get(us->peer) : NULL;
	mutex_unlock(&us->sk.lock);
	return peer;
}

/* --- making ------------------------------------------------------------------------ */

static const struct sock_ops unix_ops;

struct unix_sock *unix_new(struct kernel *k, int type)
{
	struct unix_sock *us = mem_zalloc(sizeof(*us));

	if (!us)
		return NULL;
	socket_init(&us->sk, k, &unix_ops, LX_AF_UNIX, type, 0);
	mutex_init(&us->rcv_lock, LOCK_FILE_DATA);
	list_init(&us->flight);
	list_init(&us->queue);
	list_init(&us->embryos);
	list_init(&us->embryo);
	list_init(&us->senders);
	list_init(&us->waits);
	return us;
}

static int unix_create(struct task *t, int type, int protocol, struct socket **out)
{
	struct unix_sock *us;

	*out = NULL;
	if (protocol && protocol != LX_AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == LX_SOCK_RAW)
		type = LX_SOCK_DGRAM;
	if (type != LX_SOCK_STREAM && type != LX_SOCK_DGRAM && type != LX_SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	if (unix_names_make(t->k))
		return -ENOMEM;
	us = unix_new(t->k, type);
	if (!us)
		return -ENOMEM;
	*out = &us->sk;
	return 0;
}

const struct sock_family unix_family = {.family = LX_AF_UNIX, .create = unix_create};

/* --- ending ------------------------------------------------------------------------ */

static int unix_shutdown(struct socket *sk, int how)
{
	struct unix_sock *us = to_unix(sk), *peer;
	bool rd = how != LX_SHUT_WR, wr = how != LX_SHUT_RD;

	mutex_lock(&sk->lock);
	us->rcv_shut |= rd;
	us->snd_shut |= wr;
	peer = us->peer ? unix_get(us->peer) : NULL;
	mutex_unlock(&sk->lock);
	if (peer && sk->type != LX_SOCK_DGRAM) {
		mutex_lock(&peer->sk.lock);
		peer->rcv_shut |= wr;
		peer->snd_shut |= rd;
		mutex_unlock(&peer->sk.lock);
		waitq_wake(&peer->sk.queue, LX_POLL_IN_MASK | LX_POLL_OUT_MASK |
						    LX_POLLRDHUP | LX_POLLHUP);
	}
	if (peer)
		unix_put(peer);
	waitq_wake(&sk->queue,
		   LX_POLL_IN_MASK | LX_POLL_OUT_MASK | LX_POLLRDHUP | LX_POLLHUP);
	return 0;
}

/* The peer learns of the end; unread data makes it a reset. */
static void tell_peer(struct unix_sock *us, struct unix_sock *peer, bool unread)
{
	mutex_lock(&peer->sk.lock);
	if (us->sk.type != LX_SOCK_DGRAM) {
		peer->rcv_shut = peer->snd_shut = true;
		if (unread)
			peer->sk.error = ECONNRESET;
	}
	mutex_unlock(&peer->sk.lock);
	waitq_wake(&peer->sk.queue, LX_POLL_IN_MASK | LX_POLL_OUT_MASK | LX_POLLRDHUP |
					    LX_POLLHUP | LX_POLLERR);
}

/* @reset: the peer shall see one, as when data was left unread. */
static void close_sock(struct unix_sock *us, bool reset)
{
	struct socket *sk = &us->sk;
	struct unix_sock *peer, *end;

	unix_drop_name(us);
	mutex_lock(&sk->lock);
	us->closed = true;
	us->rcv_shut = us->snd_shut = true;
	us->listening = false;
	reset = reset || (sk->type == LX_SOCK_STREAM ? us->queued : us->n_queued);
	peer = TAKE_PTR(us->peer);
	mutex_unlock(&sk->lock);
	unix_flush(us);
	/* Connections that nobody accepted are reset. */
	for (;;) {
		mutex_lock(&sk->lock);
		end = list_first(&us->embryos, struct unix_sock, embryo);
		if (end)
			list_del(&end->embryo);
		mutex_unlock(&sk->lock);
		if (!end)
			break;
		close_sock(end, true);
		unix_put(end);
	}
	if (peer) {
		tell_peer(us, peer, reset);
		unix_put(peer);
	}
	unix_wake_senders(us);
	unix_leave_receivers(us);
}

static void unix_close(struct socket *sk)
{
	close_sock(to_unix(sk), false);
	flight_collect(sk->k, true);
}

static void unix_free(struct socket *sk)
{
	struct unix_sock *us = to_unix(sk);

	if (us->peer_pid)
		pid_put(us->peer_pid);
	if (us->own_pid)
		pid_put(us->own_pid);
	mutex_destroy(&us->rcv_lock);
	mem_free(us);
}

static const struct sock_ops unix_ops = {
	.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.sendmsg = unix_sendmsg,
	.recvmsg = unix_recvmsg,
	.shutdown = unix_shutdown,
	.getname = unix_getname,
	.pair = unix_pair,
	.getopt = unix_getopt,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.close = unix_close,
	.free = unix_free,
};
