// SPDX-License-Identifier: Apache-2.0
/*
 * POSIX access control lists of file systems that keep their inodes in memory
 * (FS_POSIXACL: tmpfs, the overlay). They belong to the inode: file systems need not know
 * of them. Who reads them are the extended attributes system.posix_acl_access and
 * system.posix_acl_default (acl_xattr.c), inode_generic_permission(), chmod
 * (inode_apply_attr()) and the creation of files (create_args_init()).
 *
 * Mode and access list are kept in step: owner and others are the same in both, and the
 * mode's group bits are the list's mask. A list that says no more than a mode is none.
 *
 * Source: acl(5), POSIX 1003.1e draft 17.
 */
#pragma once

#include "fs/vfs.h"

enum acl_kind { ACL_ACCESS, ACL_DEFAULT, ACL_KINDS };

enum acl_tag {
	ACL_USER_OBJ = 1,
	ACL_USER = 2,
	ACL_GROUP_OBJ = 4,
	ACL_GROUP = 8,
	ACL_MASK = 0x10,
	ACL_OTHER = 0x20,
};

struct acl_entry {
	uint16_t tag, perm; /* enum acl_tag; bits of 7 */
	uint32_t id;	    /* of ACL_USER and ACL_GROUP, sandbox-wide */
};

struct acl {
	unsigned n;
	struct acl_entry entry[];
};

/* An inode's lists, made on first use and freed with it. */
struct inode_acls {
	struct mutex lock; /* LOCK_LEAF; protects the rest */
	struct acl *acl[ACL_KINDS];
};

struct acl *acl_alloc(unsigned n);
/* -EINVAL: not in order, or something is missing. */
int acl_check(const struct acl *a);
/* The mode that @a amounts to, over the bits of
 * *mode that it does not say. True: it says more. */
bool acl_to_mode(const struct acl *a, uint32_t *mode);

/*
 * acl_permission - 0, -EACCES (capabilities may still help), or -EAGAIN: no list, the
 * mode decides. @c has credentials and is not the owner.
 */
int acl_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want);
/* The mode has changed to @mode. */
void acl_chmod(struct inode *inode, uint32_t mode);
/*
 * acl_inherit - what a new file of @mode in @dir gets: *out are its lists or NULL; the
 * result is its mode without what the default list withholds. *found: there is one, so
 * the umask does not count. -ENOMEM.
 */
int acl_inherit(struct inode *dir, uint32_t *mode, bool *found, struct inode_acls **out);
void inode_acls_free(struct inode_acls *acls);
/* An inode's lists, made if there are none; NULL: -ENOMEM. Inode locked. */
struct inode_acls *inode_acls_of(struct inode *inode);

/* --- acl_xattr.c -------------------------------------------------------------- */

/* Is @name one of the two, on a file system that keeps lists? */
bool acl_name(struct inode *inode, const char *name, enum acl_kind *kind);
/*
 * vfs_getxattr and vfs_setxattr of such a name, @value NULL: remove. Takes the inode's
 * lock.
 */
ssize_t acl_get(const struct vfs_ctx *c, struct inode *inode, enum acl_kind kind,
		void *buf, size_t size);
int acl_set(const struct vfs_ctx *c, struct path p, enum acl_kind kind, const void *value,
	    size_t size);
/*
 * The names that are set, as listxattr lists them: bytes; appended at @buf if they fit.
 */
size_t acl_list(struct inode *inode, char *buf, size_t size);
