/* SPDX-License-Identifier: Apache-2.0 */
#include "hot.h"

#include <sys/syscall.h>

#include "harness.h"

__asm__(".pushsection .rodata\n"
	".globl hot_at, hot_behind, hot_call, hot_end, hot_next, hot_regs, "
	"hot_regs_behind, hot_ret, hot_site, hot_start, hot_step, hot_store, "
	"hot_store_site, hot_stored\n"
	".balign 16\n"
	"hot_start:\n"
	"hot_call:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"hot_site:\n"
	"	syscall\n"
	"	cmp $-4096, %rax\n"
	"	ja 1f\n"
	"1:	ret\n"
	"	.balign 16\n"
	"hot_behind:\n"
	"	lea 1f(%rip), %rcx\n"
	"	cmp %edi, %esi\n" /* not equal: straight to where the call returns */
	"	jne 1f\n"
	"	mov $110, %eax\n"
	"2:	syscall\n"
	"1:	lea 7(%rdi), %rax\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_at:\n" /* a jump to the instruction itself */
	"	mov $110, %eax\n"
	"	jmp 1f\n"
	"	.balign 16\n"
	"1:	syscall\n"
	"	mov %rax, %rcx\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_store:\n"
	"	mov %rdi, %rax\n"
	"hot_store_site:\n"
	"	syscall\n"
	"hot_stored:\n"
	"	mov %rax, (%rsi)\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_ret:\n"
	"	mov $110, %eax\n"
	"	syscall\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_next:\n" /* jumped to what looks like padding behind the return */
	"	cmp %edi, %esi\n"
	"	jne 1f\n"
	"	mov $110, %eax\n"
	"	syscall\n"
	"	ret\n"
	"1:	movdqa %xmm0, %xmm1\n"
	"	lea 7(%rdi), %rax\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_step:\n"
	"	mov %edi, %eax\n"
	"	pushfq\n"
	"	orl $0x100, (%rsp)\n"
	"	popfq\n"
	"	nop\n"
	"	syscall\n"
	"	mov %rax, %rcx\n"
	"	pushfq\n"
	"	andl $~0x100, (%rsp)\n"
	"	popfq\n"
	"	ret\n"
	"	.balign 16\n"
	/* (in, out): registers before, after: rbx rbp r8 r9 r10 r12-r15 rdx rdi rsi, flags; then rax rcx r11 */
	"hot_regs:\n"
	"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n"
	"	push %r14\n	push %r15\n	push %rsi\n"
	"	mov %rdi, %rax\n"
	"	mov 0(%rax), %rbx\n	mov 8(%rax), %rbp\n	mov 16(%rax), %r8\n"
	"	mov 24(%rax), %r9\n	mov 32(%rax), %r10\n	mov 40(%rax), %r12\n"
	"	mov 48(%rax), %r13\n	mov 56(%rax), %r14\n	mov 64(%rax), %r15\n"
	"	mov 72(%rax), %rdx\n	mov 80(%rax), %rdi\n	mov 88(%rax), %rsi\n"
	"	push 96(%rax)\n"
	"	mov $110, %eax\n"
	"	movq $0x5aa5, -8(%rsp)\n" /* the red zone, after the popfq */
	"	popfq\n"
	"	movq $0x5aa5, -128(%rsp)\n"
	"	movq $0x1234, -8(%rsp)\n"
	"	syscall\n"
	"hot_regs_behind:\n"
	"	mov %rax, -16(%rsp)\n"
	"	mov -8(%rsp), %rax\n"
	"	mov %rax, -24(%rsp)\n"
	"	mov (%rsp), %rax\n"
	"	mov %rbx, 0(%rax)\n	mov %rbp, 8(%rax)\n	mov %r8, 16(%rax)\n"
	"	mov %r9, 24(%rax)\n	mov %r10, 32(%rax)\n	mov %r12, 40(%rax)\n"
	"	mov %r13, 48(%rax)\n	mov %r14, 56(%rax)\n	mov %r15, 64(%rax)\n"
	"	mov %rdx, 72(%rax)\n	mov %rdi, 80(%rax)\n	mov %rsi, 88(%rax)\n"
	"	mov %rcx, 112(%rax)\n	mov %r11, 120(%rax)\n"
	"	mov -16(%rsp), %rcx\n	mov %rcx, 104(%rax)\n"
	"	mov -24(%rsp), %rcx\n	mov %rcx, 128(%rax)\n"
	"	mov -128(%rsp), %rcx\n	mov %rcx, 136(%rax)\n"
	"	pushfq\n	pop 96(%rax)\n"
	"	cld\n"
	"	pop %rsi\n	pop %r15\n	pop %r14\n	pop %r13\n"
	"	pop %r12\n	pop %rbp\n	pop %rbx\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_end:\n"
	".popsection\n");

char *hot_code;

char *hot_label(const char *label)
{
	return hot_code + (label - hot_start);
}

void *hot_map_fd(int fd)
{
	void *p;

	CHECK_EQ(write(fd, hot_start, (size_t)(hot_end - hot_start)),
		 hot_end - hot_start);
	CHECK_OK(ftruncate(fd, HOT_SIZE));
	p = mmap(NULL, HOT_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	return p;
}

void *hot_map(const char *name)
{
	int fd = CHECK_OK(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
	void *p = hot_map_fd(fd);

	close(fd);
	return p;
}

void hot_set_up(void)
{
	scratch_cd();
	hot_code = hot_map("code");
}

void hot_heat(void)
{
	for (int i = 0; i < HOT; i++) {
		CHECK_EQ(FN(hot_call)(SYS_getppid, 0, 0, 0), getppid());
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getppid());
		CHECK_EQ(FN(hot_at)(0, 0, 0, 0), getppid());
	}
}
