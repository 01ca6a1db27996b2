// SPDX-License-Identifier: Apache-2.0
/*
 * mprotect(2). Works area by area like Linux: what stands before a gap or a refusal stays
 * changed, and the error is returned.
 */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

/*
 * Give the host mappings of @v the rights @flags. Of a file only what is mapped is there
 * to be changed; shared pages that are not writable yet stay so, to fault on a write.
 */
static int protect_on_host(struct vma *v, unsigned flags)
{
	struct addr_space *as = v->mm->as;
	unsigned prot = vm_prot_to_as(flags);
	int r = 0;

	if (!v->m)
		return as->ops->protect(as, v->start, vma_size(v), prot);
	mutex_lock(&v->m->lock);
	for (struct range *g = ranges_find(&v->mapped, v->start); g && !r;
	     g = ranges_next(g))
		r = as->ops->protect(as, g->start, g->end - g->start,
				     g->writable ? prot
						 : prot & ~(unsigned)AS_PROT_WRITE);
	mutex_unlock(&v->m->lock);
	return r;
}

static unsigned new_flags(const struct vma *v, unsigned access)
{
	unsigned flags = (v->flags & ~(unsigned)VM_ACCESS) | access;

	/*
	 * As Linux with memory that was never touched: what the host touched, it knows
	 * alone.
	 */
	if (!(flags & VM_WRITE) && !v->m)
		flags &= ~(unsigned)VM_ACCOUNT;
	else if (flags & VM_WRITE && !(v->flags & (VM_WRITE | VM_SHARED | VM_NORESERVE)))
		flags |= VM_ACCOUNT;
	return flags;
}

/* @v lies inside the range; its flags change as a whole. */
static int protect_vma(struct mm *mm, struct vma *v, unsigned flags)
{
	/* Rights that are only taken: before the guest runs on is soon enough. */
	bool taken = !(flags & (VM_WRITE | VM_EXEC)) && mm_may_take_later(mm);
	int r;

	/*
	 * Becoming data may exceed RLIMIT_DATA; what exceeded it before may not get
	 * worse.
	 */
	if (!mm_may_expand(mm, flags, vma_size(v)) &&
	    mm_may_expand(mm, v->flags, vma_size(v)))
		return -ENOMEM;
	if (taken)
		mm_later(mm, true);
	r = protect_on_host(v, flags);
	if (taken)
		mm_later(mm, false);
	if (r)
		return r;
	vma_set_flags(mm, v, flags);
	return 0;
}

static int protect_range(struct mm *mm, uaddr_t start, uaddr_t end, unsigned access)
	MUST_HOLD(mm->lock)
{
	uaddr_t at = start;
	int r = 0;

	while (at < end) {
		struct vma *v = mm_find_vma_locked(mm, at);
		uaddr_t stop;
		unsigned flags;

		if (!v || v->start > at) {
			r = -ENOMEM;
			break;
		}
		flags = new_flags(v, access);
		if ((flags & VM_ACCESS) & ~(flags >> 4)) {
			r = -EACCES;
			break;
		}
		stop = min_t(uaddr_t, v->end, end);
		if (flags != v->flags) {
			r = vma_split_range(mm, at, stop, false);
			if (!r)
				r = protect_vma(mm, mm_find_vma_locked(mm, at), flags);
			if (r)
				break;
		}
		at = stop;
	}
	vma_merge_range(mm, start,
			min_t(uaddr_t, end, max_t(uaddr_t, at, start) + PAGE_SIZE));
	return r;
}

int mm_mprotect(struct mm *mm, uaddr_t addr, uint64_t size, unsigned prot)
{
	unsigned grows = prot & (LX_PROT_GROWSDOWN | LX_PROT_GROWSUP), access = 0;
	uaddr_t end;
	struct vma *v;
	int r;

	prot &= ~grows;
	if (grows == (LX_PROT_GROWSDOWN | LX_PROT_GROWSUP) || addr % PAGE_SIZE)
		return -EINVAL;
	if (!size)
		return 0;
	if (!add_ok(addr, page_up(size), &end) || end <= addr)
		return -ENOMEM;
	if (prot & ~(unsigned)(LX_PROT_READ | LX_PROT_WRITE | LX_PROT_EXEC | LX_PROT_SEM))
		return -EINVAL;
	access = (prot & LX_PROT_READ ? VM_READ : 0) |
		 (prot & LX_PROT_WRITE ? VM_WRITE : 0) |
		 (prot & LX_PROT_EXEC ? VM_EXEC : 0);

	mutex_lock(&mm->lock);
	v = mm_find_vma_locked(mm, addr);
	r = 0;
	if (grows && v && v->start < end) {
		/*
		 * The range grows to the end of a growing area: how a stack becomes
		 * executable.
		 */
		if (!(v->flags & VM_GROWSDOWN) || grows == LX_PROT_GROWSUP)
			r = -EINVAL;
		else
			addr = v->start;
	} else if (!v || v->start > addr) {
		r = -ENOMEM;
	}
	if (!r)
		r = protect_range(mm, addr, end, access);
	mutex_unlock(&mm->lock);
	return r;
}
