// SPDX-License-Identifier: Apache-2.0
/* An empty address space becomes that of a program. */
#include "sentry/loader/loader.h"

#include <string.h>
#include <sys/auxv.h>

#include "sentry/abi/auxv.h"
#include "sentry/abi/errno.h"
#include "sentry/loader/internal.h"
#include "sentry/task/lifecycle.h"

/* The smallest alternate stack where the host does not say: a frame without AVX state. */
#define MINSIGSTKSZ_FALLBACK 2048

struct auxv {
	uint64_t word[AUXV_WORDS];
	unsigned n;
};

static void aux(struct auxv *a, uint64_t key, uint64_t value)
{
	a->word[a->n++] = key;
	a->word[a->n++] = value;
}

static void make_auxv(struct auxv *a, const struct exec_image *img,
		      const struct elf_mapped *exe, const struct elf_mapped *interp,
		      uaddr_t vdso)
{
	uint64_t minsigstksz = getauxval(AT_MINSIGSTKSZ);

	a->n = 0;
	if (vdso)
		aux(a, LX_AT_SYSINFO_EHDR, vdso);
	aux(a, LX_AT_MINSIGSTKSZ, minsigstksz ? minsigstksz : MINSIGSTKSZ_FALLBACK);
	/* The guest's instructions are the host's. */
	aux(a, LX_AT_HWCAP, getauxval(AT_HWCAP));
	aux(a, LX_AT_PAGESZ, PAGE_SIZE);
	aux(a, LX_AT_CLKTCK, 100);
	aux(a, LX_AT_PHDR, exe->phdr);
	aux(a, LX_AT_PHENT, 56);
	aux(a, LX_AT_PHNUM, img->exe.n_phdr);
	aux(a, LX_AT_BASE, img->interp_file ? interp->bias : 0);
	aux(a, LX_AT_FLAGS, 0);
	aux(a, LX_AT_ENTRY, exe->entry);
	aux(a, LX_AT_UID, img->uid);
	aux(a, LX_AT_EUID, img->euid);
	aux(a, LX_AT_GID, img->gid);
	aux(a, LX_AT_EGID, img->egid);
	aux(a, LX_AT_SECURE, img->secure);
	aux(a, LX_AT_RANDOM, 0);
	aux(a, LX_AT_HWCAP2, getauxval(AT_HWCAP2));
	aux(a, LX_AT_EXECFN, 0);
	aux(a, LX_AT_PLATFORM, 0);
	aux(a, LX_AT_NULL, 0);
}

/* Down from the top of the areas; the mm places the next ones below. */
static uaddr_t place_below(uaddr_t *top, const struct elf_image *e)
{
	uint64_t size = e->max_vaddr - e->min_vaddr;

	if (size > *top)
		return 0;
	*top = (*top - size) & ~(e->align - 1);
	return *top - e->min_vaddr;
}

static int map_program(struct mm *mm, const struct exec_image *img,
		       const struct layout *l, uaddr_t *areas_top, struct elf_mapped *exe)
{
	const struct elf_image *e = &img->exe;
	uaddr_t bias = 0;

	if (e->dyn && img->interp_file)
		bias = (l->pie_base & ~(e->align - 1)) - e->min_vaddr;
	else if (e->dyn)
		/* A loader run by hand, a static PIE:
		 * away from where programs and breaks go. */
		bias = place_below(areas_top, e);
	if (e->max_vaddr + bias > l->mmap_base + (e->dyn ? 0 : PAGE_SIZE) && e->dyn)
		return -ENOMEM;
	return elf_map(mm, img->file, e, bias, &img->limits, exe);
}

static void set_break(struct mm *mm, const struct exec_image *img, const struct layout *l,
		      const struct elf_mapped *exe)
{
	uaddr_t brk = page_up(exe->brk);

	/* Beside a static PIE there is no room to grow. */
	if (img->exe.dyn && !img->interp_file && img->randomize)
		brk = page_down(l->pie_base);
	mm->start_brk = mm->brk = brk + l->brk_offset;
}

static int map_all(struct kernel *k, struct mm *mm, const struct exec_image *img,
		   struct lx_regs *regs)
{
	struct platform *p = kernel_platform(k);
	struct elf_mapped exe, interp = {0};
	uaddr_t areas_top, vdso = 0, sp;
	struct layout l;
	struct auxv auxv;
	int r;

	layout_choose(&l, p->limits.max_addr, img->limits.stack, img->randomize);
	areas_top = mm->mmap_base = l.mmap_base;
	r = map_program(mm, img, &l, &areas_top, &exe);
	if (!r && img->interp_file)
		r = elf_map(mm, img->interp_file, &img->interp,
			    img->interp.dyn ? place_below(&areas_top, &img->interp) : 0,
			    &img->limits, &interp);
	if (r)
		return r;
	set_break(mm, img, &l, &exe);
	r = vdso_map(k, mm, &vdso);
	if (r)
		return r;
	mm->vdso = vdso;
	make_auxv(&auxv, img, &exe, &interp, vdso);
	r = stack_build(mm, &l, img, auxv.word, auxv.n, &sp);
	if (r)
		return r;
	mm->start_code = exe.start_code;
	mm->end_code = exe.end_code;
	mm->start_data = exe.start_data;
	mm->end_data = exe.end_data;
	memcpy(mm->auxv, auxv.word, auxv.n * sizeof(auxv.word[0]));
	mm->auxv_len = auxv.n;
	*regs = (struct lx_regs){
		.rip = img->interp_file ? interp.entry : exe.entry,
		.rsp = sp,
		.cs = 0x33,
		.ss = 0x2b,
		.eflags = 0x202,
		.orig_rax = UINT64_MAX,
	};
	return 0;
}

int loader_map(struct kernel *k, struct mm *mm, const struct exec_image *img,
	       struct lx_regs *regs)
{
	struct addr_space *as = mm->as;
	int r, late = 0;

	if (as->ops->batch)
		as->ops->batch(as, true);
	r = map_all(k, mm, img, regs);
	if (as->ops->batch)
		late = as->ops->batch(as, false);
	return r ? r : late;
}
