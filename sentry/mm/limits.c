// SPDX-License-Identifier: Apache-2.0
/*
 * Resource limits of an mm. The caller's rlimits come with each call that may grow it and
 * are kept in mm->limits for the calls that bring none.
 */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

void mm_take_limits(struct mm *mm, const struct mm_limits *limits)
{
	if (limits)
		mm->limits = *limits;
}

bool mm_may_expand(struct mm *mm, unsigned vm_flags, uint64_t size)
{
	uint64_t sum;

	if (!add_ok(mm->total, size, &sum) || sum > page_down(mm->limits.as))
		return false;
	/* RLIMIT_DATA counts what is private and writable, stacks excepted. */
	if ((vm_flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) != VM_WRITE)
		return true;
	/* As overcommit's heuristic: what could never be had is refused. */
	if (!(vm_flags & VM_NORESERVE) && mm->limits.piece && size > mm->limits.piece)
		return false;
	return add_ok(mm->data, size, &sum) && sum <= page_down(mm->limits.data);
}

int mm_may_lock(struct mm *mm, unsigned vm_flags, uint64_t size)
{
	uint64_t sum;

	if (!(vm_flags & VM_LOCKED) || mm->limits.can_lock)
		return 0;
	return add_ok(mm->locked, size, &sum) && sum <= page_down(mm->limits.memlock)
		       ? 0
		       : -EAGAIN;
}
