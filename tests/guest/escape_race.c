/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hidden memory that a program may write: threads scribble over it while others make calls
 * and take faults, and one thread forges what it hands over itself. The process that does
 * so may get wrong answers or die; nobody else notices, and killing it works.
 */
#include <setjmp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "harness.h"
#include "hidden.h"

HIDDEN_AREA

#define RACE_MS	  250
#define PATIENCE  (RACE_MS + 2000)
#define N_VICTIMS 2

static volatile int started, stop;

/* --- victims: everything a thread asks of its kernel ----------------------------------- */
static _Thread_local sigjmp_buf back;
static _Thread_local volatile int may_fault;

static void on_fault(int sig)
{
	if (may_fault)
		siglongjmp(back, sig);
	_exit(5);
}

static void take_fault(void)
{
	if (sigsetjmp(back, 1) == 0) {
		may_fault = 1;
		*(volatile char *)BAD_PTR = 1;
	}
	may_fault = 0;
}

static void map_something(int fd)
{
	unsigned char vec[4];
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED)
		return;
	mincore(p, 4 * PAGE, vec);
	mprotect(p, PAGE, PROT_READ);
	madvise(p, 2 * PAGE, MADV_DONTNEED);
	munmap(p, 4 * PAGE);
}

static void fork_something(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void *nothing(void *arg)
{
	return arg;
}

static void *victim(void *arg)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	pthread_t th;

	(void)arg;
	__atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
	while (!stop && started <= N_VICTIMS)
		sched_yield();
	for (int i = 0; !stop; i++) {
		getppid();
		take_fault();
		map_something(i % 2 ? fd : -1);
		pthread_kill(pthread_self(), SIGUSR1);
		if (i % 8 == 0)
			fork_something();
		if (i % 8 == 4 && !pthread_create(&th, NULL, nothing, NULL))
			pthread_join(th, NULL);
		sched_yield();
	}
	return NULL;
}

/* --- scribblers ----------------------------------------------------------------------- */
struct scribble {
	void (*at)(char *page, uint64_t *state);
	bool contexts; /* these, or the helper's pages */
};

static void random_word(char *page, uint64_t *state)
{
	const uint64_t r = wild(state);

	((volatile uint64_t *)page)[r % (PAGE / 8)] = wild(state);
}

/* The words that are pointers, numbers of things and states. */
static void plausible_word(char *page, uint64_t *state)
{
	const uintptr_t ctx = (uintptr_t)page & -HIDDEN_CTX_SIZE, r = wild(state);
	const uint64_t values[] = {0,
				   1,
				   (uint64_t)-1,
				   1ul << 63,
				   ctx + HIDDEN_CTX_STACK - 8,
				   ctx + HIDDEN_CTX_SIZE - 8,
				   ctx + HIDDEN_CTX_SIZE - (r >> 20) % 0x2000,
				   ctx - HIDDEN_CTX_SIZE + 0xf000,
				   ctx + HIDDEN_CTX_SIZE + 0xf000,
				   HIDDEN_ORDER,
				   HIDDEN_TEXT,
				   0x80000000ul | (r >> 32) % 70000,
				   0x40000000};

	((volatile uint64_t *)page)[r % 40] = values[(r >> 40) % 13];
}

/* Whose turn it is. */
static void state_word(char *page, uint64_t *state)
{
	const uint32_t values[] = {0, 1, 0x80000000, 0x40000000, 0x3fffffff};

	if ((uintptr_t)page % HIDDEN_CTX_SIZE == 0)
		*(volatile uint32_t *)page = values[wild(state) % 5];
}

static void zero_page(char *page, uint64_t *state)
{
	(void)state;
	memset(page, 0, PAGE);
}

static bool is_main[HIDDEN_MAX]; /* found before other threads were */

static void race(void *arg)
{
	const struct scribble *s = arg;
	uint64_t state = 88172645463325252ul + (uint64_t)getpid();
	static char *mine[HIDDEN_MAX];
	size_t n_mine = 0;
	long long end;

	hidden_scan();
	for (size_t i = 0; i < n_hidden; i++)
		mine[n_mine++] = hidden[i].at;
	for (int i = 0; i < N_VICTIMS; i++)
		thread_start(victim, NULL);
	while (started < N_VICTIMS)
		sched_yield();
	hidden_scan();
	for (size_t i = 0; i < n_hidden; i++)
		for (size_t k = 0; k < n_mine; k++)
			is_main[i] |= hidden[i].at == mine[k];
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	signal(SIGUSR1, SIG_IGN);
	started++;
	end = now_ms() + RACE_MS;
	while (now_ms() < end)
		for (size_t n = 0; n < 20000 && n_hidden; n++) {
			size_t i = wild(&state) % n_hidden;
			bool context = (uintptr_t)hidden[i].at < HIDDEN_FIXED;

			if (hidden[i].writable && context == s->contexts &&
			    !(context && is_main[i]))
				s->at(hidden[i].at, &state);
		}
	stop = 1;
	_exit(0);
}

static void race_all(void (*at)(char *page, uint64_t *state), bool contexts)
{
	struct scribble s = {at, contexts};

	hidden_scan();
	attack(race, &s, PATIENCE);
}

TEST(random_words_in_contexts)
{
	race_all(random_word, true);
}

TEST(plausible_words_in_contexts)
{
	race_all(plausible_word, true);
}

TEST(state_words)
{
	race_all(state_word, true);
}

TEST(contexts_made_zero)
{
	race_all(zero_page, true);
}

TEST(random_words_in_the_helper_s_pages)
{
	race_all(random_word, false);
}

TEST(helper_s_pages_made_zero)
{
	race_all(zero_page, false);
}

/* --- forged hand-overs ----------------------------------------------------------------- */
/* `xchg %eax, (%rbx)`, behind `xor %eax, %eax`: the turn is given away. */
static char *hand_over(void)
{
	static const unsigned char code[] = {0x31, 0xc0, 0x87, 0x03};

	return hidden_code(code, sizeof(code));
}

static char *own_context(void)
{
	for (size_t i = 0; i < n_hidden; i++)
		if ((uintptr_t)hidden[i].at < HIDDEN_FIXED)
			return hidden[i].at;
	return NULL;
}

struct forgery {
	uintptr_t frame; /* relative to the context, or else an address */
	bool relative;
	unsigned kind;
	uintptr_t fpstate; /* relative */
	int code;	   /* si_code */
};

/* For signals the forged state is read: it has to be put into a frame. */
static void catch_all(void)
{
	static char stack[1 << 15];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};

	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
}

static void forge(void *arg)
{
	const struct forgery *f = arg;
	char *ctx, *code;
	uintptr_t frame;

	hidden_scan();
	ctx = own_context();
	code = hand_over();
	if (!ctx || !code)
		return;
	catch_all();
	frame = f->relative ? (uintptr_t)ctx + f->frame : f->frame;
	if (f->relative && f->frame >= HIDDEN_CTX_STACK &&
	    f->frame < HIDDEN_CTX_SIZE - 0x800) {
		uint64_t *uc = (uint64_t *)frame;

		memset(uc, 0, 432);
		uc[28] = (uintptr_t)ctx + f->fpstate;
		uc[18] = SYS_gettid;
		uc[21] = (uintptr_t)BAD_PTR; /* rip */
		((int *)uc)[78] = f->code;
	}
	*(uint64_t *)(ctx + HIDDEN_CTX_FRAME) = frame;
	*(uint32_t *)(ctx + HIDDEN_CTX_KIND) = f->kind;
	__asm__ volatile("mov %0, %%rbx\n\tjmp *%1" ::"r"(ctx), "r"(code) : "memory");
}

static const unsigned kinds[] = {SIGSYS, SIGSEGV, SIGTRAP, 16, 0, 64, (unsigned)-1};

static void forge_all(uintptr_t frame, bool relative, uintptr_t fpstate)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct forgery f = {frame, relative, kinds[i], fpstate,
				    kinds[i] == SIGSYS ? 2 : 1};

		/* It may wait for ever for a turn it gave away. */
		attack(forge, &f, 300);
	}
}

TEST(frames_below_and_above_the_signal_stack)
{
	hidden_scan();
	forge_all(0, true, 0);
	forge_all(HIDDEN_CTX_STACK - 8, true, HIDDEN_CTX_SIZE - 0x1000);
	forge_all(HIDDEN_CTX_SIZE - 64, true, HIDDEN_CTX_SIZE - 0x1000);
	forge_all(HIDDEN_CTX_SIZE - 8, true, HIDDEN_CTX_SIZE - 0x1000);
}

TEST(frames_in_the_neighbour_s_context)
{
	hidden_scan();
	forge_all(-0x800ul, true, 0);
	forge_all(HIDDEN_CTX_SIZE + 0xf000, true, 0);
}

TEST(frames_anywhere)
{
	static const uintptr_t at[] = {0, (uintptr_t)-8, HIDDEN_ORDER, 1ul << 47};

	hidden_scan();
	for (int i = 0; i < 4; i++)
		forge_all(at[i], false, 0);
}

TEST(frames_not_aligned)
{
	hidden_scan();
	forge_all(0x8001, true, 0xe001);
}

/* A good frame with a bad FPU image: what a signal frame for the guest is made of. */
TEST(fpu_images_anywhere)
{
	hidden_scan();
	forge_all(0x8000, true, 0x10000 - 64);
	forge_all(0x8000, true, (uintptr_t)1 << 40);
	forge_all(0x8000, true, -0x1000ul);
}

/* --- the list that tells of the thread's death ------------------------------------------ */
/* `exit` in there is let pass; nobody is told. */
static void vanish(void *arg)
{
	static const unsigned char code[] = {0x31, 0xff, 0xb8, SYS_exit, 0,
					     0,	   0,	 0x0f, 5};
	char *ctx, *at;

	(void)arg;
	hidden_scan();
	ctx = own_context();
	at = hidden_code(code, sizeof(code));
	if (!ctx || !at)
		return;
	memset(ctx + HIDDEN_CTX_ROBUST, 0, 32);
	__asm__ volatile("jmp *%0" ::"r"(at));
}

TEST(a_thread_that_vanishes)
{
	hidden_scan();
	attack(vanish, NULL, 1000);
}

/* --- stolen wake-ups -------------------------------------------------------------------- */
/*
 * From there a thread may wait on any word, and a waker who wakes one wakes the first:
 * these stand before the helper, which makes the process's memory calls.
 */
static char *wait_call;

static void *thief(void *arg)
{
	static char nothing[PAGE] __attribute__((aligned(PAGE)));
	const unsigned now = *(volatile unsigned *)arg;

	__asm__ volatile("xor %%r10d, %%r10d\n\txor %%r13d, %%r13d\n\tjmp *%%rcx" ::"c"(
				 wait_call + 5),
			 "a"((long)SYS_futex), "b"(nothing), "D"(arg), "S"(0L),
			 "d"((long)now)
			 : "memory", "r10", "r13");
	return NULL;
}

static void steal(void *arg)
{
	static const unsigned char code[] = {0xb8, SYS_futex, 0, 0, 0, 0x0f, 5};

	(void)arg;
	hidden_scan();
	wait_call = hidden_code(code, sizeof(code));
	if (!wait_call)
		return;
	for (int i = 0; i < 8; i++)
		thread_start(thief, (void *)(HIDDEN_ORDER + (i % 2 ? 0 : 8)));
	sleep_ms(50);
	for (int i = 0; i < 16; i++)
		map_something(-1);
	_exit(0);
}

TEST(wake_ups_of_the_helper_are_stolen)
{
	hidden_scan();
	CHECK_EQ(attack(steal, NULL, 4000), 0);
}
