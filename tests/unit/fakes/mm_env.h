// SPDX-License-Identifier: Apache-2.0
/* What every test of sentry/mm starts with: a fake platform, a pool, an mm. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>
#include <cmocka.h>

#include "sentry/abi/mman.h"
#include "sentry/abi/signal.h"
#include "sentry/base/alloc.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/pool.h"
#include "sentry/mm/shmem.h"
#include "sentry/mm/uio.h"
#include "tests/unit/fakes/fake_as.h"
#include "tests/unit/fakes/fake_file.h"

#define PG   PAGE_SIZE
#define RW   (LX_PROT_READ | LX_PROT_WRITE)
#define ANON (LX_MAP_PRIVATE | LX_MAP_ANONYMOUS)

struct env {
	struct fake_platform fp;
	struct pool *pool;
	struct mm *mm;
	struct umem u;
	struct mm_limits lim;
};

#ifdef MM_PLATFORM
/* The real one instead of the fake: made once, before anything else. */
static struct platform *real_platform;

static inline struct platform *env_platform(struct env *e)
{
	struct platform_config config = {.procfs = -1};
	const char *why;

	(void)e;
	if (!real_platform)
		assert_int_equal(
			platform_lookup(MM_PLATFORM, &why)->init(&config, &real_platform),
			0);
	return real_platform;
}
#else
static inline struct platform *env_platform(struct env *e)
{
	fake_platform_init(&e->fp);
	return &e->fp.p;
}
#endif

static inline void env_init(struct env *e)
{
	memset(e, 0, sizeof(*e));
	assert_int_equal(pool_create(UINT64_MAX, &e->pool), 0);
	assert_int_equal(mm_create(env_platform(e), &e->mm), 0);
	e->mm->pool = e->pool;
	e->u.mm = e->mm;
	e->lim = (struct mm_limits){.as = UINT64_MAX,
				    .data = UINT64_MAX,
				    .stack = 8 << 20,
				    .memlock = 8 << 20};
}

static inline void env_done(struct env *e)
{
	mm_put(e->mm);
	assert_int_equal(e->fp.n_live, 0);
	assert_int_equal(pool_used(e->pool), 0);
	pool_free(e->pool);
}

/* mmap: the address, or the negative errno as the guest would see it. */
static inline int64_t mmap_at(struct env *e, uaddr_t addr, uint64_t size, unsigned prot,
			      unsigned flags)
{
	struct mmap_args a = {.addr = addr,
			      .size = size,
			      .prot = prot,
			      .flags = flags,
			      .limits = &e->lim};
	uaddr_t out;
	int r = mm_mmap(e->mm, &a, &out);

	return r ? r : (int64_t)out;
}

static inline int64_t mmap_file(struct env *e, struct fake_mappable *fm, struct file *f,
				uaddr_t addr, uint64_t size, unsigned prot,
				unsigned flags, uint64_t off)
{
	struct mmap_args a = {.addr = addr,
			      .size = size,
			      .prot = prot,
			      .flags = flags,
			      .limits = &e->lim,
			      .m = &fm->m,
			      .file = f,
			      .off = off,
			      .may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC};
	uaddr_t out;
	int r = mm_mmap(e->mm, &a, &out);

	return r ? r : (int64_t)out;
}

/* The byte at @addr as the guest would read it, or -EFAULT. */
static inline int peek(struct env *e, uaddr_t addr)
{
	unsigned char c;

	return get_user(&e->u, c, addr) ? -EFAULT : c;
}

static inline int poke(struct env *e, uaddr_t addr, int value)
{
	unsigned char c = (unsigned char)value;

	return put_user(&e->u, addr, c);
}

static int dump_vma(const struct vma_info *v, void *arg)
{
	char **p = arg;

	*p += sprintf(*p, "%lx-%lx %c%c%c%c\n", (long)v->start, (long)v->end,
		      v->flags & VM_READ ? 'r' : '-', v->flags & VM_WRITE ? 'w' : '-',
		      v->flags & VM_EXEC ? 'x' : '-', v->flags & VM_MAYSHARE ? 's' : 'p');
	return 0;
}

/* The areas, one a line: "10000-12000 rw-p". */
static inline const char *maps(struct env *e)
{
	static char text[1 << 20];
	char *p = text;

	*p = 0;
	assert_int_equal(mm_for_each_vma(e->mm, dump_vma, &p), 0);
	return text;
}
