/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other ways into a kernel, and processor state that a kernel must not be surprised
 * by: 32-bit code, sysenter, x32 numbers, the vsyscall page with hidden addresses, segment
 * bases, TF, NT and AC across calls.
 */
#include <sys/prctl.h>
#include <sys/time.h>

#include "harness.h"
#include "hidden.h"

HIDDEN_AREA

#define LOW 0x20000000ul /* 32-bit code can reach it */

/* Dies by a signal, or ends with 0: never by a wrong answer, nor by hanging. */
static void dies_or_is_right(void (*fn)(void *arg), void *arg)
{
	int r = attack(fn, arg, 2000);

	if (r != 0 && r <= 128)
		FAIL("exit %d", r);
	if (r == 128 + SIGKILL)
		FAIL("it had to be killed");
}

static char name[16];

/* --- 32-bit code ---------------------------------------------------------------------- */
/* CODE at LOW, entered with cs 0x23. Registers: eax as given, the rest small. */
struct code32 {
	unsigned char code[24];
	unsigned eax;
	bool by_iret;
};

static void run32(void *arg)
{
	const struct code32 *c = arg;
	char *low = mmap((void *)LOW, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	struct itimerval limit = {{0, 0}, {0, 300000}};

	memcpy(low, c->code, sizeof(c->code));
	setitimer(ITIMER_REAL, &limit, NULL);
	if (c->by_iret)
		__asm__ volatile(
			"mov %0, %%rsp\n\tpushq $0x2b\n\tpush %0\n\tpushq $0x202\n\t"
			"pushq $0x23\n\tpush %1\n\txor %%edi, %%edi\n\txor %%esi, "
			"%%esi\n\tiretq" ::"r"(LOW + 3 * PAGE),
			"r"(LOW), "a"((long)c->eax), "b"(0L), "c"(0L), "d"(0L)
			: "memory", "rdi", "rsi");
	__asm__ volatile(
		"mov %0, %%rsp\n\tpushq $0x23\n\tpush %1\n\txor %%edi, %%edi\n\txor "
		"%%esi, %%esi\n\tlretq" ::"r"(LOW + 3 * PAGE),
		"r"(LOW), "a"((long)c->eax), "b"(0L), "c"(0L), "d"(0L)
		: "memory", "rdi", "rsi");
}

/* Then int 0x80 with exit(0), hlt should that be nothing. */
#define THEN_EXIT 0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80, 0xf4

TEST(int_0x80_in_32_bit_code)
{
	/* 20: getpid, 5: open, 11: execve, 120: clone, 37: kill(0, 0), 252: exit_group */
	static const unsigned nr[] = {20, 5, 11, 37, 252, 26, 0x40000027};

	for (size_t i = 0; i < sizeof(nr) / sizeof(nr[0]); i++)
		for (int iret = 0; iret < 2; iret++) {
			struct code32 c = {{0xcd, 0x80, THEN_EXIT}, nr[i], iret};

			dies_or_is_right(run32, &c);
		}
}

TEST(syscall_in_32_bit_code)
{
	struct code32 c = {{0x0f, 0x05, THEN_EXIT}, 20, false};

	dies_or_is_right(run32, &c);
}

TEST(sysenter_in_32_bit_code)
{
	struct code32 c = {{0x0f, 0x34, THEN_EXIT}, 20, true};

	dies_or_is_right(run32, &c);
}

/* --- 64-bit code ---------------------------------------------------------------------- */
static void sysenter(void *arg)
{
	__asm__ volatile("sysenter" ::"a"(39L), "b"(arg) : "memory", "rcx", "rdx");
	_exit(0);
}

TEST(sysenter_in_64_bit_code)
{
	dies_or_is_right(sysenter, NULL);
}

/* prctl(PR_GET_NAME): what somebody else calls the process shows who has answered. */
static void by_int_0x80(void *arg)
{
	long rax = 172; /* prctl of 32-bit programs */
	char *low = mmap((void *)LOW, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	(void)arg;
	prctl(PR_SET_NAME, "mine");
	__asm__ volatile("int $0x80"
			 : "+a"(rax)
			 : "b"((long)PR_GET_NAME), "c"(low), "d"(0L), "S"(0L), "D"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
	_exit(rax == 0 && strcmp(low, "mine") != 0);
}

TEST(int_0x80_in_64_bit_code)
{
	dies_or_is_right(by_int_0x80, NULL);
}

static long raw(unsigned long nr, unsigned long a, unsigned long b)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "0"(nr), "D"(a), "S"(b), "d"(0L)
			 : "rcx", "r11", "memory");
	return r;
}

TEST(x32_numbers_and_high_bits)
{
	static const unsigned long high[] = {0x40000000, 1ul << 32, 0xffffffff00000000,
					     0x8000000000000000, 0x7ffff80100000000};

	prctl(PR_SET_NAME, "mine");
	for (size_t i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
		memset(name, 0, sizeof(name));
		long r = raw(high[i] | SYS_prctl, PR_GET_NAME, (unsigned long)name);
		CHECK(r == -ENOSYS || (r == 0 && !strcmp(name, "mine")));
	}
	sandbox_lives();
}

/* The host itself may serve that page: it must not write where the process cannot. */
static void time_into(void *arg)
{
	long (*tod)(void *, void *) = (long (*)(void *, void *))0xffffffffff600000ul;

	tod(arg, NULL);
	_exit(0);
}

TEST(vsyscall_into_hidden_pages)
{
	static const uintptr_t at[] = {HIDDEN_ORDER, HIDDEN_ORDER + 64, HIDDEN_TEXT,
				       HIDDEN_CODE, HIDDEN_CTX + 0x800};
	unsigned char before[PAGE];

	hidden_scan();
	for (size_t i = 0; i < n_hidden; i++)
		if ((uintptr_t)hidden[i].at == HIDDEN_TEXT)
			memcpy(before, hidden[i].at, PAGE);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		dies_or_is_right(time_into, (void *)at[i]);
	for (size_t i = 0; i < n_hidden; i++)
		if ((uintptr_t)hidden[i].at == HIDDEN_TEXT)
			CHECK_MEM(hidden[i].at, before, PAGE);
}

/* --- processor state -------------------------------------------------------------------- */
static bool has_fsgsbase(void)
{
	unsigned a = 7, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b & 1;
}

/* FS and GS point at where the kernel looks for things of its own, across calls and back. */
static void bases_there(void *arg)
{
	unsigned long fs, got_fs, got_gs;
	long r;

	__asm__ volatile("rdfsbase %0" : "=r"(fs));
	__asm__ volatile("wrfsbase %4\n\twrgsbase %4\n\tmov $39, %%eax\n\tsyscall\n\t"
			 "rdfsbase %0\n\trdgsbase %1\n\twrfsbase %3"
			 : "=&r"(got_fs), "=&r"(got_gs), "=&a"(r)
			 : "r"(fs), "r"(arg)
			 : "rcx", "r11", "memory");
	_exit(r != getpid() || got_fs != (unsigned long)arg ||
	      got_gs != (unsigned long)arg);
}

TEST(segment_bases_in_hidden_pages)
{
	static const uintptr_t at[] = {HIDDEN_CTX, HIDDEN_CTX + 0x10000, HIDDEN_ORDER,
				       HIDDEN_SCRATCH, 0};

	if (!has_fsgsbase())
		SKIP("no FSGSBASE");
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		CHECK_EQ(attack(bases_there, (void *)at[i], 2000), 0);
}

/* A flag that stands while a call is made, a fault is taken and a signal comes. */
static volatile int n_traps;

static void on_trap(int sig)
{
	(void)sig;
	n_traps++;
}

static void call_with_flag(void *arg)
{
	const unsigned long flag = (unsigned long)arg;
	unsigned long flags = 0;
	long r = 0;

	signal(SIGTRAP, on_trap);
	signal(SIGUSR1, on_trap);
	for (int i = 0; i < 200; i++) {
		__asm__ volatile("pushfq\n\tor %2, (%%rsp)\n\tpopfq\n\t"
				 "mov $39, %%eax\n\tsyscall\n\tnop\n\t"
				 "pushfq\n\tpop %1\n\t"
				 "pushfq\n\tandq $~0x44100, (%%rsp)\n\tpopfq"
				 : "=&a"(r), "=&r"(flags)
				 : "r"(flag)
				 : "rcx", "r11", "memory", "cc");
		if (r != getpid())
			_exit(1);
		if (flag != 0x4000 && !(flags & flag))
			_exit(2);
		if (i % 10 == 0)
			raise(SIGUSR1);
	}
	_exit(n_traps < 20);
}

TEST(trap_flag_across_calls)
{
	CHECK_EQ(attack(call_with_flag, (void *)0x100, 4000), 0);
}

/* The iretq of a kernel, or of what plays one, fails with NT set. */
TEST(nested_task_flag_across_calls)
{
	CHECK_EQ(attack(call_with_flag, (void *)0x4000, 4000), 0);
}

TEST(alignment_check_across_calls)
{
	CHECK_EQ(attack(call_with_flag, (void *)0x40000, 4000), 0);
}

TEST(all_three_flags_across_calls)
{
	dies_or_is_right(call_with_flag, (void *)0x44100);
}
