// SPDX-License-Identifier: Apache-2.0
/*
 * msgget(2), msgsnd(2), msgrcv(2). Messages are copied in before and copied out after
 * all of it, without the lock.
 */
#include "sentry/ipc/msg.h"

#include "sentry/task/block.h"

/* --- queues ------------------------------------------------------------------- */

void msg_queue_free(struct msg_queue *q)
{
	struct msg *m;

	while ((m = list_first(&q->messages, struct msg, node))) {
		list_del(&m->node);
		mem_free(m);
	}
	pid_put(q->last_sender);
	pid_put(q->last_receiver);
	mem_free(q);
}

static struct msg_queue *queue_alloc(struct task *t, int key, int flags)
{
	struct msg_queue *q = mem_zalloc(sizeof(*q));

	if (!q)
		return NULL;
	ipc_perm_init(&q->perm, t, key, flags);
	q->ctime = ipc_now();
	q->max_bytes = MSG_QUEUE_BYTES;
	list_init(&q->messages);
	list_init(&q->senders);
	list_init(&q->receivers);
	return q;
}

int msg_get(struct task *t, int key, int flags)
{
	struct msg_queue *q = queue_alloc(t, key, flags);
	struct ipc_ns *ns = t->ns->ipc;
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_lookup_key_locked(&ns->ids[IPC_MSG], key, flags, &p);
	if (r == 1) {
		r = ipc_may_locked(t, p, (uint32_t)flags & 0777);
		if (!r)
			r = p->id;
	} else if (!r) {
		r = q ? ipc_add_locked(&ns->ids[IPC_MSG], ns, &q->perm) : -ENOMEM;
		if (r >= 0)
			q = NULL;
	}
	mutex_unlock(&ipc_of(t)->lock);
	if (q)
		msg_queue_free(q);
	return r;
}

static void count_locked(struct msg_queue *q, const struct msg *m, int step)
{
	struct ipc_ns *ns = q->perm.ns;
	uint64_t size = step > 0 ? m->size : 0 - (uint64_t)m->size;

	q->bytes += size;
	ns->msg_bytes += size;
	q->n += (uint64_t)(int64_t)step;
	ns->n_msgs += (uint64_t)(int64_t)step;
}

void msg_unlink_locked(struct msg_queue *q)
{
	struct ipc_ns *ns = q->perm.ns;

	ns->msg_bytes -= q->bytes;
	ns->n_msgs -= q->n;
	ipc_remove_locked(&ns->ids[IPC_MSG], &q->perm);
	msg_wake_all_locked(&q->senders, -EIDRM);
	msg_wake_all_locked(&q->receivers, -EIDRM);
}

/* --- sleeping ----------------------------------------------------------------- */

static void finish_locked(struct msg_wait *w, int result)
{
	list_del(&w->node);
	w->result = result;
	park_wake(&w->t->park);
}

void msg_wake_all_locked(struct list *waiting, int result)
{
	struct msg_wait *w, *tmp;

	list_for_each_safe (w, tmp, waiting, node)
		finish_locked(w, result);
}

/* Until somebody has finished @w: its result; -ERESTARTNOHAND: a signal. */
static int wait_for(struct task *t, struct msg_wait *w, const char *what, int id)
{
	int r = MSG_WAITING, why;

	while (r == MSG_WAITING) {
		why = task_block(t, NO_DEADLINE, what, (uint64_t)id);
		mutex_lock(&ipc_of(t)->lock);
		if (why && w->result == MSG_WAITING) {
			list_del(&w->node);
			w->result = -ERESTARTNOHAND;
		}
		r = w->result;
		mutex_unlock(&ipc_of(t)->lock);
	}
	return r;
}

/* --- which message ------------------------------------------------------------ */

enum { TAKE_ANY, TAKE_EQUAL, TAKE_OTHER, TAKE_LOWEST, TAKE_NUMBERED };

static void choose(struct msg_wait *w, int64_t type, int flags)
{
	w->type = type;
	if (flags & LX_MSG_COPY) {
		w->mode = TAKE_NUMBERED;
	} else if (!type) {
		w->mode = TAKE_ANY;
	} else if (type < 0) {
		w->mode = TAKE_LOWEST;
		w->type = type == INT64_MIN ? INT64_MAX : -type;
	} else {
		w->mode = flags & LX_MSG_EXCEPT ? TAKE_OTHER : TAKE_EQUAL;
	}
}

static bool wanted(const struct msg_wait *w, const struct msg *m)
{
	switch (w->mode) {
	case TAKE_EQUAL:
		return m->type == w->type;
	case TAKE_OTHER:
		return m->type != w->type;
	case TAKE_LOWEST:
		return m->type <= w->type;
	default:
		return true;
	}
}

static struct msg *pick_locked(struct msg_queue *q, const struct msg_wait *w)
{
	struct msg *m, *best = NULL;
	int64_t i = 0;

	list_for_each (m, &q->messages, node) {
		if (w->mode == TAKE_NUMBERED ? i++ != w->type : !wanted(w, m))
			continue;
		if (w->mode != TAKE_LOWEST)
			return m;
		if (!best || m->type < best->type)
			best = m;
	}
	return best;
}

/* --- send --------------------------------------------------------------------- */

/*
 * The oldest receiver that wants it and has room takes *m; those without room learn that.
 */
static bool hand_over_locked(struct msg_queue *q, struct msg **m)
{
	struct msg_wait *w, *tmp;

	list_for_each_safe (w, tmp, &q->receivers, node) {
		if (!wanted(w, *m))
			continue;
		if ((*m)->size > w->size && !w->truncate) {
			finish_locked(w, -E2BIG);
			continue;
		}
		ipc_set_pid(&q->last_receiver, w->t);
		q->rtime = ipc_now();
		w->msg = *m;
		finish_locked(w, 0);
		return true;
	}
	return false;
}

/* 0: sent; MSG_WAITING: @w is in the queue's list of senders. */
static int send_locked(struct task *t, int id, struct msg **m, int flags,
		       struct msg_wait *w) MUST_HOLD(ipc_of(t)->lock)
{
	struct msg_queue *q;
	struct ipc_perm *p;
	int r = ipc_find_may_locked(t, IPC_MSG, id, 0222, &p);

	if (r)
		return r;
	q = to_queue(p);
	if (q->bytes + (*m)->size > q->max_bytes || q->n + 1 > q->max_bytes) {
		if (flags & LX_IPC_NOWAIT)
			return -EAGAIN;
		*w = (struct msg_wait){.t = t, .result = MSG_WAITING};
		list_add_tail(&q->senders, &w->node);
		return MSG_WAITING;
	}
	ipc_set_pid(&q->last_sender, t);
	q->stime = ipc_now();
	if (!hand_over_locked(q, m)) {
		list_add_tail(&q->messages, &(*m)->node);
		count_locked(q, *m, 1);
	}
	*m = NULL;
	return 0;
}

int msg_send(struct task *t, int id, struct msg **m, int flags)
{
	struct msg_wait w;
	int r;

	if (id < 0 || (*m)->type < 1)
		return -EINVAL;
	do {
		mutex_lock(&ipc_of(t)->lock);
		r = send_locked(t, id, m, flags, &w);
		mutex_unlock(&ipc_of(t)->lock);
		if (r != MSG_WAITING)
			return r;
		r = wait_for(t, &w, "message queue send", id);
	} while (!r);
	return r;
}

/* --- receive ------------------------------------------------------------------ */

static int copy_message(const struct msg *m, struct msg **out)
{
	*out = mem_dup(m, sizeof(*m) + m->size);
	return *out ? 0 : -ENOMEM;
}

/* 0: in w->msg; MSG_WAITING: @w is in the queue's list of receivers. */
static int receive_locked(struct task *t, int id, int flags, struct msg_wait *w)
	MUST_HOLD(ipc_of(t)->lock)
{
	struct msg_queue *q;
	struct ipc_perm *p;
	struct msg *m;
	int r = ipc_find_may_locked(t, IPC_MSG, id, 0444, &p);

	if (r)
		return r;
	q = to_queue(p);
	m = pick_locked(q, w);
	if (!m) {
		if (flags & LX_IPC_NOWAIT)
			return -ENOMSG;
		list_add_tail(&q->receivers, &w->node);
		return w->result = MSG_WAITING;
	}
	if (m->size > w->size && !w->truncate)
		return -E2BIG;
	if (w->mode == TAKE_NUMBERED)
		return copy_message(m, &w->msg);
	list_del(&m->node);
	count_locked(q, m, -1);
	ipc_set_pid(&q->last_receiver, t);
	q->rtime = ipc_now();
	w->msg = m;
	msg_wake_all_locked(&q->senders, 0);
	return 0;
}

int msg_receive(struct task *t, int id, size_t size, int64_t type, int flags,
		struct msg **out)
{
	struct msg_wait w = {.t = t, .size = size, .truncate = flags & LX_MSG_NOERROR};
	int r;

	*out = NULL;
	if (id < 0 || size > INT64_MAX)
		return -EINVAL;
	/* Peeking at the n-th message never waits. */
	if (flags & LX_MSG_COPY && (flags & LX_MSG_EXCEPT || !(flags & LX_IPC_NOWAIT)))
		return -EINVAL;
	choose(&w, type, flags);
	do {
		mutex_lock(&ipc_of(t)->lock);
		r = receive_locked(t, id, flags, &w);
		mutex_unlock(&ipc_of(t)->lock);
		if (r == MSG_WAITING)
			r = wait_for(t, &w, "message queue receive", id);
		/* Permissions have changed: look again. */
	} while (r == -EAGAIN);
	if (!r)
		*out = w.msg;
	return r;
}
