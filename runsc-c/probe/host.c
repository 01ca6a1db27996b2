// SPDX-License-Identifier: Apache-2.0
/* Floors that are calls of the host's: into another process, about it, and to make one. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/reg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc-c/probe/floor.h"
#include "sentry/base/alloc.h"
#include "sentry/base/host.h"

#ifndef PTRACE_SYSEMU
#define PTRACE_SYSEMU 31
#endif

int host_getppid_n(struct floor_rig *rig UNUSED, unsigned n)
{
	while (n--)
		syscall(SYS_getppid);
	return 0;
}

int host_map_unmap(struct floor_rig *rig UNUSED, unsigned n)
{
	void *p;
	int r = 0;

	while (n-- && !r) {
		r = host_mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p);
		if (!r)
			r = host_munmap(p, PAGE_SIZE);
	}
	return r;
}

/* --- another process's memory -------------------------------------------- */

static char page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

int host_begin_child(struct floor_rig *rig)
{
	const pid_t us = getpid();

	memset(page, 1, sizeof(page));
	rig->child = fork();
	if (rig->child == 0) {
		floor_child_init(us);
		memset(page, 2, sizeof(page)); /* its own, not a copy to be */
		for (;;)
			pause();
	}
	return rig->child < 0 ? (int)host_ret(-1) : 0;
}

static int readv_n(struct floor_rig *rig, unsigned n, size_t size)
{
	static char buf[PAGE_SIZE];
	struct iovec to = {buf, size}, from = {page, size};
	int64_t r = 0;

	while (n-- && r >= 0)
		r = host_ret(process_vm_readv(rig->child, &to, 1, &from, 1, 0));
	return r < 0 ? (int)r : 0;
}

int host_readv_64(struct floor_rig *rig, unsigned n)
{
	return readv_n(rig, n, 64);
}

int host_readv_4k(struct floor_rig *rig, unsigned n)
{
	return readv_n(rig, n, PAGE_SIZE);
}

/* --- ptrace ----------------------------------------------------------------- */

/* Plain numbers: the C library's wrapper is variadic, with an enum of its own. */
static int64_t ptrace_do(long request, pid_t pid, unsigned long addr, unsigned long data)
{
	return host_ret(syscall(SYS_ptrace, request, pid, addr, data));
}

int host_begin_traced(struct floor_rig *rig)
{
	const pid_t us = getpid();
	int status, r;

	rig->child = fork();
	if (rig->child < 0)
		return (int)host_ret(-1);
	if (rig->child == 0) {
		/* No call but this one: from some moment on it is we who answer. */
		while (syscall(SYS_getppid) == us)
			;
		_exit(1);
	}
	r = (int)ptrace_do(PTRACE_SEIZE, rig->child, 0,
			   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	if (!r)
		r = (int)ptrace_do(PTRACE_INTERRUPT, rig->child, 0, 0);
	if (!r && waitpid(rig->child, &status, __WALL) < 0)
		r = (int)host_ret(-1);
	return r;
}

static int sysemu_once(pid_t pid)
{
	struct __ptrace_syscall_info info;
	int status, r;

	do { /* The first stop may be that of PTRACE_INTERRUPT. */
		r = (int)ptrace_do(PTRACE_SYSEMU, pid, 0, 0);
		if (r)
			return r;
		if (waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
			return -ESRCH;
	} while (WSTOPSIG(status) == SIGTRAP);
	if (WSTOPSIG(status) != (SIGTRAP | 0x80))
		return -EPROTO;
	r = (int)ptrace_do(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info),
			   (unsigned long)&info);
	return r < 0 ? r
		     : (int)ptrace_do(PTRACE_POKEUSER, pid, RAX * sizeof(long),
				      (unsigned long)getpid());
}

int host_sysemu(struct floor_rig *rig, unsigned n)
{
	int r = 0;

	while (n-- && !r)
		r = sysemu_once(rig->child);
	return r;
}

/* --- a process ---------------------------------------------------------------- */

/* exit(0), as an executable file; nothing smaller can be executed. */
static const struct {
	Elf64_Ehdr e;
	Elf64_Phdr p;
	uint8_t code[9];
} tiny = {
	.e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			  EV_CURRENT},
	      .e_type = ET_EXEC,
	      .e_machine = EM_X86_64,
	      .e_version = EV_CURRENT,
	      .e_entry = 0x400000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
	      .e_phoff = sizeof(Elf64_Ehdr),
	      .e_ehsize = sizeof(Elf64_Ehdr),
	      .e_phentsize = sizeof(Elf64_Phdr),
	      .e_phnum = 1},
	.p = {.p_type = PT_LOAD,
	      .p_flags = PF_R | PF_X,
	      .p_vaddr = 0x400000,
	      .p_filesz = sizeof(tiny),
	      .p_memsz = sizeof(tiny),
	      .p_align = PAGE_SIZE},
	/* mov $SYS_exit, %eax; xor %edi, %edi; syscall */
	.code = {0xb8, SYS_exit, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05},
};

/* Opened anew: what is open for writing is not executed. */
int host_begin_tiny(struct floor_rig *rig)
{
	AUTO_CLOSE int hfd = host_memfd("tiny", MFD_CLOEXEC);
	char path[32];

	if (hfd < 0)
		return hfd;
	if (host_write(hfd, &tiny, sizeof(tiny)) != sizeof(tiny))
		return -EIO;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", hfd);
	rig->hfd = (int)host_ret(open(path, O_RDONLY | O_CLOEXEC));
	return rig->hfd < 0 ? rig->hfd : 0;
}

int host_fork_exec(struct floor_rig *rig, unsigned n)
{
	char *argv[] = {(char *)"tiny", NULL}, *envp[] = {NULL};
	int status;

	while (n--) {
		pid_t pid = fork();

		if (pid < 0)
			return (int)host_ret(-1);
		if (pid == 0) {
			syscall(SYS_execveat, rig->hfd, "", argv, envp, AT_EMPTY_PATH);
			_exit(1);
		}
		if (waitpid(pid, &status, 0) < 0 || status)
			return -ENOEXEC;
	}
	return 0;
}
