// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/mm tests/unit/fakes/fake_as.c tests/unit/fakes/fake_file.c
/* The page pool, and shmem against a plain array of bytes. */
#include "tests/unit/fakes/mm_env.h"

static int alloc(struct pool *p, uint64_t size, uint64_t *off, uint64_t *got)
{
	bool fresh;

	return pool_alloc(p, size, off, got, &fresh);
}

static void test_pool_limit(void **state)
{
	struct pool *p;
	uint64_t a, b, got;

	(void)state;
	assert_int_equal(pool_create(10 * PG, &p), 0);
	assert_int_equal(alloc(p, 4 * PG, &a, &got), 0);
	assert_int_equal(got, 4 * PG);
	assert_int_equal(alloc(p, 8 * PG, &b, &got), 0);
	assert_int_equal(got, 6 * PG); /* what is left */
	assert_int_equal(b, a + 4 * PG);
	assert_int_equal(pool_used(p), 10 * PG);
	{
		uint64_t o, g;

		assert_int_equal(alloc(p, PG, &o, &g), -ENOSPC);
		assert_int_equal(g, 0);
	}
	*(char *)pool_ptr(p, a) = 'x';
	pool_release(p, a, 4 * PG);
	pool_release(p, b, 6 * PG);
	/* Joined again, from the start, and zero. */
	assert_int_equal(alloc(p, 10 * PG, &a, &got), 0);
	assert_int_equal(got, 10 * PG);
	assert_int_equal(a, 0);
	assert_int_equal(*(char *)pool_ptr(p, a), 0);
	assert_int_equal(pool_peak(p), 10 * PG);
	pool_release(p, a, got);
	pool_free(p);
}

/* Extents never overlap, are zero when handed out, and nothing is lost. */
static void test_pool_random(void **state)
{
	enum { N = 200, LIMIT = 4096 };
	struct {
		uint64_t off, size;
	} x[N] = {0};
	unsigned char *owner = calloc(1, 64 * LIMIT);
	struct pool *p;
	uint64_t used = 0;

	(void)state;
	srand(5);
	assert_int_equal(pool_create(LIMIT * PG, &p), 0);
	for (int i = 0; i < 20000; i++) {
		int k = rand() % N;

		if (x[k].size) {
			memset(owner + x[k].off / PG, 0, x[k].size / PG);
			used -= x[k].size;
			pool_release(p, x[k].off, x[k].size);
			x[k].size = 0;
			continue;
		}
		if (alloc(p, (uint64_t)(1 + rand() % (rand() % 8 ? 8 : 600)) * PG,
			  &x[k].off, &x[k].size)) {
			assert_int_equal(used, LIMIT * PG);
			continue;
		}
		used += x[k].size;
		assert_true((x[k].off + x[k].size) / PG <= 64 * LIMIT);
		for (uint64_t o = x[k].off; o < x[k].off + x[k].size; o += PG) {
			uint64_t *word = pool_ptr(p, o + (uint64_t)(rand() % 512) * 8);

			assert_int_equal(owner[o / PG], 0);
			owner[o / PG] = 1;
			assert_int_equal(*word, 0);
			*word = o + 1;
		}
		assert_int_equal(pool_used(p), used);
	}
	for (int k = 0; k < N; k++)
		if (x[k].size)
			pool_release(p, x[k].off, x[k].size);
	assert_int_equal(pool_used(p), 0);
	pool_free(p);
	free(owner);
}

/* --- shmem ------------------------------------------------------------------------- */

#define MAX (40 * PG)

static ssize_t rw(struct shmem *s, uint64_t off, void *buf, size_t n, bool write)
{
	struct uio u;

	uio_init_kernel(&u, buf, n);
	return write ? shmem_write(s, off, &u, n) : shmem_read(s, off, &u, n);
}

static void check(struct shmem *s, const unsigned char *model, uint64_t size)
{
	unsigned char *buf = malloc(MAX);
	uint64_t at = 0, covered = 0;

	assert_int_equal(shmem_size(s), size);
	assert_int_equal(rw(s, 0, buf, MAX, false), size);
	assert_memory_equal(buf, model, size);
	free(buf);
	/* Data and holes follow each other to the end; what is a hole is zero. */
	while (at < size) {
		uint64_t data, hole;

		if (shmem_next(s, at, true, &data))
			data = size;
		for (uint64_t i = at; i < data; i++)
			assert_int_equal(model[i], 0);
		if (data == size)
			break;
		assert_int_equal(shmem_next(s, data, false, &hole), 0);
		assert_true(hole > data);
		covered += hole - data;
		at = hole;
	}
	assert_true(covered <= shmem_bytes(s));
	assert_int_equal(shmem_next(s, size, true, &at), -ENXIO);
	assert_int_equal(shmem_next(s, size, false, &at), -ENXIO);
}

static void test_shmem_random(void **state)
{
	unsigned char *model = calloc(1, MAX), *buf = malloc(MAX);
	struct mappable *m;
	struct shmem *s;
	struct env e;
	uint64_t size = 0;

	(void)state;
	srand(11);
	env_init(&e);
	assert_int_equal(shmem_create(e.pool, 0, &m), 0);
	s = container_of(m, struct shmem, map);
	for (int i = 0; i < 3000; i++) {
		uint64_t off = (uint64_t)rand() % MAX,
			 n = (uint64_t)rand() % (rand() % 4 ? 5000 : MAX);

		n = n < MAX - off ? n : MAX - off;
		switch (rand() % 6) {
		case 0:
		case 1:
		case 2:
			memset(buf, rand() | 1, n);
			assert_int_equal(rw(s, off, buf, n, true), n);
			memcpy(model + off, buf, n);
			size = n && off + n > size ? off + n : size;
			break;
		case 3:
			shmem_truncate(s, off);
			if (off < size)
				memset(model + off, 0, size - off);
			size = off;
			break;
		case 4:
			shmem_punch(s, off, n);
			memset(model + off, 0, n);
			break;
		case 5:
			assert_int_equal(shmem_allocate(s, off, n), 0);
			break;
		}
		if (i % 10 == 0)
			check(s, model, size);
	}
	shmem_truncate(s, 0);
	m->ops->put(m);
	env_done(&e);
	free(model);
	free(buf);
}

/* Reading and writing a file from and to its own mapping, lazily populated. */
static void test_shmem_own_mapping(void **state)
{
	struct mappable *m;
	struct shmem *s;
	struct env e;
	struct uio u;
	uaddr_t a = 0x100000, out;
	struct mmap_args args = {.addr = a,
				 .size = 8 * PG,
				 .prot = RW,
				 .flags = LX_MAP_SHARED,
				 .may = VM_MAYREAD | VM_MAYWRITE};

	(void)state;
	env_init(&e);
	assert_int_equal(shmem_create(e.pool, 8 * PG, &m), 0);
	s = container_of(m, struct shmem, map);
	args.m = m;
	args.limits = &e.lim;
	assert_int_equal(mm_mmap(e.mm, &args, &out), 0);
	assert_int_equal(out, a);
	uio_init_user(&u, &e.u, a + 4 * PG, 2 * PG);
	assert_int_equal(shmem_write(s, PG + 100, &u, 2 * PG), 2 * PG);
	uio_init_user(&u, &e.u, a + 6 * PG, 2 * PG);
	assert_int_equal(shmem_read(s, 7 * PG, &u, 2 * PG), PG);
	/* A bad page ends it short, or with -EFAULT if nothing was moved. */
	uio_init_user(&u, &e.u, a + 7 * PG, 2 * PG);
	assert_int_equal(shmem_read(s, 0, &u, 2 * PG), PG);
	uio_init_user(&u, &e.u, a + 8 * PG, 2 * PG);
	assert_int_equal(shmem_read(s, 0, &u, 2 * PG), -EFAULT);
	assert_int_equal(shmem_write(s, 0, &u, 2 * PG), -EFAULT);
	/* Stores and writes meet in the same pages. */
	assert_int_equal(poke(&e, a + 3 * PG, 77), 0);
	{
		char c = 0;

		assert_int_equal(rw(s, 3 * PG, &c, 1, false), 1);
		assert_int_equal(c, 77);
	}
	/* Holes made behind a mapping's back. */
	assert_int_equal(mm_madvise(e.mm, a + 3 * PG, PG, LX_MADV_REMOVE), 0);
	assert_int_equal(peek(&e, a + 3 * PG), 0);
	shmem_truncate(s, PG);
	assert_int_equal(peek(&e, a + PG), -EFAULT);
	assert_int_equal(peek(&e, a), 0);
	m->ops->put(m);
	env_done(&e);
}

/* A hole leaves a private area its own pages, and never shows it another file's. */
static void test_shmem_punch_under_private(void **state)
{
	struct env e;
	struct mappable *m, *other;
	struct shmem *s;
	uaddr_t a = 0x100000, out;
	char page[8 * PG];

	(void)state;
	env_init(&e);
	assert_int_equal(shmem_create(e.pool, 8 * PG, &m), 0);
	s = container_of(m, struct shmem, map);
	memset(page, 'f', sizeof(page));
	assert_int_equal(rw(s, 0, page, 8 * PG, true), 8 * PG);
	struct mmap_args args = {.addr = a,
				 .size = 4 * PG,
				 .prot = RW,
				 .flags = LX_MAP_PRIVATE | LX_MAP_FIXED,
				 .m = m,
				 .may = VM_MAYREAD | VM_MAYWRITE,
				 .limits = &e.lim};
	assert_int_equal(mm_mmap(e.mm, &args, &out), 0);
	assert_int_equal(poke(&e, a + PG, 'P'), 0);
	assert_int_equal(peek(&e, a + 2 * PG), 'f');
	shmem_punch(s, 100, 7 * PG);
	/* A file that takes all that was given back. */
	assert_int_equal(shmem_create(e.pool, 0, &other), 0);
	memset(page, 'x', sizeof(page));
	rw(container_of(other, struct shmem, map), 0, page, 8 * PG, true);
	assert_int_equal(peek(&e, a + PG), 'P');
	assert_int_equal(peek(&e, a + PG + 1), 'f');
	assert_int_equal(peek(&e, a + 2 * PG), 0);
	assert_int_equal(peek(&e, a + 99), 'f');
	assert_int_equal(peek(&e, a + 100), 0);
	/* Only what could be private was kept; without the area nothing is. */
	assert_int_equal(shmem_bytes(s), 5 * PG);
	assert_int_equal(mm_munmap(e.mm, a, 4 * PG), 0);
	shmem_punch(s, 0, 8 * PG);
	assert_int_equal(shmem_bytes(s), 0);
	other->ops->put(other);
	m->ops->put(m);
	env_done(&e);
}

static void test_shmem_zero(void **state)
{
	struct mappable *m;
	struct shmem *s;
	struct pool *p;
	char buf[4 * PG], want[4 * PG];

	(void)state;
	assert_int_equal(pool_create(6 * PG, &p), 0);
	assert_int_equal(shmem_create(p, 0, &m), 0);
	s = container_of(m, struct shmem, map);
	memset(buf, 'f', sizeof(buf));
	memcpy(want, buf, sizeof(buf));
	assert_int_equal(rw(s, 0, buf, 4 * PG, true), 4 * PG);
	assert_int_equal(shmem_zero(s, 10, 20), 0);
	memset(want + 10, 0, 20);
	assert_int_equal(shmem_zero(s, PG - 1, PG + 2), 0);
	memset(want + PG - 1, 0, PG + 2);
	assert_int_equal(shmem_zero(s, 3 * PG, 4 * PG), -ENOSPC);
	assert_int_equal(shmem_zero(s, INT64_MAX, 1), -EFBIG);
	assert_int_equal(rw(s, 0, buf, 4 * PG, false), 4 * PG);
	assert_memory_equal(buf, want, sizeof(buf));
	assert_int_equal(shmem_zero(s, 3 * PG, 2 * PG), 0);
	assert_int_equal(shmem_size(s), 4 * PG);
	m->ops->put(m);
	pool_free(p);
}

static void test_shmem_full(void **state)
{
	struct mappable *m;
	struct shmem *s;
	struct pool *p;
	char *buf = calloc(1, 10 * PG);

	(void)state;
	assert_int_equal(pool_create(4 * PG, &p), 0);
	assert_int_equal(shmem_create(p, 0, &m), 0);
	s = container_of(m, struct shmem, map);
	assert_int_equal(rw(s, 100, buf, 10 * PG, true), 4 * PG - 100);
	assert_int_equal(rw(s, 4 * PG, buf, 1, true), -ENOSPC);
	assert_int_equal(shmem_allocate(s, 0, 5 * PG), -ENOSPC);
	assert_int_equal(shmem_size(s), 4 * PG);
	shmem_punch(s, PG, PG);
	assert_int_equal(rw(s, 8 * PG, buf, 10, true), 10);
	/* Allocations fail: short or refused, never lost. */
	for (unsigned n = 1; n < 12; n++) {
		shmem_truncate(s, 0);
		mem_fail_after(n);
		rw(s, 0, buf, PG, true);
		rw(s, 2 * PG, buf, PG, true);
		shmem_punch(s, 0, PG);
		shmem_truncate(s, PG);
		mem_fail_after(0);
	}
	m->ops->put(m);
	assert_int_equal(pool_used(p), 0);
	pool_free(p);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_limit),
		cmocka_unit_test(test_pool_random),
		cmocka_unit_test(test_shmem_random),
		cmocka_unit_test(test_shmem_own_mapping),
		cmocka_unit_test(test_shmem_punch_under_private),
		cmocka_unit_test(test_shmem_zero),
		cmocka_unit_test(test_shmem_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
