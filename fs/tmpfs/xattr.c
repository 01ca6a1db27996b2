// SPDX-License-Identifier: Apache-2.0
/* Extended attributes: user, trusted and security, kept with the inode. */
#include "fs/tmpfs/internal.h"

ssize_t tmpfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	return memxattr_get(&tmpfs_i(inode)->xattrs, name, buf, size);
}

int tmpfs_setxattr(struct inode *inode, const char *name, const void *value, size_t size,
		   int flags)
{
	int r = memxattr_set(&tmpfs_i(inode)->xattrs, name, value, size, flags);

	if (!r)
		inode_touch(inode, ATTR_CTIME);
	return r;
}

ssize_t tmpfs_listxattr(struct inode *inode, char *buf, size_t size)
{
	return memxattr_list(&tmpfs_i(inode)->xattrs, buf, size);
}
