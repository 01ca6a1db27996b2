/* SPDX-License-Identifier: Apache-2.0 */
/*
 * futex: WAIT, WAKE, BITSET, REQUEUE, CMP_REQUEUE, WAKE_OP, time limits, private and
 * shared keys, errors. Source: futex(2).
 */
#include <linux/futex.h>
#include <sys/resource.h>
#include <time.h>

#include "harness.h"

#define RW (PROT_READ | PROT_WRITE)

static long futex(volatile uint32_t *w, int op, uint32_t val, const void *timeout,
		  volatile uint32_t *w2, uint32_t val3)
{
	return syscall(SYS_futex, w, op, val, timeout, w2, val3);
}

static long wake(volatile uint32_t *w, int n)
{
	return futex(w, FUTEX_WAKE, (uint32_t)n, NULL, NULL, 0);
}

static long wake_private(volatile uint32_t *w, int n)
{
	return futex(w, FUTEX_WAKE_PRIVATE, (uint32_t)n, NULL, NULL, 0);
}

static volatile uint32_t word, word2;
static volatile int waiting, woken;

struct waiter {
	volatile uint32_t *w;
	int op;
	uint32_t bits;
	long result;
};

static void *wait_here(void *arg)
{
	struct waiter *me = arg;

	__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
	me->result = futex(me->w, me->op, 0, NULL, NULL, me->bits);
	if (me->result < 0)
		me->result = -errno;
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static struct waiter waiters[64];
static pthread_t threads[64];

/* N threads that wait on W, surely asleep when this returns. */
static void start_waiters(int from, int n, volatile uint32_t *w, int op, uint32_t bits)
{
	int before = waiting;

	for (int i = from; i < from + n; i++) {
		waiters[i] = (struct waiter){w, op, bits, 1};
		threads[i] = thread_start(wait_here, &waiters[i]);
	}
	while (waiting < before + n)
		sleep_ms(1);
	settle();
}

static void await_woken(int n)
{
	while (woken < n)
		sleep_ms(1);
	settle();
	CHECK_EQ(woken, n);
}

/* --- wait and wake ------------------------------------------------------------ */
TEST(wait_checks_the_value)
{
	struct timespec ts = {0, 0};

	word = 5;
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, &ts, NULL, 0), ETIMEDOUT);
}

TEST(wake_without_waiters)
{
	CHECK_EQ(wake(&word, 1), 0);
	CHECK_EQ(wake(&word, INT32_MAX), 0);
}

TEST(wake_counts)
{
	start_waiters(0, 5, &word, FUTEX_WAIT_PRIVATE, 0);
	CHECK_EQ(wake_private(&word, 2), 2);
	await_woken(2);
	CHECK_EQ(wake_private(&word, 100), 3);
	await_woken(5);
	for (int i = 0; i < 5; i++) {
		thread_join(threads[i]);
		CHECK_EQ(waiters[i].result, 0);
	}
}

/* Waking "0" wakes one: the kernel counts after it woke. */
TEST(wake_zero)
{
	start_waiters(0, 1, &word, FUTEX_WAIT_PRIVATE, 0);
	long r = wake_private(&word, 0);
	CHECK(r == 0 || r == 1);
	if (r == 0)
		CHECK_EQ(wake_private(&word, 1), 1);
	thread_join(threads[0]);
}

/* First come, first woken. */
TEST(fifo_order)
{
	for (int i = 0; i < 4; i++)
		start_waiters(i, 1, &word, FUTEX_WAIT_PRIVATE, 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(wake_private(&word, 1), 1);
		thread_join(threads[i]);
		CHECK_EQ(waiters[i].result, 0);
	}
}

TEST(different_words)
{
	start_waiters(0, 1, &word, FUTEX_WAIT_PRIVATE, 0);
	CHECK_EQ(wake_private(&word2, 1), 0);
	CHECK_EQ(wake_private(&word, 1), 1);
	thread_join(threads[0]);
}

/* --- time limits -------------------------------------------------------------- */
TEST(relative_time_limit)
{
	struct timespec ts = {0, 80000000};
	long long begin = now_ms();

	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
	CHECK(now_ms() - begin >= 79);
	CHECK(now_ms() - begin < 1000);
}

static struct timespec in_ms(clockid_t clock, int ms)
{
	struct timespec ts;

	CHECK_OK(clock_gettime(clock, &ts));
	ts.tv_nsec += ms * 1000000L;
	ts.tv_sec += ts.tv_nsec / 1000000000L;
	ts.tv_nsec %= 1000000000L;
	return ts;
}

/* WAIT_BITSET takes an absolute time, by CLOCK_MONOTONIC or CLOCK_REALTIME. */
TEST(absolute_time_limit)
{
	struct timespec ts = in_ms(CLOCK_MONOTONIC, 80);
	long long begin = now_ms();

	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &ts, NULL, ~0u), ETIMEDOUT);
	CHECK(now_ms() - begin >= 79);
	begin = now_ms();
	ts = in_ms(CLOCK_REALTIME, 80);
	CHECK_ERRNO(
		futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &ts, NULL, ~0u),
		ETIMEDOUT);
	CHECK(now_ms() - begin >= 78);
	/* The past. */
	ts = (struct timespec){1, 0};
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &ts, NULL, ~0u), ETIMEDOUT);
	ts = (struct timespec){0, 0};
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &ts, NULL, ~0u), ETIMEDOUT);
}

TEST(bad_time_limits)
{
	struct timespec ts = {0, 1000000000};

	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &ts, NULL, 0), EINVAL);
	ts = (struct timespec){-1, 0};
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &ts, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, BAD_PTR, NULL, 0), EFAULT);
	/* WAKE does not look at it. */
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, BAD_PTR, NULL, 0), 0);
}

/* --- errors ------------------------------------------------------------------- */
TEST(errors)
{
	uint32_t pair[2] = {0, 0};
	uint32_t *odd = (uint32_t *)((char *)pair + 1);
	char *guard = guard_page();

	CHECK_ERRNO(futex(odd, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(odd, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(BAD_PTR, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex((uint32_t *)guard, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0),
		    EFAULT);
	CHECK_ERRNO(futex(BAD_PTR, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	/* A private key is the address alone: it need not be mapped to wake. */
	CHECK_EQ(futex(BAD_PTR, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
	CHECK_ERRNO(futex((uint32_t *)0xffff888000000000, FUTEX_WAIT_PRIVATE, 0, NULL,
			  NULL, 0),
		    EFAULT);
	CHECK_ERRNO(futex(&word, 77, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERRNO(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0),
		    ENOSYS);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0),
		    EINVAL); /* no bits */
	CHECK_ERRNO(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
}

/* --- bit sets ----------------------------------------------------------------- */
TEST(bitset_selects)
{
	start_waiters(0, 1, &word, FUTEX_WAIT_BITSET_PRIVATE, 1);
	start_waiters(1, 1, &word, FUTEX_WAIT_BITSET_PRIVATE, 2);
	start_waiters(2, 1, &word, FUTEX_WAIT_BITSET_PRIVATE, 6);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 8), 0);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 4), 1);
	thread_join(threads[2]);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 3), 1);
	thread_join(threads[0]);
	CHECK_EQ(wake_private(&word, 10), 1); /* WAKE matches any bits */
	thread_join(threads[1]);
}

/* --- requeue ------------------------------------------------------------------ */
/* val: how many wake; the timeout argument: how many move. */
static long requeue(int op, int n_wake, long n_move, uint32_t expect)
{
	return futex(&word, op, (uint32_t)n_wake, (void *)n_move, &word2, expect);
}

TEST(requeue_moves_waiters)
{
	start_waiters(0, 6, &word, FUTEX_WAIT_PRIVATE, 0);
	CHECK_EQ(requeue(FUTEX_REQUEUE_PRIVATE, 1, 3, 0), 4); /* woken and moved */
	await_woken(1);
	CHECK_EQ(wake_private(&word, 100), 2);
	CHECK_EQ(wake_private(&word2, 100), 3);
	await_woken(6);
}

TEST(cmp_requeue)
{
	word = 0;
	start_waiters(0, 5, &word, FUTEX_WAIT_PRIVATE, 0);
	CHECK_ERRNO(requeue(FUTEX_CMP_REQUEUE_PRIVATE, 1, 3, 99), EAGAIN);
	CHECK_EQ(requeue(FUTEX_CMP_REQUEUE_PRIVATE, 1, 3, 0), 4);
	CHECK_EQ(wake_private(&word, 100), 1);
	CHECK_EQ(wake_private(&word2, 100), 3);
	await_woken(5);
	CHECK_ERRNO(requeue(FUTEX_CMP_REQUEUE_PRIVATE, -1, 1, 0), EINVAL);
	CHECK_ERRNO(requeue(FUTEX_CMP_REQUEUE_PRIVATE, 1, -1, 0), EINVAL);
}

/* --- WAKE_OP ------------------------------------------------------------------ */
static long wake_op(int op, int oparg, int cmp, int cmparg)
{
	return futex(
		&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1L, &word2,
		FUTEX_OP((uint32_t)op, (uint32_t)oparg, (uint32_t)cmp, (uint32_t)cmparg));
}

TEST(wake_op_arithmetic)
{
	word2 = 10;
	CHECK_EQ(wake_op(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 0), 0);
	CHECK_EQ(word2, 7);
	wake_op(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0);
	CHECK_EQ(word2, 12);
	wake_op(FUTEX_OP_ADD, 0xfff /* -1 */, FUTEX_OP_CMP_EQ, 0);
	CHECK_EQ(word2, 11);
	wake_op(FUTEX_OP_OR, 4, FUTEX_OP_CMP_EQ, 0);
	CHECK_EQ(word2, 15);
	wake_op(FUTEX_OP_ANDN, 3, FUTEX_OP_CMP_EQ, 0);
	CHECK_EQ(word2, 12);
	wake_op(FUTEX_OP_XOR, 10, FUTEX_OP_CMP_EQ, 0);
	CHECK_EQ(word2, 6);
	wake_op(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_EQ, 0);
	CHECK_EQ(word2, 22);
	CHECK_ERRNO(wake_op(5, 0, FUTEX_OP_CMP_EQ, 0), ENOSYS);
	CHECK_ERRNO(wake_op(FUTEX_OP_SET, 0, 6, 0), ENOSYS);
}

/* The comparison looks at the old value and decides about the second word's waiters. */
TEST(wake_op_comparison)
{
	static const struct {
		int cmp, arg, wakes;
	} cases[] = {
		{FUTEX_OP_CMP_EQ, 10, 1}, {FUTEX_OP_CMP_EQ, 9, 0},
		{FUTEX_OP_CMP_NE, 9, 1},  {FUTEX_OP_CMP_LT, 11, 1},
		{FUTEX_OP_CMP_LT, 10, 0}, {FUTEX_OP_CMP_LE, 10, 1},
		{FUTEX_OP_CMP_GT, 9, 1},  {FUTEX_OP_CMP_GT, 10, 0},
		{FUTEX_OP_CMP_GE, 10, 1},
	};
	int done = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		word2 = 0;
		start_waiters(0, 1, &word, FUTEX_WAIT_PRIVATE, 0);
		start_waiters(1, 1, &word2, FUTEX_WAIT_PRIVATE, 0);
		word2 = 10;
		CHECK_EQ(wake_op(FUTEX_OP_SET, 1, cases[i].cmp, cases[i].arg),
			 1 + cases[i].wakes);
		CHECK_EQ(word2, 1);
		wake_private(&word2, 1);
		done += 2;
		await_woken(done);
		thread_join(threads[0]);
		thread_join(threads[1]);
	}
}

/* --- keys --------------------------------------------------------------------- */
/* Private and shared operations do not meet. */
TEST(private_and_shared_keys_differ)
{
	start_waiters(0, 1, &word, FUTEX_WAIT_PRIVATE, 0);
	CHECK_EQ(wake(&word, 1), 0);
	CHECK_EQ(wake_private(&word, 1), 1);
	thread_join(threads[0]);
}

TEST(shared_between_processes)
{
	uint32_t *w = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork_child();

	if (pid == 0) {
		__atomic_store_n(&w[1], 1, __ATOMIC_SEQ_CST);
		_exit(futex(w, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 0 : errno);
	}
	while (!__atomic_load_n(&w[1], __ATOMIC_SEQ_CST))
		sleep_ms(1);
	while (wake(w, 1) == 0)
		sleep_ms(1);
	wait_ok(pid);
}

/* One page of a file at two addresses in two processes is one futex. */
TEST(shared_through_a_file)
{
	scratch_cd();
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, 2 * PAGE));
	uint32_t *a = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE);
	pid_t pid = fork_child();
	if (pid == 0) {
		int other = CHECK_OK(open("f", O_RDWR));
		uint32_t *b = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, other, 0);

		b += PAGE / 4;
		b[1] = 1;
		_exit(futex(b, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 0 : errno);
	}
	while (!__atomic_load_n(&a[1], __ATOMIC_SEQ_CST))
		sleep_ms(1);
	while (wake(a, 1) == 0)
		sleep_ms(1);
	wait_ok(pid);
}

/* Behind the end of its file a mapping has no word: also for calls that read none. */
TEST(shared_behind_the_end)
{
	int fd = CHECK_OK(memfd_create("futex", 0));
	uint32_t *a;

	CHECK_OK(ftruncate(fd, PAGE));
	a = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(a != MAP_FAILED);
	CHECK_EQ(wake(a, 1), 0);
	CHECK_OK(ftruncate(fd, 0));
	CHECK_ERRNO(wake(a, 1), EFAULT);
	CHECK_ERRNO(futex(a, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(a, FUTEX_REQUEUE, 1, (void *)1, a + 1, 0), EFAULT);
	CHECK_ERRNO(futex(a, FUTEX_CMP_REQUEUE, 1, (void *)1, a + 1, 0), EFAULT);
	CHECK_OK(ftruncate(fd, PAGE));
	CHECK_EQ(wake(a, 1), 0);
}

/* After a fork private memory is two memories, so shared keys there are two as well. */
TEST(private_memory_is_not_shared_by_fork)
{
	uint32_t *w = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int p[2];
	char c;

	*w = 0;
	CHECK_OK(pipe(p));
	pid_t pid = fork_child();
	if (pid == 0) {
		struct timespec ts = {0, 150000000};

		CHECK_EQ(write(p[1], "x", 1), 1);
		CHECK_ERRNO(futex(w, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
		_exit(0);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	settle();
	CHECK_EQ(wake(w, 10), 0);
	wait_ok(pid);
}

/* A read-only mapping may wait and wake. */
TEST(read_only_words)
{
	uint32_t *w = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct timespec ts = {0, 1000000};

	CHECK_ERRNO(futex(w, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0), ETIMEDOUT);
	CHECK_ERRNO(futex(w, FUTEX_WAIT_PRIVATE, 1, &ts, NULL, 0), EAGAIN);
	CHECK_EQ(wake_private(w, 1), 0);
}

/* --- interruption, ends ------------------------------------------------------- */
TEST(interrupted)
{
	pid_t me = getpid(), pid = fork_child();

	if (pid == 0) {
		sleep_ms(40);
		kill(me, SIGUSR1);
		_exit(0);
	}
	catch_signal(SIGUSR1, 0);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
}

/* A waiter that dies is forgotten: later wakes count only the living. */
TEST(dead_waiters_do_not_count)
{
	uint32_t *w = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork_child();

	if (pid == 0) {
		w[1] = 1;
		futex(w, FUTEX_WAIT, 0, NULL, NULL, 0);
	}
	while (!__atomic_load_n(&w[1], __ATOMIC_SEQ_CST))
		sleep_ms(1);
	settle();
	kill(pid, SIGKILL);
	wait_status(pid);
	CHECK_EQ(wake(w, 1), 0);
}

/* --- traffic ------------------------------------------------------------------ */
static volatile uint32_t lock_word;
static long counter;

static void lock(void)
{
	uint32_t c = 0;

	if (__atomic_compare_exchange_n(&lock_word, &c, 1, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_ACQUIRE) != 0)
		futex(&lock_word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static void unlock(void)
{
	if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_RELEASE) == 2)
		wake_private(&lock_word, 1);
}

static void *add(void *arg)
{
	for (int i = 0; i < 3000; i++) {
		lock();
		counter++;
		unlock();
	}
	return arg;
}

/* Two take turns, each waiting for the other; the word is changed by the one that wakes, or
 * by the wake-up itself. */
static volatile uint32_t turn;
static long (*pass_turn)(uint32_t to);

static long pass_and_wake(uint32_t to)
{
	turn = to;
	return wake_private(&turn, 1);
}

static long pass_by_wake_op(uint32_t to)
{
	return futex(&word2, FUTEX_WAKE_OP_PRIVATE, 0, (void *)1L, &turn,
		     FUTEX_OP(FUTEX_OP_SET, to, FUTEX_OP_CMP_GE, 0));
}

static long pass_and_requeue(uint32_t to)
{
	turn = to;
	return futex(&turn, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)0L, &word2, to);
}

static void *take_turns(void *arg)
{
	const uint32_t me = arg != NULL;

	for (int i = 0; i < 5000; i++) {
		while (turn != me)
			futex(&turn, FUTEX_WAIT_PRIVATE, !me, NULL, NULL, 0);
		pass_turn(!me);
	}
	return NULL;
}

TEST(turns_of_two_threads)
{
	long (*const way[])(uint32_t) = {pass_and_wake, pass_by_wake_op,
					 pass_and_requeue};

	for (int i = 0; i < 3; i++) {
		turn = 0;
		pass_turn = way[i];
		threads[0] = thread_start(take_turns, (void *)1L);
		take_turns(NULL);
		thread_join(threads[0]);
		CHECK_EQ(turn, 0);
	}
}

/* A mutex made of it loses no wake-up and no count. */
TEST(mutex_of_eight_threads)
{
	for (int i = 0; i < 8; i++)
		threads[i] = thread_start(add, NULL);
	for (int i = 0; i < 8; i++)
		thread_join(threads[i]);
	CHECK_EQ(counter, 24000);
}
