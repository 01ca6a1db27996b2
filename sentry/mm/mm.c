// SPDX-License-Identifier: Apache-2.0
/*
 * The life of an mm: created for a first program or by fork, emptied by exec in place,
 * torn down when its last task leaves. `users` are tasks, `ref` also proc files; the
 * areas go with the first count, the struct with the second.
 */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/mm/internal.h"

/* Until the loader says where: below the biggest stack gap Linux leaves by default. */
#define DEFAULT_GAP (128ull << 20)

static const struct mm_limits no_limits = {
	.as = UINT64_MAX,
	.data = UINT64_MAX,
	.stack = 8ull << 20,
	.memlock = 8ull << 20,
	.piece = UINT64_MAX,
};

static struct mm *mm_alloc(void)
{
	struct mm *mm = mem_zalloc(sizeof(*mm));

	if (!mm)
		return NULL;
	refcount_init(&mm->users);
	refcount_init(&mm->ref);
	mutex_init(&mm->lock, LOCK_MM_META);
	mm->limits = no_limits;
	mm->hole_top = UINT64_MAX;
	mm->dumpable = true;
	atomic_init(&mm->dump_filter, MM_DUMP_FILTER_DEFAULT);
	return mm;
}

static void mm_free(struct mm *mm)
{
	mutex_destroy(&mm->lock);
	mem_free(mm);
}

int mm_create(struct platform *p, struct mm **out)
{
	struct mm *mm = mm_alloc();
	int r;

	*out = NULL;
	if (!mm)
		return -ENOMEM;
	r = p->ops->as_create(p, &mm->as);
	if (r) {
		mm_free(mm);
		return r;
	}
	mm->mmap_base = page_down(p->limits.max_addr - DEFAULT_GAP);
	*out = mm;
	return 0;
}

struct mm *mm_get(struct mm *mm)
{
	refcount_inc(&mm->users);
	return mm;
}

bool mm_tryget(struct mm *mm)
{
	return refcount_inc_not_zero(&mm->users);
}

struct mm *mm_ref(struct mm *mm)
{
	refcount_inc(&mm->ref);
	return mm;
}

static bool unref(struct mm *mm, struct as_usage *last)
{
	bool told;

	if (!refcount_dec(&mm->ref))
		return false;
	told = as_put_last(mm->as, last);
	mm_free(mm);
	return told;
}

void mm_unref(struct mm *mm)
{
	unref(mm, NULL);
}

static void unlink_all(struct mm *mm, struct dead_list *dead)
{
	struct rb_node *n;

	while ((n = mm->vmas.root))
		vma_unlink(mm, rb_entry(n, struct vma, node), NULL, dead);
}

void mm_put(struct mm *mm)
{
	mm_put_last(mm, NULL);
}

bool mm_put_last(struct mm *mm, struct as_usage *last)
{
	struct dead_list dead;
	struct file *exe;

	if (!refcount_dec(&mm->users))
		return false;
	list_init(&dead.vmas);
	mutex_lock(&mm->lock);
	/*
	 * A proc file that still holds the struct must not keep the guest's memory too.
	 */
	if (refcount_read(&mm->ref) > 1)
		mm->as->ops->reset(mm->as);
	unlink_all(mm, &dead);
	exe = TAKE_PTR(mm->exe);
	mutex_unlock(&mm->lock);
	vma_free_list(&dead);
	if (exe)
		file_put(exe);
	return unref(mm, last);
}

int mm_exec_reset(struct mm *mm)
{
	struct dead_list dead;
	struct file *exe;
	int r;

	list_init(&dead.vmas);
	mutex_lock(&mm->lock);
	r = mm->as->ops->reset(mm->as);
	if (r) {
		mutex_unlock(&mm->lock);
		return r;
	}
	unlink_all(mm, &dead);
	exe = TAKE_PTR(mm->exe);
	mm->total_peak = 0;
	mm->hole_top = UINT64_MAX;
	mm->hole_size = 0;
	mm->start_brk = mm->brk = 0;
	mm->start_code = mm->end_code = mm->start_data = mm->end_data = 0;
	mm->start_stack = mm->arg_start = mm->arg_end = mm->env_start = mm->env_end = 0;
	mm->vdso = 0;
	mm->auxv_len = 0;
	mm->lock_future = mm->lock_future_onfault = false;
	mutex_unlock(&mm->lock);
	vma_free_list(&dead);
	if (exe)
		file_put(exe);
	return 0;
}

/* --- fork ---------------------------------------------------------------- */

static void copy_fields(struct mm *mm, const struct mm *old)
{
	mm->mmap_base = old->mmap_base;
	mm->start_brk = old->start_brk;
	mm->brk = old->brk;
	mm->start_code = old->start_code;
	mm->end_code = old->end_code;
	mm->start_data = old->start_data;
	mm->end_data = old->end_data;
	mm->start_stack = old->start_stack;
	mm->arg_start = old->arg_start;
	mm->arg_end = old->arg_end;
	mm->env_start = old->env_start;
	mm->env_end = old->env_end;
	mm->vdso = old->vdso;
	memcpy(mm->auxv, old->auxv, sizeof(mm->auxv));
	mm->auxv_len = old->auxv_len;
	mm->dumpable = old->dumpable;
	atomic_store(&mm->thp_disabled, atomic_load(&old->thp_disabled));
	atomic_store(&mm->dump_filter, atomic_load(&old->dump_filter));
	mm->limits = old->limits;
	mm->pool = old->pool;
	if (old->exe)
		mm->exe = file_get(old->exe);
}

/* What the host has mapped of @v's file, as of now. */
static int copy_mapped(struct vma *copy, struct vma *v)
{
	int r;

	if (!v->m)
		return 0;
	mutex_lock(&v->m->lock);
	copy->generation = v->m->generation;
	r = ranges_copy(&copy->mapped, &v->mapped);
	mutex_unlock(&v->m->lock);
	return r;
}

/* The areas, in the tree but on no reverse map: an invalidation does not see them yet. */
static int copy_areas(struct mm *mm, struct mm *old) MUST_HOLD(old->lock)
{
	struct vma *v = mm_find_vma_locked(old, 0);

	for (; v; v = vma_next(v)) {
		struct vma *copy;
		int r;

		if (v->flags & VM_DONTFORK)
			continue;
		/* Locks are not inherited (mlock(2)). */
		copy = vma_alloc(mm, v->start, v->end,
				 v->flags & ~(unsigned)(VM_LOCKED | VM_LOCKONFAULT), v->m,
				 v->file, v->off);
		if (!copy)
			return -ENOMEM;
		copy->name = v->name;
		r = copy_mapped(copy, v);
		if (!r)
			r = vma_count_writable(copy, MAPPED_COPY);
		if (r) {
			vma_free(copy);
			return r;
		}
		vma_link(mm, copy);
	}
	return 0;
}

/*
 * The child's host mappings are those the parent had at the moment of the host's fork.
 * If something was taken back from the parent around then, it goes in the child too:
 * everything that is not in the parent's set now, under the lock that keeps it still.
 */
static int adopt_mapped(struct vma *copy, struct vma *v)
{
	struct addr_space *as = copy->mm->as;
	uaddr_t at = copy->start;
	struct range *g;
	int r = 0;

	mutex_lock(&v->m->lock);
	mutex_assert_held(&copy->m->lock); /* of the same file */
	vma_rmap_add_locked(copy);
	if (copy->generation != v->m->generation) {
		ranges_clear(&copy->mapped);
		r = ranges_copy(&copy->mapped, &v->mapped);
		g = ranges_find(&v->mapped, at);
		while (!r && at < copy->end) {
			uaddr_t stop = g ? g->start : copy->end;

			if (stop > at)
				r = as->ops->unmap(as, at, stop - at);
			at = g ? g->end : copy->end;
			g = g ? ranges_next(g) : NULL;
		}
	}
	mutex_unlock(&v->m->lock);
	return r;
}

/* After the host's fork: bring the child's host mappings in line with its areas. */
static int settle_child(struct mm *mm, struct mm *old) MUST_HOLD(old->lock, mm->lock)
{
	struct vma *v = mm_find_vma_locked(old, 0), *copy = mm_find_vma_locked(mm, 0);
	struct addr_space *as = mm->as;

	for (; v; v = vma_next(v)) {
		int r = 0;

		if (v->flags & VM_DONTFORK) {
			r = as->ops->unmap(as, v->start, vma_size(v));
		} else {
			if (v->m)
				r = adopt_mapped(copy, v);
			else if (v->flags & VM_WIPEONFORK)
				r = vma_map_anon(copy, copy->start, vma_size(copy));
			copy = vma_next(copy);
		}
		if (r)
			return r;
	}
	return 0;
}

int mm_fork(struct mm *old, struct mm **out)
{
	struct dead_list dead;
	struct mm *mm;
	int r;

	*out = NULL;
	mm = mm_alloc();
	if (!mm)
		return -ENOMEM;
	list_init(&dead.vmas);
	mutex_lock(&old->lock);
	/* Nobody else knows the child yet. */
	mutex_lock_nested(&mm->lock);
	copy_fields(mm, old);
	r = copy_areas(mm, old);
	if (!r)
		r = old->as->ops->fork(old->as, &mm->as);
	if (!r)
		r = settle_child(mm, old);
	if (r)
		unlink_all(mm, &dead);
	mutex_unlock(&mm->lock);
	mutex_unlock(&old->lock);
	if (!r) {
		*out = mm;
		return 0;
	}
	vma_free_list(&dead);
	if (mm->exe)
		file_put(mm->exe);
	if (mm->as)
		as_put(mm->as);
	mm_free(mm);
	return r;
}
