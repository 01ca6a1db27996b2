// SPDX-License-Identifier: Apache-2.0
/* Files that are no files: eventfd, timerfd, signalfd. Each lives in its own .c. */
#pragma once

#include "fs/vfs.h"
#include "sentry/abi/signal.h"
#include "sentry/abi/time.h"

int eventfd_create(struct kernel *k, uint32_t count, bool semaphore, int flags,
		   const struct cred *cred, struct file **out);

/* @clock: CLOCK_*; deadlines of CLOCK_REALTIME ones are kept as such. */
int timerfd_create_file(struct kernel *k, int clock, int flags, const struct cred *cred,
			struct file **out);
bool file_is_timerfd(struct file *f);
/* timerfd_settime(2): @value zero disarms; @old gets what was left. -EINVAL. */
int timerfd_set(struct file *f, bool absolute, bool cancel_on_set,
		const struct lx_itimerspec *value, struct lx_itimerspec *old);
void timerfd_get(struct file *f, struct lx_itimerspec *now);

int signalfd_create(struct kernel *k, lx_sigset_t mask, int flags,
		    const struct cred *cred, struct file **out);
bool file_is_signalfd(struct file *f);
void signalfd_set_mask(struct file *f, lx_sigset_t mask);
