// SPDX-License-Identifier: Apache-2.0
/* msgctl(2): what is known about a queue, its owner and size, its end. */
#include "sentry/ipc/msg.h"

static void fill_stat_locked(struct task *t, const struct msg_queue *q,
			     struct lx_msqid_ds *out) MUST_HOLD(ipc_of(t)->lock)
{
	struct pid_ns *ns = task_pid_ns(t);

	*out = (struct lx_msqid_ds){
		.stime = q->stime,
		.rtime = q->rtime,
		.ctime = q->ctime,
		.cbytes = q->bytes,
		.qnum = q->n,
		.qbytes = q->max_bytes,
		.lspid = pid_nr_in(q->last_sender, ns),
		.lrpid = pid_nr_in(q->last_receiver, ns),
	};
	ipc_perm_stat_locked(t, &q->perm, &out->perm);
}

int msg_stat(struct task *t, int id, enum ipc_stat_how how, struct lx_msqid_ds *out)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_stat_locked(t, IPC_MSG, id, how, &p);
	if (!r) {
		fill_stat_locked(t, to_queue(p), out);
		r = how == IPC_BY_ID ? 0 : p->id;
	}
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

static int set_locked(struct task *t, struct msg_queue *q, const struct lx_ipc_perm *in,
		      uint64_t qbytes) MUST_HOLD(ipc_of(t)->lock)
{
	int r;

	if (qbytes > MSG_QUEUE_BYTES && !cred_init_capable(t->cred, LX_CAP_SYS_RESOURCE))
		return -EPERM;
	r = ipc_perm_set_locked(t, &q->perm, in);
	if (r)
		return r;
	q->max_bytes = qbytes;
	q->ctime = ipc_now();
	/* Who sleeps may be shut out now, or let in. */
	msg_wake_all_locked(&q->receivers, -EAGAIN);
	msg_wake_all_locked(&q->senders, 0);
	return 0;
}

int msg_set(struct task *t, int id, const struct lx_ipc_perm *in, uint64_t qbytes)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_owned_locked(t, IPC_MSG, id, &p);
	if (!r)
		r = set_locked(t, to_queue(p), in, qbytes);
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

int msg_remove(struct task *t, int id)
{
	struct ipc_perm *p;
	int r;

	mutex_lock(&ipc_of(t)->lock);
	r = ipc_find_owned_locked(t, IPC_MSG, id, &p);
	if (!r)
		msg_unlink_locked(to_queue(p));
	mutex_unlock(&ipc_of(t)->lock);
	if (!r)
		msg_queue_free(to_queue(p));
	return r;
}

int msg_info(struct task *t, bool limits, struct lx_msginfo *out)
{
	struct ipc_ns *ns = t->ns->ipc;
	int r;

	*out = (struct lx_msginfo){
		.msgpool = MSG_QUEUES_MAX * MSG_QUEUE_BYTES / 1024,
		.msgmap = MSG_QUEUE_BYTES,
		.msgmax = MSG_SIZE_MAX,
		.msgmnb = MSG_QUEUE_BYTES,
		.msgmni = MSG_QUEUES_MAX,
		.msgssz = 16,
		.msgtql = MSG_QUEUE_BYTES,
		.msgseg = 0xffff,
	};
	mutex_lock(&ipc_of(t)->lock);
	if (!limits) {
		out->msgpool = (int32_t)ns->ids[IPC_MSG].n;
		out->msgmap = (int32_t)ns->n_msgs;
		out->msgtql = (int32_t)ns->msg_bytes;
	}
	r = ipc_highest_locked(&ns->ids[IPC_MSG]);
	mutex_unlock(&ipc_of(t)->lock);
	return r;
}

void msg_ns_exit(struct ipc_ns *ns)
{
	struct ipc_ids *ids = &ns->ids[IPC_MSG];

	for (unsigned i = 0; i < ids->n_slots; i++) {
		struct msg_queue *q;

		mutex_lock(&ns->k->ipc->lock);
		q = ids->slot[i] ? to_queue(ids->slot[i]) : NULL;
		if (q)
			msg_unlink_locked(q);
		mutex_unlock(&ns->k->ipc->lock);
		if (q)
			msg_queue_free(q);
	}
}
