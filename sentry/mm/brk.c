// SPDX-License-Identifier: Apache-2.0
/* brk(2): the heap is an anonymous area like any other, grown and shrunk at its end. */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

#define HEAP_FLAGS                                                                       \
	(VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT |       \
	 VM_HEAP)

/* RLIMIT_DATA here counts the heap and the program's data, as check_data_rlimit(). */
static bool data_limit_ok(const struct mm *mm, uaddr_t brk)
{
	uint64_t sum;

	if (mm->limits.data == UINT64_MAX)
		return true;
	return add_ok(brk - mm->start_brk, mm->end_data - mm->start_data, &sum) &&
	       sum <= mm->limits.data;
}

static bool grow(struct mm *mm, uaddr_t from, uaddr_t to) MUST_HOLD(mm->lock)
{
	unsigned flags = HEAP_FLAGS | (mm->lock_future ? VM_LOCKED : 0) |
			 (mm->lock_future_onfault ? VM_LOCKONFAULT : 0);
	struct vma *next = mm_find_vma_locked(mm, from), *v;
	int r;

	if (to > mm->as->platform->limits.max_addr)
		return false;
	/*
	 * One page and the guard gap of a stack stay between the heap and what is above.
	 */
	if (next && to + PAGE_SIZE > vma_start_gap(next))
		return false;
	if (mm_may_lock(mm, flags, to - from) || !mm_may_expand(mm, flags, to - from) ||
	    mm->n_vmas > MAX_MAP_COUNT)
		return false;
	v = vma_alloc(mm, from, to, flags, NULL, NULL, 0);
	if (!v)
		return false;
	mm_later(mm, true);
	r = vma_map_anon(v, from, to - from);
	mm_later(mm, false);
	if (r) {
		vma_free(v);
		return false;
	}
	vma_link(mm, v);
	vma_merge_range(mm, from, to);
	return true;
}

uaddr_t mm_brk(struct mm *mm, uaddr_t brk, const struct mm_limits *limits)
{
	uaddr_t old_end, new_end, result;
	bool populate = false, ok = false;
	struct dead_list dead;

	list_init(&dead.vmas);
	mutex_lock(&mm->lock);
	mm_take_limits(mm, limits);
	old_end = page_up(mm->brk);
	new_end = page_up(brk);
	if (brk >= mm->start_brk && new_end >= brk && data_limit_ok(mm, brk)) {
		if (new_end > old_end)
			ok = populate = grow(mm, old_end, new_end);
		else
			ok = new_end == old_end ||
			     !mm_unmap_locked(mm, new_end, old_end, &dead);
	}
	if (ok)
		mm->brk = brk;
	result = mm->brk;
	populate = populate && mm->lock_future && !mm->lock_future_onfault;
	mutex_unlock(&mm->lock);
	vma_free_list(&dead);
	if (populate)
		(void)!mm_populate(mm, old_end, new_end, POPULATE_AUTO);
	return result;
}
