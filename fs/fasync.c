// SPDX-License-Identifier: Apache-2.0
#include "fs/fasync.h"

#include "fs/internal.h"
#include "sentry/task/sigsend.h"

/* si_code of SIGIO: what happened. */
enum { LX_POLL_IN = 1, LX_POLL_OUT = 2, LX_POLL_ERR = 4, LX_POLL_HUP = 6 };

/* Most queues that one file's poll registers on. */
#define FASYNC_QUEUES 2

struct fasync_entry {
	struct wait_entry entry;
	struct fasync *fa;
};

struct fasync {
	struct file *f; /* borrowed: the file's end frees this first */
	int fd;
	struct list node; /* in v->async, protected by its lock */
	uint32_t events;  /* noted since the last signal; the same lock */
	unsigned n_entries;
	struct fasync_entry entry[FASYNC_QUEUES];
};

static bool async_wake(struct wait_entry *e, uint32_t events)
{
	struct fasync *fa = container_of(e, struct fasync_entry, entry)->fa;
	struct vfs *v = super_vfs(fa->f->inode->sb);

	mutex_lock(&v->async_lock);
	fa->events |= events;
	if (list_empty(&fa->node))
		list_add_tail(&v->async, &fa->node);
	atomic_store(&v->async_noted, true);
	mutex_unlock(&v->async_lock);
	return false;
}

struct async_table {
	struct poll_table pt;
	struct fasync *fa;
};

static void async_queue(struct poll_table *pt, struct waitq *q)
{
	struct fasync *fa = container_of(pt, struct async_table, pt)->fa;
	struct fasync_entry *e;

	if (fa->n_entries == FASYNC_QUEUES)
		return;
	e = &fa->entry[fa->n_entries++];
	e->fa = fa;
	e->entry = (struct wait_entry){.events = ~0u, .wake = async_wake};
	list_init(&e->entry.node);
	waitq_add(q, &e->entry);
}

static void fasync_free(struct vfs *v, struct fasync *fa)
{
	if (!fa)
		return;
	for (unsigned i = 0; i < fa->n_entries; i++)
		waitq_remove(&fa->entry[i].entry);
	mutex_lock(&v->async_lock);
	list_del(&fa->node);
	mutex_unlock(&v->async_lock);
	mem_free(fa);
}

int fasync_set(struct file *f, int fd, bool on)
{
	struct vfs *v = super_vfs(f->inode->sb);
	struct fasync *fa = NULL, *old;
	struct async_table table = {.pt.queue = async_queue};

	if (on) {
		/* A file that is always ready never becomes it. */
		if (!f->ops->poll)
			return 0;
		fa = mem_zalloc(sizeof(*fa));
		if (!fa)
			return -ENOMEM;
		fa->f = f;
		fa->fd = fd;
		list_init(&fa->node);
		table.fa = fa;
		file_poll(f, &table.pt);
	}
	mutex_lock(&v->async_lock);
	old = f->async;
	f->async = fa;
	mutex_unlock(&v->async_lock);
	fasync_free(v, old);
	return 0;
}

void fasync_file_closed(struct file *f)
{
	fasync_free(super_vfs(f->inode->sb), TAKE_PTR(f->async));
}

static int reason(uint32_t events)
{
	if (events & LX_POLLHUP)
		return LX_POLL_HUP;
	if (events & LX_POLLERR)
		return LX_POLL_ERR;
	return events & LX_POLLIN ? LX_POLL_IN : LX_POLL_OUT;
}

/* The first that is noted, with a reference to its file; false when there is none. */
static bool next_noted(struct vfs *v, struct file **f, int *fd, uint32_t *events)
{
	struct fasync *fa;

	*f = NULL;
	mutex_lock(&v->async_lock);
	while (!*f && (fa = list_first(&v->async, struct fasync, node))) {
		list_del(&fa->node);
		*fd = fa->fd;
		*events = fa->events;
		fa->events = 0;
		/* One whose end is near waits for this lock to be freed. */
		if (refcount_inc_not_zero(&fa->f->ref))
			*f = fa->f;
	}
	if (!*f)
		atomic_store(&v->async_noted, false);
	mutex_unlock(&v->async_lock);
	return *f != NULL;
}

struct file_owner file_owner_get(struct file *f)
{
	struct file_owner owner;

	mutex_lock(&f->lock);
	owner = f->owner;
	if (owner.pid)
		pid_get(owner.pid);
	mutex_unlock(&f->lock);
	return owner;
}

void fasync_run(struct kernel *k)
{
	struct vfs *v = kernel_vfs(k);
	uint32_t events = 0;
	struct file *f;
	int fd = -1;

	if (likely(!atomic_load_explicit(&v->async_noted, memory_order_relaxed)))
		return;
	while (next_noted(v, &f, &fd, &events)) {
		struct file_owner owner = file_owner_get(f);

		sigsend_owner(&owner, fd, reason(events), events);
		if (owner.pid)
			pid_put(owner.pid);
		file_put(f);
	}
}
