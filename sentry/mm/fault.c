// SPDX-License-Identifier: Apache-2.0
/*
 * Faults: what is promised by an area but not there on the host yet.
 *
 * Anonymous private memory is always there (mmap maps it, the host fills it), so what
 * faults is a stack that grows, or a page of a mappable. For that one:
 *
 *	under mm->lock: find the area, check the right, note the mappable and its offset
 *	unlocked: fetch_wanted() = note the generation, translate() (may talk to the gofer)
 *	under mm->lock and m->lock: is the area still the same, the generation too?
 *	    then map it, else start again
 *
 * Pages the host has mapped are in the area's set of ranges and are never mapped twice,
 * except to add the right to write to shared ones.
 */
#include "sentry/abi/errno.h"
#include "sentry/abi/signal.h"
#include "sentry/mm/internal.h"

/* What a try comes to. */
enum outcome {
	DONE,	/* the guest may try again, or its task has something else to do */
	AGAIN,	/* a race was lost: from the start */
	MAPERR, /* nothing is there: SIGSEGV */
	ACCERR, /* no right to do that: SIGSEGV */
	BUS,	/* an object has nothing to give there: SIGBUS */
};

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

/* What a fault asks for: noted under mm->lock, used without. */
struct wanted {
	struct mappable *m; /* a reference */
	uint64_t off;	    /* of the fault in m */
	uint64_t size; /* what is not mapped from there on, or lacks the right to write */
	uint64_t piece;	    /* of that, what is made at a time where it costs something */
	bool shared, write; /* a shared mapping; the access */
};

/* What exists, as far as the area goes, or a hole (run.zero). Nothing is made for it. */
static int fetch_existing(struct fetched *f, const struct wanted *w)
{
	return fetch(f, w->m, w->off, w->size, false, false);
}

/* Blocks of the object itself: holes are filled, and a write copies up. */
static int fetch_blocks(struct fetched *f, const struct wanted *w)
{
	return fetch(f, w->m, w->off, w->piece, true, w->write);
}

/*
 *	private, any access	what exists; in a hole a piece of zeroes of one's own
 *	shared, not written	what exists; in a hole a piece is made
 *	shared, written		a piece is made, or gets the right to be written
 */
static int fetch_wanted(struct fetched *f, const struct wanted *w)
{
	int r;

	if (w->shared && w->write)
		return fetch_blocks(f, w);
	r = fetch_existing(f, w);
	if (r || !f->run.zero)
		return r;
	if (w->shared) {
		fetch_done(f);
		return fetch_blocks(f, w);
	}
	f->run.size = min_t(uint64_t, f->run.size, w->piece);
	return 0;
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

static bool grow_stack(struct mm *mm, struct vma *v, uaddr_t addr)
{
	uaddr_t more = addr & ~(STACK_STEP - 1);

	if (v->m || !may_grow(mm, v, addr))
		return false;
	if (v->flags & VM_STACK && may_grow(mm, v, more))
		addr = more;
	if (vma_map_anon(v, addr, v->start - addr))
		return false;
	vma_resize(mm, v, addr, v->end);
	return true;
}

/* The area that lets @access at @addr happen in *out; else MAPERR or ACCERR. */
static enum outcome fault_vma(struct mm *mm, uaddr_t addr, unsigned access,
			      struct vma **out) MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, addr);

	if (!v)
		return MAPERR;
	if (v->start > addr && (!(v->flags & VM_GROWSDOWN) || !grow_stack(mm, v, addr)))
		return MAPERR;
	if (!access_ok(v, access))
		return ACCERR;
	*out = v;
	return DONE;
}

/* What is missing at @addr of @v, whose m is not NULL. False: nothing. */
static bool missing(struct vma *v, uaddr_t addr, bool write, struct wanted *w)
{
	uint64_t around = FAULT_AROUND;
	struct range *g;

	*w = (struct wanted){
		.m = v->m,
		.off = vma_off(v, addr),
		.shared = v->flags & VM_SHARED,
		.write = write,
	};
	mutex_lock(&v->m->lock);
	/* Who goes through it in order gets as much again as is there already. */
	g = ranges_find(&v->mapped, addr - 1);
	if (g && g->end == addr && (g->writable || !write))
		around = max_t(uint64_t, FAULT_AROUND,
			       min_t(uint64_t, addr - g->start, FAULT_AROUND_MAX));
	g = ranges_find(&v->mapped, addr);
	if (!g)
		w->size = v->end - addr;
	else if (g->start > addr)
		w->size = g->start - addr;
	else if (write && !g->writable)
		w->size = g->end - addr;
	mutex_unlock(&v->m->lock);
	if (!w->size)
		return false;
	w->piece = min_t(uint64_t, w->size, around - w->off % FAULT_AROUND);
	w->m->ops->get(w->m);
	return true;
}

/* The second half, after the translation. */
static enum outcome fault_map(struct mm *mm, const struct fetched *f, uaddr_t addr,
			      unsigned access, bool shared) MUST_HOLD(mm->lock)
{
	struct vma *v = mm_find_vma_locked(mm, addr);
	int r;

	if (!v || v->start > addr || v->m != f->m || vma_off(v, addr) != f->off ||
	    !(v->flags & VM_SHARED) == shared || !access_ok(v, access))
		return AGAIN;
	mutex_lock(&v->m->lock);
	r = map_fetched_locked(v, f, addr, access & ACCESS_WRITE);
	mutex_unlock(&v->m->lock);
	/* -ESRCH: the guest process is gone; its task finds that out when it runs on. */
	if (r == 1 || r == -ESRCH)
		return DONE;
	return r == 0 ? AGAIN : BUS;
}

static enum outcome fault_once(struct mm *mm, uaddr_t addr, unsigned access,
			       const uint64_t *stack_limit)
{
	struct vma *v = NULL;
	struct wanted w;
	struct fetched f;
	enum outcome o;
	bool more;
	int r;

	mutex_lock(&mm->lock);
	if (stack_limit)
		mm->limits.stack = *stack_limit;
	o = fault_vma(mm, addr, access, &v);
	more = o == DONE && v->m && missing(v, addr, access & ACCESS_WRITE, &w);
	mutex_unlock(&mm->lock);
	if (!more)
		return o;

	r = fetch_wanted(&f, &w);
	if (!r) {
		mutex_lock(&mm->lock);
		o = fault_map(mm, &f, addr, access, w.shared);
		mutex_unlock(&mm->lock);
		fetch_done(&f);
	} else {
		/* Interrupted by a signal: the task takes it, the access comes again. */
		o = r == -EINTR ? DONE : BUS;
	}
	w.m->ops->put(w.m);
	return o;
}

static enum outcome fault(struct mm *mm, uaddr_t addr, unsigned access,
			  const uint64_t *stack_limit)
{
	enum outcome o = AGAIN;

	for (int i = 0; i < MAX_TRIES && o == AGAIN; i++)
		o = fault_once(mm, page_down(addr), access, stack_limit);
	return o == AGAIN ? DONE : o;
}

#define SIGNAL_OF(signo, code) (-((signo) << 8 | (code)))

bool mm_writable(struct mm *mm, uaddr_t addr, uint64_t n)
{
	struct vma *v;
	bool r;

	mutex_lock(&mm->lock);
	v = mm_find_vma_locked(mm, addr);
	r = v && v->start <= addr && n <= v->end - addr && (v->flags & VM_WRITE);
	mutex_unlock(&mm->lock);
	return r;
}

int mm_fault(struct mm *mm, uaddr_t addr, unsigned access, uint64_t stack_limit)
{
	switch (fault(mm, addr, access, &stack_limit)) {
	case MAPERR:
		return SIGNAL_OF(LX_SIGSEGV, LX_SEGV_MAPERR);
	case ACCERR:
		return SIGNAL_OF(LX_SIGSEGV, LX_SEGV_ACCERR);
	case BUS:
		return SIGNAL_OF(LX_SIGBUS, LX_BUS_ADRERR);
	case DONE:
	case AGAIN:
		break;
	}
	return 0;
}

int mm_fault_in(struct mm *mm, uaddr_t addr, unsigned access)
{
	return fault(mm, addr, access, NULL) == DONE ? 0 : -EFAULT;
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
			 unsigned *access) MUST_HOLD(mm->lock)
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
