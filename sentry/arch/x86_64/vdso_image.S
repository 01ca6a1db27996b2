// SPDX-License-Identifier: Apache-2.0
/* The built vDSO, as bytes. The Makefile defines VDSO_IMAGE. */
	.section .rodata
	.globl vdso_image
	.globl vdso_image_end
	.balign 16
vdso_image:
	.incbin VDSO_IMAGE
vdso_image_end:

	.section .note.GNU-stack, "", @progbits
