// SPDX-License-Identifier: Apache-2.0
/*
 * munmap(2). Order matters: the host unmaps first, while the areas are still on their
 * reverse maps; were they taken off first, a truncation in between would find nobody and
 * free pages that the guest can still reach.
 */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

int mm_unmap_locked(struct mm *mm, uaddr_t start, uaddr_t end, struct dead_list *dead)
{
	struct vma *v = mm_find_vma_locked(mm, start), *next;
	int r;

	if (!v || v->start >= end)
		return 0;
	end = min_t(uaddr_t, end, mm->as->platform->limits.max_addr);
	r = vma_split_range(mm, start, end, true);
	if (r)
		return r;
	r = mm->as->ops->unmap(mm->as, start, end - start);
	if (r) {
		vma_merge_range(mm, start, end);
		return r;
	}
	for (v = mm_find_vma_locked(mm, start); v && v->start < end; v = next) {
		next = vma_next(v);
		vma_unlink(mm, v, NULL, dead);
	}
	mm_hole_made(mm, end);
	return 0;
}

/* The first area of the attachment at @addr from *@at on; *@at moves behind it. */
static struct vma *next_piece(struct mm *mm, uaddr_t addr, const struct mappable_ops *ops,
			      const struct mappable *m, uaddr_t *at) MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, *at);

	for (; v; v = vma_next(v)) {
		*at = v->end;
		if (v->m && v->m->ops == ops && (!m || v->m == m) &&
		    v->start - addr == v->off)
			return v;
	}
	return NULL;
}

int mm_unmap_object(struct mm *mm, uaddr_t addr, const struct mappable_ops *ops)
{
	struct mappable *m = NULL;
	struct dead_list dead;
	uaddr_t at = addr;
	struct vma *v;
	int r = -EINVAL;

	if (addr % PAGE_SIZE)
		return -EINVAL;
	list_init(&dead.vmas);
	mutex_lock(&mm->lock);
	while ((v = next_piece(mm, addr, ops, m, &at))) {
		m = v->m;
		r = mm_unmap_locked(mm, v->start, v->end, &dead);
		if (r)
			break;
	}
	mutex_unlock(&mm->lock);
	vma_free_list(&dead);
	return r;
}

bool mm_may_unmap_later(struct mm *mm, uaddr_t start, uaddr_t end)
{
	struct vma *v = mm_find_vma_locked(mm, start);

	if (!mm_may_take_later(mm))
		return false;
	while (v && v->start < end && !v->m)
		v = vma_next(v);
	return !v || v->start >= end;
}

int mm_munmap(struct mm *mm, uaddr_t addr, uint64_t size)
{
	struct dead_list dead;
	bool later;
	int r;

	if (addr % PAGE_SIZE || addr > LX_TASK_SIZE || size > LX_TASK_SIZE - addr ||
	    !size)
		return -EINVAL;
	list_init(&dead.vmas);
	mutex_lock(&mm->lock);
	later = mm_may_unmap_later(mm, addr, addr + page_up(size));
	if (later)
		mm_later(mm, true);
	r = mm_unmap_locked(mm, addr, addr + page_up(size), &dead);
	if (later)
		mm_later(mm, false);
	mutex_unlock(&mm->lock);
	vma_free_list(&dead);
	return r;
}
