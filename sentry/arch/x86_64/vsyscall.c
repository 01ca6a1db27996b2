// SPDX-License-Identifier: Apache-2.0
/*
 * The vsyscall page of old static programs, as Linux's vsyscall=xonly has it: nothing is
 * mapped there, a call of one of the three entries faults and is answered here as if the
 * entry had been a function that makes the system call.
 */
#include "sentry/mm/umem.h"
#include "sentry/syscall/table.h"
#include "sentry/task/run.h"

#define VSYSCALL_PAGE 0xffffffffff600000ull

enum { NR_gettimeofday = 96, NR_time = 201, NR_getcpu = 309 };

bool vsyscall_emulate(struct task *t, uaddr_t addr)
{
	static const int nr[] = {NR_gettimeofday, NR_time, NR_getcpu};
	struct lx_regs regs;
	uint64_t ret_addr, args[6] = {0};
	unsigned entry;

	if ((addr & ~0xc00ull) != VSYSCALL_PAGE)
		return false;
	entry = (unsigned)(addr >> 10 & 3);
	if (entry >= ARRAY_SIZE(nr) || !syscall_table[nr[entry]].fn)
		return false;
	if (ctx_get_regs(t->mem.ctx, &regs) || get_user(&t->mem, ret_addr, regs.rsp))
		return false;
	args[0] = regs.rdi;
	args[1] = regs.rsi;
	regs.rax = (uint64_t)syscall_table[nr[entry]].fn(t, args);
	regs.rip = ret_addr;
	regs.rsp += 8;
	return ctx_set_regs(t->mem.ctx, &regs) == 0;
}
