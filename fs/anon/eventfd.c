// SPDX-License-Identifier: Apache-2.0
/* eventfd(2): a 64-bit counter; UINT64_MAX is never reached by write(2). */
#include "fs/anon/anon.h"
#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"

struct eventfd {
	struct mutex lock; /* LOCK_PIPE; protects count */
	uint64_t count;
	bool semaphore; /* immutable */
	struct waitq queue;
};

static ssize_t eventfd_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct eventfd *e = f->priv;
	uint64_t value;

	(void)pos;
	(void)flags;
	if (u->left < sizeof(value))
		return -EINVAL;
	mutex_lock(&e->lock);
	value = e->semaphore && e->count ? 1 : e->count;
	e->count -= value;
	mutex_unlock(&e->lock);
	if (!value)
		return -EAGAIN;
	waitq_wake(&e->queue, LX_POLL_OUT_MASK);
	return uio_copy_to(u, &value, sizeof(value)) == sizeof(value)
		       ? (ssize_t)sizeof(value)
		       : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, int64_t *pos, unsigned flags)
{
	struct eventfd *e = f->priv;
	struct uio before = *u;
	uint64_t value;
	bool full;

	(void)pos;
	(void)flags;
	if (u->left != sizeof(value)) /* unlike read: no longer buffers either */
		return -EINVAL;
	if (uio_copy_from(u, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == UINT64_MAX)
		return -EINVAL;
	mutex_lock(&e->lock);
	full = value >= UINT64_MAX - e->count;
	if (!full)
		e->count += value;
	mutex_unlock(&e->lock);
	if (full) {
		/* A blocking writer tries again with the same bytes. */
		*u = before;
		return -EAGAIN;
	}
	waitq_wake(&e->queue, LX_POLL_IN_MASK);
	return sizeof(value);
}

static uint32_t eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->priv;
	uint32_t mask = 0;

	poll_wait(pt, &e->queue);
	mutex_lock(&e->lock);
	if (e->count)
		mask |= LX_POLLIN;
	if (e->count == UINT64_MAX)
		mask |= LX_POLLERR;
	if (e->count < UINT64_MAX - 1)
		mask |= LX_POLLOUT;
	mutex_unlock(&e->lock);
	return mask;
}

static void eventfd_release(struct file *f)
{
	struct eventfd *e = f->priv;

	waitq_destroy(&e->queue);
	mutex_destroy(&e->lock);
	mem_free(e);
}

static void eventfd_show_fdinfo(struct file *f, struct strbuf *out)
{
	struct eventfd *e = f->priv;

	mutex_lock(&e->lock);
	sb_printf(out, "eventfd-count: %16llx\neventfd-id: %llu\neventfd-semaphore: %d\n",
		  (unsigned long long)e->count, (unsigned long long)f->id, e->semaphore);
	mutex_unlock(&e->lock);
}

static const struct file_ops eventfd_ops = {
	.lseek = simple_noop_lseek,
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.no_async = true,
	.release = eventfd_release,
	.show_fdinfo = eventfd_show_fdinfo,
};

int eventfd_create(struct kernel *k, uint32_t count, bool semaphore, int flags,
		   const struct cred *cred, struct file **out)
{
	struct eventfd *e = mem_zalloc(sizeof(*e));
	int r;

	*out = NULL;
	if (!e)
		return -ENOMEM;
	mutex_init(&e->lock, LOCK_PIPE);
	waitq_init(&e->queue);
	e->count = count;
	e->semaphore = semaphore;
	r = anon_file_create(k, "[eventfd]", &eventfd_ops, e, flags | LX_O_RDWR, cred,
			     out);
	if (r)
		mem_free(e);
	return r;
}
