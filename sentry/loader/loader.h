// SPDX-License-Identifier: Apache-2.0
/*
 * Programs: what an executable file says, and how it gets into an address space. Knows
 * files and areas, nothing of tasks; sentry/task/exec.c decides when.
 *
 * Usual sequence: exec_args_* collect argv and envp; elf_read() looks at the program,
 * then at its interpreter; nothing has been changed so far. loader_map() puts all of it
 * into an empty mm and says with which registers it starts.
 */
#pragma once

#include "fs/vfs.h"
#include "sentry/abi/regs.h"
#include "sentry/mm/mm.h"

/* --- arguments ----------------------------------------------------------- */

#define EXEC_STRING_MAX (32 * PAGE_SIZE)     /* one string with its NUL: MAX_ARG_STRLEN */
#define EXEC_ARGS_MIN	(32 * PAGE_SIZE)     /* always allowed: ARG_MAX */
#define EXEC_ARGS_MAX	(6ull * 1024 * 1024) /* never more: 3/4 of the default stack */

/* Strings one after the other, each with its NUL. */
struct string_list {
	char *buf; /* owned */
	size_t len, cap;
	unsigned n;
};

struct exec_args {
	struct string_list head; /* what scripts put before argv */
	struct string_list argv, envp;
	bool skip_argv0; /* replaced by head */
	size_t limit;	 /* bytes of strings and pointers together */
};

/* @stack_limit: RLIMIT_STACK; a quarter of it is for arguments. */
void exec_args_init(struct exec_args *a, uint64_t stack_limit);
void exec_args_free(struct exec_args *a);
/*
 * exec_args_from_user - both NULL-terminated arrays of a guest, each pointer and string
 * read once. -EFAULT, -E2BIG (one string or all together), -ENOMEM. A NULL array is
 * empty; an empty argv becomes one empty string.
 */
int exec_args_from_user(struct exec_args *a, const struct umem *u, uaddr_t argv,
			uaddr_t envp);
int exec_args_from_kernel(struct exec_args *a, const char *const *argv,
			  const char *const *envp);
/* A script: argv[0] becomes @interp, [@arg,] @path. -E2BIG, -ENOMEM. */
int exec_args_script(struct exec_args *a, const char *interp, const char *arg,
		     const char *path);
/* Room for the program's own name too? -E2BIG. */
int exec_args_check(const struct exec_args *a, size_t execfn_size);
unsigned exec_args_argc(const struct exec_args *a);

/* --- scripts ------------------------------------------------------------- */

#define EXEC_HEAD_SIZE 256 /* BINPRM_BUF_SIZE: where the first line must end */

/*
 * script_parse - is @head (EXEC_HEAD_SIZE bytes, zero-padded) the start of a script? 1:
 * yes; *interp and *arg (NULL: none) point into @head, which was changed. 0: no.
 * -ENOEXEC: "#!" without a name, or a name that may be cut off.
 */
int script_parse(char head[EXEC_HEAD_SIZE], const char **interp, const char **arg);

/* --- ELF ----------------------------------------------------------------- */

struct elf_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

#define ELF_PHDRS_MAX (65536 / sizeof(struct elf_phdr))

struct elf_image {
	bool dyn; /* ET_DYN: may be anywhere */
	uint64_t entry, phoff;
	unsigned n_phdr;
	struct elf_phdr *phdr;	       /* owned */
	uint64_t min_vaddr, max_vaddr; /* of PT_LOADs, page-rounded */
	uint64_t align;	 /* the largest of PT_LOAD, a power of two >= PAGE_SIZE */
	char *interp;	 /* PT_INTERP: owned, or NULL */
	bool exec_stack; /* PT_GNU_STACK says so */
};

/*
 * elf_read - check and copy the headers of @f. -ENOEXEC: no ELF program of ours, or
 * inconsistent; -EIO, -ENOMEM. As interpreter (@is_interp) the same file gives -ELIBBAD.
 */
int elf_read(struct file *f, bool is_interp, struct elf_image *out);
void elf_free(struct elf_image *e);

/* --- the new program ----------------------------------------------------- */

struct exec_image {
	struct file *file; /* borrowed */
	struct elf_image exe;
	struct file *interp_file; /* borrowed; NULL: none */
	struct elf_image interp;
	const struct exec_args *args;
	const char *execfn;	       /* AT_EXECFN */
	uint32_t uid, euid, gid, egid; /* as the program sees them */
	bool secure, randomize;
	struct mm_limits limits;
};

/*
 * loader_map - fill the empty @mm: segments, break, stack with arguments and auxv, vdso.
 * The areas and mm's own fields are set, mm->exe is not. *regs are those to start with.
 * -ENOMEM, -EINVAL, -EFAULT...: the mm is useless then.
 */
int loader_map(struct kernel *k, struct mm *mm, const struct exec_image *img,
	       struct lx_regs *regs);
