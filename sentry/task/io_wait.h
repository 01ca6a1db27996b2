// SPDX-License-Identifier: Apache-2.0
/*
 * File operations with the waiting that blocking descriptors do: those of vfs.h never
 * sleep for an event, they say -EAGAIN. Own thread, no lock held; all may block. A signal
 * before anything has happened: -ERESTARTSYS, unless said otherwise.
 */
#pragma once

#include "sentry/base/types.h"

struct file;
struct open_how;
struct path;
struct task;
struct uio;

/*
 * file_preadv_wait, file_pwritev_wait - file_read() and file_write() at @pos (< 0: the
 * file's own) with RWF_* flags; @f is borrowed. O_NONBLOCK and RWF_NOWAIT are heeded
 * (-EAGAIN), and so is the time a socket may wait (its end: -EAGAIN). Both count for
 * /proc/PID/io; a write beyond RLIMIT_FSIZE sends SIGXFSZ. Source: read(2), preadv2(2),
 * signal(7).
 */
ssize_t file_preadv_wait(struct task *t, struct file *f, struct uio *dst, int64_t pos,
			 unsigned rwf);
ssize_t file_pwritev_wait(struct task *t, struct file *f, struct uio *src, int64_t pos,
			  unsigned rwf);
/*
 * file_wait_for - sleep until file_poll() shows any of @events (or error, hang-up). 0,
 * -EINTR, -ETIMEDOUT, -ENOMEM.
 */
int file_wait_for(struct task *t, struct file *f, uint32_t events, int64_t deadline_ns);
/* As vfs_open(), but waits for the other end of a FIFO. A reference in *out. */
int file_open_wait(struct task *t, const struct path *base, const char *name,
		   const struct open_how *how, struct file **out);
/* flock_set() and posix_lock_set() of fs/lock.h, asleep until the lock is free. */
int flock_wait(struct task *t, struct file *f, int op);
int posix_lock_wait(struct task *t, struct file *f, const void *owner, int pid, int type,
		    int64_t start, int64_t end);
