// SPDX-License-Identifier: Apache-2.0
/*
 * What a stub may ask of the host. Calls of guest code never get here: they stop before
 * the filter, by SYSEMU under ptrace, by syscall user dispatch under systrap. It holds to
 * the tables below, which are compiled to BPF once, what runs of ours in a guest process:
 * the helper, from STUB_TEXT, to what its orders need, and guest threads, which can jump
 * to STUB_GUEST_TEXT with any registers, to what hands over to the Sentry. Everything else
 * kills the process.
 *
 * Under systrap without user dispatch, calls of guest code do get here, and trap. Then each
 * guest thread puts a second filter before this one (stub.S), for which the helper's text
 * is guest code, too; the sterner of both answers counts. So this one traps what is not
 * the helper's, instead of killing: that kills the helper, which has SIGSYS blocked.
 *
 * The vsyscall page, which the host emulates, passes through seccomp too.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "platform/stub/stub.h"
#include "sentry/base/host.h"
#include "sentry/base/host_rules.h"

/* clang-format off */
#define GUEST(i)   {(i), HOST_LE, STUB_BASE - 1, 0}
#define IS(i, v)   {(i), HOST_EQ, (v), 0}
#define BITS(i, v) {(i), HOST_MASKED_EQ, (v), (v)}
/* Nothing in it reaches STUB_BASE, as the sum of two arguments cannot be checked. */
#define CALL_RANGE {0, HOST_LE, STUB_CALL_LAST, 0}, {1, HOST_LE, STUB_CALL_SIZE, 0}
#define RULE(call, args, why, ...) {SYS_##call, #call, {__VA_ARGS__}, args, why}
/* clang-format on */

/* In the order of their frequency: the filter tries them in turn. */
static const struct host_rule rules[] = {
	RULE(futex, "FUTEX_WAIT, FUTEX_WAKE", "wait for orders, hand over to the Sentry",
	     {1, HOST_LE, FUTEX_WAKE, 0}),
	RULE(exit, "", "a guest thread ends", ),
	RULE(clock_gettime, "its own thread clock", "CPU time of a guest thread",
	     IS(0, CLOCK_THREAD_CPUTIME_ID)),
	RULE(munmap, "guest addresses", "guest memory", CALL_RANGE),
	RULE(mmap, "anonymous, at guest addresses", "guest memory", CALL_RANGE,
	     IS(3, STUB_CALL_FLAGS)),
	RULE(madvise, "guest addresses, MADV_DONTNEED", "guest memory", CALL_RANGE,
	     IS(2, MADV_DONTNEED)),
	RULE(madvise, "guest addresses, MADV_FREE", "guest memory", CALL_RANGE,
	     IS(2, MADV_FREE)),
	RULE(mprotect, "guest addresses, PROT_READ or none", "guest memory", CALL_RANGE,
	     {2, HOST_LE, PROT_READ, 0}),
	RULE(rt_sigprocmask, "SIG_UNBLOCK", "a guest thread takes its own faults",
	     IS(0, SIG_UNBLOCK)),
#define GUEST_RULES 9 /* those so far are good in STUB_GUEST_TEXT, too */
	RULE(pwrite64, "4 bytes into the order pages", "report an order done",
	     IS(0, STUB_FD_PAGES), IS(2, 4)),
	RULE(mmap, "MAP_FIXED at a guest address", "guest memory", GUEST(0),
	     BITS(3, MAP_FIXED)),
	RULE(munmap, "a guest address", "guest memory", GUEST(0)),
	RULE(mprotect, "a guest address", "guest memory", GUEST(0)),
	RULE(madvise, "a guest address", "guest memory", GUEST(0)),
	RULE(mremap, "guest addresses", "guest memory", GUEST(0), GUEST(4)),
	RULE(clone, "a thread", "guest threads",
	     {0, HOST_MASKED_EQ, STUB_CLONE_THREAD, (uint32_t)~CLONE_PARENT_SETTID}),
	RULE(clone, "a process, the Sentry's child", "guest fork",
	     IS(0, STUB_CLONE_PROCESS)),
	RULE(mmap, "the order page, read-only", "a new process takes its own page",
	     IS(0, STUB_ORDER), IS(1, PAGE_SIZE), IS(2, PROT_READ)),
	RULE(prctl, "PR_SET_PDEATHSIG", "die with the Sentry", IS(0, PR_SET_PDEATHSIG)),
	RULE(getppid, "", "die with the Sentry", ),
	RULE(recvmsg, "the Sentry's socket", "files to map", IS(0, STUB_FD_SOCKET)),
	RULE(fcntl, "F_GETFD", "files to map: has it come", IS(1, F_GETFD)),
	RULE(close, "", "files to map", ),
	RULE(mincore, "a guest address", "guest memory", GUEST(0)),
	RULE(clock_gettime, "thread clocks, into the scratch page",
	     "CPU time of guest threads", {0, HOST_MASKED_EQ, 6, 7},
	     IS(1, STUB_SCRATCH + SCRATCH_TIME)),
	RULE(mmap, "a context, shared with the Sentry", "guest threads",
	     {0, HOST_LE, STUB_FIXED - 1, 0}, IS(3, MAP_SHARED | MAP_FIXED),
	     IS(4, STUB_FD_PAGES)),
	RULE(madvise, "a context, MADV_DONTFORK", "guest threads",
	     {0, HOST_LE, STUB_FIXED - 1, 0}, IS(1, STUB_CTX_SIZE), IS(2, MADV_DONTFORK)),
	RULE(sigaltstack, "", "a guest thread's signal stack", ),
	RULE(set_robust_list, "", "a guest thread's death is told", ),
	RULE(prctl, "PR_SET_SYSCALL_USER_DISPATCH, but for the guest's text",
	     "a guest thread's calls go to its own handler",
	     IS(0, PR_SET_SYSCALL_USER_DISPATCH), IS(2, STUB_GUEST_TEXT), IS(4, 0)),
	RULE(seccomp, "the guest threads' filter, in the stub's text",
	     "where there is no user dispatch", IS(0, SECCOMP_SET_MODE_FILTER), IS(1, 0),
	     IS(2, STUB_GUEST_FILTER)),
	RULE(pause, "", "a thread waits to be seized", ),
	RULE(exit_group, "", "a process without a Sentry", ),
	{.nr = -1},
};

const struct host_rules stub_host_rules = {"platform/stub, in guest processes", rules};

struct program {
	struct sock_filter insn[384];
	unsigned n;
};

#define FIELD(f) ((unsigned)offsetof(struct seccomp_data, f))

static void emit(struct program *p, unsigned code, unsigned k, unsigned jt, unsigned jf)
{
	BUG_ON(p->n == ARRAY_SIZE(p->insn));
	p->insn[p->n++] =
		(struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
}

static void load(struct program *p, unsigned field)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, field, 0, 0);
}

static void ret(struct program *p, unsigned action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

#define MISS 255 /* a jump target not known yet: the next rule */

static void emit_cond(struct program *p, const struct host_cond *c)
{
	unsigned lo = FIELD(args) + 8u * c->arg, hi = lo + 4;
	uint32_t vlo = (uint32_t)c->value, vhi = (uint32_t)(c->value >> 32);

	switch (c->cmp) {
	case HOST_EQ:
		load(p, hi);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, vhi, 0, MISS);
		load(p, lo);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, vlo, 0, MISS);
		break;
	case HOST_MASKED_EQ:
		load(p, lo);
		emit(p, BPF_ALU | BPF_AND | BPF_K, (uint32_t)c->mask, 0, 0);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, vlo, 0, MISS);
		break;
	case HOST_LE:
		load(p, hi);
		emit(p, BPF_JMP | BPF_JGT | BPF_K, vhi, MISS, 0);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, vhi, 0, 2);
		load(p, lo);
		emit(p, BPF_JMP | BPF_JGT | BPF_K, vlo, MISS, 0);
		break;
	}
}

static void emit_rule(struct program *p, const struct host_rule *rule)
{
	unsigned first = p->n;

	load(p, FIELD(nr));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, (unsigned)rule->nr, 0, MISS);
	for (size_t i = 0; i < ARRAY_SIZE(rule->cond); i++)
		if (rule->cond[i].cmp != HOST_ANY)
			emit_cond(p, &rule->cond[i]);
	ret(p, SECCOMP_RET_ALLOW);
	for (unsigned i = first; i < p->n; i++) {
		if (p->insn[i].jt == MISS)
			p->insn[i].jt = (uint8_t)(p->n - i - 1);
		if (p->insn[i].jf == MISS)
			p->insn[i].jf = (uint8_t)(p->n - i - 1);
	}
}

/* The host's emulation of time, gettimeofday and getcpu; it makes no other call. */
static void emit_vsyscall(struct program *p)
{
	load(p, FIELD(nr));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_time, 3, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_gettimeofday, 2, 0);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_getcpu, 1, 0);
	ret(p, SECCOMP_RET_KILL_PROCESS);
	ret(p, SECCOMP_RET_ALLOW);
}

/* Code from STUB_TEXT to @end alone may go on, @other gets what is not. */
static void emit_text(struct program *p, uint64_t end, unsigned other)
{
	load(p, FIELD(instruction_pointer));
	emit(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)STUB_TEXT, 0, 1);
	emit(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)end, 0, 1);
	ret(p, other);
}

/* @other: what is neither ours nor the vsyscall page's. */
static void build(struct program *p, unsigned other)
{
	const unsigned ip = FIELD(instruction_pointer);

	load(p, FIELD(arch));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	ret(p, other);
	load(p, ip + 4);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0xffffffff, 0, 6);
	emit_vsyscall(p);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(STUB_TEXT >> 32), 1, 0);
	ret(p, other);
	emit_text(p, STUB_GUEST_TEXT + STUB_GUEST_TEXT_SIZE, other);
	for (unsigned i = 0; i < GUEST_RULES; i++)
		emit_rule(p, &rules[i]);
	emit_text(p, STUB_TEXT + STUB_TEXT_SIZE, SECCOMP_RET_KILL_PROCESS);
	for (unsigned i = GUEST_RULES; rules[i].nr >= 0; i++)
		emit_rule(p, &rules[i]);
	ret(p, other);
}

int stub_filter_install(bool trap)
{
	struct program p = {.n = 0};
	struct sock_fprog prog = {.filter = p.insn};

	build(&p, trap ? SECCOMP_RET_TRAP : SECCOMP_RET_KILL_PROCESS);
	prog.len = (unsigned short)p.n;
	return (int)host_ret(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog));
}
