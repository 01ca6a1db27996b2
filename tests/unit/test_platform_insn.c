// SPDX-License-Identifier: Apache-2.0
// LINK: platform/stub/insn.c
/* What may stand behind a patched system call, and how long it is (platform/stub/insn.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "platform/stub/sites.h"

struct vector {
	uint8_t code[PATCH_SPAN - PATCH_BEFORE]; /* padded with 0x90 */
	unsigned size;
	const char *what;
};

#define NOPS 0x90, 0x90, 0x90, 0x90
#define V(size, what, ...)                                                               \
	{                                                                                \
		{__VA_ARGS__, NOPS}, size, what                                          \
	}

static const struct vector vectors[] = {
	V(6, "cmp $-4096, %rax", 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff),
	V(5, "cmp $-4096, %eax", 0x3d, 0x00, 0xf0, 0xff, 0xff),
	V(3, "test %rax, %rax", 0x48, 0x85, 0xc0),
	V(3, "mov %rax, %rdi", 0x48, 0x89, 0xc7),
	V(3, "mov %rax, (%rsi)", 0x48, 0x89, 0x06),
	V(4, "mov %rax, 8(%rsi)", 0x48, 0x89, 0x46, 0x08),
	V(5, "mov %rax, 8(%rsp)", 0x48, 0x89, 0x44, 0x24, 0x08),
	V(7, "mov %rax, 0x100(%rbx)", 0x48, 0x89, 0x83, 0x00, 0x01, 0x00, 0x00),
	V(8, "mov %rax, 0x100(%rsp)", 0x48, 0x89, 0x84, 0x24, 0x00, 0x01, 0x00, 0x00),
	V(6, "mov $1, %r8d", 0x41, 0xb8, 0x01, 0x00, 0x00, 0x00),
	V(4, "cmp $0, %rax", 0x48, 0x83, 0xf8, 0x00),
	V(7, "mov $0, %rax", 0x48, 0xc7, 0xc0, 0x00, 0x00, 0x00, 0x00),
	V(3, "neg %rax", 0x48, 0xf7, 0xd8),
	V(4, "cmovs %rcx, %rax", 0x48, 0x0f, 0x48, 0xc1),
	V(3, "sete %al", 0x0f, 0x94, 0xc0),
	V(3, "movzbl %al, %eax", 0x0f, 0xb6, 0xc0),
	V(1, "ret before a nop", 0xc3, 0x0f, 0x1f, 0x00),
	V(1, "ret before a long nop", 0xc3, 0x66, 0x2e, 0x0f, 0x1f, 0x84),
	V(1, "ret before int3", 0xc3, 0xcc, 0xcc),
	/* too short for the jump, other instructions would be taken away */
	V(0, "mov %eax, %edi", 0x89, 0xc7),
	V(0, "test %eax, %eax", 0x85, 0xc0),
	V(0, "pop %rbx", 0x5b, 0xc3, 0x90),
	V(0, "ret before code", 0xc3, 0x48, 0x89, 0xf8),
	V(0, "ret before movdqa", 0xc3, 0x66, 0x0f, 0x6f, 0xc1),
	V(0, "ret before one nop", 0xc3, 0x90, 0x55),
	/* not the same anywhere, or not behind itself next */
	V(0, "mov %rax, 0(%rip)", 0x48, 0x89, 0x05, 0x00, 0x00, 0x00, 0x00),
	V(0, "lea 0(%rip), %rcx", 0x48, 0x8d, 0x0d, 0x00, 0x00, 0x00, 0x00),
	V(0, "jmp", 0xe9, 0x00, 0x00, 0x00, 0x00),
	V(0, "call", 0xe8, 0x00, 0x00, 0x00, 0x00),
	V(0, "je", 0x0f, 0x84, 0x00, 0x00, 0x00, 0x00),
	V(0, "call *%rax", 0x41, 0xff, 0xd0),
	V(0, "xbegin", 0xc7, 0xf8, 0x00, 0x00, 0x00, 0x00),
	V(0, "syscall", 0x0f, 0x05, 0x90),
	/* unknown to us, or none */
	V(0, "test with an immediate", 0x48, 0xf7, 0xc0, 0x01, 0x00, 0x00, 0x00),
	V(0, "mov of 64 bits", 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8),
	V(0, "lea of a register", 0x48, 0x8d, 0xc0),
	V(0, "SIB without a base", 0x48, 0x8b, 0x04, 0x25, 0x00, 0x00, 0x00, 0x00),
	V(0, "an operand size prefix", 0x66, 0x89, 0xc7),
};

static void test_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct vector *v = &vectors[i];
		unsigned size = stub_insn_movable(v->code, sizeof(v->code));

		if (size != v->size)
			fail_msg("%s: %u bytes, want %u", v->what, size, v->size);
	}
}

/* It never looks, or claims to reach, beyond what is there. */
static void test_bounds(void **state)
{
	uint8_t code[PATCH_SPAN - PATCH_BEFORE];
	uint32_t x = 1;

	(void)state;
	for (unsigned round = 0; round < 2000000; round++) {
		for (size_t i = 0; i < sizeof(code); i++) {
			x = x * 1664525 + 1013904223;
			code[i] = (uint8_t)(x >> 24);
		}
		assert_true(stub_insn_movable(code, sizeof(code)) <= sizeof(code));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
