// SPDX-License-Identifier: Apache-2.0
/* pidfds: readable when the process has ended, hung up when it is reaped as well. */
#include "sentry/task/pidfd.h"

#include "fs/vfs.h"
#include "sentry/abi/errno.h"
#include "sentry/base/strbuf.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/internal.h"

struct task *pid_process_get(struct kernel *k, struct pid *pid)
{
	struct task *t = NULL;

	mutex_lock(&k->tasklist);
	if (!list_empty(&pid->members[PIDTYPE_TGID]))
		t = task_get(list_entry(pid->members[PIDTYPE_TGID].next,
					struct thread_group, pid_node[PIDTYPE_TGID])
				     ->leader);
	mutex_unlock(&k->tasklist);
	return t;
}

static uint32_t pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct pid *pid = f->priv;
	struct kernel *k = pid->nr[0].ns->k;
	uint32_t events = 0;

	poll_wait(pt, &pid->exit_wait);
	mutex_lock(&k->tasklist);
	if (list_empty(&pid->members[PIDTYPE_TGID]))
		events = LX_POLL_IN_MASK | LX_POLLHUP;
	else if (list_entry(pid->members[PIDTYPE_TGID].next, struct thread_group,
			    pid_node[PIDTYPE_TGID])
			 ->zombie)
		events = LX_POLL_IN_MASK;
	mutex_unlock(&k->tasklist);
	return events;
}

static void pidfd_release(struct file *f)
{
	pid_put(f->priv);
}

/* As the outermost namespace sees it;
 * whoever reads this is somewhere, but unknown here. */
static void pidfd_show_fdinfo(struct file *f, struct strbuf *out)
{
	struct pid *pid = f->priv;

	sb_printf(out, "Pid:\t%d\nNSpid:", pid->task ? pid->nr[0].nr : -1);
	for (unsigned i = 0; i <= pid->level; i++)
		sb_printf(out, "\t%d", pid->nr[i].nr);
	sb_puts(out, "\n");
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.no_async = true,
	.release = pidfd_release,
	.show_fdinfo = pidfd_show_fdinfo,
};

int pidfd_create(struct task *t, struct pid *pid, int flags)
{
	struct file *f;
	int r;

	r = anon_file_create(t->k, "[pidfd]", &pidfd_ops, pid_get(pid),
			     LX_O_RDWR | (flags & LX_O_NONBLOCK), t->cred, &f);
	if (r) {
		pid_put(pid);
		return r;
	}
	r = fd_install(t, f, 0, LX_FD_CLOEXEC);
	if (r < 0)
		file_put(f);
	return r;
}

struct pid *pidfd_pid(const struct file *f)
{
	return f->ops == &pidfd_ops ? f->priv : NULL;
}

int pidfd_lookup(struct task *t, int fd, struct pid **out, unsigned *flags)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct pid *pid;
	int r;

	*out = NULL;
	r = fd_lookup(t->files, fd, &f);
	if (r)
		return r;
	pid = pidfd_pid(f);
	if (!pid)
		return -EBADF;
	if (flags)
		*flags = atomic_load(&f->flags);
	*out = pid_get(pid);
	return 0;
}
