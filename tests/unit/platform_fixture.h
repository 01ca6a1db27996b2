// SPDX-License-Identifier: Apache-2.0
/*
 * Guests for platform tests: small assembler blobs copied into a fresh address
 * space. CODE(name, "...") defines one; guest_start() maps code, stack and data and
 * makes a ctx that stands at its first instruction.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "platform/platform.h"
#include "sentry/abi/signal.h"

#define CODE(name, text)                                                                 \
	extern const char name[], name##_end[];                                          \
	__asm__(".pushsection .rodata\n" #name ":\n" text "\n" #name                     \
		"_end:\n.popsection\n")

#define CODE_AT	   0x400000ul
#define DATA_AT	   0x500000ul
#define DATA_SIZE  0x10000ul
#define STACK_AT   0x600000ul
#define STACK_SIZE 0x10000ul
#define RWX_R	   AS_PROT_READ
#define RWX_RW	   (AS_PROT_READ | AS_PROT_WRITE)
#define RWX_RX	   (AS_PROT_READ | AS_PROT_EXEC)

struct guest {
	struct addr_space *as;
	struct exec_ctx *ctx;
	struct exit_info info;
};

static struct platform *plat;

static inline int platform_setup(void **state)
{
	struct platform_config config = {
		.procfs = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.trap = getenv("TRAP")};
	const char *why;
	const char *name = getenv("PLATFORM");
	const struct platform_ops *ops = platform_lookup(name ? name : "ptrace", &why);

	(void)state;
	if (!ops)
		return -1;
	return ops->init(&config, &plat);
}

/* As the Sentry is when it runs guests: nobody may look into it. */
static inline int platform_setup_sealed(void **state)
{
	int r = platform_setup(state);

	return r ? r : prctl(PR_SET_DUMPABLE, 0);
}

static inline int platform_teardown(void **state)
{
	(void)state;
	plat->ops->shutdown(plat);
	return 0;
}

static inline int platform_run(int (*run)(void), const char *name, const char *trap)
{
	const pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		setenv("PLATFORM", name, 1);
		setenv("TRAP", trap, 1);
		exit(run());
	}
	waitpid(pid, &status, 0);
	return status != 0;
}

/*
 * @run, which is main() but for this, in a process for each platform, and for each way in
 * which guests trap; or $PLATFORM ($TRAP) alone.
 */
static inline int platform_each(int (*run)(void))
{
	const struct platform_ops *const *all = platform_all();
	int failed = 0;

	if (getenv("PLATFORM"))
		return run();
	for (; *all; all++)
		failed |= platform_run(run, (*all)->name, "auto");
	return failed | platform_run(run, "systrap", "seccomp");
}

static inline int n_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static inline struct addr_space *empty_space(void)
{
	struct addr_space *as;

	assert_int_equal(plat->ops->as_create(plat, &as), 0);
	return as;
}

static inline struct addr_space *space_with(const char *code, const char *end)
{
	struct addr_space *as = empty_space();

	assert_int_equal(as->ops->map_anon(as, CODE_AT, 0x10000, RWX_RW, 0), 0);
	assert_int_equal(as->ops->copy_out(as, CODE_AT, code, (size_t)(end - code)),
			 end - code);
	assert_int_equal(as->ops->protect(as, CODE_AT, 0x10000, RWX_RX), 0);
	assert_int_equal(as->ops->map_anon(as, DATA_AT, DATA_SIZE, RWX_RW, 0), 0);
	assert_int_equal(as->ops->map_anon(as, STACK_AT, STACK_SIZE, RWX_RW, 0), 0);
	return as;
}

static inline struct exec_ctx *ctx_at(struct addr_space *as, uaddr_t rip)
{
	struct exec_ctx *ctx;
	struct lx_regs regs;

	assert_int_equal(plat->ops->ctx_create(plat, as, &ctx), 0);
	assert_int_equal(ctx_get_regs(ctx, &regs), 0);
	regs.rip = rip;
	regs.rsp = STACK_AT + STACK_SIZE - 64;
	assert_int_equal(ctx_set_regs(ctx, &regs), 0);
	return ctx;
}

static inline void guest_start(struct guest *g, const char *code, const char *end)
{
	g->as = space_with(code, end);
	g->ctx = ctx_at(g->as, CODE_AT);
}
#define GUEST_START(g, name) guest_start(g, name, name##_end)

static inline void guest_end(struct guest *g)
{
	ctx_release(g->ctx);
	as_put(g->as);
}

static inline int guest_run(struct guest *g)
{
	return ctx_switch_to(g->ctx, &g->info);
}

/* Runs to the next system call, which must be number @nr. */
static inline void expect_call(struct guest *g, uint64_t nr)
{
	assert_int_equal(guest_run(g), EXIT_SYSCALL);
	assert_int_equal(g->ctx->sc.nr, nr);
}

static inline struct lx_regs regs_of(struct exec_ctx *ctx)
{
	struct lx_regs r;

	assert_int_equal(ctx_get_regs(ctx, &r), 0);
	return r;
}

static inline uint64_t peek(struct addr_space *as, uaddr_t addr)
{
	uint64_t v = 0;

	assert_int_equal(as->ops->copy_in(as, &v, addr, 8), 8);
	return v;
}

static inline void poke(struct addr_space *as, uaddr_t addr, uint64_t v)
{
	assert_int_equal(as->ops->copy_out(as, addr, &v, 8), 8);
}
