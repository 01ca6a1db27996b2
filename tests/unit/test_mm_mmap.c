// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/mm tests/unit/fakes/fake_as.c tests/unit/fakes/fake_file.c
/* mmap, munmap, mprotect, brk, fork and placement on the fake platform. */
#include "tests/unit/fakes/mm_env.h"

static void test_anon(void **state)
{
	struct env e;
	int64_t a, b;

	(void)state;
	env_init(&e);
	a = mmap_at(&e, 0, 3 * PG, RW, ANON);
	assert_int_equal(a, e.mm->mmap_base - 3 * PG);
	b = mmap_at(&e, 0, PG + 1, RW, ANON);
	assert_int_equal(b, a - 2 * (int64_t)PG);
	/* Top-down neighbours are one area. */
	assert_int_equal(e.mm->n_vmas, 1);
	assert_int_equal(peek(&e, (uaddr_t)a), 0);
	assert_int_equal(poke(&e, (uaddr_t)a + 5, 7), 0);
	assert_int_equal(peek(&e, (uaddr_t)a + 5), 7);
	assert_int_equal(mm_munmap(e.mm, (uaddr_t)a + PG, PG), 0);
	assert_int_equal(e.mm->n_vmas, 2);
	assert_int_equal(peek(&e, (uaddr_t)a + PG), -EFAULT);
	assert_int_equal(peek(&e, (uaddr_t)a + 5), 7);
	/* The hole is found again. */
	assert_int_equal(mmap_at(&e, 0, PG, RW, ANON), a + (int64_t)PG);
	assert_int_equal(e.mm->n_vmas, 1);
	assert_int_equal(e.mm->total, 5 * PG);
	assert_int_equal(e.mm->data, 5 * PG);
	env_done(&e);
}

static void test_errors(void **state)
{
	struct env e;

	(void)state;
	env_init(&e);
	assert_int_equal(mmap_at(&e, 0, 0, RW, ANON), -EINVAL);
	assert_int_equal(mmap_at(&e, 0, UINT64_MAX - 5, RW, ANON), -ENOMEM);
	assert_int_equal(mmap_at(&e, 0, FAKE_MAX, RW, ANON), -ENOMEM);
	assert_int_equal(mmap_at(&e, 0, PG, RW, LX_MAP_ANONYMOUS), -EINVAL);
	assert_int_equal(
		mmap_at(&e, 0, PG, RW, LX_MAP_SHARED_VALIDATE | LX_MAP_ANONYMOUS),
		-EINVAL);
	assert_int_equal(mmap_at(&e, 123, PG, RW, ANON | LX_MAP_FIXED), -EINVAL);
	assert_int_equal(mmap_at(&e, 0, PG, RW, ANON | LX_MAP_FIXED), -EPERM);
	assert_int_equal(mmap_at(&e, FAKE_MAX, PG, RW, ANON | LX_MAP_FIXED), -ENOMEM);
	assert_int_equal(mmap_at(&e, 0, PG, RW, ANON | LX_MAP_HUGETLB), -ENOMEM);
	assert_int_equal(mmap_at(&e, 0, PG, RW, ANON | LX_MAP_HUGETLB | 13u << 26),
			 -EINVAL);
	assert_int_equal(mmap_at(&e, 0, PG, RW,
				 LX_MAP_SHARED | LX_MAP_ANONYMOUS | LX_MAP_GROWSDOWN),
			 -EINVAL);
	assert_int_equal(mmap_at(&e, FAKE_MIN, PG, RW, ANON | LX_MAP_FIXED_NOREPLACE),
			 FAKE_MIN);
	assert_int_equal(mmap_at(&e, FAKE_MIN, PG, RW, ANON | LX_MAP_FIXED_NOREPLACE),
			 -EEXIST);
	assert_int_equal(mm_munmap(e.mm, 1, PG), -EINVAL);
	assert_int_equal(mm_munmap(e.mm, FAKE_MIN, 0), -EINVAL);
	assert_int_equal(mm_munmap(e.mm, FAKE_MIN, UINT64_MAX), -EINVAL);
	assert_int_equal(mm_munmap(e.mm, FAKE_MAX, 5 * PG), 0);
	assert_int_equal(mm_munmap(e.mm, FAKE_MIN + PG, FAKE_MAX), 0);
	assert_int_equal(mm_munmap(e.mm, FAKE_MIN + 100 * PG, 5 * PG), 0);
	e.lim.as = 2 * PG;
	assert_int_equal(mmap_at(&e, 0, 2 * PG, RW, ANON), -ENOMEM);
	assert_int_equal(mmap_at(&e, FAKE_MIN, 2 * PG, RW, ANON | LX_MAP_FIXED),
			 FAKE_MIN);
	e.lim.as = UINT64_MAX;
	e.lim.data = 3 * PG;
	assert_int_equal(mmap_at(&e, 0, 2 * PG, RW, ANON), -ENOMEM);
	assert_true(mmap_at(&e, 0, 2 * PG, LX_PROT_READ, ANON) > 0);
	e.lim.memlock = 2 * PG;
	assert_int_equal(mmap_at(&e, 0, 3 * PG, LX_PROT_READ, ANON | LX_MAP_LOCKED),
			 -EAGAIN);
	e.lim.memlock = 0;
	assert_int_equal(mmap_at(&e, 0, PG, LX_PROT_READ, ANON | LX_MAP_LOCKED), -EPERM);
	e.lim.can_lock = true;
	assert_true(mmap_at(&e, 0, PG, LX_PROT_READ, ANON | LX_MAP_LOCKED) > 0);
	assert_int_equal(e.mm->locked, PG);
	env_done(&e);
}

static void test_placement(void **state)
{
	struct env e;
	int64_t a;

	(void)state;
	env_init(&e);
	/* A free hint is taken, page-aligned; a used one is not. */
	assert_int_equal(mmap_at(&e, 0x500000 + 17, PG, RW, ANON), 0x500000);
	a = mmap_at(&e, 0x500000, PG, RW, ANON);
	assert_int_equal(a, e.mm->mmap_base - PG);
	assert_int_equal(mmap_at(&e, PG, PG, RW, ANON), FAKE_MIN);
	a = mmap_at(&e, 0, PG, RW, ANON | LX_MAP_32BIT);
	assert_int_equal(a, 0x40000000);
	assert_int_equal(mmap_at(&e, 0, PG, RW, ANON | LX_MAP_32BIT), a + (int64_t)PG);
	assert_int_equal(mmap_at(&e, 0, 1ull << 31, RW, ANON | LX_MAP_32BIT), -ENOMEM);
	/* A mapping keeps away from a stack, but MAP_FIXED may come close. */
	assert_int_equal(mmap_at(&e, 0x10000000, PG, RW, ANON | LX_MAP_GROWSDOWN),
			 0x10000000);
	a = mmap_at(&e, 0x10000000 - 255 * PG, PG, RW, ANON);
	assert_int_equal(a, e.mm->mmap_base - 2 * PG);
	a = mmap_at(&e, 0x10000000 - 257 * PG, PG, LX_PROT_READ, ANON);
	assert_int_equal(a, 0x10000000 - 257 * PG);
	a = mmap_at(&e, 0x10000000 - 2 * PG, PG, RW, ANON | LX_MAP_FIXED);
	assert_int_equal(a, 0x10000000 - 2 * PG);
	/* Huge reservations are cheap and allowed; above mmap_base is the last resort. */
	assert_true(mmap_at(&e, 0, FAKE_MAX - (1ull << 33), 0, ANON | LX_MAP_NORESERVE) >
		    0);
	assert_int_equal(mmap_at(&e, 0, 1ull << 34, 0, ANON | LX_MAP_NORESERVE), -ENOMEM);
	env_done(&e);
}

/* Many maps and unmaps: every answer is free, and the search cache misses no hole. */
static void test_holes(void **state)
{
	struct env e;
	int64_t at[64] = {0};

	(void)state;
	env_init(&e);
	srand(3);
	/* A small window, so that a lost hole becomes an error. */
	e.mm->mmap_base = FAKE_MAX - (128 << 20);
	assert_true(mmap_at(&e, FAKE_MIN, e.mm->mmap_base - FAKE_MIN - 160 * PG, 0,
			    ANON | LX_MAP_FIXED) > 0);
	assert_true(mmap_at(&e, FAKE_MAX / 3,
			    FAKE_MAX - FAKE_MAX / 3 - (128 << 20) - 160 * PG, 0,
			    ANON | LX_MAP_FIXED) != 0);
	assert_true(mmap_at(&e, e.mm->mmap_base, 128 << 20, 0, ANON | LX_MAP_FIXED) > 0);
	for (int i = 0; i < 20000; i++) {
		int k = rand() % 64;
		uint64_t size = (uint64_t)(k % 4 + 1) * PG;

		if (at[k] > 0) {
			assert_int_equal(mm_munmap(e.mm, (uaddr_t)at[k], size), 0);
			at[k] = 0;
			continue;
		}
		at[k] = mmap_at(&e, 0, size, RW, ANON);
		if (at[k] == -ENOMEM) {
			/* Then there is really none. */
			uaddr_t end = e.mm->mmap_base, lo = end - 160 * PG;

			for (uaddr_t p = lo; p + size <= end; p += PG) {
				struct vma *v = mm_find_vma_locked(e.mm, p);

				assert_true(v && v->start < p + size);
			}
		}
	}
	env_done(&e);
}

static void test_mprotect(void **state)
{
	struct env e;
	uaddr_t a = 0x100000;

	(void)state;
	env_init(&e);
	assert_int_equal(mmap_at(&e, a, 6 * PG, RW, ANON), a);
	assert_int_equal(mm_mprotect(e.mm, a + PG, PG, LX_PROT_READ), 0);
	assert_string_equal(
		maps(&e), "100000-101000 rw-p\n101000-102000 r--p\n102000-106000 rw-p\n");
	assert_int_equal(poke(&e, a + PG, 1), -EFAULT);
	assert_int_equal(poke(&e, a + 2 * PG, 1), 0);
	assert_int_equal(mm_mprotect(e.mm, a + PG, PG, RW), 0);
	assert_int_equal(e.mm->n_vmas, 1);
	assert_int_equal(mm_mprotect(e.mm, a, 6 * PG, 0), 0);
	assert_int_equal(peek(&e, a), -EFAULT);
	assert_int_equal(mm_mprotect(e.mm, a, 6 * PG, LX_PROT_READ), 0);
	assert_int_equal(peek(&e, a + 2 * PG), 1);
	/* What stands before a gap is changed. */
	assert_int_equal(mm_munmap(e.mm, a + 3 * PG, PG), 0);
	assert_int_equal(mm_mprotect(e.mm, a, 6 * PG, RW), -ENOMEM);
	assert_string_equal(maps(&e), "100000-103000 rw-p\n104000-106000 r--p\n");
	assert_int_equal(mm_mprotect(e.mm, a + 1, PG, RW), -EINVAL);
	assert_int_equal(mm_mprotect(e.mm, a, PG, 0x40), -EINVAL);
	assert_int_equal(mm_mprotect(e.mm, a, 0, RW), 0);
	assert_int_equal(mm_mprotect(e.mm, a, PG, RW | LX_PROT_GROWSDOWN), -EINVAL);
	assert_int_equal(
		mm_mprotect(e.mm, a, PG, RW | LX_PROT_GROWSDOWN | LX_PROT_GROWSUP),
		-EINVAL);
	assert_int_equal(mmap_at(&e, 0x10000000, 4 * PG, RW, ANON | LX_MAP_GROWSDOWN),
			 0x10000000);
	assert_int_equal(mm_mprotect(e.mm, 0x10000000 + 2 * PG, PG,
				     LX_PROT_READ | LX_PROT_GROWSDOWN),
			 0);
	assert_int_equal(poke(&e, 0x10000000, 1), -EFAULT);
	assert_int_equal(poke(&e, 0x10000000 + 3 * PG, 1), 0);
	e.mm->limits.data = 2 * PG;
	assert_int_equal(mm_mprotect(e.mm, a + 4 * PG, 2 * PG, RW), -ENOMEM);
	env_done(&e);
}

static void test_brk(void **state)
{
	struct env e;
	uaddr_t b = 0x200000;

	(void)state;
	env_init(&e);
	e.mm->start_brk = e.mm->brk = b + 100;
	assert_int_equal(mm_brk(e.mm, 0, &e.lim), b + 100);
	assert_int_equal(mm_brk(e.mm, b + 200, &e.lim), b + 200);
	assert_int_equal(mm_brk(e.mm, b + 10 * PG + 1, &e.lim), b + 10 * PG + 1);
	assert_string_equal(maps(&e), "201000-20b000 rw-p\n");
	assert_int_equal(poke(&e, b + 10 * PG, 1), 0);
	assert_int_equal(mm_brk(e.mm, b + 5 * PG, &e.lim), b + 5 * PG);
	assert_int_equal(poke(&e, b + 5 * PG, 1), -EFAULT);
	assert_int_equal(mm_brk(e.mm, b + 11 * PG, &e.lim), b + 11 * PG);
	assert_int_equal(peek(&e, b + 10 * PG), 0);
	/* A page stays between it and the next area. */
	assert_int_equal(mmap_at(&e, b + 20 * PG, PG, RW, ANON), b + 20 * PG);
	assert_int_equal(mm_brk(e.mm, b + 20 * PG, &e.lim), b + 11 * PG);
	assert_int_equal(mm_brk(e.mm, b + 19 * PG, &e.lim), b + 19 * PG);
	e.lim.data = 19 * PG;
	assert_int_equal(mm_brk(e.mm, b + 19 * PG + 1, &e.lim), b + 19 * PG);
	assert_int_equal(mm_brk(e.mm, UINT64_MAX, &e.lim), b + 19 * PG);
	assert_int_equal(mm_brk(e.mm, b + 100, &e.lim), b + 100);
	assert_int_equal(e.mm->n_vmas, 1);
	env_done(&e);
}

static void test_stack(void **state)
{
	struct env e;
	uaddr_t s = 0x40000000;
	int r;

	(void)state;
	env_init(&e);
	assert_int_equal(mmap_at(&e, s, 2 * PG, RW, ANON | LX_MAP_GROWSDOWN), s);
	e.mm->limits.stack = 1 << 20;
	assert_int_equal(mm_fault(e.mm, s - PG, ACCESS_WRITE, 1 << 20), 0);
	assert_string_equal(maps(&e), "3ffff000-40002000 rw-p\n");
	assert_int_equal(poke(&e, s - 100 * PG, 3), 0); /* a copy grows it as well */
	r = mm_fault(e.mm, s + 2 * PG - (1 << 20) - 1, ACCESS_WRITE, 1 << 20);
	assert_int_equal(MM_FAULT_SIGNO(r), LX_SIGSEGV);
	assert_int_equal(MM_FAULT_CODE(r), LX_SEGV_MAPERR);
	assert_int_equal(mm_fault(e.mm, s + 2 * PG - (1 << 20), ACCESS_WRITE, 1 << 20),
			 0);
	env_done(&e);

	/* The guard gap below, to an accessible area only. */
	env_init(&e);
	assert_int_equal(mmap_at(&e, s, PG, RW, ANON | LX_MAP_GROWSDOWN), s);
	assert_int_equal(mmap_at(&e, s - 300 * PG, PG, RW, ANON | LX_MAP_FIXED),
			 s - 300 * PG);
	assert_int_not_equal(mm_fault(e.mm, s - 44 * PG, ACCESS_READ, 8 << 20), 0);
	assert_int_equal(mm_fault(e.mm, s - 43 * PG, ACCESS_READ, 8 << 20), 0);
	assert_int_equal(mm_mprotect(e.mm, s - 300 * PG, PG, 0), 0);
	assert_int_equal(mm_fault(e.mm, s - 200 * PG, ACCESS_READ, 8 << 20), 0);
	env_done(&e);
}

static void test_fork(void **state)
{
	struct env e, c;
	uaddr_t a = 0x100000;

	(void)state;
	env_init(&e);
	assert_int_equal(mmap_at(&e, a, 3 * PG, RW, ANON), a);
	assert_int_equal(
		mmap_at(&e, a + 8 * PG, PG, RW, LX_MAP_SHARED | LX_MAP_ANONYMOUS),
		a + 8 * PG);
	assert_int_equal(poke(&e, a, 1), 0);
	assert_int_equal(poke(&e, a + PG, 2), 0);
	assert_int_equal(poke(&e, a + 2 * PG, 3), 0);
	assert_int_equal(mm_madvise(e.mm, a + PG, PG, LX_MADV_WIPEONFORK), 0);
	assert_int_equal(mm_madvise(e.mm, a + 2 * PG, PG, LX_MADV_DONTFORK), 0);
	c = e;
	assert_int_equal(mm_fork(e.mm, &c.mm), 0);
	c.u.mm = c.mm;
	assert_int_equal(peek(&c, a), 1);
	assert_int_equal(peek(&c, a + PG), 0);
	assert_int_equal(peek(&c, a + 2 * PG), -EFAULT);
	assert_int_equal(c.mm->n_vmas, 3);
	assert_int_equal(poke(&c, a, 9), 0);
	assert_int_equal(peek(&e, a), 1);
	assert_int_equal(poke(&c, a + 8 * PG, 5), 0);
	assert_int_equal(peek(&e, a + 8 * PG), 5);
	mm_put(c.mm);
	assert_int_equal(peek(&e, a + 8 * PG), 5);
	assert_int_equal(mm_exec_reset(e.mm), 0);
	assert_int_equal(e.mm->n_vmas, 0);
	assert_int_equal(e.mm->total | e.mm->data | e.mm->shared, 0);
	assert_int_equal(peek(&e, a), -EFAULT);
	assert_int_equal(pool_used(e.pool), 0);
	env_done(&e);
}

static void test_failures(void **state)
{
	struct env e;

	(void)state;
	/*
	 * Every allocation and every host operation may fail; nothing leaks, maps stay
	 * true.
	 */
	for (unsigned n = 1; n < 60; n++) {
		struct mm *child;

		env_init(&e);
		assert_true(mmap_at(&e, 0x100000, 10 * PG, RW, ANON) > 0);
		if (n % 2)
			mem_fail_after(n / 2 + 1);
		else
			e.fp.fail_after = n / 2;
		mmap_at(&e, 0x102000, PG, RW,
			LX_MAP_SHARED | LX_MAP_ANONYMOUS | LX_MAP_FIXED);
		mm_mprotect(e.mm, 0x104000, PG, LX_PROT_READ);
		mm_munmap(e.mm, 0x106000, PG);
		mmap_at(&e, 0x101000, 2 * PG, RW, ANON | LX_MAP_FIXED);
		if (!mm_fork(e.mm, &child))
			mm_put(child);
		mem_fail_after(0);
		e.fp.fail_after = 0;
		/* Whatever happened, an area is accessible as it says. */
		for (uaddr_t p = 0x100000; p < 0x10a000; p += PG) {
			struct vma *v = mm_find_vma_locked(e.mm, p);
			bool in = v && v->start <= p;

			assert_int_equal(peek(&e, p) >= 0, in);
			assert_int_equal(poke(&e, p, 1) == 0, in && v->flags & VM_WRITE);
		}
		env_done(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anon),	  cmocka_unit_test(test_errors),
		cmocka_unit_test(test_placement), cmocka_unit_test(test_holes),
		cmocka_unit_test(test_mprotect),  cmocka_unit_test(test_brk),
		cmocka_unit_test(test_stack),	  cmocka_unit_test(test_fork),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
