// SPDX-License-Identifier: Apache-2.0
/* The rules by which capability sets change. */
#include "sentry/task/caps.h"

#include "sentry/abi/errno.h"
#include "sentry/base/bytes.h"
#include "fs/vfs.h"
#include "sentry/mm/mm.h"
#include "sentry/task/task.h"
#include "sentry/task/user_ns.h"

/* The id that is root in the cred's namespace; none: an id nobody has. */
static uint32_t root_uid(const struct cred *c)
{
	uint32_t kuid;

	return user_ns_map_uid(c->user_ns, 0, &kuid) ? kuid : UINT32_MAX;
}

void cap_fix_setuid(struct cred *c, const struct cred *old)
{
	uint32_t root = root_uid(old);

	if (c->securebits & LX_SECBIT_NO_SETUID_FIXUP)
		return;
	if ((old->uid == root || old->euid == root || old->suid == root) &&
	    c->uid != root && c->euid != root && c->suid != root) {
		if (!(c->securebits & LX_SECBIT_KEEP_CAPS))
			c->cap_permitted = c->cap_effective = 0;
		/* Ambient ones never outlive root, whatever is kept. */
		c->cap_ambient = 0;
	}
	if (old->euid == root && c->euid != root)
		c->cap_effective = 0;
	if (old->euid != root && c->euid == root)
		c->cap_effective = c->cap_permitted;
}

void cap_fix_setfsuid(struct cred *c, const struct cred *old)
{
	uint32_t root = root_uid(old);

	if (c->securebits & LX_SECBIT_NO_SETUID_FIXUP)
		return;
	if (old->fsuid == root && c->fsuid != root)
		c->cap_effective &= ~CAP_FS_MASK;
	if (old->fsuid != root && c->fsuid == root)
		c->cap_effective |= CAP_FS_MASK & c->cap_permitted;
}

int cap_apply_set(struct cred *c, uint64_t effective, uint64_t permitted,
		  uint64_t inheritable)
{
	/* Without CAP_SETPCAP only what is permitted may become inheritable. */
	if (!cred_ns_capable(c, LX_CAP_SETPCAP) &&
	    (inheritable & ~(c->cap_inheritable | c->cap_permitted)))
		return -EPERM;
	if (inheritable & ~(c->cap_inheritable | c->cap_bset))
		return -EPERM;
	if ((permitted & ~c->cap_permitted) || (effective & ~permitted))
		return -EPERM;
	c->cap_effective = effective;
	c->cap_permitted = permitted;
	c->cap_inheritable = inheritable;
	c->cap_ambient &= permitted & inheritable;
	return 0;
}

bool task_over_nproc(struct task *t, const struct cred *c)
{
	int n = atomic_load(&c->user->n_tasks);

	return c->user->uid != 0 && (uint64_t)n > task_rlimit(t, LX_RLIMIT_NPROC);
}

void task_commit_cred(struct task *t, struct cred *c)
{
	const struct cred *old = t->cred;

	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
	    c->fsgid != old->fsgid || (c->cap_permitted & ~old->cap_permitted)) {
		if (t->mem.mm) {
			mutex_lock(&t->mem.mm->lock);
			t->mem.mm->dumpable = false;
			mutex_unlock(&t->mem.mm->lock);
		}
		mutex_lock(&t->k->tasklist);
		t->pdeath_signal = 0;
		mutex_unlock(&t->k->tasklist);
	}
	task_set_cred(t, c);
}

/* The ids of a set-id program, when they exist in the caller's namespace. */
static void apply_setid_bits(struct cred *c, const struct kstat *st)
{
	if (!user_ns_has_uid(c->user_ns, st->uid) ||
	    !user_ns_has_gid(c->user_ns, st->gid))
		return;
	if (st->mode & LX_S_ISUID)
		c->euid = st->uid;
	/* Without group execution the bit means mandatory locking. */
	if ((st->mode & (LX_S_ISGID | LX_S_IXGRP)) == (LX_S_ISGID | LX_S_IXGRP))
		c->egid = st->gid;
}

#define CAPS_REVISION_MASK 0xff000000u
#define CAPS_REVISION_1	   0x01000000u
#define CAPS_REVISION_2	   0x02000000u
#define CAPS_REVISION_3	   0x03000000u
#define CAPS_EFFECTIVE	   1u

/* Is this sandbox-wide id root where @c lives, or above? */
static bool is_root_here(const struct cred *c, uint32_t kuid)
{
	for (const struct user_ns *ns = c->user_ns; ns; ns = ns->parent) {
		if (user_ns_has_uid(ns, kuid) && user_ns_unmap_uid(ns, kuid) == 0)
			return true;
	}
	return false;
}

int file_caps_parse(const struct cred *c, const void *xattr, size_t n,
		    struct file_caps *out)
{
	const uint8_t *p = xattr;
	uint32_t magic, revision;
	size_t size;

	*out = (struct file_caps){0};
	if (n < sizeof(magic))
		return -EINVAL;
	magic = get_le32(p);
	revision = magic & CAPS_REVISION_MASK;
	size = revision == CAPS_REVISION_1   ? 12
	       : revision == CAPS_REVISION_2 ? 20
	       : revision == CAPS_REVISION_3 ? FILE_CAPS_SIZE
					     : 0;
	if (n != size)
		return -EINVAL;
	if (revision == CAPS_REVISION_3 && !is_root_here(c, get_le32(p + 20)))
		return -ENODATA;
	out->effective = magic & CAPS_EFFECTIVE;
	out->permitted = get_le32(p + 4);
	out->inheritable = get_le32(p + 8);
	if (revision != CAPS_REVISION_1) {
		out->permitted |= (uint64_t)get_le32(p + 12) << 32;
		out->inheritable |= (uint64_t)get_le32(p + 16) << 32;
	}
	out->permitted &= LX_CAP_ALL;
	out->inheritable &= LX_CAP_ALL;
	return 0;
}

/* pP' = (pX & fP) | (pI & fI).
 * A program that wants them effective can't do with fewer. */
static int apply_file_caps(struct cred *c, const struct file_caps *fc, bool *effective)
{
	c->cap_permitted =
		(c->cap_bset & fc->permitted) | (c->cap_inheritable & fc->inheritable);
	*effective = fc->effective;
	return fc->effective && (fc->permitted & ~c->cap_permitted) ? -EPERM : 0;
}

int cred_for_exec(struct task *t, const struct kstat *st, const struct file_caps *fc,
		  bool nosuid, struct cred **out, bool *secure)
{
	const struct cred *old = t->cred;
	struct cred *c = cred_dup(old);
	uint32_t root;
	bool effective = false, is_setid;
	int r = 0;

	*out = NULL;
	*secure = false;
	if (!c)
		return -ENOMEM;
	root = root_uid(c);
	if (st && !nosuid && !t->no_new_privs)
		apply_setid_bits(c, st);

	c->cap_permitted = 0;
	if (fc && !nosuid)
		r = apply_file_caps(c, fc, &effective);
	if (r) {
		cred_put(c);
		return r;
	}
	/* A set-user-id root program with capabilities of its own gets these alone. */
	if (!(c->securebits & LX_SECBIT_NOROOT) && (c->euid == root || c->uid == root) &&
	    !(fc && c->uid != root && c->euid == root)) {
		c->cap_permitted = c->cap_bset | c->cap_inheritable;
		effective |= c->euid == root;
	}
	/* no_new_privs: root's rule gives back nothing that was given up. */
	if (t->no_new_privs)
		c->cap_permitted &= old->cap_permitted;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;

	is_setid = c->euid != old->uid || c->egid != old->gid;
	if (is_setid || (fc && !nosuid))
		c->cap_ambient = 0;
	c->cap_permitted |= c->cap_ambient;
	c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
	c->securebits &= ~LX_SECBIT_KEEP_CAPS;
	*secure = is_setid ||
		  (c->uid != root && (effective || (c->cap_permitted & ~c->cap_ambient)));
	*out = c;
	return 0;
}
