// SPDX-License-Identifier: Apache-2.0
/* AF_UNIX connections: who is joined with whom, and who that was (SO_PEERCRED). */
#include "sentry/abi/errno.h"
#include "sentry/base/bytes.h"
#include "sentry/socket/unix_internal.h"

static void set_own(struct unix_sock *us, struct task *t)
{
	if (us->own_pid)
		pid_put(us->own_pid);
	us->own_pid = pid_get(t->tg->pid_self);
	us->own_uid = t->cred->euid;
	us->own_gid = t->cred->egid;
}

static void set_peer(struct unix_sock *us, struct pid *pid, uint32_t uid, uint32_t gid)
{
	if (us->peer_pid)
		pid_put(us->peer_pid);
	us->peer_pid = pid ? pid_get(pid) : NULL;
	us->peer_uid = uid;
	us->peer_gid = gid;
}

/* By address, which clang cannot follow. */
static void lock_two(struct unix_sock *a, struct unix_sock *b)
	ACQUIRES(a->sk.lock, b->sk.lock) NO_LOCK_ANALYSIS
{
	if (a > b) {
		struct unix_sock *tmp = a;

		a = b;
		b = tmp;
	}
	mutex_lock(&a->sk.lock);
	mutex_lock_nested(&b->sk.lock);
}

static void unlock_two(struct unix_sock *a, struct unix_sock *b)
	RELEASES(a->sk.lock, b->sk.lock)
{
	mutex_unlock(&a->sk.lock);
	mutex_unlock(&b->sk.lock);
}

int unix_pair(struct socket *a, struct socket *b, struct task *t)
{
	struct unix_sock *ua = to_unix(a), *ub = to_unix(b);

	lock_two(ua, ub);
	ua->peer = unix_get(ub);
	ub->peer = unix_get(ua);
	ua->connected = ub->connected = a->type != LX_SOCK_DGRAM;
	set_own(ua, t);
	set_own(ub, t);
	set_peer(ua, ub->own_pid, ub->own_uid, ub->own_gid);
	set_peer(ub, ua->own_pid, ua->own_uid, ua->own_gid);
	unlock_two(ua, ub);
	return 0;
}

/* A datagram socket's default target; AF_UNSPEC takes it back. */
static int connect_dgram(struct unix_sock *us, struct task *t, const struct sock_addr *a)
{
	struct unix_sock *peer = NULL, *old;
	int r;

	if (a->len < sizeof(uint16_t))
		return -EINVAL;
	if (get_le16(a->bytes) != LX_AF_UNSPEC) {
		r = unix_find_receiver(us, t, a, &peer);
		if (r)
			return r;
	}
	mutex_lock(&us->sk.lock);
	old = us->peer;
	us->peer = peer;
	mutex_unlock(&us->sk.lock);
	if (old)
		unix_put(old);
	return 0;
}

/* The server's end of a new connection goes to the listener's queue. */
static int connect_stream(struct unix_sock *us, struct task *t, const struct sock_addr *a)
{
	struct unix_sock *listener = NULL, *end = NULL;
	int r = unix_find(us, t, a, &listener);

	if (!r) {
		end = unix_new(us->sk.k, us->sk.type);
		r = end ? 0 : -ENOMEM;
	}
	if (r)
		goto out;
	if (listener == us) {
		r = -EINVAL;
		goto out;
	}
	lock_two(us, listener);
	if (us->connected)
		r = -EISCONN;
	else if (us->listening)
		r = -EINVAL;
	else if (!listener->listening || listener->rcv_shut || listener->closed)
		r = -ECONNREFUSED;
	else if (listener->n_embryos > listener->backlog)
		r = -EAGAIN;
	if (!r) {
		set_own(us, t);
		set_peer(us, listener->own_pid, listener->own_uid, listener->own_gid);
		set_peer(end, us->own_pid, us->own_uid, us->own_gid);
		end->addr = listener->addr;
		end->sk.passcred = listener->sk.passcred;
		end->peer = unix_get(us);
		end->connected = us->connected = true;
		us->peer = unix_get(end);
		list_add_tail(&listener->embryos, &end->embryo);
		listener->n_embryos++;
		end = NULL;
	}
	unlock_two(us, listener);
	if (!r) {
		waitq_wake(&listener->sk.queue, LX_POLL_IN_MASK);
		waitq_wake(&us->sk.queue, LX_POLL_OUT_MASK);
	} else if (r == -EAGAIN) {
		/* accept() wakes whoever waits for room. */
		unix_join_senders(us, listener);
	}
out:
	if (end)
		unix_put(end);
	if (listener)
		unix_put(listener);
	return r;
}

int unix_connect(struct socket *sk, struct task *t, const struct sock_addr *a)
{
	if (sk->type == LX_SOCK_DGRAM)
		return connect_dgram(to_unix(sk), t, a);
	return connect_stream(to_unix(sk), t, a);
}

int unix_listen(struct socket *sk, struct task *t, int backlog)
{
	struct unix_sock *us = to_unix(sk);
	int r = 0;

	if (sk->type == LX_SOCK_DGRAM)
		return -EOPNOTSUPP;
	mutex_lock(&sk->lock);
	if (!us->addr.len || us->connected)
		r = -EINVAL;
	if (!r) {
		us->listening = true;
		set_own(us, t); /* what clients see as their peer */
		us->backlog =
			backlog < 0 || backlog > LX_SOMAXCONN ? LX_SOMAXCONN : backlog;
	}
	mutex_unlock(&sk->lock);
	if (!r)
		unix_wake_senders(us);
	return r;
}

int unix_accept(struct socket *sk, struct socket **out)
{
	struct unix_sock *us = to_unix(sk), *end = NULL;
	int r = -EAGAIN;

	*out = NULL;
	if (sk->type == LX_SOCK_DGRAM)
		return -EOPNOTSUPP;
	mutex_lock(&sk->lock);
	if (!us->listening)
		r = -EINVAL;
	else
		end = list_first(&us->embryos, struct unix_sock, embryo);
	if (end) {
		list_del(&end->embryo);
		us->n_embryos--;
		*out = &end->sk;
		r = 0;
	} else if (us->rcv_shut && us->listening) {
		r = -EINVAL;
	}
	mutex_unlock(&sk->lock);
	if (!r)
		unix_wake_senders(us);
	return r;
}
