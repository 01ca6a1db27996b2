// SPDX-License-Identifier: Apache-2.0
/*
 * The areas of an mm: the tree, cutting and joining, the accounts.
 *
 * Everything here runs under mm->lock. An area of a mappable is also on the mappable's
 * reverse map; its borders and its set of mapped ranges change under both locks, because
 * mappable_invalidate() comes from the other side with only the second one.
 */
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/mm/internal.h"

static struct vma *to_vma(struct rb_node *n)
{
	return rb_entry_or_null(n, struct vma, node);
}

struct vma *vma_next(const struct vma *v)
{
	return to_vma(rb_next(&v->node));
}

struct vma *vma_prev(const struct vma *v)
{
	return to_vma(rb_prev(&v->node));
}

struct vma *mm_find_vma_locked(struct mm *mm, uaddr_t addr)
{
	struct rb_node *n = mm->vmas.root;
	struct vma *best = NULL;

	while (n) {
		struct vma *v = rb_entry(n, struct vma, node);

		if (v->end > addr) {
			best = v;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

unsigned vm_prot_to_as(unsigned vm_flags)
{
	unsigned prot = 0;

	/* The hardware has no write-only pages; and copies in go by the host's rights. */
	if (vm_flags & (VM_READ | VM_WRITE))
		prot |= AS_PROT_READ;
	if (vm_flags & VM_WRITE)
		prot |= AS_PROT_WRITE;
	if (vm_flags & VM_EXEC)
		prot |= AS_PROT_EXEC;
	return prot;
}

int vma_map_anon(const struct vma *v, uaddr_t addr, uint64_t size)
{
	struct addr_space *as = v->mm->as;

	return as->ops->map_anon(as, addr, size, vm_prot_to_as(v->flags),
				 v->flags & VM_NORESERVE ? AS_MAP_NORESERVE : 0);
}

/* --- accounts ------------------------------------------------------------ */

static void add_if(uint64_t *account, bool cond, int64_t size)
{
	if (cond)
		*account += (uint64_t)size;
}

/* As Linux's vm_stat_account(); @size may be negative. */
static void account(struct mm *mm, unsigned flags, bool file, int64_t size)
{
	unsigned kind = flags & (VM_EXEC | VM_WRITE | VM_SHARED | VM_GROWSDOWN);

	mm->total += (uint64_t)size;
	if (mm->total > mm->total_peak)
		mm->total_peak = mm->total;
	add_if(&mm->exec_size, (kind & ~VM_SHARED) == VM_EXEC, size);
	add_if(&mm->stack_size, kind & VM_GROWSDOWN, size);
	add_if(&mm->data, (kind & ~VM_EXEC) == VM_WRITE, size);
	add_if(&mm->locked, flags & VM_LOCKED, size);
	add_if(&mm->shared, flags & VM_SHARED, size);
	add_if(&mm->file_mapped, file, size);
	add_if(&mm->charged, flags & VM_ACCOUNT, size);
}

void vma_set_flags(struct mm *mm, struct vma *v, unsigned flags)
{
	account(mm, v->flags, v->file, -(int64_t)vma_size(v));
	if ((flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		flags |= VM_MAYCOPY;
	v->flags = flags;
	account(mm, v->flags, v->file, (int64_t)vma_size(v));
}

/* --- life of one area ---------------------------------------------------- */

struct vma *vma_alloc(struct mm *mm, uaddr_t start, uaddr_t end, unsigned flags,
		      struct mappable *m, struct file *file, uint64_t off)
{
	struct vma *v = mem_zalloc(sizeof(*v));

	if (!v)
		return NULL;
	v->mm = mm;
	v->start = start;
	v->end = end;
	v->flags = flags;
	if ((flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		v->flags |= VM_MAYCOPY;
	v->off = m ? off : 0;
	v->m = m;
	if (m)
		m->ops->get(m);
	if (file)
		v->file = file_get(file);
	list_init(&v->rmap);
	return v;
}

void vma_free(struct vma *v)
{
	ranges_clear(&v->mapped);
	if (v->m)
		v->m->ops->put(v->m);
	if (v->file)
		file_put(v->file);
	mem_free(v);
}

void vma_free_list(struct dead_list *dead)
{
	struct vma *v;

	while ((v = list_first(&dead->vmas, struct vma, rmap))) {
		list_del(&v->rmap);
		vma_free(v);
	}
}

/* Every area that enters or leaves a tree passes here, and nothing else does. */
static void count_area(const struct vma *v, int delta)
{
	if (v->m && v->m->ops->mapped)
		v->m->ops->mapped(v->m, delta);
}

static void tree_insert(struct mm *mm, struct vma *v)
{
	struct rb_node **link = &mm->vmas.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = v->start < rb_entry(parent, struct vma, node)->start
			       ? &parent->left
			       : &parent->right;
	}
	rb_link(&mm->vmas, &v->node, parent, link);
	mm->n_vmas++;
	count_area(v, 1);
}

static void tree_erase(struct mm *mm, struct vma *v)
{
	rb_erase(&mm->vmas, &v->node);
	mm->n_vmas--;
	count_area(v, -1);
}

void vma_link(struct mm *mm, struct vma *v)
{
	tree_insert(mm, v);
	account(mm, v->flags, v->file, (int64_t)vma_size(v));
}

void vma_rmap_add_locked(struct vma *v)
{
	list_add_tail(&v->m->vmas, &v->rmap);
}

int vma_count_writable(struct vma *v, enum mapped_change what)
{
	if (!v->m || !v->m->ops->writable ||
	    (v->flags & (VM_SHARED | VM_MAYWRITE)) != (VM_SHARED | VM_MAYWRITE))
		return 0;
	return v->m->ops->writable(v->m, what);
}

static void rmap_del_locked(struct vma *v) MUST_HOLD(v->m->lock)
{
	list_del(&v->rmap);
	ranges_clear(&v->mapped);
}

void vma_unlink(struct mm *mm, struct vma *v, struct mappable *held,
		struct dead_list *dead)
{
	tree_erase(mm, v);
	account(mm, v->flags, v->file, -(int64_t)vma_size(v));
	if (v->m) {
		if (v->m == held) {
			mutex_assert_held(&v->m->lock);
			rmap_del_locked(v);
		} else {
			mutex_lock(&v->m->lock);
			rmap_del_locked(v);
			mutex_unlock(&v->m->lock);
		}
		vma_count_writable(v, MAPPED_GONE);
	}
	list_add_tail(&dead->vmas, &v->rmap);
}

void vma_resize(struct mm *mm, struct vma *v, uaddr_t start, uaddr_t end)
{
	mappable_lock(v->m);
	account(mm, v->flags, v->file, -(int64_t)vma_size(v));
	if (v->m)
		v->off += start - v->start;
	v->start = start;
	v->end = end;
	account(mm, v->flags, v->file, (int64_t)vma_size(v));
	mappable_unlock(v->m);
}

/* --- cutting ------------------------------------------------------------- */

/* Cut @v at @addr inside it: @v keeps the lower part. -ENOMEM, -EINVAL (VM_SPECIAL). */
static int vma_split(struct mm *mm, struct vma *v, uaddr_t addr)
{
	struct vma *upper;
	int r;

	if (v->flags & VM_SPECIAL)
		return -EINVAL;
	upper = vma_alloc(mm, addr, v->end, v->flags, v->m, v->file,
			  v->m ? vma_off(v, addr) : 0);
	if (!upper)
		return -ENOMEM;
	upper->name = v->name;
	r = vma_count_writable(upper, MAPPED_COPY);
	if (!r && v->m) {
		mutex_lock(&v->m->lock);
		r = ranges_split(&v->mapped, addr, &upper->mapped);
		if (!r) {
			v->end = addr;
			mutex_assert_held(&upper->m->lock);
			vma_rmap_add_locked(upper);
		}
		mutex_unlock(&v->m->lock);
		if (r)
			vma_count_writable(upper, MAPPED_GONE);
	}
	if (r) {
		vma_free(upper);
		return r;
	}
	if (!v->m)
		v->end = addr;
	tree_insert(mm, upper);
	return 0;
}

static int split_at(struct mm *mm, uaddr_t addr, bool check_count) MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, addr);

	if (!v || v->start >= addr)
		return 0;
	if (check_count && mm->n_vmas >= MAX_MAP_COUNT)
		return -ENOMEM;
	return vma_split(mm, v, addr);
}

int vma_split_range(struct mm *mm, uaddr_t start, uaddr_t end, bool unmap)
{
	struct vma *v = mm_find_vma_locked(mm, start);
	bool hole = v && v->start < start && v->end > end;
	int r;

	if (unmap && hole && mm->n_vmas >= MAX_MAP_COUNT)
		return -ENOMEM;
	r = split_at(mm, start, !unmap);
	if (r)
		return r;
	r = split_at(mm, end, !unmap);
	if (r)
		vma_merge_range(mm, start, start);
	return r;
}

/* --- joining ------------------------------------------------------------- */

static bool can_join(const struct vma *a, const struct vma *b)
{
	return a->end == b->start &&
	       !((a->flags ^ b->flags) & ~(unsigned)VM_IGNORE_MERGE) &&
	       !(a->flags & VM_SPECIAL) && a->m == b->m && a->file == b->file &&
	       a->name == b->name && (!a->m || vma_off(a, a->end) == b->off);
}

static void join(struct mm *mm, struct vma *a, struct vma *b)
{
	uaddr_t end = b->end;

	a->flags |= b->flags & VM_IGNORE_MERGE;
	tree_erase(mm, b);
	if (a->m) {
		mutex_lock(&a->m->lock);
		list_del(&b->rmap);
		ranges_join(&a->mapped, &b->mapped);
		a->end = end;
		mutex_unlock(&a->m->lock);
		vma_count_writable(b, MAPPED_GONE);
	} else {
		a->end = end;
	}
	vma_free(b); /* never the last references: a holds the same ones */
}

void vma_merge_range(struct mm *mm, uaddr_t start, uaddr_t end)
{
	struct vma *v = mm_find_vma_locked(mm, start ? start - 1 : 0), *next;

	while (v && (next = vma_next(v)) && next->start <= end) {
		if (can_join(v, next))
			join(mm, v, next);
		else
			v = next;
	}
}

/* --- questions ----------------------------------------------------------- */

uint64_t mm_covered(struct mm *mm, uaddr_t start, uaddr_t end)
{
	struct vma *v = mm_find_vma_locked(mm, start);
	uint64_t sum = 0;

	for (; v && v->start < end; v = vma_next(v))
		sum += min_t(uaddr_t, v->end, end) - max_t(uaddr_t, v->start, start);
	return sum;
}
