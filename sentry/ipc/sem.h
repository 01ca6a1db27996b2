// SPDX-License-Identifier: Apache-2.0
/* Semaphore sets, between sem.c (operations), sem_ctl.c and sem_undo.c. */
#pragma once

#include "sentry/ipc/internal.h"

struct sem {
	int value;
	struct pid *last; /* who changed it last; a reference or NULL */
};

/*
 * All protected by ipc->lock. Calls that cannot be done yet stand in one of the two
 * queues, oldest first: those that only wait for zeroes, and those that change values.
 * Whoever changes a value does the calls that have become possible, on behalf of their
 * tasks (sem_update_locked): nobody who comes later is served first.
 */
struct sem_set {
	struct ipc_perm perm;
	int64_t otime, ctime;
	struct list waiting_zero, waiting_change; /* struct sem_call.node */
	struct list undos;			  /* struct sem_undo.of_set */
	unsigned n;
	struct sem sem[];
};

/* One semop(2): on the stack of its task. */
struct sem_call {
	struct list node; /* in the queue of its set while it waits */
	struct task *t;
	const struct lx_sembuf *ops;
	unsigned n;
	bool changes;	       /* not only waits for zeroes */
	struct sem_undo *undo; /* some operations have SEM_UNDO; else NULL */
	const struct lx_sembuf *blocked_by;
	int result; /* SEM_WAITING, or the outcome */
};
#define SEM_WAITING 1

/*
 * What a list of tasks (the threads of a process) must undo in one set. Freed with the
 * set, or when the list's last task ends.
 */
struct sem_undo {
	struct list of_set, of_list;
	struct sem_set *set;
	int16_t adjust[];
};

struct sem_undo_list {
	refcount_t ref;
	struct list undos; /* struct sem_undo.of_list, protected by ipc->lock */
};

static inline struct sem_set *to_set(struct ipc_perm *p)
{
	return container_of(p, struct sem_set, perm);
}

/* sem.c. Values have changed: what waits for that? */
void sem_update_locked(struct sem_set *s);
/* Out of the table; everybody who waits gets -EIDRM. The caller frees it unlocked. */
void sem_unlink_locked(struct sem_set *s);
void sem_set_free(struct sem_set *s);

/*
 * sem_undo.c. The record of @t's list for @id, made if there is none. -EINVAL: no such
 * set; -ENOMEM. Takes ipc->lock; the record lives as long as the set and @t.
 */
int sem_undo_get(struct task *t, int id, struct sem_undo **out);
/* Nobody takes anything back that was done to @num (SETVAL), or to any (-1: SETALL). */
void sem_undo_forget_locked(struct sem_set *s, int num);
void sem_undo_free_locked(struct sem_undo *u);
