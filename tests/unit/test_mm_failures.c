// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/mm tests/unit/fakes/fake_as.c tests/unit/fakes/fake_file.c
/*
 * Random memory calls while allocations and host operations fail at random. Whatever they
 * answer, afterwards the books must be true: every area can be accessed as it says and
 * nothing else can, the accounts are the sums over the areas, every area of a file is on
 * its reverse map, and nothing is left over at the end.
 */
#include "tests/unit/fakes/mm_env.h"

#include <sys/mman.h>

#define PAGES	   32
#define GUEST	   0x30000000ul
#define FILE_PAGES 16

struct world {
	struct env e;
	struct fake_mappable fm;
	struct file file;
	unsigned seed;
};

static unsigned rnd(struct world *w, unsigned n)
{
	w->seed = w->seed * 1103515245 + 12345;
	return (w->seed >> 8) % n;
}

static void one_call(struct world *w)
{
	static const unsigned prot[] = {0, LX_PROT_READ, RW, RW, RW | LX_PROT_EXEC};
	unsigned page = rnd(w, PAGES - 8), n = 1 + rnd(w, 8), p = prot[rnd(w, 5)];
	uaddr_t addr = GUEST + page * PG, out;
	struct mm *child;

	switch (rnd(w, 10)) {
	case 0:
		mmap_at(&w->e, addr, n * PG, p, ANON | LX_MAP_FIXED);
		break;
	case 1:
		mmap_at(&w->e, addr, n * PG, p,
			LX_MAP_SHARED | LX_MAP_ANONYMOUS | LX_MAP_FIXED);
		break;
	case 2:
	case 3:
		mmap_file(&w->e, &w->fm, &w->file, addr, n * PG, p,
			  LX_MAP_FIXED | (rnd(w, 2) ? LX_MAP_SHARED : LX_MAP_PRIVATE),
			  rnd(w, FILE_PAGES - 8) * PG);
		break;
	case 4:
		mm_munmap(w->e.mm, addr, n * PG);
		break;
	case 5:
		mm_mprotect(w->e.mm, addr, n * PG, p);
		break;
	case 6:
		mm_mremap(w->e.mm, addr, n * PG, (1 + rnd(w, 8)) * PG,
			  LX_MREMAP_MAYMOVE | (rnd(w, 2) ? LX_MREMAP_FIXED : 0),
			  GUEST + rnd(w, PAGES - 8) * PG, &w->e.lim, &out);
		break;
	case 7:
		mm_madvise(w->e.mm, addr, n * PG,
			   rnd(w, 2) ? LX_MADV_DONTNEED : LX_MADV_DONTFORK);
		break;
	case 8:
		if (!mm_fork(w->e.mm, &child))
			mm_put(child);
		break;
	case 9:
		poke(&w->e, addr, 1);
		mappable_invalidate(&w->fm.m, rnd(w, FILE_PAGES) * PG, 2 * PG, rnd(w, 2));
		break;
	}
}

static unsigned n_on_rmap(struct mappable *m)
{
	struct vma *v;
	unsigned n = 0;

	list_for_each (v, &m->vmas, rmap)
		n++;
	return n;
}

/* The accounts against the areas; returns the areas of the file. */
static unsigned check_accounts(struct mm *mm, const struct mappable *m)
{
	uint64_t total = 0, data = 0, exec = 0, shared = 0;
	unsigned n = 0, of_m = 0;
	uaddr_t last = 0;

	for (struct rb_node *r = rb_first(&mm->vmas); r; r = rb_next(r), n++) {
		struct vma *v = rb_entry(r, struct vma, node);
		uint64_t size = v->end - v->start;

		assert_true(v->start >= last && v->end > v->start);
		last = v->end;
		total += size;
		if ((v->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
			data += size;
		if ((v->flags & (VM_WRITE | VM_EXEC)) == VM_EXEC)
			exec += size;
		if (v->flags & VM_SHARED)
			shared += size;
		of_m += v->m == m;
		/* What is noted as mapped lies inside the area, in order. */
		last = v->start;
		for (struct range *g = ranges_find(&v->mapped, 0); g;
		     g = ranges_next(g)) {
			assert_true(g->start >= last && g->end > g->start);
			last = g->end;
		}
		assert_true(last <= v->end);
		last = v->end;
	}
	assert_int_equal(n, mm->n_vmas);
	assert_int_equal(total, mm->total);
	assert_int_equal(data, mm->data);
	assert_int_equal(exec, mm->exec_size);
	assert_int_equal(shared, mm->shared);
	return of_m;
}

/* mremap() may grow an area beyond the end of its object: SIGBUS there, as on Linux. */
static bool beyond_end(struct world *w, const struct vma *v, uaddr_t a)
{
	uint64_t size = FILE_PAGES * PG;

	if (!v->m)
		return false;
	if (v->m != &w->fm.m)
		size = shmem_size(container_of(v->m, struct shmem, map));
	return v->off + (a - v->start) >= size;
}

static void check(struct world *w)
{
	struct mm *mm = w->e.mm;
	unsigned of_file = check_accounts(mm, &w->fm.m);

	assert_int_equal(n_on_rmap(&w->fm.m), of_file);
	assert_int_equal(w->fm.areas, of_file);
	assert_int_equal(w->fm.refs, of_file);
	assert_int_equal(w->file.refs, of_file);
	for (unsigned i = 0; i < PAGES; i++) {
		uaddr_t a = GUEST + i * PG;
		struct vma *v = mm_find_vma_locked(mm, a);
		bool in = v && v->start <= a && !beyond_end(w, v, a);
		char byte;
		bool host = mm->as->ops->copy_in(mm->as, &byte, a, 1) == 1;

		if (host)
			assert_true(in && v->flags & (VM_READ | VM_WRITE));
		if (!in || !(v->flags & (VM_READ | VM_WRITE)))
			assert_int_equal(peek(&w->e, a), -EFAULT);
		else
			assert_true(peek(&w->e, a) >= 0);
		if (in && v->flags & VM_WRITE)
			assert_int_equal(poke(&w->e, a, 2), 0);
		else
			assert_int_equal(poke(&w->e, a, 2), -EFAULT);
	}
}

static void test_random_failures(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct world *w = calloc(1, sizeof(*w));

		w->seed = seed;
		env_init(&w->e);
		fake_mappable_init(&w->fm, FILE_PAGES * PG);
		w->fm.run_max = rnd(w, 3) * 2 * PG;
		for (int i = 0; i < 300; i++) {
			if (rnd(w, 2))
				mem_fail_after(1 + rnd(w, 6));
			if (rnd(w, 3) == 0)
				w->e.fp.fail_after = 1 + rnd(w, 4);
			one_call(w);
			mem_fail_after(0);
			w->e.fp.fail_after = 0;
			check(w);
		}
		env_done(&w->e);
		fake_mappable_destroy(&w->fm);
		free(w);
	}
}

/* The map count limit: 65530 areas, then -ENOMEM for whatever would make one more. */
static void test_map_count(void **state)
{
	enum { LIMIT = 65530 };
	const uaddr_t a = 0x10000000;
	struct env e;

	(void)state;
	env_init(&e);
	/* Reservations without a host mapping of their own would do;
	 * these are cheap enough. */
	assert_int_equal(mmap_at(&e, a, 2ul * LIMIT * PG, 0, ANON), a);
	e.mm->limits = e.lim;
	for (unsigned i = 0; e.mm->n_vmas < LIMIT - 1 && i < LIMIT; i++)
		if (mm_mprotect(e.mm, a + (2ul * i + 1) * PG, PG, LX_PROT_READ))
			break;
	/* The host's own limit is the same and counts this process' other mappings. */
	assert_true(e.mm->n_vmas > LIMIT - 2000);
	assert_int_equal(mm_mprotect(e.mm, a + 2ul * (LIMIT - 2) * PG, PG, LX_PROT_READ),
			 -ENOMEM);
	assert_int_equal(mm_munmap(e.mm, a, 2ul * LIMIT * PG), 0);
	assert_int_equal(e.mm->n_vmas, 0);
	env_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_failures),
		cmocka_unit_test(test_map_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
