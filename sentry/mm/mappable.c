// SPDX-License-Identifier: Apache-2.0
/*
 * The reverse map: from a file to the areas that map it.
 *
 * A translation is good for as long as the mappable's generation stands still. Faults
 * compare it under m->lock and map under the same lock, invalidation counts it up and
 * unmaps under that lock; so either the fault sees the new generation and asks again, or
 * the invalidation finds the mapping in the area's set and takes it back.
 */
#include "sentry/mm/mappable.h"

#include "sentry/base/log.h"
#include "sentry/mm/internal.h"

void mappable_init(struct mappable *m, const struct mappable_ops *ops)
{
	m->ops = ops;
	mutex_init(&m->lock, LOCK_RMAP);
	list_init(&m->vmas);
	m->generation = 0;
}

void mappable_destroy(struct mappable *m)
{
	BUG_ON(!list_empty(&m->vmas));
	mutex_destroy(&m->lock);
}

void vma_forget_locked(struct vma *v, uaddr_t start, uaddr_t end)
{
	struct range *g = ranges_find(&v->mapped, start);
	struct addr_space *as = v->mm->as;

	if (!g || g->start >= end)
		return;
	if (ranges_remove(&v->mapped, start, end)) {
		/*
		 * No memory to note two pieces. To note one of them as not mapped is safe
		 * for the file's pages; a private copy in it is lost with the memory.
		 */
		end = g->end;
		(void)!ranges_remove(&v->mapped, start, end);
	}
	/*
	 * Fails only with the guest process gone, or out of host memory: then it is as
	 * good as.
	 */
	as->ops->unmap(as, start, end - start);
}

/* The part of @v that [@off, @off + @size) of its mappable is, in guest addresses. */
static bool vma_window(const struct vma *v, uint64_t off, uint64_t size, uaddr_t *start,
		       uaddr_t *end)
{
	uint64_t stop, v_stop = v->off + vma_size(v);

	if (!add_ok(off, size, &stop))
		stop = UINT64_MAX;
	if (off >= v_stop || stop <= v->off)
		return false;
	*start = v->start + (max_t(uint64_t, off, v->off) - v->off);
	*end = v->start + (min_t(uint64_t, stop, v_stop) - v->off);
	return true;
}

bool mappable_copies_locked(struct mappable *m, uint64_t *start, uint64_t *end)
{
	uint64_t first = UINT64_MAX, last = 0;
	uaddr_t from, to;
	struct vma *v;

	list_for_each (v, &m->vmas, rmap) {
		struct range *g;

		mutex_assert_held(&v->m->lock);
		if (!(v->flags & VM_MAYCOPY) ||
		    !vma_window(v, *start, *end - *start, &from, &to))
			continue;
		g = ranges_find(&v->mapped, from);
		if (!g || g->start >= to)
			continue;
		first = min_t(uint64_t, first, vma_off(v, from));
		last = max_t(uint64_t, last, vma_off(v, to));
	}
	*start = first;
	*end = last;
	return first < last;
}

void mappable_invalidate_locked(struct mappable *m, uint64_t off, uint64_t size,
				bool even_cow)
{
	struct vma *v;
	uaddr_t start, end;

	m->generation++;
	list_for_each (v, &m->vmas, rmap) {
		/*
		 * The guest's own copies of a private area cannot be told from the
		 * file's pages.
		 */
		if (!even_cow && (v->flags & VM_MAYCOPY))
			continue;
		mutex_assert_held(&v->m->lock);
		if (vma_window(v, off, size, &start, &end))
			vma_forget_locked(v, page_down(start), page_up(end));
	}
}

void mappable_invalidate(struct mappable *m, uint64_t off, uint64_t size, bool even_cow)
{
	mutex_lock(&m->lock);
	mappable_invalidate_locked(m, off, size, even_cow);
	mutex_unlock(&m->lock);
}
