// SPDX-License-Identifier: Apache-2.0
/*
 * A platform that can do nothing, to be copied: `cp -r platform/skeleton platform/NAME`,
 * rename, fill in the slots until the unit tests of platforms pass, and add it to the
 * array in platform/platform.c. The contract of each slot stands in platform.h.
 *
 * In this order it works soonest: init, as_create, map_anon, copy_in, copy_out,
 * ctx_create, set_regs, switch_to, set_ret; then the rest of as_ops, then of ctx_ops.
 */
#include "platform/skeleton/skeleton.h"

#include <errno.h>

#include "sentry/base/alloc.h"
#include "sentry/base/host_rules.h"

struct skeleton_platform {
	struct platform base;
};

struct skeleton_space {
	struct addr_space base;
	/* immutable: what stands for the guest's memory */
};

struct skeleton_ctx {
	struct exec_ctx base;
	/* owner only: registers, what the thread waits for */
	/* atomic: is it running, has it been interrupted */
};

/* --- address spaces ------------------------------------------------------- */

static int skeleton_map_anon(struct addr_space *as, uaddr_t addr, uint64_t size,
			     unsigned prot, unsigned flags)
{
	(void)as, (void)addr, (void)size, (void)prot, (void)flags;
	return -ENOSYS;
}

static int skeleton_map_file(struct addr_space *as, uaddr_t addr, uint64_t size,
			     unsigned prot, unsigned flags, int hfd, uint64_t off,
			     uint64_t key)
{
	(void)as, (void)addr, (void)size, (void)prot, (void)flags, (void)hfd, (void)off;
	(void)key;
	return -ENOSYS;
}

static int skeleton_unmap(struct addr_space *as, uaddr_t addr, uint64_t size)
{
	(void)as, (void)addr, (void)size;
	return -ENOSYS;
}

static int skeleton_protect(struct addr_space *as, uaddr_t addr, uint64_t size,
			    unsigned prot)
{
	(void)as, (void)addr, (void)size, (void)prot;
	return -ENOSYS;
}

static int skeleton_move_pages(struct addr_space *as, uaddr_t old, uint64_t old_size,
			       uaddr_t new_addr, uint64_t new_size, bool keep_old)
{
	(void)as, (void)old, (void)old_size, (void)new_addr, (void)new_size,
		(void)keep_old;
	return -ENOSYS;
}

static int skeleton_advise(struct addr_space *as, uaddr_t addr, uint64_t size, int advice)
{
	(void)as, (void)addr, (void)size, (void)advice;
	return -ENOSYS;
}

static int skeleton_reset(struct addr_space *as)
{
	(void)as;
	return -ENOSYS;
}

static int skeleton_fork(struct addr_space *as, struct addr_space **out)
{
	(void)as;
	*out = NULL;
	return -ENOSYS;
}

static ssize_t skeleton_copy_in(struct addr_space *as, void *dst, uaddr_t src, size_t n)
{
	(void)as, (void)dst, (void)src, (void)n;
	return -ENOSYS;
}

static ssize_t skeleton_copy_out(struct addr_space *as, uaddr_t dst, const void *src,
				 size_t n)
{
	(void)as, (void)dst, (void)src, (void)n;
	return -ENOSYS;
}

static int skeleton_usage(struct addr_space *as, struct as_usage *out)
{
	(void)as;
	*out = (struct as_usage){0};
	return -EOPNOTSUPP;
}

static void skeleton_space_release(struct addr_space *as, struct as_usage *last)
{
	(void)last;
	mem_free(container_of(as, struct skeleton_space, base));
}

static const struct as_ops skeleton_as_ops = {
	.map_anon = skeleton_map_anon,
	.map_file = skeleton_map_file,
	.unmap = skeleton_unmap,
	.protect = skeleton_protect,
	.move = skeleton_move_pages,
	.advise = skeleton_advise,
	.reset = skeleton_reset,
	.fork = skeleton_fork,
	.copy_in = skeleton_copy_in,
	.copy_out = skeleton_copy_out,
	.usage = skeleton_usage,
	.release = skeleton_space_release,
	/* forget, mincore: NULL, they are optional */
};

/* --- contexts ------------------------------------------------------------- */

static int skeleton_switch_to(struct exec_ctx *ctx, struct exit_info *info)
{
	(void)ctx;
	*info = (struct exit_info){0};
	return EXIT_GONE;
}

static void skeleton_interrupt(struct exec_ctx *ctx)
{
	(void)ctx;
}

static int skeleton_get_regs(struct exec_ctx *ctx, struct lx_regs *regs)
{
	(void)ctx, (void)regs;
	return -ENOSYS;
}

static int skeleton_set_regs(struct exec_ctx *ctx, const struct lx_regs *regs)
{
	(void)ctx, (void)regs;
	return -ENOSYS;
}

static int skeleton_set_ret(struct exec_ctx *ctx, uint64_t value)
{
	(void)ctx, (void)value;
	return -ENOSYS;
}

static int skeleton_get_fpu(struct exec_ctx *ctx, void *xsave)
{
	(void)ctx, (void)xsave;
	return -ENOSYS;
}

static int skeleton_set_fpu(struct exec_ctx *ctx, const void *xsave)
{
	(void)ctx, (void)xsave;
	return -ENOSYS;
}

static int skeleton_reset_fpu(struct exec_ctx *ctx)
{
	(void)ctx;
	return -ENOSYS;
}

static int skeleton_set_fs_gs(struct exec_ctx *ctx, uint64_t fs_base, uint64_t gs_base)
{
	(void)ctx, (void)fs_base, (void)gs_base;
	return -ENOSYS;
}

static int skeleton_set_step(struct exec_ctx *ctx, bool on)
{
	(void)ctx, (void)on;
	return -ENOSYS;
}

static int skeleton_load32(struct exec_ctx *ctx, uaddr_t addr, uint32_t *value)
{
	(void)ctx, (void)addr, (void)value;
	return -ENOSYS;
}

static int skeleton_cmpxchg32(struct exec_ctx *ctx, uaddr_t addr, uint32_t expected,
			      uint32_t desired, uint32_t *old)
{
	(void)ctx, (void)addr, (void)expected, (void)desired, (void)old;
	return -ENOSYS;
}

static int skeleton_move(struct exec_ctx *ctx, struct addr_space *to)
{
	(void)ctx, (void)to;
	return -ENOSYS;
}

static int skeleton_set_affinity(struct exec_ctx *ctx, const void *cpuset, size_t size)
{
	(void)ctx, (void)cpuset, (void)size;
	return -ENOSYS;
}

static int64_t skeleton_cpu_time(struct exec_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static void skeleton_ctx_release(struct exec_ctx *ctx)
{
	as_put(ctx->as);
	mem_free(container_of(ctx, struct skeleton_ctx, base));
}

static const struct ctx_ops skeleton_ctx_ops = {
	.switch_to = skeleton_switch_to,
	.interrupt = skeleton_interrupt,
	.get_regs = skeleton_get_regs,
	.set_regs = skeleton_set_regs,
	.set_ret = skeleton_set_ret,
	.get_fpu = skeleton_get_fpu,
	.set_fpu = skeleton_set_fpu,
	.reset_fpu = skeleton_reset_fpu,
	.set_fs_gs = skeleton_set_fs_gs,
	.set_step = skeleton_set_step,
	.load32 = skeleton_load32,
	.cmpxchg32 = skeleton_cmpxchg32,
	.move = skeleton_move,
	.set_affinity = skeleton_set_affinity,
	.cpu_time = skeleton_cpu_time,
	.release = skeleton_ctx_release,
	/* fault_detail: NULL, all is known; carried_in, carry_out: NULL, nothing travels
	 */
};

/* --- the platform --------------------------------------------------------- */

static int skeleton_probe(const char **why)
{
	*why = "the skeleton runs nothing";
	return -ENOSYS;
}

static int skeleton_init(const struct platform_config *config, struct platform **out)
{
	struct skeleton_platform *p = mem_zalloc(sizeof(*p));

	(void)config;
	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->base.ops = &skeleton_platform_ops;
	p->base.limits = (struct platform_limits){.min_addr = 0x10000, .n_cpus = 1};
	*out = &p->base;
	return 0;
}

static int skeleton_as_create(struct platform *p, struct addr_space **out)
{
	struct skeleton_space *s = mem_zalloc(sizeof(*s));

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->base = (struct addr_space){.ops = &skeleton_as_ops, .platform = p};
	refcount_init(&s->base.ref);
	*out = &s->base;
	return 0;
}

static int skeleton_ctx_create(struct platform *p, struct addr_space *as,
			       struct exec_ctx **out)
{
	struct skeleton_ctx *c = mem_zalloc(sizeof(*c));

	(void)p;
	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->base = (struct exec_ctx){.ops = &skeleton_ctx_ops, .as = as_get(as)};
	*out = &c->base;
	return 0;
}

static void skeleton_shutdown(struct platform *p)
{
	mem_free(container_of(p, struct skeleton_platform, base));
}

static const struct host_rule rules[] = {
	{.nr = -1},
};

static const struct host_rules skeleton_host_rules = {"platform/skeleton", rules};

const struct platform_ops skeleton_platform_ops = {
	.name = "skeleton",
	.probe = skeleton_probe,
	.init = skeleton_init,
	.as_create = skeleton_as_create,
	.ctx_create = skeleton_ctx_create,
	.shutdown = skeleton_shutdown,
	.host_rules = &skeleton_host_rules,
};
