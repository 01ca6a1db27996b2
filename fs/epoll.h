// SPDX-License-Identifier: Apache-2.0
/* epoll: an interest set that is itself a file. Source: epoll(7), epoll_ctl(2). */
#pragma once

#include "fs/vfs.h"
#include "sentry/abi/epoll.h"

struct epoll;

int epoll_create_file(struct kernel *k, const struct cred *cred, struct file **out);
/* The set behind @f, borrowed; NULL if it is no epoll. */
struct epoll *file_epoll(struct file *f);

/*
 * epoll_change - epoll_ctl(2): @target is what @fd names in the caller's table
 * (borrowed). -EEXIST, -ENOENT, -EPERM (cannot be polled), -EINVAL, -ELOOP, -ENOSPC,
 * -ENOMEM.
 */
int epoll_change(struct epoll *ep, int op, int fd, struct file *target,
		 const struct lx_epoll_event *event, const struct cred *cred);

/*
 * epoll_collect - up to @max ready events to @to, in the order they became ready; how
 * many. Never sleeps and faults nothing in. -EFAULT: there are some, but none could be
 * written; none is lost: uio_fault_in(), then try again.
 */
struct uio;
int epoll_collect(struct epoll *ep, struct uio *to, int max);
/* Where epoll_wait(2) sleeps; waiters are exclusive. */
struct waitq *epoll_waitq(struct epoll *ep);

/* Admits one EPOLL_CTL_ADD among sets in sets at a time; the VFS core's state holds it. */
struct epoll_nest {
	struct mutex lock; /* LOCK_EPOLL_NEST */
	uint64_t n_checks; /* protected by lock */
};
struct epoll_nest *vfs_epoll_nest(struct kernel *k);

/* The last reference to @f is gone: out of every set. Called before f->ops->release. */
void epoll_file_closed(struct file *f);
