// SPDX-License-Identifier: Apache-2.0
/* AF_UNIX: names, connecting, accepting, closing. Data: unix_io.c. */
#include <stdio.h>
#include <string.h>

#include "fs/namei.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/bytes.h"
#include "sentry/socket/unix_internal.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/pidfd.h"

/* The abstract name space of the sandbox, made with its first socket (k->unix_names). */
struct unix_names {
	struct mutex lock; /* LOCK_IPC */
	struct htab tab;
	uint32_t next_auto;
};

#define NAME_OFFSET offsetof(struct lx_sockaddr_un, path)

static struct unix_names *names_of(struct kernel *k)
{
	struct unix_names *n = atomic_load(&k->unix_names), *none = NULL;

	if (n)
		return n;
	n = mem_zalloc(sizeof(*n));
	if (!n)
		return NULL;
	mutex_init(&n->lock, LOCK_IPC);
	if (atomic_compare_exchange_strong(&k->unix_names, &none, n))
		return n;
	mem_free(n);
	return none;
}

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

/* --- names ------------------------------------------------------------------------- */

static bool is_abstract(const struct sock_addr *a)
{
	return a->len > NAME_OFFSET && a->bytes[NAME_OFFSET] == 0;
}

static uint64_t name_hash(const struct sock_addr *a, int type)
{
	return hash_bytes(a->bytes, a->len, (uint64_t)type);
}

/* names->lock held; borrowed. */
static struct unix_sock *find_abstract(struct unix_names *n, const struct sock_addr *a,
				       int type)
{
	struct hnode *h = htab_first(&n->tab, name_hash(a, type));

	for (; h; h = htab_next(h)) {
		struct unix_sock *us = container_of(h, struct unix_sock, by_name);

		if (us->sk.type == type && us->addr.len == a->len &&
		    !memcmp(us->addr.bytes, a->bytes, a->len))
			return us;
	}
	return NULL;
}

static int check_addr(const struct sock_addr *a)
{
	if (a->len < sizeof(uint16_t) || a->len > sizeof(struct lx_sockaddr_un))
		return -EINVAL;
	return get_le16(a->bytes) == LX_AF_UNIX ? 0 : -EINVAL;
}

/* The path of a filesystem name, NUL-terminated. */
static void addr_path(const struct sock_addr *a, char path[LX_UNIX_PATH_MAX + 1])
{
	size_t n = a->len - NAME_OFFSET;

	memcpy(path, a->bytes + NAME_OFFSET, n);
	path[n] = '\0';
}

static int bind_abstract(struct unix_sock *us, const struct sock_addr *a)
{
	struct unix_names *n = names_of(us->sk.k);
	int r = 0;

	if (!n)
		return -ENOMEM;
	mutex_lock(&n->lock);
	mutex_lock(&us->sk.lock);
	if (us->addr.len)
		r = -EINVAL;
	else if (find_abstract(n, a, us->sk.type))
		r = -EADDRINUSE;
	else
		r = htab_insert(&n->tab, &us->by_name, name_hash(a, us->sk.type));
	if (!r) {
		us->addr = *a;
		us->in_table = true;
	}
	mutex_unlock(&us->sk.lock);
	mutex_unlock(&n->lock);
	return r;
}

/* Five hexadecimal digits that nobody has. */
static int autobind(struct unix_sock *us)
{
	struct unix_names *n = names_of(us->sk.k);
	int r = -EADDRINUSE;

	if (!n)
		return -ENOMEM;
	mutex_lock(&us->sk.lock);
	r = us->addr.len ? 0 : -EADDRINUSE;
	mutex_unlock(&us->sk.lock);
	for (unsigned tries = 0; r == -EADDRINUSE && tries < 1u << 20; tries++) {
		struct sock_addr a = {.len = NAME_OFFSET + 6};
		char digits[8];
		uint32_t nr;

		mutex_lock(&n->lock);
		nr = n->next_auto++ & 0xfffff;
		mutex_unlock(&n->lock);
		put_le16(a.bytes, LX_AF_UNIX);
		snprintf(digits, sizeof(digits), "%05x", nr);
		memcpy(a.bytes + NAME_OFFSET + 1, digits, 5);
		r = bind_abstract(us, &a);
	}
	return r;
}

static int bind_path(struct unix_sock *us, struct task *t, const struct sock_addr *a)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	char path[LX_UNIX_PATH_MAX + 1];
	struct path p = {0};
	int r;

	/* As on Linux the name is made first: it tells what is wrong with it. */
	addr_path(a, path);
	task_vfs_ctx(t, &c);
	r = vfs_mknod(&c, NULL, path, LX_S_IFSOCK | (0777 & ~c.umask), 0, &p);
	if (r)
		return r == -EEXIST ? -EADDRINUSE : r;
	mutex_lock(&us->sk.lock);
	if (us->addr.len) {
		r = -EINVAL; /* it has a name already */
	} else {
		us->addr = *a;
		/* The name that getsockname shows ends at its NUL. */
		us->addr.len = (uint32_t)(NAME_OFFSET + strlen(path) + 1);
		us->dentry = dentry_get(p.dentry);
		us->inode = inode_get(dentry_inode(p.dentry));
	}
	mutex_unlock(&us->sk.lock);
	if (!r)
		atomic_store(&us->inode->socket, &us->sk);
	else
		vfs_unlink(&c, NULL, path);
	path_put(p);
	return r;
}

static int unix_bind(struct socket *sk, struct task *t, const struct sock_addr *a)
{
	struct unix_sock *us = to_unix(sk);
	int r = check_addr(a);

	if (r)
		return r;
	if (a->len == sizeof(uint16_t))
		return autobind(us);
	return is_abstract(a) ? bind_abstract(us, a) : bind_path(us, t, a);
}

/* The socket behind a bound inode: it clears the pointer under the names' lock. */
static int find_path(struct unix_sock *from, struct task *t, const struct sock_addr *a,
		     struct unix_sock **out)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	AUTO_PATH struct path p = {0};
	struct unix_names *n = names_of(from->sk.k);
	char path[LX_UNIX_PATH_MAX + 1];
	struct inode *inode;
	struct socket *sk;
	int r;

	if (!n)
		return -ENOMEM;
	addr_path(a, path);
	task_vfs_ctx(t, &c);
	r = path_lookup(&c, NULL, path, LOOKUP_FOLLOW, &p);
	if (r)
		return r;
	inode = dentry_inode(p.dentry);
	r = inode_permission(&c, inode, MAY_WRITE);
	if (r)
		return r;
	if (!LX_S_ISSOCK(inode->mode))
		return -ECONNREFUSED;
	mutex_lock(&n->lock);
	sk = atomic_load(&inode->socket);
	if (sk && refcount_inc_not_zero(&sk->ref))
		*out = to_unix(sk);
	mutex_unlock(&n->lock);
	return *out ? 0 : -ECONNREFUSED;
}

int unix_find(struct unix_sock *from, struct task *t, const struct sock_addr *a,
	      struct unix_sock **out)
{
	struct unix_names *n = names_of(from->sk.k);
	int r = check_addr(a);

	*out = NULL;
	if (!n)
		return -ENOMEM;
	if (!r && a->len == sizeof(uint16_t))
		r = -ECONNREFUSED;
	if (r)
		return r;
	if (!is_abstract(a)) {
		r = find_path(from, t, a, out);
	} else {
		struct unix_sock *us;

		mutex_lock(&n->lock);
		us = find_abstract(n, a, from->sk.type);
		if (us && refcount_inc_not_zero(&us->sk.ref))
			*out = us;
		mutex_unlock(&n->lock);
		r = *out ? 0 : -ECONNREFUSED;
	}
	if (!r && (*out)->sk.type != from->sk.type) {
		unix_put(*out);
		*out = NULL;
		r = -EPROTOTYPE;
	}
	return r;
}

static void drop_name(struct unix_sock *us)
{
	struct unix_names *n = names_of(us->sk.k);

	if (!n)
		return;
	mutex_lock(&n->lock);
	if (us->in_table)
		htab_remove(&n->tab, &us->by_name);
	us->in_table = false;
	if (us->inode)
		atomic_store(&us->inode->socket, NULL);
	mutex_unlock(&n->lock);
	if (us->inode)
		inode_put(TAKE_PTR(us->inode));
	if (us->dentry)
		dentry_put(TAKE_PTR(us->dentry));
}

/* --- credentials ------------------------------------------------------------------- */

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

/* --- making and joining ------------------------------------------------------------ */

static const struct sock_ops unix_ops;

static struct unix_sock *unix_new(struct kernel *k, int type)
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
	us = unix_new(t->k, type);
	if (!us)
		return -ENOMEM;
	*out = &us->sk;
	return 0;
}

const struct sock_family unix_family = {.family = LX_AF_UNIX, .create = unix_create};

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

static int unix_pair(struct socket *a, struct socket *b, struct task *t)
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
	struct unix_sock *peer = NULL, *old, *peers_peer;
	int r = 0;

	if (a->len >= sizeof(uint16_t) && get_le16(a->bytes) != LX_AF_UNSPEC) {
		r = unix_find(us, t, a, &peer);
		if (r)
			return r;
		/* One that talks to somebody else does not listen to us. */
		peers_peer = unix_peer_get(peer);
		if (peers_peer) {
			r = peers_peer == us ? 0 : -EPERM;
			unix_put(peers_peer);
		}
		if (r) {
			unix_put(peer);
			return r;
		}
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

static int unix_connect(struct socket *sk, struct task *t, const struct sock_addr *a)
{
	if (sk->type == LX_SOCK_DGRAM)
		return connect_dgram(to_unix(sk), t, a);
	return connect_stream(to_unix(sk), t, a);
}

static int unix_listen(struct socket *sk, struct task *t, int backlog)
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

static int unix_accept(struct socket *sk, struct socket **out)
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

	drop_name(us);
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

static int unix_getname(struct socket *sk, bool peer_wanted, struct sock_addr *out)
{
	struct unix_sock *us = to_unix(sk), *peer = NULL;

	if (peer_wanted) {
		peer = unix_peer_get(us);
		if (!peer)
			return -ENOTCONN;
		us = peer;
	}
	mutex_lock(&us->sk.lock);
	*out = us->addr;
	mutex_unlock(&us->sk.lock);
	if (!out->len) {
		put_le16(out->bytes, LX_AF_UNIX);
		out->len = sizeof(uint16_t);
	}
	if (peer)
		unix_put(peer);
	return 0;
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

static int unix_getopt(struct socket *sk, struct task *t, int level, int opt, void *val,
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
