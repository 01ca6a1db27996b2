// SPDX-License-Identifier: Apache-2.0
/* Other processes' memory and identity: process_vm_readv, process_vm_writev, kcmp. */
#include <string.h>

#include "sentry/abi/mman.h"
#include "sentry/base/alloc.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/uio.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/fs_struct.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/signal.h"

/* Moved through a buffer of ours: both ends may fault, and be lazily populated. */
#define CHUNK 65536u

static ssize_t move_chunk(struct uio *local, struct uio *remote, void *buf, size_t n,
			  bool write)
{
	struct uio *from = write ? local : remote, *to = write ? remote : local;
	ssize_t got, put;

	got = uio_copy_from(from, buf, n);
	if (got <= 0)
		return got;
	put = uio_copy_to(to, buf, (size_t)got);
	return put;
}

static int64_t move_all(struct uio *local, struct uio *remote, bool write)
{
	AUTO_FREE void *buf = mem_alloc(CHUNK);
	int64_t done = 0;
	ssize_t r = 0;

	if (!buf)
		return -ENOMEM;
	while (local->left && remote->left) {
		size_t n = min_t(size_t, local->left, remote->left);

		n = min_t(size_t, n, CHUNK);
		r = move_chunk(local, remote, buf, n, write);
		if (r <= 0)
			break;
		done += r;
		if ((size_t)r < n)
			break;
	}
	return done ? done : r;
}

static int target_mm(struct task *t, int pid, struct mm **out)
{
	AUTO_PUT(task) struct task *target = task_lookup(t, pid);
	int r;

	*out = NULL;
	if (!target)
		return -ESRCH;
	/* In this order: see claim_mm() of exec. */
	*out = task_mm_get(target);
	r = task_may_ptrace(t, target, true);
	if (r && *out)
		mm_put(TAKE_PTR(*out));
	return r ? r : *out ? 0 : -ESRCH;
}

static int64_t vm_rw(struct task *t, int pid, uaddr_t lvec, uint64_t n_local,
		     uaddr_t rvec, uint64_t n_remote, uint64_t flags, bool write)
{
	struct uio local, remote;
	struct mm *mm;
	int64_t r;

	if (flags)
		return -EINVAL;
	r = uio_init_iovec(&local, &t->mem, lvec, n_local);
	if (r)
		return r;
	r = uio_init_iovec(&remote, &t->mem, rvec, n_remote);
	if (r) {
		uio_done(&local);
		return r;
	}
	if (!local.left || !remote.left) {
		r = 0;
	} else {
		r = target_mm(t, pid, &mm);
		if (!r) {
			/* The vector was the caller's, what it names is the other's. */
			remote.mem = (struct umem){.mm = mm};
			for (unsigned i = 0; i < remote.n_iov; i++)
				mm_unpatch(mm, remote.iov[i].base, remote.iov[i].len);
			r = move_all(&local, &remote, write);
			mm_put(mm);
		}
	}
	uio_done(&remote);
	uio_done(&local);
	return r;
}

SYSCALL6(process_vm_readv, int pid, uaddr_t lvec, uint64_t n_local, uaddr_t rvec,
	 uint64_t n_remote, uint64_t flags)
{
	return vm_rw(t, pid, lvec, n_local, rvec, n_remote, flags, false);
}

SYSCALL6(process_vm_writev, int pid, uaddr_t lvec, uint64_t n_local, uaddr_t rvec,
	 uint64_t n_remote, uint64_t flags)
{
	return vm_rw(t, pid, lvec, n_local, rvec, n_remote, flags, true);
}

/* --- process_madvise ----------------------------------------------------- */

/* Advice that leaves another process's contents as they are. */
static bool advice_is_harmless(int advice)
{
	return advice == LX_MADV_COLD || advice == LX_MADV_PAGEOUT ||
	       advice == LX_MADV_WILLNEED || advice == LX_MADV_COLLAPSE;
}

static int64_t advise_all(struct mm *mm, struct uio *u, int advice)
{
	int64_t done = 0;

	for (unsigned i = 0; i < u->n_iov; i++) {
		int r = mm_madvise(mm, u->iov[i].base, u->iov[i].len, advice);

		if (r)
			return done ? done : r;
		done += (int64_t)u->iov[i].len;
	}
	return done;
}

SYSCALL5(process_madvise, int pidfd, uaddr_t vec, uint64_t n, int advice, unsigned flags)
{
	AUTO_PUT(task) struct task *target = NULL;
	struct mm *mm = NULL;
	struct pid *pid;
	struct uio u;
	int64_t r;

	if (flags)
		return -EINVAL;
	r = uio_init_iovec(&u, &t->mem, vec, n);
	if (r)
		return r;
	r = pidfd_lookup(t, pidfd, &pid, NULL);
	target = r ? NULL : pid_process_get(t->k, pid);
	if (!r)
		pid_put(pid);
	if (!r && !target)
		r = -ESRCH;
	if (!r && !advice_is_harmless(advice))
		r = -EINVAL;
	if (!r)
		r = task_may_ptrace(t, target, false);
	if (!r && target->tg != t->tg && !task_capable(t, LX_CAP_SYS_NICE))
		r = -EPERM;
	if (!r && !(mm = task_mm_get(target)))
		r = -ESRCH;
	if (!r) {
		r = advise_all(mm, &u, advice);
		mm_put(mm);
	}
	uio_done(&u);
	return r;
}

/* --- kcmp ---------------------------------------------------------------- */

enum { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO, KCMP_SYSVSEM };

/* An order that does not give our addresses away: of hashes. */
static int64_t compare(const void *a, const void *b)
{
	uint64_t x = hash_u64((uintptr_t)a), y = hash_u64((uintptr_t)b);

	return x == y ? 0 : x < y ? 1 : 2;
}

static int64_t compare_files(struct task *a, struct task *b, int fd_a, int fd_b)
{
	struct file *fa = NULL, *fb = NULL;
	struct fdtable *ta, *tb;
	int64_t r = -EBADF;

	mutex_lock(&a->lock);
	ta = a->files ? fdtable_get(a->files) : NULL;
	mutex_unlock(&a->lock);
	mutex_lock(&b->lock);
	tb = b->files ? fdtable_get(b->files) : NULL;
	mutex_unlock(&b->lock);
	if (ta && tb && !fd_lookup_path(ta, fd_a, &fa) && !fd_lookup_path(tb, fd_b, &fb))
		r = compare(fa, fb);
	if (fa)
		file_put(fa);
	if (fb)
		file_put(fb);
	if (ta)
		fdtable_put(ta, NULL);
	if (tb)
		fdtable_put(tb, NULL);
	return r;
}

static const void *part_of(struct task *t, int type)
{
	const void *p;

	mutex_lock(&t->lock);
	switch (type) {
	case KCMP_VM:
		p = t->mem.mm;
		break;
	case KCMP_FILES:
		p = t->files;
		break;
	case KCMP_FS:
		p = t->fs;
		break;
	case KCMP_SYSVSEM:
		/* Its own thread makes it at any time: only the address counts. */
		p = atomic_load_explicit(&t->sem_undo, memory_order_relaxed);
		break;
	case KCMP_IO:
		p = NULL; /* no task has an I/O context */
		break;
	default:
		p = t->tg->sighand;
		break;
	}
	mutex_unlock(&t->lock);
	return p;
}

SYSCALL5(kcmp, int pid1, int pid2, int type, uint64_t idx1, uint64_t idx2)
{
	AUTO_PUT(task) struct task *a = task_lookup(t, pid1);
	AUTO_PUT(task) struct task *b = task_lookup(t, pid2);

	if (!a || !b)
		return -ESRCH;
	if (task_may_ptrace(t, a, true) || task_may_ptrace(t, b, true))
		return -EPERM;
	switch (type) {
	case KCMP_FILE:
		return compare_files(a, b, (int)idx1, (int)idx2);
	case KCMP_VM:
	case KCMP_FILES:
	case KCMP_FS:
	case KCMP_SIGHAND:
	case KCMP_IO:
	case KCMP_SYSVSEM:
		return compare(part_of(a, type), part_of(b, type));
	default:
		return -EINVAL;
	}
}
