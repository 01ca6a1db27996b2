// SPDX-License-Identifier: Apache-2.0
/*
 * Character devices by number. A device node of any file system leads here
 * (device_open); fs/dev/devtmpfs.c shows those that have a name.
 */
#pragma once

#include "fs/vfs.h"

struct device {
	uint32_t major, minor;
	const char *name; /* below /dev; NULL: no node is made */
	uint32_t mode;
	const struct file_ops *ops;
	/* Further work of an open: a terminal's, say. NULL: none. */
	int (*open)(const struct vfs_ctx *c, struct inode *inode, struct file *f);
};

const struct device *devices(void); /* ends with ops == NULL && open == NULL */
