/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks that one place in a program changes again and again, and signals that come
 * meanwhile: none is lost, none comes while it is blocked, none waits once it is not.
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "harness.h"

#define HOT	100 /* calls of one place, and it is hot */
#define BIT(s)	(1ull << ((s)-1))
#define NO_BITS (BIT(SIGKILL) | BIT(SIGSTOP))

/* One place for all calls, which leaves the flags alone; what they were comes in *flags. */
__attribute__((noinline)) static long mask_call(long how, const void *set, void *oset,
						long size, unsigned long *flags)
{
	register long r10 __asm__("r10") = size;
	unsigned long f = *flags;
	long r;

	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpush %[f]\n\tpopfq\n\t"
			 "mov %[nr], %%rax\n\t"
			 "syscall\n\t"
			 "mov %%rax, %[r]\n\t"
			 "pushfq\n\tpop %[f]\n\t"
			 "push $0x202\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp"
			 : [f] "+&b"(f), [r] "=&r"(r)
			 : [nr] "i"(SYS_rt_sigprocmask), "D"(how), "S"(set), "d"(oset),
			   "r"(r10)
			 : "rax", "rcx", "r11", "memory", "cc");
	*flags = f;
	return r;
}

static long hot(long how, const void *set, void *oset)
{
	unsigned long flags = 0x202;

	return mask_call(how, set, oset, 8, &flags);
}

static uint64_t now_blocked(void)
{
	uint64_t old = 1;

	CHECK_EQ(hot(0, NULL, &old), 0);
	return old;
}

static void heat(void)
{
	for (int i = 0; i < HOT; i++)
		CHECK_EQ(hot(SIG_BLOCK, NULL, NULL), 0);
}

static uint64_t state = 88172645463325252ull;

static uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

TEST(is_what_was_asked_for)
{
	uint64_t mask = now_blocked();

	for (int i = 0; i < 20000; i++) {
		uint64_t set = random64() & random64(), old = 7;
		long how = (long)(random64() % 3);
		bool to = random64() % 4, from = random64() % 4;
		unsigned long flags = (random64() & 0x8d5) | 0x202, was = flags;

		CHECK_EQ(mask_call(how, from ? &set : NULL, to ? &old : NULL, 8, &flags),
			 0);
		CHECK_EQ(flags & 0x8d5, was & 0x8d5);
		CHECK_EQ(old, to ? mask : 7);
		if (from && how == SIG_BLOCK)
			mask |= set & ~NO_BITS;
		else if (from && how == SIG_UNBLOCK)
			mask &= ~set;
		else if (from)
			mask = set & ~NO_BITS;
	}
	/* One buffer for both. */
	for (int i = 0; i < 1000; i++) {
		uint64_t both = random64() & ~NO_BITS, next = both;

		CHECK_EQ(hot(SIG_SETMASK, &both, &both), 0);
		CHECK_EQ(both, mask);
		mask = next;
	}
}

TEST(errors)
{
	unsigned long flags = 0x202;
	uint64_t set = BIT(SIGUSR1), none = 0;

	heat();
	CHECK_EQ(hot(SIG_SETMASK, &none, NULL), 0);
	for (int i = 0; i < HOT; i++) {
		CHECK_EQ(mask_call(SIG_BLOCK, &set, NULL, 4, &flags), -EINVAL);
		CHECK_EQ(mask_call(SIG_BLOCK, NULL, NULL, 16, &flags), -EINVAL);
		CHECK_EQ(hot(3, &set, NULL), -EINVAL);
		CHECK_EQ(hot(-1, &set, NULL), -EINVAL);
		CHECK_EQ(hot(77, NULL, NULL), 0);
		CHECK_EQ(hot(SIG_BLOCK, BAD_PTR, NULL), -EFAULT);
		CHECK_EQ(hot(SIG_BLOCK, (void *)(1ul << 63), NULL), -EFAULT);
		CHECK_EQ(now_blocked(), 0);
		/* It is changed before the old one is told. */
		CHECK_EQ(hot(SIG_BLOCK, &set, BAD_PTR), -EFAULT);
		CHECK_EQ(now_blocked(), set);
		CHECK_EQ(hot(SIG_UNBLOCK, &set, (void *)(uintptr_t) "read-only"),
			 -EFAULT);
		CHECK_EQ(now_blocked(), 0);
	}
}

/* Pages of the operands that are mapped on demand, and over two of them. */
TEST(operands_anywhere)
{
	uint64_t set = BIT(SIGUSR2), none = 0;

	heat();
	for (int i = 0; i < 20; i++) {
		char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		uint64_t *old = (uint64_t *)(p + PAGE - 3);

		CHECK(p != MAP_FAILED);
		CHECK_EQ(hot(SIG_SETMASK, &set, old), 0);
		CHECK_EQ(*old, 0);
		memcpy(p + PAGE - 3, &none, 8);
		CHECK_EQ(hot(SIG_SETMASK, old, p + 8), 0);
		CHECK_EQ(*(uint64_t *)(p + 8), set);
		CHECK_OK(munmap(p, 2 * PAGE));
	}
}

static atomic_bool inside, stop;
static atomic_int n_taken;

static void count(int sig)
{
	(void)sig;
	CHECK(!atomic_load(&inside));
	atomic_fetch_add(&n_taken, 1);
}

static void handle(int sig, void (*fn)(int), uint64_t mask)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = SA_RESTART};

	memcpy(&sa.sa_mask, &mask, 8);
	CHECK_OK(sigaction(sig, &sa, NULL));
}

/* Blocked, a bit of work, unblocked, again and again until told to end. */
static void sections(uint64_t set)
{
	while (!atomic_load(&stop)) {
		CHECK_EQ(hot(SIG_BLOCK, &set, NULL), 0);
		atomic_store(&inside, true);
		for (volatile int i = 0; i < 50; i++)
			;
		atomic_store(&inside, false);
		CHECK_EQ(hot(SIG_UNBLOCK, &set, NULL), 0);
		for (volatile int i = 0; i < 50; i++)
			;
	}
}

#define N_SENT 2000

static int target;

static void *send_each(void *arg)
{
	const int sig = *(int *)arg;

	for (int i = 0; i < N_SENT; i++) {
		CHECK_OK(syscall(SYS_tgkill, getpid(), target, sig));
		/* Each must have come before the next: it may not wait for anything else. */
		while (atomic_load(&n_taken) <= i)
			sched_yield();
	}
	atomic_store(&stop, true);
	return NULL;
}

static void race_with(int sig)
{
	uint64_t all = ~0ull;
	pthread_t th;

	handle(sig, count, 0);
	target = gettid();
	heat();
	CHECK_EQ(hot(SIG_SETMASK, &all, NULL), 0);
	th = thread_start(send_each, &sig);
	sections(BIT(sig));
	thread_join(th);
	CHECK_EQ(atomic_load(&n_taken), N_SENT);
}

TEST(signals_to_the_thread)
{
	race_with(SIGUSR1);
}

TEST(real_time_signals_to_the_thread)
{
	race_with(SIGRTMIN + 3);
}

/* For the group: whichever thread does not block it. */
static atomic_int n_sections;

static void *section_thread(void *arg)
{
	uint64_t set = BIT(SIGUSR1), none = 0;

	(void)arg;
	CHECK_EQ(hot(SIG_SETMASK, &none, NULL), 0);
	heat();
	while (!atomic_load(&stop)) {
		CHECK_EQ(hot(SIG_BLOCK, &set, NULL), 0);
		for (volatile int i = 0; i < 50; i++)
			;
		CHECK_EQ(hot(SIG_UNBLOCK, &set, NULL), 0);
		atomic_fetch_add(&n_sections, 1);
	}
	return NULL;
}

TEST(signals_to_the_group)
{
	uint64_t all = ~0ull;
	pthread_t th[3];

	handle(SIGUSR1, count, 0);
	CHECK_EQ(hot(SIG_SETMASK, &all, NULL), 0);
	for (int i = 0; i < 3; i++)
		th[i] = thread_start(section_thread, NULL);
	for (int i = 0; i < N_SENT; i++) {
		CHECK_OK(kill(getpid(), SIGUSR1));
		while (atomic_load(&n_taken) <= i)
			sched_yield();
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		thread_join(th[i]);
	CHECK_EQ(atomic_load(&n_taken), N_SENT);
}

/* A timer's signal at any instruction: registers and results are what they were. */
TEST(a_timer_at_any_instruction)
{
	struct itimerval often = {{0, 150}, {0, 150}}, off = {{0, 0}, {0, 0}};
	uint64_t usr = BIT(SIGUSR1), none = 0;

	handle(SIGALRM, count, 0);
	heat();
	CHECK_OK(setitimer(ITIMER_REAL, &often, NULL));
	for (long i = 0; atomic_load(&n_taken) < 1000; i++) {
		unsigned long flags = i % 2 ? 0x8d7 : 0x202, was = flags;
		uint64_t old = 77;

		CHECK_EQ(mask_call(SIG_SETMASK, i % 2 ? &none : &usr, &old, 8, &flags),
			 0);
		CHECK_EQ(flags & 0x8d5, was & 0x8d5);
		if (i)
			CHECK_EQ(old, i % 2 ? usr : none);
	}
	CHECK_OK(setitimer(ITIMER_REAL, &off, NULL));
}

static int n_steps, n_strange;

static void on_step(int sig, siginfo_t *info, void *ctx)
{
	const ucontext_t *uc = ctx;
	const uintptr_t rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];

	(void)sig;
	(void)info;
	n_steps++;
	n_strange += rip - (uintptr_t)mask_call > 512;
}

/* A program that steps through it sees its own instructions only, each once. */
TEST(step_by_step)
{
	struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	uint64_t usr = BIT(SIGUSR1), old;
	int first = 0;

	CHECK_OK(sigaction(SIGTRAP, &sa, NULL));
	for (int i = 0; i < 2 * HOT; i++) {
		unsigned long flags = 0x302;

		n_steps = 0;
		CHECK_EQ(mask_call(i % 3, &usr, &old, 8, &flags), 0);
		if (!i)
			first = n_steps;
		CHECK(n_steps > 3);
		CHECK_EQ(n_steps, first);
	}
	CHECK_EQ(n_strange, 0);
}

/* A handler sees its own mask, and what it does to it is undone. */
static uint64_t seen;

static void change_in_handler(int sig)
{
	uint64_t set = BIT(SIGTERM);

	(void)sig;
	seen = now_blocked();
	CHECK_EQ(hot(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(now_blocked(), seen | set);
}

TEST(in_a_handler)
{
	uint64_t before = BIT(SIGHUP);

	heat();
	handle(SIGUSR1, change_in_handler, BIT(SIGINT));
	for (int i = 0; i < HOT; i++) {
		CHECK_EQ(hot(SIG_SETMASK, &before, NULL), 0);
		CHECK_OK(raise(SIGUSR1));
		CHECK_EQ(seen, before | BIT(SIGUSR1) | BIT(SIGINT));
		CHECK_EQ(now_blocked(), before);
	}
}

TEST(children_and_onlookers)
{
	uint64_t set = BIT(SIGUSR2) | BIT(SIGRTMIN + 9);
	int status;

	heat();
	CHECK_EQ(hot(SIG_SETMASK, &set, NULL), 0);
	CHECK_EQ(file_field_hex("/proc/self/status", "SigBlk"), set);
	for (int i = 0; i < 20; i++) {
		pid_t pid;

		set ^= BIT(SIGRTMIN + 10);
		CHECK_EQ(hot(SIG_SETMASK, &set, NULL), 0);
		pid = CHECK_OK(fork());
		if (!pid) {
			CHECK_EQ(now_blocked(), set);
			raise(SIGUSR2); /* is blocked */
			heat();
			CHECK_EQ(now_blocked(), set);
			kill(getpid(), SIGKILL);
			_exit(0);
		}
		CHECK_EQ(now_blocked(), set);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	CHECK_EQ(file_field_hex("/proc/self/status", "SigBlk"), set);
}

TEST(an_executed_program)
{
	uint64_t set = BIT(SIGUSR2) | BIT(SIGRTMIN + 9);
	char want[32];
	const char *argv[] = {"grep", "-q", want, "/proc/self/status", NULL};
	int status;
	pid_t pid;

	heat();
	snprintf(want, sizeof(want), "SigBlk:.*%llx$", (unsigned long long)set);
	for (int i = 0; i < 2; i++) {
		pid = i ? vfork() : fork();
		CHECK(pid >= 0);
		if (!pid) {
			if (!i)
				heat();
			hot(SIG_SETMASK, &set, NULL);
			execvp(argv[0], (char **)(uintptr_t)argv);
			_exit(2);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
}

/* Calls with a mask of their own, and those that take what is blocked. */
TEST(other_calls_of_masks)
{
	uint64_t usr = BIT(SIGUSR1), none = 0, pending = 0;
	struct timespec soon = {0, 1000000};
	siginfo_t info;

	handle(SIGUSR1, count, 0);
	heat();
	for (int i = 0; i < HOT; i++) {
		CHECK_EQ(hot(SIG_SETMASK, &usr, NULL), 0);
		CHECK_OK(raise(SIGUSR1));
		CHECK_OK(syscall(SYS_rt_sigpending, &pending, 8));
		CHECK_EQ(pending, usr);
		CHECK_EQ(atomic_load(&n_taken), 2 * i);
		CHECK_EQ(syscall(SYS_rt_sigtimedwait, &usr, &info, &soon, 8), SIGUSR1);
		CHECK_EQ(now_blocked(), usr);
		CHECK_OK(raise(SIGUSR1));
		CHECK_EQ(syscall(SYS_rt_sigsuspend, &none, 8), -1);
		CHECK_EQ(atomic_load(&n_taken), 2 * i + 1);
		CHECK_EQ(now_blocked(), usr);
		CHECK_OK(raise(SIGUSR1));
		CHECK_ERRNO(syscall(SYS_ppoll, NULL, 0, &soon, &none, 8), EINTR);
		CHECK_EQ(atomic_load(&n_taken), 2 * i + 2);
		CHECK_EQ(now_blocked(), usr);
		CHECK_EQ(hot(SIG_SETMASK, &none, NULL), 0);
	}
}

/* What is blocked cannot be lost to being ignored; what is not blocked can. */
TEST(ignored_signals)
{
	uint64_t usr = BIT(SIGUSR1), none = 0, pending = 0;

	heat();
	for (int i = 0; i < HOT; i++) {
		signal(SIGUSR1, SIG_IGN);
		CHECK_EQ(hot(SIG_SETMASK, &usr, NULL), 0);
		CHECK_OK(kill(getpid(), SIGUSR1));
		CHECK_OK(syscall(SYS_rt_sigpending, &pending, 8));
		CHECK_EQ(pending, usr);
		CHECK_EQ(hot(SIG_SETMASK, &none, NULL), 0);
		CHECK_OK(syscall(SYS_rt_sigpending, &pending, 8));
		CHECK_EQ(pending, 0);
		CHECK_OK(kill(getpid(), SIGUSR1));
		handle(SIGUSR1, count, 0);
		CHECK_EQ(hot(SIG_SETMASK, &usr, NULL), 0);
		CHECK_EQ(hot(SIG_SETMASK, &none, NULL), 0);
		CHECK_EQ(atomic_load(&n_taken), 0);
	}
}

/* A thread that ends hands on what it would have taken. */
static void *block_and_end(void *arg)
{
	uint64_t usr = BIT(SIGUSR1);

	(void)arg;
	for (int i = 0; i < 20; i++) {
		hot(SIG_UNBLOCK, &usr, NULL);
		hot(SIG_BLOCK, &usr, NULL);
	}
	hot(SIG_UNBLOCK, &usr, NULL);
	return NULL;
}

static void *end_threads(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++)
		thread_join(thread_start(block_and_end, NULL));
	atomic_store(&stop, true);
	return NULL;
}

TEST(threads_that_come_and_go)
{
	uint64_t usr = BIT(SIGUSR1), none = 0;
	int sent = 0;
	pthread_t th;

	handle(SIGUSR1, count, 0);
	heat();
	CHECK_EQ(hot(SIG_SETMASK, &usr, NULL), 0);
	th = thread_start(end_threads, NULL);
	while (!atomic_load(&stop)) {
		CHECK_OK(kill(getpid(), SIGUSR1));
		sent++;
		/* One that nobody took in time is for us. */
		CHECK_EQ(hot(SIG_SETMASK, &none, NULL), 0);
		for (int i = 0; atomic_load(&n_taken) < sent; i++) {
			if (i > 100)
				usleep(100);
			CHECK(i < 20000);
		}
		CHECK_EQ(hot(SIG_SETMASK, &usr, NULL), 0);
	}
	thread_join(th);
	CHECK_EQ(atomic_load(&n_taken), sent);
}
