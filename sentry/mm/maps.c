// SPDX-License-Identifier: Apache-2.0
/*
 * What others ask about the areas: /proc's maps and the identity of a futex word.
 *
 * mm_for_each_vma() copies first and calls back afterwards, without mm->lock: what a
 * caller does with a file (its path) takes locks that come before ours.
 */
#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/mm/internal.h"

/* As Linux names them: by where brk and the initial stack pointer are. */
static const char *area_name(const struct mm *mm, const struct vma *v)
{
	if (v->name || v->file || v->m)
		return v->name;
	if (mm->brk > mm->start_brk && v->start < mm->brk && v->end > mm->start_brk)
		return "[heap]";
	if (mm->start_stack && v->start <= mm->start_stack && v->end >= mm->start_stack)
		return "[stack]";
	return NULL;
}

static void fill_info(const struct mm *mm, const struct vma *v, struct vma_info *info)
{
	*info = (struct vma_info){.start = v->start,
				  .end = v->end,
				  .flags = v->flags,
				  .off = v->off,
				  .name = area_name(mm, v)};
	if (v->file)
		info->file = file_get(v->file);
}

static int snapshot(struct mm *mm, struct vma_info **out, unsigned *n)
{
	struct vma_info *info;
	struct vma *v;

	*n = 0;
	mutex_lock(&mm->lock);
	*out = info = mem_calloc(mm->n_vmas, sizeof(*info));
	if (!info) {
		mutex_unlock(&mm->lock);
		return -ENOMEM;
	}
	for (v = mm_find_vma_locked(mm, 0); v; v = vma_next(v), info++, ++*n) {
		fill_info(mm, v, info);
		if (v->m)
			v->m->ops->describe(v->m, &info->dev, &info->ino);
	}
	mutex_unlock(&mm->lock);
	return 0;
}

int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma_info *, void *), void *arg)
{
	struct vma_info *info;
	unsigned n;
	int r = snapshot(mm, &info, &n);

	for (unsigned i = 0; !r && i < n; i++)
		r = fn(&info[i], arg);
	for (unsigned i = 0; i < n; i++)
		if (info[i].file)
			file_put(info[i].file);
	mem_free(info);
	return r;
}

bool mm_area_at(struct mm *mm, uaddr_t addr, bool wait, struct vma_info *out)
{
	struct vma *v;
	bool found;

	if (wait)
		mutex_lock(&mm->lock);
	else if (!mutex_trylock(&mm->lock))
		return false;
	v = mm_find_vma_locked(mm, addr);
	found = v && v->start <= addr;
	if (found)
		fill_info(mm, v, out);
	mutex_unlock(&mm->lock);
	return found;
}

/* --- futex --------------------------------------------------------------- */

int mm_futex_key(struct mm *mm, uaddr_t addr, bool shared_wanted, struct futex_key *key)
{
	struct vma *v;
	int r = 0;

	*key = (struct futex_key){.object = mm, .offset = addr};
	if (addr >= mm->as->platform->limits.max_addr)
		return -EFAULT;
	if (!shared_wanted)
		return 0;
	mutex_lock(&mm->lock);
	v = mm_find_vma_locked(mm, addr);
	if (!v || v->start > addr || !(v->flags & VM_ACCESS)) {
		r = -EFAULT;
	} else if (v->flags & VM_SHARED) {
		v->m->ops->get(v->m);
		*key = (struct futex_key){
			.object = v->m, .offset = vma_off(v, addr), .shared = true};
	}
	mutex_unlock(&mm->lock);
	return r;
}

void mm_futex_key_put(struct futex_key *key)
{
	struct mappable *m = key->object;

	if (key->shared)
		m->ops->put(m);
	*key = (struct futex_key){0};
}
