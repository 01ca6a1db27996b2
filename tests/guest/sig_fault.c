/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults as signals: number, code and address for each way to fail, the machine context a
 * handler sees, faults that cannot be handled. Source: sigaction(2), signal(7).
 */
// CFLAGS: -O0
#include <setjmp.h>
#include <ucontext.h>

#include "harness.h"

static siginfo_t info;
static sigjmp_buf back;
static unsigned long trapno, err, cr2, rip;

static void on_fault(int sig, siginfo_t *si, void *ucv)
{
	const greg_t *regs = ((ucontext_t *)ucv)->uc_mcontext.gregs;

	info = *si;
	trapno = (unsigned long)regs[REG_TRAPNO];
	err = (unsigned long)regs[REG_ERR];
	cr2 = (unsigned long)regs[REG_CR2];
	rip = (unsigned long)regs[REG_RIP];
	siglongjmp(back, sig);
}

static void catch_faults(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	static const int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		CHECK_OK(sigaction(sigs[i], &sa, NULL));
}

/* Runs the statement; the signal it raised, or 0. */
#define FAULT_OF(stmt)                                                                   \
	({                                                                               \
		int s_ = sigsetjmp(back, 1);                                             \
		if (s_ == 0) {                                                           \
			stmt;                                                            \
		}                                                                        \
		s_;                                                                      \
	})

#define READ(p)	 ((void)*(volatile char *)(p))
#define WRITE(p) (*(volatile char *)(p) = 1)

/* Page-fault error code bits. */
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_EXEC = 16 };

static char *page(int prot)
{
	char *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

TEST(unmapped)
{
	char *p = page(PROT_READ);

	CHECK_OK(munmap(p, PAGE));
	catch_faults();
	CHECK_EQ(FAULT_OF(READ(p + 5)), SIGSEGV);
	CHECK_EQ(info.si_signo, SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_MAPERR);
	CHECK(info.si_addr == p + 5);
	CHECK_EQ(cr2, (unsigned long)(p + 5));
	CHECK_EQ(trapno, 14);
	CHECK_EQ(err, PF_USER);
	CHECK_EQ(FAULT_OF(WRITE(p + 4095)), SIGSEGV);
	CHECK(info.si_addr == p + 4095);
	CHECK_EQ(err, PF_USER | PF_WRITE);
}

TEST(null_pointer)
{
	catch_faults();
	CHECK_EQ(FAULT_OF(READ(NULL)), SIGSEGV);
	CHECK(info.si_addr == NULL);
	CHECK_EQ(info.si_code, SEGV_MAPERR);
}

TEST(protection)
{
	char *none = page(PROT_NONE), *ro = page(PROT_READ);

	catch_faults();
	CHECK_EQ(FAULT_OF(READ(none)), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_ACCERR);
	CHECK(info.si_addr == none);
	READ(ro);
	CHECK_EQ(FAULT_OF(WRITE(ro + 8)), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_ACCERR);
	CHECK(info.si_addr == ro + 8);
	CHECK_EQ(err, PF_USER | PF_WRITE | PF_PRESENT);
}

/* A page never written is a zero page: reading is fine, writing is not. */
TEST(write_to_untouched_read_only_page)
{
	char *ro = page(PROT_READ);

	catch_faults();
	CHECK_EQ(FAULT_OF(WRITE(ro)), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_ACCERR);
	CHECK(info.si_addr == ro);
}

TEST(execute_data)
{
	char *p = page(PROT_READ | PROT_WRITE);

	*p = (char)0xc3;
	catch_faults();
	CHECK_EQ(FAULT_OF(((void (*)(void))p)()), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_ACCERR);
	CHECK(info.si_addr == p);
	CHECK_EQ(rip, (unsigned long)p);
	CHECK_EQ(err, PF_USER | PF_EXEC | PF_PRESENT);
	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	CHECK_EQ(FAULT_OF(((void (*)(void))p)()), 0);
}

TEST(jump_to_nowhere)
{
	catch_faults();
	CHECK_EQ(FAULT_OF(((void (*)(void))0x10)()), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_MAPERR);
	CHECK_EQ((unsigned long)info.si_addr, 0x10);
	CHECK_EQ(err, PF_USER | PF_EXEC);
}

/* Not an address at all: a general protection fault, address unknown. */
TEST(non_canonical)
{
	catch_faults();
	CHECK_EQ(FAULT_OF(READ(0x8000000000000000UL)), SIGSEGV);
	CHECK_EQ(info.si_code, SI_KERNEL);
	CHECK(info.si_addr == NULL);
	CHECK_EQ(trapno, 13);
	CHECK_EQ(err, 0);
}

/* Kernel addresses look like any other unmapped one. */
TEST(kernel_address)
{
	catch_faults();
	CHECK_EQ(FAULT_OF(READ(0xffff888000000000UL)), SIGSEGV);
	CHECK_EQ(info.si_code, SEGV_MAPERR);
	CHECK_EQ((unsigned long)info.si_addr, 0xffff888000000000UL);
}

TEST(privileged_instructions)
{
	catch_faults();
	CHECK_EQ(FAULT_OF(__asm__ volatile("hlt")), SIGSEGV);
	CHECK_EQ(info.si_code, SI_KERNEL);
	CHECK_EQ(trapno, 13);
	CHECK_EQ(FAULT_OF(__asm__ volatile("cli")), SIGSEGV);
	CHECK_EQ(FAULT_OF(__asm__ volatile("mov %%cr0, %%rax" ::: "rax")), SIGSEGV);
	CHECK_EQ(FAULT_OF(__asm__ volatile("mov $0x80, %%dx\n\tout %%al, %%dx" ::
						   : "rdx")),
		 SIGSEGV);
	CHECK_EQ(FAULT_OF(__asm__ volatile("int $0x81")), SIGSEGV);
	CHECK_EQ(err, (0x81 << 3) | 2); /* the gate's selector, from the IDT */
}

TEST(illegal_instruction)
{
	catch_faults();
	CHECK_EQ(FAULT_OF(__asm__ volatile("ud2")), SIGILL);
	CHECK_EQ(info.si_code, ILL_ILLOPN);
	CHECK_EQ((unsigned long)info.si_addr, rip);
	CHECK_EQ(trapno, 6);
	CHECK_EQ(*(unsigned short *)rip, 0x0b0f); /* points at the instruction */
}

TEST(breakpoint)
{
	catch_faults();
	CHECK_EQ(FAULT_OF(__asm__ volatile("int3")), SIGTRAP);
	CHECK_EQ(info.si_code, SI_KERNEL);
	CHECK_EQ(trapno, 3);
	CHECK_EQ(*(unsigned char *)(rip - 1), 0xcc); /* behind it: a trap */
}

TEST(integer_division)
{
	catch_faults();
	CHECK_EQ(FAULT_OF(__asm__ volatile("xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\t"
					   "mov $1, %%eax\n\tdiv %%ecx" ::
						   : "rax", "rcx", "rdx")),
		 SIGFPE);
	CHECK_EQ(info.si_code, FPE_INTDIV);
	CHECK_EQ((unsigned long)info.si_addr, rip);
	CHECK_EQ(trapno, 0);
	/* The quotient does not fit: the same exception. */
	CHECK_EQ(FAULT_OF(__asm__ volatile("mov $-1, %%ecx\n\tmov $0x80000000, %%eax\n\t"
					   "cltd\n\tidiv %%ecx" ::
						   : "rax", "rcx", "rdx")),
		 SIGFPE);
}

TEST(floating_point)
{
	unsigned mxcsr = 0x1f80 & ~0x200u; /* unmask division by zero */
	unsigned short cw = 0x37f & ~4;

	catch_faults();
	CHECK_EQ(FAULT_OF(__asm__ volatile("ldmxcsr %0\n\txorps %%xmm1, %%xmm1\n\t"
					   "mov $0x3f800000, %%eax\n\tmovd %%eax, "
					   "%%xmm0\n\tdivss %%xmm1, %%xmm0"
					   :
					   : "m"(mxcsr)
					   : "rax", "xmm0", "xmm1")),
		 SIGFPE);
	CHECK_EQ(info.si_code, FPE_FLTDIV);
	CHECK_EQ(trapno, 19);
	CHECK_EQ(FAULT_OF(__asm__ volatile("fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\t"
					   "fdivrp\n\tfwait"
					   :
					   : "m"(cw))),
		 SIGFPE);
	CHECK_EQ(info.si_code, FPE_FLTDIV);
	CHECK_EQ(trapno, 16);
}

/* Single step: one trap after each instruction until the handler clears the flag. */
static volatile int steps;

static void on_step(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig;
	info = *si;
	if (++steps == 5)
		uc->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}

TEST(single_step)
{
	struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};

	CHECK_OK(sigaction(SIGTRAP, &sa, NULL));
	__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
			 "nop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop\n\tnop" ::
				 : "cc", "memory");
	CHECK_EQ(steps, 5);
	CHECK_EQ(info.si_code, TRAP_TRACE);
}

/* --- SIGBUS ------------------------------------------------------------------- */
TEST(beyond_end_of_file)
{
	scratch_cd();
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, PAGE + 10));
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	catch_faults();
	CHECK_EQ(FAULT_OF(WRITE(p + PAGE + 4095)), 0); /* the last page is whole */
	CHECK_EQ(FAULT_OF(READ(p + 2 * PAGE)), SIGBUS);
	CHECK_EQ(info.si_code, BUS_ADRERR);
	CHECK(info.si_addr == p + 2 * PAGE);
	CHECK_EQ(FAULT_OF(WRITE(p + 3 * PAGE + 7)), SIGBUS);
	CHECK(info.si_addr == p + 3 * PAGE + 7);
	/* The file may grow and shrink under the mapping. */
	CHECK_OK(ftruncate(fd, 3 * PAGE));
	CHECK_EQ(FAULT_OF(READ(p + 2 * PAGE)), 0);
	CHECK_OK(ftruncate(fd, PAGE));
	CHECK_EQ(FAULT_OF(READ(p + 2 * PAGE)), SIGBUS);
	CHECK_EQ(FAULT_OF(READ(p + PAGE)), SIGBUS);
	CHECK_EQ(FAULT_OF(READ(p)), 0);
}

TEST(private_mapping_beyond_end_of_file)
{
	scratch_cd();
	put_str("f", "x");
	int fd = CHECK_OK(open("f", O_RDONLY));
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	catch_faults();
	CHECK_EQ(FAULT_OF(WRITE(p + 100)), 0);
	CHECK_EQ(FAULT_OF(WRITE(p + PAGE)), SIGBUS);
	CHECK_EQ(info.si_code, BUS_ADRERR);
}

/* System calls see the same limits as EFAULT. */
TEST(beyond_end_of_file_in_a_call)
{
	scratch_cd();
	put_str("f", "x");
	int fd = CHECK_OK(open("f", O_RDONLY)),
	    null = CHECK_OK(open("f2", O_RDWR | O_CREAT, 0600));
	char *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(write(null, p + PAGE, 10), EFAULT);
	CHECK_EQ(write(null, p + PAGE - 10, 20), 10);
}

/* --- what cannot be handled --------------------------------------------------- */
static int ends_with(void (*set_up)(void))
{
	pid_t pid = fork_child();

	if (pid == 0) {
		set_up();
		READ(NULL);
		_exit(0);
	}
	return wait_exit(pid);
}

static void by_default(void)
{
	signal(SIGSEGV, SIG_DFL);
}

static void ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
}

static void blocked(void)
{
	catch_signal(SIGSEGV, 0);
	block_signal(SIGSEGV);
}

/* Ignoring or blocking does not help: the fault would only repeat. */
TEST(forced_faults)
{
	CHECK_EQ(ends_with(by_default), 128 + SIGSEGV);
	CHECK_EQ(ends_with(ignored), 128 + SIGSEGV);
	CHECK_EQ(ends_with(blocked), 128 + SIGSEGV);
}

static void on_fault_again(int sig)
{
	(void)sig;
	READ(NULL);
}

static void handler_faults(void)
{
	signal(SIGSEGV, on_fault_again);
}

TEST(fault_in_the_handler)
{
	CHECK_EQ(ends_with(handler_faults), 128 + SIGSEGV);
}

/* A handler that returns comes back to the same instruction: it can mend the cause. */
static char *to_mend;
static volatile int mended;

static void on_mend(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	mprotect((char *)((uintptr_t)si->si_addr & ~(uintptr_t)(PAGE - 1)), PAGE,
		 PROT_READ | PROT_WRITE);
	mended++;
}

TEST(handler_mends_and_returns)
{
	struct sigaction sa = {.sa_sigaction = on_mend, .sa_flags = SA_SIGINFO};

	to_mend = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_OK(sigaction(SIGSEGV, &sa, NULL));
	for (int i = 0; i < 64; i++)
		to_mend[i * PAGE + i] = (char)i;
	CHECK_EQ(mended, 64);
	for (int i = 0; i < 64; i++)
		CHECK_EQ(to_mend[i * PAGE + i], i);
}

/* The handler moves the instruction pointer past the faulting instruction. */
static void on_skip(int sig, siginfo_t *si, void *ucv)
{
	(void)sig, (void)si;
	((ucontext_t *)ucv)->uc_mcontext.gregs[REG_RIP] +=
		2; /* movb $1, (%rax): 3; ud2: 2 */
}

TEST(handler_skips_the_instruction)
{
	struct sigaction sa = {.sa_sigaction = on_skip, .sa_flags = SA_SIGINFO};
	int after = 0;

	CHECK_OK(sigaction(SIGILL, &sa, NULL));
	__asm__ volatile("ud2\n\tmov $7, %0" : "=r"(after));
	CHECK_EQ(after, 7);
}

/* Stack overflow, seen on the alternate stack. */
static int dig(volatile int n)
{
	volatile char frame[4000];

	frame[0] = (char)n;
	return n == INT32_MAX ? 0 : dig(n + 1) + frame[0];
}

TEST(stack_overflow)
{
	stack_t st = {.ss_sp = malloc(65536), .ss_size = 65536};
	struct sigaction sa = {.sa_sigaction = on_fault,
			       .sa_flags = SA_SIGINFO | SA_ONSTACK};
	char here;

	CHECK_OK(sigaltstack(&st, NULL));
	CHECK_OK(sigaction(SIGSEGV, &sa, NULL));
	CHECK_EQ(FAULT_OF(dig(0)), SIGSEGV);
	CHECK(&here > (char *)info.si_addr);
	CHECK(&here - (char *)info.si_addr > 1 << 20);
}

/* kill(SIGSEGV) is an ordinary signal with an ordinary siginfo. */
TEST(sent_not_caused)
{
	catch_signal(SIGSEGV, SA_SIGINFO);
	CHECK_OK(kill(getpid(), SIGSEGV));
	CHECK_EQ(sig_info.si_code, SI_USER);
	CHECK_EQ(sig_info.si_pid, getpid());
}
