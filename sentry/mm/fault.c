// SPDX-License-Identifier: Apache-2.0
/*
 * Faults: what is promised by an area but not there on the host yet.
 *
 * Anonymous private memory is always there (mmap maps it, the host fills it), so what
 * faults is a stack that grows, or a page of a mappable. For that one:
 *
 *	under mm->lock: find the area, check the right, note the mappable and its offset
 *	unlocked: fetch() = note the generation, translate() (may talk to the gofer)
 *	under mm->lock and m->lock: is the area still the same, the generation too?
 *	    then map it, else start again
 *
 * Pages the host has mapped are in the area's set of ranges and are never mapped twice,
 * except to add the right to write to shared ones.
 */
#include <errno.h>

#include "sentry/abi/signal.h"
#include "sentry/mm/internal.h"

#define FAULT(signo, code) (-((signo) << 8 | (code)))
#define FAULT_MAPERR	   FAULT(LX_SIGSEGV, LX_SEGV_MAPERR)
#define FAULT_ACCERR	   FAULT(LX_SIGSEGV, LX_SEGV_ACCERR)
#define FAULT_BUS	   FAULT(LX_SIGBUS, LX_BUS_ADRERR)
#define FAULT_AGAIN	   1

/* Races lost in a row before the guest is left to fault anew (and take its signals). */
#define MAX_TRIES 16

/* The initial stack grows by more than a page: each fault is dear here. */
#define STACK_STEP (32 * PAGE_SIZE)

/* --- translations -------------------------------------------------------- */

int fetch(struct fetched *f, struct mappable *m, uint64_t off, uint64_t size, bool shared,
	  bool write)
{
	int r;

	*f = (struct fetched){.m = m, .off = off};
	mutex_lock(&m->lock);
	f->generation = m->generation;
	mutex_unlock(&m->lock);
	r = m->ops->translate(m, off, size, shared, write, &f->run);
	if (r)
		return r;
	f->valid = true;
	f->run.size = page_down(f->run.size);
	if (!f->run.size || (shared && f->run.zero)) {
		fetch_done(f);
		return -EIO;
	}
	return 0;
}

void fetch_done(struct fetched *f)
{
	if (f->valid && f->m->ops->run_put)
		f->m->ops->run_put(f->m, &f->run);
	f->valid = false;
}

/*
 * For a fault. What exists already is asked for in one piece as far as the area goes;
 * where the answer costs blocks (holes of shared memory, copy-up) a small piece is
 * enough.
 */
static int fetch_fault(struct fetched *f, struct mappable *m, uint64_t off, uint64_t size,
		       uint64_t around, bool shared, bool write)
{
	around = min_t(uint64_t, size, around - off % FAULT_AROUND);
	if (!shared || !write) {
		int r = fetch(f, m, off, size, false, false);

		if (r || !f->run.zero)
			return r;
		f->run.size = min_t(uint64_t, f->run.size, around);
		if (!shared)
			return 0;
		fetch_done(f);
	}
	return fetch(f, m, off, around, true, write);
}

static int map_run(struct vma *v, const struct mappable_run *run, uaddr_t addr,
		   uint64_t size, bool writable)
{
	struct addr_space *as = v->mm->as;
	unsigned prot = vm_prot_to_as(v->flags);
	bool shared = v->flags & VM_SHARED;

	if (run->zero)
		return vma_map_anon(v, addr, size);
	if (!writable)
		prot &= ~(unsigned)AS_PROT_WRITE;
	return as->ops->map_file(as, addr, size, prot, shared ? AS_MAP_SHARED : 0,
				 run->hfd, run->hoff, run->key);
}

int map_fetched_locked(struct vma *v, const struct fetched *f, uaddr_t addr, bool write)
{
	bool shared = v->flags & VM_SHARED, writable = !shared || f->run.writable;
	struct range *g = ranges_find(&v->mapped, addr);
	uaddr_t end = addr + min_t(uint64_t, f->run.size, v->end - addr);
	int r;

	if (!f->valid || f->m->generation != f->generation)
		return 0;
	if (f->run.zero && shared)
		return 0;
	if (g && g->start <= addr) {
		if (g->writable || !write)
			return 1; /* another thread was here first */
		if (!writable)
			return -EIO;
		end = min_t(uaddr_t, end, g->end);
	} else if (g) {
		end = min_t(uaddr_t, end, g->start);
	}
	r = ranges_add(&v->mapped, addr, end, writable);
	if (r)
		return r;
	r = map_run(v, &f->run, addr, end - addr, writable);
	if (r) {
		vma_forget_locked(v, addr, end);
		return r;
	}
	return 1;
}

/* --- the fault ----------------------------------------------------------- */

/* As x86's access_error(): any right at all lets one read. */
static bool access_ok(const struct vma *v, unsigned access)
{
	if (access & ACCESS_WRITE)
		return v->flags & VM_WRITE;
	if (access & ACCESS_EXEC)
		return v->flags & VM_EXEC;
	return v->flags & VM_ACCESS;
}

/*
 * May the stack @v grow down to @addr? As Linux's expand_downwards(): the guard gap to
 * the area below stays, unless that one is a stack too or not accessible.
 */
static bool may_grow(struct mm *mm, const struct vma *v, uaddr_t addr)
{
	struct vma *below = vma_prev(v);
	uint64_t grow = v->start - addr;

	if (addr < mm->as->platform->limits.min_addr)
		return false;
	if (below && below->end > addr)
		return false;
	if (below && !(below->flags & VM_GROWSDOWN) && (below->flags & VM_ACCESS) &&
	    addr - below->end < STACK_GUARD)
		return false;
	return v->end - addr <= mm->limits.stack && mm_may_expand(mm, v->flags, grow) &&
	       !mm_may_lock(mm, v->flags, grow);
}

static int grow_stack(struct mm *mm, struct vma *v, uaddr_t addr)
{
	uaddr_t more = addr & ~(STACK_STEP - 1);

	if (v->m || !may_grow(mm, v, addr))
		return FAULT_MAPERR;
	if (v->flags & VM_STACK && may_grow(mm, v, more))
		addr = more;
	if (vma_map_anon(v, addr, v->start - addr))
		return FAULT_MAPERR;
	vma_resize(mm, v, addr, v->end);
	return 0;
}

/* The area that lets @access at @addr happen, or NULL with the signal in *r. */
static struct vma *fault_vma(struct mm *mm, uaddr_t addr, unsigned access, int *r)
{
	struct vma *v = mm_find_vma_locked(mm, addr);

	*r = FAULT_MAPERR;
	if (!v)
		return NULL;
	if (v->start > addr) {
		if (!(v->flags & VM_GROWSDOWN))
			return NULL;
		*r = grow_stack(mm, v, addr);
		if (*r)
			return NULL;
	}
	if (!access_ok(v, access)) {
		*r = FAULT_ACCERR;
		return NULL;
	}
	*r = 0;
	return v;
}

/*
 * Bytes from @addr on that are not mapped yet, or lack the right to write; 0: nothing to
 * do.
 */
static uint64_t missing(struct vma *v, uaddr_t addr, bool write, uint64_t *around)
{
	struct range *g;
	uint64_t size;

	mutex_lock(&v->m->lock);
	/* Who goes through it in order gets as much again as is there already. */
	*around = FAULT_AROUND;
	g = ranges_find(&v->mapped, addr - 1);
	if (g && g->end == addr && (g->writable || !write))
		*around = max_t(uint64_t, FAULT_AROUND,
				min_t(uint64_t, addr - g->start, FAULT_AROUND_MAX));
	g = ranges_find(&v->mapped, addr);
	if (!g)
		size = v->end - addr;
	else if (g->start > addr)
		size = g->start - addr;
	else
		size = write && !g->writable ? g->end - addr : 0;
	mutex_unlock(&v->m->lock);
	return size;
}

/* The second half, after the translation. */
static int fault_map(struct mm *mm, const struct fetched *f, uaddr_t addr,
		     unsigned access, bool shared)
{
	struct vma *v = mm_find_vma_locked(mm, addr);
	int r;

	if (!v || v->start > addr || v->m != f->m || vma_off(v, addr) != f->off ||
	    !(v->flags & VM_SHARED) == shared || !access_ok(v, access))
		return FAULT_AGAIN;
	mutex_lock(&v->m->lock);
	r = map_fetched_locked(v, f, addr, access & ACCESS_WRITE);
	mutex_unlock(&v->m->lock);
	if (r == 1)
		return 0;
	/* -ESRCH: the guest process is gone; its task finds that out when it runs on. */
	return r == 0 ? FAULT_AGAIN : r == -ESRCH ? 0 : FAULT_BUS;
}

static int fault_once(struct mm *mm, uaddr_t addr, unsigned access,
		      const uint64_t *stack_limit)
{
	bool write = access & ACCESS_WRITE, shared;
	struct mappable *m;
	struct fetched f;
	uint64_t off, size, around;
	struct vma *v;
	int r;

	mutex_lock(&mm->lock);
	if (stack_limit)
		mm->limits.stack = *stack_limit;
	v = fault_vma(mm, addr, access, &r);
	size = v && v->m ? missing(v, addr, write, &around) : 0;
	if (!size) {
		mutex_unlock(&mm->lock);
		return r;
	}
	m = v->m;
	m->ops->get(m);
	off = vma_off(v, addr);
	shared = v->flags & VM_SHARED;
	mutex_unlock(&mm->lock);

	r = fetch_fault(&f, m, off, size, around, shared, write);
	if (!r) {
		mutex_lock(&mm->lock);
		r = fault_map(mm, &f, addr, access, shared);
		mutex_unlock(&mm->lock);
		fetch_done(&f);
	} else {
		/* Interrupted by a signal: the task takes it, the access comes again. */
		r = r == -EINTR ? 0 : FAULT_BUS;
	}
	m->ops->put(m);
	return r;
}

static int fault(struct mm *mm, uaddr_t addr, unsigned access,
		 const uint64_t *stack_limit)
{
	int r = FAULT_AGAIN;

	for (int i = 0; i < MAX_TRIES && r == FAULT_AGAIN; i++)
		r = fault_once(mm, page_down(addr), access, stack_limit);
	return r == FAULT_AGAIN ? 0 : r;
}

int mm_fault(struct mm *mm, uaddr_t addr, unsigned access, uint64_t stack_limit)
{
	return fault(mm, addr, access, &stack_limit);
}

int mm_fault_in(struct mm *mm, uaddr_t addr, unsigned access)
{
	return fault(mm, addr, access, NULL) ? -EFAULT : 0;
}

/* --- population ---------------------------------------------------------- */

static bool wants_write(const struct vma *v, enum populate how)
{
	/*
	 * As Linux: what will be written privately gets its own pages, shared is only
	 * read.
	 */
	return how == POPULATE_AUTO ? (v->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE
				    : how == POPULATE_WRITE;
}

/*
 * One step at *@addr, which advances over what is there. *@access is set, and *@addr
 * stays, when mm_fault() has to be asked.
 */
static int populate_step(struct mm *mm, uaddr_t *addr, uaddr_t end, enum populate how,
			 unsigned *access)
{
	struct vma *v = mm_find_vma_locked(mm, *addr);
	struct range *g;
	bool write;

	*access = 0;
	if (!v || v->start > *addr)
		return -ENOMEM;
	write = wants_write(v, how);
	if (!(v->flags & (how == POPULATE_READ	  ? VM_READ
			  : how == POPULATE_WRITE ? VM_WRITE
						  : VM_ACCESS)))
		return -EINVAL;
	if (!v->m) {
		uaddr_t start = *addr;

		*addr = min_t(uaddr_t, v->end, end);
		return mm->as->ops->advise(mm->as, start, *addr - start,
					   write ? LX_MADV_POPULATE_WRITE
						 : LX_MADV_POPULATE_READ);
	}
	mutex_lock(&v->m->lock);
	g = ranges_find(&v->mapped, *addr);
	if (g && g->start <= *addr && (g->writable || !write))
		*addr = g->end;
	else
		*access = write ? ACCESS_WRITE : ACCESS_READ;
	mutex_unlock(&v->m->lock);
	return 0;
}

int mm_populate(struct mm *mm, uaddr_t start, uaddr_t end, enum populate how)
{
	uaddr_t addr = start;

	while (addr < end) {
		unsigned access;
		int r;

		mutex_lock(&mm->lock);
		r = populate_step(mm, &addr, end, how, &access);
		mutex_unlock(&mm->lock);
		if (r)
			return r;
		if (!access)
			continue;
		if (mm_fault_in(mm, addr, access))
			return -EFAULT;
		addr += PAGE_SIZE; /* ends even if the mapping is taken back at once */
	}
	return 0;
}
