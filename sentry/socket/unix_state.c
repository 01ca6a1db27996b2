// SPDX-License-Identifier: Apache-2.0
/* What an AF_UNIX socket tells of itself: poll, ioctl, SOL_SOCKET's own options. */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/socket/unix_internal.h"
#include "sentry/task/pidfd.h"

uint32_t unix_poll(struct socket *sk)
{
	struct unix_sock *us = to_unix(sk), *peer;
	bool dgram = sk->type == LX_SOCK_DGRAM;
	uint32_t mask = 0, sndbuf;
	bool writable;

	mutex_lock(&sk->lock);
	if (us->n_queued || us->n_embryos || us->rcv_shut)
		mask |= LX_POLL_IN_MASK;
	if (us->oob)
		mask |= LX_POLLPRI;
	if (us->rcv_shut)
		mask |= LX_POLLRDHUP;
	if (us->rcv_shut && us->snd_shut)
		mask |= LX_POLLHUP;
	if (!dgram && !us->connected && !us->listening)
		mask |= LX_POLLHUP;
	if (sk->error)
		mask |= LX_POLLERR;
	writable = !us->listening;
	sndbuf = sk->sndbuf;
	peer = us->peer ? unix_get(us->peer) : NULL;
	mutex_unlock(&sk->lock);
	if (peer) {
		bool full;

		mutex_lock(&peer->sk.lock);
		full = !peer->closed && !unix_has_room(peer, sndbuf, sk->type);
		mutex_unlock(&peer->sk.lock);
		if (full)
			unix_join_senders(us, peer);
		writable = writable && !full;
		unix_put(peer);
	}
	return writable ? mask | LX_POLL_OUT_MASK | LX_POLLWRBAND : mask;
}

int64_t unix_ioctl(struct socket *sk, const struct umem *u, unsigned cmd, uint64_t arg)
{
	struct unix_sock *us = to_unix(sk), *peer;
	struct skb *b;
	int32_t n = 0;

	switch (cmd) {
	case LX_SIOCINQ:
		mutex_lock(&sk->lock);
		if (us->listening) {
			mutex_unlock(&sk->lock);
			return -EINVAL;
		}
		b = list_first(&us->queue, struct skb, node);
		n = sk->type == LX_SOCK_STREAM ? (int32_t)us->queued
		    : b			       ? (int32_t)b->len
					       : 0;
		mutex_unlock(&sk->lock);
		return put_user(u, arg, n);
	case LX_SIOCOUTQ:
		peer = unix_peer_get(us);
		if (peer) {
			mutex_lock(&peer->sk.lock);
			n = (int32_t)peer->queued;
			mutex_unlock(&peer->sk.lock);
			unix_put(peer);
		}
		return put_user(u, arg, n);
	case LX_SIOCATMARK:
		if (sk->type != LX_SOCK_STREAM)
			return -EOPNOTSUPP;
		mutex_lock(&us->sk.lock);
		b = list_first(&us->queue, struct skb, node);
		n = b && is_mark_locked(us, b);
		mutex_unlock(&us->sk.lock);
		return put_user(u, arg, n);
	default:
		return -ENOTTY;
	}
}

/* Where the peer's process is known, a new descriptor of it. */
static int peer_pidfd(struct unix_sock *us, struct task *t, void *val, uint32_t *len)
{
	struct pid *pid;
	int32_t fd;

	mutex_lock(&us->sk.lock);
	pid = us->peer_pid ? pid_get(us->peer_pid) : NULL;
	mutex_unlock(&us->sk.lock);
	if (!pid)
		return -ENODATA;
	fd = pidfd_create(t, pid, 0);
	pid_put(pid);
	if (fd < 0)
		return fd;
	memcpy(val, &fd, sizeof(fd));
	*len = min_t(uint32_t, *len, sizeof(fd));
	return 0;
}

int unix_getopt(struct socket *sk, struct task *t, int level, int opt, void *val,
		uint32_t *len)
{
	struct unix_sock *us = to_unix(sk);
	struct lx_ucred uc = {0, UINT32_MAX, UINT32_MAX};
	int v;

	if (level != LX_SOL_SOCKET)
		return -EOPNOTSUPP;
	switch (opt) {
	case LX_SO_PEERCRED:
		mutex_lock(&sk->lock);
		if (us->peer_pid) {
			uc.pid = pid_nr_in(us->peer_pid, task_pid_ns(t));
			uc.uid = user_ns_unmap_uid(t->cred->user_ns, us->peer_uid);
			uc.gid = user_ns_unmap_gid(t->cred->user_ns, us->peer_gid);
		}
		mutex_unlock(&sk->lock);
		*len = min_t(uint32_t, *len, sizeof(uc));
		memcpy(val, &uc, *len);
		return 0;
	case LX_SO_PEERPIDFD:
		return peer_pidfd(us, t, val, len);
	case LX_SO_ACCEPTCONN:
		mutex_lock(&sk->lock);
		v = us->listening;
		mutex_unlock(&sk->lock);
		*len = min_t(uint32_t, *len, sizeof(v));
		memcpy(val, &v, *len);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}
