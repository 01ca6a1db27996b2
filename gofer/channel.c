// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets and threads. All workers of a channel wait in recvmsg on the same socket:
 *
 *   packets   the kernel wakes exactly one of them a message, without a hand-over, a
 *	       queue or a lock of ours
 *   streams   (other 9P clients) whoever holds `rx` reads one message, then lets go
 *
 * For a plain 9P client one thread more than is busy waits, so that a call that hangs on
 * a slow disk keeps nobody else waiting: the worker that leaves no idle one behind starts
 * another before it goes to work, up to a limit. A client of the dialect opens as many
 * channels as it wants calls at a time; each of its channels has one thread.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gofer/server.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

#define MAX_WORKERS	    8 /* a channel */
#define MAX_SESSION_WORKERS 64
#define WORKER_STACK	    (256u << 10)

/* --- messages ------------------------------------------------------------- */

static int send_all(int sock, const uint8_t *p, size_t size, const int *hfds,
		    unsigned n_hfds)
{
	while (size) {
		ssize_t n = host_send_fds(sock, p, size, hfds, n_hfds);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		p += n;
		size -= (size_t)n;
		n_hfds = 0; /* they went with the first byte */
	}
	return 0;
}

int channel_send(struct channel *ch, const void *buf, size_t size, const int *hfds,
		 unsigned n_hfds)
{
	int r;

	if (ch->packets)
		return send_all(ch->sock, buf, size, hfds, n_hfds);
	mutex_lock(&ch->tx);
	r = send_all(ch->sock, buf, size, hfds, n_hfds);
	mutex_unlock(&ch->tx);
	return r;
}

/* A client has no descriptors for us: what it sends is closed. */
static ssize_t receive(struct channel *ch, uint8_t *buf, size_t size, int flags)
{
	size_t none = 0;
	ssize_t n;

	do {
		n = host_recv_fds(ch->sock, buf, size, NULL, &none, flags);
	} while (n == -EINTR);
	return n;
}

static ssize_t receive_stream(struct channel *ch, uint8_t *buf, size_t size)
{
	ssize_t n = receive(ch, buf, 4, MSG_WAITALL);
	uint32_t len;

	if (n <= 0)
		return n;
	len = p9_size(buf, (size_t)n);
	if (len < P9_HEADER || len > size || len > ch->s->msize)
		return -EPROTO;
	n = receive(ch, buf + 4, len - 4, MSG_WAITALL);
	if (n != (ssize_t)len - 4)
		return n < 0 ? n : -EPROTO;
	return len;
}

/* One message: its size, 0 at the end of the connection, or an error. */
static ssize_t receive_message(struct channel *ch, uint8_t *buf, size_t size)
{
	ssize_t n;

	if (ch->packets)
		return receive(ch, buf, size, 0);
	mutex_lock(&ch->rx);
	n = receive_stream(ch, buf, size);
	mutex_unlock(&ch->rx);
	return n;
}

/* --- workers --------------------------------------------------------------- */

static void *worker_main(void *arg);

static int worker_start(struct channel *ch)
{
	struct session *s = ch->s;
	pthread_attr_t attr;
	pthread_t t;
	int r = -EAGAIN;

	mutex_lock(&s->lock);
	if (!s->ended && ch->n_workers < MAX_WORKERS &&
	    s->n_workers < MAX_SESSION_WORKERS) {
		ch->n_workers++;
		s->n_workers++;
		r = 0;
	}
	mutex_unlock(&s->lock);
	if (r < 0)
		return r;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add(&ch->n_idle, 1);
	r = -pthread_create(&t, &attr, worker_main, ch);
	pthread_attr_destroy(&attr);
	if (r < 0) {
		atomic_fetch_sub(&ch->n_idle, 1);
		mutex_lock(&s->lock);
		ch->n_workers--;
		s->n_workers--;
		mutex_unlock(&s->lock);
	}
	return r;
}

static void channel_free(struct channel *ch)
{
	close(ch->sock);
	mutex_destroy(&ch->rx);
	mutex_destroy(&ch->tx);
	mem_free(ch);
}

/* Nobody sends or waits any more on any of the session's sockets. */
static void end_session_locked(struct session *s) MUST_HOLD(s->lock)
{
	struct channel *ch;

	s->ended = true;
	list_for_each (ch, &s->channels, siblings)
		shutdown(ch->sock, SHUT_RDWR);
}

/* @error: why, for gofer_serve(). */
static void worker_end(struct channel *ch, int error)
{
	struct session *s = ch->s;
	bool last;

	mutex_lock(&s->lock);
	if (ch->main) {
		end_session_locked(s);
		if (!s->error)
			s->error = error;
	}
	last = --ch->n_workers == 0;
	if (last) {
		list_del(&ch->siblings);
		s->n_channels--;
	}
	mutex_unlock(&s->lock);
	if (last)
		channel_free(ch);
	mutex_lock(&s->lock);
	if (--s->n_workers == 0)
		pthread_cond_signal(&s->all_gone);
	mutex_unlock(&s->lock);
}

static int serve_messages(struct channel *ch, struct request *rq, uint8_t *in)
{
	ssize_t n;
	int r;

	do {
		n = receive_message(ch, in, P9_MSIZE_MAX);
		if (n <= 0)
			return (int)n;
		if (n > ch->s->msize)
			return -EPROTO;
		/* Starting is quick; the first real call is worth a thread. */
		if (atomic_fetch_sub(&ch->n_idle, 1) == 1 && !ch->s->dialect && n > 4 &&
		    in[4] != P9_TVERSION && in[4] != P9_TATTACH)
			worker_start(ch);
		r = request_serve(rq, in, (size_t)n);
		atomic_fetch_add(&ch->n_idle, 1);
	} while (r == 0);
	return r;
}

/* Counted in n_workers and n_idle already. */
static void worker_run(struct channel *ch)
{
	uint8_t *in = mem_alloc(P9_MSIZE_MAX), *out = mem_alloc(P9_MSIZE_MAX);
	uint8_t *data = mem_alloc(P9_MSIZE_MAX);
	struct request *rq = mem_zalloc(sizeof(*rq));
	int r = -ENOMEM;

	if (in && out && data && rq)
		r = cwd_own(ch->s);
	if (r == 0) {
		umask(0);
		if (ch->cpu >= 0)
			host_set_cpu(0, ch->cpu); /* a hint: elsewhere is only slower */
		*rq = (struct request){
			.ch = ch,
			.s = ch->s,
			.data = data,
			.out = out,
			.out_size = P9_MSIZE_MAX,
		};
		r = serve_messages(ch, rq, in);
	}
	mem_free(rq);
	mem_free(data);
	mem_free(out);
	mem_free(in);
	worker_end(ch, r);
}

static void *worker_main(void *arg)
{
	worker_run(arg);
	return NULL;
}

/* --- channels --------------------------------------------------------------- */

/* Takes @sock on success. */
static int channel_create(struct session *s, int sock, int cpu, bool main,
			  struct channel **out)
{
	socklen_t len = sizeof(int);
	struct channel *ch;
	int type = 0, r;

	*out = NULL;
	r = (int)host_ret(getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &len));
	if (r < 0)
		return r;
	ch = mem_zalloc(sizeof(*ch));
	if (!ch)
		return -ENOMEM;
	ch->s = s;
	ch->sock = sock;
	ch->cpu = cpu;
	ch->main = main;
	ch->packets = type == SOCK_SEQPACKET;
	mutex_init(&ch->rx, LOCK_FILE_POS);
	mutex_init(&ch->tx, LOCK_SOCKET);
	list_init(&ch->requests);
	list_init(&ch->siblings);
	mutex_lock(&s->lock);
	if (s->ended || s->n_channels >= MAX_CHANNELS) {
		r = -EMFILE;
	} else {
		s->n_channels++;
		list_add(&s->channels, &ch->siblings);
	}
	mutex_unlock(&s->lock);
	if (r < 0) {
		mem_free(ch);
		return r;
	}
	*out = ch;
	return 0;
}

int channel_open(struct session *s, int cpu, int *peer)
{
	struct channel *ch;
	int pair[2], r;

	*peer = -1;
	r = host_socketpair(SOCK_SEQPACKET, pair);
	if (r < 0)
		return r;
	r = channel_create(s, pair[0], cpu, false, &ch);
	if (r == 0) {
		r = worker_start(ch);
		if (r < 0) {
			mutex_lock(&s->lock);
			list_del(&ch->siblings);
			s->n_channels--;
			mutex_unlock(&s->lock);
			channel_free(ch);
			close(pair[1]);
			return r;
		}
		*peer = pair[1];
		return 0;
	}
	close(pair[0]);
	close(pair[1]);
	return r;
}

int gofer_serve(struct gofer *g, int sock)
{
	struct session *s = session_create(g);
	struct channel *ch = NULL;
	int r = -ENOMEM;

	if (s)
		r = channel_create(s, sock, -1, true, &ch);
	if (!ch) {
		close(sock);
		if (s)
			session_free(s);
		return r;
	}
	ch->n_workers = 1;
	s->n_workers = 1;
	atomic_init(&ch->n_idle, 1);
	worker_run(ch);
	mutex_lock(&s->lock);
	while (s->n_workers)
		pthread_cond_wait(&s->all_gone, &s->lock.m);
	r = s->error;
	mutex_unlock(&s->lock);
	session_free(s);
	return r;
}
