// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/fakes/fake_as.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef ARENA_0 /* where no sanitizer keeps its own */
#define ARENA_0 0x110000000000ull
#endif
#define MAX_ARENAS 48

/* What is mapped, for fork(): pages of one mmap. */
struct fake_seg {
	struct fake_seg *next;
	uaddr_t start, end;
	unsigned prot;
	bool shared;
	int hfd; /* -1: anonymous; borrowed from the test */
	uint64_t off;
};

static struct fake_platform *to_platform(struct addr_space *as)
{
	return container_of(as->platform, struct fake_platform, p);
}

static void unlock(pthread_mutex_t **m)
{
	pthread_mutex_unlock(*m);
}

/* Locked until the end of the scope. */
#define SERIALISE(as)                                                                    \
	__attribute__((cleanup(unlock))) pthread_mutex_t *held_ =                        \
		&to_platform(as)->lock;                                                  \
	pthread_mutex_lock(held_)

static bool inject(struct addr_space *as)
{
	struct fake_platform *fp = to_platform(as);

	return fp->fail_after && --fp->fail_after == 0;
}

static struct fake_seg *seg_add(struct fake_as *f, struct fake_seg seg)
{
	struct fake_seg *s = malloc(sizeof(*s));

	*s = seg;
	s->next = f->segs;
	return f->segs = s;
}

/* Makes borders at @start and @end. */
static void seg_split(struct fake_as *f, uaddr_t at)
{
	for (struct fake_seg *s = f->segs; s; s = s->next) {
		if (s->start < at && at < s->end) {
			struct fake_seg upper = *s;

			upper.start = at;
			upper.off += at - s->start;
			s->end = at;
			seg_add(f, upper);
			return;
		}
	}
}

static void seg_remove(struct fake_as *f, uaddr_t start, uaddr_t end)
{
	struct fake_seg **link = &f->segs, *s;

	seg_split(f, start);
	seg_split(f, end);
	while ((s = *link)) {
		if (s->start >= start && s->end <= end) {
			*link = s->next;
			free(s);
		} else {
			link = &s->next;
		}
	}
}

static int host_prot(unsigned prot)
{
	return (prot & AS_PROT_READ ? PROT_READ : 0) |
	       (prot & AS_PROT_WRITE ? PROT_WRITE : 0) |
	       (prot & AS_PROT_EXEC ? PROT_EXEC : 0);
}

static int map(struct addr_space *as, uaddr_t addr, uint64_t size, unsigned prot,
	       int flags, int hfd, uint64_t off)
{
	struct fake_as *f = to_fake(as);
	SERIALISE(as);
	void *p;

	f->n_map++;
	if (addr % PAGE_SIZE || size % PAGE_SIZE || !size || addr < FAKE_MIN ||
	    addr + size > FAKE_MAX)
		abort();
	if (inject(as)) {
		/* The contract: the old content is undefined after a failure. */
		munmap(fake_host(as, addr), size);
		seg_remove(f, addr, addr + size);
		return -ENOMEM;
	}
	p = mmap(fake_host(as, addr), size, host_prot(prot), flags | MAP_FIXED, hfd,
		 (off_t)off);
	if (p == MAP_FAILED)
		return -errno;
	seg_remove(f, addr, addr + size);
	seg_add(f, (struct fake_seg){.start = addr,
				     .end = addr + size,
				     .prot = prot,
				     .shared = flags & MAP_SHARED,
				     .hfd = hfd,
				     .off = off});
	return 0;
}

static int fake_map_anon(struct addr_space *as, uaddr_t addr, uint64_t size,
			 unsigned prot, unsigned flags)
{
	return map(as, addr, size, prot,
		   MAP_PRIVATE | MAP_ANONYMOUS |
			   (flags & AS_MAP_NORESERVE ? MAP_NORESERVE : 0),
		   -1, 0);
}

static int fake_map_file(struct addr_space *as, uaddr_t addr, uint64_t size,
			 unsigned prot, unsigned flags, int hfd, uint64_t off,
			 uint64_t key)
{
	(void)key;
	return map(as, addr, size, prot, flags & AS_MAP_SHARED ? MAP_SHARED : MAP_PRIVATE,
		   hfd, off);
}

static int fake_unmap(struct addr_space *as, uaddr_t addr, uint64_t size)
{
	SERIALISE(as);
	to_fake(as)->n_unmap++;
	if (addr % PAGE_SIZE || size % PAGE_SIZE || !size)
		abort();
	if (munmap(fake_host(as, addr), size))
		return -errno;
	seg_remove(to_fake(as), addr, addr + size);
	return 0;
}

static int fake_protect(struct addr_space *as, uaddr_t addr, uint64_t size, unsigned prot)
{
	SERIALISE(as);
	struct fake_as *f = to_fake(as);

	f->n_protect++;
	if (inject(as))
		return -ENOMEM;
	if (mprotect(fake_host(as, addr), size, host_prot(prot)))
		return -errno;
	seg_split(f, addr);
	seg_split(f, addr + size);
	for (struct fake_seg *s = f->segs; s; s = s->next)
		if (s->start >= addr && s->end <= addr + size)
			s->prot = prot;
	return 0;
}

static int fake_move(struct addr_space *as, uaddr_t old, uint64_t old_size,
		     uaddr_t new_addr, uint64_t new_size, bool keep_old)
{
	SERIALISE(as);
	struct fake_as *f = to_fake(as);
	struct fake_seg moved = {0};
	int flags = old == new_addr ? 0 : MREMAP_MAYMOVE | MREMAP_FIXED;

	f->n_move++;
	if (inject(as))
		return -ENOMEM;
	if (keep_old)
		flags |= MREMAP_DONTUNMAP;
	if (mremap(fake_host(as, old), old_size, new_size, flags,
		   fake_host(as, new_addr)) == MAP_FAILED)
		return -errno;
	seg_split(f, old);
	for (struct fake_seg *s = f->segs; s; s = s->next)
		if (s->start == old)
			moved = *s;
	if (!keep_old)
		seg_remove(f, old, old + old_size);
	seg_remove(f, new_addr, new_addr + new_size);
	moved.start = new_addr;
	moved.end = new_addr + new_size;
	seg_add(f, moved);
	return 0;
}

static int fake_advise(struct addr_space *as, uaddr_t addr, uint64_t size, int advice)
{
	to_fake(as)->n_advise++;
	return madvise(fake_host(as, addr), size, advice) ? -errno : 0;
}

static int fake_reset(struct addr_space *as)
{
	SERIALISE(as);
	struct fake_as *f = to_fake(as);

	munmap(fake_host(as, 0), FAKE_MAX);
	seg_remove(f, 0, FAKE_MAX);
	return 0;
}

static int fake_as_create(struct platform *p, struct addr_space **out);

/*
 * Private pages are copied where they differ from the file; shared ones are mapped
 * again.
 */
static void fork_seg(struct addr_space *as, struct addr_space *child,
		     const struct fake_seg *s)
{
	char *from = fake_host(as, s->start), *to = fake_host(child, s->start);
	uint64_t size = s->end - s->start;

	map(child, s->start, size, AS_PROT_READ | (s->shared ? 0 : AS_PROT_WRITE),
	    s->hfd < 0	? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
	    : s->shared ? MAP_SHARED
			: MAP_PRIVATE,
	    s->hfd, s->off);
	if (!s->shared) {
		unsigned char *vec = malloc(size / PAGE_SIZE);

		mprotect(from, size,
			 PROT_READ | (s->prot & AS_PROT_EXEC ? PROT_EXEC : 0));
		mincore(from, size, vec);
		for (uint64_t i = 0; i < size; i += PAGE_SIZE) {
			/*
			 * A file's pages are compared, untouched anonymous ones skipped.
			 */
			if (s->hfd < 0 && !(vec[i / PAGE_SIZE] & 1))
				continue;
			if (memcmp(to + i, from + i, PAGE_SIZE))
				memcpy(to + i, from + i, PAGE_SIZE);
		}
		mprotect(from, size, host_prot(s->prot));
		free(vec);
	}
	fake_protect(child, s->start, size, s->prot);
}

static int fake_fork(struct addr_space *as, struct addr_space **out)
{
	SERIALISE(as);
	struct fake_as *f = to_fake(as);
	unsigned fail_after;
	int r;

	*out = NULL;
	if (f->before_fork)
		f->before_fork(f->arg);
	if (inject(as))
		return -ENOMEM;
	r = fake_as_create(as->platform, out);
	if (r)
		return r;
	/* A fork fails as a whole, not in the middle. */
	fail_after = to_platform(as)->fail_after;
	to_platform(as)->fail_after = 0;
	for (struct fake_seg *s = f->segs; s; s = s->next)
		fork_seg(as, *out, s);
	to_platform(as)->fail_after = fail_after;
	return 0;
}

static ssize_t fake_copy_in(struct addr_space *as, void *dst, uaddr_t src, size_t n)
{
	struct iovec l = {dst, n}, r = {fake_host(as, src), n};
	ssize_t got = process_vm_readv(getpid(), &l, 1, &r, 1, 0);

	return got < 0 ? -errno : got;
}

static ssize_t fake_copy_out(struct addr_space *as, uaddr_t dst, const void *src,
			     size_t n)
{
	struct iovec l = {(void *)(uintptr_t)src, n}, r = {fake_host(as, dst), n};
	ssize_t got = process_vm_writev(getpid(), &l, 1, &r, 1, 0);

	return got < 0 ? -errno : got;
}

static void fake_release(struct addr_space *as, struct as_usage *last)
{
	struct fake_as *f = to_fake(as);
	struct fake_platform *fp = to_platform(as);

	(void)last;
	fake_reset(as);
	pthread_mutex_lock(&fp->lock);
	fp->n_live--;
	fp->slots &= ~(1ull << f->slot);
	pthread_mutex_unlock(&fp->lock);
	free(f);
}

static const struct as_ops as_ops = {
	.map_anon = fake_map_anon,
	.map_file = fake_map_file,
	.unmap = fake_unmap,
	.protect = fake_protect,
	.move = fake_move,
	.advise = fake_advise,
	.reset = fake_reset,
	.fork = fake_fork,
	.copy_in = fake_copy_in,
	.copy_out = fake_copy_out,
	.release = fake_release,
};

static int fake_as_create(struct platform *p, struct addr_space **out)
{
	struct fake_platform *fp = container_of(p, struct fake_platform, p);
	struct fake_as *f = calloc(1, sizeof(*f));

	pthread_mutex_lock(&fp->lock);
	while (fp->slots >> f->slot & 1)
		f->slot++;
	if (f->slot >= MAX_ARENAS)
		abort();
	fp->slots |= 1ull << f->slot;
	fp->n_live++;
	pthread_mutex_unlock(&fp->lock);
	f->base = ARENA_0 + f->slot * FAKE_MAX;
	f->as.ops = &as_ops;
	f->as.platform = p;
	refcount_init(&f->as.ref);
	*out = &f->as;
	return 0;
}

static const struct platform_ops ops = {.name = "fake", .as_create = fake_as_create};

void fake_platform_init(struct fake_platform *fp)
{
	pthread_mutexattr_t attr;

	*fp = (struct fake_platform){
		.p = {.ops = &ops,
		      .limits = {.min_addr = FAKE_MIN, .max_addr = FAKE_MAX}}};
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&fp->lock, &attr);
}

const char *fake_page(struct addr_space *as, uaddr_t addr, char out[5])
{
	unsigned long lo, hi, want = (unsigned long)(uintptr_t)fake_host(as, addr);
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512], perm[5];

	out[0] = 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %4s", &lo, &hi, perm) == 3 && lo <= want &&
		    want < hi)
			memcpy(out, perm, 5);
	fclose(f);
	return out;
}
