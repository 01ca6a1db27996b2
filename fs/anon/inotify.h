// SPDX-License-Identifier: Apache-2.0
/* inotify(7): watches on inodes, events through a file. */
#pragma once

#include "fs/vfs.h"

/* Bits of inotify_add_watch() beyond the events (which are FS_NOTIFY_*). */
#define LX_IN_ALL_EVENTS  0x00000fffu
#define LX_IN_Q_OVERFLOW  0x00004000u
#define LX_IN_ONLYDIR	  0x01000000u
#define LX_IN_DONT_FOLLOW 0x02000000u
#define LX_IN_EXCL_UNLINK 0x04000000u
#define LX_IN_MASK_CREATE 0x10000000u
#define LX_IN_MASK_ADD	  0x20000000u
#define LX_IN_ISDIR	  0x40000000u
#define LX_IN_ONESHOT	  0x80000000u

#define INOTIFY_MAX_INSTANCES 128
#define INOTIFY_MAX_QUEUED    16384
#define INOTIFY_MAX_WATCHES   65536

int inotify_create(struct kernel *k, int flags, const struct cred *cred,
		   struct file **out);
bool file_is_inotify(struct file *f);
/* Returns the watch descriptor. -EEXIST (MASK_CREATE), -ENOSPC, -ENOMEM. */
int inotify_add(struct file *f, struct inode *inode, uint32_t mask);
int inotify_remove(struct file *f, int wd); /* -EINVAL */
