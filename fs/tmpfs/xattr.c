// SPDX-License-Identifier: Apache-2.0
/* Extended attributes: user, trusted and security, kept with the inode. */
#include <string.h>

#include "fs/tmpfs/internal.h"

/* Most names and values of one inode together. */
#define XATTR_BYTES_MAX (128u << 10)

static bool known(const char *name)
{
	return strncmp(name, "system.", 7) != 0;
}

static struct tmpfs_xattr *find_locked(struct tmpfs_inode *ti, const char *name)
{
	struct tmpfs_xattr *x;

	list_for_each(x, &ti->xattrs, node)
		if (!strcmp(x->name, name))
			return x;
	return NULL;
}

static void free_xattr(struct tmpfs_xattr *x)
{
	if (!x)
		return;
	mem_free(x->name);
	mem_free(x->value);
	mem_free(x);
}

void tmpfs_free_xattrs(struct tmpfs_inode *ti)
{
	struct tmpfs_xattr *x;

	while ((x = list_first(&ti->xattrs, struct tmpfs_xattr, node))) {
		list_del(&x->node);
		free_xattr(x);
	}
}

ssize_t tmpfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct tmpfs_inode *ti = tmpfs_i(inode);
	struct tmpfs_xattr *x;
	ssize_t r = -ENODATA;

	if (!known(name))
		return -EOPNOTSUPP;
	mutex_lock(&ti->xattr_lock);
	x = find_locked(ti, name);
	if (x) {
		r = (ssize_t)x->size;
		if (size && size < x->size)
			r = -ERANGE;
		else if (size && x->size)
			memcpy(buf, x->value, x->size);
	}
	mutex_unlock(&ti->xattr_lock);
	return r;
}

static struct tmpfs_xattr *new_xattr(const char *name, const void *value, size_t size)
{
	struct tmpfs_xattr *x = mem_zalloc(sizeof(*x));

	if (!x)
		return NULL;
	list_init(&x->node);
	x->name = str_dup(name);
	x->value = mem_dup(value, size);
	x->size = size;
	if (x->name && x->value)
		return x;
	free_xattr(x);
	return NULL;
}

int tmpfs_setxattr(struct inode *inode, const char *name, const void *value, size_t size,
		   int flags)
{
	struct tmpfs_inode *ti = tmpfs_i(inode);
	size_t bytes = strlen(name) + size, old_bytes = 0;
	struct tmpfs_xattr *old, *new = NULL;
	int r = 0;

	if (!known(name))
		return -EOPNOTSUPP;
	if (value && !(new = new_xattr(name, value, size)))
		return -ENOMEM;
	mutex_lock(&ti->xattr_lock);
	old = find_locked(ti, name);
	if (old)
		old_bytes = strlen(old->name) + old->size;
	if (!old && (!value || flags & LX_XATTR_REPLACE))
		r = -ENODATA;
	else if (old && flags & LX_XATTR_CREATE)
		r = -EEXIST;
	else if (new && ti->xattr_bytes - old_bytes + bytes > XATTR_BYTES_MAX)
		r = -ENOSPC;
	if (r) {
		old = NULL;
	} else {
		if (old)
			list_del(&old->node);
		ti->xattr_bytes -= old_bytes;
		if (new) {
			list_add_tail(&ti->xattrs, &new->node);
			ti->xattr_bytes += bytes;
			new = NULL;
		}
	}
	mutex_unlock(&ti->xattr_lock);
	free_xattr(old);
	free_xattr(new);
	if (!r)
		inode_touch(inode, ATTR_CTIME);
	return r;
}

ssize_t tmpfs_listxattr(struct inode *inode, char *buf, size_t size)
{
	struct tmpfs_inode *ti = tmpfs_i(inode);
	struct tmpfs_xattr *x;
	size_t n = 0;

	mutex_lock(&ti->xattr_lock);
	list_for_each(x, &ti->xattrs, node) {
		size_t len = strlen(x->name) + 1;

		if (size && n + len <= size)
			memcpy(buf + n, x->name, len);
		n += len;
	}
	mutex_unlock(&ti->xattr_lock);
	return size && n > size ? -ERANGE : (ssize_t)n;
}
