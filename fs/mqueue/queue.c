// SPDX-License-Identifier: Apache-2.0
/* The queue behind a name: messages by priority, and the one process that is notified. */
#include <string.h>

#include "fs/mqueue/internal.h"
#include "sentry/base/strbuf.h"
#include "sentry/mm/uio.h"

void mqueue_init(struct mqueue *q, int64_t max_messages, int64_t message_size)
{
	q->max_messages = max_messages;
	q->message_size = message_size;
	mutex_init(&q->lock, LOCK_PIPE);
	waitq_init(&q->waitq);
	list_init(&q->messages);
}

void mqueue_destroy(struct mqueue *q)
{
	struct mq_message *m;

	while ((m = list_first(&q->messages, struct mq_message, node))) {
		list_del(&m->node);
		mem_free(m);
	}
	pid_put(q->process);
	waitq_destroy(&q->waitq);
	mutex_destroy(&q->lock);
}

bool file_is_mqueue(const struct file *f)
{
	return f->ops == &mqueue_file_ops;
}

size_t mqueue_message_size(struct file *f)
{
	return (size_t)to_mqueue(f->inode)->message_size;
}

void mqueue_attr(struct file *f, struct lx_mq_attr *out)
{
	struct mqueue *q = to_mqueue(f->inode);

	*out = (struct lx_mq_attr){
		.flags = atomic_load(&f->flags) & LX_O_NONBLOCK,
		.maxmsg = q->max_messages,
		.msgsize = q->message_size,
	};
	mutex_lock(&q->lock);
	out->curmsgs = q->n;
	mutex_unlock(&q->lock);
}

/* --- messages ----------------------------------------------------------------- */

static void insert_locked(struct mqueue *q, struct mq_message *m) MUST_HOLD(q->lock)
{
	struct list *at = q->messages.prev;

	while (at != &q->messages &&
	       list_entry(at, struct mq_message, node)->prio < m->prio)
		at = at->prev;
	list_insert(&m->node, at, at->next);
	q->n++;
	q->bytes += m->size;
}

int mqueue_send(struct file *f, struct mq_message **m, struct task *from)
{
	struct mqueue *q = to_mqueue(f->inode);
	struct mq_notify notify = {0};
	struct pid *tell = NULL;

	mutex_lock(&q->lock);
	if (q->n >= q->max_messages) {
		mutex_unlock(&q->lock);
		return -EAGAIN;
	}
	/* Only what nobody waits for is news, and only once. */
	if (!q->n && !q->receivers && q->process) {
		tell = TAKE_PTR(q->process);
		notify = q->notify;
	}
	insert_locked(q, TAKE_PTR(*m));
	mutex_unlock(&q->lock);
	inode_touch(&q->base, ATTR_MTIME | ATTR_CTIME);
	waitq_wake(&q->waitq, LX_POLLIN | LX_POLLRDNORM);
	if (tell && notify.signo)
		sigsend_message(tell, notify.signo, notify.value, from);
	pid_put(tell);
	return 0;
}

int mqueue_receive(struct file *f, struct mq_message **out)
{
	struct mqueue *q = to_mqueue(f->inode);

	mutex_lock(&q->lock);
	*out = list_first(&q->messages, struct mq_message, node);
	if (*out) {
		list_del(&(*out)->node);
		q->n--;
		q->bytes -= (*out)->size;
	}
	mutex_unlock(&q->lock);
	if (!*out)
		return -EAGAIN;
	inode_touch(&q->base, ATTR_ATIME | ATTR_CTIME);
	waitq_wake(&q->waitq, LX_POLLOUT | LX_POLLWRNORM);
	return 0;
}

void mqueue_waiting(struct file *f, int delta)
{
	struct mqueue *q = to_mqueue(f->inode);

	mutex_lock(&q->lock);
	q->receivers += (unsigned)delta;
	mutex_unlock(&q->lock);
}

int mqueue_notify(struct file *f, struct pid *process, const struct mq_notify *n)
{
	struct mqueue *q = to_mqueue(f->inode);
	struct pid *drop = NULL;
	int r = 0;

	mutex_lock(&q->lock);
	if (n && q->process) {
		r = -EBUSY;
	} else if (n) {
		q->process = pid_get(process);
		q->notify = *n;
	} else if (q->process == process) {
		drop = TAKE_PTR(q->process);
	}
	mutex_unlock(&q->lock);
	pid_put(drop);
	return r;
}

/* --- as a file ---------------------------------------------------------------- */

static ssize_t mqueue_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct mqueue *q = to_mqueue(f->inode);
	struct strbuf text = STRBUF_INIT;
	ssize_t r = 0;

	(void)flags;
	mutex_lock(&q->lock);
	sb_printf(&text, "QSIZE:%-10llu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
		  (unsigned long long)q->bytes, q->process && !q->notify.signo ? 1 : 0,
		  q->process ? q->notify.signo : 0,
		  q->process ? sigsend_pid_number(q->process) : 0);
	mutex_unlock(&q->lock);
	if (sb_failed(&text))
		r = -ENOMEM;
	else if ((uint64_t)pos < text.len)
		r = uio_copy_to(u, text.data + pos, text.len - (size_t)pos);
	sb_free(&text);
	return r;
}

static uint32_t mqueue_poll(struct file *f, struct poll_table *pt)
{
	struct mqueue *q = to_mqueue(f->inode);
	uint32_t mask = 0;

	poll_wait(pt, &q->waitq);
	mutex_lock(&q->lock);
	if (q->n)
		mask |= LX_POLLIN | LX_POLLRDNORM;
	if (q->n < q->max_messages)
		mask |= LX_POLLOUT | LX_POLLWRNORM;
	mutex_unlock(&q->lock);
	return mask;
}

/* A process that closes the queue is not told any more. */
static int mqueue_flush(struct file *f, struct task *t)
{
	return t ? mqueue_notify(f, sigsend_process_of(t), NULL) : 0;
}

const struct file_ops mqueue_file_ops = {
	.flush = mqueue_flush,
	.read = mqueue_read,
	.poll = mqueue_poll,
};
