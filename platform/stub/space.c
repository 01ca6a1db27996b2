// SPDX-License-Identifier: Apache-2.0
/*
 * addr_space operations: each is an order to the helper of the process, under the
 * space's lock. Copies go straight into the process's memory and take no lock.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "platform/stub/stub.h"
#include "sentry/base/alloc.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

/* Orders never reach into the stub area, whatever the kernel asks for. */
static bool range_ok(const struct stub_space *s, uaddr_t addr, uint64_t size)
{
	uaddr_t end;

	return addr % PAGE_SIZE == 0 && size && size % PAGE_SIZE == 0 &&
	       add_ok(addr, size, &end) && end <= s->host->limits.max_addr;
}

/* One call by the helper: alone, or with others when there is a batch. */
static int order1(struct stub_space *s, long nr, uint64_t a0, uint64_t a1, uint64_t a2,
		  uint64_t a3, uint64_t a4, uint64_t a5)
{
	int r = 0;

	mutex_lock(&s->lock);
	/* Their failures are not this one's. */
	if (!s->batch && (!s->later || s->order->n == STUB_MAX_CALLS))
		stub_order_flush(s);
	stub_order_add(s, nr, a0, a1, a2, a3, a4, a5);
	if (!stub_order_later(s))
		r = stub_order_run(s, NULL);
	mutex_unlock(&s->lock);
	return r;
}

/* @prot: the rights there from now on. */
static void will_have(struct stub_space *s, unsigned prot)
{
	if (!(prot & PROT_WRITE))
		atomic_fetch_add(&s->n_taken, 1);
}

static int space_batch(struct addr_space *as, bool on)
{
	struct stub_space *s = stub_space_of(as);
	int r;

	mutex_lock(&s->lock);
	stub_order_flush(s);
	r = s->batch_error;
	s->batch = on;
	s->batch_error = 0;
	mutex_unlock(&s->lock);
	return r;
}

/* What is put off comes first. */
static void lock_flushed(struct stub_space *s) ACQUIRES(s->lock);

static void lock_flushed(struct stub_space *s)
{
	mutex_lock(&s->lock);
	stub_order_flush(s);
}

static int space_map_anon(struct addr_space *as, uaddr_t addr, uint64_t size,
			  unsigned prot, unsigned flags)
{
	struct stub_space *s = stub_space_of(as);
	unsigned f = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	if (!range_ok(s, addr, size))
		return -EINVAL;
	if (flags & AS_MAP_NORESERVE)
		f |= MAP_NORESERVE;
	will_have(s, prot);
	stub_sites_replaced(s, addr, size);
	return order1(s, SYS_mmap, addr, size, prot, f, (uint64_t)-1, 0);
}

static int space_map_file(struct addr_space *as, uaddr_t addr, uint64_t size,
			  unsigned prot, unsigned flags, int hfd, uint64_t off,
			  uint64_t key)
{
	struct stub_space *s = stub_space_of(as);
	const struct stub_op map = {
		.args = {addr, size, prot,
			 MAP_FIXED | (flags & AS_MAP_SHARED ? MAP_SHARED : MAP_PRIVATE),
			 0, off},
	};
	int r;

	if (!range_ok(s, addr, size) || off % PAGE_SIZE)
		return -EINVAL;
	will_have(s, prot);
	stub_sites_replaced(s, addr, size);
	mutex_lock(&s->lock);
	r = stub_map_file(s, &map, hfd, key);
	mutex_unlock(&s->lock);
	return r;
}

static int space_unmap(struct addr_space *as, uaddr_t addr, uint64_t size)
{
	struct stub_space *s = stub_space_of(as);

	if (!range_ok(s, addr, size))
		return -EINVAL;
	will_have(s, 0);
	stub_sites_replaced(s, addr, size);
	return order1(s, SYS_munmap, addr, size, 0, 0, 0, 0);
}

static int space_protect(struct addr_space *as, uaddr_t addr, uint64_t size,
			 unsigned prot)
{
	struct stub_space *s = stub_space_of(as);

	if (!range_ok(s, addr, size))
		return -EINVAL;
	will_have(s, prot);
	/* Later it could not be without giving rights back that the guest took away. */
	if (prot != (AS_PROT_READ | AS_PROT_EXEC))
		stub_site_unpatch(as, addr, size);
	return order1(s, SYS_mprotect, addr, size, prot, 0, 0, 0);
}

static int space_move(struct addr_space *as, uaddr_t old, uint64_t old_size,
		      uaddr_t new_addr, uint64_t new_size, bool keep_old)
{
	struct stub_space *s = stub_space_of(as);
	unsigned f = MREMAP_MAYMOVE | MREMAP_FIXED;

	if (!range_ok(s, old, old_size) || !range_ok(s, new_addr, new_size))
		return -EINVAL;
	will_have(s, 0);
	stub_site_unpatch(as, old, old_size);
	stub_sites_replaced(s, new_addr, new_size);
	if (old == new_addr)
		return order1(s, SYS_mremap, old, old_size, new_size, 0, 0, 0);
	if (keep_old)
		f |= MREMAP_DONTUNMAP;
	return order1(s, SYS_mremap, old, old_size, new_size, f, new_addr, 0);
}

static int space_advise(struct addr_space *as, uaddr_t addr, uint64_t size, int advice)
{
	struct stub_space *s = stub_space_of(as);

	if (!range_ok(s, addr, size))
		return -EINVAL;
	return order1(s, SYS_madvise, addr, size, (uint64_t)advice, 0, 0, 0);
}

static int space_reset(struct addr_space *as)
{
	struct stub_space *s = stub_space_of(as);

	stub_sites_reset(s);
	return order1(s, SYS_munmap, 0, s->host->limits.max_addr, 0, 0, 0, 0);
}

/*
 * Through the scratch page, so a guest can spoil the answer; it is advice, and its own.
 */
static int space_mincore(struct addr_space *as, uaddr_t addr, uint64_t size, uint8_t *vec)
{
	const uint64_t at_once = (STUB_SCRATCH_SIZE - SCRATCH_VEC) * PAGE_SIZE;
	struct stub_space *s = stub_space_of(as);
	int r = 0;

	if (!range_ok(s, addr, size))
		return -EINVAL;
	lock_flushed(s);
	while (size && !r) {
		const uint64_t n = min_t(uint64_t, size, at_once);
		struct iovec here = {vec, n / PAGE_SIZE};
		struct iovec there = {(void *)(STUB_SCRATCH + SCRATCH_VEC),
				      n / PAGE_SIZE};

		stub_order_add(s, SYS_mincore, addr, n, STUB_SCRATCH + SCRATCH_VEC, 0, 0,
			       0);
		r = stub_order_run(s, NULL);
		if (!r && process_vm_readv(s->hpid, &here, 1, &there, 1, 0) < 0)
			r = -ESRCH;
		addr += n;
		size -= n;
		vec += n / PAGE_SIZE;
	}
	mutex_unlock(&s->lock);
	return r;
}

static void space_forget(struct addr_space *as, uint64_t key)
{
	struct stub_space *s = stub_space_of(as);

	lock_flushed(s);
	stub_fd_forget(s, key);
	mutex_unlock(&s->lock);
}

/* --- copies --------------------------------------------------------------- */

static ssize_t transfer(struct addr_space *as, void *mine, uaddr_t theirs, size_t n,
			bool out)
{
	struct stub_space *s = stub_space_of(as);
	const uaddr_t end = s->host->limits.max_addr;
	struct iovec here, there;
	ssize_t r;

	if (n == 0)
		return 0;
	if (theirs >= end)
		return -EFAULT;
	n = min_t(size_t, n, end - theirs);
	if (unlikely(atomic_load_explicit(&s->put_off, memory_order_relaxed))) {
		lock_flushed(s);
		mutex_unlock(&s->lock);
	}
	here = (struct iovec){mine, n};
	there = (struct iovec){(void *)theirs, n};
	r = host_ret(out ? process_vm_writev(s->hpid, &here, 1, &there, 1, 0)
			 : process_vm_readv(s->hpid, &here, 1, &there, 1, 0));
	return r == 0 ? -EFAULT : r;
}

static ssize_t space_copy_in(struct addr_space *as, void *dst, uaddr_t src, size_t n)
{
	return transfer(as, dst, src, n, false);
}

static ssize_t space_copy_out(struct addr_space *as, uaddr_t dst, const void *src,
			      size_t n)
{
	return transfer(as, (void *)src, dst, n, true);
}

/* --- birth and death ------------------------------------------------------ */

int stub_space_init(struct stub_space *s, struct stub_host *host, struct platform *p,
		    unsigned slot)
{
	struct stub_order *o = (void *)((char *)host->orders + slot * PAGE_SIZE);

	memset(o, 0, sizeof(*o));
	o->ppid = (uint32_t)host->hpid;
	o->filtered = host->guest && host->guest->filtered;
	o->page_off = slot * PAGE_SIZE;
	o->xfeatures = host->limits.xfeatures;
	atomic_store(&o->seq, 1); /* being born is the first order */
	s->base.ops = &stub_as_ops;
	s->base.platform = p;
	refcount_init(&s->base.ref);
	s->host = host;
	s->slot = slot;
	s->order = o;
	s->seq = 1;
	s->cpu = -1;
	mutex_init(&s->lock, LOCK_ADDR_SPACE);
	mutex_init(&s->frame_lock, LOCK_ADDR_SPACE);
	return 0;
}

/* The process is gone, so nobody writes to its contexts any more. */
static void space_free(struct stub_space *s)
{
	while (s->slots) {
		struct stub_slot *slot = s->slots;

		s->slots = slot->next;
		stub_context_scrub(s->host, slot);
		stub_slot_free(&s->host->ctxs, slot->nr);
		mem_free(slot);
	}
	stub_pages_give_back(s->host, s->slot, s->slot * PAGE_SIZE, PAGE_SIZE);
	stub_slot_free(&s->host->spaces, s->slot);
	stub_sites_free(s);
	mutex_destroy(&s->lock);
	mutex_destroy(&s->frame_lock);
	mem_free(s);
}

void stub_space_kill(struct stub_space *s)
{
	s->dead = true;
	kill(s->hpid, SIGKILL);
}

static int64_t ns_of(const struct timeval *tv)
{
	return tv->tv_sec * NSEC_PER_SEC + tv->tv_usec * NSEC_PER_USEC;
}

/* The host tells what the process has used when it is reaped: nobody need ask before. */
static void space_release(struct addr_space *as, struct as_usage *last)
{
	struct stub_space *s = stub_space_of(as);
	struct rusage ru = {0};

	kill(s->hpid, SIGKILL);
	while (host_ret(wait4(s->hpid, NULL, __WALL, &ru)) == -EINTR)
		;
	space_free(s);
	if (last)
		*last = (struct as_usage){
			.rss_anon = (uint64_t)ru.ru_maxrss << 10,
			.min_flt = (uint64_t)ru.ru_minflt,
			.maj_flt = (uint64_t)ru.ru_majflt,
			.cpu_ns = ns_of(&ru.ru_utime) + ns_of(&ru.ru_stime),
		};
}

static int clone_process(struct stub_space *parent, struct stub_space *child, bool *lost)
	MUST_HOLD(parent->lock);

/*
 * The child's page tells its pid. What the parent saw clone() return lies in memory
 * that guests can write: good only for looking whether the child has died at birth.
 * A guest that lies there makes us give up a live child: it sleeps on its order page
 * for ever, which therefore stays taken (*lost), and the parent pays with its life.
 */
static int clone_process(struct stub_space *parent, struct stub_space *child, bool *lost)
{
	uint32_t hint = 0;
	struct iovec here = {&hint, sizeof(hint)};
	struct iovec there = {(void *)(STUB_SCRATCH + SCRATCH_TID), sizeof(hint)};
	int r;

	*lost = false;
	stub_order_add(parent, SYS_clone, STUB_CLONE_PROCESS, 0, 0,
		       STUB_SCRATCH + SCRATCH_PID, 0, child->order->page_off);
	r = stub_order_run(parent, NULL);
	if (r)
		return r;
	if (stub_order_look(child->order, child->seq)) {
		if (process_vm_readv(parent->hpid, &here, 1, &there, 1, 0) !=
		    sizeof(hint))
			hint = 0;
		if (stub_order_wait(child->order, child->seq, (int)hint)) {
			*lost = true;
			if (parent != parent->host->template)
				stub_space_kill(parent);
			return -ENOMEM;
		}
	}
	child->hpid = (int)child->order->pid;
	return 0;
}

static int fork_locked(struct stub_space *parent, struct platform *p,
		       struct addr_space **out) MUST_HOLD(parent->lock);

static int fork_locked(struct stub_space *parent, struct platform *p,
		       struct addr_space **out)
{
	struct stub_space *child = mem_zalloc(sizeof(*child));
	unsigned slot;
	bool lost;
	int r;

	*out = NULL;
	if (!child)
		return -ENOMEM;
	r = stub_slot_alloc(&parent->host->spaces, &slot);
	if (r) {
		mem_free(child);
		return r;
	}
	stub_space_init(child, parent->host, p, slot);
	memcpy(child->fd, parent->fd, sizeof(child->fd));
	child->fd_clock = parent->fd_clock;
	child->n_maps = parent->n_maps;
	child->n_ops = parent->n_ops;
	child->cpu = parent->cpu;
	lost = false;
	r = stub_sites_fork(child, parent);
	if (!r)
		r = clone_process(parent, child, &lost);
	if (!r) {
		*out = &child->base;
	} else if (lost) {
		stub_sites_free(child);
		mem_free(child);
	} else {
		space_free(child);
	}
	return r;
}

static int space_fork(struct addr_space *as, struct addr_space **out)
{
	struct stub_space *s = stub_space_of(as);
	int r;

	lock_flushed(s);
	r = fork_locked(s, as->platform, out);
	mutex_unlock(&s->lock);
	return r;
}

int stub_space_create(struct stub_host *host, struct platform *p, struct addr_space **out)
{
	struct stub_space *t = host->template;
	int r;

	mutex_lock(&t->lock);
	r = fork_locked(t, p, out);
	mutex_unlock(&t->lock);
	return r;
}

const struct as_ops stub_as_ops = {
	.batch = space_batch,
	.later = stub_order_offer,
	.map_anon = space_map_anon,
	.map_file = space_map_file,
	.unmap = space_unmap,
	.protect = space_protect,
	.move = space_move,
	.advise = space_advise,
	.reset = space_reset,
	.fork = space_fork,
	.copy_in = space_copy_in,
	.copy_out = space_copy_out,
	.patch = stub_site_patch,
	.unpatch = stub_site_unpatch,
	.sites = stub_site_list,
	.forget = space_forget,
	.mincore = space_mincore,
	.usage = stub_space_usage,
	.rss_peak = stub_space_rss_peak,
	.areas = stub_space_areas,
	.release = space_release,
};
