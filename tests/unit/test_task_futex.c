// SPDX-License-Identifier: Apache-2.0
// LINK: sentry/base sentry/task/futex.c sentry/task/futex_two.c sentry/task/futex_pi.c
// LINK: sentry/task/futex_requeue_pi.c sentry/task/futex_exit.c sentry/task/futex_waitv.c
/*
 * Futexes on threads of our own: an array for guest memory, words faulted in on demand,
 * park for the sleep.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "sentry/abi/errno.h"
#include "sentry/task/block.h"
#include "sentry/task/futex.h"
#include "sentry/task/lifecycle.h"

#define MEM_BASE 0x10000ull
#define N_WORDS	 64
#define N_TASKS	 8
#define ADDR(i)	 (MEM_BASE + 4 * (i))

static atomic_uint word[N_WORDS];
static atomic_bool present[N_WORDS];
static struct kernel kernel;
static struct mm mm;
static struct task task[N_TASKS];
static struct exec_ctx ctx[N_TASKS];

/* --- guest memory ------------------------------------------------------------ */

static int index_of(uaddr_t addr)
{
	return addr < MEM_BASE || addr >= MEM_BASE + sizeof(word)
		       ? -1
		       : (int)(addr - MEM_BASE) / 4;
}

static int load32(struct exec_ctx *c, uaddr_t addr, uint32_t *value)
{
	int i = index_of(addr);

	(void)c;
	if (i < 0 || !atomic_load(&present[i]))
		return -EFAULT;
	*value = atomic_load(&word[i]);
	return 0;
}

/* What came along with the call: the first word, as it was some time ago. */
static uint32_t carried;
static bool is_carried;

static const void *carried_in(struct exec_ctx *c, uaddr_t addr, size_t *n)
{
	(void)c;
	*n = sizeof(carried);
	return is_carried && addr == ADDR(0) ? &carried : NULL;
}

static int cmpxchg32(struct exec_ctx *c, uaddr_t addr, uint32_t expected,
		     uint32_t desired, uint32_t *old)
{
	int i = index_of(addr);

	(void)c;
	if (i < 0 || !atomic_load(&present[i]))
		return -EFAULT;
	*old = expected;
	atomic_compare_exchange_strong(&word[i], old, desired);
	return 0;
}

static const struct ctx_ops ops = {
	.load32 = load32, .cmpxchg32 = cmpxchg32, .carried_in = carried_in};

static int fault_in(uaddr_t addr)
{
	if (index_of(addr) < 0)
		return -EFAULT;
	atomic_store(&present[index_of(addr)], true);
	return 0;
}

int user_load32(const struct umem *u, uaddr_t addr, uint32_t *value)
{
	int r = fault_in(addr);

	return r ? r : load32(u->ctx, addr, value);
}

int user_cmpxchg32(const struct umem *u, uaddr_t addr, uint32_t expected,
		   uint32_t desired, uint32_t *old)
{
	int r = fault_in(addr);

	return r ? r : cmpxchg32(u->ctx, addr, expected, desired, old);
}

int copy_from_user(const struct umem *u, void *dst, uaddr_t src, size_t n)
{
	(void)u;
	if (index_of(src) < 0 || index_of(src + n - 1) < 0)
		return -EFAULT;
	memcpy(dst, (char *)word + (src - MEM_BASE), n);
	return 0;
}

int copy_to_user(const struct umem *u, uaddr_t dst, const void *src, size_t n)
{
	(void)u;
	if (index_of(dst) < 0 || index_of(dst + n - 1) < 0)
		return -EFAULT;
	memcpy((char *)word + (dst - MEM_BASE), src, n);
	return 0;
}

int mm_futex_key(struct mm *m, uaddr_t addr, bool shared_wanted, struct futex_key *key)
{
	(void)shared_wanted;
	*key = (struct futex_key){.object = m, .offset = addr};
	return 0;
}

void mm_futex_key_put(struct futex_key *key)
{
	(void)key;
}

/* --- tasks -------------------------------------------------------------------- */

int task_tid_for(const struct task *t, const struct task *viewer)
{
	(void)viewer;
	return (int)(t - task) + 100;
}

struct task *task_lookup(struct task *viewer, int tid)
{
	(void)viewer;
	return tid >= 100 && tid < 100 + N_TASKS ? &task[tid - 100] : NULL;
}

void task_put(struct task *t)
{
	(void)t;
}

int task_block(struct task *t, int64_t deadline_ns, const char *what, uint64_t arg)
{
	(void)arg;
	lock_assert_none_held();
	t->wait_what = what;
	return park_wait(&t->park, deadline_ns);
}

static int set_up(void **state)
{
	(void)state;
	memset(word, 0, sizeof(word));
	memset(present, 0, sizeof(present));
	refcount_init(&mm.users);
	refcount_inc(&mm.users);
	for (int i = 0; i < N_TASKS; i++) {
		memset(&task[i], 0, sizeof(task[i]));
		ctx[i].ops = &ops;
		task[i].k = &kernel;
		task[i].mem = (struct umem){.mm = &mm, .ctx = &ctx[i]};
		list_init(&task[i].pi_owned);
		park_init(&task[i].park);
	}
	return futex_table_create(&kernel.futexes);
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < FUTEX_BUCKETS; i++)
		assert_true(list_empty(&kernel.futexes->bucket[i].waiters));
	futex_table_free(kernel.futexes);
	return 0;
}

/* --- a call on another thread ------------------------------------------------- */

struct call {
	pthread_t thread;
	struct task *t;
	int (*fn)(struct call *c);
	int result;
};

static void *call_main(void *arg)
{
	struct call *c = arg;

	c->result = c->fn(c);
	return NULL;
}

/* Returns when it sleeps in a futex call. */
static void start(struct call *c, int i, int (*fn)(struct call *c))
{
	*c = (struct call){.t = &task[i], .fn = fn};
	assert_int_equal(pthread_create(&c->thread, NULL, call_main, c), 0);
	while (!atomic_load(&task[i].wait_what))
		usleep(100);
	usleep(1000);
}

static int finish(struct call *c)
{
	pthread_join(c->thread, NULL);
	atomic_store(&c->t->wait_what, NULL);
	return c->result;
}

static int call_wait(struct call *c)
{
	return futex_wait(c->t, ADDR(0), false, 0, LX_FUTEX_BITSET_MATCH_ANY,
			  NO_DEADLINE);
}

static int call_lock(struct call *c)
{
	return futex_lock_pi(c->t, ADDR(8), false, false, NO_DEADLINE);
}

static int call_wait_requeue(struct call *c)
{
	return futex_wait_requeue_pi(c->t, ADDR(0), false, 0, ADDR(8), NO_DEADLINE);
}

static void test_wait_and_wake(void **state)
{
	struct call c[3];

	(void)state;
	assert_int_equal(futex_wait(&task[0], ADDR(0), false, 1, 1, NO_DEADLINE),
			 -EAGAIN);
	assert_int_equal(futex_wait(&task[0], ADDR(0) + 2, false, 0, 1, NO_DEADLINE),
			 -EINVAL);
	assert_int_equal(futex_wait(&task[0], 16, false, 0, 1, NO_DEADLINE), -EFAULT);
	assert_int_equal(futex_wait(&task[0], ADDR(0), false, 0, 1, clock_mono_ns()),
			 -ETIMEDOUT);
	for (int i = 0; i < 3; i++)
		start(&c[i], i + 1, call_wait);
	assert_int_equal(
		futex_wake(&task[0], ADDR(1), false, 3, LX_FUTEX_BITSET_MATCH_ANY), 0);
	assert_int_equal(
		futex_wake(&task[0], ADDR(0), false, 1, LX_FUTEX_BITSET_MATCH_ANY), 1);
	/* First come, first served. */
	assert_int_equal(finish(&c[0]), 0);
	assert_int_equal(futex_wake(&task[0], ADDR(0), false, INT32_MAX,
				    LX_FUTEX_BITSET_MATCH_ANY),
			 2);
	assert_int_equal(finish(&c[1]), 0);
	assert_int_equal(finish(&c[2]), 0);
}

static void test_requeue(void **state)
{
	uint32_t wrong = 7, zero = 0;
	struct call c[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		start(&c[i], i + 1, call_wait);
	assert_int_equal(
		futex_requeue(&task[0], ADDR(0), false, ADDR(4), false, 1, 2, &wrong),
		-EAGAIN);
	assert_int_equal(
		futex_requeue(&task[0], ADDR(0), false, ADDR(4), false, 1, 2, &zero), 3);
	assert_int_equal(finish(&c[0]), 0);
	assert_int_equal(
		futex_wake(&task[0], ADDR(0), false, 9, LX_FUTEX_BITSET_MATCH_ANY), 1);
	assert_int_equal(finish(&c[3]), 0);
	assert_int_equal(
		futex_wake(&task[0], ADDR(4), false, 9, LX_FUTEX_BITSET_MATCH_ANY), 2);
	assert_int_equal(finish(&c[1]), 0);
	assert_int_equal(finish(&c[2]), 0);
}

static void test_wake_op(void **state)
{
	/* word[1] += 5; the second word's waiters are woken if it was less than 3 */
	uint32_t op = 1u << 28 | 2u << 24 | 5u << 12 | 3;
	struct call c;

	(void)state;
	start(&c, 1, call_wait);
	assert_int_equal(futex_wake_op(&task[0], ADDR(2), ADDR(0), false, 1, 1, op), 1);
	assert_int_equal(finish(&c), 0);
	assert_int_equal(atomic_load(&word[0]), 5);
	assert_int_equal(futex_wake_op(&task[0], ADDR(2), ADDR(0), false, 1, 1, 7u << 28),
			 -ENOSYS);
}

static void test_pi_handover(void **state)
{
	struct call c[2];

	(void)state;
	assert_int_equal(futex_lock_pi(&task[0], ADDR(8), false, false, NO_DEADLINE), 0);
	assert_int_equal(atomic_load(&word[8]), 100);
	assert_int_equal(futex_lock_pi(&task[0], ADDR(8), false, false, NO_DEADLINE),
			 -EDEADLK);
	assert_int_equal(futex_lock_pi(&task[3], ADDR(8), false, true, NO_DEADLINE),
			 -EAGAIN);
	assert_int_equal(futex_unlock_pi(&task[3], ADDR(8), false), -EPERM);
	start(&c[0], 1, call_lock);
	start(&c[1], 2, call_lock);
	assert_int_equal(atomic_load(&word[8]), 100 | LX_FUTEX_WAITERS);
	assert_int_equal(
		futex_wake(&task[3], ADDR(8), false, 1, LX_FUTEX_BITSET_MATCH_ANY),
		-EINVAL);
	assert_int_equal(futex_lock_pi(&task[3], ADDR(8), false, false, clock_mono_ns()),
			 -ETIMEDOUT);
	assert_int_equal(futex_unlock_pi(&task[0], ADDR(8), false), 0);
	assert_int_equal(finish(&c[0]), 0);
	assert_int_equal(atomic_load(&word[8]), 101 | LX_FUTEX_WAITERS);
	assert_int_equal(futex_unlock_pi(&task[1], ADDR(8), false), 0);
	assert_int_equal(finish(&c[1]), 0);
	assert_int_equal(futex_unlock_pi(&task[2], ADDR(8), false), 0);
	assert_int_equal(atomic_load(&word[8]), 0);
	/* A word that names nobody. */
	atomic_store(&word[8], 999);
	assert_int_equal(futex_lock_pi(&task[0], ADDR(8), false, false, NO_DEADLINE),
			 -ESRCH);
}

static int call_lock_other(struct call *c)
{
	return futex_lock_pi(c->t, ADDR(9), false, false, NO_DEADLINE);
}

static void test_pi_deadlock(void **state)
{
	struct call c;

	(void)state;
	assert_int_equal(futex_lock_pi(&task[0], ADDR(9), false, false, NO_DEADLINE), 0);
	assert_int_equal(futex_lock_pi(&task[1], ADDR(8), false, false, NO_DEADLINE), 0);
	start(&c, 1, call_lock_other);
	assert_int_equal(futex_lock_pi(&task[0], ADDR(8), false, false, NO_DEADLINE),
			 -EDEADLK);
	assert_int_equal(futex_unlock_pi(&task[0], ADDR(9), false), 0);
	assert_int_equal(finish(&c), 0);
	assert_int_equal(futex_unlock_pi(&task[1], ADDR(9), false), 0);
	assert_int_equal(futex_unlock_pi(&task[1], ADDR(8), false), 0);
}

static void test_pi_owner_dies(void **state)
{
	struct call c;

	(void)state;
	assert_int_equal(futex_lock_pi(&task[0], ADDR(8), false, false, NO_DEADLINE), 0);
	start(&c, 1, call_lock);
	futex_task_exit(&task[0]);
	assert_int_equal(finish(&c), 0);
	assert_int_equal(atomic_load(&word[8]),
			 101 | LX_FUTEX_WAITERS | LX_FUTEX_OWNER_DIED);
	assert_int_equal(futex_unlock_pi(&task[1], ADDR(8), false), 0);
}

static void test_requeue_pi(void **state)
{
	struct call c[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		start(&c[i], i + 1, call_wait_requeue);
	assert_int_equal(
		futex_wake(&task[0], ADDR(0), false, 1, LX_FUTEX_BITSET_MATCH_ANY),
		-EINVAL);
	assert_int_equal(futex_cmp_requeue_pi(&task[0], ADDR(0), ADDR(9), false, 1, 9, 0),
			 -EINVAL);
	assert_int_equal(futex_cmp_requeue_pi(&task[0], ADDR(0), ADDR(8), false, 1, 9, 0),
			 3);
	/* The lock was free: the first has it, the others follow one by one. */
	assert_int_equal(finish(&c[0]), 0);
	assert_int_equal(atomic_load(&word[8]) & LX_FUTEX_TID_MASK, 101);
	assert_int_equal(futex_unlock_pi(&task[1], ADDR(8), false), 0);
	assert_int_equal(finish(&c[1]), 0);
	assert_int_equal(futex_unlock_pi(&task[2], ADDR(8), false), 0);
	assert_int_equal(finish(&c[2]), 0);
	assert_int_equal(futex_unlock_pi(&task[3], ADDR(8), false), 0);
	assert_int_equal(atomic_load(&word[8]), 0);
}

static void test_requeue_pi_onto_a_held_lock(void **state)
{
	struct call c[2];

	(void)state;
	assert_int_equal(futex_lock_pi(&task[0], ADDR(8), false, false, NO_DEADLINE), 0);
	start(&c[0], 1, call_wait_requeue);
	start(&c[1], 2, call_wait_requeue);
	assert_int_equal(futex_cmp_requeue_pi(&task[0], ADDR(0), ADDR(8), false, 1, 9, 0),
			 2);
	assert_int_equal(futex_unlock_pi(&task[0], ADDR(8), false), 0);
	assert_int_equal(finish(&c[0]), 0);
	assert_int_equal(futex_unlock_pi(&task[1], ADDR(8), false), 0);
	assert_int_equal(finish(&c[1]), 0);
	assert_int_equal(futex_unlock_pi(&task[2], ADDR(8), false), 0);
}

/* As C libraries do for robust mutexes: the kernel knows them as shared ones only. */
static int call_wait_shared(struct call *c)
{
	return futex_wait(c->t, ADDR(0), true, 0, LX_FUTEX_BITSET_MATCH_ANY, NO_DEADLINE);
}

/* A list that leads into itself, with one mutex of the dying thread on it. */
static void test_robust_list(void **state)
{
	uint64_t *head = (uint64_t *)&word[16], *entry = (uint64_t *)&word[32];
	struct call c;

	(void)state;
	head[0] = ADDR(32);
	head[1] = (uint64_t)-128; /* from the entry to its word: ADDR(0) */
	head[2] = 0;
	entry[0] = ADDR(32);
	start(&c, 1, call_wait_shared);
	atomic_store(&word[0], 102 | LX_FUTEX_WAITERS);
	task[2].robust_list = ADDR(16);
	futex_task_exit(&task[2]);
	assert_int_equal(atomic_load(&word[0]), LX_FUTEX_WAITERS | LX_FUTEX_OWNER_DIED);
	assert_int_equal(finish(&c), 0);
}

/* --- a word that came along ----------------------------------------------------- */

/* It is believed as long as nobody looked for waiters since the guest was let run. */
static void test_carried_word(void **state)
{
	const int64_t soon = clock_mono_ns() + 20 * NSEC_PER_MSEC;

	(void)state;
	is_carried = true;
	carried = 0;
	atomic_store(&word[0], 1);
	futex_guest_runs(&task[0]);
	assert_int_equal(futex_wait(&task[0], ADDR(0), false, 0, ~0u, soon), -ETIMEDOUT);
	assert_int_equal(futex_wait(&task[0], ADDR(0), false, 1, ~0u, soon), -EAGAIN);
	/* The wake-up of the change to 1 has come and gone. */
	assert_int_equal(futex_wake(&task[1], ADDR(0), false, 1, ~0u), 0);
	assert_int_equal(futex_wait(&task[0], ADDR(0), false, 0, ~0u, NO_DEADLINE),
			 -EAGAIN);
	/* The same, by a call that changes the word after it was read. */
	carried = 1;
	futex_guest_runs(&task[0]);
	assert_int_equal(futex_wake_op(&task[1], ADDR(1), ADDR(0), false, 0, 1,
				       2 << 12 | 1 /* set to 2; was it 1? */),
			 0);
	assert_int_equal(futex_wait(&task[0], ADDR(0), false, 1, ~0u, NO_DEADLINE),
			 -EAGAIN);
	assert_int_equal(
		futex_requeue(&task[1], ADDR(0), false, ADDR(1), false, 1, 1, NULL), 0);
	carried = 2;
	futex_guest_runs(&task[0]);
	assert_int_equal(futex_wait(&task[0], ADDR(0), false, 2, ~0u, soon), -ETIMEDOUT);
	is_carried = false;
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_wait_and_wake), CASE(test_requeue),
		CASE(test_wake_op),	  CASE(test_pi_handover),
		CASE(test_pi_deadlock),	  CASE(test_pi_owner_dies),
		CASE(test_requeue_pi),	  CASE(test_requeue_pi_onto_a_held_lock),
		CASE(test_robust_list),	  CASE(test_carried_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
