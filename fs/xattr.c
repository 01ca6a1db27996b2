// SPDX-License-Identifier: Apache-2.0
/*
 * Extended attributes: who may see and change which, by the name's first part.
 * Source: xattr(7), setxattr(2), listxattr(2), capabilities(7).
 */
#include <string.h>

#include "fs/acl.h"
#include "fs/internal.h"
#include "fs/mount.h"
#include "fs/namei.h"

static bool starts(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

static bool admin(const struct vfs_ctx *c)
{
	return !c->cred || cred_init_capable(c->cred, LX_CAP_SYS_ADMIN);
}

static int check_security(const struct vfs_ctx *c, struct inode *inode, const char *name,
			  bool write)
{
	if (!write || !c->cred)
		return 0;
	if (!strcmp(name, "security.capability"))
		return cred_capable_inode(c->cred, inode->uid, inode->gid, LX_CAP_SETFCAP)
			       ? 0
			       : -EPERM;
	return admin(c) ? 0 : -EPERM;
}

/* A known first part with nothing behind it is no name. */
static bool only_prefix(const char *name)
{
	return !strcmp(name, "user.") || !strcmp(name, "trusted.") ||
	       !strcmp(name, "security.") || !strcmp(name, "system.");
}

static int check_name(const struct vfs_ctx *c, struct path p, const char *name,
		      bool write)
{
	struct inode *inode = dentry_inode(p.dentry);
	uint32_t mode = inode->mode;
	int r = write ? mnt_want_write(p.mnt) : 0;

	if (r)
		return r;
	if (only_prefix(name))
		return -EINVAL;
	if (starts(name, "security."))
		return check_security(c, inode, name, write);
	if (starts(name, "system."))
		return 0;
	if (starts(name, "trusted.") && !admin(c))
		return write ? -EPERM : -ENODATA;
	if (starts(name, "user.")) {
		if (!LX_S_ISREG(mode) && !LX_S_ISDIR(mode))
			return write ? -EPERM : -ENODATA;
		if (write && LX_S_ISDIR(mode) && mode & LX_S_ISVTX &&
		    !inode_owner_or_capable(c, inode))
			return -EPERM;
	} else if (!starts(name, "trusted.")) {
		return -EOPNOTSUPP;
	}
	return inode_permission(c, inode, write ? MAY_WRITE : MAY_READ);
}

ssize_t vfs_getxattr(const struct vfs_ctx *c, struct path p, const char *name, void *buf,
		     size_t size)
{
	struct inode *inode = dentry_inode(p.dentry);
	enum acl_kind kind;
	int r;

	if (acl_name(inode, name, &kind))
		return acl_get(c, inode, kind, buf, size);
	r = check_name(c, p, name, false);
	if (r)
		return r;
	return inode->ops->getxattr ? inode->ops->getxattr(inode, name, buf, size)
				    : -EOPNOTSUPP;
}

int vfs_setxattr(const struct vfs_ctx *c, struct path p, const char *name,
		 const void *value, size_t size, int flags)
{
	struct inode *inode = dentry_inode(p.dentry);
	enum acl_kind kind;
	int r;

	if (acl_name(inode, name, &kind))
		return acl_set(c, p, kind, value, size);
	r = check_name(c, p, name, true);
	if (r)
		return r;
	if (!inode->ops->setxattr)
		return -EOPNOTSUPP;
	mutex_lock(&inode->lock);
	r = inode->ops->setxattr(inode, name, value, size, flags);
	mutex_unlock(&inode->lock);
	if (!r)
		fs_notify(inode, p.dentry, FS_NOTIFY_ATTRIB, 0);
	return r;
}

/*
 * Takes names out: those only an administrator sees, and lists of a layer below one that
 * keeps its own.
 */
static size_t hide_names(struct inode *inode, char *list, size_t size, bool trusted)
{
	enum acl_kind kind;
	size_t kept = 0;

	for (size_t at = 0; at < size;) {
		size_t n = strnlen(list + at, size - at) + 1;

		if (!(trusted && starts(list + at, "trusted.")) &&
		    !acl_name(inode, list + at, &kind)) {
			memmove(list + kept, list + at, n);
			kept += n;
		}
		at += n;
	}
	return kept;
}

#define XATTR_LIST_MAX 65536

ssize_t vfs_listxattr(const struct vfs_ctx *c, struct path p, char *buf, size_t size)
{
	struct inode *inode = dentry_inode(p.dentry);
	AUTO_FREE char *all = NULL;
	size_t acls;
	ssize_t n;

	if (!inode->ops->listxattr)
		return -EOPNOTSUPP;
	all = mem_alloc(XATTR_LIST_MAX);
	if (!all)
		return -ENOMEM;
	acls = acl_list(inode, all, XATTR_LIST_MAX);
	n = inode->ops->listxattr(inode, all + acls, XATTR_LIST_MAX - acls);
	if (n < 0)
		return n;
	n = (ssize_t)(acls + hide_names(inode, all + acls, (size_t)n, !admin(c)));
	if (!size)
		return n;
	if ((size_t)n > size)
		return -ERANGE;
	memcpy(buf, all, (size_t)n);
	return n;
}
