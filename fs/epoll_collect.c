// SPDX-License-Identifier: Apache-2.0
/*
 * epoll: what is ready, for epoll_wait(2) and for a set that is polled itself. Items come
 * off the ready list and their files are asked: what is not ready any more just goes,
 * what a waiter gets goes back if it is level-triggered, behind those that wait.
 */
#include "fs/epoll_internal.h"
#include "sentry/abi/errno.h"

/* Asked and copied at a time. */
#define BATCH 64

/* The next ready item, taken off the list; ep->lock held. */
static struct epitem *next_ready(struct epoll *ep)
{
	struct epitem *it;

	mutex_lock(&ep->ready_lock);
	it = list_first(&ep->ready, struct epitem, ready_node);
	if (it) {
		list_del(&it->ready_node);
		it->on_ready = false;
	}
	mutex_unlock(&ep->ready_lock);
	return it;
}

static void put_on(struct epitem *it, struct list *list, bool front)
{
	mutex_lock(&it->ep->ready_lock);
	if (!it->on_ready) {
		front ? list_add(list, &it->ready_node)
		      : list_add_tail(list, &it->ready_node);
		it->on_ready = true;
	}
	mutex_unlock(&it->ep->ready_lock);
}

/* The waiter has it: level-triggered items go to @again, those for one shot are done. */
static void delivered(struct epitem *it, struct list *again)
{
	uint32_t flags = it->event.events;

	if (flags & LX_EPOLLONESHOT) {
		mutex_lock(&it->ep->ready_lock);
		it->event.events &=
			LX_EPOLLONESHOT | LX_EPOLLET | LX_EPOLLEXCLUSIVE | LX_EPOLLWAKEUP;
		mutex_unlock(&it->ep->ready_lock);
	} else if (!(flags & LX_EPOLLET)) {
		put_on(it, again, false);
	}
}

/* What is ready, asked of the files: up to @max items, off the ready list. */
static int ask(struct epoll *ep, int max, struct epitem **items,
	       struct lx_epoll_event *events)
{
	struct epitem *it;
	int n = 0;

	while (n < max && (it = next_ready(ep))) {
		uint32_t mask = file_poll(it->f, NULL) & it->event.events & 0xffff;

		if (!mask)
			continue;
		items[n] = it;
		events[n++] = (struct lx_epoll_event){mask, it->event.data};
	}
	return n;
}

/*
 * Up to @max events, max <= BATCH, to @to, which does not fault anything in. What cannot
 * be written stays ready, in its place. -EFAULT: there is something, and nothing was
 * written.
 */
static int collect_batch(struct epoll *ep, struct uio *to, int max, struct list *again)
{
	struct lx_epoll_event events[BATCH];
	struct epitem *items[BATCH];
	int n = ask(ep, max, items, events), given = 0;
	struct uio at = *to; /* advances within an event, too */
	ssize_t r;

	if (!n)
		return 0;
	r = uio_copy_to_nofault(&at, events, (size_t)n * sizeof(events[0]));
	if (r > 0)
		given = (int)((size_t)r / sizeof(events[0]));
	uio_advance(to, (size_t)given * sizeof(events[0]));
	for (int i = 0; i < given; i++)
		delivered(items[i], again);
	for (int i = n; i-- > given;)
		put_on(items[i], &ep->ready, true);
	return given ? given : -EFAULT;
}

int epoll_collect(struct epoll *ep, struct uio *to, int max)
{
	struct list again = LIST_INIT(again);
	int n = 0, want, got;
	bool more;

	mutex_lock(&ep->lock);
	do {
		want = min_t(int, max - n, BATCH);
		got = want ? collect_batch(ep, to, want, &again) : 0;
		if (got > 0)
			n += got;
	} while (got > 0 && got == want);
	mutex_lock(&ep->ready_lock);
	list_splice_tail(&ep->ready, &again);
	more = !list_empty(&ep->ready);
	mutex_unlock(&ep->ready_lock);
	mutex_unlock(&ep->lock);
	/* Another waiter may have the rest. */
	if (n && more)
		waitq_wake(&ep->queue, LX_POLL_IN_MASK);
	return n ? n : got;
}

/* Readable when some item really is: asks them, as a set inside a set must. */
uint32_t epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->priv;
	struct list rest = LIST_INIT(rest);
	struct epitem *it;
	uint32_t mask = 0;

	poll_wait(pt, &ep->queue);
	mutex_lock_nested(&ep->lock);
	while (!mask && (it = next_ready(ep))) {
		if (!(file_poll(it->f, NULL) & it->event.events & 0xffff))
			continue;
		mask = LX_POLL_IN_MASK;
		put_on(it, &ep->ready, true);
	}
	mutex_unlock(&ep->lock);
	return mask;
}
