// SPDX-License-Identifier: Apache-2.0
/* msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
#include "sentry/base/alloc.h"
#include "sentry/ipc/ipc.h"
#include "sentry/syscall/syscall.h"

SYSCALL2(msgget, int key, int flags)
{
	return msg_get(t, key, flags);
}

/* struct msgbuf: a long, then the text. */
SYSCALL4(msgsnd, int id, uaddr_t buf, size_t size, int flags)
{
	AUTO_FREE struct msg *m = NULL;
	int64_t type;

	if (get_user(&t->mem, type, buf))
		return -EFAULT;
	if (size > MSG_SIZE_MAX || id < 0 || type < 1)
		return -EINVAL;
	m = mem_alloc(sizeof(*m) + size);
	if (!m)
		return -ENOMEM;
	m->type = type;
	m->size = size;
	if (copy_from_user(&t->mem, m->text, buf + sizeof(type), size))
		return -EFAULT;
	return msg_send(t, id, &m, flags);
}

SYSCALL5(msgrcv, int id, uaddr_t buf, size_t size, int64_t type, int flags)
{
	AUTO_FREE struct msg *m = NULL;
	int r = msg_receive(t, id, size, type, flags, &m);

	if (r)
		return r;
	size = min_t(size_t, size, m->size);
	/* A message that cannot be delivered is lost, as on Linux. */
	if (put_user(&t->mem, buf, m->type) ||
	    copy_to_user(&t->mem, buf + sizeof(m->type), m->text, size))
		return -EFAULT;
	return (int64_t)size;
}

static int64_t stat_out(struct task *t, int id, enum ipc_stat_how how, uaddr_t buf)
{
	struct lx_msqid_ds ds;
	int r = msg_stat(t, id, how, &ds);

	return r < 0 || !put_user(&t->mem, buf, ds) ? r : -EFAULT;
}

static int64_t info_out(struct task *t, bool limits, uaddr_t buf)
{
	struct lx_msginfo info;
	int r = msg_info(t, limits, &info);

	return r < 0 || !put_user(&t->mem, buf, info) ? r : -EFAULT;
}

static int64_t set_in(struct task *t, int id, uaddr_t buf)
{
	struct lx_msqid_ds ds;

	return get_user(&t->mem, ds, buf) ? -EFAULT : msg_set(t, id, &ds.perm, ds.qbytes);
}

SYSCALL3(msgctl, int id, int cmd, uaddr_t buf)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case LX_IPC_INFO:
	case LX_MSG_INFO:
		return info_out(t, cmd == LX_IPC_INFO, buf);
	case LX_IPC_STAT:
		return stat_out(t, id, IPC_BY_ID, buf);
	case LX_MSG_STAT:
		return stat_out(t, id, IPC_BY_INDEX, buf);
	case LX_MSG_STAT_ANY:
		return stat_out(t, id, IPC_BY_INDEX_ANY, buf);
	case LX_IPC_SET:
		return set_in(t, id, buf);
	case LX_IPC_RMID:
		return msg_remove(t, id);
	default:
		return -EINVAL;
	}
}
