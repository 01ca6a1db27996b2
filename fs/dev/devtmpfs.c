// SPDX-License-Identifier: Apache-2.0
/* A fresh tmpfs, filled once; the guest may change it like any other. */
#include "fs/dev/devtmpfs.h"

#include <string.h>

#include "fs/dev/devices.h"
#include "fs/tmpfs/tmpfs.h"
#include "sentry/abi/errno.h"

static const struct {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
};

static const char *const directories[] = {"pts", "shm", "mqueue"};

static int make(struct super *sb, const char *name, struct create_args *a)
{
	struct dentry *dir = sb->root, *d = NULL;
	int r;

	mutex_lock(&dentry_inode(dir)->lock);
	r = dentry_lookup_locked(dir, name, strlen(name), &d);
	if (!r)
		r = dentry_create(dir, d, a);
	mutex_unlock(&dentry_inode(dir)->lock);
	if (d)
		dentry_put(d);
	return r;
}

static int fill(struct super *sb)
{
	int r = 0;

	for (const struct device *d = devices(); !r && (d->ops || d->open); d++) {
		struct create_args a = {.mode = LX_S_IFCHR | d->mode,
					.rdev = lx_makedev(d->major, d->minor)};

		if (d->name)
			r = make(sb, d->name, &a);
	}
	for (size_t i = 0; !r && i < ARRAY_SIZE(links); i++) {
		struct create_args a = {.mode = LX_S_IFLNK | 0777,
					.target = links[i].target};

		r = make(sb, links[i].name, &a);
	}
	for (size_t i = 0; !r && i < ARRAY_SIZE(directories); i++) {
		struct create_args a = {.mode = LX_S_IFDIR | 0755};

		r = make(sb, directories[i], &a);
	}
	return r;
}

static int devtmpfs_get_super(const struct vfs_ctx *c, const struct fs_type *type,
			      const char *source, unsigned sb_flags, const char *options,
			      struct super **out)
{
	int r = tmpfs_type.get_super(c, type, source, sb_flags,
				     options && *options ? options : "mode=755", out);

	if (r)
		return r;
	r = fill(*out);
	if (r) {
		super_put(*out);
		*out = NULL;
	}
	return r;
}

const struct fs_type devtmpfs_type = {
	.name = "devtmpfs", .flags = FS_NODEV, .get_super = devtmpfs_get_super};
