// SPDX-License-Identifier: Apache-2.0
/* semget(2), semop(2), semtimedop(2), semctl(2). */
#include "sentry/base/alloc.h"
#include "sentry/ipc/ipc.h"
#include "sentry/syscall/syscall.h"
#include "sentry/syscall/time_args.h"

#define OPS_ON_STACK 16u

SYSCALL3(semget, int key, int n, int flags)
{
	return sem_get(t, key, n, flags);
}

static int64_t operate(struct task *t, int id, uaddr_t uops, uint64_t n,
		       int64_t deadline_ns)
{
	struct lx_sembuf few[OPS_ON_STACK], *ops = few;
	AUTO_FREE struct lx_sembuf *many = NULL;

	if (n > SEM_OPS_MAX)
		return -E2BIG;
	if (n < 1)
		return -EINVAL;
	if (n > OPS_ON_STACK) {
		ops = many = mem_calloc(n, sizeof(*ops));
		if (!ops)
			return -ENOMEM;
	}
	if (copy_from_user(&t->mem, ops, uops, n * sizeof(*ops)))
		return -EFAULT;
	return sem_op(t, id, ops, (unsigned)n, deadline_ns);
}

SYSCALL3(semop, int id, uaddr_t ops, unsigned n)
{
	return operate(t, id, ops, n, NO_DEADLINE);
}

SYSCALL4(semtimedop, int id, uaddr_t ops, unsigned n, uaddr_t timeout)
{
	int64_t deadline_ns;
	int r = deadline_from_user(&t->mem, timeout, &deadline_ns);

	return r ? r : operate(t, id, ops, n, deadline_ns);
}

static int64_t stat_out(struct task *t, int id, enum ipc_stat_how how, uaddr_t buf)
{
	struct lx_semid_ds ds;
	int r = sem_stat(t, id, how, &ds);

	return r < 0 || !put_user(&t->mem, buf, ds) ? r : -EFAULT;
}

static int64_t info_out(struct task *t, bool limits, uaddr_t buf)
{
	struct lx_seminfo info;
	int r = sem_info(t, limits, &info);

	return r < 0 || !put_user(&t->mem, buf, info) ? r : -EFAULT;
}

static int64_t set_in(struct task *t, int id, uaddr_t buf)
{
	struct lx_semid_ds ds;

	return get_user(&t->mem, ds, buf) ? -EFAULT : sem_set_perm(t, id, &ds.perm);
}

static int64_t all_values(struct task *t, int id, bool set, uaddr_t buf)
{
	AUTO_FREE uint16_t *values = NULL;
	int n = sem_count(t, id, set), r;
	size_t size = (size_t)n * sizeof(*values);

	if (n < 0)
		return n;
	values = mem_alloc(size);
	if (!values)
		return -ENOMEM;
	if (set) {
		if (copy_from_user(&t->mem, values, buf, size))
			return -EFAULT;
		return sem_set_all(t, id, values, (unsigned)n);
	}
	r = sem_get_all(t, id, values, (unsigned)n);
	return r || !copy_to_user(&t->mem, buf, values, size) ? r : -EFAULT;
}

SYSCALL4(semctl, int id, int num, int cmd, uint64_t arg)
{
	if (id < 0)
		return -EINVAL;
	switch (cmd) {
	case LX_IPC_INFO:
	case LX_SEM_INFO:
		return info_out(t, cmd == LX_IPC_INFO, arg);
	case LX_IPC_STAT:
		return stat_out(t, id, IPC_BY_ID, arg);
	case LX_SEM_STAT:
		return stat_out(t, id, IPC_BY_INDEX, arg);
	case LX_SEM_STAT_ANY:
		return stat_out(t, id, IPC_BY_INDEX_ANY, arg);
	case LX_IPC_SET:
		return set_in(t, id, arg);
	case LX_IPC_RMID:
		return sem_remove(t, id);
	case LX_SEM_GETALL:
	case LX_SEM_SETALL:
		return all_values(t, id, cmd == LX_SEM_SETALL, arg);
	case LX_SEM_SETVAL:
		return sem_set_value(t, id, num, (int)arg);
	case LX_SEM_GETVAL:
	case LX_SEM_GETPID:
	case LX_SEM_GETNCNT:
	case LX_SEM_GETZCNT:
		return sem_query(t, id, num, cmd);
	default:
		return -EINVAL;
	}
}
