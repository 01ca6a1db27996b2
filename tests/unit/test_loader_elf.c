// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/loader/elf.c sentry/loader/script.c sentry/loader/args.c
/* Headers, first lines and argument vectors as a hostile guest would write them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sentry/base/alloc.h"
#include "sentry/base/bytes.h"
#include "sentry/loader/loader.h"

/* --- a file in memory ---------------------------------------------------- */

struct mem_file {
	struct file f;
	const uint8_t *bytes;
	size_t size;
};

ssize_t file_kernel_read(struct file *f, void *buf, size_t n, int64_t pos)
{
	struct mem_file *m = container_of(f, struct mem_file, f);

	assert_true(pos >= 0);
	if ((uint64_t)pos > m->size || n > m->size - (uint64_t)pos)
		return -ENOEXEC;
	memcpy(buf, m->bytes + pos, n);
	return (ssize_t)n;
}

/* --- an ELF program ------------------------------------------------------ */

#define FILE_SIZE 1024
enum { TYPE = 16, MACHINE = 18, ENTRY = 24, PHOFF = 32, PHENTSIZE = 54, PHNUM = 56 };
/* Offsets of a program header's fields. */
enum {
	P_TYPE = 0,
	P_FLAGS = 4,
	P_OFFSET = 8,
	P_VADDR = 16,
	P_FILESZ = 32,
	P_MEMSZ = 40,
	P_ALIGN = 48,
	P_SIZE = 56
};

static uint8_t image[FILE_SIZE];

static uint8_t *phdr(unsigned i)
{
	return image + 64 + i * P_SIZE;
}

static void put_phdr(unsigned i, uint32_t type, uint64_t off, uint64_t vaddr,
		     uint64_t filesz, uint64_t memsz)
{
	put_le32(phdr(i) + P_TYPE, type);
	put_le32(phdr(i) + P_FLAGS, 5);
	put_le64(phdr(i) + P_OFFSET, off);
	put_le64(phdr(i) + P_VADDR, vaddr);
	put_le64(phdr(i) + P_FILESZ, filesz);
	put_le64(phdr(i) + P_MEMSZ, memsz);
	put_le64(phdr(i) + P_ALIGN, 4096);
}

/* Two segments and an interpreter. */
static void make_program(void)
{
	memset(image, 0, sizeof(image));
	memcpy(image, "\177ELF\2\1\1", 7);
	put_le16(image + TYPE, 3);
	put_le16(image + MACHINE, 62);
	put_le64(image + ENTRY, 0x1040);
	put_le64(image + PHOFF, 64);
	put_le16(image + PHENTSIZE, P_SIZE);
	put_le16(image + PHNUM, 3);
	put_phdr(0, 1, 0, 0, 512, 512);
	put_phdr(1, 1, 0x200, 0x2200, 256, 0x3000);
	put_phdr(2, 3, 0x380, 0x380, 12, 12);
	memcpy(image + 0x380, "/lib/ld.so.2", 12);
	image[0x380 + 11] = 0;
}

static int parse(bool is_interp, size_t size, struct elf_image *e)
{
	struct mem_file m = {.bytes = image, .size = size};

	return elf_read(&m.f, is_interp, e);
}

static void good_program(void **state)
{
	struct elf_image e;

	(void)state;
	make_program();
	assert_int_equal(parse(false, FILE_SIZE, &e), 0);
	assert_true(e.dyn);
	assert_int_equal(e.entry, 0x1040);
	assert_int_equal(e.min_vaddr, 0);
	assert_int_equal(e.max_vaddr, 0x6000);
	assert_int_equal(e.align, 4096);
	assert_string_equal(e.interp, "/lib/ld.so.");
	assert_false(e.exec_stack);
	elf_free(&e);
	/* An interpreter's own PT_INTERP does not count. */
	assert_int_equal(parse(true, FILE_SIZE, &e), 0);
	assert_null(e.interp);
	elf_free(&e);
}

static void refused(void **state)
{
	static const struct {
		unsigned at, width;
		uint64_t value;
	} bad[] = {
		{0, 1, 'X'},
		{4, 1, 1},
		{5, 1, 2},
		{TYPE, 2, 1},
		{MACHINE, 2, 3},
		{PHENTSIZE, 2, 32},
		{PHNUM, 2, 0},
		{PHNUM, 2, 0xffff},
		{PHOFF, 8, 1ull << 63},
		{PHOFF, 8, INT64_MAX},
		{PHOFF, 8, FILE_SIZE},
		{64 + P_FILESZ, 8, 513},	    /* more in the file than in memory */
		{64 + P_VADDR, 8, 1},		    /* offset and address disagree */
		{64 + P_MEMSZ, 8, UINT64_MAX},	    /* wraps */
		{64 + P_MEMSZ, 8, 1ull << 47},	    /* beyond every address */
		{64 + 2 * P_SIZE + P_FILESZ, 8, 1}, /* an interpreter without a name */
		{64 + 2 * P_SIZE + P_FILESZ, 8, 5000},
		{64 + 2 * P_SIZE + P_FILESZ, 8, 4}, /* not terminated */
		{64 + 2 * P_SIZE + P_OFFSET, 8, UINT64_MAX},
	};
	struct elf_image e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		make_program();
		for (unsigned b = 0; b < bad[i].width; b++)
			image[bad[i].at + b] = (uint8_t)(bad[i].value >> 8 * b);
		assert_true(parse(false, FILE_SIZE, &e) < 0);
		assert_null(e.phdr);
		assert_null(e.interp);
	}
	/* No segment at all; a file that ends early; somebody else's interpreter. */
	make_program();
	put_le32(phdr(0), 0);
	put_le32(phdr(1), 0);
	assert_int_equal(parse(false, FILE_SIZE, &e), -ENOEXEC);
	make_program();
	for (size_t size = 0; size < 64 + 3 * P_SIZE; size++)
		assert_int_equal(parse(false, size, &e), -ENOEXEC);
	make_program();
	image[0] = 0;
	assert_int_equal(parse(true, FILE_SIZE, &e), -ELIBBAD);
}

static void out_of_memory(void **state)
{
	struct elf_image e;

	(void)state;
	make_program();
	for (unsigned nth = 1; nth <= 3; nth++) {
		mem_fail_after(nth);
		assert_int_equal(parse(false, FILE_SIZE, &e), -ENOMEM);
	}
	mem_fail_after(0);
}

/* What was accepted must be safe to map, whatever the bytes were. */
static void check_accepted(const struct elf_image *e)
{
	unsigned n_load = 0;

	for (unsigned i = 0; i < e->n_phdr; i++) {
		const struct elf_phdr *p = &e->phdr[i];

		if (p->type != 1)
			continue;
		n_load++;
		assert_true(p->filesz <= p->memsz);
		assert_true(p->vaddr + p->memsz >= p->vaddr);
		assert_true(p->vaddr >= e->min_vaddr &&
			    p->vaddr + p->memsz <= e->max_vaddr);
		assert_int_equal((p->vaddr ^ p->offset) % PAGE_SIZE, 0);
	}
	assert_true(n_load > 0);
	assert_true(e->max_vaddr <= 1ull << 47);
	assert_true(e->align >= PAGE_SIZE && !(e->align & (e->align - 1)));
	if (e->interp)
		assert_true(strlen(e->interp) < LX_PATH_MAX);
}

static void mutations(void **state)
{
	static const uint64_t interesting[] = {
		0,	    1,
		0x7f,	    0x80,
		0xff,	    0xfff,
		0x1000,	    0x7fffffff,
		0x80000000, 0xffffffff,
		INT64_MAX,  1ull << 63,
		UINT64_MAX, UINT64_MAX - 4095,
		1ull << 47,
	};
	unsigned accepted = 0;
	struct elf_image e;

	(void)state;
	srandom(1);
	for (int round = 0; round < 200000; round++) {
		make_program();
		for (long n = 1 + random() % 6; n--;) {
			size_t at = (size_t)random() % (64 + 3 * P_SIZE);

			if (random() & 1)
				image[at] = (uint8_t)random();
			else
				put_le64(image + (at & ~7ul),
					 interesting[random() %
						     (long)ARRAY_SIZE(interesting)]);
		}
		if (parse(random() & 1, FILE_SIZE, &e))
			continue;
		accepted++;
		check_accepted(&e);
		elf_free(&e);
	}
	assert_true(accepted > 1000);
}

/* --- scripts ------------------------------------------------------------- */

static int script(const char *text, const char **interp, const char **arg)
{
	static char head[EXEC_HEAD_SIZE];

	memset(head, 0, sizeof(head));
	memcpy(head, text, strnlen(text, sizeof(head)));
	return script_parse(head, interp, arg);
}

static void scripts(void **state)
{
	char longest[EXEC_HEAD_SIZE + 64];
	const char *interp, *arg;

	(void)state;
	assert_int_equal(script("\177ELF", &interp, &arg), 0);
	assert_int_equal(script("#", &interp, &arg), 0);
	assert_int_equal(script("#!/bin/sh\necho", &interp, &arg), 1);
	assert_string_equal(interp, "/bin/sh");
	assert_null(arg);
	assert_int_equal(script("#! \t/bin/awk  -f x \t\n", &interp, &arg), 1);
	assert_string_equal(interp, "/bin/awk");
	assert_string_equal(arg, "-f x");
	assert_int_equal(script("#!/bin/sh", &interp, &arg), 1);
	assert_string_equal(interp, "/bin/sh");
	assert_int_equal(script("#!\n", &interp, &arg), -ENOEXEC);
	assert_int_equal(script("#!  \t \n/bin/sh\n", &interp, &arg), -ENOEXEC);
	/* A name that may be cut off is refused, a cut argument is not. */
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "#!/", 3);
	assert_int_equal(script(longest, &interp, &arg), -ENOEXEC);
	longest[10] = ' ';
	assert_int_equal(script(longest, &interp, &arg), 1);
	assert_string_equal(interp, "/aaaaaaa");
	assert_int_equal(strlen(arg), EXEC_HEAD_SIZE - 1 - 11);
	memset(longest, ' ', sizeof(longest));
	memcpy(longest, "#!", 2);
	assert_int_equal(script(longest, &interp, &arg), -ENOEXEC);
}

/* --- arguments ----------------------------------------------------------- */

#define GUEST_SIZE (1024 * 1024)
static uint8_t *guest; /* guest addresses are offsets from GUEST_BASE */
#define GUEST_BASE 0x10000u

int copy_from_user(const struct umem *u, void *dst, uaddr_t src, size_t n)
{
	(void)u;
	if (src < GUEST_BASE || src - GUEST_BASE > GUEST_SIZE ||
	    n > GUEST_SIZE - (src - GUEST_BASE))
		return -EFAULT;
	memcpy(dst, guest + (src - GUEST_BASE), n);
	return 0;
}

static void put_pointer(unsigned i, uint64_t addr)
{
	put_le64(guest + i * 8, addr);
}

static void arguments(void **state)
{
	struct umem u = {0};
	struct exec_args a;

	(void)state;
	memset(guest, 0, GUEST_SIZE);
	/* argv at 0, envp at 64; one string lies across a page boundary. */
	memcpy(guest + 4090, "across the page", 16);
	memcpy(guest + 200, "x\0y", 4);
	put_pointer(0, GUEST_BASE + 4090);
	put_pointer(1, GUEST_BASE + 200);
	put_pointer(8, GUEST_BASE + 202);
	exec_args_init(&a, 8 << 20);
	assert_int_equal(exec_args_from_user(&a, &u, GUEST_BASE, GUEST_BASE + 64), 0);
	assert_int_equal(exec_args_argc(&a), 2);
	assert_memory_equal(a.argv.buf, "across the page\0x", 18);
	assert_memory_equal(a.envp.buf, "y", 2);
	/* A script in a script. */
	assert_int_equal(exec_args_script(&a, "/in1", "arg1", "/script1"), 0);
	assert_int_equal(exec_args_script(&a, "/in2", NULL, "/in1"), 0);
	assert_int_equal(exec_args_argc(&a), 5);
	assert_memory_equal(a.head.buf, "/in2\0/in1\0arg1\0/script1", 24);
	exec_args_free(&a);

	exec_args_init(&a, 8 << 20);
	assert_int_equal(exec_args_from_user(&a, &u, 0, 0), 0);
	assert_int_equal(exec_args_argc(&a), 1); /* an empty argv[0] is made */
	exec_args_free(&a);
	exec_args_init(&a, 8 << 20);
	put_pointer(1, 0xdead);
	assert_int_equal(exec_args_from_user(&a, &u, GUEST_BASE, 0), -EFAULT);
	exec_args_free(&a);
}

static void argument_limits(void **state)
{
	struct umem u = {0};
	struct exec_args a;

	(void)state;
	memset(guest, 0, GUEST_SIZE);
	put_pointer(0, GUEST_BASE + 4096);
	memset(guest + 4096, 'a', EXEC_STRING_MAX - 1);
	exec_args_init(&a, 8 << 20);
	assert_int_equal(exec_args_from_user(&a, &u, GUEST_BASE, 0), 0);
	exec_args_free(&a);
	guest[4096 + EXEC_STRING_MAX - 1] = 'a';
	exec_args_init(&a, 8 << 20);
	assert_int_equal(exec_args_from_user(&a, &u, GUEST_BASE, 0), -E2BIG);
	exec_args_free(&a);
	/* A small stack still leaves ARG_MAX; the same string twice is too much then. */
	guest[4096 + EXEC_STRING_MAX / 2 + 10] = 0;
	put_pointer(1, GUEST_BASE + 4096);
	exec_args_init(&a, 4096);
	assert_int_equal(exec_args_from_user(&a, &u, GUEST_BASE, 0), -E2BIG);
	exec_args_free(&a);
	/* Pointers without end: the limit ends it, not the memory. */
	for (unsigned i = 0; i < GUEST_SIZE / 8; i++)
		put_pointer(i, GUEST_BASE + GUEST_SIZE - 1);
	guest[GUEST_SIZE - 1] = 0;
	exec_args_init(&a, 0);
	assert_int_equal(exec_args_from_user(&a, &u, GUEST_BASE, 0), -E2BIG);
	exec_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_program),	   cmocka_unit_test(refused),
		cmocka_unit_test(out_of_memory),   cmocka_unit_test(mutations),
		cmocka_unit_test(scripts),	   cmocka_unit_test(arguments),
		cmocka_unit_test(argument_limits),
	};

	guest = malloc(GUEST_SIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
