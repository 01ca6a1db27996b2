// SPDX-License-Identifier: Apache-2.0
/*
 * POSIX message queues: mq_open and its kin. Names come without libc's leading slash.
 * Whoever finds a queue full or empty sleeps as poll(2) does, then tries again.
 */
#include "fs/mqueue/mqueue.h"
#include "sentry/base/alloc.h"
#include "sentry/syscall/syscall.h"
#include "sentry/syscall/time_args.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/io_wait.h"
#include "sentry/task/posix_timer.h"

static int name_from_user(struct task *t, uaddr_t uname, char name[LX_NAME_MAX + 1])
{
	ssize_t n = copy_string_from_user(&t->mem, name, uname, LX_NAME_MAX + 1);

	return n < 0 ? (int)n : 0;
}

SYSCALL4(mq_open, uaddr_t uname, int flags, uint32_t mode, uaddr_t uattr)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	char name[LX_NAME_MAX + 1];
	struct lx_mq_attr attr;
	struct super *sb;
	struct file *f;
	int r;

	if (uattr && get_user(&t->mem, attr, uattr))
		return -EFAULT;
	r = name_from_user(t, uname, name);
	if (r)
		return r;
	task_vfs_ctx(t, &c);
	sb = mqueue_super_of(t);
	r = mqueue_open(&c, sb, name, flags, mode, uattr ? &attr : NULL,
			task_rlimit(t, LX_RLIMIT_MSGQUEUE), &f);
	super_put(sb);
	if (r)
		return r;
	r = fd_install(t, f, 0, LX_FD_CLOEXEC);
	if (r < 0)
		file_put(f);
	return r;
}

SYSCALL1(mq_unlink, uaddr_t uname)
{
	AUTO_VFS_CTX struct vfs_ctx c = {0};
	char name[LX_NAME_MAX + 1];
	struct super *sb;
	int r = name_from_user(t, uname, name);

	if (r)
		return r;
	task_vfs_ctx(t, &c);
	sb = mqueue_super_of(t);
	r = mqueue_unlink(&c, sb, name);
	super_put(sb);
	return r;
}

/* @mode: FMODE_* it must be open for. */
static int queue_lookup(struct task *t, int fd, unsigned mode, struct file **out)
{
	int r = fd_lookup(t->files, fd, out);

	if (r)
		return r;
	return file_is_mqueue(*out) && ((*out)->mode & mode) == mode ? 0 : -EBADF;
}

/* An absolute time of the real-time clock; 0: none. */
static int deadline_of(struct task *t, uaddr_t utime, int64_t *deadline_ns)
{
	struct lx_timespec ts;

	*deadline_ns = NO_DEADLINE;
	if (!utime)
		return 0;
	if (get_user(&t->mem, ts, utime))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	*deadline_ns = deadline_after(timespec_ns(&ts) - clock_real_ns());
	return 0;
}

/* 0: try again. */
static int wait_for(struct task *t, struct file *f, uint32_t events, int64_t deadline_ns)
{
	int r;

	if (atomic_load(&f->flags) & LX_O_NONBLOCK)
		return -EAGAIN;
	r = file_wait_for(t, f, events, deadline_ns);
	return r == -EINTR ? -ERESTARTSYS : r;
}

SYSCALL5(mq_timedsend, int fd, uaddr_t buf, size_t size, unsigned prio, uaddr_t utime)
{
	AUTO_PUT(file) struct file *f = NULL;
	AUTO_FREE struct mq_message *m = NULL;
	int64_t deadline_ns;
	int r;

	if (prio >= MQ_PRIO_MAX)
		return -EINVAL;
	r = deadline_of(t, utime, &deadline_ns);
	if (!r)
		r = queue_lookup(t, fd, FMODE_WRITE, &f);
	if (r)
		return r;
	if (size > mqueue_message_size(f))
		return -EMSGSIZE;
	m = mem_alloc(sizeof(*m) + size);
	if (!m)
		return -ENOMEM;
	m->prio = prio;
	m->size = size;
	if (copy_from_user(&t->mem, m->text, buf, size))
		return -EFAULT;
	do {
		r = mqueue_send(f, &m, t);
		if (r == -EAGAIN)
			r = wait_for(t, f, LX_POLLOUT, deadline_ns);
	} while (!r && m);
	return r;
}

static int receive(struct task *t, struct file *f, int64_t deadline_ns,
		   struct mq_message **m)
{
	int r = mqueue_receive(f, m);

	if (r != -EAGAIN)
		return r;
	mqueue_waiting(f, 1);
	do {
		r = wait_for(t, f, LX_POLLIN, deadline_ns);
		if (!r)
			r = mqueue_receive(f, m);
		else
			break;
	} while (r == -EAGAIN);
	mqueue_waiting(f, -1);
	return r;
}

SYSCALL5(mq_timedreceive, int fd, uaddr_t buf, size_t size, uaddr_t uprio, uaddr_t utime)
{
	AUTO_PUT(file) struct file *f = NULL;
	AUTO_FREE struct mq_message *m = NULL;
	int64_t deadline_ns;
	int r;

	r = deadline_of(t, utime, &deadline_ns);
	if (!r)
		r = queue_lookup(t, fd, FMODE_READ, &f);
	if (r)
		return r;
	if (size < mqueue_message_size(f))
		return -EMSGSIZE;
	r = receive(t, f, deadline_ns, &m);
	if (r)
		return r;
	/* A message that cannot be delivered is lost, as on Linux. */
	if ((uprio && put_user(&t->mem, uprio, m->prio)) ||
	    copy_to_user(&t->mem, buf, m->text, m->size))
		return -EFAULT;
	return (int64_t)m->size;
}

/*
 * A thread of its own (SIGEV_THREAD) is libc's, told through a netlink socket: none here.
 */
static int notify_of(struct task *t, uaddr_t uevent, struct mq_notify *n)
{
	struct lx_sigevent ev;

	if (get_user(&t->mem, ev, uevent))
		return -EFAULT;
	if (ev.notify != LX_SIGEV_NONE && ev.notify != LX_SIGEV_SIGNAL)
		return -EINVAL;
	if (ev.notify == LX_SIGEV_SIGNAL && (ev.signo < 0 || ev.signo > LX_NSIG))
		return -EINVAL;
	*n = (struct mq_notify){.value = ev.value};
	if (ev.notify == LX_SIGEV_SIGNAL)
		n->signo = ev.signo;
	return 0;
}

SYSCALL2(mq_notify, int fd, uaddr_t uevent)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct mq_notify n;
	int r = uevent ? notify_of(t, uevent, &n) : 0;

	if (!r)
		r = queue_lookup(t, fd, 0, &f);
	return r ? r : mqueue_notify(f, t->tg->pid_self, uevent ? &n : NULL);
}

SYSCALL3(mq_getsetattr, int fd, uaddr_t unew, uaddr_t uold)
{
	AUTO_PUT(file) struct file *f = NULL;
	struct lx_mq_attr new = {0}, old;
	int r;

	if (unew && get_user(&t->mem, new, unew))
		return -EFAULT;
	if (new.flags & ~(int64_t)LX_O_NONBLOCK)
		return -EINVAL;
	r = queue_lookup(t, fd, 0, &f);
	if (r)
		return r;
	mqueue_attr(f, &old);
	if (unew && new.flags)
		atomic_fetch_or(&f->flags, LX_O_NONBLOCK);
	else if (unew)
		atomic_fetch_and(&f->flags, ~(unsigned)LX_O_NONBLOCK);
	return uold && put_user(&t->mem, uold, old) ? -EFAULT : 0;
}
