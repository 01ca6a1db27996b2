/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals at bad moments: storms while a thread enters and leaves calls, stack pointers and
 * signal stacks in hidden memory when a call, a fault or a signal comes.
 */
#include <sys/time.h>

#include "harness.h"
#include "hidden.h"

HIDDEN_AREA

#define STORM_MS 400

static volatile int n_signals, stop;

static void count(int sig)
{
	(void)sig;
	__atomic_fetch_add(&n_signals, 1, __ATOMIC_RELAXED);
}

static void *sender(void *arg)
{
	while (!stop)
		syscall(SYS_tgkill, getpid(), *(pid_t *)arg, SIGUSR1);
	return NULL;
}

/* Every call is answered by what it asked for, whatever comes between. */
TEST(storm_of_signals_around_calls)
{
	struct itimerval often = {{0, 200}, {0, 200}};
	const pid_t pid = getpid(), tid = thread_id();
	const long long end = now_ms() + STORM_MS;
	struct sigaction sa = {.sa_handler = count, .sa_flags = SA_RESTART};
	pid_t to = tid;
	pthread_t th;
	int p[2];
	long calls = 0;

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
	CHECK_OK(pipe(p));
	th = thread_start(sender, &to);
	setitimer(ITIMER_REAL, &often, NULL);
	for (; now_ms() < end; calls++) {
		unsigned long out = (unsigned long)calls, in = 0;

		CHECK_EQ(getpid(), pid);
		CHECK_EQ(syscall(SYS_gettid), tid);
		CHECK_EQ(write(p[1], &out, 8), 8);
		CHECK_EQ(read(p[0], &in, 8), 8);
		CHECK_EQ(in, out);
		CHECK_ERRNO(close(-1), EBADF);
	}
	stop = 1;
	memset(&often, 0, sizeof(often));
	setitimer(ITIMER_REAL, &often, NULL);
	thread_join(th);
	CHECK(n_signals > 0);
	sandbox_lives();
}

/* Registers that live across code without calls. */
TEST(storm_of_signals_in_plain_code)
{
	struct itimerval often = {{0, 100}, {0, 100}};
	struct sigaction sa = {.sa_handler = count, .sa_flags = SA_RESTART};
	const long long end = now_ms() + STORM_MS;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (now_ms() < end) {
		unsigned long a = 1, b = 2;
		double d = 1.5;

		for (int i = 0; i < 100000; i++) {
			__asm__ volatile("add %1, %0\n\tsub %1, %0" : "+r"(a) : "r"(b));
			__asm__ volatile("addsd %1, %0\n\tsubsd %1, %0"
					 : "+x"(d)
					 : "x"(2.25));
		}
		CHECK_EQ(a, 1);
		CHECK(d == 1.5);
	}
	memset(&often, 0, sizeof(often));
	setitimer(ITIMER_REAL, &often, NULL);
	CHECK(n_signals > 0);
}

/* --- the stack pointer in hidden memory ---------------------------------------------- */
enum event { CALL, FAULT, TIMER, N_EVENTS };

struct moment {
	uintptr_t rsp;
	bool relative; /* to the thread's own context, if it has one */
	enum event event;
};

static uintptr_t own_context(void)
{
	for (size_t i = 0; i < n_hidden; i++)
		if ((uintptr_t)hidden[i].at < HIDDEN_FIXED)
			return (uintptr_t)hidden[i].at;
	return HIDDEN_CTX;
}

/* With a stack like that there is no way back: it ends by its own call, or a signal. */
static void have_stack(void *arg)
{
	const struct moment *m = arg;
	struct itimerval soon = {{0, 0}, {0, 20000}};
	uintptr_t rsp = m->rsp;

	hidden_scan();
	if (m->relative)
		rsp += own_context();
	if (m->event == TIMER)
		setitimer(ITIMER_REAL, &soon, NULL);
	if (m->event == CALL)
		__asm__ volatile(
			"mov %0, %%rsp\n\t"
			"mov $39, %%eax\n\tsyscall\n\t"
			"cmp %%eax, %%ebx\n\tsetne %%dil\n\tmovzbl %%dil, %%edi\n\t"
			"mov $231, %%eax\n\tsyscall" ::"r"(rsp),
			"b"(getpid())
			: "rax", "rcx", "rdi", "r11", "memory");
	else if (m->event == FAULT)
		__asm__ volatile("mov %0, %%rsp\n\tmovb $1, 16" ::"r"(rsp) : "memory");
	else
		__asm__ volatile("mov %0, %%rsp\n1:\tjmp 1b" ::"r"(rsp));
}

static void have_stacks(uintptr_t rsp, bool relative)
{
	for (int e = 0; e < N_EVENTS; e++) {
		struct moment m = {rsp, relative, (enum event)e};
		int r = attack(have_stack, &m, 1500);

		if (r != 0 && r <= 128)
			FAIL("stack at %lx, event %d: exit %d", (long)rsp, e, r);
	}
}

TEST(stack_in_the_head_of_the_context)
{
	hidden_scan();
	have_stacks(0, true);
	have_stacks(512, true);
	have_stacks(PAGE, true);
}

TEST(stack_at_the_bottom_of_the_signal_stack)
{
	hidden_scan();
	have_stacks(0x4000, true);
	have_stacks(0x4008, true);
	have_stacks(0x4400, true);
	have_stacks(0x5000, true);
}

TEST(stack_at_the_top_of_the_signal_stack)
{
	hidden_scan();
	have_stacks(0x8001, true);
	have_stacks(HIDDEN_CTX_SIZE - 8, true);
	have_stacks(HIDDEN_CTX_SIZE, true);
	have_stacks(HIDDEN_CTX_SIZE - 0x800, true);
}

TEST(stack_in_other_hidden_pages)
{
	static const uintptr_t at[] = {HIDDEN_TEXT + 64, HIDDEN_ORDER + 64,
				       HIDDEN_SCRATCH + 128, HIDDEN_FRAME + 0x8000, 0};

	hidden_scan();
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		have_stacks(at[i], false);
}

/* --- the program's own signal stack there -------------------------------------------- */
static void on_signal(int sig)
{
	_exit(sig == SIGUSR1 ? 7 : 8);
}

static void stack_there(void *arg)
{
	stack_t ss = {.ss_sp = (void *)*(uintptr_t *)arg, .ss_size = 0x8000};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};

	if (sigaltstack(&ss, NULL))
		_exit(6);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	_exit(5);
}

/* The frame cannot be written: SIGSEGV, which has no stack either. */
TEST(signal_stacks_in_hidden_pages)
{
	static uintptr_t at[] = {HIDDEN_CTX + 0x4000, HIDDEN_CTX + 0x14000, HIDDEN_FRAME,
				 HIDDEN_ORDER, HIDDEN_SCRATCH};

	hidden_scan();
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		CHECK_EQ(attack(stack_there, &at[i], 2000), 128 + SIGSEGV);
}
