// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace platform/systrap sentry/base
// CFLAGS: -static-libgcc
/* What a stub holds and may do, and how it ends. No sanitizers: ptrace. */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "platform/stub/stub.h"
#include "tests/unit/platform_fixture.h"

CODE(reads, "mov 0x500000, %rax; mov %rax, %rdi; mov $1, %eax; syscall; hlt");

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
		cmocka_unit_test(test_stub_is_bare),
		cmocka_unit_test(test_spoilt_transfers),
		cmocka_unit_test(test_jump_into_the_stub),
		cmocka_unit_test(test_filter),
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
