// SPDX-License-Identifier: Apache-2.0
/*
 * The working directory: there are no calls for extended attributes and inotify that start
 * from a descriptor, so a worker goes where the name is. Each worker has a directory of
 * its own; where the host forbids that (Docker's filter lets only CAP_SYS_ADMIN unshare
 * anything) they share one and go there one at a time.
 */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "gofer/internal.h"
#include "sentry/base/host.h"

int cwd_own(struct session *s)
{
	int r = (int)host_ret(unshare(CLONE_FS));

	if (!r || r == -ENOMEM)
		return r;
	/* Forbidden, to the first worker as to all: nobody stands there without the lock. */
	atomic_store(&s->shares_cwd, true);
	return 0;
}

int cwd_enter(struct session *s, int hfd)
{
	int r;

	if (atomic_load(&s->shares_cwd))
		mutex_lock(&s->cwd);
	r = (int)host_ret(fchdir(hfd));
	if (r < 0)
		cwd_leave(s);
	return r;
}

void cwd_leave(struct session *s)
{
	if (atomic_load(&s->shares_cwd))
		mutex_unlock(&s->cwd);
}
