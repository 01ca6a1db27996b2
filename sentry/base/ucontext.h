/* SPDX-License-Identifier: Apache-2.0 */
/* For assembler: the host's struct ucontext, which a signal handler is given on x86-64. */
#pragma once

/* clang-format off */
#ifdef __ASSEMBLER__
/* Offsets in it, and in the FPU image that it points at. */
#define UC_R8	    40
#define UC_R9	    48
#define UC_R10	    56
#define UC_R11	    64
#define UC_R12	    72
#define UC_R13	    80
#define UC_R14	    88
#define UC_R15	    96
#define UC_RDI	    104
#define UC_RSI	    112
#define UC_RBP	    120
#define UC_RBX	    128
#define UC_RDX	    136
#define UC_RAX	    144
#define UC_RCX	    152
#define UC_RSP	    160
#define UC_RIP	    168
#define UC_EFLAGS   176
#define UC_CS	    184
#define UC_SS	    190
#define UC_FPSTATE  224
#define FP_FEATURES 472

/* From the ucontext at r12, all that the way back to the guest needs no more itself. */
.macro LOAD_REGS
	mov	UC_R8(%r12), %r8
	mov	UC_R9(%r12), %r9
	mov	UC_R10(%r12), %r10
	mov	UC_R13(%r12), %r13
	mov	UC_R14(%r12), %r14
	mov	UC_R15(%r12), %r15
	mov	UC_RDI(%r12), %rdi
	mov	UC_RSI(%r12), %rsi
	mov	UC_RBP(%r12), %rbp
	mov	UC_RBX(%r12), %rbx
	mov	UC_RDX(%r12), %rdx
	mov	UC_RAX(%r12), %rax
.endm
#endif
