// SPDX-License-Identifier: Apache-2.0
/*
 * Access control lists as extended attributes: a version, then eight bytes an entry, ids
 * as the caller's user namespace has them.
 */
#include <string.h>

#include "fs/acl.h"
#include "fs/internal.h"
#include "fs/mount.h"
#include "sentry/base/bytes.h"

#define ACL_XATTR_VERSION 2u
#define HEADER_SIZE	  4u
#define ENTRY_SIZE	  8u
#define NO_ID		  UINT32_MAX
#define ENTRIES_MAX	  ((65536u - HEADER_SIZE) / ENTRY_SIZE)

static const char *const names[ACL_KINDS] = {
	[ACL_ACCESS] = "system.posix_acl_access",
	[ACL_DEFAULT] = "system.posix_acl_default",
};

bool acl_name(struct inode *inode, const char *name, enum acl_kind *kind)
{
	if (!(inode->sb->type->flags & FS_POSIXACL))
		return false;
	for (int i = 0; i < ACL_KINDS; i++) {
		*kind = (enum acl_kind)i;
		if (!strcmp(name, names[i]))
			return true;
	}
	return false;
}

/* --- reading ------------------------------------------------------------------ */

static uint32_t id_out(const struct vfs_ctx *c, const struct acl_entry *e)
{
	if (e->tag != ACL_USER && e->tag != ACL_GROUP)
		return NO_ID;
	if (!c->cred)
		return e->id;
	return e->tag == ACL_USER ? user_ns_unmap_uid(c->cred->user_ns, e->id)
				  : user_ns_unmap_gid(c->cred->user_ns, e->id);
}

static ssize_t print(const struct vfs_ctx *c, const struct acl *a, uint8_t *buf,
		     size_t size)
{
	size_t need = HEADER_SIZE + (size_t)a->n * ENTRY_SIZE;

	if (!size)
		return (ssize_t)need;
	if (size < need)
		return -ERANGE;
	put_le32(buf, ACL_XATTR_VERSION);
	for (unsigned i = 0; i < a->n; i++) {
		uint8_t *p = buf + HEADER_SIZE + (size_t)i * ENTRY_SIZE;

		put_le16(p, a->entry[i].tag);
		put_le16(p + 2, a->entry[i].perm);
		put_le32(p + 4, id_out(c, &a->entry[i]));
	}
	return (ssize_t)need;
}

ssize_t acl_get(const struct vfs_ctx *c, struct inode *inode, enum acl_kind kind,
		void *buf, size_t size)
{
	struct inode_acls *acls =
		atomic_load_explicit(&inode->acls, memory_order_acquire);
	ssize_t r = -ENODATA;

	if (LX_S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	if (!acls)
		return r;
	mutex_lock(&acls->lock);
	if (acls->acl[kind])
		r = print(c, acls->acl[kind], buf, size);
	mutex_unlock(&acls->lock);
	return r;
}

size_t acl_list(struct inode *inode, char *buf, size_t size)
{
	struct inode_acls *acls =
		atomic_load_explicit(&inode->acls, memory_order_acquire);
	size_t n = 0;

	if (!acls)
		return 0;
	mutex_lock(&acls->lock);
	for (int i = 0; i < ACL_KINDS; i++) {
		size_t len = strlen(names[i]) + 1;

		if (!acls->acl[i])
			continue;
		if (n + len <= size)
			memcpy(buf + n, names[i], len);
		n += len;
	}
	mutex_unlock(&acls->lock);
	return n;
}

/* --- writing ------------------------------------------------------------------ */

/* An id that means nothing to the caller is -EINVAL. */
static int id_in(const struct vfs_ctx *c, struct acl_entry *e, uint32_t id)
{
	bool ok = true;

	e->id = NO_ID;
	if (e->tag != ACL_USER && e->tag != ACL_GROUP)
		return 0;
	if (!c->cred)
		e->id = id;
	else if (e->tag == ACL_USER)
		ok = user_ns_map_uid(c->cred->user_ns, id, &e->id);
	else
		ok = user_ns_map_gid(c->cred->user_ns, id, &e->id);
	return ok ? 0 : -EINVAL;
}

/* *out stays NULL for a list without entries, which is none. */
static int parse(const struct vfs_ctx *c, const uint8_t *value, size_t size,
		 struct acl **out)
{
	AUTO_FREE struct acl *a = NULL;
	unsigned n;

	*out = NULL;
	if (!value || !size)
		return 0;
	if (size < HEADER_SIZE)
		return -EINVAL;
	if (get_le32(value) != ACL_XATTR_VERSION)
		return -EOPNOTSUPP;
	if ((size - HEADER_SIZE) % ENTRY_SIZE ||
	    size > HEADER_SIZE + ENTRIES_MAX * ENTRY_SIZE)
		return -EINVAL;
	n = (unsigned)((size - HEADER_SIZE) / ENTRY_SIZE);
	if (!n)
		return 0;
	a = acl_alloc(n);
	if (!a)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = value + HEADER_SIZE + (size_t)i * ENTRY_SIZE;

		a->entry[i].tag = get_le16(p);
		a->entry[i].perm = get_le16(p + 2);
		if (id_in(c, &a->entry[i], get_le32(p + 4)))
			return -EINVAL;
	}
	if (acl_check(a))
		return -EINVAL;
	*out = TAKE_PTR(a);
	return 0;
}

/*
 * Inode locked. The mode first: it is what may fail, and it takes the file into the
 * layer.
 */
static int replace_locked(const struct vfs_ctx *c, struct inode *inode,
			  enum acl_kind kind, struct acl **a)
{
	struct iattr attr = {.valid = ATTR_CTIME, .mode = inode->mode};
	struct inode_acls *acls = inode_acls_of(inode);
	struct acl *old;
	int r;

	if (!acls)
		return -ENOMEM;
	if (kind == ACL_ACCESS && *a) {
		attr.valid |= ATTR_MODE;
		if (!acl_to_mode(*a, &attr.mode)) {
			mem_free(*a);
			*a = NULL;
		}
		if (!in_group_or_fsetid(c, inode, inode->gid))
			attr.mode &= ~(uint32_t)LX_S_ISGID;
	}
	r = inode->ops->setattr ? inode->ops->setattr(c, inode, &attr) : -EOPNOTSUPP;
	if (r)
		return r;
	mutex_lock(&acls->lock);
	old = acls->acl[kind];
	acls->acl[kind] = *a;
	mutex_unlock(&acls->lock);
	*a = old;
	return 0;
}

int acl_set(const struct vfs_ctx *c, struct path p, enum acl_kind kind, const void *value,
	    size_t size)
{
	struct inode *inode = dentry_inode(p.dentry);
	AUTO_FREE struct acl *a = NULL;
	int r = super_rdonly(inode->sb) ? -EROFS : mnt_want_write(p.mnt);

	if (r)
		return r;
	if (LX_S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	r = parse(c, value, size, &a);
	if (r)
		return r;
	if (kind == ACL_DEFAULT && !LX_S_ISDIR(inode->mode))
		return a ? -EACCES : 0;
	if (!inode_owner_or_capable(c, inode))
		return -EPERM;
	mutex_lock(&inode->lock);
	r = replace_locked(c, inode, kind, &a);
	mutex_unlock(&inode->lock);
	if (!r)
		fs_notify(inode, p.dentry,
			  FS_NOTIFY_ATTRIB |
				  (LX_S_ISDIR(inode->mode) ? FS_NOTIFY_ISDIR : 0),
			  0);
	return r;
}
