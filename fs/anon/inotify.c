// SPDX-License-Identifier: Apache-2.0
/*
 * inotify: a group of marks (fs/notify.h) that queues their events.
 *
 * A watch ends by inotify_rm_watch, IN_ONESHOT, deletion of its inode, or close. Ending
 * it from inside an event (the inode's list is locked) only marks it dead and queues
 * IN_IGNORED; the next call on the instance takes it off the inode (reap).
 */
#include "fs/anon/inotify.h"

#include <string.h>

#include "fs/notify.h"
#include "fs/simple.h"
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/strbuf.h"

struct event {
	struct list node;
	int32_t wd;
	uint32_t mask, cookie;
	uint32_t name_len; /* with NUL and padding; 0: none */
	char name[];
};

struct lx_inotify_event {
	int32_t wd;
	uint32_t mask, cookie, len;
};

struct inotify {
	refcount_t ref;	       /* the file and every watch */
	struct mutex add_lock; /* LOCK_INOTIFY_ADD: finding or adding is one step */
	int last_wd;	       /* protected by add_lock */
	struct mutex lock;     /* LOCK_INOTIFY; protects the next group */
	struct list events;
	unsigned n_events;
	struct list watches; /* struct watch.node */
	bool closed;
	struct waitq queue;
	struct user_account *user; /* borrowed from the file's cred */
};

struct watch {
	struct notify_mark mark;
	struct inotify *in; /* a reference */
	struct list node;   /* protected by in->lock */
	int wd;		    /* immutable */
	bool dead;	    /* protected by in->lock: IN_IGNORED was queued */
};

static const struct file_ops inotify_ops;

static void inotify_put(struct inotify *in)
{
	if (!refcount_dec(&in->ref))
		return;
	waitq_destroy(&in->queue);
	mutex_destroy(&in->lock);
	mutex_destroy(&in->add_lock);
	mem_free(in);
}

static void watch_free(struct notify_mark *m)
{
	struct watch *w = container_of(m, struct watch, mark);

	inotify_put(w->in);
	mem_free(w);
}

/* --- queueing ------------------------------------------------------------------- */

static struct event *event_new(int wd, uint32_t mask, uint32_t cookie, const char *name,
			       size_t n)
{
	size_t padded = n ? (n + 16) & ~(size_t)15 : 0;
	struct event *e = mem_zalloc(sizeof(*e) + padded);

	if (!e)
		return NULL;
	e->wd = wd;
	e->mask = mask;
	e->cookie = cookie;
	e->name_len = (uint32_t)padded;
	if (n)
		memcpy(e->name, name, n);
	return e;
}

/* The same event twice in a row is one. */
static bool same_as_last(struct inotify *in, const struct event *e)
{
	struct event *last = list_last(&in->events, struct event, node);

	return last && last->wd == e->wd && last->mask == e->mask &&
	       last->cookie == e->cookie && last->name_len == e->name_len &&
	       !memcmp(last->name, e->name, e->name_len);
}

/* Takes @e (NULL: out of memory, told as an overflow). in->lock held. */
static void queue_locked(struct inotify *in, struct event *e) MUST_HOLD(in->lock)
{
	if (e && same_as_last(in, e)) {
		mem_free(e);
		return;
	}
	if (!e || in->n_events >= INOTIFY_MAX_QUEUED) {
		struct event *last = list_last(&in->events, struct event, node);

		mem_free(e);
		if (last && last->mask == LX_IN_Q_OVERFLOW)
			return;
		e = event_new(-1, LX_IN_Q_OVERFLOW, 0, NULL, 0);
		if (!e)
			return;
	}
	list_add_tail(&in->events, &e->node);
	in->n_events++;
}

static void kill_locked(struct inotify *in, struct watch *w) MUST_HOLD(in->lock)
{
	if (w->dead)
		return;
	w->dead = true;
	atomic_store(&w->mark.mask, 0);
	queue_locked(in, event_new(w->wd, FS_NOTIFY_IGNORED, 0, NULL, 0));
}

static void watch_event(struct notify_mark *m, uint32_t mask, uint32_t cookie,
			const char *name, size_t n)
{
	struct watch *w = container_of(m, struct watch, mark);
	struct inotify *in = w->in;
	uint32_t want = atomic_load(&m->mask);
	bool end = !name && mask & (FS_NOTIFY_DELETE_SELF | FS_NOTIFY_UNMOUNT);

	mutex_lock(&in->lock);
	if (!w->dead && !in->closed) {
		if (mask & want & (LX_IN_ALL_EVENTS | FS_NOTIFY_UNMOUNT))
			queue_locked(in, event_new(w->wd,
						   mask & (want | LX_IN_ISDIR |
							   FS_NOTIFY_UNMOUNT),
						   cookie, name, n));
		if (end || want & LX_IN_ONESHOT)
			kill_locked(in, w);
	}
	mutex_unlock(&in->lock);
	waitq_wake(&in->queue, LX_POLL_IN_MASK);
}

/* --- watches ---------------------------------------------------------------------- */

/* Takes dead watches (or all) off their inodes. No lock held. */
static void reap(struct inotify *in, bool all)
{
	struct list gone = LIST_INIT(gone);
	struct watch *w, *next;

	mutex_lock(&in->lock);
	list_for_each_safe (w, next, &in->watches, node) {
		if (!w->dead && !all)
			continue;
		w->dead = true;
		list_del(&w->node);
		list_add_tail(&gone, &w->node);
	}
	mutex_unlock(&in->lock);
	list_for_each_safe (w, next, &gone, node) {
		list_del(&w->node);
		atomic_fetch_sub(&in->user->n_inotify, 1);
		notify_detach(&w->mark);
		notify_mark_put(&w->mark);
	}
}

static bool is_ours(struct notify_mark *m, void *arg)
{
	struct watch *w = container_of(m, struct watch, mark);
	struct inotify *in = arg;
	bool r;

	if (m->free != watch_free || w->in != in)
		return false;
	mutex_lock(&in->lock);
	r = !w->dead;
	mutex_unlock(&in->lock);
	return r;
}

static uint32_t watch_mask(uint32_t mask)
{
	return (mask & (LX_IN_ALL_EVENTS | LX_IN_ONESHOT | LX_IN_EXCL_UNLINK)) |
	       FS_NOTIFY_UNMOUNT;
}

/* An inode is watched once an instance: adding again changes the mask. 0: it ended. */
static int change(struct inotify *in, struct watch *w, uint32_t mask)
{
	int r = w->wd;

	mutex_lock(&in->lock);
	if (w->dead)
		r = 0;
	else if (mask & LX_IN_MASK_CREATE)
		r = -EEXIST;
	else if (mask & LX_IN_MASK_ADD)
		atomic_fetch_or(&w->mark.mask, watch_mask(mask));
	else
		atomic_store(&w->mark.mask, watch_mask(mask));
	mutex_unlock(&in->lock);
	return r;
}

static struct watch *watch_new(struct inotify *in, int wd, uint32_t mask)
{
	struct watch *w = mem_zalloc(sizeof(*w));

	if (!w)
		return NULL;
	refcount_init(&w->mark.ref); /* ours; notify_attach() wants one too */
	refcount_inc(&w->mark.ref);
	list_init(&w->mark.node);
	list_init(&w->node);
	w->mark.event = watch_event;
	w->mark.free = watch_free;
	atomic_init(&w->mark.mask, watch_mask(mask));
	refcount_inc(&in->ref);
	w->in = in;
	w->wd = wd;
	return w;
}

/*
 * Attached first, then published: whoever finds a watch in the list finds its inode,
 * and one that ended meanwhile is there to be reaped.
 */
static int add(struct inotify *in, struct inode *inode, uint32_t mask)
	MUST_HOLD(in->add_lock)
{
	struct watch *w = watch_new(in, in->last_wd + 1, mask);
	int wd;

	if (!w)
		return -ENOMEM;
	if (notify_attach(inode, &w->mark)) {
		notify_mark_put(&w->mark);
		notify_mark_put(&w->mark);
		return -ENOMEM;
	}
	wd = in->last_wd = w->wd;
	mutex_lock(&in->lock);
	list_add_tail(&in->watches, &w->node);
	mutex_unlock(&in->lock);
	return wd; /* the watch may be gone already */
}

static int change_or_add(struct inotify *in, struct inode *inode, uint32_t mask)
	MUST_HOLD(in->add_lock)
{
	struct notify_mark *m = notify_find(inode, is_ours, in);
	int r = 0;

	if (m) {
		r = change(in, container_of(m, struct watch, mark), mask);
		notify_mark_put(m);
	}
	if (r)
		return r;
	if (atomic_fetch_add(&in->user->n_inotify, 1) < INOTIFY_MAX_WATCHES)
		r = add(in, inode, mask);
	else
		r = -ENOSPC;
	if (r < 0)
		atomic_fetch_sub(&in->user->n_inotify, 1);
	return r;
}

int inotify_add(struct file *f, struct inode *inode, uint32_t mask)
{
	struct inotify *in = f->priv;
	int r;

	reap(in, false);
	mutex_lock(&in->add_lock);
	r = change_or_add(in, inode, mask);
	mutex_unlock(&in->add_lock);
	return r;
}

int inotify_remove(struct file *f, int wd)
{
	struct inotify *in = f->priv;
	struct watch *w;
	int r = -EINVAL;

	mutex_lock(&in->lock);
	list_for_each (w, &in->watches, node) {
		if (w->wd != wd || w->dead)
			continue;
		kill_locked(in, w);
		r = 0;
		break;
	}
	mutex_unlock(&in->lock);
	if (!r) {
		waitq_wake(&in->queue, LX_POLL_IN_MASK);
		reap(in, false);
	}
	return r;
}

/* --- the file ---------------------------------------------------------------------- */

/* The next event if it fits into @room;
 * -EINVAL when it does not, NULL when there is none. */
static int take_event(struct inotify *in, size_t room, struct event **out)
{
	struct event *e;
	int r = 0;

	*out = NULL;
	mutex_lock(&in->lock);
	e = list_first(&in->events, struct event, node);
	if (e && sizeof(struct lx_inotify_event) + e->name_len > room) {
		r = -EINVAL;
	} else if (e) {
		list_del(&e->node);
		in->n_events--;
		*out = e;
	}
	mutex_unlock(&in->lock);
	return r;
}

static ssize_t inotify_read(struct file *f, struct uio *u, int64_t pos, unsigned flags)
{
	struct inotify *in = f->priv;
	ssize_t done = 0;

	(void)pos;
	(void)flags;
	reap(in, false);
	for (;;) {
		struct event *e;
		int r = take_event(in, u->left, &e);
		bool ok;

		if (r)
			return done ? done : r;
		if (!e)
			return done ? done : -EAGAIN;
		struct lx_inotify_event head = {e->wd, e->mask, e->cookie, e->name_len};

		ok = uio_copy_to(u, &head, sizeof(head)) == sizeof(head) &&
		     (!e->name_len ||
		      uio_copy_to(u, e->name, e->name_len) == (ssize_t)e->name_len);
		done += (ssize_t)(sizeof(head) + e->name_len);
		mem_free(e);
		if (!ok)
			return -EFAULT;
	}
}

static uint32_t inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *in = f->priv;
	bool some;

	poll_wait(pt, &in->queue);
	mutex_lock(&in->lock);
	some = !list_empty(&in->events);
	mutex_unlock(&in->lock);
	return some ? LX_POLL_IN_MASK : 0;
}

#define LX_FIONREAD 0x541b

static int64_t inotify_ioctl(struct file *f, struct task *t, const struct umem *u,
			     unsigned cmd, uint64_t arg)
{
	struct inotify *in = f->priv;
	struct event *e;
	int32_t n = 0;

	(void)t;
	if (cmd != LX_FIONREAD)
		return -ENOTTY;
	mutex_lock(&in->lock);
	list_for_each (e, &in->events, node)
		n += (int32_t)(sizeof(struct lx_inotify_event) + e->name_len);
	mutex_unlock(&in->lock);
	return put_user(u, arg, n);
}

static void inotify_release(struct file *f)
{
	struct inotify *in = f->priv;
	struct event *e;

	mutex_lock(&in->lock);
	in->closed = true;
	while ((e = list_first(&in->events, struct event, node))) {
		list_del(&e->node);
		mem_free(e);
	}
	mutex_unlock(&in->lock);
	reap(in, true);
	inotify_put(in);
}

static void inotify_show_fdinfo(struct file *f, struct strbuf *out)
{
	struct inotify *in = f->priv;
	struct watch *w;

	mutex_lock(&in->lock);
	list_for_each (w, &in->watches, node)
		if (!w->dead)
			sb_printf(out,
				  "inotify wd:%x ino:%llx sdev:%llx mask:%x "
				  "ignored_mask:0\n",
				  (unsigned)w->wd, (unsigned long long)w->mark.inode->ino,
				  (unsigned long long)w->mark.inode->sb->dev,
				  atomic_load(&w->mark.mask) & LX_IN_ALL_EVENTS);
	mutex_unlock(&in->lock);
}

static const struct file_ops inotify_ops = {
	.lseek = simple_noop_lseek,
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.show_fdinfo = inotify_show_fdinfo,
};

bool file_is_inotify(struct file *f)
{
	return f->ops == &inotify_ops;
}

int inotify_create(struct kernel *k, int flags, const struct cred *cred,
		   struct file **out)
{
	struct inotify *in = mem_zalloc(sizeof(*in));
	int r;

	*out = NULL;
	if (!in)
		return -ENOMEM;
	refcount_init(&in->ref);
	mutex_init(&in->add_lock, LOCK_INOTIFY_ADD);
	mutex_init(&in->lock, LOCK_INOTIFY);
	waitq_init(&in->queue);
	list_init(&in->events);
	list_init(&in->watches);
	in->user = cred->user;
	r = anon_file_create(k, "inotify", &inotify_ops, in, flags | LX_O_RDONLY, cred,
			     out);
	if (r)
		inotify_put(in);
	return r;
}
