// SPDX-License-Identifier: Apache-2.0
/* Segments of a program into areas. */
#include "sentry/abi/errno.h"
#include "sentry/abi/mman.h"
#include "sentry/loader/internal.h"
#include "sentry/mm/umem.h"

enum { PT_LOAD = 1, PF_X = 1, PF_W = 2, PF_R = 4 };

static unsigned segment_prot(const struct elf_phdr *p)
{
	return (p->flags & PF_R ? LX_PROT_READ : 0) |
	       (p->flags & PF_W ? LX_PROT_WRITE : 0) |
	       (p->flags & PF_X ? LX_PROT_EXEC : 0);
}

static int map_file_part(struct mm *mm, struct file *f, const struct elf_phdr *p,
			 uaddr_t start, uint64_t size, const struct mm_limits *limits)
{
	unsigned prot = segment_prot(p), may;
	struct mmap_args a = {
		.addr = start,
		.size = size,
		.prot = prot,
		.flags = LX_MAP_PRIVATE | LX_MAP_FIXED,
		.file = f,
		.off = page_down(p->offset),
		.limits = limits,
	};
	uaddr_t out;
	int r;

	/* VM_READ.. and PROT_READ.. are the same bits. */
	r = file_mappable(f, prot, a.off, size, &a.m, &may);
	if (r)
		return r;
	a.may = may;
	r = mm_mmap(mm, &a, &out);
	a.m->ops->put(a.m);
	return r;
}

static int map_zero_part(struct mm *mm, uaddr_t start, uint64_t size, unsigned prot,
			 const struct mm_limits *limits)
{
	struct mmap_args a = {
		.addr = start,
		.size = size,
		.prot = prot,
		.flags = LX_MAP_PRIVATE | LX_MAP_FIXED | LX_MAP_ANONYMOUS,
		.limits = limits,
	};
	uaddr_t out;

	return mm_mmap(mm, &a, &out);
}

static int map_segment(struct mm *mm, struct file *f, const struct elf_phdr *p,
		       uaddr_t bias, const struct mm_limits *limits)
{
	uaddr_t start = page_down(bias + p->vaddr);
	uaddr_t file_end = bias + p->vaddr + p->filesz, end = bias + p->vaddr + p->memsz;
	uaddr_t zero_start = p->filesz ? page_up(file_end) : start;
	const struct umem u = {.mm = mm};
	int r;

	if (p->filesz) {
		r = map_file_part(mm, f, p, start, zero_start - start, limits);
		if (r)
			return r;
		/* The rest of the last page is the file's next bytes:
		 * bss must be zero. */
		if (p->memsz > p->filesz && zero_start != file_end && (p->flags & PF_W)) {
			r = clear_user(&u, file_end, zero_start - file_end);
			if (r)
				return r;
		}
	}
	if (page_up(end) > zero_start)
		return map_zero_part(mm, zero_start, page_up(end) - zero_start,
				     segment_prot(p), limits);
	return 0;
}

static void note_ranges(const struct elf_phdr *p, uaddr_t bias, struct elf_mapped *out)
{
	uaddr_t start = bias + p->vaddr, file_end = start + p->filesz;

	if ((p->flags & PF_X) && start < out->start_code)
		out->start_code = start;
	if (start > out->start_data)
		out->start_data = start;
	if ((p->flags & PF_X) && file_end > out->end_code)
		out->end_code = file_end;
	if (file_end > out->end_data)
		out->end_data = file_end;
	if (start + p->memsz > out->brk)
		out->brk = start + p->memsz;
}

int elf_map(struct mm *mm, struct file *f, const struct elf_image *e, uaddr_t bias,
	    const struct mm_limits *limits, struct elf_mapped *out)
{
	*out = (struct elf_mapped){
		.bias = bias, .entry = bias + e->entry, .start_code = UINT64_MAX};
	for (unsigned i = 0; i < e->n_phdr; i++) {
		const struct elf_phdr *p = &e->phdr[i];
		int r;

		if (p->type != PT_LOAD || !p->memsz)
			continue;
		r = map_segment(mm, f, p, bias, limits);
		if (r)
			return r;
		note_ranges(p, bias, out);
		/* The headers' own address, if a segment brings them along. */
		if (e->phoff >= p->offset && e->phoff - p->offset < p->filesz)
			out->phdr = bias + p->vaddr + (e->phoff - p->offset);
	}
	if (out->start_code == UINT64_MAX)
		out->start_code = 0;
	return 0;
}
