// SPDX-License-Identifier: Apache-2.0
/* msync(2) and mincore(2): questions to the pages behind the areas. */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

/*
 * The area at or behind *@at. Its part of [*@at, @end) is left in *@at, *@stop, and its
 * mappable, referenced, in *@m if it is a shared one. Under mm->lock.
 */
static struct vma *sync_step(struct mm *mm, uaddr_t *at, uaddr_t end, uaddr_t *stop,
			     struct mappable **m, uint64_t *off) MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, *at);

	*m = NULL;
	if (!v || v->start >= end)
		return NULL;
	*at = max_t(uaddr_t, *at, v->start);
	*stop = min_t(uaddr_t, v->end, end);
	*off = v->m ? vma_off(v, *at) : 0;
	if (v->flags & VM_SHARED && v->m->ops->sync) {
		*m = v->m;
		v->m->ops->get(v->m);
	}
	return v;
}

static int sync_range(struct mm *mm, uaddr_t start, uaddr_t end, int flags)
{
	uaddr_t at = start, stop, before;
	int r = 0, gap = 0;

	while (at < end && !r) {
		struct mappable *m;
		struct vma *v;
		uint64_t off;

		before = at;
		mutex_lock(&mm->lock);
		v = sync_step(mm, &at, end, &stop, &m, &off);
		if (!v || at > before)
			gap = -ENOMEM;
		if (v && flags & LX_MS_INVALIDATE && v->flags & VM_LOCKED)
			r = -EBUSY;
		mutex_unlock(&mm->lock);
		if (m) {
			if (!r && flags & LX_MS_SYNC)
				r = m->ops->sync(m, off, stop - at);
			m->ops->put(m);
		}
		if (!v)
			break;
		at = stop;
	}
	return r ? r : gap;
}

int mm_msync(struct mm *mm, uaddr_t addr, uint64_t size, int flags)
{
	uaddr_t end;

	if (flags & ~(LX_MS_ASYNC | LX_MS_INVALIDATE | LX_MS_SYNC) || addr % PAGE_SIZE ||
	    (flags & LX_MS_ASYNC && flags & LX_MS_SYNC))
		return -EINVAL;
	if (!add_ok(addr, page_up(size), &end) || (size && !page_up(size)))
		return -ENOMEM;
	return sync_range(mm, addr, end, flags);
}

/* --- mincore ------------------------------------------------------------- */

/*
 * Residence of up to @n pages from @addr on, as far as its area goes. Private memory is
 * what the host says; a file's or shared page counts once it has been mapped.
 */
static int core_step(struct mm *mm, uaddr_t addr, size_t n, uint8_t *vec, size_t *got)
	MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, addr);
	struct addr_space *as = mm->as;
	uaddr_t end;
	int r = 0;

	if (!v || v->start > addr)
		return -ENOMEM;
	*got = min_t(uint64_t, n, (v->end - addr) / PAGE_SIZE);
	end = addr + *got * PAGE_SIZE;
	if (!v->m) {
		memset(vec, 1, *got);
		if (as->ops->mincore)
			r = as->ops->mincore(as, addr, end - addr, vec);
		return r;
	}
	memset(vec, 0, *got);
	mutex_lock(&v->m->lock);
	for (struct range *g = ranges_find(&v->mapped, addr); g && g->start < end;
	     g = ranges_next(g)) {
		uaddr_t from = max_t(uaddr_t, g->start, addr),
			to = min_t(uaddr_t, g->end, end);

		memset(vec + (from - addr) / PAGE_SIZE, 1, (to - from) / PAGE_SIZE);
	}
	mutex_unlock(&v->m->lock);
	return 0;
}

int mm_mincore(struct mm *mm, uaddr_t addr, uint64_t size, const struct umem *u,
	       uaddr_t vec)
{
	uaddr_t max = mm->as->platform->limits.max_addr;
	uint64_t n = page_up(size) / PAGE_SIZE;
	uint8_t buf[512];

	if (addr % PAGE_SIZE)
		return -EINVAL;
	if (addr > max || size > max - addr)
		return -ENOMEM;
	if (vec > max || n > max - vec)
		return -EFAULT;
	while (n) {
		size_t got = 0;
		int r;

		mutex_lock(&mm->lock);
		r = core_step(mm, addr, min_t(uint64_t, n, sizeof(buf)), buf, &got);
		mutex_unlock(&mm->lock);
		if (r)
			return r;
		if (copy_to_user(u, vec, buf, got))
			return -EFAULT;
		addr += got * PAGE_SIZE;
		vec += got;
		n -= got;
	}
	return 0;
}
