// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/mm tests/unit/fakes/fake_as.c tests/unit/fakes/fake_file.c
/*
 * Random sequences of memory calls, done by sentry/mm on the fake platform and by the
 * host's kernel on a window of this process. Every answer must be the same, and so must
 * the areas (while nothing is touched, for touching decides what Linux can join) or each
 * page's rights and content (when pages are written in between).
 */
#include "tests/unit/fakes/mm_env.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PAGES	   48
#define GUEST	   0x30000000ul
#define NATIVE	   0x108000000000ul
#define FILE_PAGES 24

struct world {
	struct env e;
	struct fake_mappable fm;
	struct file file;
	int hfd; /* the native twin of fm */
	int pipe[2];
	char log[1 << 16];
	size_t log_len;
	unsigned seed;
	bool touch;
};

static unsigned rnd(struct world *w, unsigned n)
{
	w->seed = w->seed * 1103515245 + 12345;
	return (w->seed >> 8) % n;
}

static void note(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note(struct world *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (w->log_len > sizeof(w->log) - 200)
		w->log_len = 0;
	w->log_len += (size_t)vsnprintf(w->log + w->log_len, sizeof(w->log) - w->log_len,
					fmt, ap);
	va_end(ap);
}

static int64_t nat(int64_t r)
{
	return r == -1 ? -errno : r;
}

static void *at(unsigned page)
{
	return (void *)(uintptr_t)(NATIVE + page * PG);
}

/* The window as /proc/self/maps shows it, in maps()' format and at guest addresses. */
static const char *native_maps(void)
{
	static char text[1 << 16];
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long lo, hi;
	char line[512], perm[5], *p = text;

	*p = 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %4s", &lo, &hi, perm) == 3 &&
		    lo >= NATIVE - (1ul << 30) && hi <= NATIVE + (1ul << 30))
			p += sprintf(p, "%lx-%lx %s\n", lo - NATIVE + GUEST,
				     hi - NATIVE + GUEST, perm);
	fclose(f);
	return text;
}

static void same(struct world *w, int64_t ours, int64_t native)
{
	note(w, " = %ld (native %ld)\n", (long)ours, (long)native);
	if (ours >= (int64_t)GUEST)
		ours -= GUEST;
	if (native >= (int64_t)NATIVE)
		native -= NATIVE;
	if (ours != native) {
		fprintf(stderr, "%.*s", (int)w->log_len, w->log);
		fprintf(stderr, "%snative:\n%s", maps(&w->e), native_maps());
	}
	assert_int_equal(ours, native);
}

static unsigned random_prot(struct world *w)
{
	static const unsigned prot[] = {0, 1, 3, 3, 3, 1, 5, 2, 7};

	return prot[rnd(w, ARRAY_SIZE(prot))];
}

static void do_mmap(struct world *w)
{
	unsigned page = rnd(w, PAGES), n = 1 + rnd(w, 8), kind = rnd(w, 6),
		 prot = random_prot(w);
	unsigned flags = MAP_FIXED, off = rnd(w, FILE_PAGES - 8);
	int64_t ours, native;
	bool file = kind >= 4;

	if (page + n > PAGES)
		n = PAGES - page;
	if (rnd(w, 5) == 0)
		flags = MAP_FIXED_NOREPLACE;
	if (rnd(w, 6) == 0)
		flags |= MAP_NORESERVE;
	flags |= kind == 3 || kind == 5 ? MAP_SHARED : MAP_PRIVATE;
	if (rnd(w, 20) == 0)
		flags |= MAP_GROWSDOWN;
	note(w, "mmap page %u n %u prot %u flags %x file %d off %u", page, n, prot, flags,
	     file, off);
	if (file) {
		ours = mmap_file(&w->e, &w->fm, &w->file, GUEST + page * PG, n * PG, prot,
				 flags, off * PG);
		native = nat((int64_t)mmap(at(page), n * PG, (int)prot, (int)flags,
					   w->hfd, (off_t)(off * PG)));
	} else {
		flags |= MAP_ANONYMOUS;
		ours = mmap_at(&w->e, GUEST + page * PG, n * PG, prot, flags);
		native = nat(
			(int64_t)mmap(at(page), n * PG, (int)prot, (int)flags, -1, 0));
	}
	same(w, ours, native);
}

static void do_munmap(struct world *w)
{
	unsigned page = rnd(w, PAGES), n = rnd(w, 8);

	note(w, "munmap page %u n %u", page, n);
	same(w, mm_munmap(w->e.mm, GUEST + page * PG, n * PG),
	     nat(munmap(at(page), n * PG)));
}

static void do_mprotect(struct world *w)
{
	unsigned page = rnd(w, PAGES), n = rnd(w, 12), prot = random_prot(w);

	/*
	 * Reaches to the start of the area, where touched areas of Linux start
	 * elsewhere.
	 */
	if (rnd(w, 10) == 0 && !w->touch)
		prot |= PROT_GROWSDOWN;
	note(w, "mprotect page %u n %u prot %x", page, n, prot);
	same(w, mm_mprotect(w->e.mm, GUEST + page * PG, n * PG, prot),
	     nat((int64_t)mprotect(at(page), n * PG, (int)prot)));
}

/* Linux 6.17 moves several areas at once where earlier kernels refuse: not compared. */
static bool one_area(struct world *w, unsigned page, unsigned n)
{
	struct vma *v = mm_find_vma_locked(w->e.mm, GUEST + page * PG);

	/* And it leaves unlocked areas apart after MREMAP_DONTUNMAP. */
	return !v || (v->end >= GUEST + (page + n) * PG && !(v->flags & VM_LOCKED));
}

static void do_mremap(struct world *w)
{
	unsigned page = rnd(w, PAGES), n = rnd(w, 8), new_n = rnd(w, 8),
		 to = rnd(w, PAGES - 8);
	unsigned flags = 0;
	uaddr_t out;
	int64_t r;

	switch (rnd(w, 4)) {
	case 0:
		if (page + new_n > PAGES)
			new_n = PAGES - page;
		break;
	case 1:
		flags = MREMAP_MAYMOVE | MREMAP_FIXED;
		break;
	case 2:
		flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
		if (rnd(w, 4))
			new_n = n;
		break;
	case 3:
		flags = rnd(w, 2) ? MREMAP_FIXED : 8;
		break;
	}
	if (flags & MREMAP_FIXED && !one_area(w, page, n ? n : 1))
		return;
	note(w, "mremap page %u n %u -> page %u n %u flags %u", page, n, to, new_n,
	     flags);
	r = mm_mremap(w->e.mm, GUEST + page * PG, n * PG, new_n * PG, flags,
		      GUEST + to * PG, &w->e.lim, &out);
	same(w, r ? r : (int64_t)out,
	     nat(syscall(SYS_mremap, at(page), n * PG, new_n * PG, flags, at(to))));
}

static void do_madvise(struct world *w)
{
	static const int advice[] = {LX_MADV_NORMAL,
				     LX_MADV_RANDOM,
				     LX_MADV_SEQUENTIAL,
				     LX_MADV_WILLNEED,
				     LX_MADV_DONTNEED,
				     LX_MADV_DONTNEED,
				     LX_MADV_DONTFORK,
				     LX_MADV_DOFORK,
				     LX_MADV_DONTDUMP,
				     LX_MADV_DODUMP,
				     LX_MADV_WIPEONFORK,
				     LX_MADV_KEEPONFORK,
				     LX_MADV_COLD,
				     LX_MADV_POPULATE_READ,
				     5,
				     77};
	unsigned page = rnd(w, PAGES), n = rnd(w, 10);
	int a = advice[rnd(w, ARRAY_SIZE(advice))];

	/* Populating makes page tables, which later decides what Linux joins. */
	if (a == LX_MADV_POPULATE_READ && !w->touch)
		a = LX_MADV_WILLNEED;
	note(w, "madvise page %u n %u advice %d", page, n, a);
	same(w, mm_madvise(w->e.mm, GUEST + page * PG, n * PG, a),
	     nat(madvise(at(page), n * PG, a)));
}

static void do_msync(struct world *w)
{
	unsigned page = rnd(w, PAGES), n = rnd(w, 8);
	int flags = (int)rnd(w, 9);

	note(w, "msync page %u n %u flags %d", page, n, flags);
	same(w, mm_msync(w->e.mm, GUEST + page * PG, n * PG, flags),
	     nat(msync(at(page), n * PG, flags)));
}

static void do_mlock(struct world *w)
{
	unsigned page = rnd(w, PAGES), n = rnd(w, 6);
	bool lock = rnd(w, 3);

	/* mlock populates, too. */
	note(w, "%s page %u n %u", lock ? "mlock2(ONFAULT)" : "munlock", page, n);
	same(w, mm_mlock(w->e.mm, GUEST + page * PG, n * PG, lock, true, &w->e.lim),
	     nat(lock ? (int64_t)syscall(SYS_mlock2, at(page), n * PG, 1)
		      : (int64_t)syscall(SYS_munlock, at(page), n * PG)));
}

static int native_peek(struct world *w, unsigned page)
{
	unsigned char c;

	/*
	 * By the page tables, as a program reads: process_vm_readv refuses write-only
	 * pages.
	 */
	if (syscall(SYS_write, w->pipe[1], at(page), 1) != 1)
		return -EFAULT;
	return read(w->pipe[0], &c, 1) == 1 ? c : -EFAULT;
}

static int native_poke(unsigned page, unsigned char c)
{
	struct iovec l = {&c, 1}, r = {at(page), 1};

	return process_vm_writev(getpid(), &l, 1, &r, 1, 0) == 1 ? 0 : -EFAULT;
}

static void do_poke(struct world *w)
{
	unsigned page = rnd(w, PAGES), c = rnd(w, 256);

	if (!w->touch)
		return;
	note(w, "poke page %u %u", page, c);
	same(w, poke(&w->e, GUEST + page * PG, (int)c),
	     native_poke(page, (unsigned char)c));
}

static void compare(struct world *w)
{
	if (!w->touch) {
		if (strcmp(maps(&w->e), native_maps()))
			fprintf(stderr, "%.*s", (int)w->log_len, w->log);
		assert_string_equal(maps(&w->e), native_maps());
		return;
	}
	for (unsigned page = 0; page < PAGES; page++) {
		int ours = peek(&w->e, GUEST + page * PG), native = native_peek(w, page);

		if (ours != native) {
			fprintf(stderr, "%.*spage %u: %d, native %d\n%s\n%s",
				(int)w->log_len, w->log, page, ours, native, maps(&w->e),
				native_maps());
		}
		assert_int_equal(ours, native);
	}
}

static void step(struct world *w)
{
	static void (*const ops[])(struct world *) = {
		do_mmap,     do_mmap,	do_mmap,   do_munmap,  do_mprotect,
		do_mprotect, do_mremap, do_mremap, do_madvise, do_madvise,
		do_msync,    do_mlock,	do_poke,   do_poke,
	};

	ops[rnd(w, ARRAY_SIZE(ops))](w);
}

static void sequence(unsigned seed, bool touch)
{
	struct world *w = calloc(1, sizeof(*w));

	w->seed = seed;
	w->touch = touch;
	munmap(at(0), 1 << 30);
	env_init(&w->e);
	assert_int_equal(pipe(w->pipe), 0);
	w->e.lim.can_lock = true;
	fake_mappable_init(&w->fm, FILE_PAGES * PG);
	w->fm.run_max = rnd(w, 3) * 3 * PG;
	w->hfd = memfd_create("native", MFD_CLOEXEC);
	assert_int_equal(ftruncate(w->hfd, FILE_PAGES * PG), 0);
	for (unsigned i = 0; i < FILE_PAGES; i++) {
		char c = (char)('a' + i % 26);

		assert_int_equal(pwrite(w->hfd, &c, 1, (off_t)(i * PG)), 1);
	}
	for (int i = 0; i < 300; i++) {
		step(w);
		compare(w);
	}
	munmap(at(0), 1 << 30);
	env_done(&w->e);
	fake_mappable_destroy(&w->fm);
	assert_int_equal(w->file.refs, 0);
	close(w->hfd);
	close(w->pipe[0]);
	close(w->pipe[1]);
	free(w);
}

/* MM_SEED=N tries others than every run does. */
static unsigned first_seed(void)
{
	const char *s = getenv("MM_SEED");

	return s ? (unsigned)atoi(s) : 1;
}

static void test_areas(void **state)
{
	(void)state;
	for (unsigned seed = first_seed(); seed < first_seed() + 40; seed++)
		sequence(seed, false);
}

static void test_content(void **state)
{
	(void)state;
	for (unsigned seed = first_seed(); seed < first_seed() + 40; seed++)
		sequence(seed + 1000000, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_areas),
		cmocka_unit_test(test_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
