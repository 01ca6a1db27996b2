// SPDX-License-Identifier: Apache-2.0
/*
 * mremap(2). All checks come first; then the target of MREMAP_FIXED is unmapped, then the
 * tail that shrinks, and then the rest moves.
 *
 * How pages move: the old range is cut out as an area of its own. Private pages are moved
 * by the host (a file's only where they are mapped, the rest stays a promise). Shared
 * pages need not move, they are unmapped and fault in at the new place.
 */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"

struct remap {
	struct mm *mm;
	uaddr_t old, new;
	uint64_t old_size, new_size;
	unsigned flags;
	struct dead_list dead;
	bool populate; /* the grown part of a locked area */
};

static bool dont_unmap(const struct remap *re)
{
	return re->flags & LX_MREMAP_DONTUNMAP || !re->old_size;
}

/* --- the host's part ----------------------------------------------------- */

static int move_back(struct addr_space *as, uaddr_t from, uaddr_t to, uint64_t size)
{
	return size ? as->ops->move(as, from, size, to, size, false) : 0;
}

/*
 * Move mapped pages. What is one area here can be several on the host (it joins fewer),
 * and a host mremap cannot cross them: then piece by piece, halving what it refuses.
 */
static int move_pages(struct addr_space *as, uaddr_t old, uint64_t size, uaddr_t new)
{
	uint64_t done = 0, step = size;

	while (done < size) {
		int r = as->ops->move(as, old + done, step, new + done, step, false);

		if (!r) {
			done += step;
			step = size - done;
			continue;
		}
		if (r != -EFAULT || step <= PAGE_SIZE) {
			move_back(as, new, old, done);
			return r;
		}
		step = page_down(step / 2);
	}
	return 0;
}

static int move_anon(const struct remap *re, const struct vma *v)
{
	struct addr_space *as = re->mm->as;
	uint64_t more = re->new_size - re->old_size;
	bool keep = dont_unmap(re);
	int r;

	r = as->ops->move(as, re->old, re->old_size, re->new, re->new_size, keep);
	if (r != -EFAULT)
		return r;
	if (more) {
		r = vma_map_anon(v, re->new + re->old_size, more);
		if (r)
			return r;
	}
	r = move_pages(as, re->old, re->old_size, re->new);
	if (r && more)
		as->ops->unmap(as, re->new + re->old_size, more);
	if (!r && keep) /* what DONTUNMAP leaves behind is empty anyway */
		r = vma_map_anon(v, re->old, re->old_size);
	return r;
}

/* Under m->lock: the mapped ranges of a private file area @v become those of @nv. */
static int move_ranges(const struct remap *re, struct vma *v, struct vma *nv)
{
	struct addr_space *as = re->mm->as;
	uint64_t delta = re->new - re->old;
	struct range *g = ranges_find(&v->mapped, 0);
	int r = 0;

	for (; g; g = ranges_next(g)) {
		r = move_pages(as, g->start, g->end - g->start, g->start + delta);
		if (r)
			break;
	}
	if (!r) {
		ranges_shift(&v->mapped, delta);
		ranges_join(&nv->mapped, &v->mapped);
		return 0;
	}
	for (struct range *b = ranges_find(&v->mapped, 0); b != g; b = ranges_next(b))
		move_back(as, b->start + delta, b->start, b->end - b->start);
	return r;
}

/* All of it on the host, and the new area's place on the reverse map. */
static int move_host(const struct remap *re, struct vma *v, struct vma *nv)
{
	struct addr_space *as = re->mm->as;
	int r = 0;

	if (!v->m)
		return move_anon(re, v);
	mutex_lock(&v->m->lock);
	if (!(v->flags & VM_SHARED)) {
		r = move_ranges(re, v, nv);
	} else if (!dont_unmap(re)) {
		r = as->ops->unmap(as, re->old, re->old_size);
		if (!r)
			ranges_clear(&v->mapped);
	}
	mutex_assert_held(&nv->m->lock); /* of the same file */
	if (!r)
		vma_rmap_add_locked(nv);
	mutex_unlock(&v->m->lock);
	return r;
}

/* --- moving an area ------------------------------------------------------ */

static int move_area(struct remap *re) MUST_HOLD(re->mm->lock)
{
	struct mm *mm = re->mm;
	struct vma *v = mm_find_vma_locked(re->mm, re->old), *nv;
	uaddr_t old_end = re->old + re->old_size;
	uint64_t off = vma_off(v, re->old);
	int r;

	mutex_assert_held(&mm->lock); /* re->mm */
	/* Room for cutting the old area in three, and the new one. */
	if (mm->n_vmas >= MAX_MAP_COUNT - 3)
		return -ENOMEM;
	if (re->old_size) {
		r = vma_split_range(mm, re->old, old_end, false);
		if (r)
			return r;
		v = mm_find_vma_locked(mm, re->old);
	}
	nv = vma_alloc(mm, re->new, re->new + re->new_size, v->flags, v->m, v->file, off);
	r = nv ? vma_count_writable(nv, MAPPED_COPY) : -ENOMEM;
	if (!r) {
		nv->name = v->name;
		r = move_host(re, v, nv);
		if (r)
			vma_count_writable(nv, MAPPED_GONE);
	}
	if (r) {
		if (nv)
			list_add_tail(&re->dead.vmas, &nv->rmap);
		vma_merge_range(mm, re->old, old_end);
		return r;
	}
	vma_link(mm, nv);
	re->populate = nv->flags & VM_LOCKED; /* joining below may free nv */
	if (!dont_unmap(re)) {
		vma_unlink(mm, v, NULL, &re->dead);
		mm_hole_made(mm, old_end);
	} else if (re->old_size) {
		/* Nothing is left there to be locked. */
		vma_set_flags(mm, v, v->flags & ~(unsigned)(VM_LOCKED | VM_LOCKONFAULT));
		vma_merge_range(mm, re->old, old_end);
	}
	vma_merge_range(mm, re->new, re->new + re->new_size);
	return 0;
}

/* Is [old, old + old_size) fit to be moved or to grow? Nothing has been changed yet. */
static int check_area(const struct remap *re) MUST_HOLD(re->mm->lock)
{
	struct vma *v = mm_find_vma_locked(re->mm, re->old);
	/* What a shrink cuts off may cross areas. */
	uint64_t size = min_t(uint64_t, re->old_size, re->new_size), grow, end;
	int r;

	/* old_size 0 asks for a second mapping of the same pages: shared ones only. */
	if (!re->old_size && !(v->flags & VM_SHARED))
		return -EINVAL;
	if (size > v->end - re->old)
		return -EFAULT;
	grow = re->new_size - size;
	if (!grow)
		return 0;
	if (v->m && (!add_ok(vma_off(v, re->old), re->new_size, &end) || end > INT64_MAX))
		return -EINVAL;
	r = mm_may_lock(re->mm, v->flags, grow);
	if (r)
		return r;
	return mm_may_expand(re->mm, v->flags, grow) ? 0 : -ENOMEM;
}

/* MREMAP_FIXED and MREMAP_DONTUNMAP. */
static int remap_to(struct remap *re) MUST_HOLD(re->mm->lock)
{
	struct mm *mm = re->mm;
	bool fixed = re->flags & LX_MREMAP_FIXED;
	int r = check_area(re);
	struct vma *v;

	if (r)
		return r;
	mutex_assert_held(&mm->lock); /* re->mm */
	if (fixed) {
		if (re->new < mm->as->platform->limits.min_addr)
			return -EPERM;
		r = mm_unmap_locked(mm, re->new, re->new + re->new_size, &re->dead);
		if (r)
			return r;
	}
	if (re->old_size > re->new_size) {
		r = mm_unmap_locked(mm, re->old + re->new_size, re->old + re->old_size,
				    &re->dead);
		if (r)
			return r;
		re->old_size = re->new_size;
	}
	/*
	 * With old_size 0 the target may have covered what was to be mapped a second
	 * time.
	 */
	v = mm_find_vma_locked(mm, re->old);
	if (!v || v->start > re->old)
		return -EFAULT;
	if (re->flags & LX_MREMAP_DONTUNMAP && !mm_may_expand(mm, v->flags, re->old_size))
		return -ENOMEM;
	r = mm_place(mm, re->new, re->new_size, fixed ? LX_MAP_FIXED : 0, &re->new);
	return r ? r : move_area(re);
}

/* --- growing and shrinking ----------------------------------------------- */

static bool free_behind(struct mm *mm, uaddr_t start, uint64_t size) MUST_HOLD(mm->lock)
{
	uaddr_t max = mm->as->platform->limits.max_addr;

	return size <= max && start <= max - size && !mm_covered(mm, start, start + size);
}

static int grow_in_place(struct remap *re, struct vma *v) MUST_HOLD(re->mm->lock)
{
	uint64_t grow = re->new_size - re->old_size;
	uaddr_t end = v->end;
	int r;

	if (!v->m) {
		r = vma_map_anon(v, end, grow);
		if (r)
			return r;
	}
	re->populate = v->flags & VM_LOCKED;
	vma_resize(re->mm, v, v->start, end + grow);
	vma_merge_range(re->mm, v->start, end + grow);
	re->new = re->old;
	return 0;
}

static int resize(struct remap *re) MUST_HOLD(re->mm->lock)
{
	struct mm *mm = re->mm;
	struct vma *v;
	int r;

	mutex_assert_held(&mm->lock); /* re->mm */
	if (re->new_size <= re->old_size) {
		uaddr_t from = re->old + re->new_size, to;

		re->new = re->old;
		if (!add_ok(re->old, re->old_size, &to) || to > LX_TASK_SIZE)
			return -EINVAL;
		return from < to ? mm_unmap_locked(mm, from, to, &re->dead) : 0;
	}
	r = check_area(re);
	if (r)
		return r;
	v = mm_find_vma_locked(mm, re->old);
	if (re->old_size && re->old + re->old_size == v->end &&
	    free_behind(mm, v->end, re->new_size - re->old_size))
		return grow_in_place(re, v);
	if (!(re->flags & LX_MREMAP_MAYMOVE))
		return -ENOMEM;
	r = mm_place(mm, 0, re->new_size, 0, &re->new);
	return r ? r : move_area(re);
}

/* What can be said without looking at the areas; as Linux 6.17 orders it. */
static int check_args(const struct remap *re)
{
	unsigned flags = re->flags;

	if (flags &
	    ~(unsigned)(LX_MREMAP_MAYMOVE | LX_MREMAP_FIXED | LX_MREMAP_DONTUNMAP))
		return -EINVAL;
	if (re->old % PAGE_SIZE || !re->new_size || re->new_size > LX_TASK_SIZE)
		return -EINVAL;
	if (!(flags & (LX_MREMAP_FIXED | LX_MREMAP_DONTUNMAP)))
		return 0;
	if (re->new > LX_TASK_SIZE - re->new_size || re->new % PAGE_SIZE ||
	    !(flags & LX_MREMAP_MAYMOVE))
		return -EINVAL;
	if (flags & LX_MREMAP_DONTUNMAP && re->old_size != re->new_size)
		return -EINVAL;
	if (re->old + re->old_size > re->new && re->new + re->new_size > re->old)
		return -EINVAL;
	return 0;
}

static int remap_locked(struct remap *re) MUST_HOLD(re->mm->lock)
{
	struct vma *v = mm_find_vma_locked(re->mm, re->old);

	if (re->flags & (LX_MREMAP_FIXED | LX_MREMAP_DONTUNMAP) &&
	    re->mm->n_vmas + 2 >= MAX_MAP_COUNT - 3)
		return -ENOMEM;
	if (!v || v->start > re->old)
		return -EFAULT;
	if (v->flags & VM_SPECIAL)
		return -EINVAL;
	if (re->flags & (LX_MREMAP_FIXED | LX_MREMAP_DONTUNMAP))
		return remap_to(re);
	return resize(re);
}

int mm_mremap(struct mm *mm, uaddr_t old, uint64_t old_size, uint64_t new_size,
	      unsigned flags, uaddr_t new_addr, const struct mm_limits *limits,
	      uaddr_t *out)
{
	struct remap re = {.mm = mm,
			   .old = old,
			   .new = new_addr,
			   .flags = flags,
			   .old_size = page_up(old_size),
			   .new_size = page_up(new_size)};
	uint64_t kept;
	int r;

	*out = 0;
	r = check_args(&re);
	if (r)
		return r;
	list_init(&re.dead.vmas);
	mutex_lock(&mm->lock);
	mm_take_limits(mm, limits);
	mutex_assert_held(&re.mm->lock);
	r = remap_locked(&re);
	mutex_unlock(&mm->lock);
	vma_free_list(&re.dead);
	if (r)
		return r;
	kept = min_t(uint64_t, re.old_size, re.new_size);
	if (re.populate && re.new_size > kept)
		(void)!mm_populate(mm, re.new + kept, re.new + re.new_size,
				   POPULATE_AUTO);
	*out = re.new;
	return 0;
}
