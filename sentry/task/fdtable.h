// SPDX-License-Identifier: Apache-2.0
/* Descriptor tables: numbers to open file descriptions. Shared by CLONE_FILES. */
#pragma once

#include "fs/vfs.h"
#include "sentry/task/task.h"

int fdtable_create(struct fdtable **out);
int fdtable_copy(struct fdtable *old, struct fdtable **out);
struct fdtable *fdtable_get(struct fdtable *ft);
/* The last user closes everything (as @t, for flush). */
void fdtable_put(struct fdtable *ft, struct task *t);

/* Own thread: use another table from now on (takes @files,
 * NULL: none); the old one is put. */
void task_set_files(struct task *t, struct fdtable *files);
/* Do others use this table? */
bool fdtable_shared(struct fdtable *ft);

/* A reference in *out; -EBADF. fd_lookup() says that of O_PATH ones, too. */
int fd_lookup(struct fdtable *ft, int fd, struct file **out);
int fd_lookup_path(struct fdtable *ft, int fd, struct file **out);
/*
 * fd_install - lowest free number >= @min below the caller's RLIMIT_NOFILE. Takes @f on
 * success. Returns the number, -EMFILE, -ENOMEM. @fd_flags: LX_FD_CLOEXEC.
 */
int fd_install(struct task *t, struct file *f, int min, int fd_flags);
/*
 * fd_room - would fd_install() find a number now? -EMFILE. For calls that must not have
 * happened when there is none: open(2) creates and truncates.
 */
int fd_room(struct task *t);
/* dup2/dup3: at exactly @fd, closing what is there.
 * Takes @f on success. -EBADF, -EBUSY. */
int fd_install_at(struct task *t, struct file *f, int fd, int fd_flags);
int fd_close(struct task *t, int fd);
int fd_get_flags(struct fdtable *ft, int fd);
int fd_set_flags(struct fdtable *ft, int fd, int fd_flags);
int fd_close_range(struct task *t, unsigned first, unsigned last, bool cloexec_only);
void fd_close_on_exec(struct task *t);
/*
 * fd_next - a peek: the lowest descriptor from @from on, and how it is open (FMODE_*).
 * -1: there is none. Takes no reference, so it may stand under any lock before
 * LOCK_FDTABLE.
 */
int fd_next(struct fdtable *ft, int from, unsigned *mode);
/*
 * fd_for_each - @fn for every descriptor's file, under LOCK_FDTABLE: it may take the
 * file's locks, and must not sleep or drop references.
 */
void fd_for_each(struct fdtable *ft, void (*fn)(struct file *, void *), void *arg);
unsigned fd_table_size(struct fdtable *ft);
