/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code inside a guest process. It is data in the Sentry; the template copies
 * it to STUB_TEXT. Position-independent, uses no stack, and keeps nothing in
 * memory that guest code could change: all state is in registers.
 *
 * stub_start   the template, once: forget the Sentry's memory, be born
 * stub_born    the helper, the first thread of each address space: report, then
 *		wait for orders, run them, report, for ever
 * thread       a new guest thread that traps its own calls: on to STUB_GUEST_TEXT
 * stub_park    a new guest thread, until its tracer has seized it
 * stub_exit    a guest thread that was released
 * stub_load.. one access to guest memory by a traced thread; ends in a system
 *		call, where the tracer takes the value from orig_rax
 */
#include <asm/unistd.h>

#include "platform/stub/context.h"
#include "platform/stub/layout.h"

#define FUTEX_WAIT     0
#define FUTEX_WAKE     1
#define EVERYBODY      0x7fffffff
#define PR_SET_PDEATHSIG 1
#define SIGKILL	       9
#define PROT_READ      1
#define MAP_SHARED_FIXED 0x11
#define CLONE_VM_BIT   8
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#define SECCOMP_SET_MODE_FILTER 1

	.section .rodata.stub, "a", @progbits
	.globl	stub_text_start, stub_text_end
	.globl	stub_start, stub_park, stub_exit, stub_handler
	.globl	stub_load, stub_cmpxchg
	.balign 64
stub_text_start:

/* rdi: XSAVE image of a fresh program */
stub_start:
	mov	$-1, %eax
	mov	$-1, %edx
	xrstor64 (%rdi)
	xor	%edi, %edi		/* all below us, the stack we came on included */
	movabs	$STUB_FIXED, %rsi
	mov	$__NR_munmap, %eax
	syscall
	test	%rax, %rax
	jnz	die

stub_born:
	movabs	$STUB_ORDER, %r12
	mov	$PR_SET_PDEATHSIG, %edi	/* fork cleared it */
	mov	$SIGKILL, %esi
	xor	%edx, %edx
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	mov	$__NR_prctl, %eax
	syscall
	mov	$__NR_getppid, %eax	/* the Sentry may have died before that */
	syscall
	cmp	ORDER_PPID(%r12), %eax
	jne	die
	movabs	$(STUB_SCRATCH + SCRATCH_PID), %rsi
	mov	$ORDER_PID, %r10d
	add	ORDER_PAGE_OFF(%r12), %r10
	mov	$STUB_FD_PAGES, %edi
	mov	$4, %edx
	mov	$__NR_pwrite64, %eax
	syscall
	mov	ORDER_SEQ(%r12), %r15d

report:
	lea	ORDER_SEQ(%r12), %rsi
	mov	$ORDER_DONE, %r10d
	add	ORDER_PAGE_OFF(%r12), %r10
	mov	$STUB_FD_PAGES, %edi
	mov	$4, %edx
	mov	$__NR_pwrite64, %eax
	syscall
	lea	ORDER_DONE(%r12), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$EVERYBODY, %edx	/* guest threads can wait there, too */
	mov	$__NR_futex, %eax
	syscall

await:
	mov	ORDER_SEQ(%r12), %eax
	cmp	%r15d, %eax
	jne	run
	lea	ORDER_SEQ(%r12), %rdi
	mov	$FUTEX_WAIT, %esi
	mov	%r15d, %edx
	xor	%r10d, %r10d
	mov	$__NR_futex, %eax
	syscall
	jmp	await

/* r15d: seq, rbx: operation, ebp: its index, r13: its number, r14: its first argument */
run:
	mov	%eax, %r15d
	lea	ORDER_OPS(%r12), %rbx
	xor	%ebp, %ebp
next:
	cmp	ORDER_N(%r12), %ebp
	jae	report
	mov	0(%rbx), %r13
	mov	8(%rbx), %rdi
	mov	16(%rbx), %rsi
	mov	24(%rbx), %rdx
	mov	32(%rbx), %r10
	mov	40(%rbx), %r8
	mov	48(%rbx), %r9
	cmp	$STUB_OP_COPY, %r13
	je	copy
	mov	%rdi, %r14
	mov	%r13, %rax
	syscall
	cmp	$-4095, %rax
	jae	failed
	cmp	$__NR_clone, %r13
	je	cloned
advance:
	add	$ORDER_OP_SIZE, %rbx
	inc	%ebp
	jmp	next

copy:
	mov	%rdx, %rcx
	cld
	rep movsb
	jmp	advance

cloned:
	test	%rax, %rax
	jz	1f
	movabs	$(STUB_SCRATCH + SCRATCH_TID), %rdi
	mov	%eax, (%rdi)
	jmp	advance
1:	bt	$CLONE_VM_BIT, %r14
	jc	thread
	/*
	 * A new process. It still stands on its parent's order page: its own, at file
	 * offset r9, takes that place before anything is read.
	 */
	movabs	$STUB_ORDER, %rdi
	mov	$0x1000, %esi
	mov	$PROT_READ, %edx
	mov	$MAP_SHARED_FIXED, %r10d
	mov	$STUB_FD_PAGES, %r8d
	mov	$__NR_mmap, %eax
	syscall
	cmp	%rdi, %rax
	je	stub_born
die:
	mov	$1, %edi
	mov	$__NR_exit_group, %eax
	syscall
	hlt

/* errno and index cannot be handed over from registers: point at a constant */
failed:
	neg	%eax
	mov	$STUB_MAX_ERRNO, %ecx
	cmp	%ecx, %eax
	cmova	%ecx, %eax
	lea	numbers(%rip), %rsi
	lea	(%rsi,%rax,4), %rsi
	mov	$ORDER_ERR, %r10d
	add	ORDER_PAGE_OFF(%r12), %r10
	mov	$STUB_FD_PAGES, %edi
	mov	$4, %edx
	mov	$__NR_pwrite64, %eax
	syscall
	lea	numbers(%rip), %rsi
	lea	(%rsi,%rbp,4), %rsi
	mov	$ORDER_ERR_AT, %r10d
	add	ORDER_PAGE_OFF(%r12), %r10
	mov	$__NR_pwrite64, %eax
	syscall
	jmp	report

/*
 * A guest thread, its context at r9. From the last call on, it makes no more from this
 * page. What other guest threads may write into the context meanwhile hurts only them,
 * as no signal comes yet: they could send it from a frame into guest code.
 */
thread:
	test	%r9, %r9
	jz	stub_park
	mov	%r9, %rbx
	mov	CTX_STACK_TOP(%rbx), %rsp
	lea	CTX_SIGSTACK(%rbx), %rdi
	xor	%esi, %esi
	mov	$__NR_sigaltstack, %eax
	syscall
	lea	CTX_ROBUST(%rbx), %rdi
	mov	$24, %esi
	mov	$__NR_set_robust_list, %eax
	syscall
	cmpl	$0, ORDER_FILTERED(%r12)
	jne	filtered
	mov	$PR_SET_SYSCALL_USER_DISPATCH, %edi
	mov	$PR_SYS_DISPATCH_ON, %esi
	movabs	$STUB_GUEST_TEXT, %rdx
	mov	$STUB_GUEST_TEXT_SIZE, %r10d
	xor	%r8d, %r8d
	mov	$__NR_prctl, %eax
trap:	syscall
	test	%rax, %rax
	jnz	stub_exit
	movabs	$STUB_GUEST_TEXT, %rax
	jmp	*%rax

filtered:
	mov	$SECCOMP_SET_MODE_FILTER, %edi
	xor	%esi, %esi
	lea	guest_filter(%rip), %rdx
	mov	$__NR_seccomp, %eax
	jmp	trap

stub_park:
	mov	$__NR_pause, %eax
	syscall
	jmp	stub_park

stub_exit:
	xor	%edi, %edi
	mov	$__NR_exit, %eax
	syscall
	hlt

/* Never runs: the tracer stops the thread at its first instruction. */
stub_handler:
	hlt

stub_load:
	mov	(%rdi), %eax
	syscall
	hlt
stub_cmpxchg:
	lock cmpxchg %esi, (%rdi)
	syscall
	hlt

	.balign 4
numbers:
	.set	i, 0
	.rept	STUB_MAX_ERRNO + 1
	.long	i
	.set	i, i + 1
	.endr

/*
 * What user dispatch says, as a filter: calls from STUB_GUEST_TEXT and from the vsyscall page
 * go on, to the first filter (filter.c); any others trap, also those from this text.
 */
.macro BPF code, k, jt=0, jf=0
	.short	\code
	.byte	\jt, \jf
	.long	(\k) & 0xffffffff
.endm
#define LD  0x20
#define JEQ 0x15
#define JGE 0x35
#define RET 0x06
#define IP  8		/* in struct seccomp_data */
	.org	stub_text_start + (STUB_GUEST_FILTER - STUB_TEXT)
guest_filter:			/* struct sock_fprog */
	.short	8
	.balign 8
	.quad	STUB_GUEST_FILTER + 16
	BPF	LD, IP+4
	BPF	JEQ, STUB_GUEST_TEXT >> 32, 1, 0
	BPF	JEQ, 0xffffffff, 4, 3
	BPF	LD, IP
	BPF	JGE, STUB_GUEST_TEXT, 0, 1
	BPF	JGE, STUB_GUEST_TEXT + STUB_GUEST_TEXT_SIZE, 0, 1
	BPF	RET, 0x00030000 /* SECCOMP_RET_TRAP */
	BPF	RET, 0x7fff0000 /* SECCOMP_RET_ALLOW */
	.org	stub_text_start + STUB_TEXT_SIZE	/* an error if it outgrew it */
stub_text_end:
	.section .note.GNU-stack, "", @progbits
