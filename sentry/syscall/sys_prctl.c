// SPDX-License-Identifier: Apache-2.0
/*
 * prctl(2). Options of features that this kernel does not have are refused with EINVAL,
 * as Linux built without them does.
 */
#include <string.h>

#include "sentry/mm/mm.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/caps.h"
#include "sentry/task/sigqueue.h"

enum {
	PR_SET_PDEATHSIG = 1,
	PR_GET_PDEATHSIG,
	PR_GET_DUMPABLE,
	PR_SET_DUMPABLE,
	PR_GET_KEEPCAPS = 7,
	PR_SET_KEEPCAPS,
	PR_GET_TIMING = 13,
	PR_SET_TIMING,
	PR_SET_NAME,
	PR_GET_NAME,
	PR_CAPBSET_READ = 23,
	PR_CAPBSET_DROP,
	PR_GET_TSC,
	PR_SET_TSC,
	PR_GET_SECUREBITS,
	PR_SET_SECUREBITS,
	PR_SET_TIMERSLACK,
	PR_GET_TIMERSLACK,
	PR_MCE_KILL_GET = 34,
	PR_SET_MM,
	PR_SET_CHILD_SUBREAPER,
	PR_GET_CHILD_SUBREAPER,
	PR_SET_NO_NEW_PRIVS,
	PR_GET_NO_NEW_PRIVS,
	PR_SET_THP_DISABLE = 41,
	PR_GET_THP_DISABLE,
	PR_CAP_AMBIENT = 47,
	PR_GET_AUXV = 0x41555856,
};

enum { AMBIENT_IS_SET = 1, AMBIENT_RAISE, AMBIENT_LOWER, AMBIENT_CLEAR_ALL };

#define PR_TIMING_STATISTICAL 0
#define PR_TSC_ENABLE	      1
#define PR_MCE_KILL_DEFAULT   2
#define TIMER_SLACK_DEFAULT   50000

struct prctl_args {
	uint64_t a, b, c, d;
};

/* --- small state ---------------------------------------------------------------- */

static int64_t set_pdeathsig(struct task *t, uint64_t signo)
{
	if (signo > LX_NSIG)
		return -EINVAL;
	mutex_lock(&t->k->tasklist);
	t->pdeath_signal = (int)signo;
	mutex_unlock(&t->k->tasklist);
	return 0;
}

static int64_t set_dumpable(struct task *t, uint64_t value)
{
	if (value > 1)
		return -EINVAL;
	mutex_lock(&t->mem.mm->lock);
	t->mem.mm->dumpable = value;
	mutex_unlock(&t->mem.mm->lock);
	return 0;
}

static int64_t set_name(struct task *t, uaddr_t uname)
{
	char name[sizeof(t->comm)] = "";
	ssize_t n = copy_string_from_user(&t->mem, name, uname, sizeof(name) - 1);

	/* A longer one is cut. */
	if (n < 0 && n != -ENAMETOOLONG)
		return n;
	if (n >= 0)
		memset(name + n, 0, sizeof(name) - (size_t)n);
	name[sizeof(name) - 1] = 0;
	mutex_lock(&t->lock);
	memcpy(t->comm, name, sizeof(t->comm));
	mutex_unlock(&t->lock);
	return 0;
}

static int64_t get_name(struct task *t, uaddr_t uname)
{
	char name[sizeof(t->comm)];

	mutex_lock(&t->lock);
	memcpy(name, t->comm, sizeof(name));
	mutex_unlock(&t->lock);
	return put_user(&t->mem, uname, name);
}

static int64_t put_int(struct task *t, uaddr_t addr, int value)
{
	return put_user(&t->mem, addr, value);
}

static int64_t set_subreaper(struct task *t, bool on)
{
	mutex_lock(&t->k->tasklist);
	t->tg->child_subreaper = on;
	mutex_unlock(&t->k->tasklist);
	return 0;
}

static int64_t set_timerslack(struct task *t, int64_t ns)
{
	t->timer_slack_ns = ns > 0 ? (uint64_t)ns : TIMER_SLACK_DEFAULT;
	return 0;
}

static int64_t set_no_new_privs(struct task *t, const struct prctl_args *p)
{
	if (p->a != 1 || p->b || p->c || p->d)
		return -EINVAL;
	t->no_new_privs = true;
	return 0;
}

static int64_t get_auxv(struct task *t, const struct prctl_args *p)
{
	uint64_t auxv[ARRAY_SIZE(t->mem.mm->auxv)];

	if (p->c || p->d)
		return -EINVAL;
	mutex_lock(&t->mem.mm->lock);
	memcpy(auxv, t->mem.mm->auxv, sizeof(auxv));
	mutex_unlock(&t->mem.mm->lock);
	if (copy_to_user(&t->mem, p->a, auxv, min_t(uint64_t, p->b, sizeof(auxv))))
		return -EFAULT;
	return sizeof(auxv);
}

/* --- capabilities ------------------------------------------------------------------ */

static bool cap_valid(uint64_t cap)
{
	return cap <= LX_CAP_LAST;
}

static int64_t set_securebits(struct task *t, uint64_t bits)
{
	unsigned old = t->cred->securebits, locked = (old & LX_SECBIT_ALL_LOCKS) >> 1;
	struct cred *c;

	/* A locked bit stays, a lock stays,
	 * and only those who may touch the bounding set. */
	if ((locked & (old ^ bits)) || (old & LX_SECBIT_ALL_LOCKS & ~bits) ||
	    (bits & ~(uint64_t)(LX_SECBIT_ALL_BITS | LX_SECBIT_ALL_LOCKS)) ||
	    !task_capable(t, LX_CAP_SETPCAP))
		return -EPERM;
	c = cred_dup(t->cred);
	if (!c)
		return -ENOMEM;
	c->securebits = (unsigned)bits;
	task_commit_cred(t, c);
	return 0;
}

static int64_t set_keepcaps(struct task *t, uint64_t on)
{
	struct cred *c;

	if (on > 1)
		return -EINVAL;
	if (t->cred->securebits & LX_SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	c = cred_dup(t->cred);
	if (!c)
		return -ENOMEM;
	c->securebits &= ~LX_SECBIT_KEEP_CAPS;
	if (on)
		c->securebits |= LX_SECBIT_KEEP_CAPS;
	task_commit_cred(t, c);
	return 0;
}

static int64_t drop_bounding(struct task *t, uint64_t cap)
{
	struct cred *c;

	if (!task_capable(t, LX_CAP_SETPCAP))
		return -EPERM;
	if (!cap_valid(cap))
		return -EINVAL;
	c = cred_dup(t->cred);
	if (!c)
		return -ENOMEM;
	c->cap_bset &= ~CAP_BIT(cap);
	task_commit_cred(t, c);
	return 0;
}

static int64_t set_ambient(struct task *t, uint64_t what, uint64_t cap)
{
	const struct cred *old = t->cred;
	struct cred *c;

	if (what == AMBIENT_RAISE &&
	    (!(old->cap_permitted & old->cap_inheritable & CAP_BIT(cap)) ||
	     (old->securebits & LX_SECBIT_NO_CAP_AMBIENT_RAISE)))
		return -EPERM;
	c = cred_dup(old);
	if (!c)
		return -ENOMEM;
	if (what == AMBIENT_CLEAR_ALL)
		c->cap_ambient = 0;
	else if (what == AMBIENT_RAISE)
		c->cap_ambient |= CAP_BIT(cap);
	else
		c->cap_ambient &= ~CAP_BIT(cap);
	task_commit_cred(t, c);
	return 0;
}

static int64_t cap_ambient(struct task *t, const struct prctl_args *p)
{
	if (p->a == AMBIENT_CLEAR_ALL)
		return p->b || p->c || p->d ? -EINVAL : set_ambient(t, p->a, 0);
	if (!cap_valid(p->b) || p->c || p->d)
		return -EINVAL;
	switch (p->a) {
	case AMBIENT_IS_SET:
		return !!(t->cred->cap_ambient & CAP_BIT(p->b));
	case AMBIENT_RAISE:
	case AMBIENT_LOWER:
		return set_ambient(t, p->a, p->b);
	default:
		return -EINVAL;
	}
}

static int64_t prctl_cred(struct task *t, int option, const struct prctl_args *p)
{
	switch (option) {
	case PR_GET_KEEPCAPS:
		return !!(t->cred->securebits & LX_SECBIT_KEEP_CAPS);
	case PR_SET_KEEPCAPS:
		return set_keepcaps(t, p->a);
	case PR_CAPBSET_READ:
		return cap_valid(p->a) ? !!(t->cred->cap_bset & CAP_BIT(p->a)) : -EINVAL;
	case PR_CAPBSET_DROP:
		return drop_bounding(t, p->a);
	case PR_GET_SECUREBITS:
		return t->cred->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(t, p->a);
	case PR_CAP_AMBIENT:
		return cap_ambient(t, p);
	case PR_SET_NO_NEW_PRIVS:
		return set_no_new_privs(t, p);
	case PR_GET_NO_NEW_PRIVS:
		return p->a || p->b || p->c || p->d ? -EINVAL : t->no_new_privs;
	default:
		/* seccomp, speculation control, names of areas... */
		return -EINVAL;
	}
}

SYSCALL5(prctl, int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const struct prctl_args p = {a, b, c, d};

	switch (option) {
	case PR_SET_PDEATHSIG:
		return set_pdeathsig(t, a);
	case PR_GET_PDEATHSIG:
		return put_int(t, a, t->pdeath_signal);
	case PR_GET_DUMPABLE:
		return t->mem.mm->dumpable;
	case PR_SET_DUMPABLE:
		return set_dumpable(t, a);
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING:
		return a == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_SET_NAME:
		return set_name(t, a);
	case PR_GET_NAME:
		return get_name(t, a);
	case PR_GET_TSC:
		return put_int(t, a, PR_TSC_ENABLE);
	case PR_SET_TSC:
		return a == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_SET_TIMERSLACK:
		return set_timerslack(t, (int64_t)a);
	case PR_GET_TIMERSLACK:
		return (int64_t)t->timer_slack_ns;
	case PR_MCE_KILL_GET:
		return a || b || c || d ? -EINVAL : PR_MCE_KILL_DEFAULT;
	case PR_SET_MM:
		return task_capable(t, LX_CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
	case PR_SET_CHILD_SUBREAPER:
		return set_subreaper(t, a);
	case PR_GET_CHILD_SUBREAPER:
		return put_int(t, a, t->tg->child_subreaper);
	case PR_SET_THP_DISABLE:
		if (b || c || d)
			return -EINVAL;
		t->mem.mm->thp_disabled = a;
		return 0;
	case PR_GET_THP_DISABLE:
		return a || b || c || d ? -EINVAL : t->mem.mm->thp_disabled;
	case PR_GET_AUXV:
		return get_auxv(t, &p);
	default:
		return prctl_cred(t, option, &p);
	}
}
