// SPDX-License-Identifier: Apache-2.0
/* The socket calls: arguments from guest memory,
 * then sentry/socket. Source: socket(2) ff. */
#include <string.h>

#include "sentry/base/alloc.h"
#include "sentry/base/bytes.h"
#include "sentry/socket/socket.h"
#include "sentry/syscall/syscall.h"
#include "sentry/syscall/time_args.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/sigsend.h"

/* --- arguments --------------------------------------------------------------------- */

static int sock_lookup(struct task *t, int fd, struct file **f, struct socket **sk)
{
	int r = fd_lookup(t->files, fd, f);

	if (r)
		return r;
	*sk = file_socket(*f);
	return *sk ? 0 : -ENOTSOCK;
}

static int addr_from_user(struct task *t, uaddr_t uaddr, int len, struct sock_addr *a)
{
	a->len = 0;
	if (len < 0 || len > LX_SOCKADDR_MAX)
		return -EINVAL;
	if (len && copy_from_user(&t->mem, a->bytes, uaddr, (size_t)len))
		return -EFAULT;
	a->len = (uint32_t)len;
	return 0;
}

/* Cut to the caller's room, but the length told is the true one. */
static int addr_to_user(struct task *t, const struct sock_addr *a, uaddr_t uaddr,
			uaddr_t ulen)
{
	int32_t room, len = (int32_t)a->len;

	if (!uaddr)
		return 0;
	if (get_user(&t->mem, room, ulen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (room > len)
		room = len;
	if (room && copy_to_user(&t->mem, uaddr, a->bytes, (size_t)room))
		return -EFAULT;
	return put_user(&t->mem, ulen, len);
}

static int install(struct task *t, struct socket *sk, int flags)
{
	struct file *f;
	int r = socket_file_create(sk, flags & LX_SOCK_NONBLOCK ? LX_O_NONBLOCK : 0,
				   t->cred, &f);

	if (r)
		return r;
	r = fd_install(t, f, 0, flags & LX_SOCK_CLOEXEC ? LX_FD_CLOEXEC : 0);
	if (r < 0)
		file_put(f);
	return r;
}

/* --- making ------------------------------------------------------------------------ */

#define TYPE_FLAGS (LX_SOCK_NONBLOCK | LX_SOCK_CLOEXEC)

static int check_type(int type)
{
	return type & ~(LX_SOCK_TYPE_MASK | TYPE_FLAGS) ? -EINVAL : 0;
}

SYSCALL3(socket, int family, int type, int protocol)
{
	struct socket *sk;
	int r = check_type(type);

	if (!r)
		r = socket_create(t, family, type & LX_SOCK_TYPE_MASK, protocol, &sk);
	return r ? r : install(t, sk, type);
}

SYSCALL4(socketpair, int family, int type, int protocol, uaddr_t ufds)
{
	struct socket *a, *b;
	int fds[2], r = check_type(type);

	if (!r)
		r = socket_create(t, family, type & LX_SOCK_TYPE_MASK, protocol, &a);
	if (r)
		return r;
	r = socket_create(t, family, type & LX_SOCK_TYPE_MASK, protocol, &b);
	if (r) {
		socket_put(a);
		return r;
	}
	r = a->ops->pair ? a->ops->pair(a, b, t) : -EOPNOTSUPP;
	if (r) {
		socket_put(a);
		socket_put(b);
		return r;
	}
	fds[0] = install(t, a, type);
	fds[1] = install(t, b, type);
	r = fds[0] < 0 ? fds[0] : fds[1] < 0 ? fds[1] : 0;
	if (!r && copy_to_user(&t->mem, ufds, fds, sizeof(fds)))
		r = -EFAULT;
	for (int i = 0; r && i < 2; i++)
		if (fds[i] >= 0)
			fd_close(t, fds[i]);
	return r;
}

/* --- names and connections ---------------------------------------------------- */

SYSCALL3(bind, int fd, uaddr_t uaddr, int len)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct sock_addr a;
	struct socket *sk;
	int r = sock_lookup(t, fd, &f, &sk);

	if (!r)
		r = addr_from_user(t, uaddr, len, &a);
	return r ? r : sk->ops->bind(sk, t, &a);
}

SYSCALL3(connect, int fd, uaddr_t uaddr, int len)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct sock_addr a;
	struct socket *sk;
	int r = sock_lookup(t, fd, &f, &sk);

	if (!r)
		r = addr_from_user(t, uaddr, len, &a);
	return r ? r : socket_connect_wait(t, f, &a);
}

SYSCALL2(listen, int fd, int backlog)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct socket *sk;
	int r = sock_lookup(t, fd, &f, &sk);

	return r ? r : sk->ops->listen(sk, t, backlog);
}

SYSCALL4(accept4, int fd, uaddr_t uaddr, uaddr_t ulen, int flags)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct sock_addr a;
	struct socket *sk, *end;
	int r, new_fd;

	if (flags & ~TYPE_FLAGS)
		return -EINVAL;
	r = sock_lookup(t, fd, &f, &sk);
	if (!r)
		r = socket_accept_wait(t, f, &end);
	if (r)
		return r;
	r = uaddr ? end->ops->getname(end, true, &a) : 0;
	/* A peer that is gone already has no name: that is no error of accept. */
	if (r == -ENOTCONN) {
		a = (struct sock_addr){.len = sizeof(uint16_t)};
		put_le16(a.bytes, (uint16_t)end->family);
		r = 0;
	}
	new_fd = install(t, end, flags);
	if (new_fd >= 0 && uaddr) {
		r = addr_to_user(t, &a, uaddr, ulen);
		if (r) {
			fd_close(t, new_fd);
			return r;
		}
	}
	return new_fd;
}

SYSCALL3(accept, int fd, uaddr_t uaddr, uaddr_t ulen)
{
	return do_accept4(t, fd, uaddr, ulen, 0);
}

static int getname(struct task *t, int fd, uaddr_t uaddr, uaddr_t ulen, bool peer)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct sock_addr a;
	struct socket *sk;
	int r = sock_lookup(t, fd, &f, &sk);

	if (!r)
		r = sk->ops->getname(sk, peer, &a);
	if (!r && !uaddr)
		r = -EFAULT;
	return r ? r : addr_to_user(t, &a, uaddr, ulen);
}

SYSCALL3(getsockname, int fd, uaddr_t uaddr, uaddr_t ulen)
{
	return getname(t, fd, uaddr, ulen, false);
}

SYSCALL3(getpeername, int fd, uaddr_t uaddr, uaddr_t ulen)
{
	return getname(t, fd, uaddr, ulen, true);
}

SYSCALL2(shutdown, int fd, int how)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct socket *sk;
	int r = sock_lookup(t, fd, &f, &sk);

	if (!r && (how < LX_SHUT_RD || how > LX_SHUT_RDWR))
		r = -EINVAL;
	return r ? r : sk->ops->shutdown(sk, how);
}

/* --- options ------------------------------------------------------------------ */

#define OPT_MAX 4096

SYSCALL5(setsockopt, int fd, int level, int opt, uaddr_t uval, int len)
{
	AUTO_PUT(file) struct file *f = NULL;
	uint8_t val[OPT_MAX] = {0};
	struct socket *sk;
	int r = sock_lookup(t, fd, &f, &sk);

	if (r)
		return r;
	if (len < 0)
		return -EINVAL;
	len = min_t(int, len, OPT_MAX);
	if (len && copy_from_user(&t->mem, val, uval, (size_t)len))
		return -EFAULT;
	return socket_setopt(sk, t, level, opt, val, (uint32_t)len);
}

SYSCALL5(getsockopt, int fd, int level, int opt, uaddr_t uval, uaddr_t ulen)
{
	AUTO_PUT(file) struct file *f = NULL;
	uint8_t val[OPT_MAX];
	struct socket *sk;
	int32_t len;
	uint32_t n;
	int r = sock_lookup(t, fd, &f, &sk);

	if (r)
		return r;
	if (get_user(&t->mem, len, ulen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	n = min_t(uint32_t, len, OPT_MAX);
	r = socket_getopt(sk, t, level, opt, val, &n);
	if (r)
		return r;
	len = (int32_t)n;
	r = n ? copy_to_user(&t->mem, uval, val, n) : 0;
	if (!r)
		r = put_user(&t->mem, ulen, len);
	if (r && level == LX_SOL_SOCKET && opt == LX_SO_PEERPIDFD) {
		int32_t made;

		/* Nobody knows its number. */
		memcpy(&made, val, sizeof(made));
		fd_close(t, made);
	}
	return r ? -EFAULT : 0;
}

/* --- sending ------------------------------------------------------------------ */

static ssize_t send_msg(struct task *t, struct file *f, struct socket *sk,
			struct sock_msg *m)
{
	ssize_t r;

	m->data->task = t;
	r = socket_sendmsg_wait(t, f, m);
	if (r == -EPIPE && sk->type != LX_SOCK_DGRAM && !(m->flags & LX_MSG_NOSIGNAL))
		sigsend_self(t, LX_SIGPIPE);
	return r;
}

SYSCALL6(sendto, int fd, uaddr_t buf, size_t n, unsigned flags, uaddr_t uaddr, int len)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct sock_msg m = {.flags = flags};
	struct socket *sk;
	struct uio u;
	int r = sock_lookup(t, fd, &f, &sk);

	if (!r && uaddr)
		r = addr_from_user(t, uaddr, len, &m.addr);
	if (r)
		return r;
	uio_init_user(&u, &t->mem, buf, min_t(size_t, n, LX_MAX_RW_COUNT));
	m.data = &u;
	return send_msg(t, f, sk, &m);
}

/* One msghdr: the arguments are copied in once. */
static ssize_t sendmsg_one(struct task *t, struct file *f, struct socket *sk,
			   uaddr_t umsg, unsigned flags)
{
	struct sock_msg m = {.flags = flags};
	struct lx_msghdr h;
	struct uio u;
	ssize_t r;

	if (get_user(&t->mem, h, umsg))
		return -EFAULT;
	if (h.iovlen > LX_UIO_MAXIOV)
		return -EMSGSIZE;
	r = h.name ? addr_from_user(t, h.name, min_t(int, h.namelen, LX_SOCKADDR_MAX),
				    &m.addr)
		   : 0;
	if (!r)
		r = scm_from_user(t, &h, &m.scm);
	if (!r)
		r = uio_init_iovec(&u, &t->mem, h.iov, h.iovlen);
	if (!r) {
		m.data = &u;
		r = send_msg(t, f, sk, &m);
		uio_done(&u);
	}
	scm_free(m.scm);
	return r;
}

SYSCALL3(sendmsg, int fd, uaddr_t umsg, unsigned flags)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct socket *sk;
	int r = sock_lookup(t, fd, &f, &sk);

	return r ? r : sendmsg_one(t, f, sk, umsg, flags);
}

/* struct mmsghdr: a msghdr, the count, padding */
#define MMSG_SIZE (sizeof(struct lx_msghdr) + 8)

SYSCALL4(sendmmsg, int fd, uaddr_t umsgs, unsigned n, unsigned flags)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct socket *sk;
	unsigned done;
	ssize_t r = sock_lookup(t, fd, &f, &sk);

	if (r)
		return r;
	n = min_t(unsigned, n, LX_UIO_MAXIOV);
	for (done = 0; done < n; done++, umsgs += MMSG_SIZE) {
		uint32_t sent;

		r = sendmsg_one(t, f, sk, umsgs, flags);
		if (r < 0)
			break;
		sent = (uint32_t)r;
		r = put_user(&t->mem, umsgs + sizeof(struct lx_msghdr), sent);
		if (r)
			break;
	}
	return done ? done : r;
}

/* --- receiving ---------------------------------------------------------------- */

SYSCALL6(recvfrom, int fd, uaddr_t buf, size_t n, unsigned flags, uaddr_t uaddr,
	 uaddr_t ulen)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct sock_msg m = {.flags = flags, .want_addr = uaddr != 0};
	struct socket *sk;
	struct uio u;
	ssize_t done;
	int r = sock_lookup(t, fd, &f, &sk);

	if (r)
		return r;
	uio_init_user(&u, &t->mem, buf, min_t(size_t, n, LX_MAX_RW_COUNT));
	u.task = t;
	m.data = &u;
	done = socket_recvmsg_wait(t, f, &m);
	if (done >= 0 && uaddr) {
		r = addr_to_user(t, &m.addr, uaddr, ulen);
		if (r)
			return r;
	}
	return done;
}

static int recv_results(struct task *t, struct socket *sk, struct sock_msg *m,
			const struct lx_msghdr *h, uaddr_t umsg)
{
	uint64_t control_len = 0;
	int32_t name_len = 0;
	int r = 0;

	if (h->name) {
		name_len = (int32_t)m->addr.len;
		if (h->namelen < 0)
			return -EINVAL;
		if (name_len && copy_to_user(&t->mem, h->name, m->addr.bytes,
					     min_t(size_t, name_len, h->namelen)))
			r = -EFAULT;
		if (!r)
			r = put_user(&t->mem, umsg + offsetof(struct lx_msghdr, namelen),
				     name_len);
	}
	if (!r)
		r = scm_to_user(t, sk, m->scm, h->control, h->controllen,
				m->flags & LX_MSG_CMSG_CLOEXEC, &control_len,
				&m->out_flags);
	m->out_flags |= m->flags & LX_MSG_CMSG_CLOEXEC;
	if (!r)
		r = put_user(&t->mem, umsg + offsetof(struct lx_msghdr, flags),
			     m->out_flags);
	if (!r)
		r = put_user(&t->mem, umsg + offsetof(struct lx_msghdr, controllen),
			     control_len);
	return r;
}

static ssize_t recvmsg_one(struct task *t, struct file *f, struct socket *sk,
			   uaddr_t umsg, unsigned flags)
{
	struct sock_msg m = {.flags = flags};
	struct lx_msghdr h;
	struct uio u;
	ssize_t done;
	int r;

	if (get_user(&t->mem, h, umsg))
		return -EFAULT;
	if (h.iovlen > LX_UIO_MAXIOV)
		return -EMSGSIZE;
	r = uio_init_iovec(&u, &t->mem, h.iov, h.iovlen);
	if (r)
		return r;
	u.task = t;
	m.data = &u;
	m.scm = mem_zalloc(sizeof(*m.scm));
	if (!m.scm) {
		uio_done(&u);
		return -ENOMEM;
	}
	done = socket_recvmsg_wait(t, f, &m);
	uio_done(&u);
	if (done >= 0) {
		r = recv_results(t, sk, &m, &h, umsg);
		if (r)
			done = r;
	}
	scm_free(m.scm);
	return done;
}

SYSCALL3(recvmsg, int fd, uaddr_t umsg, unsigned flags)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct socket *sk;
	int r = sock_lookup(t, fd, &f, &sk);

	return r ? r : recvmsg_one(t, f, sk, umsg, flags);
}

SYSCALL5(recvmmsg, int fd, uaddr_t umsgs, unsigned n, unsigned flags, uaddr_t timeout)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct socket *sk;
	int64_t deadline;
	unsigned done;
	ssize_t r = deadline_from_user(&t->mem, timeout, &deadline);

	if (!r)
		r = sock_lookup(t, fd, &f, &sk);
	if (r)
		return r;
	n = min_t(unsigned, n, LX_UIO_MAXIOV);
	for (done = 0; done < n; done++, umsgs += MMSG_SIZE) {
		uint32_t got;

		/* The timeout is looked at between messages only, as Linux does. */
		if (done && deadline != NO_DEADLINE && clock_mono_ns() >= deadline)
			break;
		r = recvmsg_one(t, f, sk, umsgs, flags & ~LX_MSG_WAITFORONE);
		if (r < 0)
			break;
		got = (uint32_t)r;
		r = put_user(&t->mem, umsgs + sizeof(struct lx_msghdr), got);
		if (r)
			break;
		if (flags & LX_MSG_WAITFORONE)
			flags |= LX_MSG_DONTWAIT;
	}
	remaining_to_user(&t->mem, timeout, deadline);
	return done ? done : r;
}
