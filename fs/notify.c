// SPDX-License-Identifier: Apache-2.0
/* Where file events would be told to watches: nobody can watch yet. */
#include "fs/internal.h"

void fs_notify(struct inode *inode, struct dentry *d, uint32_t mask, uint32_t cookie)
{
	(void)inode;
	(void)d;
	(void)mask;
	(void)cookie;
}

void inode_free_notify(struct inode *inode)
{
	(void)inode;
}
