/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vDSO: found through AT_SYSINFO_EHDR, a well-formed ELF image, its functions agree
 * with the calls they replace. Source: vdso(7).
 */
#include <elf.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <time.h>

#include "harness.h"

static const char *base;

static const Elf64_Phdr *phdr(uint32_t type)
{
	const Elf64_Ehdr *eh = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == type)
			return &ph[i];
	return NULL;
}

/* The address of a function in the image; skips without an image. */
static void *lookup(const char *name)
{
	const Elf64_Dyn *dyn;
	const Elf64_Sym *sym = NULL;
	const char *str = NULL;
	const uint32_t *hash = NULL, *gnu_hash = NULL;
	const Elf64_Phdr *load, *dynamic;
	size_t n;

	base = (const char *)getauxval(AT_SYSINFO_EHDR);
	if (!base)
		SKIP("no vDSO");
	load = phdr(PT_LOAD);
	dynamic = phdr(PT_DYNAMIC);
	CHECK(load != NULL && dynamic != NULL);
	const char *bias = base - load->p_vaddr + load->p_offset;
	for (dyn = (const void *)(bias + dynamic->p_vaddr); dyn->d_tag != DT_NULL;
	     dyn++) {
		const void *p = bias + dyn->d_un.d_ptr;

		if (dyn->d_tag == DT_SYMTAB)
			sym = p;
		else if (dyn->d_tag == DT_STRTAB)
			str = p;
		else if (dyn->d_tag == DT_HASH)
			hash = p;
		else if (dyn->d_tag == DT_GNU_HASH)
			gnu_hash = p;
	}
	CHECK(sym != NULL && str != NULL);
	CHECK(hash != NULL || gnu_hash != NULL);
	if (hash) {
		n = hash[1];
	} else {
		/* The last chain of the last bucket ends the table. */
		const uint32_t *buckets = gnu_hash + 4 + gnu_hash[2] * 2;
		const uint32_t *chains = buckets + gnu_hash[0];
		uint32_t last = 0;

		for (uint32_t i = 0; i < gnu_hash[0]; i++)
			if (buckets[i] > last)
				last = buckets[i];
		while (last && !(chains[last - gnu_hash[1]] & 1))
			last++;
		n = last + 1;
	}
	for (size_t i = 0; i < n; i++)
		if (sym[i].st_shndx != 0 && !strcmp(str + sym[i].st_name, name))
			return (void *)(uintptr_t)(bias + sym[i].st_value);
	return NULL;
}

typedef long (*gettime_fn)(clockid_t, struct timespec *);

static long long in_ns(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

TEST(image)
{
	const Elf64_Ehdr *eh = (const void *)getauxval(AT_SYSINFO_EHDR);

	if (!eh)
		SKIP("no vDSO");
	CHECK_MEM(eh->e_ident, ELFMAG, SELFMAG);
	CHECK_EQ(eh->e_ident[EI_CLASS], ELFCLASS64);
	CHECK_EQ(eh->e_type, ET_DYN);
	CHECK_EQ(eh->e_machine, EM_X86_64);
	CHECK_EQ((uintptr_t)eh % PAGE, 0);
}

TEST(exports)
{
	static const char *const names[] = {"__vdso_clock_gettime", "__vdso_gettimeofday",
					    "__vdso_time", "__vdso_getcpu",
					    "__vdso_clock_getres"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!lookup(names[i]))
			FAIL("%s is missing", names[i]);
	CHECK(lookup("no_such_function") == NULL);
}

/* Between two calls to the kernel lies what the vDSO says. */
TEST(clock_gettime_agrees)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME,
					   CLOCK_MONOTONIC,
					   CLOCK_MONOTONIC_RAW,
					   CLOCK_REALTIME_COARSE,
					   CLOCK_MONOTONIC_COARSE,
					   CLOCK_BOOTTIME,
					   CLOCK_TAI};
	gettime_fn fn = (gettime_fn)lookup("__vdso_clock_gettime");

	CHECK(fn != NULL);
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		for (int k = 0; k < 100; k++) {
			struct timespec a, b, c;

			CHECK_OK(syscall(SYS_clock_gettime, clocks[i], &a));
			CHECK_EQ(fn(clocks[i], &b), 0);
			CHECK_OK(syscall(SYS_clock_gettime, clocks[i], &c));
			if (in_ns(&a) > in_ns(&b) || in_ns(&b) > in_ns(&c))
				FAIL("clock %d: %lld, then %lld by vDSO, then %lld",
				     clocks[i], in_ns(&a), in_ns(&b), in_ns(&c));
		}
	}
}

/* What it cannot answer it asks the kernel: same results, same errors. */
TEST(fallback)
{
	gettime_fn fn = (gettime_fn)lookup("__vdso_clock_gettime");
	struct timespec ts;

	CHECK_EQ(fn(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	CHECK(in_ns(&ts) > 0);
	CHECK_EQ(fn(CLOCK_THREAD_CPUTIME_ID, &ts), 0);
	CHECK_EQ(fn(1000, &ts), -EINVAL);
}

TEST(monotonic_by_itself)
{
	gettime_fn fn = (gettime_fn)lookup("__vdso_clock_gettime");
	struct timespec ts;
	long long last = 0;

	for (int i = 0; i < 200000; i++) {
		CHECK_EQ(fn(CLOCK_MONOTONIC, &ts), 0);
		CHECK(in_ns(&ts) >= last);
		last = in_ns(&ts);
	}
}

static void *watch_clock(void *arg)
{
	gettime_fn fn = (gettime_fn)arg;
	static volatile long long shared_last;

	for (int i = 0; i < 20000; i++) {
		struct timespec ts;
		long long before = shared_last;

		fn(CLOCK_MONOTONIC, &ts);
		CHECK(in_ns(&ts) >= before); /* across processors too */
		shared_last = in_ns(&ts);
	}
	return NULL;
}

TEST(monotonic_across_threads)
{
	void *fn = lookup("__vdso_clock_gettime");
	pthread_t th[4];

	for (int i = 0; i < 4; i++)
		th[i] = thread_start(watch_clock, fn);
	for (int i = 0; i < 4; i++)
		thread_join(th[i]);
}

TEST(gettimeofday_and_time)
{
	long (*tod)(struct timeval *, void *) =
		(long (*)(struct timeval *, void *))lookup("__vdso_gettimeofday");
	long (*now)(time_t *) = (long (*)(time_t *))lookup("__vdso_time");
	struct timeval a, b;
	time_t t;

	CHECK_OK(syscall(SYS_gettimeofday, &a, NULL));
	CHECK_EQ(tod(&b, NULL), 0);
	long long us = (b.tv_sec - a.tv_sec) * 1000000LL + b.tv_usec - a.tv_usec;
	CHECK(us >= 0 && us < 1000000);
	long s = now(&t);
	CHECK_EQ(s, t);
	CHECK(s - a.tv_sec >= 0 && s - a.tv_sec <= 1);
	CHECK_EQ(tod(NULL, NULL), 0);
}

TEST(getcpu_and_getres)
{
	long (*cpu)(unsigned *, unsigned *, void *) =
		(long (*)(unsigned *, unsigned *, void *))lookup("__vdso_getcpu");
	gettime_fn res = (gettime_fn)lookup("__vdso_clock_getres");
	unsigned c = 9999, n = 9999;
	struct timespec ts, want;

	CHECK_EQ(cpu(&c, &n, NULL), 0);
	CHECK(c < 4096 && n < 1024);
	for (int clock = 0; clock <= CLOCK_BOOTTIME; clock++) {
		CHECK_OK(syscall(SYS_clock_getres, clock, &want));
		CHECK_EQ(res(clock, &ts), 0);
		CHECK_EQ(in_ns(&ts), in_ns(&want));
	}
}

/* maps names it, and its code cannot be written. */
TEST(in_maps)
{
	static char text[1 << 16];

	if (!getauxval(AT_SYSINFO_EHDR))
		SKIP("no vDSO");
	size_t n = read_file("/proc/self/maps", text, sizeof(text) - 1);
	text[n] = 0;
	char want[64];
	snprintf(want, sizeof(want), "%lx-", getauxval(AT_SYSINFO_EHDR));
	char *line = strstr(text, want);
	CHECK(line != NULL);
	*strchr(line, '\n') = 0;
	CHECK(strstr(line, " r-xp ") != NULL);
	CHECK(strstr(line, "[vdso]") != NULL);
}
