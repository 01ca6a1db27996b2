// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace platform/systrap sentry/base
// CFLAGS: -static-libgcc
/* Address spaces: mapping, copies, forks, files, batches. No sanitizers: ptrace. */
#include <elf.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "platform/stub/stub.h"
#include "sentry/base/alloc.h"
#include "tests/unit/platform_fixture.h"

/* Children of this process that exist, running or dead: just the template. */
static int n_children(void)
{
	char path[64], line[4096] = "";
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f))
		for (char *p = line; *p; p++)
			n += *p == ' ';
	if (f)
		fclose(f);
	return n;
}

static void test_copies(void **state)
{
	struct addr_space *as = empty_space();
	static uint8_t buf[1 << 20];
	const uaddr_t at = 0x10000000;

	(void)state;
	assert_int_equal(as->ops->map_anon(as, at, 1 << 20, RWX_RW, 0), 0);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(as->ops->copy_out(as, at, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(as->ops->unmap(as, at + 0x3000, 0x1000), 0);
	assert_int_equal(as->ops->copy_in(as, buf, at + 1, sizeof(buf) - 1), 0x2fff);
	assert_int_equal(as->ops->copy_out(as, at + 1, buf, sizeof(buf) - 1), 0x2fff);
	assert_int_equal(as->ops->copy_in(as, buf, at + 0x3000, 1), -EFAULT);
	assert_int_equal(as->ops->copy_in(as, buf, at + 0x2fff, 2), 1);
	assert_int_equal(as->ops->copy_in(as, buf, at, 0), 0);
	/* A hole far inside: 300 pages come first. */
	assert_int_equal(as->ops->map_anon(as, at, 0x200000, RWX_RW, 0), 0);
	assert_int_equal(as->ops->unmap(as, at + 0x90000, 0x1000), 0);
	assert_int_equal(as->ops->copy_in(as, buf, at, sizeof(buf)), 0x90000);
	/* Protections are obeyed. */
	assert_int_equal(as->ops->protect(as, at, 0x1000, RWX_R), 0);
	assert_int_equal(as->ops->copy_out(as, at, buf, 8), -EFAULT);
	assert_int_equal(as->ops->copy_in(as, buf, at, 8), 8);
	assert_int_equal(as->ops->protect(as, at, 0x1000, 0), 0);
	assert_int_equal(as->ops->copy_in(as, buf, at, 8), -EFAULT);
	/* Never beyond the guest's end, into our own pages. */
	assert_int_equal(as->ops->copy_in(as, buf, STUB_TEXT, 8), -EFAULT);
	assert_int_equal(as->ops->copy_in(as, buf, STUB_ORDER, 8), -EFAULT);
	assert_int_equal(as->ops->copy_out(as, STUB_SCRATCH, buf, 8), -EFAULT);
	assert_int_equal(as->ops->copy_in(as, buf, ~0ull, 8), -EFAULT);
	assert_int_equal(as->ops->map_anon(as, STUB_BASE - 0x1000, 0x1000, RWX_RW, 0), 0);
	assert_int_equal(as->ops->copy_in(as, buf, STUB_BASE - 0x1000, 0x2000), 0x1000);
	as_put(as);
}

/* What is put off is seen done by all that looks, and its errors come at the end. */
static void test_batch(void **state)
{
	struct addr_space *as = empty_space();
	uint64_t v = 7;

	(void)state;
	if (!as->ops->batch) {
		as_put(as);
		skip();
	}
	assert_int_equal(as->ops->batch(as, true), 0);
	for (uaddr_t at = 0x10000000; at < 0x10040000; at += 0x1000)
		assert_int_equal(as->ops->map_anon(as, at, 0x1000, RWX_RW, 0), 0);
	assert_int_equal(as->ops->unmap(as, 0x10001000, 0x1000), 0);
	poke(as, 0x10000000, 5);
	assert_int_equal(as->ops->copy_in(as, &v, 0x10001000, 8), -EFAULT);
	assert_int_equal(as->ops->batch(as, false), 0);
	assert_int_equal(peek(as, 0x10000000), 5);
	assert_int_equal(as->ops->batch(as, true), 0);
	assert_int_equal(as->ops->protect(as, 0x20000000, 0x1000, RWX_R), 0);
	assert_int_equal(as->ops->map_anon(as, 0x30000000, 0x1000, RWX_RW, 0), 0);
	assert_int_equal(as->ops->batch(as, false), -ENOMEM);
	assert_int_equal(as->ops->protect(as, 0x20000000, 0x1000, RWX_R), -ENOMEM);
	assert_int_equal(as->ops->batch(as, false), 0);
	as_put(as);
}

static void test_bad_ranges(void **state)
{
	struct addr_space *as = empty_space();

	(void)state;
	assert_int_equal(as->ops->map_anon(as, STUB_BASE, 0x1000, RWX_RW, 0), -EINVAL);
	assert_int_equal(as->ops->map_anon(as, STUB_BASE - 0x1000, 0x2000, RWX_RW, 0),
			 -EINVAL);
	assert_int_equal(as->ops->unmap(as, STUB_TEXT, 0x1000), -EINVAL);
	assert_int_equal(as->ops->unmap(as, 0x1000, ~0xfffull), -EINVAL);
	assert_int_equal(as->ops->protect(as, STUB_ORDER, 0x1000, RWX_RW), -EINVAL);
	assert_int_equal(as->ops->map_anon(as, 0x10000001, 0x1000, RWX_RW, 0), -EINVAL);
	assert_int_equal(as->ops->move(as, 0x10000000, 0x1000, STUB_TEXT, 0x1000, false),
			 -EINVAL);
	assert_int_equal(as->ops->protect(as, 0x10000000, 0x1000, RWX_R), -ENOMEM);
	as_put(as);
}

static void test_move_and_advise(void **state)
{
	struct addr_space *as = empty_space();

	(void)state;
	assert_int_equal(as->ops->map_anon(as, 0x10000000, 0x4000, RWX_RW, 0), 0);
	poke(as, 0x10001000, 7);
	assert_int_equal(as->ops->move(as, 0x10000000, 0x4000, 0x20000000, 0x8000, false),
			 0);
	assert_int_equal(peek(as, 0x20001000), 7);
	assert_int_equal(peek(as, 0x20007000), 0);
	assert_int_equal(as->ops->copy_in(as, &(uint64_t){0}, 0x10001000, 8), -EFAULT);
	assert_int_equal(as->ops->move(as, 0x20000000, 0x8000, 0x20000000, 0x2000, false),
			 0);
	assert_int_equal(as->ops->copy_in(as, &(uint64_t){0}, 0x20002000, 8), -EFAULT);
	assert_int_equal(as->ops->move(as, 0x20000000, 0x2000, 0x30000000, 0x2000, true),
			 0);
	assert_int_equal(peek(as, 0x30001000), 7);
	assert_int_equal(peek(as, 0x20001000), 0);
	assert_int_equal(as->ops->advise(as, 0x30000000, 0x2000, MADV_DONTNEED), 0);
	assert_int_equal(peek(as, 0x30001000), 0);
	assert_int_equal(as->ops->reset(as), 0);
	assert_int_equal(as->ops->copy_in(as, &(uint64_t){0}, 0x30001000, 8), -EFAULT);
	assert_int_equal(as->ops->map_anon(as, 0x10000000, 0x4000, RWX_RW, 0), 0);
	poke(as, 0x10001000, 8);
	as_put(as);
}

/* One memfd in two spaces; private copies; more files than the cache holds. */
static void test_files(void **state)
{
	struct addr_space *a = empty_space(), *b = empty_space(), *c;
	enum { N = STUB_CACHED_FDS * 2 + 3 };
	int hfd = memfd_create("shared", 0), many[N];

	(void)state;
	assert_int_equal(ftruncate(hfd, 0x10000), 0);
	assert_int_equal(a->ops->map_file(a, 0x10000000, 0x4000, RWX_RW, AS_MAP_SHARED,
					  hfd, 0x2000, 1),
			 0);
	assert_int_equal(b->ops->map_file(b, 0x20000000, 0x4000, RWX_RW, AS_MAP_SHARED,
					  hfd, 0x3000, 1),
			 0);
	poke(a, 0x10001008, 42);
	assert_int_equal(peek(b, 0x20000008), 42);
	assert_int_equal(
		a->ops->map_file(a, 0x30000000, 0x4000, RWX_RW, 0, hfd, 0x3000, 1), 0);
	poke(a, 0x30000008, 43);
	assert_int_equal(peek(b, 0x20000008), 42);
	assert_int_equal(a->ops->fork(a, &c), 0);
	poke(c, 0x30000008, 44);
	poke(c, 0x10001008, 45);
	assert_int_equal(peek(a, 0x30000008), 43);
	assert_int_equal(peek(b, 0x20000008), 45);
	for (unsigned i = 0; i < N; i++) {
		many[i] = memfd_create("many", 0);
		assert_int_equal(pwrite(many[i], &i, 4, 0), 4);
	}
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N; i++) {
			uaddr_t at = 0x40000000 + i * 0x1000ul;
			uint64_t key = i % 7 == 6 ? 0 : 100 + i; /* some are not cached */

			assert_int_equal(c->ops->map_file(c, at, 0x1000, RWX_R,
							  AS_MAP_SHARED, many[i], 0, key),
					 0);
			assert_int_equal((uint32_t)peek(c, at), i);
			if (i % 5 == 0)
				c->ops->forget(c, key);
		}
	}
	c->ops->forget(c, 9999);
	/* The child's cache came with the fork and is its own. */
	assert_int_equal(a->ops->map_file(a, 0x40000000, 0x1000, RWX_R, AS_MAP_SHARED,
					  many[9], 0, 109),
			 0);
	assert_int_equal((uint32_t)peek(a, 0x40000000), 9);
	/* Rights are the descriptor's. */
	close(hfd);
	hfd = open("/proc/self/exe", O_RDONLY);
	assert_int_equal(
		a->ops->map_file(a, 0x50000000, 0x1000, RWX_RW, AS_MAP_SHARED, hfd, 0, 2),
		-EACCES);
	assert_int_equal(a->ops->map_file(a, 0x50000000, 0x1000, RWX_RX, 0, hfd, 0, 2),
			 0);
	assert_int_equal((uint32_t)peek(a, 0x50000000), 0x464c457f);
	assert_int_equal(a->ops->map_file(a, 0x50000000, 0x1000, RWX_R, 0, -1, 0, 0),
			 -EBADF);
	assert_int_equal((uint32_t)peek(a, 0x40000000), 9);
	close(hfd);
	for (int i = 0; i < N; i++)
		close(many[i]);
	as_put(a);
	as_put(b);
	as_put(c);
}

CODE(reads, "mov 0x500000, %rax; mov %rax, %rdi; mov $1, %eax; syscall; hlt");

static void test_fork_cow(void **state)
{
	struct guest a, b;

	(void)state;
	GUEST_START(&a, reads);
	poke(a.as, DATA_AT, 111);
	assert_int_equal(a.as->ops->fork(a.as, &b.as), 0);
	b.ctx = ctx_at(b.as, CODE_AT);
	poke(a.as, DATA_AT, 222);
	expect_call(&b, 1);
	assert_int_equal(b.ctx->sc.args[0], 111);
	expect_call(&a, 1);
	assert_int_equal(a.ctx->sc.args[0], 222);
	guest_end(&a);
	assert_int_equal(peek(b.as, DATA_AT), 111);
	guest_end(&b);
}

static void test_no_leaks(void **state)
{
	struct addr_space *as = empty_space(), *chain[20];
	int fds = n_fds(), children;

	(void)state;
	assert_int_equal(as->ops->map_anon(as, 0x10000000, 0x100000, RWX_RW, 0), 0);
	children = n_children();
	for (uint64_t i = 0; i < 100; i++) {
		struct addr_space *child;

		assert_int_equal(as->ops->fork(as, &child), 0);
		poke(child, 0x10000000, i);
		assert_int_equal(peek(child, 0x10000000), i);
		as_put(child);
	}
	/* Grandchildren live on without their parents. */
	chain[0] = as;
	for (uint64_t i = 1; i < 20; i++) {
		poke(chain[i - 1], 0x10000000, i);
		assert_int_equal(chain[i - 1]->ops->fork(chain[i - 1], &chain[i]), 0);
		as_put(chain[i - 1]);
	}
	assert_int_equal(peek(chain[19], 0x10000000), 19);
	assert_int_equal(n_children(), children);
	as_put(chain[19]);
	assert_int_equal(n_children(), children - 1);
	assert_int_equal(n_fds(), fds);
}

static void test_usage(void **state)
{
	struct addr_space *as = empty_space();
	struct as_usage u, v;

	(void)state;
	assert_int_equal(as->ops->map_anon(as, 0x10000000, 0x400000, RWX_RW, 0), 0);
	assert_int_equal(as->ops->usage(as, &u), 0);
	for (uaddr_t at = 0x10000000; at < 0x10400000; at += 0x1000)
		poke(as, at, 1);
	assert_int_equal(as->ops->usage(as, &v), 0);
	assert_true(v.rss_anon >= u.rss_anon + 0x3c0000);
	assert_true(v.cpu_ns >= u.cpu_ns && v.cpu_ns > 0);
	as_put(as);
}

static void test_mincore(void **state)
{
	struct addr_space *as = empty_space();
	static uint8_t vec[5000];

	(void)state;
	assert_int_equal(as->ops->map_anon(as, 0x10000000, sizeof(vec) * 4096, RWX_RW, 0),
			 0);
	poke(as, 0x10000000, 1);
	poke(as, 0x10000000 + 4500 * 4096ul, 1);
	assert_int_equal(as->ops->mincore(as, 0x10000000, sizeof(vec) * 4096, vec), 0);
	for (unsigned i = 0; i < sizeof(vec); i++)
		assert_int_equal(vec[i] & 1, i == 0 || i == 4500);
	assert_int_equal(as->ops->unmap(as, 0x10002000, 0x1000), 0);
	assert_int_equal(as->ops->mincore(as, 0x10000000, 0x4000, vec), -ENOMEM);
	as_put(as);
}

/* Out of memory of our own at every point: an error, and nothing is left behind. */
static void test_allocation_failures(void **state)
{
	int fds = n_fds(), children = n_children(), failures = 0;

	(void)state;
	for (unsigned nth = 1; nth < 8; nth++) {
		struct addr_space *as = NULL, *child = NULL;
		struct exec_ctx *ctx = NULL;
		int r;

		mem_fail_after(nth);
		r = plat->ops->as_create(plat, &as);
		if (!r)
			r = plat->ops->ctx_create(plat, as, &ctx);
		if (!r)
			r = as->ops->fork(as, &child);
		mem_fail_after(0);
		assert_true(r == 0 || r == -ENOMEM);
		failures += r != 0;
		if (child)
			as_put(child);
		if (ctx)
			ctx_release(ctx);
		if (as)
			as_put(as);
	}
	assert_in_range(failures, 3, 6);
	assert_int_equal(n_children(), children);
	assert_int_equal(n_fds(), fds);
}

/* --- the host's vdso --------------------------------------------------------- */

/* __vdso_clock_gettime in our own image, as an offset. */
static uint64_t vdso_symbol(const char *name)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR), *strings = NULL;
	const Elf64_Ehdr *eh = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
	const Elf64_Sym *sym = NULL;

	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_DYNAMIC)
			continue;
		for (const Elf64_Dyn *d = (const void *)(base + ph[i].p_offset); d->d_tag;
		     d++) {
			if (d->d_tag == DT_STRTAB)
				strings = base + d->d_un.d_ptr;
			if (d->d_tag == DT_SYMTAB)
				sym = (const void *)(base + d->d_un.d_ptr);
		}
	}
	for (int i = 1; sym && strings && i < 64; i++)
		if (strcmp(strings + sym[i].st_name, name) == 0)
			return sym[i].st_value;
	return 0;
}

CODE(vdso, "mov $0, %edi; mov $0x500000, %esi; call *%rbx; mov %rax, %rdi; mov $1, %eax; "
	   "syscall");

static void test_vdso(void **state)
{
	struct guest g;
	struct lx_regs r;
	uint64_t off;
	int64_t now = time(NULL);

	(void)state;
	if (!plat->limits.host_vdso || !(off = vdso_symbol("__vdso_clock_gettime")))
		skip();
	GUEST_START(&g, vdso);
	r = regs_of(g.ctx);
	r.rbx = plat->limits.host_vdso + off;
	ctx_set_regs(g.ctx, &r);
	assert_int_equal(guest_run(&g), EXIT_SYSCALL);
	if (g.ctx->sc.nr == SYS_clock_gettime) { /* the clock source needs a call */
		guest_end(&g);
		skip();
	}
	assert_int_equal(g.ctx->sc.nr, 1);
	assert_int_equal(g.ctx->sc.args[0], 0);
	assert_in_range(peek(g.as, DATA_AT), now, now + 2);
	guest_end(&g);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_bad_ranges),
		cmocka_unit_test(test_move_and_advise),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_fork_cow),
		cmocka_unit_test(test_no_leaks),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_mincore),
		cmocka_unit_test(test_allocation_failures),
		cmocka_unit_test(test_vdso),
	};

	return cmocka_run_group_tests(tests, platform_setup, platform_teardown);
}

int main(void)
{
	return platform_each(run);
}
