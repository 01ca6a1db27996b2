// SPDX-License-Identifier: Apache-2.0
/*
 * Extended attributes kept in memory: user, trusted and security, as many as a file
 * system in memory (tmpfs, the private layer) allows an inode.
 */
#include "fs/memxattr.h"

#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/abi/fcntl.h"
#include "sentry/base/alloc.h"

/* Most names and values of one inode together. */
#define XATTR_BYTES_MAX (128u << 10)

static bool known(const char *name)
{
	return strncmp(name, "system.", 7) != 0;
}

static struct memxattr *find_locked(struct memxattrs *m, const char *name)
	MUST_HOLD(m->lock)
{
	struct memxattr *x;

	list_for_each (x, &m->list, node)
		if (!strcmp(x->name, name))
			return x;
	return NULL;
}

static void free_xattr(struct memxattr *x)
{
	if (!x)
		return;
	mem_free(x->name);
	mem_free(x->value);
	mem_free(x);
}

void memxattr_init(struct memxattrs *m)
{
	mutex_init(&m->lock, LOCK_LEAF);
	list_init(&m->list);
	m->bytes = 0;
}

void memxattr_free(struct memxattrs *m)
{
	struct memxattr *x;

	while ((x = list_first(&m->list, struct memxattr, node))) {
		list_del(&x->node);
		free_xattr(x);
	}
	mutex_destroy(&m->lock);
}

ssize_t memxattr_get(struct memxattrs *m, const char *name, void *buf, size_t size)
{
	struct memxattr *x;
	ssize_t r = -ENODATA;

	if (!known(name))
		return -EOPNOTSUPP;
	mutex_lock(&m->lock);
	x = find_locked(m, name);
	if (x) {
		r = (ssize_t)x->size;
		if (size && size < x->size)
			r = -ERANGE;
		else if (size && x->size)
			memcpy(buf, x->value, x->size);
	}
	mutex_unlock(&m->lock);
	return r;
}

static struct memxattr *new_xattr(const char *name, const void *value, size_t size)
{
	struct memxattr *x = mem_zalloc(sizeof(*x));

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

int memxattr_set(struct memxattrs *m, const char *name, const void *value, size_t size,
		 int flags)
{
	size_t bytes = strlen(name) + size, old_bytes = 0;
	struct memxattr *old, *new = NULL;
	int r = 0;

	if (!known(name))
		return -EOPNOTSUPP;
	if (value && !(new = new_xattr(name, value, size)))
		return -ENOMEM;
	mutex_lock(&m->lock);
	old = find_locked(m, name);
	if (old)
		old_bytes = strlen(old->name) + old->size;
	if (!old && (!value || flags & LX_XATTR_REPLACE))
		r = -ENODATA;
	else if (old && flags & LX_XATTR_CREATE)
		r = -EEXIST;
	else if (new && m->bytes - old_bytes + bytes > XATTR_BYTES_MAX)
		r = -ENOSPC;
	if (r) {
		old = NULL;
	} else {
		if (old)
			list_del(&old->node);
		m->bytes -= old_bytes;
		if (new) {
			list_add_tail(&m->list, &new->node);
			m->bytes += bytes;
			new = NULL;
		}
	}
	mutex_unlock(&m->lock);
	free_xattr(old);
	free_xattr(new);
	return r;
}

ssize_t memxattr_list(struct memxattrs *m, char *buf, size_t size)
{
	struct memxattr *x;
	size_t n = 0;

	mutex_lock(&m->lock);
	list_for_each (x, &m->list, node) {
		size_t len = strlen(x->name) + 1;

		if (size && n + len <= size)
			memcpy(buf + n, x->name, len);
		n += len;
	}
	mutex_unlock(&m->lock);
	return size && n > size ? -ERANGE : (ssize_t)n;
}
