// SPDX-License-Identifier: Apache-2.0
/*
 * epoll. An item watches one (file, descriptor): it joins every queue the file's poll
 * names, and a wake-up puts it on the set's ready list. Collecting asks the file again:
 * the list says "look", never "it is".
 *
 * An item holds no reference to its file: closing the last descriptor must end the
 * interest. Instead epoll_file_closed() removes the file's items, under each set's lock,
 * before the file is released; so whoever holds ep->lock may use item->f.
 *
 * Locks: ep->lock (LOCK_EPOLL; a set inside a set by address of nesting, outer first)
 * protects the items; ready_lock (LOCK_EPOLL_READY) the ready list, it is taken from
 * wake functions; f->lock the file's list of items. Sets in sets: epoll_nest.c;
 * collecting what is ready: epoll_collect.c.
 */
#include "fs/epoll_internal.h"
#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"

#define EPOLL_MAX_WATCHES 1048576

static const struct file_ops epoll_ops;

static void ep_put(struct epoll *ep)
{
	if (!refcount_dec(&ep->ref))
		return;
	htab_free(&ep->items);
	waitq_destroy(&ep->queue);
	mutex_destroy(&ep->ready_lock);
	mutex_destroy(&ep->lock);
	mem_free(ep);
}

struct epoll *file_epoll(struct file *f)
{
	return f->ops == &epoll_ops ? f->priv : NULL;
}

struct waitq *epoll_waitq(struct epoll *ep)
{
	return &ep->queue;
}

/* --- items -------------------------------------------------------------------- */

static uint64_t item_hash(const struct file *f, int fd)
{
	return hash_u64((uintptr_t)f ^ (uint64_t)(unsigned)fd << 48);
}

static struct epitem *find_item(struct epoll *ep, struct file *f, int fd)
{
	struct hnode *n = htab_first(&ep->items, item_hash(f, fd));

	for (; n; n = htab_next(n)) {
		struct epitem *it = container_of(n, struct epitem, node);

		if (it->f == f && it->fd == fd)
			return it;
	}
	return NULL;
}

/* Puts the item on the ready list; true if it was not there and is armed. */
static bool make_ready(struct epitem *it, uint32_t events)
{
	struct epoll *ep = it->ep;
	bool added = false;

	mutex_lock(&ep->ready_lock);
	/* A one-shot that fired has no poll bits left: stay silent. */
	if ((it->event.events & events & 0xffff) && !it->on_ready) {
		list_add_tail(&ep->ready, &it->ready_node);
		it->on_ready = added = true;
	}
	mutex_unlock(&ep->ready_lock);
	return added;
}

static void unready(struct epitem *it)
{
	mutex_lock(&it->ep->ready_lock);
	if (it->on_ready)
		list_del(&it->ready_node);
	it->on_ready = false;
	mutex_unlock(&it->ep->ready_lock);
}

/* Called by the file's queue, under its lock. */
static bool item_wake(struct wait_entry *e, uint32_t events)
{
	struct epitem *it = container_of(e, struct ep_entry, entry)->item;
	bool added = make_ready(it, events ? events : ~0u);

	if (added)
		waitq_wake_nested(&it->ep->queue, LX_POLL_IN_MASK);
	return added;
}

struct item_table {
	struct poll_table pt;
	struct epitem *item;
};

static void item_queue(struct poll_table *pt, struct waitq *q)
{
	struct epitem *it = container_of(pt, struct item_table, pt)->item;
	struct ep_entry *e;

	if (it->n_entries == ITEM_QUEUES) {
		it->too_many = true;
		return;
	}
	e = &it->entry[it->n_entries++];
	e->item = it;
	/* The mask is checked in make_ready(): EPOLL_CTL_MOD changes it later. */
	e->entry = (struct wait_entry){
		.events = ~0u,
		.exclusive = it->event.events & LX_EPOLLEXCLUSIVE,
		.wake = item_wake,
	};
	list_init(&e->entry.node);
	waitq_add(q, &e->entry);
}

/* ep->lock held. */
static void remove_item(struct epitem *it)
{
	for (unsigned i = 0; i < it->n_entries; i++)
		waitq_remove(&it->entry[i].entry);
	unready(it);
	mutex_lock(&it->f->lock);
	list_del(&it->file_node);
	mutex_unlock(&it->f->lock);
	htab_remove(&it->ep->items, &it->node);
	atomic_fetch_sub(&it->user->n_epoll_watches, 1);
	mem_free(it);
}

static int add_item(struct epoll *ep, int fd, struct file *f,
		    const struct lx_epoll_event *event, const struct cred *cred)
{
	struct epitem *it = mem_zalloc(sizeof(*it));
	struct item_table table = {.pt.queue = item_queue, .item = it};
	uint32_t now;

	if (!it)
		return -ENOMEM;
	it->ep = ep;
	it->f = f;
	it->fd = fd;
	it->event = *event;
	it->event.events |= LX_POLLERR | LX_POLLHUP;
	list_init(&it->ready_node);
	list_init(&it->file_node);
	it->user = cred->user;
	if (atomic_fetch_add(&it->user->n_epoll_watches, 1) >= EPOLL_MAX_WATCHES) {
		atomic_fetch_sub(&it->user->n_epoll_watches, 1);
		mem_free(it);
		return -ENOSPC;
	}
	if (htab_insert(&ep->items, &it->node, item_hash(f, fd))) {
		atomic_fetch_sub(&it->user->n_epoll_watches, 1);
		mem_free(it);
		return -ENOMEM;
	}
	mutex_lock(&f->lock);
	list_add_tail(&f->epoll_items, &it->file_node);
	mutex_unlock(&f->lock);
	now = file_poll(f, &table.pt);
	if (it->too_many) {
		remove_item(it);
		return -ENOMEM;
	}
	if (make_ready(it, now))
		waitq_wake(&ep->queue, LX_POLL_IN_MASK);
	return 0;
}

/* --- epoll_ctl -------------------------------------------------------------------- */

static int modify_item(struct epitem *it, const struct lx_epoll_event *event)
{
	struct epoll *ep = it->ep;

	if (it->event.events & LX_EPOLLEXCLUSIVE)
		return -EINVAL;
	mutex_lock(&ep->ready_lock);
	it->event = *event;
	it->event.events |= LX_POLLERR | LX_POLLHUP;
	mutex_unlock(&ep->ready_lock);
	if (make_ready(it, file_poll(it->f, NULL)))
		waitq_wake(&ep->queue, LX_POLL_IN_MASK);
	return 0;
}

#define EXCLUSIVE_BITS                                                                   \
	(LX_POLL_IN_MASK | LX_POLL_OUT_MASK | LX_POLLERR | LX_POLLHUP | LX_EPOLLWAKEUP | \
	 LX_EPOLLET | LX_EPOLLEXCLUSIVE)

int ep_change_item(struct epoll *ep, int op, int fd, struct file *target,
		   const struct lx_epoll_event *event, const struct cred *cred)
{
	struct epitem *it;
	int r;

	mutex_lock(&ep->lock);
	it = find_item(ep, target, fd);
	switch (op) {
	case LX_EPOLL_CTL_ADD:
		r = it ? -EEXIST : add_item(ep, fd, target, event, cred);
		break;
	case LX_EPOLL_CTL_MOD:
		r = it ? modify_item(it, event) : -ENOENT;
		break;
	case LX_EPOLL_CTL_DEL:
		r = it ? 0 : -ENOENT;
		if (it)
			remove_item(it);
		break;
	default:
		r = -EINVAL;
		break;
	}
	mutex_unlock(&ep->lock);
	return r;
}

static bool is_watched(struct epoll *ep)
{
	bool r;

	mutex_lock(&ep->file->lock);
	r = !list_empty(&ep->file->epoll_items);
	mutex_unlock(&ep->file->lock);
	return r;
}

int epoll_change(struct epoll *ep, int op, int fd, struct file *target,
		 const struct lx_epoll_event *event, const struct cred *cred)
{
	struct epoll *inner = file_epoll(target);
	int r;

	if (!target->ops->poll)
		return -EPERM;
	if (inner == ep)
		return -EINVAL;
	if (op != LX_EPOLL_CTL_DEL && event->events & LX_EPOLLEXCLUSIVE &&
	    (op == LX_EPOLL_CTL_MOD || inner || event->events & ~EXCLUSIVE_BITS))
		return -EINVAL;
	if (op == LX_EPOLL_CTL_ADD && (inner || is_watched(ep)))
		r = ep_add_nested(ep, fd, target, event, cred);
	else
		r = ep_change_item(ep, op, fd, target, event, cred);
	return r;
}

/* --- the file ----------------------------------------------------------------- */

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->priv;

	mutex_lock(&ep->lock);
	ep->dead = true;
	for (size_t i = 0; i < ep->items.n_slots; i++)
		while (ep->items.slot[i])
			remove_item(container_of(ep->items.slot[i], struct epitem, node));
	mutex_unlock(&ep->lock);
	ep_put(ep);
}

static void epoll_show_fdinfo(struct file *f, struct strbuf *out)
{
	struct epoll *ep = f->priv;

	mutex_lock(&ep->lock);
	for (size_t i = 0; i < ep->items.n_slots; i++) {
		for (struct hnode *n = ep->items.slot[i]; n; n = n->next) {
			struct epitem *it = container_of(n, struct epitem, node);

			sb_printf(out,
				  "tfd: %8d events: %8x data: %16llx  pos:%lli ino:%llx "
				  "sdev:%llx\n",
				  it->fd, it->event.events,
				  (unsigned long long)it->event.data,
				  (long long)it->f->pos,
				  (unsigned long long)it->f->inode->ino,
				  (unsigned long long)it->f->inode->sb->dev);
		}
	}
	mutex_unlock(&ep->lock);
}

static const struct file_ops epoll_ops = {
	.lseek = simple_noop_lseek,
	.poll = epoll_poll,
	.no_async = true,
	.release = epoll_release,
	.show_fdinfo = epoll_show_fdinfo,
};

int epoll_create_file(struct kernel *k, const struct cred *cred, struct file **out)
{
	struct epoll *ep = mem_zalloc(sizeof(*ep));
	int r;

	*out = NULL;
	if (!ep)
		return -ENOMEM;
	refcount_init(&ep->ref);
	mutex_init(&ep->lock, LOCK_EPOLL);
	mutex_init(&ep->ready_lock, LOCK_EPOLL_READY);
	waitq_init(&ep->queue);
	list_init(&ep->ready);
	r = anon_file_create(k, "[eventpoll]", &epoll_ops, ep, LX_O_RDWR, cred, out);
	if (r)
		ep_put(ep);
	else
		ep->file = *out;
	return r;
}

void epoll_file_closed(struct file *f)
{
	for (;;) {
		struct epitem *it;
		struct epoll *ep;
		bool last;

		mutex_lock(&f->lock);
		it = list_first(&f->epoll_items, struct epitem, file_node);
		ep = it ? it->ep : NULL;
		last = !it;
		/* Its file may be closing too: then that removes the item. */
		if (ep && !refcount_inc_not_zero(&ep->ref))
			ep = NULL;
		mutex_unlock(&f->lock);
		if (last)
			return;
		if (!ep)
			continue;
		mutex_lock_nested(&ep->lock);
		mutex_lock(&f->lock);
		/* Still there, and still of this set?
		 * The pointer alone proves nothing. */
		it = list_first(&f->epoll_items, struct epitem, file_node);
		if (it && it->ep != ep)
			it = NULL;
		mutex_unlock(&f->lock);
		if (it)
			remove_item(it);
		mutex_unlock(&ep->lock);
		ep_put(ep);
	}
}
