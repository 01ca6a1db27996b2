// SPDX-License-Identifier: Apache-2.0
/*
 * What the three kinds of System V objects share: numbers, keys and permissions.
 *
 * One lock, ipc->lock (LOCK_IPC), protects every object of every namespace: the
 * critical sections are short and copy nothing from or to guests. Whoever sleeps stands
 * with a record on its own stack in an object's list; who wakes it takes the record out
 * and writes the outcome, both under the lock, so the sleeper only looks at the record.
 */
#pragma once

#include "sentry/abi/errno.h"
#include "sentry/abi/ipc.h"
#include "sentry/base/alloc.h"
#include "sentry/base/htab.h"
#include "sentry/base/list.h"
#include "sentry/base/lock.h"
#include "sentry/ipc/ipc.h"
#include "sentry/task/task.h"

enum ipc_kind { IPC_SHM, IPC_SEM, IPC_MSG, IPC_KINDS };

struct super;

struct ipc_state {
	struct mutex lock;   /* LOCK_IPC */
	struct super *super; /* home of the segments' inodes; a reference */
};

/* Embedded in each object, protected by ipc->lock. */
struct ipc_perm {
	struct hnode by_key;	       /* in ids->keys unless key is IPC_PRIVATE */
	int id, key;		       /* id: -1 once it is out of the table */
	uint32_t uid, gid, cuid, cgid; /* sandbox-wide */
	uint32_t mode;
	struct ipc_ns *ns; /* borrowed while in the table */
};

/* An id is an index into slot[] and a sequence number above it. */
#define IPC_INDEX_BITS 15
#define IPC_INDEX_MAX  (1u << IPC_INDEX_BITS)

struct ipc_ids {
	struct ipc_perm **slot;
	unsigned n_slots, n, limit;
	unsigned next, seq; /* where the next search begins; round of numbers */
	int last_index;
	struct htab keys;
};

struct ipc_ns {
	refcount_t ref;
	struct kernel *k;
	struct user_ns *owner; /* a reference */
	uint64_t ino;
	struct super *mqueues; /* POSIX message queues: fs/mqueue; a reference */
	/* protected by ipc->lock */
	struct ipc_ids ids[IPC_KINDS];
	uint64_t shm_pages; /* of all segments */
	uint64_t n_sems;    /* of all sets */
	uint64_t msg_bytes, n_msgs;
};

static inline struct ipc_state *ipc_of(struct task *t)
{
	return t->k->ipc;
}

static inline struct ipc_ids *ids_of(struct task *t, enum ipc_kind kind)
{
	return &t->ns->ipc->ids[kind];
}

/* --- ids.c; all but ipc_perm_init() under ipc->lock --------------------------- */

int ipc_ids_init(struct ipc_ids *ids, unsigned limit);
/* Empty by now. */
void ipc_ids_free(struct ipc_ids *ids);

/* A new object of @t's; @flags as given to *get. */
void ipc_perm_init(struct ipc_perm *p, struct task *t, int key, int flags);
/* Gives it a number, which is returned. -ENOSPC: as many as there may be; -ENOMEM. */
int ipc_add_locked(struct ipc_ids *ids, struct ipc_ns *ns, struct ipc_perm *p);
void ipc_remove_locked(struct ipc_ids *ids, struct ipc_perm *p);
/* Nobody finds it by its key any more. */
void ipc_forget_key_locked(struct ipc_ids *ids, struct ipc_perm *p);

/*
 * Is there an object for a *get call? 1: *out is it; 0: make one; -EEXIST, -ENOENT. Then
 * the caller checks sizes (-EINVAL), then ipc_may_locked(). IPC_PRIVATE is always new.
 */
int ipc_lookup_key_locked(struct ipc_ids *ids, int key, int flags, struct ipc_perm **out);
/* NULL: -EINVAL, there is none. */
struct ipc_perm *ipc_find_locked(struct ipc_ids *ids, int id);
/* The highest index in use; 0 when there is none: what *_INFO returns. */
int ipc_highest_locked(const struct ipc_ids *ids);

/*
 * Does @t hold the rights @want (S_IRUGO, S_IWUGO... in any of the three places)?
 * -EACCES.
 */
int ipc_may_locked(struct task *t, const struct ipc_perm *p, uint32_t want)
	MUST_HOLD(ipc_of(t)->lock);
/*
 * The object @id of @t's namespace in *out, if @t holds the rights @want; may change or
 * remove it (owner, creator, CAP_SYS_ADMIN: -EPERM); may look at it as *_STAT wants,
 * @id being an index then. -EINVAL, -EACCES; *out is not to be used on an error.
 */
int ipc_find_may_locked(struct task *t, enum ipc_kind kind, int id, uint32_t want,
			struct ipc_perm **out) MUST_HOLD(ipc_of(t)->lock);
int ipc_find_owned_locked(struct task *t, enum ipc_kind kind, int id,
			  struct ipc_perm **out) MUST_HOLD(ipc_of(t)->lock);
int ipc_find_stat_locked(struct task *t, enum ipc_kind kind, int id,
			 enum ipc_stat_how how, struct ipc_perm **out)
	MUST_HOLD(ipc_of(t)->lock);
void ipc_perm_stat_locked(struct task *t, const struct ipc_perm *p,
			  struct lx_ipc_perm *out) MUST_HOLD(ipc_of(t)->lock);
/* IPC_SET: owner and permission bits. -EINVAL: an id that has no meaning to @t. */
int ipc_perm_set_locked(struct task *t, struct ipc_perm *p, const struct lx_ipc_perm *in)
	MUST_HOLD(ipc_of(t)->lock);

/* --- the kinds: the end of a namespace; nobody uses it any more ------------------ */

void shm_ns_exit(struct ipc_ns *ns);
void sem_ns_exit(struct ipc_ns *ns);
void msg_ns_exit(struct ipc_ns *ns);

/* Seconds, as *id_ds has them. */
int64_t ipc_now(void);
/* Who did it last: @p becomes @t's process. */
void ipc_set_pid(struct pid **p, struct task *t);

/* Limits: those of a Linux kernel that nobody has tuned. */
#define SHM_COUNT_MAX  4096u
#define SEM_SETS_MAX   32000u
#define MSG_QUEUES_MAX 32000u
#define SHM_SIZE_MIN   1u
#define SHM_SIZE_MAX   (UINT64_MAX - (1u << 24))
#define SHM_PAGES_MAX  (UINT64_MAX - (1u << 24))
