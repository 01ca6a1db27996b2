// SPDX-License-Identifier: Apache-2.0
/* x86-64 registers in the order of Linux's struct user_regs_struct (PTRACE_GETREGS). */
#pragma once

#include "sentry/base/types.h"

struct lx_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

_Static_assert(sizeof(struct lx_regs) == 27 * 8, "user_regs_struct");

/* Selectors of user code, and one bit of eflags. */
#define LX_USER_CS   0x33
#define LX_USER_CS32 0x23
#define LX_USER_DS   0x2b
#define LX_EFLAGS_TF 0x100ull

/* x86 exception numbers, as in sigcontext.trapno. */
enum lx_trap {
	LX_TRAP_DE = 0,
	LX_TRAP_DB = 1,
	LX_TRAP_BP = 3,
	LX_TRAP_OF = 4,
	LX_TRAP_UD = 6,
	LX_TRAP_DF = 8,
	LX_TRAP_GP = 13,
	LX_TRAP_PF = 14,
	LX_TRAP_MF = 16,
	LX_TRAP_AC = 17,
	LX_TRAP_XM = 19,
};

/* Page fault error code bits, as in sigcontext.err. */
#define LX_PF_PROT  0x1
#define LX_PF_WRITE 0x2
#define LX_PF_USER  0x4
#define LX_PF_INSTR 0x10
