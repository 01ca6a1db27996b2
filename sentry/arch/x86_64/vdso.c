// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's side of the vDSO (design D19): one copy of the image for the sandbox, in
 * the page pool, with the addresses of the host's functions filled in; every program maps
 * it.
 */
#include "sentry/arch/x86_64/vdso.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "platform/platform.h"
#include "sentry/abi/errno.h"
#include "sentry/abi/mman.h"
#include "sentry/arch/x86_64/vdso/table.h"
#include "sentry/base/alloc.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/shmem.h"
#include "sentry/mm/uio.h"
#include "sentry/task/kernel.h"
#include "sentry/task/lifecycle.h"

extern const uint8_t vdso_image[], vdso_image_end[];

struct vdso {
	struct mappable *image; /* a reference */
	uint64_t size;
};

/* --- the host's functions -------------------------------------------------------- */

/* What of our own vDSO is needed to look names up. It is trusted: the host made it. */
struct host_vdso {
	const uint8_t *base;
	const Elf64_Sym *sym;
	const char *str;
	uint32_t n_sym;
	uint64_t load_addr;
};

static bool host_vdso_open(struct host_vdso *v)
{
	uintptr_t base = getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)base;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(base + (eh ? eh->e_phoff : 0));
	const Elf64_Dyn *dyn = NULL;
	const uint32_t *hash = NULL;

	*v = (struct host_vdso){.base = (const uint8_t *)base};
	if (!eh)
		return false;
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD)
			v->load_addr = ph[i].p_vaddr - ph[i].p_offset;
		else if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const Elf64_Dyn *)(v->base + ph[i].p_offset);
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const uint8_t *p = v->base + (dyn->d_un.d_ptr - v->load_addr);

		if (dyn->d_tag == DT_SYMTAB)
			v->sym = (const Elf64_Sym *)p;
		else if (dyn->d_tag == DT_STRTAB)
			v->str = (const char *)p;
		else if (dyn->d_tag == DT_HASH)
			hash = (const uint32_t *)p;
	}
	/* nbucket, nchain: as many chains as symbols. */
	v->n_sym = hash ? hash[1] : 0;
	return v->sym && v->str && v->n_sym;
}

/* The address in a guest process, where the host's vDSO stands at @at; 0: it has none. */
static uint64_t host_function(const struct host_vdso *v, uaddr_t at, const char *name)
{
	for (uint32_t i = 0; i < v->n_sym; i++) {
		if (v->sym[i].st_shndx != SHN_UNDEF &&
		    !strcmp(v->str + v->sym[i].st_name, name))
			return at + (v->sym[i].st_value - v->load_addr);
	}
	return 0;
}

static void fill_table(struct vdso_table *tab, uaddr_t at)
{
	struct host_vdso v;

	if (!host_vdso_open(&v))
		return;
	tab->clock_gettime = host_function(&v, at, "__vdso_clock_gettime");
	tab->gettimeofday = host_function(&v, at, "__vdso_gettimeofday");
	tab->time = host_function(&v, at, "__vdso_time");
	tab->clock_getres = host_function(&v, at, "__vdso_clock_getres");
	tab->getcpu = host_function(&v, at, "__vdso_getcpu");
}

/* --- the image -------------------------------------------------------------------- */

static int write_image(struct mappable *image, uint8_t *bytes, size_t size,
		       uaddr_t host_at)
{
	static const uint64_t magic = VDSO_TABLE_MAGIC;
	struct vdso_table *tab = NULL;
	struct uio u;
	ssize_t r;

	for (size_t i = 0; i + sizeof(*tab) <= size && !tab; i += 64) {
		if (!memcmp(bytes + i, &magic, sizeof(magic)))
			tab = (struct vdso_table *)(bytes + i);
	}
	BUG_ON(!tab);
	fill_table(tab, host_at);
	uio_init_kernel(&u, bytes, size);
	r = shmem_write(container_of(image, struct shmem, map), 0, &u, size);
	return r < 0 ? (int)r : (size_t)r == size ? 0 : -ENOMEM;
}

static int vdso_create(struct kernel *k, struct vdso **out)
{
	size_t size = (size_t)(vdso_image_end - vdso_image);
	AUTO_FREE uint8_t *bytes = mem_dup(vdso_image, size);
	struct vdso *v = mem_zalloc(sizeof(*v));
	int r = bytes && v ? 0 : -ENOMEM;

	*out = NULL;
	if (!r) {
		v->size = page_up(size);
		r = shmem_create(k->pool, v->size, &v->image);
	}
	if (!r)
		r = write_image(v->image, bytes, size, k->platform->limits.host_vdso);
	if (r) {
		vdso_free(v);
		return r;
	}
	*out = v;
	return 0;
}

void vdso_free(struct vdso *v)
{
	if (v && v->image)
		v->image->ops->put(v->image);
	mem_free(v);
}

/* Two first programs may race to make it: one of the two copies is thrown away. */
static int vdso_get(struct kernel *k, struct vdso **out)
{
	struct vdso *v = atomic_load_explicit(&k->vdso, memory_order_acquire), *fresh;
	int r;

	if (!v) {
		r = vdso_create(k, &fresh);
		if (r)
			return r;
		if (atomic_compare_exchange_strong(&k->vdso, &v, fresh))
			v = fresh;
		else
			vdso_free(fresh);
	}
	*out = v;
	return 0;
}

int vdso_map(struct kernel *k, struct mm *mm, uaddr_t *base)
{
	struct mmap_args a = {
		.prot = LX_PROT_READ | LX_PROT_EXEC,
		.flags = LX_MAP_PRIVATE,
		/* Writable in private: debuggers set breakpoints there. */
		.may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC,
		.vm_flags = VM_VDSO,
		.name = "[vdso]",
	};
	struct vdso *v;
	int r;

	*base = 0;
	if (!k->platform->limits.host_vdso)
		return 0;
	r = vdso_get(k, &v);
	if (r)
		return r;
	a.m = v->image;
	a.size = v->size;
	return mm_mmap(mm, &a, base);
}
