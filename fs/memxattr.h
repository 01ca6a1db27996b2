// SPDX-License-Identifier: Apache-2.0
/* The extended attributes of an inode that lives in memory. Source: xattr(7). */
#pragma once

#include "sentry/base/list.h"
#include "sentry/base/lock.h"

struct memxattr {
	struct list node;
	char *name;
	void *value;
	size_t size;
};

struct memxattrs {
	struct mutex lock; /* LOCK_LEAF; protects the rest */
	struct list list;  /* struct memxattr */
	size_t bytes;
};

void memxattr_init(struct memxattrs *m);
void memxattr_free(struct memxattrs *m);
/* The slots of inode_ops: see fs/vfs.h. The caller touches the inode's ctime. */
ssize_t memxattr_get(struct memxattrs *m, const char *name, void *buf, size_t size);
int memxattr_set(struct memxattrs *m, const char *name, const void *value, size_t size,
		 int flags);
ssize_t memxattr_list(struct memxattrs *m, char *buf, size_t size);
