// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace platform/systrap sentry/base
// CFLAGS: -static-libgcc
/* Address spaces: mapping, copies, forks, files,
 * what a stub keeps. No sanitizers: ptrace. */
#include <dirent.h>
#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "platform/stub/stub.h"
#include "sentry/base/alloc.h"
#include "tests/unit/platform_fixture.h"

static int n_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

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

static struct addr_space *empty_space(void)
{
	struct addr_space *as;

	assert_int_equal(plat->ops->as_create(plat, &as), 0);
	return as;
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

/* Nothing of ours is in a guest process, and nothing of it can be written by guests. */
static void test_stub_is_bare(void **state)
{
	struct addr_space *as = empty_space();
	int hpid = stub_space_of(as)->hpid, n = 0, maps = 0;
	char path[320], line[512], target[256], perms[8], name[128];
	uint64_t from, to;
	struct dirent *e;
	ssize_t len;
	FILE *f;
	DIR *d;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/maps", hpid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		name[0] = 0;
		sscanf(line, "%lx-%lx %7s %*s %*s %*s %127s", &from, &to, perms, name);
		if (!strcmp(name, "[vsyscall]"))
			continue;
		assert_true(from >= STUB_BASE);
		assert_false(perms[1] == 'w' && perms[2] == 'x');
		if (perms[1] == 'w')
			assert_true(from == STUB_SCRATCH &&
				    to == STUB_FRAME + STUB_FRAME_SIZE);
		maps++;
	}
	fclose(f);
	assert_in_range(maps, 3, 8);
	snprintf(path, sizeof(path), "/proc/%d/fd", hpid);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", hpid, e->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		assert_true(len > 0);
		target[len] = 0;
		assert_non_null(strstr(target, atoi(e->d_name) == STUB_FD_PAGES
						       ? "stub-orders"
						       : "socket:"));
		n++;
	}
	closedir(d);
	assert_int_equal(n, 2);
	as_put(as);
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

/* --- hostile guests --------------------------------------------------------- */

/* Overwrites the scratch page for ever, with what it finds at DATA_AT. */
CODE(spoiler, "mov $39, %eax; syscall\n"
	      "1: mov $0x7ffff8020000, %rdi; mov $0x500000, %esi; mov $512, %ecx; rep "
	      "movsq; jmp 1b");

static void *run_guest(void *arg)
{
	struct exit_info info;
	struct exec_ctx *ctx = ctx_at(arg, CODE_AT);
	int r;

	while ((r = ctx_switch_to(ctx, &info)) == EXIT_SYSCALL)
		ctx_set_ret(ctx, 0);
	ctx_release(ctx);
	return (void *)(intptr_t)r;
}

/* The caller and the helper that follows it then run at the same time as the guest. */
static void leave_cpu_of(pthread_t thread)
{
	cpu_set_t theirs, mine;

	pthread_getaffinity_np(thread, sizeof(theirs), &theirs);
	CPU_ZERO(&mine);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (!CPU_ISSET(i, &theirs))
			CPU_SET(i, &mine);
	sched_setaffinity(0, sizeof(mine), &mine);
}

/*
 * A guest that spoils what the helper receives gets the right file or is killed; it
 * never gets another file than the one meant, and others do not notice.
 */
static void test_spoilt_transfers(void **state)
{
	static const uint64_t fills[] = {0, ~0ull, 1, STUB_SCRATCH + 64, 0x500000};
	struct addr_space *other = empty_space();
	int fds = n_fds(), hfd[40], killed = 0;

	(void)state;
	for (uint64_t i = 0; i < ARRAY_SIZE(hfd); i++) {
		hfd[i] = memfd_create("file", 0);
		assert_int_equal(pwrite(hfd[i], &i, 8, 0), 8);
	}
	for (size_t f = 0; f < ARRAY_SIZE(fills); f++) {
		struct addr_space *as = space_with(spoiler, spoiler_end);
		pthread_t thread;
		int64_t r = 0;

		for (uaddr_t at = DATA_AT; at < DATA_AT + 4096; at += 8)
			poke(as, at, fills[f]);
		pthread_create(&thread, NULL, run_guest, as);
		usleep(5000);
		leave_cpu_of(thread);
		for (uint64_t i = 0; i < 200 && !r; i++) {
			const uint64_t n = i % ARRAY_SIZE(hfd);
			uint64_t v = 99;

			r = as->ops->map_file(as, 0x10000000, 0x1000, RWX_R,
					      AS_MAP_SHARED, hfd[n], 0, n + 1);
			if (!r && as->ops->copy_in(as, &v, 0x10000000, 8) == 8)
				assert_int_equal(v, n);
			assert_int_equal(other->ops->map_file(other, 0x10000000, 0x1000,
							      RWX_R, AS_MAP_SHARED,
							      hfd[n], 0, n + 1),
					 0);
			assert_int_equal(peek(other, 0x10000000), n);
		}
		assert_true(r == 0 || r == -ESRCH);
		killed += r == -ESRCH;
		kill(stub_space_of(as)->hpid, SIGKILL);
		pthread_join(thread, NULL);
		as_put(as);
	}
	print_message("%d of %zu spoilers were killed\n", killed, ARRAY_SIZE(fills));
	for (size_t i = 0; i < ARRAY_SIZE(hfd); i++)
		close(hfd[i]);
	assert_int_equal(n_fds(), fds);
	as_put(other);
}

/* The stub's own system call instructions are calls like any other. */
CODE(jumper, "mov $0x7ffff8000000, %rbx; add %rdi, %rbx; mov $9, %eax; jmp *%rbx");

static void test_jump_into_the_stub(void **state)
{
	struct guest g;
	uint8_t text[STUB_TEXT_SIZE];
	struct iovec here = {text, sizeof(text)},
		     there = {(void *)STUB_TEXT, sizeof(text)};
	struct lx_regs r;
	int n = 0;

	(void)state;
	GUEST_START(&g, jumper);
	assert_int_equal(
		process_vm_readv(stub_space_of(g.as)->hpid, &here, 1, &there, 1, 0),
		sizeof(text));
	for (unsigned i = 0; i + 1 < sizeof(text); i++) {
		if (text[i] != 0x0f || text[i + 1] != 0x05)
			continue;
		r = regs_of(g.ctx);
		r.rdi = i;
		r.rip = CODE_AT;
		ctx_set_regs(g.ctx, &r);
		expect_call(&g, 9);
		assert_int_equal(g.ctx->sc.rip, STUB_TEXT + i + 2);
		n++;
	}
	assert_true(n > 10);
	guest_end(&g);
}

/* Even the helper may do no more than its orders need: anything else is death. */
static void test_filter(void **state)
{
	static const struct stub_op forbidden[] = {
		{SYS_getpid, {0}, 0},
		{SYS_openat, {0}, 0},
		{SYS_ptrace, {0}, 0},
		{SYS_execve, {0}, 0},
		{SYS_munmap, {STUB_TEXT, 0x1000}, 0},
		{SYS_mprotect, {STUB_ORDER, 0x1000, PROT_READ | PROT_WRITE}, 0},
		{SYS_mmap,
		 {0x10000000, 0x1000, 3, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull, 0},
		 0},
		{SYS_mmap,
		 {STUB_ORDER, 0x1000, 3, MAP_SHARED | MAP_FIXED, STUB_FD_PAGES, 0},
		 0},
		{SYS_mremap, {0x10000000, 0x1000, 0x1000, 3, STUB_TEXT}, 0},
		{SYS_clone, {0}, 0},
		{SYS_clone, {STUB_CLONE_PROCESS | CLONE_VM}, 0},
		{SYS_fcntl, {STUB_FD_SOCKET, F_SETFL, 0}, 0},
		{SYS_recvmsg, {2, 0, 0}, 0},
		{SYS_prctl, {PR_SET_DUMPABLE, 0}, 0},
		{SYS_pwrite64, {STUB_FD_PAGES, STUB_TEXT, 8, 0}, 0},
		{SYS_pwrite64, {STUB_FD_SOCKET, STUB_TEXT, 4, 0}, 0},
		{SYS_getpid | 0x40000000, {0}, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		const uint64_t *a = forbidden[i].args;
		struct addr_space *as = empty_space();
		struct stub_space *s = stub_space_of(as);
		int r;

		assert_int_equal(as->ops->map_anon(as, 0x10000000, 0x1000, RWX_RW, 0), 0);
		mutex_lock(&s->lock);
		stub_order_add(s, (long)forbidden[i].nr, a[0], a[1], a[2], a[3], a[4],
			       a[5]);
		r = stub_order_run(s, NULL);
		mutex_unlock(&s->lock);
		if (r != -ESRCH)
			fail_msg("forbidden call %zu returned %d", i, r);
		as_put(as);
	}
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

/* --- death ------------------------------------------------------------------ */

CODE(spin, "1: jmp 1b");

static void *kill_later(void *arg)
{
	usleep(50000);
	kill((int)(intptr_t)arg, SIGKILL);
	return NULL;
}

static void test_killed_from_outside(void **state)
{
	struct guest g;
	pthread_t thread;
	struct lx_regs r;
	struct addr_space *child;

	(void)state;
	GUEST_START(&g, spin);
	pthread_create(&thread, NULL, kill_later,
		       (void *)(intptr_t)stub_space_of(g.as)->hpid);
	assert_int_equal(guest_run(&g), EXIT_GONE);
	pthread_join(thread, NULL);
	assert_int_equal(guest_run(&g), EXIT_GONE);
	assert_int_equal(ctx_get_regs(g.ctx, &r), -ESRCH);
	assert_int_equal(ctx_set_ret(g.ctx, 0), -ESRCH);
	assert_int_equal(g.as->ops->map_anon(g.as, 0x10000000, 0x1000, RWX_RW, 0),
			 -ESRCH);
	assert_int_equal(g.as->ops->fork(g.as, &child), -ESRCH);
	assert_int_equal(g.as->ops->copy_in(g.as, &r, DATA_AT, 8), -ESRCH);
	ctx_interrupt(g.ctx);
	guest_end(&g);

	/* Stopped, not running, when it is killed. */
	GUEST_START(&g, reads);
	kill(stub_space_of(g.as)->hpid, SIGKILL);
	usleep(10000);
	assert_int_equal(guest_run(&g), EXIT_GONE);
	guest_end(&g);

	GUEST_START(&g, reads);
	kill(stub_space_of(g.as)->hpid, SIGKILL);
	assert_int_equal(g.as->ops->unmap(g.as, 0x10000000, 0x1000), -ESRCH);
	guest_end(&g);
}

/* Signals from outside reach no one: reported, swallowed. */
static void test_stray_signal(void **state)
{
	struct guest g;

	(void)state;
	GUEST_START(&g, reads);
	kill(stub_space_of(g.as)->hpid, SIGTERM);
	if (guest_run(&g) == EXIT_SIGNAL) {
		assert_int_equal(g.info.signo, SIGTERM);
		guest_run(&g);
	}
	assert_int_equal(g.ctx->sc.nr, 1);
	guest_end(&g);
}

static void test_sentry_killed(void **state)
{
	int report[2], pid, hpid[2];

	(void)state;
	assert_int_equal(pipe(report), 0);
	pid = fork();
	if (pid == 0) {
		struct guest g;

		platform_setup(NULL);
		GUEST_START(&g, spin);
		hpid[0] = stub_space_of(g.as)->hpid;
		hpid[1] = stub_space_of(g.as)->host->template->hpid;
		if (write(report[1], hpid, sizeof(hpid)) == sizeof(hpid))
			guest_run(&g);
		_exit(0);
	}
	assert_int_equal(read(report[0], hpid, sizeof(hpid)), sizeof(hpid));
	usleep(50000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 2; i++) {
		int tries = 0;

		/* Init may be slow to reap: a zombie is dead too. */
		for (; tries < 200; tries++) {
			char path[64], stat[256] = "";
			FILE *f;

			snprintf(path, sizeof(path), "/proc/%d/stat", hpid[i]);
			f = fopen(path, "r");
			if (!f || !fgets(stat, sizeof(stat), f) || strstr(stat, ") Z") ||
			    strstr(stat, ") X")) {
				if (f)
					fclose(f);
				break;
			}
			fclose(f);
			usleep(10000);
		}
		assert_true(tries < 200);
	}
	close(report[0]);
	close(report[1]);
}

/*
 * Without randomisation our own stack and vdso stand where the stub area goes, which
 * else is so in one start of 128.
 */
static void test_stack_in_the_way(void **state)
{
	int status, pid = fork();

	(void)state;
	if (pid == 0) {
		personality(ADDR_NO_RANDOMIZE);
		execl("/proc/self/exe", "test", "init", (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int init_only(void)
{
	struct addr_space *as;

	if (platform_setup(NULL) || plat->ops->as_create(plat, &as))
		return 1;
	as_put(as);
	return platform_teardown(NULL);
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
		cmocka_unit_test(test_stub_is_bare),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_mincore),
		cmocka_unit_test(test_spoilt_transfers),
		cmocka_unit_test(test_jump_into_the_stub),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_allocation_failures),
		cmocka_unit_test(test_vdso),
		cmocka_unit_test(test_killed_from_outside),
		cmocka_unit_test(test_stray_signal),
		cmocka_unit_test(test_sentry_killed),
		cmocka_unit_test(test_stack_in_the_way),
	};
	return cmocka_run_group_tests(tests, platform_setup, platform_teardown);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "init") == 0)
		return init_only();
	return platform_each(run);
}
