/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest side of a hand-over, without anything that could be left out: what
 * platform/systrap/entry.S does can take no less.
 *
 *	plain	hand over, again and again
 *	trap	a system call that raises SIGSYS; its handler hands over and goes back to
 *		the guest in user mode
 *	site	a call whose instruction was replaced by a jump: registers are saved, no
 *		signal
 */
#include <asm/unistd.h>

#include "runsc-c/probe/hand.h"
#include "sentry/base/ucontext.h"

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1

	.text
	.globl	hand_loop_plain, hand_loop_trap, hand_loop_site
	.globl	hand_text, hand_text_end, hand_handler

	.balign 64
hand_loop_trap:
	mov	$__NR_getppid, %eax
	syscall
	jmp	hand_loop_trap

	.balign 64
hand_text:
hand_loop_plain:
	mov	%rdi, %rbx
1:	call	hand_over
	jmp	1b

/* rbx: the area. Returns when it is the guest's turn again. */
hand_over:
	xor	%eax, %eax
	xchg	%eax, HAND_TURN(%rbx)
	test	%eax, %eax
	jns	await
	lea	HAND_TURN(%rbx), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$1, %edx
	mov	$__NR_futex, %eax
	syscall
await:
	mov	HAND_TURN(%rbx), %eax
	test	$HAND_GUESTS_TURN, %eax
	jnz	2f
	cmpl	$0, HAND_SPIN(%rbx)
	je	1f
	pause
	jmp	await
1:	mov	$HAND_SLEEPER, %edx
	lock cmpxchg %edx, HAND_TURN(%rbx)
	jne	await
	lea	HAND_TURN(%rbx), %rdi
	mov	$FUTEX_WAIT, %esi
	xor	%r10d, %r10d
	mov	$__NR_futex, %eax
	syscall
	jmp	await
2:	ret

/* rdx: ucontext, rsp: on the signal stack */
hand_handler:
	mov	%rsp, %rbx
	and	$-HAND_AREA_SIZE, %rbx
	mov	%rdx, %r12
	decl	HAND_LOCAL(%rbx)
	jns	1f
	movl	$0, HAND_LOCAL(%rbx)
	call	hand_over
1:	movq	$0, UC_RAX(%r12)
	mov	UC_FPSTATE(%r12), %rdi
	mov	FP_FEATURES(%rdi), %eax
	mov	FP_FEATURES+4(%rdi), %edx
	xrstor64 (%rdi)
	push	UC_EFLAGS(%r12)
	popfq
	LOAD_REGS
	mov	UC_RSP(%r12), %rsp
	mov	UC_RIP(%r12), %rcx	/* a system call changes rcx anyway */
	mov	UC_R12(%r12), %r12
	jmp	*%rcx

	.balign 64
hand_loop_site:
	mov	%rdi, area(%rip)
site:
	jmp	trampoline		/* was: mov $nr, %eax */
after:
	jmp	site

trampoline:
	mov	$__NR_getppid, %eax
	lea	after(%rip), %rcx
	jmp	site_entry

	.balign 64
site_entry:
	mov	area(%rip), %r11
	decl	HAND_LOCAL(%r11)
	jns	1f
	movl	$0, HAND_LOCAL(%r11)
	mov	%rax, HAND_REGS(%r11)
	mov	%rbx, HAND_REGS+8(%r11)
	mov	%rcx, HAND_REGS+16(%r11)
	mov	%rdx, HAND_REGS+24(%r11)
	mov	%rsi, HAND_REGS+32(%r11)
	mov	%rdi, HAND_REGS+40(%r11)
	mov	%rbp, HAND_REGS+48(%r11)
	mov	%rsp, HAND_REGS+56(%r11)
	mov	%r8, HAND_REGS+64(%r11)
	mov	%r9, HAND_REGS+72(%r11)
	mov	%r10, HAND_REGS+80(%r11)
	mov	%r12, HAND_REGS+88(%r11)
	mov	%r13, HAND_REGS+96(%r11)
	mov	%r14, HAND_REGS+104(%r11)
	mov	%r15, HAND_REGS+112(%r11)
	lea	HAND_AREA_SIZE(%r11), %rsp
	pushfq
	cld
	mov	%r11, %rbx
	call	hand_over
	popfq
	mov	HAND_REGS(%rbx), %rax
	mov	HAND_REGS+16(%rbx), %rcx
	mov	HAND_REGS+24(%rbx), %rdx
	mov	HAND_REGS+32(%rbx), %rsi
	mov	HAND_REGS+40(%rbx), %rdi
	mov	HAND_REGS+48(%rbx), %rbp
	mov	HAND_REGS+56(%rbx), %rsp
	mov	HAND_REGS+64(%rbx), %r8
	mov	HAND_REGS+72(%rbx), %r9
	mov	HAND_REGS+80(%rbx), %r10
	mov	HAND_REGS+88(%rbx), %r12
	mov	HAND_REGS+96(%rbx), %r13
	mov	HAND_REGS+104(%rbx), %r14
	mov	HAND_REGS+112(%rbx), %r15
	mov	HAND_REGS+8(%rbx), %rbx
1:	jmp	*%rcx
hand_text_end:

	.bss
	.balign 8
area:	.quad	0
	.section .note.GNU-stack, "", @progbits
