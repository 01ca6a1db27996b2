// SPDX-License-Identifier: Apache-2.0
/* shmget(2), shmat(2), shmdt(2), shmctl(2). */
#include "sentry/ipc/ipc.h"
#include "sentry/syscall/syscall.h"

SYSCALL3(shmget, int key, size_t size, int flags)
{
	return shm_get(t, key, size, flags);
}

SYSCALL3(shmat, int id, uaddr_t addr, int flags)
{
	uaddr_t at;
	int r = shm_attach(t, id, addr, flags, &at);

	return r ? r : (int64_t)at;
}

SYSCALL1(shmdt, uaddr_t addr)
{
	return shm_detach(t, addr);
}

static int64_t stat_out(struct task *t, int id, enum ipc_stat_how how, uaddr_t buf)
{
	struct lx_shmid_ds ds;
	int r = shm_stat(t, id, how, &ds);

	return r < 0 || !put_user(&t->mem, buf, ds) ? r : -EFAULT;
}

static int64_t limits_out(struct task *t, uaddr_t buf)
{
	struct lx_shminfo info;
	int r = shm_limits(t, &info);

	return r < 0 || !put_user(&t->mem, buf, info) ? r : -EFAULT;
}

static int64_t info_out(struct task *t, uaddr_t buf)
{
	struct lx_shm_info info;
	int r = shm_info(t, &info);

	return r < 0 || !put_user(&t->mem, buf, info) ? r : -EFAULT;
}

static int64_t set_in(struct task *t, int id, uaddr_t buf)
{
	struct lx_shmid_ds ds;

	return get_user(&t->mem, ds, buf) ? -EFAULT : shm_set(t, id, &ds.perm);
}

SYSCALL3(shmctl, int id, int cmd, uaddr_t buf)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case LX_IPC_INFO:
		return limits_out(t, buf);
	case LX_SHM_INFO:
		return info_out(t, buf);
	case LX_IPC_STAT:
		return stat_out(t, id, IPC_BY_ID, buf);
	case LX_SHM_STAT:
		return stat_out(t, id, IPC_BY_INDEX, buf);
	case LX_SHM_STAT_ANY:
		return stat_out(t, id, IPC_BY_INDEX_ANY, buf);
	case LX_IPC_SET:
		return set_in(t, id, buf);
	case LX_IPC_RMID:
		return shm_remove(t, id);
	case LX_SHM_LOCK:
	case LX_SHM_UNLOCK:
		return shm_lock(t, id, cmd == LX_SHM_LOCK);
	default:
		return -EINVAL;
	}
}
