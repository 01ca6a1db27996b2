// SPDX-License-Identifier: Apache-2.0
/* Calls of memory management: arguments and files; sentry/mm does the rest. */
#include "sentry/abi/mman.h"
#include "sentry/mm/mm.h"
#include "sentry/syscall/syscall.h"
#include "sentry/task/fdtable.h"
#include "sentry/task/limits.h"
#include "sentry/task/personality.h"

#define LX_MLOCK_ONFAULT 1

static unsigned wanted_vm_flags(unsigned prot, unsigned flags)
{
	unsigned vm = prot & (VM_READ | VM_WRITE | VM_EXEC); /* the same bits as PROT_* */
	unsigned type = flags & LX_MAP_TYPE;

	if (type == LX_MAP_SHARED || type == LX_MAP_SHARED_VALIDATE)
		vm |= VM_SHARED | VM_MAYSHARE;
	return vm;
}

static int map_file(struct task *t, struct mmap_args *a, int fd, uaddr_t *out)
{
	AUTO_PUT(file) struct file *f = NULL;
	int r;

	r = fd_lookup(t->files, fd, &f);
	if (r)
		return r;
	if (!a->size)
		return -EINVAL;
	r = file_mappable(f, wanted_vm_flags(a->prot, a->flags), a->off, a->size, &a->m,
			  &a->may);
	if (r)
		return r;
	if (!(a->may & VM_MAYEXEC) && (t->personality & LX_READ_IMPLIES_EXEC))
		a->prot &= ~(unsigned)LX_PROT_EXEC;
	a->file = f;
	r = mm_mmap(t->mem.mm, a, out);
	a->m->ops->put(a->m);
	return r;
}

SYSCALL6(mmap, uaddr_t addr, uint64_t size, uint64_t prot, uint64_t flags, int fd,
	 uint64_t off)
{
	struct mm_limits limits = task_mm_limits(t);
	struct mmap_args a = {
		.addr = addr,
		.size = size,
		.prot = (unsigned)prot,
		.flags = (unsigned)flags,
		.off = off,
		.limits = &limits,
	};
	bool implied = (t->personality & LX_READ_IMPLIES_EXEC) && (prot & LX_PROT_READ) &&
		       !(prot & LX_PROT_EXEC);
	uaddr_t out;
	int r;

	if (off & ~PAGE_MASK)
		return -EINVAL;
	if (implied && (flags & LX_MAP_ANONYMOUS))
		a.prot |= LX_PROT_EXEC;
	if (flags & LX_MAP_ANONYMOUS)
		r = mm_mmap(t->mem.mm, &a, &out);
	else
		r = map_file(t, &a, fd, &out);
	return r ? r : (int64_t)out;
}

SYSCALL2(munmap, uaddr_t addr, uint64_t size)
{
	return mm_munmap(t->mem.mm, addr, size);
}

SYSCALL3(mprotect, uaddr_t addr, uint64_t size, uint64_t prot)
{
	if ((t->personality & LX_READ_IMPLIES_EXEC) && (prot & LX_PROT_READ))
		prot |= LX_PROT_EXEC;
	return mm_mprotect(t->mem.mm, addr, size, (unsigned)prot);
}

SYSCALL5(mremap, uaddr_t old, uint64_t old_size, uint64_t new_size, uint64_t flags,
	 uaddr_t new_addr)
{
	struct mm_limits limits = task_mm_limits(t);
	uaddr_t out;
	int r;

	if (flags &
	    ~(uint64_t)(LX_MREMAP_MAYMOVE | LX_MREMAP_FIXED | LX_MREMAP_DONTUNMAP))
		return -EINVAL;
	r = mm_mremap(t->mem.mm, old, old_size, new_size, (unsigned)flags, new_addr,
		      &limits, &out);
	return r ? r : (int64_t)out;
}

SYSCALL1(brk, uaddr_t brk)
{
	struct mm_limits limits = task_mm_limits(t);

	return (int64_t)mm_brk(t->mem.mm, brk, &limits);
}

SYSCALL3(madvise, uaddr_t addr, uint64_t size, int advice)
{
	return mm_madvise(t->mem.mm, addr, size, advice);
}

SYSCALL3(msync, uaddr_t addr, uint64_t size, int flags)
{
	return mm_msync(t->mem.mm, addr, size, flags);
}

SYSCALL3(mincore, uaddr_t addr, uint64_t size, uaddr_t vec)
{
	return mm_mincore(t->mem.mm, addr, size, &t->mem, vec);
}

static int64_t lock_range(struct task *t, uaddr_t addr, uint64_t size, bool lock,
			  bool on_fault)
{
	struct mm_limits limits = task_mm_limits(t);

	return mm_mlock(t->mem.mm, addr, size, lock, on_fault, &limits);
}

SYSCALL2(mlock, uaddr_t addr, uint64_t size)
{
	return lock_range(t, addr, size, true, false);
}

SYSCALL3(mlock2, uaddr_t addr, uint64_t size, int flags)
{
	if (flags & ~LX_MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(t, addr, size, true, flags & LX_MLOCK_ONFAULT);
}

SYSCALL2(munlock, uaddr_t addr, uint64_t size)
{
	return lock_range(t, addr, size, false, false);
}

SYSCALL1(mlockall, int flags)
{
	struct mm_limits limits = task_mm_limits(t);

	return mm_mlockall(t->mem.mm, (unsigned)flags, &limits);
}

SYSCALL0(munlockall)
{
	mm_munlockall(t->mem.mm);
	return 0;
}

/* A processor without protection keys, as far as the guest is told. */
SYSCALL2(pkey_alloc, uint64_t flags, uint64_t rights)
{
	(void)t;
	(void)flags;
	(void)rights;
	return -EINVAL;
}

SYSCALL1(pkey_free, int key)
{
	(void)t;
	(void)key;
	return -EINVAL;
}

SYSCALL4(pkey_mprotect, uaddr_t addr, uint64_t size, uint64_t prot, int key)
{
	return key == -1 ? do_mprotect(t, addr, size, prot) : -EINVAL;
}
