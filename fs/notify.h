// SPDX-License-Identifier: Apache-2.0
/*
 * Marks: who wants to hear of an inode's events. fs_notify() (vfs.h) is told by the
 * VFS's wrappers; the groups behind the marks (inotify) queue what they want.
 *
 * Lifetimes: a mark holds its inode, its inode's list and its group hold the mark.
 * Locks: the inode's list (LOCK_NOTIFY), then the group's (inside event()).
 */
#pragma once

#include "fs/vfs.h"

/* In a mask: events of children that have no
 * name any more are not for it (inotify(7)). */
#define NOTIFY_EXCL_UNLINK 0x04000000u

struct notify_mark {
	refcount_t ref;
	struct inode *inode;   /* a reference; NULL once detached */
	struct list node;      /* in the inode's marks, protected by their lock */
	_Atomic uint32_t mask; /* FS_NOTIFY_* wanted */
	/*
	 * An event for this mark: @name (may be NULL) is of the child it happened to. The
	 * inode's list is locked: takes the group's lock only.
	 */
	void (*event)(struct notify_mark *m, uint32_t mask, uint32_t cookie,
		      const char *name, size_t name_len);
	void (*free)(struct notify_mark *m);
};

/* Attach a prepared mark (ref 1, the list's). Takes a reference of @inode. -ENOMEM. */
int notify_attach(struct inode *inode, struct notify_mark *m);
/* Off its inode; drops the list's and the inode's reference.
 * False: somebody was first. */
bool notify_detach(struct notify_mark *m);
void notify_mark_put(struct notify_mark *m);
/* The mark on @inode for which @match says yes, a reference, or NULL. */
struct notify_mark *notify_find(struct inode *inode,
				bool (*match)(struct notify_mark *m, void *arg),
				void *arg);
