// SPDX-License-Identifier: Apache-2.0
/*
 * What the two files of file locks share (lock.c says how they work); nobody else
 * includes this.
 */
#pragma once

#include "fs/internal.h"
#include "fs/lock.h"

struct file_lock {
	struct list node;
	const void *owner; /* fdtable; the struct file of flock and OFD locks */
	bool ofd;
	short type; /* LX_F_RDLCK, LX_F_WRLCK */
	int pid;
	int64_t start, end; /* inclusive */
};

struct file_lock_list {
	struct list all; /* in v->lock_lists */
	struct inode *inode;
	struct list whole, ranges; /* struct file_lock */
};

/* The inode's lists; NULL: never locked. _of: made on first use; NULL: -ENOMEM. */
struct file_lock_list *lock_lists_existing(struct inode *inode);
struct file_lock_list *lock_lists_of(struct vfs *v, struct inode *inode);
void lock_wake_waiters(struct vfs *v, struct file_lock_list *on) MUST_HOLD(v->locks_lock);
/*
 * @w (may be NULL) waits for @by, who holds what it wants of @on; NULL: for nobody any
 * more. v->locks_lock held.
 */
void lock_set_blocked(struct file_lock_wait *w, struct file_lock_list *on,
		      const void *owner, const void *by);
/* Locks that are on no inode's list any more. */
void lock_free_all(struct list *locks);
