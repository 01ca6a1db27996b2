// SPDX-License-Identifier: Apache-2.0
#include "fs/notify.h"

#include "fs/internal.h"
#include "sentry/abi/errno.h"
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
	if (atomic_compare_exchange_strong(&inode->marks, &none, nm)) {
		atomic_fetch_add(&super_vfs(inode->sb)->n_watched, 1);
		return nm;
	}
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
	atomic_fetch_sub(&super_vfs(inode->sb)->n_watched, 1);
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
	/* m->inode stays readable for whoever raced with us:
	 * the pointer is not cleared. */
	inode_put(inode);
	notify_mark_put(m);
	return true;
}

struct notify_mark *notify_find(struct inode *inode,
				bool (*match)(struct notify_mark *m, void *arg),
				void *arg)
{
	struct notify_marks *nm = marks_of(inode);
	struct notify_mark *m, *found = NULL;

	if (!nm)
		return NULL;
	mutex_lock(&nm->lock);
	list_for_each (m, &nm->marks, node) {
		if (!match(m, arg))
			continue;
		refcount_inc(&m->ref);
		found = m;
		break;
	}
	mutex_unlock(&nm->lock);
	return found;
}

/* What happens through an open file, whose name may be gone already. */
#define FILE_EVENTS                                                                      \
	(FS_NOTIFY_ACCESS | FS_NOTIFY_MODIFY | FS_NOTIFY_ATTRIB | FS_NOTIFY_OPEN |       \
	 FS_NOTIFY_CLOSE_WRITE | FS_NOTIFY_CLOSE_NOWRITE)

static bool wants(struct notify_mark *m, uint32_t mask, bool named, bool unlinked)
{
	uint32_t wanted = atomic_load(&m->mask);

	if (unlinked && wanted & NOTIFY_EXCL_UNLINK && mask & FILE_EVENTS)
		return false;
	/* A watch must learn of its end whether it asked for it or not. */
	return wanted & mask & ~(uint32_t)FS_NOTIFY_ISDIR ||
	       (!named && mask & (FS_NOTIFY_DELETE_SELF | FS_NOTIFY_UNMOUNT));
}

static void tell(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name,
		 size_t name_len, bool unlinked)
{
	struct notify_marks *nm = marks_of(inode);
	struct notify_mark *m, *next;

	if (likely(!nm))
		return;
	mutex_lock(&nm->lock);
	list_for_each_safe (m, next, &nm->marks, node)
		if (wants(m, mask, name, unlinked))
			m->event(m, mask, cookie, name, name_len);
	mutex_unlock(&nm->lock);
}

void fs_notify(struct inode *inode, struct dentry *d, uint32_t mask, uint32_t cookie)
{
	char name[LX_NAME_MAX + 1];
	struct dentry *parent;
	size_t len;

	tell(inode, mask, cookie, NULL, 0, false);
	/* Names move under the cache's lock:
	 * that is taken only if anybody listens at all. */
	if (!d ||
	    !atomic_load_explicit(&super_vfs(d->sb)->n_watched, memory_order_relaxed))
		return;
	parent = dentry_place(d, name, &len);
	if (!parent)
		return;
	tell(dentry_inode(parent), mask, cookie, name, len, dentry_unhashed(d));
	dentry_put(parent);
}
