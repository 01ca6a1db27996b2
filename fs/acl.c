// SPDX-License-Identifier: Apache-2.0
/* Access control lists: what they allow, and how they and the mode follow each other. */
#include "fs/acl.h"

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"

#define RWX	7u
#define GROUP_X 0070u
#define ALL_RWX 0777u

struct acl *acl_alloc(unsigned n)
{
	struct acl *a = mem_zalloc(sizeof(*a) + n * sizeof(a->entry[0]));

	if (a)
		a->n = n;
	return a;
}

static struct acl *acl_dup(const struct acl *a)
{
	return mem_dup(a, sizeof(*a) + a->n * sizeof(a->entry[0]));
}

/* --- form --------------------------------------------------------------------- */

/*
 * The owner, named users, the owning group, named groups, the mask (if anybody is named),
 * others.
 */
int acl_check(const struct acl *a)
{
	unsigned expect = ACL_USER_OBJ;
	bool named = false;

	for (unsigned i = 0; i < a->n; i++) {
		const struct acl_entry *e = &a->entry[i];

		if (e->perm & ~RWX)
			return -EINVAL;
		if (e->tag == ACL_USER_OBJ && expect == ACL_USER_OBJ) {
			expect = ACL_USER;
		} else if (e->tag == ACL_USER && expect == ACL_USER) {
			named = true;
		} else if (e->tag == ACL_GROUP_OBJ && expect == ACL_USER) {
			expect = ACL_GROUP;
		} else if (e->tag == ACL_GROUP && expect == ACL_GROUP) {
			named = true;
		} else if (e->tag == ACL_MASK && expect == ACL_GROUP) {
			expect = ACL_OTHER;
		} else if (e->tag == ACL_OTHER &&
			   (expect == ACL_OTHER || (expect == ACL_GROUP && !named))) {
			expect = 0;
		} else {
			return -EINVAL;
		}
	}
	return expect ? -EINVAL : 0;
}

bool acl_to_mode(const struct acl *a, uint32_t *mode)
{
	uint32_t bits = 0;
	bool more = false;

	for (unsigned i = 0; i < a->n; i++) {
		const struct acl_entry *e = &a->entry[i];

		switch (e->tag) {
		case ACL_USER_OBJ:
			bits |= (uint32_t)e->perm << 6;
			break;
		case ACL_GROUP_OBJ:
			bits |= (uint32_t)e->perm << 3;
			break;
		case ACL_OTHER:
			bits |= e->perm;
			break;
		case ACL_MASK:
			bits = (bits & ~GROUP_X) | (uint32_t)e->perm << 3;
			more = true;
			break;
		default:
			more = true;
		}
	}
	*mode = (*mode & ~ALL_RWX) | bits;
	return more;
}

static struct acl_entry *find(struct acl *a, enum acl_tag tag)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->entry[i].tag == tag)
			return &a->entry[i];
	return NULL;
}

/* Who the mode's group bits are about. */
static struct acl_entry *group_class(struct acl *a)
{
	struct acl_entry *mask = find(a, ACL_MASK);

	return mask ? mask : find(a, ACL_GROUP_OBJ);
}

/* --- permission --------------------------------------------------------------- */

/*
 * A named user, or any of the caller's groups that allows it; -EACCES, -EAGAIN: others.
 */
static int judge(const struct vfs_ctx *c, struct inode *inode, const struct acl *a,
		 unsigned want, const struct acl_entry **by)
{
	bool in_some = false;

	*by = NULL;
	for (unsigned i = 0; i < a->n; i++) {
		const struct acl_entry *e = &a->entry[i];
		bool member;

		if (e->tag == ACL_USER && e->id == c->cred->fsuid) {
			*by = e;
			return 0;
		}
		if (e->tag != ACL_GROUP_OBJ && e->tag != ACL_GROUP)
			continue;
		member = cred_in_group(c->cred, e->tag == ACL_GROUP ? e->id : inode->gid);
		in_some |= member;
		if (member && (e->perm & want) == want) {
			*by = e;
			return 0;
		}
	}
	return in_some ? -EACCES : -EAGAIN;
}

static int permission_locked(const struct vfs_ctx *c, struct inode *inode, struct acl *a,
			     unsigned want)
{
	const struct acl_entry *by, *mask = find(a, ACL_MASK),
				    *other = find(a, ACL_OTHER);
	int r = judge(c, inode, a, want, &by);

	if (!r)
		return (by->perm & (mask ? mask->perm : RWX) & want) == want ? 0
									     : -EACCES;
	if (r == -EAGAIN)
		return (other->perm & want) == want ? 0 : -EACCES;
	return r;
}

int acl_permission(const struct vfs_ctx *c, struct inode *inode, unsigned want)
{
	struct inode_acls *acls =
		atomic_load_explicit(&inode->acls, memory_order_acquire);
	int r = -EAGAIN;

	/* No bit for the group class: no entry has an effect. */
	if (!acls || !(inode->mode & GROUP_X))
		return r;
	mutex_lock(&acls->lock);
	if (acls->acl[ACL_ACCESS])
		r = permission_locked(c, inode, acls->acl[ACL_ACCESS], want);
	mutex_unlock(&acls->lock);
	return r;
}

/* --- in step with the mode ---------------------------------------------------- */

static void follow_mode(struct acl *a, uint32_t mode)
{
	find(a, ACL_USER_OBJ)->perm = mode >> 6 & RWX;
	group_class(a)->perm = mode >> 3 & RWX;
	find(a, ACL_OTHER)->perm = mode & RWX;
}

void acl_chmod(struct inode *inode, uint32_t mode)
{
	struct inode_acls *acls =
		atomic_load_explicit(&inode->acls, memory_order_acquire);

	if (!acls)
		return;
	mutex_lock(&acls->lock);
	if (acls->acl[ACL_ACCESS])
		follow_mode(acls->acl[ACL_ACCESS], mode);
	mutex_unlock(&acls->lock);
}

/* --- inheritance -------------------------------------------------------------- */

void inode_acls_free(struct inode_acls *acls)
{
	if (!acls)
		return;
	for (int i = 0; i < ACL_KINDS; i++)
		mem_free(acls->acl[i]);
	mutex_destroy(&acls->lock);
	mem_free(acls);
}

static int copy_default(struct inode *dir, struct acl **out)
{
	struct inode_acls *acls = atomic_load_explicit(&dir->acls, memory_order_acquire);
	int r = 0;

	*out = NULL;
	if (!acls)
		return 0;
	mutex_lock(&acls->lock);
	if (acls->acl[ACL_DEFAULT]) {
		*out = acl_dup(acls->acl[ACL_DEFAULT]);
		r = *out ? 0 : -ENOMEM;
	}
	mutex_unlock(&acls->lock);
	return r;
}

static struct inode_acls *acls_alloc(void)
{
	struct inode_acls *acls = mem_zalloc(sizeof(*acls));

	if (acls)
		mutex_init(&acls->lock, LOCK_LEAF);
	return acls;
}

/* Both withhold: what the list does not give, and what the creator did not ask for. */
static bool restrict_to(struct acl *a, uint32_t *mode)
{
	uint32_t granted = 0;
	bool more = acl_to_mode(a, &granted);

	*mode &= granted | ~ALL_RWX;
	follow_mode(a, *mode);
	return more;
}

int acl_inherit(struct inode *dir, uint32_t *mode, bool *found, struct inode_acls **out)
{
	AUTO_FREE struct acl *from = NULL;
	struct inode_acls *acls;
	bool is_dir = LX_S_ISDIR(*mode);
	int r = copy_default(dir, &from);

	*out = NULL;
	*found = from;
	if (r || !from)
		return r;
	acls = acls_alloc();
	if (!acls)
		return -ENOMEM;
	if (is_dir) {
		acls->acl[ACL_DEFAULT] = acl_dup(from);
		if (!acls->acl[ACL_DEFAULT]) {
			inode_acls_free(acls);
			return -ENOMEM;
		}
	}
	if (restrict_to(from, mode))
		acls->acl[ACL_ACCESS] = TAKE_PTR(from);
	*out = acls;
	return 0;
}

struct inode_acls *inode_acls_of(struct inode *inode)
{
	struct inode_acls *acls =
		atomic_load_explicit(&inode->acls, memory_order_acquire);

	if (!acls) {
		acls = acls_alloc();
		atomic_store_explicit(&inode->acls, acls, memory_order_release);
	}
	return acls;
}
