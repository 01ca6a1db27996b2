// SPDX-License-Identifier: Apache-2.0
/*
 * mmap(2): check, choose a place, and replace what stands there by the new area.
 *
 * Anonymous private memory is mapped on the host at once, whatever its size and rights:
 * the host's cost is that of one area. A file is mapped as far as its first run goes,
 * translated before any lock is taken; the rest comes with faults.
 */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"
#include "sentry/mm/shmem.h"

/* One mmap on its way. */
struct plan {
	uaddr_t start, end;
	uint64_t size;
	unsigned map_flags; /* LX_MAP_* */
	unsigned vm_flags;
	int refusal; /* what is wrong with flags and rights: told after the place is */
	struct mappable *m;
	struct fetched f;
};

#define HUGE_SHIFT_OF(flags) ((flags) >> 26 & 0x3f)

/* What MAP_SHARED_VALIDATE knows; MAP_SYNC needs persistent memory. */
#define KNOWN_FLAGS                                                                      \
	(LX_MAP_TYPE | LX_MAP_FIXED | LX_MAP_ANONYMOUS | LX_MAP_32BIT |                  \
	 LX_MAP_GROWSDOWN | LX_MAP_DENYWRITE | LX_MAP_EXECUTABLE | LX_MAP_LOCKED |       \
	 LX_MAP_NORESERVE | LX_MAP_POPULATE | LX_MAP_NONBLOCK | LX_MAP_STACK |           \
	 LX_MAP_HUGETLB | LX_MAP_FIXED_NOREPLACE)

/* --- checks -------------------------------------------------------------- */

/* A kernel with huge pages of the two sizes x86 has, and none of them reserved. */
static int refuse_hugetlb(const struct mmap_args *a)
{
	unsigned shift = HUGE_SHIFT_OF(a->flags);

	if (a->m || (shift && shift != 21 && shift != 30))
		return -EINVAL;
	return -ENOMEM;
}

static int check_type(const struct mmap_args *a, unsigned *vm)
{
	unsigned type = a->flags & LX_MAP_TYPE;

	if (type == LX_MAP_SHARED_VALIDATE && a->m) {
		if (a->flags & ~(unsigned)KNOWN_FLAGS)
			return -EOPNOTSUPP;
		type = LX_MAP_SHARED;
	}
	if (type == LX_MAP_SHARED)
		*vm |= VM_SHARED | VM_MAYSHARE;
	else if (type != LX_MAP_PRIVATE)
		return -EINVAL;
	if (*vm & VM_GROWSDOWN && (a->m || *vm & VM_SHARED))
		return -EINVAL;
	return 0;
}

static int check_flags(struct plan *p, const struct mmap_args *a)
{
	unsigned may = a->m ? a->may & VM_MAY_ACCESS : VM_MAY_ACCESS, vm = a->vm_flags;
	int r;

	if (a->prot & LX_PROT_READ)
		vm |= VM_READ;
	if (a->prot & LX_PROT_WRITE)
		vm |= VM_WRITE;
	if (a->prot & LX_PROT_EXEC)
		vm |= VM_EXEC;
	if (a->flags & LX_MAP_GROWSDOWN || vm & VM_STACK)
		vm |= VM_GROWSDOWN;
	if (a->flags & LX_MAP_NORESERVE)
		vm |= VM_NORESERVE;
	if (a->flags & LX_MAP_STACK)
		vm |= VM_NOHUGEPAGE;
	if (a->flags & LX_MAP_LOCKED)
		vm |= VM_LOCKED;
	p->vm_flags = vm; /* what the checks of limits look at even if it is refused */
	r = check_type(a, &vm);
	if (r)
		return r;
	if ((vm & VM_ACCESS) & ~(may >> 4))
		return -EACCES;
	if ((vm & (VM_WRITE | VM_SHARED | VM_NORESERVE)) == VM_WRITE)
		vm |= VM_ACCOUNT;
	p->vm_flags = vm | may;
	return 0;
}

static int check_args(struct plan *p, const struct mmap_args *a)
{
	uint64_t last;

	*p = (struct plan){.map_flags = a->flags, .m = a->m};
	if (a->off % PAGE_SIZE || !a->size)
		return -EINVAL;
	if (a->flags & LX_MAP_HUGETLB)
		return refuse_hugetlb(a);
	p->size = page_up(a->size);
	if (!p->size)
		return -ENOMEM;
	/* Linux looks for a place first: -EEXIST and -ENOMEM come before this. */
	p->refusal = check_flags(p, a);
	if (a->m && (!add_ok(a->off, p->size, &last) || last > INT64_MAX))
		p->refusal = -EOVERFLOW;
	return 0;
}

/* --- the host mapping ---------------------------------------------------- */

static bool fetched_all(const struct plan *p)
{
	return p->f.valid && p->f.run.size >= p->size;
}

/* Under v->m->lock if there is one. */
static int map_on_host(struct mm *mm, struct vma *v, const struct plan *p, bool overlap)
{
	int r;

	if (!v->m) {
		if (!overlap)
			mm_later(mm, true);
		r = vma_map_anon(v, v->start, p->size);
		if (!overlap)
			mm_later(mm, false);
		return r;
	}
	if (!p->f.valid)
		return 0;
	mutex_assert_held(&v->m->lock);
	r = map_fetched_locked(v, &p->f, v->start, false);
	/* Out of date by now: nothing has replaced the old mappings. */
	if (r == 0 && overlap)
		return mm->as->ops->unmap(mm->as, v->start, p->size);
	return r < 0 ? r : 0;
}

/*
 * Can the old areas be replaced under one lock, by one host call? Yes if no other
 * mappable than one (in *@held) is involved. What ld.so does, segments over the whole
 * library and zeroes over its tail, is of that kind.
 */
static bool one_step(struct mm *mm, const struct plan *p, struct mappable **held)
	MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, p->start);

	*held = p->m;
	if (p->m && !fetched_all(p))
		return false;
	for (; v && v->start < p->end; v = vma_next(v)) {
		if (v->m && *held && v->m != *held)
			return false;
		if (v->m)
			*held = v->m;
	}
	return true;
}

static int replace(struct mm *mm, struct vma *v, const struct plan *p,
		   struct dead_list *dead) MUST_HOLD(mm->lock)
{
	bool overlap = mm_covered(mm, p->start, p->end);
	struct mappable *held = p->m;
	struct vma *old, *next;
	int r;

	if (overlap && !one_step(mm, p, &held)) {
		r = mm_unmap_locked(mm, p->start, p->end, dead);
		if (r)
			return r;
		overlap = false;
		held = p->m;
	} else if (overlap) {
		r = vma_split_range(mm, p->start, p->end, true);
		if (r)
			return r;
	}
	mappable_lock(held);
	r = map_on_host(mm, v, p, overlap);
	if (r && overlap) /* the old content is undefined now */
		mm->as->ops->unmap(mm->as, p->start, p->size);
	old = mm_find_vma_locked(mm, p->start);
	for (; overlap && old && old->start < p->end; old = next) {
		next = vma_next(old);
		vma_unlink(mm, old, held, dead);
	}
	if (!r) {
		vma_link(mm, v);
		if (v->m) {
			mutex_assert_held(&v->m->lock);
			vma_rmap_add_locked(v);
		}
	}
	mappable_unlock(held);
	if (r && overlap)
		mm_hole_made(mm, p->end);
	return r;
}

/* --- mmap ---------------------------------------------------------------- */

static int check_locked(struct mm *mm, const struct plan *p) MUST_HOLD(mm->lock)
{
	uint64_t covered;
	int r;

	if (p->map_flags & LX_MAP_FIXED_NOREPLACE && mm_covered(mm, p->start, p->end))
		return -EEXIST;
	if (p->map_flags & LX_MAP_LOCKED && !mm->limits.can_lock && !mm->limits.memlock)
		return -EPERM;
	r = mm_may_lock(mm, p->vm_flags, p->size);
	if (r)
		return r;
	if (p->refusal)
		return p->refusal;
	covered = p->map_flags & LX_MAP_FIXED ? mm_covered(mm, p->start, p->end) : 0;
	return mm_may_expand(mm, p->vm_flags, p->size - covered) ? 0 : -ENOMEM;
}

static int mmap_locked(struct mm *mm, struct plan *p, const struct mmap_args *a,
		       struct dead_list *dead) MUST_HOLD(mm->lock)
{
	struct vma *v;
	int r;

	mm_take_limits(mm, a->limits);
	if (mm->n_vmas > MAX_MAP_COUNT)
		return -ENOMEM;
	if (mm->lock_future)
		p->vm_flags |= VM_LOCKED | (mm->lock_future_onfault ? VM_LOCKONFAULT : 0);
	r = mm_place(mm, a->addr, p->size, p->map_flags, &p->start);
	if (r)
		return r;
	p->end = p->start + p->size;
	r = check_locked(mm, p);
	if (r)
		return r;
	v = vma_alloc(mm, p->start, p->end, p->vm_flags, p->m, a->file, a->off);
	if (!v)
		return -ENOMEM;
	v->name = a->name;
	r = vma_count_writable(v, MAPPED_NEW);
	if (!r) {
		r = replace(mm, v, p, dead);
		if (r)
			vma_count_writable(v, MAPPED_GONE);
	}
	if (r) {
		list_add_tail(&dead->vmas, &v->rmap);
		return r;
	}
	vma_merge_range(mm, p->start, p->end);
	return 0;
}

/* What can be mapped at once: pages that are there, and a little new shared memory. */
static void prefetch(struct plan *p, uint64_t off, bool anon)
{
	bool shared = p->vm_flags & VM_SHARED;

	if (!(p->vm_flags & VM_ACCESS))
		return;
	if (anon && p->size <= FAULT_AROUND) {
		(void)!fetch(&p->f, p->m, off, p->size, shared, p->vm_flags & VM_WRITE);
	} else if (!anon && !fetch(&p->f, p->m, off, p->size, false, false) &&
		   p->f.run.zero) {
		fetch_done(&p->f);
	}
}

static bool wants_pages(const struct plan *p)
{
	if (p->vm_flags & VM_LOCKED)
		return !(p->vm_flags & VM_LOCKONFAULT);
	return p->map_flags & LX_MAP_POPULATE && !(p->map_flags & LX_MAP_NONBLOCK);
}

int mm_mmap(struct mm *mm, const struct mmap_args *a, uaddr_t *out)
{
	struct mappable *shared_anon = NULL;
	struct mmap_args args = *a;
	struct dead_list dead;
	struct plan p;
	int r;

	*out = 0;
	r = check_args(&p, a);
	if (r)
		return r;
	if (!p.refusal && !a->m && p.vm_flags & VM_SHARED) {
		if (!mm->pool)
			return -ENOMEM;
		r = shmem_create(mm->pool, p.size, &shared_anon);
		if (r)
			return r;
		p.m = shared_anon;
		args.off = 0;
		args.name = "/dev/zero (deleted)";
	}
	if (p.m && !p.refusal)
		prefetch(&p, args.off, shared_anon);
	list_init(&dead.vmas);
	mutex_lock(&mm->lock);
	r = mmap_locked(mm, &p, &args, &dead);
	mutex_unlock(&mm->lock);
	fetch_done(&p.f);
	vma_free_list(&dead);
	if (shared_anon)
		shared_anon->ops->put(shared_anon);
	if (r)
		return r;
	/* Failing to populate is no failure of mmap(2). */
	if (wants_pages(&p))
		(void)!mm_populate(mm, p.start, p.end, POPULATE_AUTO);
	*out = p.start;
	return 0;
}
