/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that one place in a program makes again and again: a kernel that rewrites such
 * code to be faster must not be noticed. All that a program can see of itself is looked at: its
 * registers, its code, where signals find it, what becomes of jumps into the middle.
 *
 * The code under test stands in a file of its own, which each case maps afresh.
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "harness.h"

#define PAGE 4096
#define HOT  200 /* calls, by which it has happened if it does */

/*
 * hot_call(nr, a, b, c); hot_behind(x): jumps behind its system call; hot_store(nr, to):
 * what follows the call writes its result through a pointer; hot_step(nr): sets TF around it.
 */
__asm__(".pushsection .rodata\n"
	".balign 16\n"
	"hot_start:\n"
	"hot_call:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"hot_site:\n"
	"	syscall\n"
	"	cmp $-4096, %rax\n"
	"	ja 1f\n"
	"1:	ret\n"
	"	.balign 16\n"
	"hot_behind:\n"
	"	lea 1f(%rip), %rcx\n"
	"	cmp %edi, %esi\n" /* not equal: straight to where the call returns */
	"	jne 1f\n"
	"	mov $110, %eax\n"
	"2:	syscall\n"
	"1:	lea 7(%rdi), %rax\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_at:\n" /* a jump to the instruction itself */
	"	mov $110, %eax\n"
	"	jmp 1f\n"
	"	.balign 16\n"
	"1:	syscall\n"
	"	mov %rax, %rcx\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_store:\n"
	"	mov %rdi, %rax\n"
	"hot_store_site:\n"
	"	syscall\n"
	"hot_stored:\n"
	"	mov %rax, (%rsi)\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_ret:\n"
	"	mov $110, %eax\n"
	"	syscall\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_step:\n"
	"	mov $110, %eax\n"
	"	pushfq\n"
	"	orl $0x100, (%rsp)\n"
	"	popfq\n"
	"	nop\n"
	"	syscall\n"
	"	mov %rax, %rcx\n"
	"	pushfq\n"
	"	andl $~0x100, (%rsp)\n"
	"	popfq\n"
	"	ret\n"
	"	.balign 16\n"
	/* (in, out): registers before, after: rbx rbp r8 r9 r10 r12-r15 rdx rdi rsi, flags; then rax rcx r11 */
	"hot_regs:\n"
	"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n"
	"	push %r14\n	push %r15\n	push %rsi\n"
	"	mov %rdi, %rax\n"
	"	mov 0(%rax), %rbx\n	mov 8(%rax), %rbp\n	mov 16(%rax), %r8\n"
	"	mov 24(%rax), %r9\n	mov 32(%rax), %r10\n	mov 40(%rax), %r12\n"
	"	mov 48(%rax), %r13\n	mov 56(%rax), %r14\n	mov 64(%rax), %r15\n"
	"	mov 72(%rax), %rdx\n	mov 80(%rax), %rdi\n	mov 88(%rax), %rsi\n"
	"	push 96(%rax)\n"
	"	mov $110, %eax\n"
	"	movq $0x5aa5, -8(%rsp)\n" /* the red zone, after the popfq */
	"	popfq\n"
	"	movq $0x5aa5, -128(%rsp)\n"
	"	movq $0x1234, -8(%rsp)\n"
	"	syscall\n"
	"hot_regs_behind:\n"
	"	mov %rax, -16(%rsp)\n"
	"	mov -8(%rsp), %rax\n"
	"	mov %rax, -24(%rsp)\n"
	"	mov (%rsp), %rax\n"
	"	mov %rbx, 0(%rax)\n	mov %rbp, 8(%rax)\n	mov %r8, 16(%rax)\n"
	"	mov %r9, 24(%rax)\n	mov %r10, 32(%rax)\n	mov %r12, 40(%rax)\n"
	"	mov %r13, 48(%rax)\n	mov %r14, 56(%rax)\n	mov %r15, 64(%rax)\n"
	"	mov %rdx, 72(%rax)\n	mov %rdi, 80(%rax)\n	mov %rsi, 88(%rax)\n"
	"	mov %rcx, 112(%rax)\n	mov %r11, 120(%rax)\n"
	"	mov -16(%rsp), %rcx\n	mov %rcx, 104(%rax)\n"
	"	mov -24(%rsp), %rcx\n	mov %rcx, 128(%rax)\n"
	"	mov -128(%rsp), %rcx\n	mov %rcx, 136(%rax)\n"
	"	pushfq\n	pop 96(%rax)\n"
	"	cld\n"
	"	pop %rsi\n	pop %r15\n	pop %r14\n	pop %r13\n"
	"	pop %r12\n	pop %rbp\n	pop %rbx\n"
	"	ret\n"
	"	.balign 16\n"
	"hot_end:\n"
	".popsection\n");
extern const char hot_start[], hot_end[], hot_call[], hot_site[], hot_behind[], hot_at[],
	hot_store[], hot_stored[], hot_ret[], hot_step[], hot_regs[], hot_regs_behind[];

typedef long hot_fn(long a, long b, long c, long d);

static char *code;

#define FN(label) ((hot_fn *)(void *)at(label))
static char *at(const char *label)
{
	return code + (label - hot_start);
}

static void *map_code(const char *name)
{
	int fd = CHECK_OK(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
	void *p;

	CHECK_EQ(write(fd, hot_start, (size_t)(hot_end - hot_start)),
		 hot_end - hot_start);
	CHECK_OK(ftruncate(fd, 2 * PAGE));
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	close(fd);
	return p;
}

static void set_up(void)
{
	scratch_cd();
	code = map_code("code");
}

static void heat(void)
{
	for (int i = 0; i < HOT; i++) {
		CHECK_EQ(FN(hot_call)(SYS_getppid, 0, 0, 0), getppid());
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getppid());
		CHECK_EQ(FN(hot_at)(0, 0, 0, 0), getppid());
	}
}

TEST(results_and_errors)
{
	char buf[8];
	int p[2];

	set_up();
	heat();
	CHECK_OK(pipe(p));
	CHECK_EQ(FN(hot_call)(SYS_write, p[1], (long)"abc", 3), 3);
	CHECK_EQ(FN(hot_call)(SYS_read, p[0], (long)buf, 8), 3);
	CHECK_EQ(FN(hot_call)(SYS_read, p[0], 1, 0), 0);
	CHECK_EQ(FN(hot_call)(SYS_write, -1, 0, 0), -EBADF);
	CHECK_EQ(FN(hot_call)(100000, 0, 0, 0), -ENOSYS);
	CHECK_EQ(FN(hot_call)(-1, 0, 0, 0), -ENOSYS);
	CHECK_EQ(FN(hot_call)(0x7700000000 | SYS_getppid, 0, 0, 0), getppid());
}

TEST(jumps_behind_a_call)
{
	set_up();
	for (long i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_behind)(i, i, 0, 0), i + 7);
	for (long i = 0; i < 10; i++)
		CHECK_EQ(FN(hot_behind)(i, -1, 0, 0), i + 7);
}

enum { FLAGS = 12, RAX, RCX, R11, RED_ZONE, RED_ZONE_END, N_REGS };
#define USER_FLAGS 0xcd5 /* OF DF SF ZF AF PF CF */

TEST(registers)
{
	static const unsigned long flags[] = {0, 1, 0xcd5, 0x800, 0x400, 0x881, 0x54};

	set_up();
	for (int round = 0; round < HOT; round++) {
		unsigned long in[N_REGS], out[N_REGS];
		double d = 1.5 + round;

		for (int i = 0; i < FLAGS; i++)
			in[i] = 0x0101010101010101ul * (unsigned)(i + round);
		in[FLAGS] = flags[round % 7] | 0x202;
		__asm__ volatile("movq %0, %%xmm7; movq %0, %%xmm15" ::"r"(d)
				 : "xmm7", "xmm15");
		FN(hot_regs)((long)in, (long)out, 0, 0);
		CHECK_MEM(out, in, FLAGS * sizeof(*in));
		CHECK_EQ(out[FLAGS] & USER_FLAGS, in[FLAGS] & USER_FLAGS);
		CHECK_EQ(out[RAX], getppid());
		CHECK_EQ(out[RCX], (unsigned long)at(hot_regs_behind));
		CHECK_EQ(out[R11] & USER_FLAGS, in[FLAGS] & USER_FLAGS);
		CHECK_EQ(out[RED_ZONE], 0x1234);
		CHECK_EQ(out[RED_ZONE_END], 0x5aa5);
	}
}

/* All vector registers there are, over calls and over signals that come in between. */
static void nothing(int sig)
{
	__asm__ volatile("pxor %%xmm3, %%xmm3; pxor %%xmm9, %%xmm9" ::: "xmm3", "xmm9");
	(void)sig;
}

TEST(vector_registers)
{
	const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};

	set_up();
	signal(SIGALRM, nothing);
	CHECK_OK(setitimer(ITIMER_REAL, &often, NULL));
	for (long i = 0; i < 20000; i++) {
		long a = 0, b = 0;
		hot_fn *f = FN(hot_ret);

		__asm__ volatile("sub $256, %%rsp\n\t"
				 "movq %[i], %%xmm3\n\t"
				 "movq %[i], %%xmm9\n\t"
				 "call *%[f]\n\t"
				 "movq %%xmm3, %[a]\n\t"
				 "movq %%xmm9, %[b]\n\t"
				 "add $256, %%rsp"
				 : [a] "=&b"(a), [b] "=&r"(b)
				 : [i] "r"(i), [f] "r"(f)
				 : "rax", "rcx", "r11", "xmm3", "xmm9", "memory", "cc");
		CHECK_EQ(a, i);
		CHECK_EQ(b, i);
	}
	CHECK_OK(setitimer(ITIMER_REAL, &never, NULL));
}

/* --- its own code --------------------------------------------------------- */

TEST(a_debugger_sees_the_program_as_it_is)
{
	const size_t n = (size_t)(hot_end - hot_start);
	char buf[PAGE];
	struct iovec here = {buf, n}, there = {NULL, n};
	int fd;

	set_up();
	there.iov_base = code;
	heat();
	fd = CHECK_OK(open("/proc/self/mem", O_RDONLY));
	CHECK_EQ(pread(fd, buf, n, (off_t)code), n);
	CHECK_MEM(buf, hot_start, n);
	there.iov_base = code = map_code("again");
	heat();
	CHECK_EQ(process_vm_readv(getpid(), &here, 1, &there, 1, 0), n);
	CHECK_MEM(buf, hot_start, n);
	heat();
	close(fd);
}

TEST(code_that_is_made_writable_is_what_it_was)
{
	set_up();
	heat();
	CHECK_OK(mprotect(code, PAGE, PROT_READ | PROT_WRITE));
	CHECK_MEM(code, hot_start, (size_t)(hot_end - hot_start));
	/* getppid becomes getpid */
	CHECK_EQ(at(hot_ret)[1], SYS_getppid);
	at(hot_ret)[1] = SYS_getpid;
	CHECK_OK(mprotect(code, PAGE, PROT_READ | PROT_EXEC));
	for (int i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getpid());
	CHECK_OK(mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	at(hot_ret)[1] = SYS_getppid;
	for (int i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getppid());
}

TEST(a_breakpoint_is_written_into_it)
{
	const char gid = SYS_getgid;
	int fd;

	set_up();
	heat();
	fd = CHECK_OK(open("/proc/self/mem", O_RDWR));
	CHECK_EQ(pwrite(fd, &gid, 1, (off_t)at(hot_ret) + 1), 1);
	for (int i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getgid());
	close(fd);
}

TEST(it_moves)
{
	char *to;

	set_up();
	heat();
	to = mremap(code, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		    code + 64 * PAGE);
	CHECK(to == code + 64 * PAGE);
	code = to;
	CHECK_MEM(code, hot_start, (size_t)(hot_end - hot_start));
	heat();
}

TEST(other_code_takes_its_place)
{
	char *other;

	set_up();
	for (int i = 0; i < 5; i++) {
		heat();
		other = map_code("other");
		CHECK(mremap(other, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			     code) == code);
		heat();
		CHECK_OK(munmap(code, 2 * PAGE));
		set_up();
	}
	CHECK_OK(madvise(code, 2 * PAGE, MADV_DONTNEED));
	heat();
}

/* Whatever else lies around it, hidden or not, is free to be mapped. */
TEST(all_memory_around_it_is_taken)
{
	const size_t step = 16 * PAGE;
	char *maps[2048];
	unsigned n = 0;

	set_up();
	heat();
	for (char *p = code - 512 * step; p < code + 1536 * step; p += step) {
		char *m = mmap(p, step, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (m != MAP_FAILED)
			maps[n++] = m;
	}
	CHECK(n > 1000);
	for (unsigned i = 0; i < n; i++) {
		for (size_t j = 0; j < step; j += PAGE)
			CHECK_EQ(maps[i][j], 0);
		maps[i][0] = (char)i;
	}
	heat();
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(maps[i][0], (char)i);
}

/* --- signals --------------------------------------------------------------- */

extern const char __executable_start[], etext[];
static volatile long bad_rip, n_signals;

static void look_where(int sig, siginfo_t *si, void *uc)
{
	const unsigned long rip =
		(unsigned long)((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];

	n_signals++;
	(void)sig;
	(void)si;
	/* In the program's text or the code's. */
	if (rip - (unsigned long)code >= PAGE &&
	    (rip < (unsigned long)__executable_start || rip >= (unsigned long)etext))
		bad_rip = (long)rip;
}

TEST(signals_find_the_program_in_its_own_code)
{
	const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_sigaction = look_where, .sa_flags = SA_SIGINFO};

	set_up();
	heat();
	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &often, NULL));
	while (n_signals < 500)
		CHECK_EQ(FN(hot_at)(0, 0, 0, 0), getppid());
	CHECK_OK(setitimer(ITIMER_REAL, &never, NULL));
	CHECK_EQ(bad_rip, 0);
}

static volatile unsigned long fault_rip, fault_addr;
static sigjmp_buf out_of_fault;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	fault_rip = (unsigned long)((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
	fault_addr = (unsigned long)si->si_addr;
	siglongjmp(out_of_fault, 1);
}

TEST(a_fault_right_behind_a_call)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	long value;

	set_up();
	for (int i = 0; i < HOT; i++) {
		FN(hot_store)(SYS_getppid, (long)&value, 0, 0);
		CHECK_EQ(value, getppid());
	}
	CHECK_OK(sigaction(SIGSEGV, &sa, NULL));
	for (int i = 0; i < 3; i++) {
		if (!sigsetjmp(out_of_fault, 1))
			FN(hot_store)(SYS_getppid, 0x40, 0, 0);
		CHECK_EQ(fault_rip, (unsigned long)at(hot_stored));
		CHECK_EQ(fault_addr, 0x40);
	}
}

/* A call that a signal interrupts, restarted or not. */
TEST(interrupted_calls)
{
	struct sigaction sa = {.sa_handler = nothing};
	const struct itimerval soon = {{0, 0}, {0, 20000}};
	char byte;
	int p[2];

	set_up();
	heat();
	CHECK_OK(pipe(p));
	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_EQ(FN(hot_call)(SYS_read, p[0], (long)&byte, 1), -EINTR);
	sa.sa_flags = SA_RESTART;
	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	if (!fork()) {
		usleep(100000);
		_exit(write(p[1], "x", 1) != 1);
	}
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_EQ(FN(hot_call)(SYS_read, p[0], (long)&byte, 1), 1);
	CHECK_OK(wait(NULL));
}

static volatile int n_traps;

static void on_trap(int sig)
{
	(void)sig;
	n_traps++;
}

/* Each instruction is one step, also where code was rewritten. */
TEST(a_program_that_steps_itself)
{
	int first;

	set_up();
	signal(SIGTRAP, on_trap);
	FN(hot_step)(0, 0, 0, 0);
	first = n_traps;
	for (int i = 0; i < HOT; i++) {
		n_traps = 0;
		FN(hot_step)(0, 0, 0, 0);
		CHECK_EQ(n_traps, first);
	}
}

/* --- threads and processes --------------------------------------------------- */

static atomic_int go;

static void *call_often(void *arg)
{
	long (*other)(long, long, long, long) = (void *)arg;

	while (!atomic_load(&go))
		;
	for (int i = 0; i < 20 * HOT; i++) {
		CHECK_EQ(other(SYS_getppid, 0, 0, 0), getppid());
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getppid());
	}
	return NULL;
}

TEST(threads_run_it_while_it_changes)
{
	for (int round = 0; round < 10; round++) {
		pthread_t th[4];

		set_up();
		atomic_store(&go, 0);
		for (int i = 0; i < 4; i++)
			th[i] = thread_start(call_often, at(hot_call));
		atomic_store(&go, 1);
		for (int i = 0; i < 4; i++)
			thread_join(th[i]);
		CHECK_OK(munmap(code, 2 * PAGE));
	}
}

TEST(children_inherit_it)
{
	set_up();
	heat();
	for (int i = 0; i < 3; i++) {
		pid_t pid = CHECK_OK(fork());
		int status;

		if (!pid) {
			for (int j = 0; j < HOT; j++)
				if (FN(hot_ret)(0, 0, 0, 0) != getppid())
					_exit(1);
			CHECK_OK(mprotect(code, PAGE, PROT_READ | PROT_WRITE));
			_exit(!!memcmp(code, hot_start, (size_t)(hot_end - hot_start)));
		}
		CHECK_OK(waitpid(pid, &status, 0));
		CHECK_EQ(status, 0);
		heat();
	}
}

TEST(a_child_by_a_raw_clone)
{
	set_up();
	heat();
	for (int i = 0; i < 2 * HOT; i++) {
		pid_t pid = (pid_t)FN(hot_call)(SYS_clone, SIGCHLD, 0, 0);
		int status;

		if (!pid)
			_exit(FN(hot_call)(SYS_getppid, 0, 0, 0) == 0);
		CHECK_OK(pid);
		CHECK_OK(waitpid(pid, &status, 0));
		CHECK_EQ(status, 0);
	}
}

TEST(gs_is_the_programs)
{
	static unsigned long mine[16384];
	unsigned long base = 1;

	set_up();
	heat();
	CHECK_OK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
	CHECK_EQ(base, 0);
	for (unsigned i = 0; i < 16384; i++)
		mine[i] = i;
	CHECK_OK(syscall(SYS_arch_prctl, ARCH_SET_GS, mine));
	heat();
	__asm__ volatile("mov %%gs:80, %0" : "=r"(base));
	CHECK_EQ(base, 10);
	CHECK_OK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
	CHECK_EQ(base, (unsigned long)mine);
	for (unsigned i = 0; i < 16384; i++)
		CHECK_EQ(mine[i], i);
	CHECK_OK(syscall(SYS_arch_prctl, ARCH_SET_GS, 0));
	heat();
	/* without asking the kernel */
	__asm__ volatile("wrgsbase %0" ::"r"(mine));
	heat();
	__asm__ volatile("rdgsbase %0" : "=r"(base));
	CHECK_EQ(base, (unsigned long)mine);
	for (unsigned i = 0; i < 16384; i++)
		CHECK_EQ(mine[i], i);
	__asm__ volatile("wrgsbase %0" ::"r"(0ul));
	heat();
}
