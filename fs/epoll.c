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
 * wake functions; f->lock the file's list of items. A set is put into a set under
 * vfs_epoll_nest(), from the check until the item is there: so no circle is made, and
 * what recurses from set to set (poll, wake-ups, the check) is bounded by
 * EPOLL_MAX_NESTS.
 */
#include "fs/epoll.h"

#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"

#define EPOLL_MAX_NESTS	  4
#define EPOLL_MAX_WATCHES 1048576
/* Most queues that one file's poll registers on. */
#define ITEM_QUEUES 2

struct epoll {
	refcount_t ref;	   /* its file, and whoever is about to lock it */
	struct file *file; /* borrowed; valid as long as there are items */
	struct mutex lock; /* protects items */
	struct htab items; /* struct epitem.node */
	bool dead;	   /* the file is gone */
	struct waitq queue;
	struct mutex ready_lock; /* protects ready and epitem.on_ready */
	struct list ready;
	/* what the check that is running found: protected by vfs_epoll_nest() */
	struct {
		uint64_t number;
		int levels;
	} below, above;
};

struct ep_entry {
	struct wait_entry entry;
	struct epitem *item;
};

struct epitem {
	struct hnode node; /* in ep->items */
	struct epoll *ep;  /* borrowed: the item dies first */
	struct file *f;	   /* borrowed: see above */
	int fd;
	struct list file_node;	     /* in f->epoll_items, protected by f->lock */
	struct lx_epoll_event event; /* written under ep->lock and ready_lock */
	struct list ready_node;
	bool on_ready;
	struct user_account
		*user; /* charged; alive as long as the cred of the ep's file */
	struct ep_entry entry[ITEM_QUEUES];
	unsigned n_entries;
	bool too_many; /* more queues than we have entries for */
};

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

/* One search for circles and depth; each set is looked into once in each direction. */
struct nest_check {
	uint64_t number;
	const struct epoll *outer; /* must not be found below */
};

/*
 * Levels of sets below @ep: 0 when it watches none; -ELOOP for a circle or too many.
 * @depth: how far we are from the first, which bounds the recursion.
 */
static int levels_below(struct nest_check *nc, struct epoll *ep, int depth)
{
	int levels = 0;

	if (ep == nc->outer || depth > EPOLL_MAX_NESTS)
		return -ELOOP;
	if (ep->below.number == nc->number)
		return ep->below.levels;
	mutex_lock_nested(&ep->lock);
	for (size_t i = 0; levels >= 0 && i < ep->items.n_slots; i++) {
		for (struct hnode *n = ep->items.slot[i]; levels >= 0 && n; n = n->next) {
			struct epitem *it = container_of(n, struct epitem, node);
			struct epoll *inner = file_epoll(it->f);
			int r = inner ? levels_below(nc, inner, depth + 1) : -1;

			if (r == -ELOOP)
				levels = r;
			else
				levels = max_t(int, levels, r + 1);
		}
	}
	mutex_unlock(&ep->lock);
	ep->below.number = nc->number;
	ep->below.levels = levels;
	return levels;
}

/*
 * Levels of sets above @ep, as levels_below(). The locks of the files, child before
 * parent: only here and in count_ways() are two held, and vfs_epoll_nest() makes that
 * one thread. An item that is on a list keeps its set and that set's file.
 */
static int levels_above(struct nest_check *nc, struct epoll *ep, int depth)
{
	struct epitem *it;
	int levels = 0;

	if (depth > EPOLL_MAX_NESTS)
		return -ELOOP;
	if (ep->above.number == nc->number)
		return ep->above.levels;
	mutex_lock_nested(&ep->file->lock);
	list_for_each (it, &ep->file->epoll_items, file_node) {
		int r = levels_above(nc, it->ep, depth + 1);

		levels = r < 0 ? r : max_t(int, levels, r + 1);
		if (r < 0)
			break;
	}
	mutex_unlock(&ep->file->lock);
	ep->above.number = nc->number;
	ep->above.levels = levels;
	return levels;
}

/*
 * Ways from a file to the outermost sets, by how many sets are between: a wake-up may go
 * each. The limits are Linux's; there is none for sets that are in no other.
 */
static const int most_ways[EPOLL_MAX_NESTS + 1] = {INT32_MAX, 500, 100, 50, 10};

static int count_ways(struct file *f, int sets, int ways[EPOLL_MAX_NESTS + 1])
{
	struct epitem *it;
	int r = 0;

	if (sets > EPOLL_MAX_NESTS + 1)
		return -EINVAL;
	mutex_lock_nested(&f->lock);
	if (sets && list_empty(&f->epoll_items))
		r = ++ways[sets - 1] > most_ways[sets - 1] ? -EINVAL : 0;
	list_for_each (it, &f->epoll_items, file_node) {
		r = count_ways(it->ep->file, sets + 1, ways);
		if (r)
			break;
	}
	mutex_unlock(&f->lock);
	return r;
}

/* Are there too many ways up from @f or, if it is a set's, from what is in it? */
static int check_ways(struct nest_check *nc, struct file *f)
{
	int ways[EPOLL_MAX_NESTS + 1] = {0}, r = 0;
	struct epoll *ep = file_epoll(f);

	/* Once each: a set may have a file by many descriptors, and many sets a file. */
	if (f->epoll_check == nc->number)
		return 0;
	f->epoll_check = nc->number;
	if (!ep)
		return count_ways(f, 0, ways);
	mutex_lock_nested(&ep->lock);
	for (size_t i = 0; !r && i < ep->items.n_slots; i++)
		for (struct hnode *n = ep->items.slot[i]; !r && n; n = n->next)
			r = check_ways(nc, container_of(n, struct epitem, node)->f);
	mutex_unlock(&ep->lock);
	return r;
}

/* Would watching @inner from @ep close a circle, or nest too deep? Under nest->lock. */
static int check_nesting(struct epoll_nest *nest, struct epoll *ep, struct epoll *inner)
{
	struct nest_check nc = {.number = ++nest->n_checks, .outer = ep};
	int below = levels_below(&nc, inner, 1), above;

	if (below < 0)
		return below;
	above = levels_above(&nc, ep, 0);
	if (above < 0)
		return above;
	return above + 1 + below > EPOLL_MAX_NESTS ? -ELOOP : 0;
}

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

static int change_item(struct epoll *ep, int op, int fd, struct file *target,
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

/*
 * A set into a set, or anything into one that is in another. One at a time until the
 * item is there: two sets added to each other would both pass.
 */
static int add_nested(struct epoll *ep, int fd, struct file *target,
		      const struct lx_epoll_event *event, const struct cred *cred)
{
	struct epoll_nest *nest = vfs_epoll_nest(target->inode->sb->k);
	struct epoll *inner = file_epoll(target);
	struct nest_check nc;
	int r;

	mutex_lock(&nest->lock);
	r = inner ? check_nesting(nest, ep, inner) : 0;
	if (!r)
		r = change_item(ep, LX_EPOLL_CTL_ADD, fd, target, event, cred);
	nc = (struct nest_check){.number = ++nest->n_checks};
	if (!r && check_ways(&nc, target)) {
		change_item(ep, LX_EPOLL_CTL_DEL, fd, target, event, cred);
		r = -EINVAL;
	}
	mutex_unlock(&nest->lock);
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
		r = add_nested(ep, fd, target, event, cred);
	else
		r = change_item(ep, op, fd, target, event, cred);
	return r;
}

/* --- collecting --------------------------------------------------------------- */

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

/* --- the file ----------------------------------------------------------------- */

/* Readable when some item really is: asks them, as a set inside a set must. */
static uint32_t epoll_poll(struct file *f, struct poll_table *pt)
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
