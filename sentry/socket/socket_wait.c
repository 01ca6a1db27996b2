// SPDX-License-Identifier: Apache-2.0
/* Socket calls with the sleeping that blocking descriptors do. Source: socket(7). */
#include "sentry/abi/errno.h"
#include "sentry/socket/socket.h"
#include "sentry/task/block.h"

static bool may_wait(const struct file *f, unsigned flags)
{
	return !(flags & LX_MSG_DONTWAIT) && !(atomic_load(&f->flags) & LX_O_NONBLOCK);
}

struct sock_wait {
	struct task_waiter w;
	int64_t deadline;
	bool timed; /* a timeout is set: an interrupted call is not restarted */
};

static void wait_start(struct sock_wait *sw, struct task *t, struct socket *sk,
		       uint32_t events, int64_t timeout_ns)
{
	sw->timed = timeout_ns != NO_DEADLINE;
	sw->deadline = sw->timed ? deadline_after(timeout_ns) : NO_DEADLINE;
	task_waiter_init(&sw->w, t, events);
	waitq_add(&sk->queue, &sw->w.entry);
}

/* 0: try again. */
static int wait_more(struct sock_wait *sw, const char *what)
{
	int r = task_block(sw->w.t, sw->deadline, what, 0);

	if (r == -EINTR)
		return sw->timed ? -EINTR : -ERESTARTSYS;
	return r == -ETIMEDOUT ? -EAGAIN : r;
}

static int64_t timeout_of(struct socket *sk, bool send)
{
	int64_t ns;

	mutex_lock(&sk->lock);
	ns = send ? sk->sndtimeo_ns : sk->rcvtimeo_ns;
	mutex_unlock(&sk->lock);
	return ns;
}

static ssize_t move(struct task *t, struct socket *sk, struct sock_msg *m, bool send)
{
	return send ? sk->ops->sendmsg(sk, t, m) : sk->ops->recvmsg(sk, t, m);
}

/* A blocking stream sends everything; it receives on with MSG_WAITALL, up to files. */
static bool wants_more(const struct socket *sk, const struct sock_msg *m, bool send)
{
	if (sk->type != LX_SOCK_STREAM || !m->data->left)
		return false;
	return send || (m->flags & LX_MSG_WAITALL && !(m->flags & LX_MSG_PEEK) &&
			!(m->scm && m->scm->n_files));
}

static ssize_t move_wait(struct task *t, struct file *f, struct sock_msg *m, bool send)
{
	struct socket *sk = file_socket(f);
	struct sock_wait sw;
	ssize_t done = 0, r = move(t, sk, m, send);

	if ((r != -EAGAIN && !(r > 0 && wants_more(sk, m, send))) ||
	    !may_wait(f, m->flags))
		return r;
	if (r > 0)
		done = r;
	wait_start(&sw, t, sk, send ? LX_POLL_OUT_MASK : LX_POLL_IN_MASK,
		   timeout_of(sk, send));
	for (;;) {
		r = move(t, sk, m, send);
		if (r > 0)
			done += r;
		if (r > 0 && wants_more(sk, m, send))
			continue;
		if (r != -EAGAIN)
			break;
		r = wait_more(&sw, send ? "socket send" : "socket receive");
		if (r)
			break;
	}
	waitq_remove(&sw.w.entry);
	return done ? done : r;
}

ssize_t socket_sendmsg_wait(struct task *t, struct file *f, struct sock_msg *m)
{
	return move_wait(t, f, m, true);
}

ssize_t socket_recvmsg_wait(struct task *t, struct file *f, struct sock_msg *m)
{
	return move_wait(t, f, m, false);
}

int socket_accept_wait(struct task *t, struct file *f, struct socket **out)
{
	struct socket *sk = file_socket(f);
	struct sock_wait sw;
	int r = sk->ops->accept(sk, out);

	if (r != -EAGAIN || !may_wait(f, 0))
		return r;
	wait_start(&sw, t, sk, LX_POLL_IN_MASK, timeout_of(sk, false));
	do {
		r = sk->ops->accept(sk, out);
		if (r != -EAGAIN)
			break;
		r = wait_more(&sw, "accept");
	} while (!r);
	waitq_remove(&sw.w.entry);
	return r;
}

int socket_connect_wait(struct task *t, struct file *f, const struct sock_addr *a)
{
	struct socket *sk = file_socket(f);
	struct sock_wait sw;
	int r = sk->ops->connect(sk, t, a);

	if (r != -EAGAIN || !may_wait(f, 0))
		return r;
	wait_start(&sw, t, sk, LX_POLL_OUT_MASK, timeout_of(sk, true));
	do {
		r = sk->ops->connect(sk, t, a);
		if (r != -EAGAIN)
			break;
		r = wait_more(&sw, "connect");
	} while (!r);
	waitq_remove(&sw.w.entry);
	return r;
}
