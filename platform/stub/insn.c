// SPDX-License-Identifier: Apache-2.0
/*
 * Just enough of the instruction set to say of what usually stands behind a system call how
 * long it is, and that it does the same anywhere.
 */
#include "platform/stub/sites.h"

#include <string.h>

#define REX_W 8
#define RET   0xc3

/* What assemblers and linkers put between functions, two bytes at least; nobody jumps there. */
static bool is_padding(const uint8_t *p, unsigned n)
{
	unsigned i = 0;

	while (i + 2 < n && (p[i] == 0x66 || p[i] == 0x2e))
		i++;
	return (p[i] == 0x0f && p[i + 1] == 0x1f) ||
	       (p[i] == 0x90 && (i || p[1] == 0x90)) ||
	       (i == 0 && p[0] == 0xcc && p[1] == 0xcc);
}

/* Bytes of a ModRM operand with its SIB and displacement; 0: relative to rip, or cut off. */
static unsigned modrm_size(const uint8_t *p, unsigned n)
{
	const unsigned mod = n ? p[0] >> 6 : 0, rm = n ? p[0] & 7 : 0;
	unsigned size = 1;

	if (!n || (mod == 0 && rm == 5))
		return 0;
	if (mod == 3)
		return size;
	if (rm == 4) {
		if (n < 2 || (mod == 0 && (p[1] & 7) == 5))
			return 0;
		size++;
	}
	return size + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

/* Bytes of immediate behind the ModRM operand, which begins at @p; -1: none of ours. */
static int modrm_imm(uint8_t op, const uint8_t *p)
{
	/* add or and sub xor cmp, movslq, test, mov */
	static const uint8_t none[] = {0x01, 0x03, 0x09, 0x0b, 0x21, 0x23, 0x29,
				       0x2b, 0x31, 0x33, 0x39, 0x3b, 0x63, 0x84,
				       0x85, 0x88, 0x89, 0x8a, 0x8b};
	const unsigned reg = p[0] >> 3 & 7;

	if (memchr(none, op, sizeof(none)))
		return 0;
	switch (op) {
	case 0x8d: /* lea; of a register there is none, and it would fault as a patched place does */
		return p[0] >> 6 == 3 ? -1 : 0;
	case 0x80: /* add ... cmp */
	case 0x83:
	case 0xc1: /* shifts */
		return 1;
	case 0x81:
		return 4;
	case 0xc6: /* mov, or else xabort */
		return reg ? -1 : 1;
	case 0xc7: /* mov, or else xbegin */
		return reg ? -1 : 4;
	case 0xf7: /* not, neg; test has an immediate */
		return reg == 2 || reg == 3 ? 0 : -1;
	default:
		return -1;
	}
}

/* Two-byte instructions: cmov, set, movzx, movsx, nop. */
static bool is_two_byte(uint8_t op)
{
	return (op & 0xf0) == 0x40 || (op & 0xf0) == 0x90 || op == 0xb6 || op == 0xb7 ||
	       op == 0xbe || op == 0xbf || op == 0x1f;
}

/* The same, without its prefix and however long it is. */
static unsigned insn_size(const uint8_t *p, unsigned n, bool wide)
{
	unsigned size;
	int imm;

	if (n < 6)
		return 0;
	/* add, or, ..., cmp with an immediate in eax or rax; test */
	if ((p[0] & 0xc7) == 0x05 || p[0] == 0xa9)
		return 5;
	if (p[0] >= 0xb8 && p[0] <= 0xbf) /* mov of an immediate */
		return wide ? 0 : 5;
	if (p[0] == 0x0f) {
		size = is_two_byte(p[1]) ? modrm_size(p + 2, n - 2) : 0;
		return size ? 2 + size : 0;
	}
	imm = modrm_imm(p[0], p + 1);
	size = imm < 0 ? 0 : modrm_size(p + 1, n - 1);
	return size ? 1 + size + (unsigned)imm : 0;
}

unsigned stub_insn_movable(const uint8_t *p, unsigned n)
{
	const bool rex = (p[0] & 0xf0) == 0x40;
	unsigned size;

	if (p[0] == RET && is_padding(p + 1, n - 1))
		return 1;
	size = insn_size(p + rex, n - rex, rex && p[0] & REX_W);
	if (!size || size + rex < 3 || size + rex > n)
		return 0;
	return size + rex;
}
