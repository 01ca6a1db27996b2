// SPDX-License-Identifier: Apache-2.0
/*
 * A guest thread under ptrace. States, all seen by the owning Sentry thread only:
 *
 *	stopped		between switch_to() calls; registers may be asked and set
 *	running		inside switch_to(): PTRACE_SYSEMU, then wait4()
 *	gone		the host thread died and is reaped
 */
#pragma once

#include <linux/ptrace.h>
#include <stdatomic.h>

#include "platform/stub/stub.h"

#define PTRACE_SYSCALL_STOP (SIGTRAP | 0x80) /* by PTRACE_O_TRACESYSGOOD */

struct ptrace_ctx {
	struct stub_ctx stub;
	void *xsave;	 /* host_xsave_size bytes, for saving and conversion */
	bool in_syscall; /* the number stands in orig_rax, rax is not answered yet */
};

static inline struct ptrace_ctx *ptrace_ctx_of(struct exec_ctx *ctx)
{
	return container_of(ctx, struct ptrace_ctx, stub.base);
}

/* thread.c: raw requests; PEEK results go to *@data, unlike in the libc's wrapper. */
int ptrace_req(int req, int htid, uint64_t addr, uint64_t data);
/* Its next stop, as a wait status. -ESRCH: it has died and is reaped now; sets gone. */
int ptrace_wait(struct ptrace_ctx *c, int *status);
/* A request failed with @r: if the thread is dying, reap it. Returns @r. */
int ptrace_failed(struct ptrace_ctx *c, int r);

/* regs.c */
int ptrace_regs_load(struct ptrace_ctx *c);  /* into c->stub.regs */
int ptrace_regs_flush(struct ptrace_ctx *c); /* from c->stub.regs, before it runs */
void ptrace_regs_fresh(struct ptrace_ctx *c);
int ptrace_get_regs(struct exec_ctx *ctx, struct lx_regs *regs);
int ptrace_set_regs(struct exec_ctx *ctx, const struct lx_regs *regs);
int ptrace_set_ret(struct exec_ctx *ctx, uint64_t value);
int ptrace_set_fs_gs(struct exec_ctx *ctx, uint64_t fs_base, uint64_t gs_base);

/* fpu.c */
int ptrace_get_fpu(struct exec_ctx *ctx, void *xsave);
int ptrace_set_fpu(struct exec_ctx *ctx, const void *xsave);
int ptrace_reset_fpu(struct exec_ctx *ctx);

/* fault.c: the rest of *f, whose signal the thread is about to get */
int ptrace_fault_detail(struct exec_ctx *ctx, struct exit_fault *f);

/* word.c */
int ptrace_load32(struct exec_ctx *ctx, uaddr_t addr, uint32_t *value);
int ptrace_cmpxchg32(struct exec_ctx *ctx, uaddr_t addr, uint32_t expected,
		     uint32_t desired, uint32_t *old);

/* rules.c */
extern const struct host_rules ptrace_host_rules;

/* run.c */
int ptrace_switch_to(struct exec_ctx *ctx, struct exit_info *info);

/* thread.c */
int ptrace_ctx_create(struct platform *p, struct addr_space *as, struct exec_ctx **out);
int ptrace_move(struct exec_ctx *ctx, struct addr_space *to);
void ptrace_release(struct exec_ctx *ctx);
