// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/mm tests/unit/fakes/fake_as.c tests/unit/fakes/fake_file.c
/*
 * File mappings: population on demand, copy-up, invalidation, and the races between
 * them.
 */
#include "tests/unit/fakes/mm_env.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define A 0x100000ul

static void *addr_of(struct env *e, uaddr_t a)
{
	return fake_host(e->mm->as, a);
}

static unsigned n_map(struct env *e)
{
	return to_fake(e->mm->as)->n_map;
}

static void test_eager_and_lazy(void **state)
{
	struct env e;
	struct fake_mappable fm;
	struct file f = {0};

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, 8 * PG);
	/* One run: one host call at mmap, none at the first touch. */
	assert_int_equal(
		mmap_file(&e, &fm, &f, A, 4 * PG, LX_PROT_READ, LX_MAP_PRIVATE, PG), A);
	assert_int_equal(n_map(&e), 1);
	assert_int_equal(*(char *)addr_of(&e, A), 'b');
	assert_int_equal(mm_fault(e.mm, A, ACCESS_READ, 0), 0);
	assert_int_equal(fm.n_translate, 1);
	assert_int_equal(MM_FAULT_CODE(mm_fault(e.mm, A, ACCESS_WRITE, 0)),
			 LX_SEGV_ACCERR);
	assert_int_equal(mm_munmap(e.mm, A, 4 * PG), 0);
	assert_int_equal(fm.refs, 0);

	/* Short runs: the first at mmap, the others by faults, in any order. */
	fm.run_max = PG;
	assert_int_equal(mmap_file(&e, &fm, &f, A, 4 * PG, RW, LX_MAP_PRIVATE, 0), A);
	assert_int_equal(peek(&e, A + 3 * PG), 'd');
	assert_int_equal(peek(&e, A + PG), 'b');
	assert_int_equal(poke(&e, A + 2 * PG, 'X'), 0);
	assert_int_equal(peek(&e, A), 'a');
	/* What the guest wrote stays, whatever faults again. */
	assert_int_equal(mm_fault(e.mm, A + 2 * PG, ACCESS_WRITE, 0), 0);
	assert_int_equal(peek(&e, A + 2 * PG), 'X');
	/* No rights: nothing is mapped before there are some. */
	assert_int_equal(mmap_file(&e, &fm, &f, A + 8 * PG, PG, 0, LX_MAP_PRIVATE, 0),
			 A + 8 * PG);
	assert_int_equal(MM_FAULT_CODE(mm_fault(e.mm, A + 8 * PG, ACCESS_READ, 0)),
			 LX_SEGV_ACCERR);
	assert_int_equal(mm_mprotect(e.mm, A + 8 * PG, PG, LX_PROT_READ), 0);
	assert_int_equal(peek(&e, A + 8 * PG), 'a');
	env_done(&e);
	fake_mappable_destroy(&fm);
	assert_int_equal(f.refs, 0);
}

static void test_beyond_end(void **state)
{
	struct env e;
	struct fake_mappable fm;
	struct file f = {0};
	int r;

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, PG + 10);
	assert_int_equal(mmap_file(&e, &fm, &f, A, 4 * PG, RW, LX_MAP_SHARED, 0), A);
	assert_int_equal(peek(&e, A + PG + 100), 0);
	assert_int_equal(peek(&e, A + 2 * PG), -EFAULT);
	r = mm_fault(e.mm, A + 2 * PG, ACCESS_READ, 0);
	assert_int_equal(MM_FAULT_SIGNO(r), LX_SIGBUS);
	assert_int_equal(MM_FAULT_CODE(r), LX_BUS_ADRERR);
	/* The file grows: the same promise is kept now. */
	assert_int_equal(ftruncate(fm.hfd, 4 * PG), 0);
	fm.size = 4 * PG;
	assert_int_equal(poke(&e, A + 3 * PG, 5), 0);
	/* And shrinks. */
	fm.size = PG;
	mappable_invalidate(&fm.m, PG, UINT64_MAX, true);
	assert_int_equal(peek(&e, A + 3 * PG), -EFAULT);
	assert_int_equal(peek(&e, A), 'a');
	fm.error = -EIO;
	assert_int_equal(MM_FAULT_SIGNO(mm_fault(e.mm, A + PG, ACCESS_READ, 0)),
			 LX_SIGBUS);
	fm.error = 0;
	env_done(&e);
	fake_mappable_destroy(&fm);
}

static void test_copy_up(void **state)
{
	struct env e;
	struct fake_mappable fm;
	struct file f = {0};
	int upper;
	char c = 'U', page[5];

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, 4 * PG);
	fm.readonly = true;
	assert_int_equal(mmap_file(&e, &fm, &f, A, 4 * PG, RW, LX_MAP_SHARED, 0), A);
	assert_int_equal(
		mmap_file(&e, &fm, &f, A + 8 * PG, 4 * PG, RW, LX_MAP_PRIVATE, 0),
		A + 8 * PG);
	assert_int_equal(mmap_file(&e, &fm, &f, A + 16 * PG, 4 * PG, LX_PROT_READ,
				   LX_MAP_PRIVATE, 0),
			 A + 16 * PG);
	assert_int_equal(fm.writers, 1);
	assert_int_equal(poke(&e, A + 8 * PG, 'P'), 0);
	assert_string_equal(fake_page(e.mm->as, A, page), "r--s");
	/* mprotect must not give a right that the file has not given yet. */
	assert_int_equal(mm_mprotect(e.mm, A, 4 * PG, RW | LX_PROT_EXEC), 0);
	assert_int_equal(mm_mprotect(e.mm, A, 4 * PG, RW), 0);
	assert_string_equal(fake_page(e.mm->as, A, page), "r--s");

	/* The write goes up: as an overlay does, to another host file. */
	upper = memfd_create("upper", 0);
	assert_int_equal(ftruncate(upper, 4 * PG), 0);
	assert_int_equal(pwrite(upper, &c, 1, 0), 1);
	dup2(upper, fm.hfd);
	close(upper);
	mappable_invalidate(&fm.m, 0, 4 * PG, false);
	assert_int_equal(poke(&e, A + 1, 'W'), 0);
	assert_string_equal(fake_page(e.mm->as, A, page), "rw-s");
	assert_int_equal(peek(&e, A), 'U');
	/*
	 * A private area that may hold pages of its own keeps them all; a read-only one
	 * follows.
	 */
	assert_int_equal(peek(&e, A + 8 * PG), 'P');
	assert_int_equal(peek(&e, A + 9 * PG), 'b');
	assert_int_equal(peek(&e, A + 16 * PG), 'U');
	/* Truncation takes even those. */
	fm.size = 0;
	mappable_invalidate(&fm.m, 0, UINT64_MAX, true);
	assert_int_equal(peek(&e, A + 8 * PG), -EFAULT);
	env_done(&e);
	fake_mappable_destroy(&fm);
}

/* MADV_DONTNEED of a private file area: the file's page again, own copies gone. */
static void test_dontneed(void **state)
{
	struct env e;
	struct fake_mappable fm;
	struct file f = {0};
	unsigned char vec[4] = {0};

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, 4 * PG);
	assert_int_equal(mmap_file(&e, &fm, &f, A, 4 * PG, RW, LX_MAP_PRIVATE, 0), A);
	assert_int_equal(poke(&e, A + PG, 'X'), 0);
	assert_int_equal(mm_madvise(e.mm, A + PG, PG, LX_MADV_DONTNEED), 0);
	assert_true(mmap_at(&e, A + 64 * PG, PG, RW, ANON) > 0);
	assert_int_equal(mm_mincore(e.mm, A, 4 * PG, &e.u, A + 64 * PG), 0);
	assert_int_equal(copy_from_user(&e.u, vec, A + 64 * PG, 4), 0);
	assert_memory_equal(vec, "\1\0\1\1", 4);
	assert_int_equal(peek(&e, A + PG), 'b');
	assert_int_equal(mm_mincore(e.mm, A, 5 * PG, &e.u, A + 64 * PG), -ENOMEM);
	assert_int_equal(mm_mincore(e.mm, A, PG, &e.u, A + 32 * PG), -EFAULT);
	env_done(&e);
	fake_mappable_destroy(&fm);
}

static void invalidate_in_translate(struct fake_mappable *fm)
{
	fm->hook = NULL;
	mappable_invalidate(&fm->m, 0, UINT64_MAX, true);
}

/* An invalidation between translate and map: the old answer must not be used. */
static void test_stale_translation(void **state)
{
	struct env e;
	struct fake_mappable fm;
	struct file f = {0};

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, 4 * PG);
	fm.hook = invalidate_in_translate;
	assert_int_equal(mmap_file(&e, &fm, &f, A, 4 * PG, RW, LX_MAP_SHARED, 0), A);
	assert_int_equal(n_map(&e), 0);
	fm.hook = invalidate_in_translate;
	assert_int_equal(peek(&e, A), 'a');
	assert_int_equal(fm.n_translate, 3);
	/* The same over an old mapping: it must not stay there. */
	fm.hook = invalidate_in_translate;
	assert_int_equal(
		mmap_file(&e, &fm, &f, A, 4 * PG, RW, LX_MAP_SHARED | LX_MAP_FIXED, 0),
		A);
	assert_int_equal(peek(&e, A + PG), 'b');
	env_done(&e);
	fake_mappable_destroy(&fm);
}

static void invalidate_now(void *arg)
{
	struct fake_mappable *fm = arg;

	mappable_invalidate(&fm->m, PG, PG, true);
}

/* An invalidation while fork() runs reaches the child as well. */
static void test_fork_race(void **state)
{
	struct env e, c;
	struct fake_mappable fm;
	struct file f = {0};
	char page[5];

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, 4 * PG);
	assert_int_equal(mmap_file(&e, &fm, &f, A, 4 * PG, RW, LX_MAP_SHARED, 0), A);
	to_fake(e.mm->as)->before_fork = invalidate_now;
	to_fake(e.mm->as)->arg = &fm;
	c = e;
	assert_int_equal(mm_fork(e.mm, &c.mm), 0);
	c.u.mm = c.mm;
	assert_string_equal(fake_page(c.mm->as, A + PG, page), "");
	assert_string_equal(fake_page(c.mm->as, A, page), "rw-s");
	assert_int_equal(fm.writers, 2);
	/* And one after it. */
	mappable_invalidate(&fm.m, 0, PG, true);
	assert_string_equal(fake_page(c.mm->as, A, page), "");
	assert_int_equal(peek(&c, A), 'a');
	mm_put(c.mm);
	env_done(&e);
	fake_mappable_destroy(&fm);
}

static void test_writable_refused(void **state)
{
	struct env e;
	struct fake_mappable fm;
	struct file f = {0};

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, 4 * PG);
	fm.refuse_writable = true;
	assert_int_equal(mmap_file(&e, &fm, &f, A, PG, RW, LX_MAP_SHARED, 0), -EPERM);
	assert_int_equal(mmap_file(&e, &fm, &f, A, PG, RW, LX_MAP_PRIVATE, 0), A);
	fm.refuse_writable = false;
	/* Cutting, joining and unmapping keep the count. */
	assert_int_equal(
		mmap_file(&e, &fm, &f, A, 4 * PG, RW, LX_MAP_SHARED | LX_MAP_FIXED, 0),
		A);
	assert_int_equal(mm_mprotect(e.mm, A + PG, PG, LX_PROT_READ), 0);
	assert_int_equal(fm.writers, 3);
	assert_int_equal(mm_mprotect(e.mm, A + PG, PG, RW), 0);
	assert_int_equal(fm.writers, 1);
	/* A seal set later refuses new mappings, not the pieces of old ones. */
	fm.refuse_writable = true;
	assert_int_equal(mm_munmap(e.mm, A + PG, PG), 0);
	assert_int_equal(fm.writers, 2);
	assert_int_equal(f.refs, 2);
	env_done(&e);
	fake_mappable_destroy(&fm);
	assert_int_equal(f.refs, 0);
}

/* Shared memory touched in order takes ever fewer faults;
 * touched here and there, few pages. */
static void test_fault_around(void **state)
{
	struct env e;

	(void)state;
	env_init(&e);
	assert_int_equal(mmap_at(&e, A, 4096 * PG, RW, LX_MAP_SHARED | LX_MAP_ANONYMOUS),
			 A);
	assert_int_equal(poke(&e, A + 2000 * PG, 1), 0);
	assert_int_equal(pool_used(e.pool), 16 * PG);
	for (uaddr_t a = A; a < A + 4096 * PG; a += PG)
		assert_int_equal(poke(&e, a, 1), 0);
	assert_int_equal(pool_used(e.pool), 4096 * PG);
	assert_true(n_map(&e) < 32);
	env_done(&e);
}

/* shmdt(): the pieces of one attachment go, another one of the same object stays. */
static void test_unmap_object(void **state)
{
	struct env e;
	struct fake_mappable fm;
	const struct mappable_ops *ops;

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, 6 * PG);
	ops = fm.m.ops;
	for (uaddr_t a = A; a <= A + 8 * PG; a += 8 * PG)
		assert_int_equal(
			mmap_file(&e, &fm, NULL, a, 6 * PG, RW, LX_MAP_SHARED, 0), a);
	assert_int_equal(fm.areas, 2);
	assert_int_equal(mm_munmap(e.mm, A + PG, PG), 0);
	assert_int_equal(mmap_at(&e, A + PG, PG, RW, ANON | LX_MAP_FIXED), A + PG);
	assert_int_equal(mm_mprotect(e.mm, A + 4 * PG, PG, LX_PROT_READ), 0);
	assert_int_equal(fm.areas, 5);
	assert_int_equal(mm_unmap_object(e.mm, A + PG, ops), -EINVAL);
	assert_int_equal(mm_unmap_object(e.mm, A, ops), 0);
	assert_int_equal(fm.areas, 1);
	assert_string_equal(maps(&e), "101000-102000 rw-p\n108000-10e000 rw-s\n");
	assert_int_equal(mm_unmap_object(e.mm, A, ops), -EINVAL);
	env_done(&e);
	fake_mappable_destroy(&fm);
}

/* How ld.so maps a library, and that it takes one host call a step. */
static void test_library(void **state)
{
	struct env e;
	struct fake_mappable fm;
	struct file f = {0};
	unsigned before;

	(void)state;
	env_init(&e);
	fake_mappable_init(&fm, 20 * PG);
	assert_int_equal(mmap_file(&e, &fm, &f, A, 22 * PG, LX_PROT_READ,
				   LX_MAP_PRIVATE | LX_MAP_DENYWRITE, 0),
			 A);
	before = to_fake(e.mm->as)->n_unmap;
	assert_int_equal(mmap_file(&e, &fm, &f, A + 4 * PG, 8 * PG,
				   LX_PROT_READ | LX_PROT_EXEC,
				   LX_MAP_PRIVATE | LX_MAP_FIXED, 4 * PG),
			 A + 4 * PG);
	assert_int_equal(mmap_file(&e, &fm, &f, A + 16 * PG, 4 * PG, RW,
				   LX_MAP_PRIVATE | LX_MAP_FIXED, 16 * PG),
			 A + 16 * PG);
	assert_int_equal(mmap_at(&e, A + 20 * PG, 2 * PG, RW, ANON | LX_MAP_FIXED),
			 A + 20 * PG);
	assert_int_equal(to_fake(e.mm->as)->n_unmap, before);
	assert_int_equal(n_map(&e), 4);
	assert_int_equal(e.mm->n_vmas, 5);
	assert_int_equal(peek(&e, A + 16 * PG), 'a' + 16);
	assert_int_equal(peek(&e, A + 21 * PG), 0);
	assert_int_equal(mm_mprotect(e.mm, A + 16 * PG, PG, LX_PROT_READ), 0);
	assert_int_equal(poke(&e, A + 16 * PG, 1), -EFAULT);
	env_done(&e);
	fake_mappable_destroy(&fm);
}

static void test_futex_keys(void **state)
{
	struct env e, c;
	struct futex_key k1, k2;

	(void)state;
	env_init(&e);
	assert_int_equal(mmap_at(&e, A, PG, RW, LX_MAP_SHARED | LX_MAP_ANONYMOUS), A);
	assert_int_equal(mmap_at(&e, A + 8 * PG, PG, RW, ANON), A + 8 * PG);
	c = e;
	assert_int_equal(mm_fork(e.mm, &c.mm), 0);
	assert_int_equal(mm_futex_key(e.mm, A + 16, true, &k1), 0);
	assert_int_equal(mm_futex_key(c.mm, A + 16, true, &k2), 0);
	assert_ptr_equal(k1.object, k2.object);
	assert_int_equal(k1.offset, 16);
	assert_true(k1.shared && k2.shared);
	mm_futex_key_put(&k1);
	mm_futex_key_put(&k2);
	assert_int_equal(mm_futex_key(e.mm, A + 8 * PG, true, &k1), 0);
	assert_int_equal(mm_futex_key(e.mm, A + 8 * PG, false, &k2), 0);
	assert_ptr_equal(k1.object, e.mm);
	assert_int_equal(k1.offset, k2.offset);
	assert_int_equal(mm_futex_key(e.mm, A + 4 * PG, true, &k1), -EFAULT);
	mm_put(c.mm);
	env_done(&e);
}

/*
 * Threads that fault, write, protect, fork and truncate the same shared object at once.
 */
struct storm {
	struct env e;
	struct shmem *s;
	atomic_bool stop;
};

static void *truncator(void *arg)
{
	struct storm *st = arg;

	for (unsigned i = 0; !atomic_load(&st->stop); i++) {
		shmem_truncate(st->s, (i % 5) * 7 * PG + 100);
		if (i % 3 == 0)
			shmem_punch(st->s, 2 * PG, 5 * PG);
		shmem_truncate(st->s, 64 * PG);
	}
	return NULL;
}

static void *toucher(void *arg)
{
	struct storm *st = arg;
	unsigned seed = 7;

	while (!atomic_load(&st->stop)) {
		uaddr_t a = A + (uaddr_t)(rand_r(&seed) % 64) * PG;

		poke(&st->e, a, 1);
		peek(&st->e, a);
	}
	return NULL;
}

static void test_storm(void **state)
{
	struct storm *st = calloc(1, sizeof(*st));
	struct mappable *m;
	pthread_t th[3];

	(void)state;
	env_init(&st->e);
	assert_int_equal(shmem_create(st->e.pool, 64 * PG, &m), 0);
	st->s = container_of(m, struct shmem, map);
	for (int i = 0; i < 2; i++) {
		struct mmap_args a = {.addr = A,
				      .size = 64 * PG,
				      .prot = RW,
				      .m = m,
				      .flags = LX_MAP_SHARED | LX_MAP_FIXED,
				      .may = VM_MAYREAD | VM_MAYWRITE,
				      .limits = &st->e.lim};
		uaddr_t out;

		assert_int_equal(mm_mmap(st->e.mm, &a, &out), 0);
	}
	pthread_create(&th[0], NULL, truncator, st);
	pthread_create(&th[1], NULL, toucher, st);
	pthread_create(&th[2], NULL, toucher, st);
	for (int i = 0; i < 300; i++) {
		struct mm *child;

		assert_int_equal(mm_mprotect(st->e.mm, A + 8 * PG, 8 * PG, LX_PROT_READ),
				 0);
		assert_int_equal(mm_fork(st->e.mm, &child), 0);
		assert_int_equal(mm_mprotect(st->e.mm, A, 64 * PG, RW), 0);
		mm_put(child);
	}
	atomic_store(&st->stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(th[i], NULL);
	m->ops->put(m);
	env_done(&st->e);
	free(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eager_and_lazy),
		cmocka_unit_test(test_beyond_end),
		cmocka_unit_test(test_copy_up),
		cmocka_unit_test(test_dontneed),
		cmocka_unit_test(test_stale_translation),
		cmocka_unit_test(test_fork_race),
		cmocka_unit_test(test_writable_refused),
		cmocka_unit_test(test_fault_around),
		cmocka_unit_test(test_unmap_object),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_futex_keys),
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
