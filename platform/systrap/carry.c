// SPDX-License-Identifier: Apache-2.0
/*
 * What travels with a call. The guest thread has copied the call's small operands into its
 * context before the hand-over, and made sure that a buffer for results can be written;
 * results that fit there are left in the context for it to copy out before it runs on. On
 * hosts where each crossing is dear this saves one or two of them a call.
 *
 * The bytes are as guest memory is: other guest threads may change them at any time, so
 * each is copied once. Where they belong is not taken from the context but from the
 * call's arguments as the kernel has them.
 */
#include "platform/systrap/carry.h"

#include <string.h>
#include <sys/syscall.h>

#include "platform/systrap/internal.h"

#define SIZE(arg, size)	 ((arg) | CARRY_##size << 3)
#define BY(arg, n_arg)	 ((arg) | (CARRY_BY_ARG + (n_arg)) << 3)
#define BY8(arg, n_arg)	 ((arg) | (CARRY_BY_ARG + 8 + (n_arg)) << 3)
#define BY16(arg, n_arg) ((arg) | (CARRY_BY_ARG + 16 + (n_arg)) << 3)
#define PATH(arg)	 SIZE(arg, STRING)

/*
 * Two copies through the context or one across processes: equal at about 24 KB, if the guest
 * looks at what it gets.
 */
#define COPY_MAX 0x4000

struct carry {
	uint8_t in[2], out, known;
};

/* clang-format off */
static const struct carry table[CARRY_CALLS] = {
	[SYS_read]	      = {.out = BY(1, 2)},
	[SYS_pread64]	      = {.out = BY(1, 2)},
	[SYS_write]	      = {.in = {BY(1, 2)}},
	[SYS_pwrite64]	      = {.in = {BY(1, 2)}},
	[SYS_readv]	      = {.in = {BY16(1, 2)}},
	[SYS_writev]	      = {.in = {BY16(1, 2)}},
	[SYS_sendto]	      = {.in = {BY(1, 2)}},
	[SYS_recvfrom]	      = {.out = BY(1, 2)},
	[SYS_open]	      = {.in = {PATH(0)}},
	[SYS_openat]	      = {.in = {PATH(1)}},
	[SYS_stat]	      = {.in = {PATH(0)}, .out = SIZE(1, 144)},
	[SYS_lstat]	      = {.in = {PATH(0)}, .out = SIZE(1, 144)},
	[SYS_fstat]	      = {.out = SIZE(1, 144)},
	[SYS_newfstatat]      = {.in = {PATH(1)}, .out = SIZE(2, 144)},
	[SYS_statx]	      = {.in = {PATH(1)}, .out = SIZE(4, 256)},
	[SYS_access]	      = {.in = {PATH(0)}},
	[SYS_faccessat]	      = {.in = {PATH(1)}},
	[SYS_faccessat2]      = {.in = {PATH(1)}},
	[SYS_readlink]	      = {.in = {PATH(0)}, .out = BY(1, 2)},
	[SYS_readlinkat]      = {.in = {PATH(1)}, .out = BY(2, 3)},
	[SYS_chdir]	      = {.in = {PATH(0)}},
	[SYS_mkdir]	      = {.in = {PATH(0)}},
	[SYS_mkdirat]	      = {.in = {PATH(1)}},
	[SYS_rmdir]	      = {.in = {PATH(0)}},
	[SYS_unlink]	      = {.in = {PATH(0)}},
	[SYS_unlinkat]	      = {.in = {PATH(1)}},
	[SYS_rename]	      = {.in = {PATH(0), PATH(1)}},
	[SYS_renameat]	      = {.in = {PATH(1), PATH(3)}},
	[SYS_renameat2]	      = {.in = {PATH(1), PATH(3)}},
	[SYS_link]	      = {.in = {PATH(0), PATH(1)}},
	[SYS_linkat]	      = {.in = {PATH(1), PATH(3)}},
	[SYS_symlink]	      = {.in = {PATH(0), PATH(1)}},
	[SYS_symlinkat]	      = {.in = {PATH(0), PATH(2)}},
	[SYS_chmod]	      = {.in = {PATH(0)}},
	[SYS_fchmodat]	      = {.in = {PATH(1)}},
	[SYS_fchownat]	      = {.in = {PATH(1)}},
	[SYS_utimensat]	      = {.in = {PATH(1), SIZE(2, 32)}},
	[SYS_execve]	      = {.in = {PATH(0)}, .known = CARRY_CLOCK},
	[SYS_execveat]	      = {.known = CARRY_CLOCK},
	[SYS_getdents64]      = {.out = BY(1, 2)},
	[SYS_getcwd]	      = {.out = BY(0, 1)},
	[SYS_getrandom]	      = {.out = BY(0, 1)},
	[SYS_rt_sigreturn]    = {.in = {CARRY_STACK}},
	[SYS_futex]	      = {.in = {SIZE(0, 4)}},
	[SYS_poll]	      = {.in = {BY8(0, 1)}, .out = BY8(0, 1)},
	[SYS_ppoll]	      = {.in = {BY8(0, 1), SIZE(2, 16)}, .out = BY8(0, 1)},
	[SYS_epoll_ctl]	      = {.in = {SIZE(3, 16)}},
	[SYS_epoll_wait]      = {.out = BY16(1, 2)},
	[SYS_epoll_pwait]     = {.out = BY16(1, 2)},
	[SYS_pipe]	      = {.out = SIZE(0, 8)},
	[SYS_pipe2]	      = {.out = SIZE(0, 8)},
	[SYS_socketpair]      = {.out = SIZE(3, 8)},
	[SYS_clock_gettime]   = {.out = SIZE(1, 16)},
	[SYS_gettimeofday]    = {.out = SIZE(0, 16)},
	[SYS_clock_nanosleep] = {.in = {SIZE(2, 16)}},
	[SYS_nanosleep]	      = {.in = {SIZE(0, 16)}},
	[SYS_rt_sigaction]    = {.in = {SIZE(1, 32)}, .out = SIZE(2, 32)},
	[SYS_rt_sigprocmask]  = {.in = {SIZE(1, 8)}, .out = SIZE(2, 8), .known = CARRY_MASK},
	[SYS_prlimit64]	      = {.in = {SIZE(2, 16)}, .out = SIZE(3, 16)},
	[SYS_getrlimit]	      = {.out = SIZE(1, 16)},
	[SYS_getrusage]	      = {.out = SIZE(1, 144)},
	[SYS_timerfd_settime] = {.in = {SIZE(2, 32)}, .out = SIZE(3, 32)},
	[SYS_kill]	      = {.known = CARRY_FPU},
	[SYS_tkill]	      = {.known = CARRY_FPU},
	[SYS_tgkill]	      = {.known = CARRY_FPU},
	[SYS_getpid]	      = {.known = 1},
	[SYS_gettid]	      = {.known = 2},
	[SYS_getuid]	      = {.known = 3},
	[SYS_geteuid]	      = {.known = 4},
	[SYS_getgid]	      = {.known = 5},
	[SYS_getegid]	      = {.known = CTX_KNOWN_N},
	[SYS_setitimer]	      = {.in = {SIZE(1, 32)}, .out = SIZE(2, 32)},
};
/* clang-format on */

extern const char systrap_text[];

void systrap_text_init(char *text)
{
	_Static_assert(sizeof(table) == STUB_GUEST_TEXT_SIZE - CARRY_TABLE,
		       "the table's place");
	memcpy(text, systrap_text, CARRY_TABLE);
	memcpy(text + CARRY_TABLE, table, sizeof(table));
}

static uint64_t size_of(const struct ctx_syscall *sc, uint8_t what)
{
	static const uint16_t sizes[] = {0, CARRY_SIZES};
	static const uint8_t shift[] = {0, 3, 4};
	const unsigned how = what >> 3;

	if (how < CARRY_BY_ARG)
		return sizes[how];
	return sc->args[how & 7] << shift[how / 8 - 1];
}

/* What the guest thread says that it copied or probed, as far as it can be true. */
static struct systrap_span span_of(const struct systrap_ctx *c, uint8_t what,
				   uint32_t max, uint32_t told)
{
	const struct ctx_syscall *sc = &c->stub.base.sc;
	uint64_t most;

	if (!what)
		return (struct systrap_span){0};
	if (what == CARRY_STACK)
		return (struct systrap_span){sc->rsp, min_t(uint32_t, told, max)};
	most = min_t(uint64_t, size_of(sc, what), max);
	return (struct systrap_span){sc->args[what & 7],
				     (uint32_t)min_t(uint64_t, told, most)};
}

void systrap_carry_begin(struct systrap_ctx *c)
{
	const volatile struct stub_context *ctx = c->slot->ctx;
	const struct ctx_syscall *sc = &c->stub.base.sc;
	const struct carry *carry;

	if (sc->nr >= CARRY_CALLS)
		return;
	carry = &table[sc->nr];
	c->n_taken = atomic_load(&c->stub.space->n_taken);
	c->in[0] = span_of(c, carry->in[0], CARRY_IN_MAX, ctx->in_size[0]);
	c->in[1] = span_of(c, carry->in[1], CARRY_IN_MAX, ctx->in_size[1]);
	c->out = span_of(c, carry->out, CARRY_OUT_MAX, ctx->out_size);
	c->large = carry->out && size_of(sc, carry->out) > CARRY_IN_MAX;
}

/*
 * To look whether a page can be written makes it: a large buffer of which little is used would
 * cost more memory and time than it saves. So as much is looked at as the last one had use for.
 */
static void look_at_as_much(struct systrap_ctx *c)
{
	if (c->large && c->wanted)
		c->slot->ctx->out_limit =
			c->wanted <= CARRY_IN_MAX
				? CARRY_IN_MAX
				: min_t(uint32_t, 2 * c->wanted, CARRY_OUT_MAX);
	c->large = false;
	c->wanted = 0;
}

void systrap_carry_end(struct systrap_ctx *c)
{
	struct stub_context *ctx = c->slot->ctx;

	look_at_as_much(c);
	ctx->put_addr = c->out.addr;
	ctx->put_size = c->sent_size = c->put_size;
	c->in[0].size = c->in[1].size = c->out.size = c->put_size = 0;
}

void systrap_carry_again(struct systrap_ctx *c)
{
	c->out.size = c->put_size = c->sent_size;
}

void systrap_undelivered(const struct systrap_ctx *c, struct exit_info *info)
{
	info->undelivered.data = (const char *)c->slot->ctx + CTX_OUT;
	info->undelivered.to = c->out.addr;
	info->undelivered.n = c->sent_size;
}

const void *systrap_carried_in(struct exec_ctx *ctx, uaddr_t addr, size_t *n)
{
	static const unsigned at[] = {CTX_IN0, CTX_IN1};
	const struct systrap_ctx *c = systrap_ctx_of(ctx);

	/* Results that are still to go out, which a log shows, are newer. */
	if (addr - c->out.addr < c->put_size) {
		*n = c->put_size - (addr - c->out.addr);
		return (const char *)c->slot->ctx + CTX_OUT + (addr - c->out.addr);
	}
	for (int i = 0; i < 2; i++) {
		const uint64_t off = addr - c->in[i].addr;

		if (off >= c->in[i].size)
			continue;
		*n = c->in[i].size - off;
		return (const char *)c->slot->ctx + at[i] + off;
	}
	return NULL;
}

/*
 * In pieces, from the start of the buffer on. A call may have waited for long: what was
 * writable when it came must not have gone, for it could not tell then how far it got.
 */
void *systrap_carry_room(struct exec_ctx *ctx, uaddr_t addr, size_t *n)
{
	const struct systrap_ctx *c = systrap_ctx_of(ctx);
	const uint64_t off = addr - c->out.addr;

	if (off > c->put_size || off >= c->out.size ||
	    c->n_taken != atomic_load(&c->stub.space->n_taken))
		return NULL;
	*n = min_t(size_t, *n, c->out.size - off);
	return (char *)c->slot->ctx + CTX_OUT + off;
}

bool systrap_carry_out(struct exec_ctx *ctx, uaddr_t addr, const void *src, size_t n)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);
	const uint64_t off = addr - c->out.addr;
	size_t room = n;
	void *to = systrap_carry_room(ctx, addr, &room);

	if (off <= c->put_size)
		c->wanted = (uint32_t)min_t(uint64_t, off + n, CARRY_OUT_MAX);
	if (!to || room < n || (to != src && n > COPY_MAX))
		return false;
	if (to != src)
		memcpy(to, src, n);
	c->put_size = max_t(uint32_t, c->put_size, (uint32_t)(off + n));
	return true;
}

bool systrap_carry_blind(struct exec_ctx *ctx, uaddr_t addr, const void *src, size_t n)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);

	if (c->put_size || n > COPY_MAX)
		return false;
	c->out = (struct systrap_span){addr, (uint32_t)n};
	c->n_taken = atomic_load(&c->stub.space->n_taken);
	return systrap_carry_out(ctx, addr, src, n);
}

/* --- answers ------------------------------------------------------------------ */

static int64_t *known(const struct systrap_ctx *c)
{
	return (int64_t *)((char *)c->slot->ctx + CTX_KNOWN);
}

void systrap_know(struct exec_ctx *ctx, uint64_t value)
{
	struct systrap_ctx *c = systrap_ctx_of(ctx);
	const uint64_t nr = c->stub.base.sc.nr;

	if (nr < CARRY_CALLS && table[nr].known && table[nr].known <= CTX_KNOWN_N)
		known(c)[table[nr].known - 1] = (int64_t)value;
}

void systrap_forget(struct exec_ctx *ctx)
{
	memset(known(systrap_ctx_of(ctx)), 0xff, CTX_KNOWN_N * sizeof(int64_t));
}

/* Who takes it sets CTX_MASK_ASK, and gets what the guest thread did until then. */
static atomic_ullong *mask_of(struct exec_ctx *ctx)
{
	return (atomic_ullong *)((char *)systrap_ctx_of(ctx)->slot->ctx + CTX_MASK);
}

bool systrap_lend_mask(struct exec_ctx *ctx, uint64_t mask, bool always)
{
	if (!always && !systrap_ctx_of(ctx)->fast)
		return false;
	atomic_store(mask_of(ctx), mask & ~(uint64_t)CTX_MASK_ASK);
	return true;
}

uint64_t systrap_take_mask(struct exec_ctx *ctx, bool keep)
{
	return keep ? atomic_load(mask_of(ctx))
		    : atomic_fetch_or(mask_of(ctx), CTX_MASK_ASK);
}
