/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code guest threads run to hand over to the Sentry, at STUB_GUEST_TEXT. It is data
 * in the Sentry. System calls from these pages alone do not raise the guest thread's
 * own SIGSYS, and of those the filter lets these pass: a futex wait or wake, exit, unblocking
 * signals, a look at the thread's own CPU clock, and what maps, unmaps and drops anonymous
 * memory of the guest's, or takes rights to it. So a guest may jump anywhere in here, with any
 * registers.
 *
 *	guest code -- SIGSYS, a fault, an interrupt -> handler -> report -> await
 *	    ^   |							      |
 *	    |   +---- a patched call site, its trampoline -> patched -> await |
 *	    |								      |
 *	    +------------------------- run (iretq) <- the Sentry's command ---+
 *
 * All state of the guest is in the signal frame at the top of the context's signal stack;
 * while we are in here the stack pointer is below it, so that a further signal's frame
 * comes to lie below, too. FS and GS base are not in the frame, the context has them.
 * For a patched call the frame stands at CTX_PATCHED, and has no FPU image: the FPU registers
 * stay as they are.
 *
 * Registers: rbx the context, r12 the ucontext to go on with.
 */
#include <asm/unistd.h>

#include "platform/stub/context.h"
#include "platform/stub/layout.h"
#include "platform/systrap/carry.h"
#include "sentry/base/ucontext.h"

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define EVERYBODY  0x7fffffff
#define SIG_UNBLOCK 1
#define CLOCK_THREAD_CPUTIME_ID 3

#define SIGSYS	  31
#define SIGSTKFLT 16 /* STUB_SIG_INTERRUPT */

#define XSAVE_HEADER 512 /* its offset in an FPU image */

/* edx:eax: the parts of an XSAVE image that guests have. */
.macro XFEATURES
	movabs	$STUB_ORDER, %rcx
	mov	ORDER_XFEATURES(%rcx), %eax
	mov	ORDER_XFEATURES+4(%rcx), %edx
.endm

.macro LOAD_FPU
	XFEATURES
	mov	UC_FPSTATE(%r12), %rdi
	xrstor64 (%rdi)
.endm

/* All registers from the ucontext at r12, in user mode: a host call less than sigreturn. */
.macro RESUME
	movzwl	UC_SS(%r12), %eax
	push	%rax
	push	UC_RSP(%r12)
	push	UC_EFLAGS(%r12)
	movzwl	UC_CS(%r12), %eax
	push	%rax
	push	UC_RIP(%r12)
	mov	UC_R11(%r12), %r11
	LOAD_REGS
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

/* Where in our text a signal came, as rax has it: this text follows the helper's. */
#define AT(label) $(label - systrap_text + STUB_TEXT_SIZE)

	.section .rodata.stub_guest, "a", @progbits
	.globl	systrap_text, systrap_handler
	.balign 64

/* A new guest thread comes here, its context in rbx. Its calls trap now, so it may be stopped. */
systrap_text:
	mov	$SIG_UNBLOCK, %edi
	lea	CTX_SIGMASK(%rbx), %rsi
	xor	%edx, %edx
	mov	$8, %r10d
	mov	$__NR_rt_sigprocmask, %eax
	syscall
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
	cmp	$(STUB_TEXT_SIZE + STUB_GUEST_TEXT_SIZE), %rax
	jb	in_stub
report:
	mov	%edi, CTX_KIND(%rbx)
	mov	%rdx, CTX_FRAME(%rbx)
	cmp	$SIGSYS, %edi
	je	carry
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
	mov	$EVERYBODY, %edx	/* a fellow may wait there, too */
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
carried:
	mov	CTX_PUT_SIZE(%rbx), %ecx
	test	%ecx, %ecx
	jz	run
	mov	CTX_PUT_ADDR(%rbx), %rdi
	lea	CTX_OUT(%rbx), %rsi
put:
	rep movsb
put_end:
/* No interrupt is lost: before this one sets the flag, within it the handler turns back. */
run:
	cmpl	$0, CTX_INTERRUPTED(%rbx)
	jne	interrupted
	cmpl	$0, CTX_FAST(%rbx)
	jne	fast
	LOAD_BASES
	mov	CTX_FRAME(%rbx), %r12
	cmpl	$0, CTX_LOAD_FPU(%rbx)
	je	1f
	LOAD_FPU
1:	RESUME

/* From a patched call, with registers as a system call leaves them. */
#define PATCHED(reg) (CTX_PATCHED + reg)
fast:
	push	PATCHED(UC_EFLAGS)(%rbx)
	popfq
	mov	PATCHED(UC_R8)(%rbx), %r8
	mov	PATCHED(UC_R9)(%rbx), %r9
	mov	PATCHED(UC_R10)(%rbx), %r10
	mov	PATCHED(UC_EFLAGS)(%rbx), %r11
	mov	PATCHED(UC_R12)(%rbx), %r12
	mov	PATCHED(UC_R13)(%rbx), %r13
	mov	PATCHED(UC_R14)(%rbx), %r14
	mov	PATCHED(UC_R15)(%rbx), %r15
	mov	PATCHED(UC_RDI)(%rbx), %rdi
	mov	PATCHED(UC_RSI)(%rbx), %rsi
	mov	PATCHED(UC_RBP)(%rbx), %rbp
	mov	PATCHED(UC_RDX)(%rbx), %rdx
	mov	PATCHED(UC_RAX)(%rbx), %rax
	mov	PATCHED(UC_RIP)(%rbx), %rcx
	mov	PATCHED(UC_RSP)(%rbx), %rsp
	mov	PATCHED(UC_RBX)(%rbx), %rbx
	jmp	*%gs:CTX_RETURN
run_end:

/* To what was interrupted in here; if interrupted itself, it goes on as well. */
back:
	mov	%rdx, %r12
	LOAD_FPU
	RESUME

#include "platform/systrap/patched.inc"

in_stub:
	cmp	$SIGSTKFLT, %edi
	jne	fault_in_stub
	cmp	AT(run), %eax
	jb	1f
	cmp	AT(run_end), %eax
	jb	interrupted_in_run
1:	cmp	AT(known_look), %eax
	jb	1f
	cmp	AT(known_end), %eax
	jb	interrupted_in_known
	cmp	AT(mask_look), %eax
	jb	1f
	cmp	AT(mask_end), %eax
	jb	interrupted_in_mask
1:	movl	$1, CTX_INTERRUPTED(%rbx)
	jmp	back
interrupted_in_run:
	mov	%rdx, %r12
	LOAD_FPU			/* they are the guest's, after a patched call */
/* As if the guest had been interrupted where CTX_FRAME says. */
interrupted:
	mov	CTX_FRAME(%rbx), %rsp	/* else they would nest without end */
	sub	$64, %rsp
	lea	CTX_PATCHED(%rbx), %rax
	cmp	%rax, CTX_FRAME(%rbx)
	jne	1f
	mov	CTX_STACK_TOP(%rbx), %rsp
1:	movl	$0, CTX_INTERRUPTED(%rbx)
	movl	$SIGSTKFLT, CTX_KIND(%rbx)
	LOAD_BASES
	jmp	report_bases

/* Guest memory that cannot be reached; any other fault is the doing of the guest itself. */
fault_in_stub:
	lea	fixups(%rip), %rcx
1:	cmp	(%rcx), %eax
	jb	2f
	cmp	4(%rcx), %eax
	jb	3f
2:	add	$12, %rcx
	cmpl	$0, (%rcx)
	jne	1b
	jmp	report
3:	mov	8(%rcx), %eax
	movabs	$STUB_TEXT, %rcx
	add	%rcx, %rax
	mov	%rax, UC_RIP(%rdx)
	jmp	back

.macro FIXUP from, to, target
	.long	\from - systrap_text + STUB_TEXT_SIZE
	.long	\to - systrap_text + STUB_TEXT_SIZE
	.long	\target - systrap_text + STUB_TEXT_SIZE
.endm
	.balign 4
fixups:
	FIXUP	word_begin, word_end, word_fault
	FIXUP	copy0, copy0_end, copy0_end	/* rcx says how much is missing */
	FIXUP	copy1, copy1_end, copy1_end
	FIXUP	probe, probe_end, report_bases
	FIXUP	put, put_end, put_fault
	FIXUP	mask_load, mask_loaded, mask_ask
	FIXUP	mask_store, mask_look, mask_ask
	.long	0

/* The page was there when it was probed; the Sentry may bring it back. */
put_fault:
	movl	$KIND_PUT, CTX_KIND(%rbx)
	jmp	hand_over

#include "platform/systrap/carry.inc"

command:
	cmp	$CMD_CALLS, %eax
	je	calls
	cmp	$CMD_START, %eax
	je	start
	mov	CTX_WORD(%rbx), %rdi
	mov	CTX_DESIRED(%rbx), %esi
	cmp	$CMD_LOAD, %eax
	je	load
	cmp	$CMD_FPU, %eax
	je	fpu
	cmp	$CMD_CMPXCHG, %eax
	jne	end
	mov	CTX_EXPECTED(%rbx), %eax
word_begin:
	lock cmpxchg %esi, (%rdi)
	jmp	word_end
load:
	mov	(%rdi), %eax
word_end:
	mov	%eax, CTX_VALUE(%rbx)
	movl	$0, CTX_FAULTED(%rbx)
done:
	movl	$KIND_DONE, CTX_KIND(%rbx)
	jmp	hand_over
word_fault:
	movl	$1, CTX_FAULTED(%rbx)
	jmp	done

fpu:
	call	save_fpu
	jmp	done

save_fpu:
	mov	CTX_FPU(%rbx), %rdi
	add	$XSAVE_HEADER, %rdi
	xor	%eax, %eax
	mov	$8, %ecx
	rep stosq			/* xsave writes the first word only */
	mov	CTX_FPU(%rbx), %rdi
	XFEATURES
	xsave64	(%rdi)
	ret

/* Memory calls of the guest's, which the Sentry has in its books; all or none of them count. */
calls:
	lea	CTX_CALLS(%rbx), %r14
1:	mov	0(%r14), %rax
	mov	8(%r14), %rdi
	mov	16(%r14), %rsi
	mov	24(%r14), %rdx
	mov	$STUB_CALL_FLAGS, %r10d
	mov	$-1, %r8
	xor	%r9d, %r9d
	syscall
	cmp	$-4095, %rax
	jae	2f
	add	$CTX_CALL_SIZE, %r14
	decl	CTX_N_CALLS(%rbx)
	jg	1b
	jmp	carried
2:	movl	$KIND_CALLS, CTX_KIND(%rbx)
	jmp	hand_over

/* The thread has served before: what it used until now is not the new task's. */
start:
	mov	$CLOCK_THREAD_CPUTIME_ID, %edi
	lea	CTX_CLOCK(%rbx), %rsi
	mov	$__NR_clock_gettime, %eax
	syscall
	jmp	carried

end:
	xor	%edi, %edi
	mov	$__NR_exit, %eax
	syscall
	hlt
	.org	systrap_text + CARRY_TABLE	/* an error if the code outgrew it */
carry_table:				/* filled in by carry.c */
	.org	systrap_text + STUB_GUEST_TEXT_SIZE
	.section .note.GNU-stack, "", @progbits
