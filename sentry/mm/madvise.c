// SPDX-License-Identifier: Apache-2.0
/*
 * madvise(2). Gaps in the range are stepped over and reported as -ENOMEM at the end; a
 * refusal ends the call where it stands. Advice that only hints is accepted and dropped:
 * the host manages the pages. KSM, memory failure injection and huge page collapse are
 * refused as a kernel built without them does.
 */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

static bool known(int advice)
{
	switch (advice) {
	case LX_MADV_NORMAL ... LX_MADV_DONTNEED:
	case LX_MADV_FREE ... LX_MADV_DOFORK:
	case LX_MADV_HUGEPAGE ... LX_MADV_POPULATE_WRITE:
	case LX_MADV_DONTNEED_LOCKED:
		return true;
	default:
		return false;
	}
}

/* Advice that is kept as flags of the area: 0 and the flags after it, or -EINVAL. */
static int advise_flags(const struct vma *v, int advice, unsigned *flags)
{
	unsigned f = v->flags;

	switch (advice) {
	case LX_MADV_NORMAL:
		f &= ~(unsigned)(VM_SEQ_READ | VM_RAND_READ);
		break;
	case LX_MADV_SEQUENTIAL:
		f = (f & ~(unsigned)VM_RAND_READ) | VM_SEQ_READ;
		break;
	case LX_MADV_RANDOM:
		f = (f & ~(unsigned)VM_SEQ_READ) | VM_RAND_READ;
		break;
	case LX_MADV_DONTFORK:
		f |= VM_DONTFORK;
		break;
	case LX_MADV_DOFORK:
		if (f & VM_SPECIAL)
			return -EINVAL;
		f &= ~(unsigned)VM_DONTFORK;
		break;
	case LX_MADV_WIPEONFORK:
		/* What is shared or a file's has no zeroes to go back to. */
		if (v->m)
			return -EINVAL;
		f |= VM_WIPEONFORK;
		break;
	case LX_MADV_KEEPONFORK:
		f &= ~(unsigned)VM_WIPEONFORK;
		break;
	case LX_MADV_DONTDUMP:
		f |= VM_DONTDUMP;
		break;
	case LX_MADV_DODUMP:
		if (f & VM_SPECIAL)
			return -EINVAL;
		f &= ~(unsigned)VM_DONTDUMP;
		break;
	case LX_MADV_HUGEPAGE:
		f = (f & ~(unsigned)VM_NOHUGEPAGE) | VM_HUGEPAGE;
		break;
	default: /* NOHUGEPAGE */
		f = (f & ~(unsigned)VM_HUGEPAGE) | VM_NOHUGEPAGE;
		break;
	}
	*flags = f;
	return 0;
}

static int set_advice(struct mm *mm, struct vma *v, uaddr_t start, uaddr_t end,
		      int advice) MUST_HOLD(mm->lock)
{
	unsigned flags;
	int r = advise_flags(v, advice, &flags);

	if (r)
		return r;
	/* Huge pages are the host's to give; it may be built without them. */
	if (!v->m && (advice == LX_MADV_HUGEPAGE || advice == LX_MADV_NOHUGEPAGE))
		(void)!mm->as->ops->advise(mm->as, start, end - start, advice);
	if (flags == v->flags)
		return 0;
	r = vma_split_range(mm, start, end, false);
	if (r)
		return r;
	vma_set_flags(mm, mm_find_vma_locked(mm, start), flags);
	vma_merge_range(mm, start, end);
	return 0;
}

/* The content goes: anonymous memory reads as zeroes, a private file area as the file. */
static int drop(struct mm *mm, struct vma *v, uaddr_t start, uaddr_t end, int advice)
{
	int r;

	if (v->flags & VM_LOCKED && advice != LX_MADV_DONTNEED_LOCKED)
		return -EINVAL;
	if (advice == LX_MADV_FREE && v->m)
		return -EINVAL;
	if (!v->m) {
		mm_later(mm, true);
		r = mm->as->ops->advise(mm->as, start, end - start,
					advice == LX_MADV_FREE ? advice
							       : LX_MADV_DONTNEED);
		mm_later(mm, false);
		return r;
	}
	if (v->flags & VM_SHARED)
		return 0; /* the pages are the file's, they stay */
	mutex_lock(&v->m->lock);
	vma_forget_locked(v, start, end);
	mutex_unlock(&v->m->lock);
	return 0;
}

static int advise_vma(struct mm *mm, struct vma *v, uaddr_t start, uaddr_t end,
		      int advice) MUST_HOLD(mm->lock)
{
	switch (advice) {
	case LX_MADV_WILLNEED:
		return 0;
	case LX_MADV_COLD:
	case LX_MADV_PAGEOUT:
		return v->flags & VM_LOCKED ? -EINVAL : 0;
	case LX_MADV_DONTNEED:
	case LX_MADV_DONTNEED_LOCKED:
	case LX_MADV_FREE:
		return drop(mm, v, start, end, advice);
	default:
		return set_advice(mm, v, start, end, advice);
	}
}

/* MADV_REMOVE: the hole is made by the file, which takes the mappings back itself. */
static int remove_pages(struct mm *mm, uaddr_t start, uaddr_t end)
{
	uaddr_t at = start;
	int r = 0, gap = 0;

	while (at < end && !r) {
		struct mappable *m = NULL;
		uint64_t off = 0, size = 0;
		struct vma *v;

		mutex_lock(&mm->lock);
		v = mm_find_vma_locked(mm, at);
		if (!v || v->start > at)
			gap = -ENOMEM;
		at = v && v->start < end ? max_t(uaddr_t, at, v->start) : end;
		if (at < end) {
			if (v->flags & VM_LOCKED || !v->m)
				r = -EINVAL;
			else if ((v->flags & (VM_SHARED | VM_MAYWRITE)) !=
				 (VM_SHARED | VM_MAYWRITE))
				r = -EACCES;
			else if (!v->m->ops->punch)
				r = -EOPNOTSUPP;
			else
				m = v->m;
			off = vma_off(v, at);
			size = min_t(uaddr_t, v->end, end) - at;
		}
		if (m)
			m->ops->get(m);
		mutex_unlock(&mm->lock);
		if (m) {
			r = m->ops->punch(m, off, size);
			m->ops->put(m);
		}
		at += size;
	}
	return r ? r : gap;
}

static int walk(struct mm *mm, uaddr_t start, uaddr_t end, int advice)
{
	uaddr_t at = start;
	int r = 0, gap = 0;

	mutex_lock(&mm->lock);
	while (at < end && !r) {
		struct vma *v = mm_find_vma_locked(mm, at);
		uaddr_t stop;

		if (!v || v->start > at)
			gap = -ENOMEM;
		if (!v || v->start >= end)
			break;
		at = max_t(uaddr_t, at, v->start);
		stop = min_t(uaddr_t, v->end, end);
		r = advise_vma(mm, v, at, stop, advice);
		at = stop;
	}
	mutex_unlock(&mm->lock);
	return r ? r : gap;
}

int mm_madvise(struct mm *mm, uaddr_t addr, uint64_t size, int advice)
{
	uint64_t len = page_up(size);
	uaddr_t end;

	if (!known(advice) || addr % PAGE_SIZE || (size && !len) ||
	    !add_ok(addr, len, &end))
		return -EINVAL;
	if (addr == end)
		return 0;
	switch (advice) {
	case LX_MADV_REMOVE:
		return remove_pages(mm, addr, end);
	case LX_MADV_POPULATE_READ:
		return mm_populate(mm, addr, end, POPULATE_READ);
	case LX_MADV_POPULATE_WRITE:
		return mm_populate(mm, addr, end, POPULATE_WRITE);
	default:
		return walk(mm, addr, end, advice);
	}
}
