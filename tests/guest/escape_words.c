/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that a kernel reads or writes for a program at times of its own: futexes, robust
 * lists, the word cleared at a thread's end, rseq areas. Placed in hidden pages.
 */
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include "harness.h"
#include "hidden.h"

HIDDEN_AREA

/* One word of each hidden page that nobody uses but us. */
static unsigned quiet[HIDDEN_MAX];

static unsigned word_of(size_t i)
{
	return *(volatile unsigned *)(hidden[i].at + 2048);
}

static void remember(void)
{
	hidden_scan();
	for (size_t i = 0; i < n_hidden; i++)
		quiet[i] = (uintptr_t)hidden[i].at < HIDDEN_FIXED ? 0 : word_of(i);
}

static void is_unchanged(void)
{
	for (size_t i = 0; i < n_hidden; i++)
		if ((uintptr_t)hidden[i].at >= HIDDEN_FIXED &&
		    (uintptr_t)hidden[i].at < HIDDEN_VDSO && word_of(i) != quiet[i])
			FAIL("the word in %p has changed", hidden[i].at);
	hidden_check();
	sandbox_lives();
}

static long futex(uintptr_t at, int op, unsigned val, void *timeout, uintptr_t at2,
		  unsigned val3)
{
	return syscall(SYS_futex, at, op, val, timeout, at2, val3);
}

/* Waiting and waking need no page to be there for private futexes; changing a word does. */
TEST(futexes)
{
	struct timespec ts = {0, 1000000}, abs;
	unsigned word = 0;

	remember();
	clock_gettime(CLOCK_REALTIME, &abs);
	for (size_t i = 0; i < N_HIDDEN_PLACES; i++) {
		const uintptr_t at = hidden_place[i];
		const unsigned add = FUTEX_OP(FUTEX_OP_SET, 77, FUTEX_OP_CMP_EQ, 0);

		CHECK_ERRNO(futex(at, FUTEX_WAIT, 0, &ts, 0, 0), EFAULT);
		CHECK_ERRNO(futex(at, FUTEX_WAIT_PRIVATE, 0, &ts, 0, 0), EFAULT);
		CHECK_ERRNO(futex(at, FUTEX_WAKE, 1, NULL, 0, 0), EFAULT);
		CHECK_ERRNO(futex(at, FUTEX_LOCK_PI, 0, &abs, 0, 0), EFAULT);
		CHECK_ERRNO(futex(at, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, 0, 0), EFAULT);
		CHECK_ERRNO(futex(at, FUTEX_UNLOCK_PI, 0, NULL, 0, 0), EFAULT);
		CHECK_ERRNO(futex((uintptr_t)&word, FUTEX_WAKE_OP, 1, (void *)1, at, add),
			    EFAULT);
		CHECK_ERRNO(
			futex(at, FUTEX_CMP_REQUEUE, 1, (void *)1, (uintptr_t)&word, 0),
			EFAULT);
	}
	is_unchanged();
}

/* At the end of a thread the list is walked: each entry a lock, at an offset. */
struct list {
	uintptr_t head, lock;
};

static void die_with_list(void *arg)
{
	static struct {
		uintptr_t next;
		long offset;
		uintptr_t pending;
	} head;
	static uintptr_t entry;
	const struct list *l = arg;

	head.next = (uintptr_t)&entry;
	entry = (uintptr_t)&head;
	head.offset = (long)(l->lock - (uintptr_t)&entry);
	head.pending = l->lock - (uintptr_t)head.offset;
	syscall(SYS_set_robust_list, l->head ? l->head : (uintptr_t)&head, 24);
	_exit(0);
}

TEST(robust_lists)
{
	remember();
	for (size_t i = 0; i < N_HIDDEN_PLACES; i++) {
		struct list by_lock = {0, hidden_place[i]},
			    by_head = {hidden_place[i], 0};

		CHECK_EQ(attack(die_with_list, &by_lock, 2000), 0);
		CHECK_EQ(attack(die_with_list, &by_head, 2000), 0);
	}
	is_unchanged();
}

static void die_with_tid(void *arg)
{
	syscall(SYS_set_tid_address, arg);
	_exit(0);
}

static int end_at_once(void *arg)
{
	(void)arg;
	return 0;
}

static void clone_with_tid(void *arg)
{
	static char stack[1 << 14];

	clone(end_at_once, stack + sizeof(stack),
	      CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID |
		      SIGCHLD,
	      NULL, arg, NULL, arg);
	_exit(0);
}

TEST(words_of_births_and_deaths)
{
	remember();
	for (size_t i = 0; i < N_HIDDEN_PLACES; i++) {
		int r;

		CHECK_EQ(attack(die_with_tid, (void *)hidden_place[i], 2000), 0);
		r = attack(clone_with_tid, (void *)hidden_place[i], 2000);
		CHECK(r == 0 || r > 128);
	}
	is_unchanged();
}

/* rseq: the kernel writes the CPU number at each return, and jumps by what it reads. */
#define RSEQ_SIG 0x53053053

static void have_rseq(void *arg)
{
	extern const ptrdiff_t __rseq_offset;
	extern const unsigned __rseq_size;
	long r;

	if (__rseq_size)
		syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32,
			1, RSEQ_SIG);
	r = syscall(SYS_rseq, arg, 32, 0, RSEQ_SIG);
	for (int i = 0; r == 0 && i < 100; i++)
		sched_yield();
	_exit(0);
}

TEST(rseq_areas)
{
	remember();
	for (size_t i = 0; i < N_HIDDEN_PLACES; i++) {
		int r = attack(have_rseq, (void *)(hidden_place[i] & ~31ul), 2000);

		CHECK(r == 0 || r == 128 + SIGSEGV);
	}
	is_unchanged();
}

/* A critical section whose abort address is in the hidden text. */
TEST(rseq_abort_into_hidden_text)
{
	struct section {
		unsigned version, flags;
		unsigned long start, length, abort;
	} __attribute__((aligned(32)));
	static struct section cs = {0, 0, 0x400000, 0x10000000, HIDDEN_CODE + 4};
	static struct {
		unsigned cpu_start, cpu;
		unsigned long cs;
		unsigned flags, pad[3];
	} __attribute__((aligned(32))) area;
	extern const ptrdiff_t __rseq_offset;
	extern const unsigned __rseq_size;
	int status;

	hidden_scan();
	pid_t pid = fork_child();
	if (pid == 0) {
		if (__rseq_size)
			syscall(SYS_rseq,
				(char *)__builtin_thread_pointer() + __rseq_offset, 32, 1,
				RSEQ_SIG);
		if (syscall(SYS_rseq, &area, 32, 0, RSEQ_SIG) == 0) {
			area.cs = (unsigned long)&cs;
			for (int i = 0; i < 100; i++)
				sched_yield();
		}
		_exit(0);
	}
	status = wait_exit(pid);
	CHECK(status == 0 || status > 128);
	hidden_check();
	sandbox_lives();
}
