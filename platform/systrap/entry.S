/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code guest threads run to hand over to the Sentry, at STUB_GUEST_TEXT. It is data
 * in the Sentry. System calls from this page alone are not dispatched to the guest
 * thread's own SIGSYS handler, and of those the filter lets two pass: a futex wait or
 * wake on a context, and exit. So a guest may jump anywhere in here, with any registers.
 *
 *	guest code -- SIGSYS, a fault, an interrupt -> handler -> report -> await
 *	    ^								      |
 *	    +------------------------- run (iretq) <- the Sentry's command ---+
 *
 * All state of the guest is in the signal frame at the top of the context's signal stack;
 * while we are in here the stack pointer is below it, so that a further signal's frame
 * comes to lie below, too. FS and GS base are not in the frame, the context has them.
 *
 * Registers: rbx the context, r12 the ucontext to go on with.
 */
#include <asm/unistd.h>

#include "platform/stub/context.h"
#include "platform/stub/layout.h"

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1

#define SIGSYS	  31
#define SIGSTKFLT 16 /* STUB_SIG_INTERRUPT */

/* Offsets in the host's struct ucontext. */
#define UC_R8	   40
#define UC_R9	   48
#define UC_R10	   56
#define UC_R11	   64
#define UC_R12	   72
#define UC_R13	   80
#define UC_R14	   88
#define UC_R15	   96
#define UC_RDI	   104
#define UC_RSI	   112
#define UC_RBP	   120
#define UC_RBX	   128
#define UC_RDX	   136
#define UC_RAX	   144
#define UC_RCX	   152
#define UC_RSP	   160
#define UC_RIP	   168
#define UC_EFLAGS  176
#define UC_CS	   184
#define UC_SS	   190
#define UC_FPSTATE 224

/* All registers from the ucontext at r12, in user mode: a host call less than sigreturn. */
.macro RESUME
	movabs	$STUB_ORDER, %rcx
	mov	ORDER_XFEATURES(%rcx), %eax
	mov	ORDER_XFEATURES+4(%rcx), %edx
	mov	UC_FPSTATE(%r12), %rdi
	xrstor64 (%rdi)
	movzwl	UC_SS(%r12), %eax
	push	%rax
	push	UC_RSP(%r12)
	push	UC_EFLAGS(%r12)
	movzwl	UC_CS(%r12), %eax
	push	%rax
	push	UC_RIP(%r12)
	mov	UC_R8(%r12), %r8
	mov	UC_R9(%r12), %r9
	mov	UC_R10(%r12), %r10
	mov	UC_R11(%r12), %r11
	mov	UC_R13(%r12), %r13
	mov	UC_R14(%r12), %r14
	mov	UC_R15(%r12), %r15
	mov	UC_RDI(%r12), %rdi
	mov	UC_RSI(%r12), %rsi
	mov	UC_RBP(%r12), %rbp
	mov	UC_RBX(%r12), %rbx
	mov	UC_RDX(%r12), %rdx
	mov	UC_RAX(%r12), %rax
	mov	UC_RCX(%r12), %rcx
	mov	UC_R12(%r12), %r12
	iretq
.endm

.macro LOAD_BASES
	cmpl	$0, CTX_SET_BASE(%rbx)
	je	9f
	mov	CTX_FS(%rbx), %rax
	wrfsbase %rax
	mov	CTX_GS(%rbx), %rax
	wrgsbase %rax
9:
.endm

	.section .rodata.stub_guest, "a", @progbits
	.globl	systrap_text, systrap_handler
	.balign 64

/* A new guest thread comes here, its context in rbx. */
systrap_text:
	jmp	await

/* rdi: the signal, rsi: siginfo, rdx: ucontext, rsp: on the signal stack */
systrap_handler:
	push	$2		/* flags of our own: NT would fail the iretq */
	popfq
	mov	%rsp, %rbx
	and	$-STUB_CTX_SIZE, %rbx
	cmp	$SIGSYS, %edi
	je	report
	mov	UC_RIP(%rdx), %rax
	movabs	$STUB_TEXT, %rcx
	sub	%rcx, %rax
	cmp	$(2 * STUB_TEXT_SIZE), %rax
	jb	in_stub
report:
	mov	%edi, CTX_KIND(%rbx)
	mov	%rdx, CTX_FRAME(%rbx)
report_bases:
	rdfsbase %rax
	mov	%rax, CTX_FS(%rbx)
	rdgsbase %rax
	mov	%rax, CTX_GS(%rbx)
hand_over:
	xor	%eax, %eax
	xchg	%eax, CTX_STATE(%rbx)
	test	%eax, %eax
	jns	await
	lea	CTX_STATE(%rbx), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$1, %edx
	mov	$__NR_futex, %eax
	syscall

/* Spin for CTX_SPIN ticks, which is 0 when the other side cannot be running; then sleep. */
await:
	rdtsc
	mov	%eax, %r13d
look:
	mov	CTX_STATE(%rbx), %ecx
	test	$CTX_TID_MASK, %ecx
	jnz	answered
	pause
	rdtsc
	sub	%r13d, %eax
	cmp	CTX_SPIN(%rbx), %eax
	jb	look
	mov	%ecx, %eax
	mov	$CTX_WAITERS, %edx
	lock cmpxchg %edx, CTX_STATE(%rbx)
	jne	look
	lea	CTX_STATE(%rbx), %rdi
	mov	$FUTEX_WAIT, %esi
	xor	%r10d, %r10d
	mov	$__NR_futex, %eax
	syscall
	jmp	await

answered:
	mov	CTX_CMD(%rbx), %eax
	cmp	$CMD_RUN, %eax
	jne	command
/* No interrupt is lost: before this one sets the flag, within it the handler turns back. */
run:
	cmpl	$0, CTX_INTERRUPTED(%rbx)
	jne	interrupted
	LOAD_BASES
	mov	CTX_FRAME(%rbx), %r12
	RESUME
run_end:

/* To what was interrupted in here; if interrupted itself, it goes on as well. */
back:
	mov	%rdx, %r12
	RESUME

/* Where in our text a signal came, as rax has it: this page is the second of two. */
#define AT(label) $(label - systrap_text + STUB_TEXT_SIZE)

in_stub:
	cmp	$SIGSTKFLT, %edi
	jne	fault_in_stub
	cmp	AT(run), %eax
	jb	1f
	cmp	AT(run_end), %eax
	jb	interrupted
1:	movl	$1, CTX_INTERRUPTED(%rbx)
	jmp	back
/* As if the guest had been interrupted where CTX_FRAME says. */
interrupted:
	mov	CTX_FRAME(%rbx), %rsp	/* else they would nest without end */
	sub	$64, %rsp
	movl	$0, CTX_INTERRUPTED(%rbx)
	movl	$SIGSTKFLT, CTX_KIND(%rbx)
	LOAD_BASES
	jmp	report_bases

/* The guest's word cannot be reached; anything else is the doing of the guest itself. */
fault_in_stub:
	cmp	AT(word_begin), %eax
	jb	report
	cmp	AT(word_end), %eax
	jae	report
	lea	word_fault(%rip), %rax
	mov	%rax, UC_RIP(%rdx)
	jmp	back

command:
	mov	CTX_WORD(%rbx), %rdi
	mov	CTX_DESIRED(%rbx), %esi
	cmp	$CMD_LOAD, %eax
	je	load
	cmp	$CMD_STORE, %eax
	je	store
	cmp	$CMD_CMPXCHG, %eax
	jne	end
	mov	CTX_EXPECTED(%rbx), %eax
word_begin:
	lock cmpxchg %esi, (%rdi)
	jmp	word_end
load:
	mov	(%rdi), %eax
	jmp	word_end
store:
	mov	%esi, (%rdi)
word_end:
	mov	%eax, CTX_VALUE(%rbx)
	movl	$0, CTX_FAULTED(%rbx)
	movl	$KIND_DONE, CTX_KIND(%rbx)
	jmp	hand_over
word_fault:
	movl	$1, CTX_FAULTED(%rbx)
	movl	$KIND_DONE, CTX_KIND(%rbx)
	jmp	hand_over

end:
	xor	%edi, %edi
	mov	$__NR_exit, %eax
	syscall
	hlt
	.org	systrap_text + STUB_TEXT_SIZE	/* an error if it outgrew it */
	.section .note.GNU-stack, "", @progbits
