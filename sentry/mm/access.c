// SPDX-License-Identifier: Apache-2.0
/*
 * A debugger's access to memory: what is mapped without the right for it can be read and,
 * if it is private, written all the same, as breakpoints in a program's text are. The
 * page is given the right for the moment of the copy.
 */
#include "sentry/abi/errno.h"
#include "sentry/mm/internal.h"
#include "sentry/mm/uio.h"

static bool may_force(const struct vma *v, bool write)
{
	if (v->flags & VM_SPECIAL)
		return false;
	if (write)
		return v->flags & VM_MAYWRITE && !(v->flags & VM_SHARED);
	return v->flags & VM_MAYREAD;
}

static int copy_forced(struct vma *v, uaddr_t addr, void *buf, size_t n, bool write)
{
	struct addr_space *as = v->mm->as;
	unsigned prot = vm_prot_to_as(v->flags);
	uaddr_t page = page_down(addr);
	ssize_t r;

	r = as->ops->protect(as, page, PAGE_SIZE,
			     prot | AS_PROT_READ | (write ? AS_PROT_WRITE : 0));
	if (r)
		return (int)r;
	r = write ? as->ops->copy_out(as, addr, buf, n)
		  : as->ops->copy_in(as, buf, addr, n);
	as->ops->protect(as, page, PAGE_SIZE, prot);
	if (write && v->m)
		v->flags |= VM_MAYCOPY; /* it has a page of its own now */
	return r == (ssize_t)n ? 0 : -EIO;
}

/* [@addr, @addr + @n) lies in one page. */
static int force_page(struct mm *mm, uaddr_t addr, void *buf, size_t n, bool write)
{
	struct umem u = {.mm = mm};
	struct range *g;
	struct vma *v;
	char byte;
	int r = -EIO;

	/* A file's page must be mapped on the host for its rights to be changed: try. */
	(void)copy_from_user(&u, &byte, addr, 1);
	mutex_lock(&mm->lock);
	v = mm_find_vma_locked(mm, addr);
	if (v && v->start <= addr && may_force(v, write)) {
		if (!v->m) {
			r = copy_forced(v, addr, buf, n, write);
		} else {
			mutex_lock(&v->m->lock);
			g = ranges_find(&v->mapped, addr);
			if (g && g->start <= addr)
				r = copy_forced(v, addr, buf, n, write);
			mutex_unlock(&v->m->lock);
		}
	}
	mutex_unlock(&mm->lock);
	return r;
}

ssize_t mm_access(struct mm *mm, uaddr_t addr, void *buf, size_t n, bool write)
{
	struct umem u = {.mm = mm};
	size_t done = 0;

	mm_unpatch(mm, addr, n);
	while (done < n) {
		uaddr_t at = addr + done;
		char *p = (char *)buf + done;
		size_t in_page = min_t(size_t, n - done, PAGE_SIZE - at % PAGE_SIZE);
		struct uio other;
		ssize_t r;

		uio_init_user(&other, &u, at, n - done);
		r = write ? uio_copy_to(&other, p, n - done)
			  : uio_copy_from(&other, p, n - done);
		if (r <= 0)
			r = force_page(mm, at, p, in_page, write) ? -EIO
								  : (ssize_t)in_page;
		if (r < 0)
			break;
		done += (size_t)r;
	}
	return done || !n ? (ssize_t)done : -EIO;
}
