// SPDX-License-Identifier: Apache-2.0
/*
 * O_ASYNC: SIGIO when a file becomes ready. Source: fcntl(2), signal-driven I/O.
 *
 * A wake-up of the file's queue cannot send a signal (it runs under the queue's lock), it
 * only notes the file; whoever caused it sends on the way out of its own call
 * (fasync_run), so a program sees the signal when its write(2) returns.
 */
#pragma once

#include "fs/vfs.h"

/* F_SETFL or FIOASYNC changed O_ASYNC on @f through descriptor @fd. -ENOMEM. */
int fasync_set(struct file *f, int fd, bool on);
/* The last reference to @f is gone. */
void fasync_file_closed(struct file *f);
/* Who is told of @f (F_SETOWN), with a reference to the pid, if there is one. */
struct file_owner file_owner_get(struct file *f);
/* Send what is noted. Cheap when nothing is. No lock held. */
void fasync_run(struct kernel *k);
