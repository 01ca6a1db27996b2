/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that one place in a program makes again and again (harness/hot.h), while signals
 * come, threads run the same code, and processes are made.
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#include "harness.h"
#include "hot.h"

/* --- signals --------------------------------------------------------------- */

/* All vector registers there are, over calls and over signals that come in between. */
static void nothing(int sig)
{
	__asm__ volatile("pxor %%xmm3, %%xmm3; pxor %%xmm9, %%xmm9" ::: "xmm3", "xmm9");
	(void)sig;
}

TEST(vector_registers)
{
	const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};

	hot_set_up();
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
	if (rip - (unsigned long)hot_code >= PAGE &&
	    (rip < (unsigned long)__executable_start || rip >= (unsigned long)etext))
		bad_rip = (long)rip;
}

TEST(signals_find_the_program_in_its_own_code)
{
	const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_sigaction = look_where, .sa_flags = SA_SIGINFO};

	hot_set_up();
	hot_heat();
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

	hot_set_up();
	for (int i = 0; i < HOT; i++) {
		FN(hot_store)(SYS_getppid, (long)&value, 0, 0);
		CHECK_EQ(value, getppid());
	}
	CHECK_OK(sigaction(SIGSEGV, &sa, NULL));
	for (int i = 0; i < 3; i++) {
		if (!sigsetjmp(out_of_fault, 1))
			FN(hot_store)(SYS_getppid, 0x40, 0, 0);
		CHECK_EQ(fault_rip, (unsigned long)hot_label(hot_stored));
		CHECK_EQ(fault_addr, 0x40);
	}
}

/* A call that a signal interrupts, restarted or not. */
TEST(interrupted_calls)
{
	struct sigaction sa = {.sa_handler = nothing};
	const struct itimerval soon = {{0, 0}, {0, 20000}};
	pid_t pid;
	char byte;
	int p[2];

	hot_set_up();
	hot_heat();
	CHECK_OK(pipe(p));
	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_EQ(FN(hot_call)(SYS_read, p[0], (long)&byte, 1), -EINTR);
	sa.sa_flags = SA_RESTART;
	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	pid = CHECK_OK(fork());
	if (!pid) {
		usleep(100000);
		_exit(write(p[1], "x", 1) != 1);
	}
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_EQ(FN(hot_call)(SYS_read, p[0], (long)&byte, 1), 1);
	wait_ok(pid);
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

	hot_set_up();
	signal(SIGTRAP, on_trap);
	FN(hot_step)(SYS_getppid, 0, 0, 0);
	first = n_traps;
	for (int i = 0; i < HOT; i++) {
		n_traps = 0;
		FN(hot_step)(i % 2 ? SYS_getpid : SYS_getppid, 0, 0, 0);
		CHECK_EQ(n_traps, first);
	}
}

/* Calls that a kernel might answer without being asked: a signal comes all the same. */
TEST(signals_between_cheap_calls)
{
	const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_sigaction = look_where, .sa_flags = SA_SIGINFO};
	const pid_t pid = getpid();

	hot_set_up();
	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &often, NULL));
	while (n_signals < 500)
		CHECK_EQ(FN(hot_call)(SYS_getpid, 0, 0, 0), pid);
	CHECK_OK(setitimer(ITIMER_REAL, &never, NULL));
	CHECK_EQ(bad_rip, 0);
}

static void ids_are(long uid, long euid, long gid, long egid)
{
	for (int i = 0; i < HOT; i++) {
		CHECK_EQ(FN(hot_call)(SYS_getuid, 0, 0, 0), uid);
		CHECK_EQ(FN(hot_call)(SYS_geteuid, 0, 0, 0), euid);
		CHECK_EQ(FN(hot_call)(SYS_getgid, 0, 0, 0), gid);
		CHECK_EQ(FN(hot_call)(SYS_getegid, 0, 0, 0), egid);
		CHECK_EQ(FN(hot_call)(SYS_getpid, 0, 0, 0), syscall(SYS_getpgrp));
	}
}

TEST(who_one_is_may_change)
{
	pid_t pid;

	hot_set_up();
	if (geteuid() != 0)
		SKIP("only root changes its ids at will");
	CHECK_OK(setpgid(0, 0));
	ids_are(0, 0, 0, 0);
	CHECK_OK(setregid(7, 8));
	ids_are(0, 0, 7, 8);
	CHECK_OK(setresuid(5, 6, 0));
	ids_are(5, 6, 7, 8);
	CHECK_OK(seteuid(0));
	ids_are(5, 0, 7, 8);
	pid = CHECK_OK(fork());
	if (!pid) {
		CHECK_OK(setpgid(0, 0));
		CHECK_OK(setuid(9));
		ids_are(9, 9, 7, 8);
		_exit(0);
	}
	CHECK_EQ(wait_exit(pid), 0);
	ids_are(5, 0, 7, 8);
}

static void *know_itself(void *arg)
{
	(void)arg;
	for (int i = 0; i < HOT; i++)
		CHECK_EQ(FN(hot_call)(SYS_gettid, 0, 0, 0), gettid());
	return NULL;
}

TEST(threads_know_themselves)
{
	hot_set_up();
	know_itself(NULL);
	for (int i = 0; i < 10; i++) {
		pthread_t th = thread_start(know_itself, NULL);

		know_itself(NULL);
		thread_join(th);
	}
}

/* --- threads and processes --------------------------------------------------- */

static atomic_int go;

static void *call_often(void *arg)
{
	long (*other)(long, long, long, long) = (void *)arg;

	while (!atomic_load(&go))
		;
	for (int i = 0; i < 4 * HOT; i++) {
		CHECK_EQ(other(SYS_getppid, 0, 0, 0), getppid());
		CHECK_EQ(FN(hot_ret)(0, 0, 0, 0), getppid());
	}
	return NULL;
}

TEST(threads_run_it_while_it_changes)
{
	for (int round = 0; round < 10; round++) {
		pthread_t th[4];

		hot_set_up();
		atomic_store(&go, 0);
		for (int i = 0; i < 4; i++)
			th[i] = thread_start(call_often, hot_label(hot_call));
		atomic_store(&go, 1);
		for (int i = 0; i < 4; i++)
			thread_join(th[i]);
		CHECK_OK(munmap(hot_code, HOT_SIZE));
	}
}

static void *know_for_long(void *arg)
{
	hot_fn *call = (hot_fn *)arg;

	while (!atomic_load(&go))
		CHECK_EQ(call(SYS_getpid, 0, 0, 0), getpid());
	return NULL;
}

/* What one thread runs all the time lies next to what changes for another. */
TEST(other_places_become_hot_meanwhile)
{
	pthread_t th;

	hot_set_up();
	hot_heat();
	atomic_store(&go, 0);
	th = thread_start(know_for_long, FN(hot_call));
	for (int i = 0; i < 30; i++) {
		hot_code = hot_map("more");
		hot_heat();
	}
	atomic_store(&go, 1);
	thread_join(th);
}

TEST(children_inherit_it)
{
	hot_set_up();
	hot_heat();
	for (int i = 0; i < 3; i++) {
		pid_t pid = CHECK_OK(fork());

		if (!pid) {
			for (int j = 0; j < HOT; j++)
				if (FN(hot_ret)(0, 0, 0, 0) != getppid())
					_exit(1);
			CHECK_OK(mprotect(hot_code, PAGE, PROT_READ | PROT_WRITE));
			_exit(!!memcmp(hot_code, hot_start,
				       (size_t)(hot_end - hot_start)));
		}
		wait_ok(pid);
		hot_heat();
	}
}

TEST(a_child_by_a_raw_clone)
{
	hot_set_up();
	hot_heat();
	for (int i = 0; i < 2 * HOT; i++) {
		pid_t pid = (pid_t)FN(hot_call)(SYS_clone, SIGCHLD, 0, 0);

		if (!pid)
			_exit(FN(hot_call)(SYS_getppid, 0, 0, 0) == 0);
		CHECK_OK(pid);
		wait_ok(pid);
	}
}

TEST(gs_is_the_programs)
{
	static unsigned long mine[16384];
	unsigned long base = 1;

	hot_set_up();
	hot_heat();
	CHECK_OK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
	CHECK_EQ(base, 0);
	for (unsigned i = 0; i < 16384; i++)
		mine[i] = i;
	CHECK_OK(syscall(SYS_arch_prctl, ARCH_SET_GS, mine));
	hot_heat();
	__asm__ volatile("mov %%gs:80, %0" : "=r"(base));
	CHECK_EQ(base, 10);
	CHECK_OK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
	CHECK_EQ(base, (unsigned long)mine);
	for (unsigned i = 0; i < 16384; i++)
		CHECK_EQ(mine[i], i);
	CHECK_OK(syscall(SYS_arch_prctl, ARCH_SET_GS, 0));
	hot_heat();
	/* without asking the kernel */
	__asm__ volatile("wrgsbase %0" ::"r"(mine));
	hot_heat();
	__asm__ volatile("rdgsbase %0" : "=r"(base));
	CHECK_EQ(base, (unsigned long)mine);
	for (unsigned i = 0; i < 16384; i++)
		CHECK_EQ(mine[i], i);
	__asm__ volatile("wrgsbase %0" ::"r"(0ul));
	hot_heat();
}
