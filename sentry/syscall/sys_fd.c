// SPDX-License-Identifier: Apache-2.0
/* Descriptors: close(2), dup(2), close_range(2), fcntl(2). */
#include "fs/anon/memfd.h"
#include "fs/lock.h"
#include "fs/fasync.h"
#include "fs/pipe.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/io_wait.h"

#define LX_CLOSE_RANGE_UNSHARE 2u
#define LX_CLOSE_RANGE_CLOEXEC 4u

#define LX_F_DUPFD_QUERY 1027

SYSCALL1(close, int fd)
{
	int r = fd_close(t, fd);

	/* The descriptor is gone: a restart would close somebody else's. */
	return r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK ? -EINTR : r;
}

/* Takes the descriptor's file to another number. */
static int64_t dup_min(struct task *t, int fd, int min, int fd_flags)
{
	struct file *f;
	int r = fd_lookup_path(t->files, fd, &f);

	if (r)
		return r;
	r = fd_install(t, f, min, fd_flags);
	if (r < 0)
		file_put(f);
	return r;
}

static int64_t dup_at(struct task *t, int old, int new, int fd_flags)
{
	struct file *f;
	int r;

	if (new < 0 || (uint64_t) new >= task_rlimit(t, LX_RLIMIT_NOFILE))
		return -EBADF;
	r = fd_lookup_path(t->files, old, &f);
	if (r)
		return r;
	r = fd_install_at(t, f, new, fd_flags);
	if (r < 0)
		file_put(f);
	return r;
}

SYSCALL1(dup, int fd)
{
	return dup_min(t, fd, 0, 0);
}

SYSCALL2(dup2, int old, int new)
{
	if (old == new) {
		int r = fd_get_flags(t->files, old);

		return r < 0 ? r : new;
	}
	return dup_at(t, old, new, 0);
}

SYSCALL3(dup3, int old, int new, int flags)
{
	if ((flags & ~LX_O_CLOEXEC) || old == new)
		return -EINVAL;
	return dup_at(t, old, new, flags & LX_O_CLOEXEC ? LX_FD_CLOEXEC : 0);
}

SYSCALL3(close_range, unsigned first, unsigned last, unsigned flags)
{
	struct fdtable *own;
	int r;

	if ((flags & ~(LX_CLOSE_RANGE_UNSHARE | LX_CLOSE_RANGE_CLOEXEC)) || first > last)
		return -EINVAL;
	if ((flags & LX_CLOSE_RANGE_UNSHARE) && fdtable_shared(t->files)) {
		r = fdtable_copy(t->files, &own);
		if (r)
			return r;
		task_set_files(t, own);
	}
	return fd_close_range(t, first, last, flags & LX_CLOSE_RANGE_CLOEXEC);
}

/* --- fcntl: locks -------------------------------------------------------- */

static bool is_ofd(int cmd)
{
	return cmd == LX_F_OFD_GETLK || cmd == LX_F_OFD_SETLK || cmd == LX_F_OFD_SETLKW;
}

static int64_t get_lock(struct task *t, struct file *f, int cmd, uaddr_t arg)
{
	struct lx_flock l;
	int64_t start, end;
	int r;

	if (get_user(&t->mem, l, arg))
		return -EFAULT;
	if ((l.type != LX_F_RDLCK && l.type != LX_F_WRLCK) || (is_ofd(cmd) && l.pid))
		return -EINVAL;
	r = flock_range(f, &l, &start, &end);
	if (!r)
		r = posix_lock_get(f, is_ofd(cmd) ? (void *)f : t->files, &l, start, end);
	if (r)
		return r;
	return put_user(&t->mem, arg, l);
}

static int64_t set_lock(struct task *t, struct file *f, int fd, int cmd, uaddr_t arg)
{
	bool ofd = is_ofd(cmd), wait = cmd == LX_F_SETLKW || cmd == LX_F_OFD_SETLKW;
	const void *owner = ofd ? (const void *)f : t->files;
	int pid = ofd ? -1 : task_tgid_for(t, t);
	AUTO_PUT(file) struct file *still = NULL;
	struct lx_flock l;
	int64_t start, end, r;

	if (get_user(&t->mem, l, arg))
		return -EFAULT;
	if (ofd && l.pid)
		return -EINVAL;
	if (l.type != LX_F_RDLCK && l.type != LX_F_WRLCK && l.type != LX_F_UNLCK)
		return -EINVAL;
	r = flock_range(f, &l, &start, &end);
	if (r)
		return r;
	if (wait)
		r = posix_lock_wait(t, f, owner, pid, l.type, start, end);
	else
		r = posix_lock_set(f, owner, pid, l.type, start, end, NULL);
	/* Closed meanwhile by another thread: that close has not seen this lock. */
	if (!r && !ofd && l.type != LX_F_UNLCK &&
	    (fd_lookup(t->files, fd, &still) || still != f)) {
		posix_lock_set(f, owner, pid, LX_F_UNLCK, start, end, NULL);
		r = -EBADF;
	}
	return r;
}

/* --- fcntl: who gets SIGIO ----------------------------------------------- */

enum { OWNER_TID, OWNER_PID, OWNER_PGRP }; /* F_OWNER_* */

struct lx_owner_ex {
	int32_t type, pid;
};

static int64_t set_owner(struct task *t, struct file *f, int type, int nr)
{
	struct pid *pid = NULL, *old;

	if (nr) {
		pid = pid_lookup(task_pid_ns(t), nr);
		if (!pid)
			return -ESRCH;
	}
	mutex_lock(&f->lock);
	old = f->owner.pid;
	f->owner.pid = pid;
	f->owner.type = type;
	f->owner.uid = t->cred->uid;
	f->owner.euid = t->cred->euid;
	mutex_unlock(&f->lock);
	pid_put(old);
	return 0;
}

static struct lx_owner_ex get_owner(struct task *t, struct file *f)
{
	struct lx_owner_ex o;

	mutex_lock(&f->lock);
	o = (struct lx_owner_ex){f->owner.type, pid_nr_in(f->owner.pid, task_pid_ns(t))};
	mutex_unlock(&f->lock);
	return o;
}

static int64_t set_owner_old(struct task *t, struct file *f, int arg)
{
	if (arg == INT32_MIN)
		return -EINVAL;
	return arg < 0 ? set_owner(t, f, OWNER_PGRP, -arg)
		       : set_owner(t, f, OWNER_PID, arg);
}

static int64_t set_owner_ex(struct task *t, struct file *f, uaddr_t arg)
{
	struct lx_owner_ex o;

	if (get_user(&t->mem, o, arg))
		return -EFAULT;
	if (o.type < OWNER_TID || o.type > OWNER_PGRP)
		return -EINVAL;
	return set_owner(t, f, o.type, o.pid);
}

static int64_t get_owner_old(struct task *t, struct file *f)
{
	struct lx_owner_ex o = get_owner(t, f);

	return o.type == OWNER_PGRP ? -(int64_t)o.pid : o.pid;
}

static int64_t set_signal(struct file *f, uint64_t arg)
{
	if (arg > LX_NSIG)
		return -EINVAL;
	mutex_lock(&f->lock);
	f->owner.signo = (int)arg;
	mutex_unlock(&f->lock);
	return 0;
}

/* --- fcntl: the rest ----------------------------------------------------- */

#define SETFL_MASK (LX_O_APPEND | LX_O_NONBLOCK | LX_O_DIRECT | LX_O_NOATIME | LX_FASYNC)

static int64_t set_flags(struct task *t, struct file *f, int fd, unsigned arg)
{
	unsigned old = atomic_load(&f->flags), new;
	AUTO_VFS_CTX struct vfs_ctx c;
	int r;

	if (f->ops->no_async)
		arg &= ~(unsigned)LX_FASYNC;
	task_vfs_ctx(t, &c);
	if ((arg & ~old & LX_O_NOATIME) && !inode_owner_or_capable(&c, f->inode))
		return -EPERM;
	r = f->ops->setfl ? f->ops->setfl(f, (int)arg) : 0;
	if (r)
		return r;
	do
		new = (old & ~(unsigned)SETFL_MASK) | (arg & SETFL_MASK);
	while (!atomic_compare_exchange_weak(&f->flags, &old, new));
	return (old ^ new) & LX_FASYNC ? fasync_set(f, fd, new &LX_FASYNC) : 0;
}

static int64_t same_file(struct task *t, struct file *f, int other)
{
	AUTO_PUT(file) struct file *g = NULL;
	int r = fd_lookup_path(t->files, other, &g);

	return r ? r : f == g;
}

static int64_t pipe_fcntl(struct task *t, struct file *f, int cmd, uint64_t arg)
{
	struct pipe *p = file_pipe(f);

	if (!p)
		return -EBADF;
	return cmd == LX_F_GETPIPE_SZ ? pipe_get_size(p)
				      : pipe_set_size(p, (uint32_t)arg, t->cred);
}

static bool allowed_on_path_fd(int cmd)
{
	return cmd == LX_F_DUPFD || cmd == LX_F_DUPFD_CLOEXEC || cmd == LX_F_GETFD ||
	       cmd == LX_F_SETFD || cmd == LX_F_GETFL || cmd == LX_F_DUPFD_QUERY;
}

static int64_t fcntl_file(struct task *t, struct file *f, int fd, int cmd, uint64_t arg)
{
	switch (cmd) {
	case LX_F_GETFL:
		return atomic_load(&f->flags);
	case LX_F_SETFL:
		return set_flags(t, f, fd, (unsigned)arg);
	case LX_F_GETLK:
	case LX_F_OFD_GETLK:
		return get_lock(t, f, cmd, arg);
	case LX_F_SETLK:
	case LX_F_SETLKW:
	case LX_F_OFD_SETLK:
	case LX_F_OFD_SETLKW:
		return set_lock(t, f, fd, cmd, arg);
	case LX_F_SETOWN:
		return set_owner_old(t, f, (int)arg);
	case LX_F_GETOWN:
		return get_owner_old(t, f);
	case LX_F_SETOWN_EX:
		return set_owner_ex(t, f, arg);
	case LX_F_GETOWN_EX: {
		struct lx_owner_ex o = get_owner(t, f);

		return put_user(&t->mem, arg, o);
	}
	case LX_F_SETSIG:
		return set_signal(f, arg);
	case LX_F_GETSIG:
		return f->owner.signo;
	case LX_F_GETLEASE:
		return LX_F_UNLCK; /* there are none */
	case LX_F_SETPIPE_SZ:
	case LX_F_GETPIPE_SZ:
		return pipe_fcntl(t, f, cmd, arg);
	case LX_F_ADD_SEALS:
		return arg >> 32 ? -EINVAL : memfd_add_seals(f, (unsigned)arg);
	case LX_F_GET_SEALS:
		return memfd_get_seals(f);
	default:
		return -EINVAL;
	}
}

SYSCALL3(fcntl, int fd, int cmd, uint64_t arg)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r;

	r = fd_lookup_path(t->files, fd, &f);
	if (r)
		return r;
	if ((f->mode & FMODE_PATH) && !allowed_on_path_fd(cmd))
		return -EBADF;
	switch (cmd) {
	case LX_F_DUPFD:
	case LX_F_DUPFD_CLOEXEC:
		if (arg >= task_rlimit(t, LX_RLIMIT_NOFILE))
			return -EINVAL;
		return dup_min(t, fd, (int)arg,
			       cmd == LX_F_DUPFD_CLOEXEC ? LX_FD_CLOEXEC : 0);
	case LX_F_GETFD:
		return fd_get_flags(t->files, fd);
	case LX_F_SETFD:
		return fd_set_flags(t->files, fd, (int)arg);
	case LX_F_DUPFD_QUERY:
		return same_file(t, f, (int)arg);
	default:
		return fcntl_file(t, f, fd, cmd, arg);
	}
}
