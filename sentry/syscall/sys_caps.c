// SPDX-License-Identifier: Apache-2.0
/* capget(2) and capset(2), in the three versions of their structures. */
#include "sentry/syscall/syscall.h"
#include "sentry/task/caps.h"

#define CAP_VERSION_1 0x19980330u /* 32 capabilities */
#define CAP_VERSION_2 0x20071026u
#define CAP_VERSION_3 0x20080522u

struct cap_header {
	uint32_t version;
	int32_t pid;
};

struct cap_data {
	uint32_t effective, permitted, inheritable;
};

/* How many cap_data the version has; an unknown one is answered with ours. */
static int check_version(struct task *t, uaddr_t header, struct cap_header *h,
			 unsigned *n)
{
	static const uint32_t ours = CAP_VERSION_3;

	if (get_user(&t->mem, *h, header))
		return -EFAULT;
	switch (h->version) {
	case CAP_VERSION_1:
		*n = 1;
		return 0;
	case CAP_VERSION_2:
	case CAP_VERSION_3:
		*n = 2;
		return 0;
	default:
		return put_user(&t->mem, header, ours) ? -EFAULT : -EINVAL;
	}
}

SYSCALL2(capget, uaddr_t header, uaddr_t data)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct cap_data d[2];
	struct cap_header h;
	const struct cred *c;
	unsigned n;
	int r;

	r = check_version(t, header, &h, &n);
	if (r || !data)
		/* Asking for the version alone is no error. */
		return !data && r == -EINVAL ? 0 : r;
	if (h.pid < 0)
		return -EINVAL;
	target = h.pid ? task_lookup(t, h.pid) : task_get(t);
	if (!target)
		return -ESRCH;
	c = task_cred(target);
	for (unsigned i = 0; i < 2; i++)
		d[i] = (struct cap_data){
			.effective = (uint32_t)(c->cap_effective >> 32 * i),
			.permitted = (uint32_t)(c->cap_permitted >> 32 * i),
			.inheritable = (uint32_t)(c->cap_inheritable >> 32 * i),
		};
	cred_put(c);
	return copy_to_user(&t->mem, data, d, n * sizeof(d[0]));
}

SYSCALL2(capset, uaddr_t header, uaddr_t data)
{
	struct cap_data d[2] = {0};
	struct cap_header h;
	struct cred *c;
	unsigned n;
	int r;

	r = check_version(t, header, &h, &n);
	if (r)
		return r;
	if (h.pid && h.pid != task_tid_for(t, t))
		return -EPERM;
	if (copy_from_user(&t->mem, d, data, n * sizeof(d[0])))
		return -EFAULT;
	c = cred_dup(t->cred);
	if (!c)
		return -ENOMEM;
	r = cap_apply_set(
		c, ((uint64_t)d[1].effective << 32 | d[0].effective) & LX_CAP_ALL,
		((uint64_t)d[1].permitted << 32 | d[0].permitted) & LX_CAP_ALL,
		((uint64_t)d[1].inheritable << 32 | d[0].inheritable) & LX_CAP_ALL);
	if (r) {
		cred_put(c);
		return r;
	}
	task_commit_cred(t, c);
	return 0;
}
