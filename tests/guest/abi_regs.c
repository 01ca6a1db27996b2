/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system call boundary of x86-64: which registers survive, how numbers and arguments
 * are read, the other ways into a kernel (int 0x80, x32, sysenter, vsyscall). Source: the
 * x86-64 psABI appendix A.2, syscall(2), Linux' Documentation/arch/x86/entry_64.
 */
#include <setjmp.h>
#include <sys/time.h>

#include "harness.h"

struct regs {
	unsigned long rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14,
		r15;
	unsigned long flags;
};

/*
 * Loads every register from R, makes the call and stores what came back. WHERE gets the
 * address behind the instruction.
 */
__attribute__((naked, noinline)) static void
call_with(__attribute__((unused)) struct regs *r,
	  __attribute__((unused)) unsigned long *where)
{
	__asm__("push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush "
		"%r15\n\t"
		"push %rdi\n\t"
		"lea 1f(%rip), %rax\n\tmov %rax, (%rsi)\n\t"
		"pushq 120(%rdi)\n\tpopfq\n\t"
		"mov 0(%rdi), %rax\n\tmov 8(%rdi), %rbx\n\tmov 16(%rdi), %rcx\n\t"
		"mov 24(%rdi), %rdx\n\tmov 32(%rdi), %rsi\n\tmov 48(%rdi), %rbp\n\t"
		"mov 56(%rdi), %r8\n\tmov 64(%rdi), %r9\n\tmov 72(%rdi), %r10\n\t"
		"mov 80(%rdi), %r11\n\tmov 88(%rdi), %r12\n\tmov 96(%rdi), %r13\n\t"
		"mov 104(%rdi), %r14\n\tmov 112(%rdi), %r15\n\tmov 40(%rdi), %rdi\n\t"
		"syscall\n"
		"1:\n\t"
		"xchg %rdi, (%rsp)\n\t" /* rdi: the struct; its value on the stack */
		"mov %rax, 0(%rdi)\n\tmov %rbx, 8(%rdi)\n\tmov %rcx, 16(%rdi)\n\t"
		"mov %rdx, 24(%rdi)\n\tmov %rsi, 32(%rdi)\n\tmov %rbp, 48(%rdi)\n\t"
		"mov %r8, 56(%rdi)\n\tmov %r9, 64(%rdi)\n\tmov %r10, 72(%rdi)\n\t"
		"mov %r11, 80(%rdi)\n\tmov %r12, 88(%rdi)\n\tmov %r13, 96(%rdi)\n\t"
		"mov %r14, 104(%rdi)\n\tmov %r15, 112(%rdi)\n\t"
		"pushfq\n\tpopq 120(%rdi)\n\t"
		"pop %rax\n\tmov %rax, 40(%rdi)\n\tcld\n\t"
		"pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop "
		"%rbx\n\tret");
}

#define FLAGS_KEPT 0xcd5UL /* CF PF AF ZF SF DF OF */

static struct regs patterned(unsigned long nr)
{
	return (struct regs){.rax = nr,
			     .rbx = 0xb1b1b1b1b1b1b1b1,
			     .rcx = 0xc1,
			     .rdx = 0xd1,
			     .rsi = 0x51,
			     .rdi = 0xd2,
			     .rbp = 0xb2b2,
			     .r8 = 0x0808080808080808,
			     .r9 = 0x0909,
			     .r10 = 0x1010,
			     .r11 = 0x1111,
			     .r12 = 0x1212121212121212,
			     .r13 = 0x1313,
			     .r14 = 0x1414,
			     .r15 = 0xf5f5f5f5f5f5f5f5,
			     .flags = 0x202};
}

static void check_kept(const struct regs *got, const struct regs *want,
		       unsigned long where)
{
	CHECK_EQ(got->rbx, want->rbx);
	CHECK_EQ(got->rdx, want->rdx);
	CHECK_EQ(got->rsi, want->rsi);
	CHECK_EQ(got->rdi, want->rdi);
	CHECK_EQ(got->rbp, want->rbp);
	CHECK_EQ(got->r8, want->r8);
	CHECK_EQ(got->r9, want->r9);
	CHECK_EQ(got->r10, want->r10);
	CHECK_EQ(got->r12, want->r12);
	CHECK_EQ(got->r13, want->r13);
	CHECK_EQ(got->r14, want->r14);
	CHECK_EQ(got->r15, want->r15);
	CHECK_EQ(got->rcx, where); /* the instruction's own doing */
	CHECK_EQ(got->r11 & FLAGS_KEPT, want->flags & FLAGS_KEPT);
	CHECK_EQ(got->flags & FLAGS_KEPT, want->flags & FLAGS_KEPT);
}

TEST(registers_survive)
{
	static const unsigned long numbers[] = {SYS_getpid, SYS_sched_yield, SYS_gettid,
						5000};
	unsigned long where;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct regs want = patterned(numbers[i]), got = want;

		call_with(&got, &where);
		check_kept(&got, &want, where);
	}
}

/* A call that sleeps and one that fails keep them as well. */
TEST(registers_survive_blocking_and_failing_calls)
{
	struct {
		long sec, nsec;
	} ts = {0, 5000000};
	unsigned long where;
	struct regs want = patterned(SYS_nanosleep), got;

	want.rdi = (unsigned long)&ts;
	want.rsi = 0;
	got = want;
	call_with(&got, &where);
	CHECK_EQ(got.rax, 0);
	check_kept(&got, &want, where);
	want = patterned(SYS_close);
	want.rdi = 99999;
	got = want;
	call_with(&got, &where);
	CHECK_EQ((long)got.rax, -EBADF);
	check_kept(&got, &want, where);
}

TEST(flags_survive)
{
	static const unsigned long flags[] = {0x202, 0x203, 0x242, 0x282,
					      0x602, 0xa02, 0xed7};
	unsigned long where;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct regs want = patterned(SYS_getpid), got;

		want.flags = flags[i];
		got = want;
		call_with(&got, &where);
		check_kept(&got, &want, where);
	}
}

static unsigned long call(unsigned long nr, unsigned long rdi, unsigned long rsi,
			  unsigned long rdx)
{
	struct regs r = patterned(nr);
	unsigned long where;

	r.rdi = rdi;
	r.rsi = rsi;
	r.rdx = rdx;
	call_with(&r, &where);
	return r.rax;
}

TEST(unknown_numbers)
{
	static const unsigned long numbers[] = {400,
						423,
						1000,
						0xffff,
						0x7fffffff,
						0xffffffff80000000,
						(unsigned long)-1};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		CHECK_EQ((long)call(numbers[i], 0, 0, 0), -ENOSYS);
}

/* The number is 32 bits wide; what stands above is not looked at. */
TEST(number_is_truncated)
{
	CHECK_EQ(call(0xffffffff00000000 | SYS_getpid, 0, 0, 0), (unsigned long)getpid());
	CHECK_EQ(call(0x1234567800000000 | SYS_getpid, 0, 0, 0), (unsigned long)getpid());
}

/* int arguments are read as 32 bits, sizes and pointers as 64. */
TEST(arguments_are_truncated_by_type)
{
	int fd = CHECK_OK(open("/dev/zero", O_RDWR));
	static char buf[16]; /* low: a terabyte behind it still is user space */
	unsigned long high = 0xdeadbeef00000000;

	CHECK_EQ(call(SYS_read, high | (unsigned)fd, (unsigned long)buf, 16), 16);
	CHECK_EQ((long)call(SYS_read, (unsigned)fd, high, 16), -EFAULT);
	CHECK_EQ((long)call(SYS_read, 0xffffffff00000000 | 0xffffffff, (unsigned long)buf,
			    1),
		 -EBADF);
	CHECK_EQ((long)call(SYS_fcntl, high | (unsigned)fd, high | F_GETFD, 0), 0);
	CHECK_EQ(call(SYS_write, (unsigned)fd, (unsigned long)buf, 1UL << 40),
		 0x7ffff000);
}

/* --- the other doors ---------------------------------------------------------- */
static sigjmp_buf back;

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

#define FAULT_OF(stmt)                                                                   \
	({                                                                               \
		signal(SIGSEGV, on_fault);                                               \
		signal(SIGILL, on_fault);                                                \
		int s_ = sigsetjmp(back, 1);                                             \
		if (s_ == 0) {                                                           \
			stmt;                                                            \
		}                                                                        \
		s_;                                                                      \
	})

/* 20 is getpid for 32-bit programs, writev for ours: never mistaken for the latter. */
TEST(int_0x80)
{
	volatile long rax = 0;
	int sig = FAULT_OF(__asm__ volatile("int $0x80"
					    : "=a"(rax)
					    : "a"(20L), "b"(1L), "c"(0L), "d"(0L)
					    : "memory", "r8", "r9", "r10", "r11"));

	if (sig)
		CHECK_EQ(sig, SIGSEGV); /* a kernel without 32-bit support */
	else
		CHECK(rax == getpid() || rax == -ENOSYS);
}

TEST(x32_numbers)
{
	long r = (long)call(0x40000000 | SYS_getpid, 0, 0, 0);

	CHECK(r == -ENOSYS || r == getpid());
	CHECK_EQ((long)call(0x40000000 | 5000, 0, 0, 0), -ENOSYS);
}

static bool in_maps(const char *name)
{
	static char text[1 << 16];
	size_t n = read_file("/proc/self/maps", text, sizeof(text) - 1);

	text[n] = 0;
	return strstr(text, name) != NULL;
}

/* The old fixed page of very old programs, where it exists. */
TEST(vsyscall_page)
{
	long (*tod)(struct timeval *, void *) =
		(long (*)(struct timeval *, void *))0xffffffffff600000UL;
	long (*now)(long *) = (long (*)(long *))0xffffffffff600400UL;
	struct timeval tv = {0, 0};
	volatile long t = 0;

	if (!in_maps("[vsyscall]"))
		SKIP("no vsyscall page");
	CHECK_EQ(FAULT_OF(CHECK_EQ(tod(&tv, NULL), 0)), 0);
	CHECK(tv.tv_sec > 1700000000);
	CHECK_EQ(FAULT_OF(t = now(NULL)), 0);
	CHECK(t - tv.tv_sec <= 1);
	/* Only its three entries may be jumped to. */
	CHECK_EQ(FAULT_OF(((void (*)(void))0xffffffffff600010UL)()), SIGSEGV);
}

/* CPUID and RDTSC are the processor's own. */
TEST(cpuid_and_rdtsc)
{
	unsigned a = 0, b, c, d;
	unsigned long long t1 = __builtin_ia32_rdtsc(), t2;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d) : "c"(0));
	CHECK(a >= 1);
	CHECK(b == 0x756e6547 || b == 0x68747541 || b != 0);
	t2 = __builtin_ia32_rdtsc();
	CHECK(t2 > t1);
}

/* A call made under single-step traps behind the instruction like any other. */
static volatile int steps;

static void on_step(int sig)
{
	(void)sig;
	steps++;
}

TEST(single_step_over_a_call)
{
	signal(SIGTRAP, on_step);
	__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\t"
			 "mov $39, %%eax\n\tsyscall\n\tnop\n\t"
			 "pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq" ::
				 : "rax", "rcx", "r11", "cc", "memory");
	CHECK(steps >= 5);
	int n = steps;
	__asm__ volatile("nop\n\tnop\n\tnop");
	CHECK_EQ(steps, n);
}
