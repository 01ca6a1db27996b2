// SPDX-License-Identifier: Apache-2.0
/*
 * System V IPC: the calls, free of guest addresses (sentry/syscall/sys_{shm,sem,msg}.c
 * copies in and out), and what boot and the life of tasks need of it beside what
 * sentry/task/lifecycle.h says.
 *
 * Own thread, no lock held; all take ipc->lock (LOCK_IPC). Only shm_attach() and
 * shm_detach(), which map and unmap, sem_op() and the two of messages may sleep; the last
 * three for a guest event: a signal ends sem_op() with -EINTR, the others with
 * -ERESTARTNOHAND. What is given is borrowed.
 *
 * Errors are those of the man pages: -EINVAL no such object or bad arguments, -EACCES and
 * -EPERM rights, -EIDRM removed while sleeping, -ENOSPC and -ENOMEM limits. Ids and
 * indexes come from the guest unchecked. *_stat() returns 0, or the id when it was asked
 * by index; *_info() the highest index in use.
 *
 * Source: shmget(2), shmop(2), shmctl(2), semget(2), semop(2), semctl(2), msgget(2),
 * msgop(2), msgctl(2), ipc_namespaces(7).
 */
#pragma once

#include "sentry/abi/ipc.h"
#include "sentry/base/list.h"
#include "sentry/base/types.h"

struct ipc_state;
struct kernel;
struct task;

int ipc_create(struct kernel *k, struct ipc_state **out);
/* Every namespace is gone. */
void ipc_free(struct ipc_state *ipc);

enum ipc_stat_how {
	IPC_BY_ID,
	IPC_BY_INDEX,
	IPC_BY_INDEX_ANY /* needs no read permission */
};

/* --- shm.c, shm_ctl.c ------------------------------------------------------------- */

/* *_get: the id. -ENOENT (no IPC_CREAT), -EEXIST (IPC_EXCL), -EINVAL (too small). */
int shm_get(struct task *t, int key, size_t size, int flags);
/* @addr 0: anywhere. The address in *out. */
int shm_attach(struct task *t, int id, uaddr_t addr, int flags, uaddr_t *out);
/* -EINVAL: nothing is attached there. */
int shm_detach(struct task *t, uaddr_t addr);
/* *_set, *_remove: -EPERM unless owner, creator or CAP_SYS_ADMIN. *_remove wakes sleepers
 * with -EIDRM; a segment lives on as long as it is attached. */
int shm_stat(struct task *t, int id, enum ipc_stat_how how, struct lx_shmid_ds *out);
int shm_set(struct task *t, int id, const struct lx_ipc_perm *in);
int shm_remove(struct task *t, int id);
/* SHM_LOCK, SHM_UNLOCK: nothing is ever swapped; the mark is kept. */
int shm_lock(struct task *t, int id, bool lock);
int shm_limits(struct task *t, struct lx_shminfo *out);
int shm_info(struct task *t, struct lx_shm_info *out);
/*
 * shm_leave_mm - @t is about to give its address space up. What the last user of one has
 * attached is detached with it: then it is who did that last.
 */
void shm_leave_mm(struct task *t);

/* --- sem.c, sem_ctl.c, sem_undo.c ------------------------------------------------- */

#define SEM_OPS_MAX   500   /* of one call */
#define SEMS_MAX      32000 /* of one set */
#define SEM_VALUE_MAX 32767

int sem_get(struct task *t, int key, int n, int flags);
/*
 * sem_op - all of @ops[@n] (1..SEM_OPS_MAX) or none, when they are all possible. Sleeps
 * until @deadline_ns: -EAGAIN. -EINTR is not restarted.
 */
int sem_op(struct task *t, int id, const struct lx_sembuf *ops, unsigned n,
	   int64_t deadline_ns);
int sem_stat(struct task *t, int id, enum ipc_stat_how how, struct lx_semid_ds *out);
int sem_set_perm(struct task *t, int id, const struct lx_ipc_perm *in);
int sem_remove(struct task *t, int id);
/* SEM_INFO fills in what is used, IPC_INFO (@limits) what may be. */
int sem_info(struct task *t, bool limits, struct lx_seminfo *out);
/* GETVAL, GETPID, GETNCNT, GETZCNT by @cmd: the answer. */
int sem_query(struct task *t, int id, int num, int cmd);
int sem_set_value(struct task *t, int id, int num, int value);
/* How many semaphores: the size for the next two; asks for read or write permission. */
int sem_count(struct task *t, int id, bool write);
/* @n: as counted; -EIDRM if the set is not that one any more. */
int sem_get_all(struct task *t, int id, uint16_t *values, unsigned n);
int sem_set_all(struct task *t, int id, const uint16_t *values, unsigned n);

/*
 * clone(2): the child shares the list of what is to be undone (CLONE_SYSVSEM). -ENOMEM.
 */
int sem_undo_share(struct task *t, struct task *child);
/* Leave it; who leaves last undoes. Also unshare(CLONE_SYSVSEM). Own thread, no lock. */
void sem_undo_leave(struct task *t);

/* --- msg.c, msg_ctl.c ------------------------------------------------------------- */

#define MSG_SIZE_MAX 8192 /* bytes of one message */

struct msg {
	struct list node;
	int64_t type;
	size_t size;
	char text[];
};

int msg_get(struct task *t, int key, int flags);
/* Takes *m and makes it NULL when it is sent. Sleeps unless IPC_NOWAIT. */
int msg_send(struct task *t, int id, struct msg **m, int flags);
/*
 * msg_receive - the first message that @type and @flags want, in *out: the caller's, to
 * be mem_free()d. -E2BIG: longer than @size without MSG_NOERROR. -ENOMSG: none,
 * IPC_NOWAIT.
 */
int msg_receive(struct task *t, int id, size_t size, int64_t type, int flags,
		struct msg **out);
int msg_stat(struct task *t, int id, enum ipc_stat_how how, struct lx_msqid_ds *out);
int msg_set(struct task *t, int id, const struct lx_ipc_perm *in, uint64_t qbytes);
int msg_remove(struct task *t, int id);
int msg_info(struct task *t, bool limits, struct lx_msginfo *out);
