// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions and requests: decode, check the tag, call the handler, reply, and answer
 * the flushes that waited for it.
 */
#include "gofer/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "gofer/ops.h"
#include "gofer/server.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

/* --- sessions ------------------------------------------------------------ */

struct session *session_create(struct gofer *g)
{
	struct session *s = mem_zalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->g = g;
	s->msize = P9_MSIZE_MAX;
	s->inotify_hfd = -1;
	mutex_init(&s->lock, LOCK_GOFER);
	mutex_init(&s->cwd, LOCK_GOFER_CWD);
	list_init(&s->lru);
	list_init(&s->channels);
	pthread_cond_init(&s->all_gone, NULL);
	return s;
}

static void free_prefixes(struct session *s)
{
	for (size_t i = 0; i < s->prefixes.n_slots; i++) {
		struct hnode *h;

		while ((h = s->prefixes.slot[i])) {
			htab_remove(&s->prefixes, h);
			mem_free(container_of(h, struct qid_prefix, by_key));
		}
	}
	htab_free(&s->prefixes);
}

static void free_watches(struct session *s)
{
	for (size_t i = 0; i < s->watches.n_slots; i++) {
		struct hnode *h;

		while ((h = s->watches.slot[i])) {
			htab_remove(&s->watches, h);
			watch_put(s, container_of(h, struct watch, by_wd));
		}
	}
	htab_free(&s->watches);
}

/* All threads are gone. */
void session_free(struct session *s)
{
	fid_clunk_all(s);
	BUG_ON(s->n_nodes || s->n_hfds || s->n_open || s->xattr_bytes);
	htab_free(&s->fids);
	htab_free(&s->nodes);
	free_watches(s);
	free_prefixes(s);
	if (s->inotify_hfd >= 0)
		close(s->inotify_hfd);
	pthread_cond_destroy(&s->all_gone);
	mutex_destroy(&s->lock);
	mem_free(s);
}

/* --- tags ------------------------------------------------------------------ */

/* False: another request with this tag is in flight,
 * and its answer would be taken for ours. */
static bool tag_take(struct request *rq)
{
	struct request *other;
	bool ok = true;

	mutex_lock(&rq->s->lock);
	list_for_each (other, &rq->ch->requests, in_flight)
		ok = ok && other->t.tag != rq->t.tag;
	if (ok)
		list_add(&rq->ch->requests, &rq->in_flight);
	mutex_unlock(&rq->s->lock);
	return ok;
}

static void tag_release(struct request *rq)
{
	mutex_lock(&rq->s->lock);
	list_del(&rq->in_flight);
	mutex_unlock(&rq->s->lock);
}

/*
 * flush(5): the answer to Tflush says that no answer to oldtag will follow. Host calls
 * are not broken off; the thread that runs the old request answers it and then us.
 */
int op_flush(struct request *rq)
{
	struct request *other;
	int r = 0;

	mutex_lock(&rq->s->lock);
	list_for_each (other, &rq->ch->requests, in_flight) {
		if (other == rq || other->t.tag != rq->t.tflush.oldtag)
			continue;
		r = -EAGAIN;
		if (other->n_flushes < MAX_FLUSHES) {
			other->flushes[other->n_flushes++] = rq->t.tag;
			r = OP_NO_REPLY;
		}
		break;
	}
	mutex_unlock(&rq->s->lock);
	return r;
}

/* --- one request ------------------------------------------------------------ */

static void close_donated(struct request *rq)
{
	while (rq->n_hfds)
		close(rq->hfd[--rq->n_hfds]);
}

static int send_reply(struct request *rq)
{
	ssize_t n = p9_encode(&rq->r, rq->out, min_t(size_t, rq->out_size, rq->s->msize));

	/* Handlers leave room; only a link target
	 * or a name in a tiny msize can get here. */
	if (n < 0) {
		rq->r.type = P9_RLERROR;
		rq->r.rlerror.ecode = EMSGSIZE;
		n = p9_encode(&rq->r, rq->out, rq->out_size);
		close_donated(rq);
	}
	return channel_send(rq->ch, rq->out, (size_t)n, rq->hfd, rq->n_hfds);
}

static int send_flushed(struct request *rq, uint16_t tag)
{
	struct p9_msg m = {.type = P9_RFLUSH, .tag = tag};
	uint8_t buf[P9_HEADER];
	ssize_t n = p9_encode(&m, buf, sizeof(buf));

	return channel_send(rq->ch, buf, (size_t)n, NULL, 0);
}

static int call_handler(struct request *rq)
{
	op_fn op = gofer_ops[rq->t.type];

	if (rq->t.type == P9_TVERSION)
		return op(rq);
	if (!rq->s->versioned)
		return -EPROTO;
	if (!op || (rq->t.type >= P9_TXWALK && !rq->s->dialect))
		return -EOPNOTSUPP;
	return op(rq);
}

/*
 * Tversion starts the session anew, so nothing else may be going on. The tag table
 * is the witness: each request is in it from before its handler to after its reply.
 */
static bool version_alone(struct request *rq)
{
	struct channel *ch;
	unsigned n = 0;

	mutex_lock(&rq->s->lock);
	list_for_each (ch, &rq->s->channels, siblings) {
		struct request *other;

		list_for_each (other, &ch->requests, in_flight)
			n++;
	}
	mutex_unlock(&rq->s->lock);
	return n == 1;
}

int request_serve(struct request *rq, const uint8_t *msg, size_t size)
{
	int r = p9_decode(msg, size, &rq->t);

	if (r == -EBADMSG && size < P9_HEADER)
		return -EPROTO;
	rq->n_hfds = 0;
	rq->n_flushes = 0;
	rq->data_size = min_t(size_t, rq->s->msize, rq->out_size) - P9_IOHDR;
	rq->r.type = rq->t.type + 1;
	rq->r.tag = rq->t.tag;
	/* A reply's type, from a client, is no request. */
	if (r == 0 && rq->t.type % 2)
		r = -EOPNOTSUPP;
	if (!tag_take(rq)) {
		list_init(&rq->in_flight);
		r = -EBUSY;
	} else if (r == 0 && (rq->t.type == P9_TVERSION && !version_alone(rq))) {
		r = -EBUSY;
	} else if (r == 0) {
		r = call_handler(rq);
	}
	if (r < 0) {
		rq->r.type = P9_RLERROR;
		rq->r.rlerror.ecode = (uint32_t)-r;
		close_donated(rq);
	}
	/* Off the table first: the client may use
	 * the tag again once it has the answer. */
	tag_release(rq);
	r = r == OP_NO_REPLY ? 0 : send_reply(rq);
	for (unsigned i = 0; r == 0 && i < rq->n_flushes; i++)
		r = send_flushed(rq, rq->flushes[i]);
	close_donated(rq);
	return r;
}
