// SPDX-License-Identifier: Apache-2.0
/*
 * Where a new area goes. As Linux on x86-64: the hint if it is free; else top-down below
 * mmap_base; else, when that is full, bottom-up from a third of the address space.
 * MAP_32BIT searches bottom-up in the second gigabyte. A growing stack keeps a guard gap
 * below it that only MAP_FIXED may enter.
 *
 * The top-down search starts at hole_top: all holes above it are smaller than hole_size.
 * That makes a run of mmaps cheap however many areas there are; mm_hole_made() takes the
 * knowledge back when something is unmapped.
 */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

#define LOW_2G_START 0x40000000ull
#define LOW_2G_END   0x80000000ull

static const struct platform_limits *limits_of(const struct mm *mm)
{
	return &mm->as->platform->limits;
}

/* Is [@addr, @addr + @size) free, guard gaps included? The range does not wrap. */
static bool is_free(struct mm *mm, uaddr_t addr, uint64_t size) MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, addr);

	return !v || addr + size <= vma_start_gap(v);
}

static int search_down(struct mm *mm, uint64_t size, uaddr_t low, uaddr_t *out)
	MUST_HOLD(mm->lock)
{
	uaddr_t top = mm->mmap_base;
	uint64_t skipped = 0;
	struct vma *v, *above;

	if (size >= mm->hole_size && mm->hole_top < top) {
		top = mm->hole_top;
		skipped = mm->hole_size - PAGE_SIZE;
	}
	above = mm_find_vma_locked(mm, top);
	if (above && vma_start_gap(above) < top)
		top = vma_start_gap(above);
	v = above ? vma_prev(above)
		  : rb_entry_or_null(rb_last(&mm->vmas), struct vma, node);
	for (;;) {
		uaddr_t bottom = v ? max_t(uaddr_t, v->end, low) : low;

		if (top > bottom && top - bottom >= size) {
			mm->hole_size = skipped + PAGE_SIZE;
			mm->hole_top = top;
			*out = top - size;
			return 0;
		}
		if (top > bottom)
			skipped = max_t(uint64_t, skipped, top - bottom);
		if (!v || v->start <= low)
			return -ENOMEM;
		top = vma_start_gap(v);
		v = vma_prev(v);
	}
}

static int search_up(struct mm *mm, uint64_t size, uaddr_t low, uaddr_t high,
		     uaddr_t *out) MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, low);
	uaddr_t bottom = low;

	for (;; bottom = v->end, v = vma_next(v)) {
		uaddr_t top = v ? min_t(uaddr_t, vma_start_gap(v), high) : high;

		if (top > bottom && top - bottom >= size) {
			*out = bottom;
			return 0;
		}
		if (!v || v->end >= high)
			return -ENOMEM;
	}
}

static int place_fixed(struct mm *mm, uaddr_t addr, uint64_t size, uaddr_t *out)
{
	const struct platform_limits *lim = limits_of(mm);

	if (addr > lim->max_addr - size)
		return -ENOMEM;
	if (addr % PAGE_SIZE)
		return -EINVAL;
	if (addr < lim->min_addr)
		return -EPERM;
	*out = addr;
	return 0;
}

static int place_low(struct mm *mm, uaddr_t hint, uint64_t size, uaddr_t *out)
	MUST_HOLD(mm->lock)
{
	if (size > LOW_2G_END - LOW_2G_START)
		return -ENOMEM;
	if (hint && LOW_2G_END - size >= hint && is_free(mm, hint, size)) {
		*out = hint;
		return 0;
	}
	return search_up(mm, size, LOW_2G_START, LOW_2G_END, out);
}

int mm_place(struct mm *mm, uaddr_t hint, uint64_t size, unsigned flags, uaddr_t *out)
{
	const struct platform_limits *lim = limits_of(mm);

	*out = 0;
	if (size > lim->max_addr)
		return -ENOMEM;
	if (flags & (LX_MAP_FIXED | LX_MAP_FIXED_NOREPLACE))
		return place_fixed(mm, hint, size, out);
	hint = page_down(hint);
	if (hint && hint < lim->min_addr)
		hint = lim->min_addr;
	if (flags & LX_MAP_32BIT)
		return place_low(mm, hint, size, out);
	if (hint && hint <= lim->max_addr - size && is_free(mm, hint, size)) {
		*out = hint;
		return 0;
	}
	if (search_down(mm, size, lim->min_addr, out) == 0)
		return 0;
	return search_up(mm, size, page_down(lim->max_addr / 3), lim->max_addr, out);
}

void mm_hole_made(struct mm *mm, uaddr_t end)
{
	struct vma *v = mm_find_vma_locked(mm, end);

	end = v ? v->start : mm->mmap_base;
	if (end > mm->hole_top)
		mm->hole_top = end;
}
