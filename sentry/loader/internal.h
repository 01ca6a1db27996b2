// SPDX-License-Identifier: Apache-2.0
/* Between the files of sentry/loader. */
#pragma once

#include "sentry/loader/loader.h"

/* Where things go in a new address space, decided once. */
struct layout {
	uaddr_t stack_top;    /* first byte behind the stack */
	uaddr_t mmap_base;    /* areas grow down from here */
	uaddr_t pie_base;     /* a PIE program with an interpreter starts here or above */
	uint64_t brk_offset;  /* between the end of bss and the break */
	uint64_t stack_slide; /* bytes left free at the stack's pointer end, < 8192 */
};

/* layout.c: as Linux does on x86-64; without @randomize always the same. */
void layout_choose(struct layout *l, uaddr_t max_addr, uint64_t stack_limit,
		   bool randomize);

struct elf_mapped {
	uaddr_t bias, entry, phdr;				 /* absolute */
	uaddr_t start_code, end_code, start_data, end_data, brk; /* end_*: exact */
};

/* elf_map.c: every PT_LOAD of @e at @bias. */
int elf_map(struct mm *mm, struct file *f, const struct elf_image *e, uaddr_t bias,
	    const struct mm_limits *limits, struct elf_mapped *out);

/* stack.c */
#define AUXV_WORDS 48
/*
 * stack_build - map the stack and write what a program finds there. @auxv: pairs for
 * which AT_RANDOM, AT_EXECFN and AT_PLATFORM get their addresses here; @n_auxv words
 * incl. AT_NULL.
 */
int stack_build(struct mm *mm, const struct layout *l, const struct exec_image *img,
		uint64_t *auxv, unsigned n_auxv, uaddr_t *sp);
