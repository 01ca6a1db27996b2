// SPDX-License-Identifier: Apache-2.0
/* Segments of shared memory, between shm.c (calls) and shm_segment.c (the object). */
#pragma once

#include "fs/vfs.h"
#include "sentry/ipc/internal.h"
#include "sentry/mm/shmem.h"

/*
 * A segment is an inode without a name in any directory: each attachment is a file on it,
 * so that /proc/PID/maps shows what Linux shows. The table of its namespace holds one
 * reference, each area that maps it others.
 */
struct shm_segment {
	struct inode base;
	struct shmem data;
	/* immutable */
	uint64_t size; /* as asked for */
	int key; /* as asked for: its name in maps. perm.key is forgotten at IPC_RMID */
	/* protected by ipc->lock */
	struct ipc_perm perm;
	unsigned n_attached;
	int64_t atime, dtime, ctime;
	struct pid *creator, *last; /* references */
};

static inline struct shm_segment *segment_of(struct inode *inode)
{
	return container_of(inode, struct shm_segment, base);
}

static inline struct shm_segment *to_segment(struct ipc_perm *p)
{
	return container_of(p, struct shm_segment, perm);
}

extern const struct mappable_ops shm_map_ops;

int shm_super_create(struct kernel *k, struct super **out);
/* One reference in *out; not in any table yet. */
int shm_segment_create(struct task *t, int key, size_t size, int flags,
		       struct shm_segment **out);
/* A file on it for one attachment; @flags: O_RDONLY or O_RDWR. -ENOMEM, -ENFILE. */
int shm_segment_file(struct task *t, struct shm_segment *s, int flags, struct file **out);

/*
 * shm_unlink_locked - out of the table, whose reference the caller puts after unlocking:
 * the last one is not to be put under the lock.
 */
void shm_unlink_locked(struct shm_segment *s);
/*
 * One area more or fewer. True: it was doomed and nobody has it attached any more: it is
 * out of the table, whose reference is the caller's now.
 */
bool shm_attached_locked(struct shm_segment *s, int delta);
