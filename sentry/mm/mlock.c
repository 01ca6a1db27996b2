// SPDX-License-Identifier: Apache-2.0
/*
 * mlock(2) and its kin: flags, accounts and limits as on Linux, and the pages are faulted
 * in. They are not pinned on the host, which may swap them like everything of ours.
 */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

#define LX_MCL_CURRENT 1u
#define LX_MCL_FUTURE  2u
#define LX_MCL_ONFAULT 4u

static bool may_lock_at_all(const struct mm *mm)
{
	return mm->limits.can_lock || mm->limits.memlock;
}

/* Locked bytes of [@start, @end): locking them again costs nothing. */
static uint64_t locked_in(struct mm *mm, uaddr_t start, uaddr_t end) MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, start);
	uint64_t sum = 0;

	for (; v && v->start < end; v = vma_next(v))
		if (v->flags & VM_LOCKED)
			sum += min_t(uaddr_t, v->end, end) -
			       max_t(uaddr_t, v->start, start);
	return sum;
}

static int set_locked(struct mm *mm, struct vma *v, uaddr_t start, uaddr_t end,
		      unsigned lock) MUST_HOLD(mm->lock)
{
	unsigned flags = (v->flags & ~(unsigned)(VM_LOCKED | VM_LOCKONFAULT)) | lock;
	int r;

	if (flags == v->flags || v->flags & VM_SPECIAL)
		return 0;
	r = vma_split_range(mm, start, end, false);
	if (r)
		return r;
	vma_set_flags(mm, mm_find_vma_locked(mm, start), flags);
	return 0;
}

/* Up to the first gap, which is -ENOMEM. */
static int lock_range(struct mm *mm, uaddr_t start, uaddr_t end, unsigned lock)
	MUST_HOLD(mm->lock)
{
	uaddr_t at = start;
	int r = 0;

	while (at < end && !r) {
		struct vma *v = mm_find_vma_locked(mm, at);
		uaddr_t stop;

		if (!v || v->start > at) {
			r = -ENOMEM;
			break;
		}
		stop = min_t(uaddr_t, v->end, end);
		r = set_locked(mm, v, at, stop, lock);
		at = stop;
	}
	vma_merge_range(mm, start, at);
	return r;
}

/* POSIX's words for what population says. */
static int populate_error(int r)
{
	return r == -EINVAL || r == -EFAULT ? -ENOMEM : r == -ENOMEM ? -EAGAIN : r;
}

int mm_mlock(struct mm *mm, uaddr_t addr, uint64_t size, bool lock, bool on_fault,
	     const struct mm_limits *limits)
{
	unsigned flags = lock ? VM_LOCKED | (on_fault ? VM_LOCKONFAULT : 0) : 0;
	uint64_t len = page_up(size + addr % PAGE_SIZE), sum;
	uaddr_t end;
	int r = 0;

	addr = page_down(addr);
	mutex_lock(&mm->lock);
	mm_take_limits(mm, limits);
	if (lock && !may_lock_at_all(mm)) {
		r = -EPERM;
	} else if (!add_ok(addr, len, &end)) {
		r = -EINVAL;
	} else if (lock && !mm->limits.can_lock) {
		if (!add_ok(mm->locked - locked_in(mm, addr, end), len, &sum) ||
		    sum > page_down(mm->limits.memlock))
			r = -ENOMEM;
	}
	if (!r && len)
		r = lock_range(mm, addr, end, flags);
	mutex_unlock(&mm->lock);
	if (r || !lock || on_fault || !len)
		return r;
	return populate_error(mm_populate(mm, addr, end, POPULATE_AUTO));
}

static void lock_all(struct mm *mm, unsigned lock) MUST_HOLD(mm->lock)
{
	struct vma *v;

	for (v = mm_find_vma_locked(mm, 0); v; v = vma_next(v))
		(void)!set_locked(mm, v, v->start, v->end, lock);
	vma_merge_range(mm, 0, UINT64_MAX);
}

/*
 * Errors do not matter here (mlockall(2)): what cannot be had now comes with its fault.
 */
static void populate_all(struct mm *mm)
{
	uaddr_t at = 0;

	for (;;) {
		struct vma *v;
		uaddr_t start, end;

		mutex_lock(&mm->lock);
		v = mm_find_vma_locked(mm, at);
		start = v ? v->start : 0;
		end = v ? v->end : 0;
		mutex_unlock(&mm->lock);
		if (!end)
			return;
		(void)!mm_populate(mm, start, end, POPULATE_AUTO);
		at = end;
	}
}

int mm_mlockall(struct mm *mm, unsigned flags, const struct mm_limits *limits)
{
	unsigned lock = VM_LOCKED | (flags & LX_MCL_ONFAULT ? VM_LOCKONFAULT : 0);
	int r = 0;

	if (!flags || flags & ~(LX_MCL_CURRENT | LX_MCL_FUTURE | LX_MCL_ONFAULT) ||
	    flags == LX_MCL_ONFAULT)
		return -EINVAL;
	mutex_lock(&mm->lock);
	mm_take_limits(mm, limits);
	if (!may_lock_at_all(mm)) {
		r = -EPERM;
	} else if (flags & LX_MCL_CURRENT && !mm->limits.can_lock &&
		   mm->total > page_down(mm->limits.memlock)) {
		r = -ENOMEM;
	} else {
		mm->lock_future = flags & LX_MCL_FUTURE;
		mm->lock_future_onfault = mm->lock_future && flags & LX_MCL_ONFAULT;
		if (flags & LX_MCL_CURRENT)
			lock_all(mm, lock);
	}
	mutex_unlock(&mm->lock);
	if (!r && flags & LX_MCL_CURRENT && !(flags & LX_MCL_ONFAULT))
		populate_all(mm);
	return r;
}

void mm_munlockall(struct mm *mm)
{
	mutex_lock(&mm->lock);
	mm->lock_future = mm->lock_future_onfault = false;
	lock_all(mm, 0);
	mutex_unlock(&mm->lock);
}
