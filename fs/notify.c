// SPDX-License-Identifier: Apache-2.0
#include "fs/notify.h"

#include <errno.h>

#include "sentry/base/alloc.h"

struct notify_marks {
	struct mutex lock; /* LOCK_NOTIFY */
	struct list marks; /* struct notify_mark.node */
};

static struct notify_marks *marks_of(struct inode *inode)
{
	return inode ? atomic_load_explicit(&inode->marks, memory_order_acquire) : NULL;
}

/* Made on first use; lives as long as the inode. */
static struct notify_marks *marks_make(struct inode *inode)
{
	struct notify_marks *nm = marks_of(inode), *none = NULL;

	if (nm)
		return nm;
	nm = mem_zalloc(sizeof(*nm));
	if (!nm)
		return NULL;
	mutex_init(&nm->lock, LOCK_NOTIFY);
	list_init(&nm->marks);
	if (atomic_compare_exchange_strong(&inode->marks, &none, nm))
		return nm;
	mutex_destroy(&nm->lock);
	mem_free(nm);
	return none;
}

void inode_free_notify(struct inode *inode)
{
	struct notify_marks *nm = marks_of(inode);

	if (!nm)
		return;
	/* Every mark holds the inode, so none is left. */
	BUG_ON(!list_empty(&nm->marks));
	mutex_destroy(&nm->lock);
	mem_free(nm);
}

void notify_mark_put(struct notify_mark *m)
{
	if (refcount_dec(&m->ref))
		m->free(m);
}

int notify_attach(struct inode *inode, struct notify_mark *m)
{
	struct notify_marks *nm = marks_make(inode);

	if (!nm)
		return -ENOMEM;
	m->inode = inode_get(inode);
	mutex_lock(&nm->lock);
	list_add_tail(&nm->marks, &m->node);
	mutex_unlock(&nm->lock);
	return 0;
}

bool notify_detach(struct notify_mark *m)
{
	struct inode *inode = m->inode;
	struct notify_marks *nm = marks_of(inode);
	bool was;

	mutex_lock(&nm->lock);
	was = !list_empty(&m->node);
	list_del(&m->node);
	mutex_unlock(&nm->lock);
	if (!was)
		return false;
	/* m->inode stays readable for whoever raced with us: the pointer is not cleared. */
	inode_put(inode);
	notify_mark_put(m);
	return true;
}

struct notify_mark *notify_find(struct inode *inode,
				bool (*match)(struct notify_mark *m, void *arg), void *arg)
{
	struct notify_marks *nm = marks_of(inode);
	struct notify_mark *m, *found = NULL;

	if (!nm)
		return NULL;
	mutex_lock(&nm->lock);
	list_for_each(m, &nm->marks, node) {
		if (!match(m, arg))
			continue;
		refcount_inc(&m->ref);
		found = m;
		break;
	}
	mutex_unlock(&nm->lock);
	return found;
}

static void tell(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name,
		 size_t name_len)
{
	struct notify_marks *nm = marks_of(inode);
	struct notify_mark *m, *next;

	if (likely(!nm))
		return;
	mutex_lock(&nm->lock);
	list_for_each_safe(m, next, &nm->marks, node) {
		/* A watch must learn of its end whether it asked for it or not. */
		if (atomic_load(&m->mask) & mask & ~(uint32_t)FS_NOTIFY_ISDIR ||
		    (!name && mask & FS_NOTIFY_DELETE_SELF))
			m->event(m, mask, cookie, name, name_len);
	}
	mutex_unlock(&nm->lock);
}

void fs_notify(struct inode *inode, struct dentry *d, uint32_t mask, uint32_t cookie)
{
	tell(inode, mask, cookie, NULL, 0);
	/* A root has no directory; an unhashed name is told by what unhashed it. */
	if (d && d->parent && d->parent != d)
		tell(dentry_inode(d->parent), mask, cookie, d->name, d->name_len);
}
