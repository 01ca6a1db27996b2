/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame that a handler runs on: registers it sees and may change, vector state kept
 * across it, the red zone, return from nested handlers, a spoilt frame. Source:
 * sigreturn(2), the x86-64 ABI (red zone), Linux' struct ucontext.
 */
#include <cpuid.h>
#include <setjmp.h>
#include <ucontext.h>

#include "harness.h"

static void handle(int sig, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO};

	CHECK_OK(sigaction(sig, &sa, NULL));
}

/* --- integer registers ------------------------------------------------------------- */
static greg_t seen[NGREG];

static void on_regs(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig, (void)si;
	memcpy(seen, uc->uc_mcontext.gregs, sizeof(seen));
	uc->uc_mcontext.gregs[REG_RIP] += 2; /* past ud2 */
	uc->uc_mcontext.gregs[REG_RBX] = 0x1111;
	uc->uc_mcontext.gregs[REG_R12] = 0x2222;
	uc->uc_mcontext.gregs[REG_RCX] = 0x3333;
	uc->uc_mcontext.gregs[REG_R11] = 0x4444;
	uc->uc_mcontext.gregs[REG_EFL] |= 1; /* carry */
}

TEST(registers_are_seen_and_changed)
{
	unsigned long rbx = 0xb0, r12 = 0x12, rcx = 0xc0, r11 = 0x11, carry;

	handle(SIGILL, on_regs);
	__asm__ volatile("mov %0, %%rbx\n\tmov %1, %%r12\n\tmov %2, %%rcx\n\t"
			 "mov %3, %%r11\n\tclc\n\tud2\n\t"
			 "mov %%rbx, %0\n\tmov %%r12, %1\n\tmov %%rcx, %2\n\t"
			 "mov %%r11, %3\n\tsetc %b4\n\tmovzbq %b4, %4"
			 : "+m"(rbx), "+m"(r12), "+m"(rcx), "+m"(r11), "=&a"(carry)
			 :
			 : "rbx", "r12", "rcx", "r11", "cc", "memory");
	CHECK_EQ(seen[REG_RBX], 0xb0);
	CHECK_EQ(seen[REG_R12], 0x12);
	CHECK_EQ(seen[REG_RCX], 0xc0);
	CHECK_EQ(seen[REG_R11], 0x11);
	CHECK_EQ(rbx, 0x1111);
	CHECK_EQ(r12, 0x2222);
	CHECK_EQ(rcx, 0x3333);
	CHECK_EQ(r11, 0x4444);
	CHECK_EQ(carry, 1);
}

/* The segment selectors of a 64-bit program. */
TEST(segment_selectors)
{
	handle(SIGILL, on_regs);
	__asm__ volatile("ud2" ::: "rbx", "r12", "rcx", "r11", "cc");
	unsigned long csgsfs = (unsigned long)seen[REG_CSGSFS];
	CHECK_EQ(csgsfs & 0xffff, 0x33);
	CHECK_EQ(csgsfs >> 48, 0x2b); /* ss */
}

/* The flags a handler may set are the harmless ones: not IOPL, not interrupts. */
static void on_bad_flags(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig, (void)si;
	uc->uc_mcontext.gregs[REG_EFL] = (greg_t)0xffffffffffbefad5UL; /* no TF, AC, DF */
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

TEST(privileged_flags_are_dropped)
{
	unsigned long flags;

	handle(SIGILL, on_bad_flags);
	__asm__ volatile("ud2\n\tpushfq\n\tpop %0" : "=r"(flags)::"cc");
	CHECK_EQ(flags & 0x3000, 0); /* IOPL */
	CHECK(flags & 0x200);	     /* interrupts stay on */
	CHECK(flags & 0x40);	     /* ZF was taken over */
}

/* --- vector and x87 state ----------------------------------------------------- */
static void clobber(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm7, %%xmm7\n\t"
			 "pxor %%xmm15, %%xmm15\n\tfninit\n\tfldz" ::
				 : "xmm0", "xmm7", "xmm15", "st");
}

TEST(sse_registers_survive_a_handler)
{
	uint64_t in[6] = {1, 2, 3, 4, 5, 6}, got[6] = {0};

	handle(SIGUSR1, clobber);
	__asm__ volatile("movdqu 0(%0), %%xmm0\n\tmovdqu 16(%0), %%xmm7\n\t"
			 "movdqu 32(%0), %%xmm15\n\t"
			 "mov $234, %%eax\n\tsyscall\n\t" /* tgkill */
			 "movdqu %%xmm0, 0(%1)\n\tmovdqu %%xmm7, 16(%1)\n\t"
			 "movdqu %%xmm15, 32(%1)"
			 :
			 : "r"(in), "r"(got), "D"((long)getpid()), "S"((long)thread_id()),
			   "d"((long)SIGUSR1)
			 : "rax", "rcx", "r11", "memory", "xmm0", "xmm7", "xmm15");
	CHECK_MEM(got, in, sizeof(in));
}

TEST(x87_stack_survives_a_handler)
{
	double v = 3.25, got = 0;

	handle(SIGUSR1, clobber);
	__asm__ volatile("fldl %1\n\tmov $234, %%eax\n\tsyscall\n\tfstpl %0"
			 : "=m"(got)
			 : "m"(v), "D"((long)getpid()), "S"((long)thread_id()),
			   "d"((long)SIGUSR1)
			 : "rax", "rcx", "r11", "memory");
	CHECK(got == 3.25);
}

static bool have_avx(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 28)) && (c & (1u << 27));
}

static void clobber_avx(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	__asm__ volatile("vzeroall" ::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm15");
}

TEST(avx_registers_survive_a_handler)
{
	uint64_t in[8] = {11, 12, 13, 14, 15, 16, 17, 18}, got[8] = {0};

	if (!have_avx())
		SKIP("no AVX");
	handle(SIGUSR1, clobber_avx);
	__asm__ volatile("vmovdqu 0(%0), %%ymm1\n\tvmovdqu 32(%0), %%ymm15\n\t"
			 "mov $234, %%eax\n\tsyscall\n\t"
			 "vmovdqu %%ymm1, 0(%1)\n\tvmovdqu %%ymm15, 32(%1)\n\tvzeroupper"
			 :
			 : "r"(in), "r"(got), "D"((long)getpid()), "S"((long)thread_id()),
			   "d"((long)SIGUSR1)
			 : "rax", "rcx", "r11", "memory", "xmm1", "xmm15");
	CHECK_MEM(got, in, sizeof(in));
}

/* AVX-512: the upper registers and a mask register. */
TEST(avx512_registers_survive_a_handler)
{
	unsigned a, b, c, d, lo, hi;
	uint64_t in[8] = {21, 22, 23, 24, 25, 26, 27, 28}, got[8] = {0};
	unsigned mask_in = 0xa5a5, mask_got = 0;

	if (!have_avx() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & (1u << 16)))
		SKIP("no AVX-512");
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	if ((lo & 0xe6) != 0xe6)
		SKIP("AVX-512 is off");
	handle(SIGUSR1, clobber_avx);
	__asm__ volatile("vmovdqu64 (%0), %%zmm31\n\tkmovw %4, %%k3\n\t"
			 "mov $234, %%eax\n\tsyscall\n\t"
			 "vmovdqu64 %%zmm31, (%1)\n\tkmovw %%k3, %2"
			 : "+r"((uint64_t *){in}), "+r"((uint64_t *){got}),
			   "=&r"(mask_got)
			 : "D"((long)getpid()), "r"(mask_in), "S"((long)thread_id()),
			   "d"((long)SIGUSR1)
			 : "rax", "rcx", "r11", "memory");
	CHECK_MEM(got, in, sizeof(in));
	CHECK_EQ(mask_got, mask_in);
}

/* The handler starts with clean control words whatever the program set. */
static unsigned handler_mxcsr;
static unsigned short handler_cw;

static void on_control(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1"
			 : "=m"(handler_mxcsr), "=m"(handler_cw));
}

TEST(handler_starts_with_default_control_words)
{
	unsigned mxcsr = 0x1f80 | 0x6000, after;
	unsigned short cw = 0xc7f, cw_after;

	handle(SIGUSR1, on_control);
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" ::"m"(mxcsr), "m"(cw));
	raise(SIGUSR1);
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(after), "=m"(cw_after));
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0\n\tfninit" ::"m"(mxcsr));
	CHECK_EQ(handler_mxcsr, 0x1f80);
	CHECK_EQ(handler_cw, 0x37f);
	CHECK_EQ(after & 0x6000, 0x6000);
	CHECK_EQ(cw_after, 0xc7f);
}

/* Changing the saved vector state changes the register after the return. */
static int frame_marks;

static void on_change_xmm(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;
	struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;

	(void)sig, (void)si;
	fp->_xmm[3].element[0] = 0xdeadbeef;
	/* The software-reserved bytes tell the size: FP_XSTATE_MAGIC1. */
	frame_marks = ((uint32_t *)fp)[464 / 4] == 0x46505853;
}

TEST(saved_vector_state_is_writable)
{
	uint32_t in[4] = {1, 2, 3, 4}, got[4] = {0};

	handle(SIGUSR1, on_change_xmm);
	__asm__ volatile("movdqu (%0), %%xmm3\n\tmov $234, %%eax\n\tsyscall\n\t"
			 "movdqu %%xmm3, (%1)"
			 :
			 : "r"(in), "r"(got), "D"((long)getpid()), "S"((long)thread_id()),
			   "d"((long)SIGUSR1)
			 : "rax", "rcx", "r11", "memory", "xmm3");
	CHECK_EQ(got[0], 0xdeadbeef);
	CHECK_EQ(got[1], 2);
	if (have_avx())
		CHECK(frame_marks);
}

/* --- the stack ---------------------------------------------------------------- */
static uintptr_t frame_rsp, handler_sp;

static void on_stack(int sig, siginfo_t *si, void *ucv)
{
	(void)sig, (void)si;
	frame_rsp = (uintptr_t)((ucontext_t *)ucv)->uc_mcontext.gregs[REG_RSP];
	handler_sp = (uintptr_t)__builtin_frame_address(0);
	((ucontext_t *)ucv)->uc_mcontext.gregs[REG_RIP] += 2;
}

/* 128 bytes below the stack pointer belong to the interrupted function. */
TEST(red_zone)
{
	unsigned long first = 0, last = 0;

	handle(SIGILL, on_stack);
	__asm__ volatile("movq $0x5151, -8(%%rsp)\n\tmovq $0x6262, -128(%%rsp)\n\tud2\n\t"
			 "mov -8(%%rsp), %0\n\tmov -128(%%rsp), %1"
			 : "=&r"(first), "=&r"(last)::"memory");
	CHECK_EQ(first, 0x5151);
	CHECK_EQ(last, 0x6262);
	CHECK(handler_sp < frame_rsp - 128);
	/* At the handler's entry rsp + 8 is a multiple of 16, as after a call. */
	CHECK_EQ(handler_sp % 16, 0);
}

static sigjmp_buf back;

static void on_jump(int sig, siginfo_t *si, void *uc)
{
	(void)si, (void)uc;
	siglongjmp(back, sig);
}

TEST(leaving_by_longjmp)
{
	handle(SIGUSR1, on_jump);
	for (volatile int i = 0; i < 1000; i++) {
		if (sigsetjmp(back, 1) == 0) {
			raise(SIGUSR1);
			FAIL("the handler returned");
		}
	}
	/* With the mask restored the signal is open again each time. */
}

static volatile int level;
static int levels[8];

static void on_nest(int sig, siginfo_t *si, void *uc)
{
	(void)si, (void)uc;
	int mine = ++level;

	if (sig < SIGRTMIN + 5)
		raise(sig + 1);
	levels[sig - SIGRTMIN] = mine;
}

TEST(nested_handlers_unwind_in_order)
{
	for (int sig = SIGRTMIN; sig <= SIGRTMIN + 5; sig++)
		handle(sig, on_nest);
	raise(SIGRTMIN);
	for (int i = 0; i <= 5; i++)
		CHECK_EQ(levels[i], i + 1);
}

/* A frame that sigreturn cannot use ends the process with SIGSEGV. */
static void on_spoil(int sig, siginfo_t *si, void *ucv)
{
	(void)sig, (void)si;
	((ucontext_t *)ucv)->uc_mcontext.fpregs = (void *)0x10;
}

static void on_spoil_rip(int sig, siginfo_t *si, void *ucv)
{
	(void)sig, (void)si;
	((ucontext_t *)ucv)->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000UL;
}

static int spoilt_frame(void (*fn)(int, siginfo_t *, void *))
{
	pid_t pid = fork_child();

	if (pid == 0) {
		handle(SIGUSR1, fn);
		raise(SIGUSR1);
		_exit(0);
	}
	return wait_exit(pid);
}

TEST(spoilt_frames)
{
	CHECK_EQ(spoilt_frame(on_spoil), 128 + SIGSEGV);
	CHECK_EQ(spoilt_frame(on_spoil_rip), 128 + SIGSEGV);
}

/* rt_sigreturn out of the blue: whatever lies on the stack is no frame. */
TEST(sigreturn_without_a_frame)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		__asm__ volatile(
			"mov $0x1000, %%rsp\n\tmov $15, %%eax\n\tsyscall\n\tud2" ::
				: "memory");
		_exit(0);
	}
	CHECK_EQ(wait_exit(pid), 128 + SIGSEGV);
}

/* --- where nothing was touched yet ---------------------------------------------- */

static volatile int seen_signo, seen_pid, stack_word_ok;

static void on_altstack(int signo, siginfo_t *si, void *uc)
{
	volatile char local = 1;

	(void)uc;
	seen_signo = signo;
	seen_pid = si->si_pid;
	stack_word_ok = local;
}

/* Frames on pages that nobody has touched: of a file, shared and private, and of none. */
TEST(frame_on_untouched_pages)
{
	const size_t size = 1 << 16;
	int fd = memfd_create("stack", 0);
	struct sigaction sa = {.sa_sigaction = on_altstack,
			       .sa_flags = SA_SIGINFO | SA_ONSTACK};

	CHECK_EQ(ftruncate(fd, (off_t)size), 0);
	CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
	for (int i = 0; i < 3; i++) {
		const int flags[] = {MAP_SHARED, MAP_PRIVATE,
				     MAP_PRIVATE | MAP_ANONYMOUS};
		char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags[i],
			       i < 2 ? fd : -1, 0);
		stack_t ss = {.ss_sp = p, .ss_size = size},
			off = {.ss_flags = SS_DISABLE};

		CHECK(p != MAP_FAILED);
		CHECK_EQ(sigaltstack(&ss, NULL), 0);
		seen_signo = seen_pid = stack_word_ok = 0;
		CHECK_EQ(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1), 0);
		CHECK_EQ(seen_signo, SIGUSR1);
		CHECK_EQ(seen_pid, getpid());
		CHECK_EQ(stack_word_ok, 1);
		CHECK_EQ(sigaltstack(&off, NULL), 0);
		munmap(p, size);
	}
	close(fd);
}
