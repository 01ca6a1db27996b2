// SPDX-License-Identifier: Apache-2.0
/*
 * The connection. A channel serves one call at a time: the calling thread sends and
 * waits for the reply itself, so no thread reads for others and nothing is handed on.
 * Each CPU gets channels of its own, whose far end the Gofer serves on that CPU; as many
 * as there are calls at a time, then whoever comes waits.
 */
#include <linux/falloc.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "fs/gofer/internal.h"
#include "sentry/abi/errno.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"
#include "sentry/base/host_rules.h"

#define CHANNELS_PER_CPU 4

/* --- one message -------------------------------------------------------------- */

static void close_hfds(int *hfd, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hfd[i] >= 0)
			host_close(TAKE_FD(hfd[i]));
}

/*
 * Donated descriptors in hfd[0] to hfd[max_hfds - 1], -1 where there is none. Returns
 * the reply's size or -EIO.
 */
static ssize_t exchange(struct channel *ch, size_t size, size_t room, int *hfd,
			size_t max_hfds)
{
	size_t n_hfds = 0;
	ssize_t n;

	do {
		n = host_send_fds(ch->hfd, ch->buf, size, NULL, 0);
	} while (n == -EINTR);
	if (n != (ssize_t)size)
		return -EIO;
	do {
		n_hfds = max_hfds;
		n = host_recv_fds(ch->hfd, ch->buf, room, hfd, &n_hfds, 0);
	} while (n == -EINTR);
	while (n_hfds < max_hfds)
		hfd[n_hfds++] = -1;
	return n > 0 ? n : -EIO;
}

/* All of @hfd are taken to be -1 before. */
static int exchange_fds(struct gofer_session *s, struct channel *ch, struct p9_msg *t,
			struct p9_msg *r, int *hfd, size_t max_hfds)
{
	ssize_t n;

	atomic_fetch_add(&s->n_calls, 1);
	t->tag = t->type == P9_TVERSION ? P9_NOTAG : ch->tag;
	n = p9_encode(t, ch->buf, s->msize);
	if (n < 0)
		return (int)n;
	n = exchange(ch, (size_t)n, s->msize, hfd, max_hfds);
	if (n < 0 || p9_decode(ch->buf, (size_t)n, r) < 0 || r->tag != t->tag)
		goto broken;
	if (r->type == P9_RLERROR) {
		/* Anything but an errno would be taken
		 * for success, or for one of ours. */
		if (!r->rlerror.ecode || r->rlerror.ecode > 133)
			goto broken;
		return -(int)r->rlerror.ecode;
	}
	if (r->type == t->type + 1)
		return 0;
broken:
	close_hfds(hfd, max_hfds);
	mutex_lock(&s->lock);
	s->dead = true;
	mutex_unlock(&s->lock);
	return -EIO;
}

static int exchange_msg(struct gofer_session *s, struct channel *ch, struct p9_msg *t,
			struct p9_msg *r, int *hfd)
{
	*hfd = -1;
	return exchange_fds(s, ch, t, r, hfd, 1);
}

int call_send(struct gofer_call *c)
{
	close_hfds(c->hfd, ARRAY_SIZE(c->hfd));
	if (!c->ch)
		return -EIO;
	return exchange_fds(c->s, c->ch, &c->t, &c->r, c->hfd, ARRAY_SIZE(c->hfd));
}

/* --- channels ------------------------------------------------------------------- */

static struct channel *channel_new(struct gofer_session *s, int hfd, int cpu)
{
	struct channel *ch = mem_zalloc(sizeof(*ch));

	if (!ch)
		return NULL;
	ch->buf = mem_alloc(s->msize);
	if (!ch->buf) {
		mem_free(ch);
		return NULL;
	}
	ch->hfd = hfd;
	ch->cpu = cpu;
	ch->tag = 1;
	list_init(&ch->free);
	return ch;
}

/* A free channel of @cpu, or with cpu -1 any; out of the list. */
static struct channel *take_free(struct gofer_session *s, int cpu)
{
	struct channel *ch;

	list_for_each (ch, &s->free, free) {
		if (cpu >= 0 && ch->cpu != cpu)
			continue;
		list_del(&ch->free);
		return ch;
	}
	return NULL;
}

static bool may_grow(struct gofer_session *s, int cpu)
{
	unsigned n = 0;

	if (s->no_more || s->dead || s->n_channels >= MAX_CHANNELS ||
	    list_empty(&s->channel[0]->free))
		return false;
	for (unsigned i = 0; i < s->n_channels; i++)
		n += s->channel[i]->cpu == cpu;
	return n < CHANNELS_PER_CPU;
}

/* Asks for a channel on @cpu over the first one, which this thread has taken. */
static struct channel *ask_channel(struct gofer_session *s, int cpu)
{
	struct p9_msg t = {.type = P9_TXCHANNEL}, r;
	struct channel *ch = NULL;
	int hfd;

	t.txchannel.cpu = (uint32_t)cpu;
	if (exchange_msg(s, s->channel[0], &t, &r, &hfd) == 0 && hfd >= 0)
		ch = channel_new(s, hfd, cpu);
	if (!ch && hfd >= 0)
		host_close(hfd);
	return ch;
}

void call_begin(struct gofer_session *s, struct gofer_call *c)
{
	int cpu = sched_getcpu();
	struct channel *ch, *first;

	c->s = s;
	for (size_t i = 0; i < ARRAY_SIZE(c->hfd); i++)
		c->hfd[i] = -1;
	mutex_lock(&s->lock);
	ch = take_free(s, cpu);
	if (!ch && may_grow(s, cpu)) {
		first = s->channel[0];
		list_del(&first->free);
		mutex_unlock(&s->lock);
		ch = ask_channel(s, cpu);
		mutex_lock(&s->lock);
		list_add_tail(&s->free, &first->free);
		pthread_cond_signal(&s->freed);
		if (!ch)
			s->no_more = true;
		else if (s->n_channels < MAX_CHANNELS)
			s->channel[s->n_channels++] = ch;
	}
	while (!ch && !(ch = take_free(s, -1)))
		pthread_cond_wait(&s->freed, &s->lock.m);
	mutex_unlock(&s->lock);
	c->ch = ch;
}

/* --- fids, batches ---------------------------------------------------------------- */

uint32_t session_new_fids(struct gofer_session *s, unsigned n)
{
	for (;;) {
		uint32_t first = atomic_fetch_add(&s->next_fid, n);

		/* After four thousand million of them the numbers begin again. */
		if (first && first < P9_NOFID - n)
			return first;
	}
}

static void batch_add(struct gofer_session *s, struct id_batch *b, uint32_t v)
{
	mutex_lock(&s->clunk_lock);
	if (b->n == b->room) {
		unsigned room = b->room ? b->room * 2 : CLUNK_BATCH;
		uint32_t *more = mem_realloc(b->v, room * sizeof(*more));

		if (more) {
			b->v = more;
			b->room = room;
		}
	}
	/* Without memory the Gofer keeps it until the session ends. */
	if (b->n < b->room)
		b->v[b->n++] = v;
	mutex_unlock(&s->clunk_lock);
}

void session_clunk(struct gofer_session *s, uint32_t fid)
{
	batch_add(s, &s->clunk, fid);
}

void session_unwatch(struct gofer_session *s, int wd)
{
	batch_add(s, &s->unwatch, (uint32_t)wd);
}

void session_keep_watch(struct gofer_session *s, int wd)
{
	struct id_batch *b = &s->unwatch;

	mutex_lock(&s->clunk_lock);
	for (unsigned i = 0; i < b->n; i++)
		if (b->v[i] == (uint32_t)wd)
			b->v[i--] = b->v[--b->n];
	mutex_unlock(&s->clunk_lock);
}

/*
 * Sends what has gathered, over the channel of a call that is done with. Whoever gives
 * back may be in the middle of another call, and would wait for a channel with one in
 * its hands.
 */
static void batch_send(struct gofer_call *c, uint8_t type, struct id_batch *b)
{
	struct gofer_session *s = c->s;
	struct p9_batch *ids = &c->t.tbatch.ids;
	int hfd;

	mutex_lock(&s->clunk_lock);
	ids->n = 0;
	if (b->n >= CLUNK_BATCH) {
		ids->n = (uint16_t)min_t(unsigned, b->n, P9_BATCH_MAX);
		b->n -= ids->n;
		memcpy(ids->v, b->v + b->n, ids->n * sizeof(*ids->v));
	}
	mutex_unlock(&s->clunk_lock);
	if (!ids->n)
		return;
	c->t.type = type;
	/* Nothing could be done about an error. */
	exchange_msg(s, c->ch, &c->t, &c->r, &hfd);
	if (hfd >= 0)
		host_close(hfd);
}

void call_end(struct gofer_call *c)
{
	struct gofer_session *s = c->s;

	close_hfds(c->hfd, ARRAY_SIZE(c->hfd));
	batch_send(c, P9_TXCLUNK, &s->clunk);
	batch_send(c, P9_TXUNWATCH, &s->unwatch);
	mutex_lock(&s->lock);
	/* The first one last: it is kept for asking. */
	if (c->ch->cpu < 0)
		list_add_tail(&s->free, &c->ch->free);
	else
		list_add(&s->free, &c->ch->free);
	pthread_cond_signal(&s->freed);
	mutex_unlock(&s->lock);
}

/* --- the whole ---------------------------------------------------------------------- */

#define NAME_SLOTS 65536u

static void session_free(struct gofer_session *s)
{
	for (unsigned i = 0; i < s->n_channels; i++) {
		host_close(s->channel[i]->hfd);
		mem_free(s->channel[i]->buf);
		mem_free(s->channel[i]);
	}
	if (s->inotify_hfd >= 0)
		host_close(s->inotify_hfd);
	htab_free(&s->wds);
	mem_free(s->clunk.v);
	mem_free(s->unwatch.v);
	mem_free(s->gen);
	pthread_cond_destroy(&s->freed);
	mutex_destroy(&s->lock);
	mutex_destroy(&s->clunk_lock);
	mutex_destroy(&s->watch_lock);
	mutex_destroy(&s->handle_lock);
	mem_free(s);
}

void gofer_session_put(struct gofer_session *s)
{
	if (refcount_dec(&s->ref))
		session_free(s);
}

static int negotiate(struct gofer_session *s)
{
	struct p9_msg t = {.type = P9_TVERSION}, r;
	int hfd, e;

	t.version.msize = s->msize;
	t.version.version = p9_str(P9_VERSION_RUNSC);
	e = exchange_msg(s, s->channel[0], &t, &r, &hfd);
	if (e < 0)
		return e;
	if (!p9_str_eq(&r.version.version, P9_VERSION_RUNSC) ||
	    r.version.msize > s->msize || r.version.msize < P9_MSIZE_MIN)
		return -EPROTO;
	s->msize = r.version.msize;
	return 0;
}

/* Without notices everything is asked for each time. */
static void ask_notices(struct gofer_session *s)
{
	struct p9_msg t = {.type = P9_TXNOTIFY}, r;

	if (exchange_msg(s, s->channel[0], &t, &r, &s->inotify_hfd) < 0)
		s->inotify_hfd = -1;
}

void gofer_session_delay_watches(struct gofer_session *s, int64_t delay_ns)
{
	s->watch_from_ns = deadline_after(delay_ns);
}

bool session_watches(const struct gofer_session *s)
{
	return !s->watch_from_ns || clock_mono_ns() >= s->watch_from_ns;
}

int gofer_session_create(int hfd, unsigned max_hfds, struct gofer_session **out)
{
	struct gofer_session *s = mem_zalloc(sizeof(*s));
	int r = -ENOMEM;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	refcount_init(&s->ref);
	s->msize = P9_MSIZE_MAX;
	s->max_hfds = max_hfds;
	s->inotify_hfd = -1;
	mutex_init(&s->lock, LOCK_GOFER);
	mutex_init(&s->clunk_lock, LOCK_GOFER);
	mutex_init(&s->watch_lock, LOCK_GOFER);
	mutex_init(&s->handle_lock, LOCK_GOFER);
	pthread_cond_init(&s->freed, NULL);
	list_init(&s->free);
	list_init(&s->handles);
	atomic_init(&s->next_fid, 1);
	atomic_init(&s->next_key, 1);
	s->gen = mem_calloc(NAME_SLOTS, sizeof(*s->gen));
	if (s->gen)
		s->channel[0] = channel_new(s, hfd, -1);
	if (s->channel[0]) {
		s->n_channels = 1;
		list_add(&s->free, &s->channel[0]->free);
		r = negotiate(s);
	}
	if (r < 0) {
		if (s->n_channels)
			s->channel[0]->hfd = -1; /* still the caller's */
		session_free(s);
		return r;
	}
	ask_notices(s);
	*out = s;
	return 0;
}

/* What file_fallocate() lets through. */
#define KEEP ((uint64_t)FALLOC_FL_KEEP_SIZE)
#define ALL  UINT64_MAX
#define FALLOCATE(mode, mask, args)                                                      \
	{                                                                                \
		SYS_fallocate, "fallocate", {{1, HOST_MASKED_EQ, mode, mask}}, args,     \
			"fallocate of donated files"                                     \
	}

static const struct host_rule rules[] = {
	{SYS_sendmsg, "sendmsg", {{0}}, "", "requests to the Gofer"},
	{SYS_recvmsg, "recvmsg", {{0}}, "", "its replies and donated descriptors"},
	{SYS_read, "read", {{0}}, "", "change notices"},
	{SYS_pread64, "pread64", {{0}}, "", "reads of donated files"},
	{SYS_pwrite64, "pwrite64", {{0}}, "", "writes of donated files"},
	{SYS_newfstatat,
	 "newfstatat",
	 {{3, HOST_EQ, 0x1000, 0}},
	 "flags is AT_EMPTY_PATH",
	 "attributes of donated files"},
	{SYS_ftruncate, "ftruncate", {{0}}, "", "ftruncate of donated files"},
	FALLOCATE(0, ~KEEP, "mode is 0 or KEEP_SIZE"),
	FALLOCATE(FALLOC_FL_ZERO_RANGE, ~KEEP, "mode is ZERO_RANGE, KEEP_SIZE at most"),
	FALLOCATE(FALLOC_FL_UNSHARE_RANGE, ~KEEP,
		  "mode is UNSHARE_RANGE, KEEP_SIZE at most"),
	FALLOCATE(FALLOC_FL_PUNCH_HOLE | KEEP, ALL, "mode is PUNCH_HOLE | KEEP_SIZE"),
	FALLOCATE(FALLOC_FL_COLLAPSE_RANGE, ALL, "mode is COLLAPSE_RANGE"),
	FALLOCATE(FALLOC_FL_INSERT_RANGE, ALL, "mode is INSERT_RANGE"),
	{SYS_fsync, "fsync", {{0}}, "", "fsync of donated files"},
	{SYS_fdatasync, "fdatasync", {{0}}, "", "fdatasync of donated files"},
	{SYS_close, "close", {{0}}, "", "donated descriptors given back"},
	{.nr = -1},
};

const struct host_rules gofer_fs_rules = {"fs/gofer", rules};
