// SPDX-License-Identifier: Apache-2.0
/* Code that makes the same system call often may be rewritten by the platform. */
#include "sentry/mm/internal.h"

#define NEAR (1ull << 30) /* well within what a jump can reach */

/* Code that nobody else has mapped for good, and that cannot be changed as it is now. */
static bool may_patch(const struct vma *v, uaddr_t start)
{
	return v && v->m && v->start <= start && v->end - start >= PATCH_SPAN &&
	       (v->flags & (VM_READ | VM_EXEC)) == (VM_READ | VM_EXEC) &&
	       !(v->flags & (VM_WRITE | VM_SHARED | VM_SPECIAL));
}

/* Somebody writes that code where it is not executed: a copy of our own would not follow. */
static bool is_written_elsewhere(struct mappable *m) MUST_HOLD(m->lock)
{
	struct vma *v;

	list_for_each (v, &m->vmas, rmap)
		if ((v->flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE))
			return true;
	return false;
}

/*
 * Where nothing is mapped and nothing will be, unless it asks for just that place: above the
 * top of what mmap() chooses; below a program, whose heap grows up. 0: not there.
 */
static uaddr_t zone_near(struct mm *mm, struct vma *v) MUST_HOLD(mm->lock)
{
	uaddr_t zone = mm->mmap_base;
	struct vma *at;

	if (v->start >= zone || zone - v->start > NEAR) {
		while ((at = vma_prev(v)) && v->start - at->end < PATCH_ZONE_SIZE)
			v = at;
		zone = v->start - PATCH_ZONE_SIZE;
		if (v->start < mm->as->platform->limits.min_addr + PATCH_ZONE_SIZE)
			return 0;
	}
	at = mm_find_vma_locked(mm, zone);
	return at && vma_start_gap(at) < zone + PATCH_ZONE_SIZE ? 0 : zone;
}

void mm_patch_call(struct mm *mm, uaddr_t rip)
{
	const uaddr_t start = rip - PATCH_BEFORE;
	struct addr_space *as = mm->as;
	struct range *g;
	struct vma *v;

	if (!as->ops->patch)
		return;
	mutex_lock(&mm->lock);
	v = mm_find_vma_locked(mm, start);
	if (may_patch(v, start)) {
		uaddr_t zone = zone_near(mm, v);

		/* Against a file that is cut short: its pages would be gone. */
		mutex_lock(&v->m->lock);
		g = ranges_find(&v->mapped, start);
		if (g && g->start <= start && g->end - start >= PATCH_SPAN &&
		    !is_written_elsewhere(v->m))
			as->ops->patch(as, rip, zone);
		mutex_unlock(&v->m->lock);
	}
	mutex_unlock(&mm->lock);
}

void mm_unpatch(struct mm *mm, uaddr_t addr, uint64_t size)
{
	if (mm->as->ops->unpatch)
		mm->as->ops->unpatch(mm->as, addr, size);
}
