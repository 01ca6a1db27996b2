// SPDX-License-Identifier: Apache-2.0
/*
 * The first stack of a program, from the top:
 *
 *	8 zero bytes, the program's name, environment strings, argument strings,
 *	platform name, 16 random bytes, a gap,
 *	auxv, environment pointers, argument pointers, argc   <- rsp, 16-aligned
 *
 * It is put together in one buffer and copied out in one piece.
 */
#include <string.h>

#include "sentry/abi/auxv.h"
#include "sentry/abi/errno.h"
#include "sentry/abi/mman.h"
#include "sentry/base/alloc.h"
#include "sentry/base/bytes.h"
#include "sentry/base/host.h"
#include "sentry/loader/internal.h"
#include "sentry/mm/umem.h"

/* Room to use at once without growing the area. */
#define STACK_EXTRA (32 * PAGE_SIZE)

struct stack_image {
	uint8_t *buf; /* [base, top) */
	size_t size;
	uaddr_t top;
	uaddr_t execfn, envp, argv, platform, random; /* where strings begin */
};

static uaddr_t push(struct stack_image *s, uaddr_t *pos, const void *bytes, size_t n)
{
	*pos -= n;
	if (n)
		memcpy(s->buf + s->size - (s->top - *pos), bytes, n);
	return *pos;
}

/* Argument strings in their order: what scripts put in front, then argv's rest. */
static uaddr_t push_argv(struct stack_image *s, uaddr_t *pos, const struct exec_args *a)
{
	size_t skip = a->skip_argv0 ? strlen(a->argv.buf) + 1 : 0;

	push(s, pos, a->argv.buf + skip, a->argv.len - skip);
	return push(s, pos, a->head.buf, a->head.len);
}

/* One pointer a string, found by walking over the strings as they lie on the stack. */
static void put_pointers(struct stack_image *s, struct writer *w, uaddr_t addr,
			 unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		write_le64(w, addr);
		addr += strlen((char *)s->buf + s->size - (s->top - addr)) + 1;
	}
	write_le64(w, 0);
}

static void fill_auxv(const struct stack_image *s, uint64_t *auxv, unsigned n)
{
	for (unsigned i = 0; i + 1 < n; i += 2) {
		switch (auxv[i]) {
		case LX_AT_RANDOM:
			auxv[i + 1] = s->random;
			break;
		case LX_AT_EXECFN:
			auxv[i + 1] = s->execfn;
			break;
		case LX_AT_PLATFORM:
			auxv[i + 1] = s->platform;
			break;
		}
	}
}

static int map_stack(struct mm *mm, const struct exec_image *img, uaddr_t low,
		     uaddr_t top)
{
	struct mmap_args a = {
		.addr = low,
		.size = top - low,
		.prot = LX_PROT_READ | LX_PROT_WRITE |
			(img->exe.exec_stack ? LX_PROT_EXEC : 0),
		.flags = LX_MAP_PRIVATE | LX_MAP_ANONYMOUS | LX_MAP_FIXED_NOREPLACE |
			 LX_MAP_GROWSDOWN,
		.vm_flags = VM_STACK,
		.name = "[stack]",
		.limits = &img->limits,
	};
	uaddr_t out;
	int r = mm_mmap(mm, &a, &out);

	return r == -EEXIST ? -ENOMEM : r;
}

/* Writes all of it into the buffer; returns the stack pointer. */
static uaddr_t compose(struct stack_image *s, const struct layout *l,
		       const struct exec_image *img, uint64_t *auxv, unsigned n_auxv)
{
	const struct exec_args *a = img->args;
	unsigned argc = exec_args_argc(a);
	size_t words = 1 + argc + 1 + a->envp.n + 1 + n_auxv;
	static const char platform[] = "x86_64";
	uint8_t random[16] = {0};
	uaddr_t pos = s->top, sp;
	struct writer w;

	host_getrandom(random, sizeof(random));
	push(s, &pos, "\0\0\0\0\0\0\0", 8);
	s->execfn = push(s, &pos, img->execfn, strlen(img->execfn) + 1);
	s->envp = push(s, &pos, a->envp.buf, a->envp.len);
	s->argv = push_argv(s, &pos, a);
	pos = (pos - l->stack_slide) & ~0xfull;
	s->platform = push(s, &pos, platform, sizeof(platform));
	s->random = push(s, &pos, random, sizeof(random));
	sp = ((pos & ~0xfull) - words * 8) & ~0xfull;
	fill_auxv(s, auxv, n_auxv);
	writer_init(&w, s->buf + s->size - (s->top - sp), words * 8);
	write_le64(&w, argc);
	put_pointers(s, &w, s->argv, argc);
	put_pointers(s, &w, s->envp, a->envp.n);
	for (unsigned i = 0; i < n_auxv; i++)
		write_le64(&w, auxv[i]);
	return sp;
}

int stack_build(struct mm *mm, const struct layout *l, const struct exec_image *img,
		uint64_t *auxv, unsigned n_auxv, uaddr_t *sp)
{
	const struct exec_args *a = img->args;
	const struct umem u = {.mm = mm};
	struct stack_image s = {.top = l->stack_top};
	size_t need;
	int r;

	/* Everything compose() pushes, with room for its alignments. */
	need = 8 + strlen(img->execfn) + 1 + a->head.len + a->argv.len + a->envp.len +
	       l->stack_slide + 128 +
	       (4 + exec_args_argc(a) + a->envp.n + n_auxv) * sizeof(uint64_t);
	s.size = page_up(need);
	s.buf = mem_zalloc(s.size);
	if (!s.buf)
		return -ENOMEM;
	*sp = compose(&s, l, img, auxv, n_auxv);
	r = map_stack(mm, img, l->stack_top - s.size - STACK_EXTRA, l->stack_top);
	if (!r)
		r = copy_to_user(&u, *sp, s.buf + s.size - (s.top - *sp), s.top - *sp);
	mem_free(s.buf);
	mm->arg_start = s.argv;
	mm->arg_end = mm->env_start = s.envp;
	mm->env_end = s.execfn;
	mm->start_stack = *sp;
	return r;
}
