// SPDX-License-Identifier: Apache-2.0
/*
 * ELF headers: 64-bit, little-endian, x86-64 programs. The file is whatever a guest has
 * put together: every number is checked before it is used, and read once.
 */
#include <string.h>

#include "sentry/abi/errno.h"
#include "sentry/base/alloc.h"
#include "sentry/base/bytes.h"
#include "sentry/loader/loader.h"

#define EHDR_SIZE 64
#define PHDR_SIZE 56

enum { ET_EXEC = 2, ET_DYN = 3, EM_X86_64 = 62 };
enum { PT_LOAD = 1, PT_INTERP = 3, PT_GNU_STACK = 0x6474e551, PF_X = 1 };

/* Addresses a 64-bit program can have at all. */
#define ELF_MAX_ADDR 0x7ffffffff000ull

static void parse_phdr(struct reader *r, struct elf_phdr *p)
{
	p->type = read_le32(r);
	p->flags = read_le32(r);
	p->offset = read_le64(r);
	p->vaddr = read_le64(r);
	p->paddr = read_le64(r);
	p->filesz = read_le64(r);
	p->memsz = read_le64(r);
	p->align = read_le64(r);
}

static int parse_ehdr(const uint8_t h[EHDR_SIZE], struct elf_image *e)
{
	uint16_t type = get_le16(h + 16);

	if (memcmp(h, "\177ELF", 4) || h[4] != 2 /* 64 bits */ || h[5] != 1 /* LSB */)
		return -ENOEXEC;
	if ((type != ET_EXEC && type != ET_DYN) || get_le16(h + 18) != EM_X86_64)
		return -ENOEXEC;
	if (get_le16(h + 54) != PHDR_SIZE)
		return -ENOEXEC;
	e->dyn = type == ET_DYN;
	e->entry = get_le64(h + 24);
	e->phoff = get_le64(h + 32);
	e->n_phdr = get_le16(h + 56);
	if (!e->n_phdr || e->n_phdr > ELF_PHDRS_MAX || e->phoff > INT64_MAX - 65536)
		return -ENOEXEC;
	return 0;
}

static int read_phdrs(struct file *f, struct elf_image *e)
{
	size_t size = e->n_phdr * PHDR_SIZE;
	AUTO_FREE uint8_t *buf = mem_alloc(size);
	struct reader r;
	ssize_t n;

	e->phdr = mem_calloc(e->n_phdr, sizeof(*e->phdr));
	if (!buf || !e->phdr)
		return -ENOMEM;
	n = file_kernel_read(f, buf, size, (int64_t)e->phoff);
	if (n != (ssize_t)size)
		return n < 0 ? (int)n : -ENOEXEC;
	reader_init(&r, buf, size);
	for (unsigned i = 0; i < e->n_phdr; i++)
		parse_phdr(&r, &e->phdr[i]);
	return 0;
}

static int check_load(const struct elf_phdr *p, struct elf_image *e)
{
	uint64_t end, off_end;

	if (p->filesz > p->memsz)
		return -ENOEXEC;
	/* File and memory must agree within a page, or nothing can be mapped. */
	if ((p->vaddr ^ p->offset) & ~PAGE_MASK)
		return -ENOEXEC;
	if (!add_ok(p->vaddr, p->memsz, &end) || end > ELF_MAX_ADDR)
		return -ENOEXEC;
	if (!add_ok(p->offset, p->filesz, &off_end) || off_end > INT64_MAX - PAGE_SIZE)
		return -ENOEXEC;
	if (p->align > e->align && !(p->align & (p->align - 1)) && p->align <= 1ull << 40)
		e->align = p->align;
	if (page_down(p->vaddr) < e->min_vaddr)
		e->min_vaddr = page_down(p->vaddr);
	if (page_up(end) > e->max_vaddr)
		e->max_vaddr = page_up(end);
	return 0;
}

static int read_interp(struct file *f, const struct elf_phdr *p, struct elf_image *e)
{
	ssize_t n;

	if (p->filesz < 2 || p->filesz > LX_PATH_MAX ||
	    p->offset > INT64_MAX - LX_PATH_MAX)
		return -ENOEXEC;
	e->interp = mem_alloc(p->filesz);
	if (!e->interp)
		return -ENOMEM;
	n = file_kernel_read(f, e->interp, p->filesz, (int64_t)p->offset);
	if (n != (ssize_t)p->filesz)
		return n < 0 ? (int)n : -EIO;
	return e->interp[p->filesz - 1] ? -ENOEXEC : 0;
}

static int check_phdrs(struct file *f, struct elf_image *e, bool is_interp)
{
	unsigned n_load = 0;
	int r = 0;

	e->min_vaddr = UINT64_MAX;
	e->align = PAGE_SIZE;
	for (unsigned i = 0; i < e->n_phdr && !r; i++) {
		const struct elf_phdr *p = &e->phdr[i];

		switch (p->type) {
		case PT_LOAD:
			n_load++;
			r = check_load(p, e);
			break;
		case PT_INTERP:
			/* An interpreter is not interpreted. The first one counts. */
			if (!is_interp && !e->interp)
				r = read_interp(f, p, e);
			break;
		case PT_GNU_STACK:
			e->exec_stack = p->flags & PF_X;
			break;
		}
	}
	if (r)
		return r;
	return n_load ? 0 : -ENOEXEC;
}

int elf_read(struct file *f, bool is_interp, struct elf_image *out)
{
	uint8_t h[EHDR_SIZE];
	struct elf_image e = {0};
	ssize_t n;
	int r;

	*out = (struct elf_image){0};
	n = file_kernel_read(f, h, sizeof(h), 0);
	if (n == sizeof(h))
		r = parse_ehdr(h, &e);
	else
		r = n < 0 && n != -ENOEXEC ? (int)n : -ENOEXEC;
	if (!r)
		r = read_phdrs(f, &e);
	if (!r)
		r = check_phdrs(f, &e, is_interp);
	if (r) {
		elf_free(&e);
		return is_interp && r == -ENOEXEC ? -ELIBBAD : r;
	}
	*out = e;
	return 0;
}

void elf_free(struct elf_image *e)
{
	mem_free(e->phdr);
	mem_free(e->interp);
	*e = (struct elf_image){0};
}
