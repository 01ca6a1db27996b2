// SPDX-License-Identifier: Apache-2.0
// LINK: platform platform/stub platform/ptrace sentry/base
/*
 * What the ptrace platform costs beside what the host asks for it, in one run, on
 * one CPU:
 *
 *	floor	 a bare tracer: PTRACE_SYSEMU, wait4, GET_SYSCALL_INFO, POKEUSER
 *	switch	 ctx_switch_to + ctx_set_ret; must stay within 1.25 x floor
 *	order	 map + unmap of 64 KB by the helper, a call each
 *	fork, thread, ...
 *
 * Prints nanoseconds (best and median of the rounds); exits 1 above the bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/platform.h"
#include "sentry/base/clock.h"
#include "sentry/base/host.h"

#define ROUNDS	11
#define CALLS	10000
#define CODE_AT 0x400000ul
#define BOUND	1.25

extern const char loop[], loop_end[];
__asm__(".pushsection .rodata\nloop: 1: mov $39, %eax\nsyscall\njmp "
	"1b\nloop_end:\n.popsection");

static void check(int64_t r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror((int)-r));
		exit(2);
	}
}

static long req(long request, pid_t pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double report(const char *name, double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	printf("%-8s best %8.0f ns, median %8.0f ns\n", name, v[0], v[ROUNDS / 2]);
	return v[0];
}

struct floor {
	pid_t pid;
};

static void floor_start(struct floor *f)
{
	int status;

	f->pid = fork();
	if (f->pid == 0) {
		raise(SIGSTOP);
		for (;;)
			syscall(SYS_getppid);
	}
	check(host_ret(req(PTRACE_SEIZE, f->pid, 0,
			   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)),
	      "seize");
	kill(f->pid, SIGCONT);
	req(PTRACE_INTERRUPT, f->pid, 0, 0);
	waitpid(f->pid, &status, __WALL);
}

static double floor_round(struct floor *f)
{
	int64_t t = clock_mono_ns();
	struct __ptrace_syscall_info si;
	int status;

	for (int i = 0; i < CALLS; i++) {
		do {
			check(host_ret(req(31 /* SYSEMU */, f->pid, 0, 0)), "sysemu");
			syscall(SYS_wait4, f->pid, &status, __WALL, NULL);
		} while (WSTOPSIG(status) != (SIGTRAP | 0x80));
		req(PTRACE_GET_SYSCALL_INFO, f->pid, sizeof(si), (unsigned long)&si);
		req(PTRACE_POKEUSER, f->pid, 80 /* rax */, 42);
	}
	return (double)(clock_mono_ns() - t) / CALLS;
}

static struct platform *plat;
static struct addr_space *as;
static struct exec_ctx *ctx;

static void guest_start(void)
{
	struct platform_config config = {.procfs = -1};
	struct lx_regs regs;
	const char *why;

	check(platform_lookup("ptrace", &why)->init(&config, &plat), "init");
	check(plat->ops->as_create(plat, &as), "as_create");
	check(as->ops->map_anon(as, CODE_AT, 4096,
				AS_PROT_READ | AS_PROT_WRITE | AS_PROT_EXEC, 0),
	      "map");
	check(as->ops->copy_out(as, CODE_AT, loop, (size_t)(loop_end - loop)), "copy");
	check(plat->ops->ctx_create(plat, as, &ctx), "ctx_create");
	check(ctx_get_regs(ctx, &regs), "regs");
	regs.rip = CODE_AT;
	check(ctx_set_regs(ctx, &regs), "regs");
}

static double switch_round(void)
{
	int64_t t = clock_mono_ns();
	struct exit_info info;

	for (int i = 0; i < CALLS; i++) {
		check(ctx_switch_to(ctx, &info) == EXIT_SYSCALL ? 0 : -EIO, "switch_to");
		check(ctx_set_ret(ctx, 42), "set_ret");
	}
	return (double)(clock_mono_ns() - t) / CALLS;
}

static double order_round(void)
{
	int64_t t = clock_mono_ns();

	for (int i = 0; i < CALLS / 10; i++) {
		check(as->ops->map_anon(as, 0x10000000, 65536, AS_PROT_READ, 0), "map");
		check(as->ops->unmap(as, 0x10000000, 65536), "unmap");
	}
	return (double)(clock_mono_ns() - t) / (CALLS / 5);
}

static double native_map_round(void)
{
	int64_t t = clock_mono_ns();

	for (int i = 0; i < CALLS / 10; i++)
		munmap(mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		       65536);
	return (double)(clock_mono_ns() - t) / (CALLS / 5);
}

static double fork_round(void)
{
	int64_t t = clock_mono_ns();

	for (int i = 0; i < 50; i++) {
		struct addr_space *child;

		check(as->ops->fork(as, &child), "fork");
		as_put(child);
	}
	return (double)(clock_mono_ns() - t) / 50;
}

static double thread_round(void)
{
	int64_t t = clock_mono_ns();

	const int cpu = sched_getcpu();

	for (int i = 0; i < 50; i++) {
		struct exec_ctx *other;

		check(plat->ops->ctx_create(plat, as, &other), "ctx_create");
		ctx_release(other);
		host_set_cpu(0, cpu); /* a Sentry thread has one ctx, else it is moved */
	}
	return (double)(clock_mono_ns() - t) / 50;
}

/* What a fork, exec and exit of a small static program ask of the platform. */
static double process_round(void)
{
	const int cpu = sched_getcpu();
	int64_t t = clock_mono_ns();

	for (int i = 0; i < 50; i++) {
		struct addr_space *child;
		struct exec_ctx *other;
		struct exit_info info;
		struct lx_regs regs;

		check(as->ops->fork(as, &child), "fork");
		check(plat->ops->ctx_create(plat, child, &other), "ctx_create");
		check(ctx_get_regs(other, &regs), "regs");
		regs.rip = CODE_AT;
		check(ctx_set_regs(other, &regs), "regs");
		check(ctx_switch_to(other, &info) == EXIT_SYSCALL ? 0 : -EIO,
		      "switch_to");
		check(child->ops->reset(child), "reset");
		for (unsigned k = 0; k < 5; k++)
			check(child->ops->map_anon(child, CODE_AT + k * 0x10000, 0x4000,
						   7, 0),
			      "map");
		check(child->ops->copy_out(child, CODE_AT, loop,
					   (size_t)(loop_end - loop)),
		      "copy");
		check(ctx_set_regs(other, &regs), "regs");
		check(ctx_switch_to(other, &info) == EXIT_SYSCALL ? 0 : -EIO,
		      "switch_to");
		ctx_release(other);
		as_put(child);
		host_set_cpu(0, cpu);
	}
	return (double)(clock_mono_ns() - t) / 50;
}

static double copy_round(void)
{
	int64_t t = clock_mono_ns();
	char buf[256];

	for (int i = 0; i < CALLS; i++)
		check(as->ops->copy_in(as, buf, CODE_AT, sizeof(buf)), "copy_in");
	return (double)(clock_mono_ns() - t) / CALLS;
}

/* The same fault again and again: a signal, its siginfo, and its frame. */
static double fault_round(bool detail)
{
	struct lx_regs regs, saved;
	struct exit_info info;
	int64_t t;

	check(ctx_get_regs(ctx, &saved), "regs");
	regs = saved;
	regs.rip = 0x12345678;
	check(ctx_set_regs(ctx, &regs), "regs");
	t = clock_mono_ns();
	for (int i = 0; i < CALLS / 10; i++) {
		check(ctx_switch_to(ctx, &info) == EXIT_FAULT ? 0 : -EIO, "fault");
		if (detail)
			check(ctx_fault_detail(ctx, &info.fault), "fault_detail");
	}
	t = clock_mono_ns() - t;
	check(ctx_set_regs(ctx, &saved), "regs");
	return (double)t / (CALLS / 10);
}

static double word_round(void)
{
	int64_t t = clock_mono_ns();
	uint32_t value;

	for (int i = 0; i < CALLS / 10; i++)
		check(ctx->ops->load32(ctx, CODE_AT, &value), "load32");
	return (double)(clock_mono_ns() - t) / (CALLS / 10);
}

int main(void)
{
	double v[11][ROUNDS], floor_ns, switch_ns;
	struct floor bare;

	guest_start();
	floor_start(&bare);
	host_set_cpu(bare.pid, sched_getcpu());
	for (int i = 0; i < ROUNDS; i++) {
		v[0][i] = floor_round(&bare);
		v[1][i] = switch_round();
		v[2][i] = order_round();
		v[3][i] = native_map_round();
		v[4][i] = fork_round();
		v[5][i] = thread_round();
		v[6][i] = copy_round();
		v[7][i] = fault_round(false);
		v[10][i] = fault_round(true);
		v[8][i] = word_round();
		v[9][i] = process_round();
	}
	kill(bare.pid, SIGKILL);
	floor_ns = report("floor", v[0]);
	switch_ns = report("switch", v[1]);
	report("order", v[2]);
	report("(native)", v[3]);
	report("fork", v[4]);
	report("thread", v[5]);
	report("copy 256", v[6]);
	report("fault", v[7]);
	report("detailed", v[10]);
	report("word", v[8]);
	report("process", v[9]);
	printf("switch / floor = %.2f, at most %.2f\n", switch_ns / floor_ns, BOUND);
	ctx_release(ctx);
	as_put(as);
	plat->ops->shutdown(plat);
	return switch_ns / floor_ns > BOUND;
}
